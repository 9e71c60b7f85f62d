"""Work that depends on the place in the image: changed pixels, gated second passes, filters made for each input."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from workloads.arrivals import Arrivals
from workloads.difficulty import Difficulty, beta_quantiles
from workloads.dynamic.branches import static_work
from workloads.dynamic.filters import generate_filters
from workloads.dynamic.masks import moving_objects, spread_masks
from workloads.errors import WorkloadError
from workloads.generators.schedule import Schedule
from workloads.network import Network
from workloads.tokens import LayerWork, TokenStream

Mask = npt.NDArray[np.bool_]


def changes_stream(
    network: Network,
    frames: int | None = None,
    arrivals: str | Arrivals | None = None,
    seed: int = 0,
    *,
    objects: int = 2,
    size: float = 0.2,
    speed: float = 0.25,
    flicker: float = 0.0,
    mask: Path | None = None,
) -> TokenStream:
    """Only what changed since the last frame is computed anew, dilated through the layers; the rest is kept.

    The video is synthetic (:func:`workloads.dynamic.masks.moving_objects`), or ``mask`` names a NumPy file of
    booleans of shape (frames, height, width), True where a pixel changed. Source: DynCNN, OpenReview HyVxPsC9tm
    (2018); dilation by the windows of the layers.
    """
    schedule = Schedule.of(frames, arrivals, seed)
    if len(network.inputs) != 1 or len(network.inputs[0].out_shape) != 3:
        raise WorkloadError(f"network '{network.name}' has no single image as input; changes are of pixels")
    _, height, width = network.inputs[0].out_shape
    if mask is not None:
        changed = read_mask(mask)
        count = schedule.frames
        if len(changed) < count:
            raise WorkloadError(f"'{mask}' holds {len(changed)} frames and {count} are asked for; write --frames")
        changed = changed[:count]
    else:
        changed = moving_objects(
            schedule.frames, height, width, seed=seed, objects=objects, size=size, speed=speed, flicker=flicker
        )
    masks = spread_masks(network, changed)
    work = {name: _on_mask(one, masks[name]) for name, one in static_work(network).items()}
    options = {
        "objects": objects,
        "size": size,
        "speed": speed,
        "flicker": flicker,
        "mask": None if mask is None else str(mask),
    }
    return schedule.stream("changes", network, work, options)


def read_mask(path: Path) -> Mask:
    """Changed pixels of a recorded video; raises :class:`WorkloadError` where the file is no such array."""
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise WorkloadError(f"'{path}' cannot be read as a NumPy array: {error}") from error
    if not isinstance(array, np.ndarray) or array.ndim != 3 or array.dtype != np.bool_:
        found = f"{array.dtype} of shape {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
        raise WorkloadError(f"'{path}' holds {found}; write booleans of shape (frames, height, width) with numpy.save")
    return array


def _on_mask(work: LayerWork, mask: Mask) -> LayerWork:
    """The work of a layer of which only the marked output positions are computed.

    Its input is read where it is needed for them, about the same share. A library gathers the windows of the marked
    positions before it multiplies them, unless the whole map has changed.
    """
    share = mask.mean(axis=(1, 2))
    rows = mask.mean(axis=2)
    any_row = np.where(share[:, None] > 0, rows, 1.0)
    layer, extra = work.layer, dict(work.extra)
    if layer.kind == "conv" and layer.kernel is not None:
        windows = layer.output_elements // layer.out_channels * layer.in_shape[0] * layer.kernel[0] * layer.kernel[1]
        extra["gathered_inputs"] = np.where(share < 1.0, share * windows, 0.0)
    return replace(
        work.scaled(share),
        input_positions=share,
        output_positions=share,
        executed=share > 0,
        extra=extra,
        piece_fraction=any_row / any_row.sum(axis=1, keepdims=True),
    )


def gated_pass_stream(
    network: Network,
    frames: int | None = None,
    arrivals: str | Arrivals | None = None,
    seed: int = 0,
    *,
    updated: float = 0.4,
    deviation: float = 0.1,
    time_correlation: float = 0.0,
    layer_correlation: float = 0.5,
) -> TokenStream:
    """FracBNN's precision gate: a 1-bit pass for all outputs, a second sparse one for those above a threshold.

    Work of a gated layer is that of the first pass times 1 + u; u has mean ``updated`` over inputs (0.4 makes
    1.4-bit activations) and standard deviation ``deviation``, which is not published. Source: Y. Zhang et al.,
    "FracBNN", FPGA 2021, section 3.2.
    """
    gated = [g.name for g in network.groups() if g.main.attributes.get("precision_gated")]
    if not gated:
        raise WorkloadError(
            f"network '{network.name}' has no precision-gated layer; give 'fracbnn-cifar10' or 'fracbnn-imagenet'"
        )
    schedule = Schedule.of(frames, arrivals, seed)
    process = Difficulty(seed, time_correlation, layer_correlation)
    work = static_work(network)
    for name in gated:
        if deviation == 0:
            second = np.array([updated])
        else:
            second = beta_quantiles(process.layer(name, schedule.frames), updated, deviation)
        work[name] = work[name].scaled(1.0 + second)
    options = {
        "updated": updated,
        "deviation": deviation,
        "time_correlation": time_correlation,
        "layer_correlation": layer_correlation,
    }
    return schedule.stream("gated_pass", network, work, options)


def dynamic_filters_stream(
    network: Network,
    frames: int | None = None,
    arrivals: str | Arrivals | None = None,
    seed: int = 0,
    *,
    layers: tuple[str, ...] = (),
    per: str = "sample",
    hidden: int = 64,
) -> TokenStream:
    """Dynamic filter networks: a small network makes the filters of a convolution anew for each input.

    The work is the same for every input, but weights become activations: they are made, moved and read once.
    ``layers`` are the convolutions to replace (empty: the last one), ``per`` is 'sample' (one filter bank an input)
    or 'position' (a local filter for every output position), ``hidden`` the width of the filter-generating network.
    See :func:`workloads.dynamic.filters.generate_filters`.
    """
    made = generate_filters(network, layers, per=per, hidden=hidden)
    schedule = Schedule.of(frames, arrivals, seed)
    options = {"layers": list(layers), "per": per, "hidden": hidden}
    return schedule.stream("dynamic_filters", made, static_work(made), options)
