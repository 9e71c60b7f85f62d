"""The common case of a model: a layer is one stage that takes so many cycles a frame."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from simulator.elements.base import Assignment, ElementConfig, Floats, Stage, dynamic_energy
from simulator.elements.batches import largest, summed
from simulator.elements.pieces import split_amounts, split_cycles, whole_cycles, windows_of
from workloads.tokens import LayerWork
from workloads.windows import layer_window


def one_stage(
    config: ElementConfig,
    work: LayerWork,
    assignment: Assignment,
    cycles: npt.ArrayLike,
    *,
    traffic: bool = True,
    weights: bool = False,
) -> Stage:
    """A layer as a single stage of ``cycles`` a frame, shape (frames,) or (1,); fractions are rounded up.

    The stage has a piece a row, pixel or frame as the mapping asks, over which cycles, bytes and energy spread as the
    work does; a frame that leaves the layer out costs nothing, and the frames of a batch are run one after the other.
    With ``traffic`` it reads its inputs from the element's memory and writes its outputs there, and with ``weights``
    fetches the weights for every frame (once for a batch). Energy is that of the config's ``mac`` and ``op``.
    """
    window = layer_window(work.layer, assignment.granularity)

    def spread(amounts: npt.ArrayLike) -> Floats:
        return split_amounts(summed(amounts, assignment.batch), work, window.pieces)

    frame = whole_cycles(np.asarray(cycles, dtype=np.float64) * work.executed)
    fetched = np.asarray(work.weight_bytes * work.executed, dtype=np.float64)
    return Stage(
        name="",
        pieces=window.pieces,
        cycles=split_cycles(summed(frame, assignment.batch).astype(np.int64), work, window.pieces),
        windows=windows_of(window),
        written=window.written,
        read_bytes=spread(work.input_bytes) if traffic else None,
        write_bytes=spread(work.output_bytes) if traffic else None,
        weight_bytes=split_amounts(largest(fetched, assignment.batch), work, window.pieces) if weights else None,
        energy_pj={cause: spread(each) for cause, each in dynamic_energy(config, work).items()},
    )
