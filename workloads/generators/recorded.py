"""A stream that somebody recorded: work by frame and layer, from a CSV or Parquet file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from workloads.arrivals import Arrivals, parse_arrivals
from workloads.errors import WorkloadError
from workloads.network import Network
from workloads.streamfile import load_stream
from workloads.tokens import LayerWork, TokenStream


def recorded_stream(
    network: Network,
    frames: int | None = None,
    arrivals: str | Arrivals | None = None,
    seed: int = 0,
    *,
    file: Path,
) -> TokenStream:
    """Work by frame and layer as recorded in a CSV or Parquet file.

    :mod:`workloads.streamfile` tells the columns. ``frames`` takes the first so many; ``arrivals`` replaces the
    recorded ones. Raises :class:`workloads.errors.WorkloadError` where the file is wrong or holds fewer frames than
    asked for.
    """
    stream = load_stream(file, network)
    if frames is not None and frames != stream.frames:
        if not 1 <= frames <= stream.frames:
            raise WorkloadError(
                f"'{file}' records {stream.frames} frames, and {frames} are asked for; write 1 to {stream.frames}"
            )
        work = {name: first_frames(one, frames) for name, one in stream.work.items()}
        stream = replace(stream, frames=frames, release_ps=stream.release_ps[:frames], work=work)
    if arrivals is not None:
        rule = parse_arrivals(arrivals)
        stream = replace(stream, release_ps=rule.release_ps(stream.frames, seed))
    return stream


def first_frames(work: LayerWork, frames: int) -> LayerWork:
    """The work of the first ``frames`` frames."""
    names = (
        "macs", "fraction", "input_kept", "output_kept", "input_density", "weight_kept", "executed",
        "input_positions", "output_positions",
    )  # fmt: skip
    cut = {name: getattr(work, name)[:frames] for name in names}
    return replace(
        work,
        **cut,
        ops={kind: values[:frames] for kind, values in work.ops.items()},
        extra={kind: values[:frames] for kind, values in work.extra.items()},
        piece_fraction=None if work.piece_fraction is None else work.piece_fraction[:frames],
    )
