"""What dense hardware makes of a frame's work: live channels, repeated evaluations and batches, in whole numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from simulator.elements.base import Assignment, ElementConfig, Floats, Ints, Stage, dynamic_energy
from simulator.elements.batches import channels_together, largest, summed
from simulator.elements.pieces import whole_cycles, windows_of
from simulator.errors import PlatformError
from workloads.layers import Layer
from workloads.tokens import LayerWork
from workloads.windows import layer_window

_Cost = TypeVar("_Cost")


def refuse_wired(element: str, what: str, layer: Layer) -> None:
    """Raises ``PlatformError`` for a recurrent cell with a wiring (LTC, CfC): its work is a differential equation."""
    if "wiring" in layer.attributes:
        raise PlatformError(
            f"'{element}' is a {what} and runs no wired cell such as '{layer.name}': its neurons solve a differential"
            f" equation over sparse synapses; map it to an element of model 'cpu', 'scalar' or 'circuit'"
        )


def channels_in(layer: Layer) -> int:
    """Channels of a map, features of a vector or of each step of a sequence."""
    return layer.in_shape[0] if len(layer.in_shape) == 3 else layer.in_shape[-1]


def batches(work: LayerWork, batch: int) -> int:
    """Entries of an array with one for each batch; one where all frames are alike."""
    arrays = (work.macs, work.fraction, work.input_kept, work.output_kept, work.input_density, work.weight_kept)
    places = (work.input_positions, work.output_positions)
    frames: int = max(a.shape[0] for a in (*arrays, *places, work.executed, *work.ops.values(), *work.extra.values()))
    return frames if frames == 1 else -(-frames // batch)


def live_channels(work: LayerWork, batch: int) -> tuple[Ints, Ints]:
    """Input and output channels of the layer that are alive for each batch, at least one.

    A batch that runs as one keeps what any of its frames keeps.
    """
    count = batches(work, batch)
    live = []
    for share, channels in ((work.input_kept, channels_in(work.layer)), (work.output_kept, work.layer.out_channels)):
        kept = np.broadcast_to(channels_together(work, share, batch), (count,))
        live.append(np.maximum(1, np.minimum(channels, np.ceil(kept * channels - 1e-6))).astype(np.int64))
    return live[0], live[1]


def live_pixels(work: LayerWork, batch: int) -> Ints:
    """Output positions computed in each batch, at least one: they stream through the array one after the other."""
    pixels = max(1, work.layer.output_elements // max(1, work.layer.out_channels))
    counted = np.ceil(pixels * summed(work.output_positions, batch) - 1e-6)
    live: Ints = np.broadcast_to(np.maximum(1, counted), (batches(work, batch),)).astype(np.int64)
    return live


def repeats(work: LayerWork, batch: int) -> Floats:
    """How often a layer is evaluated for each batch, at least once: a solver's steps.

    A share of work below that of the live channels is scattered zeros, from which dense hardware gains nothing.
    """
    kept = work.input_kept * work.output_kept * work.output_positions
    times = np.where(work.fraction > 1, work.fraction / np.maximum(kept, 1e-12), 1.0)
    return np.broadcast_to(largest(times, batch), (batches(work, batch),))


def distinct(work: LayerWork, batch: int, price: Callable[[int, int], _Cost]) -> tuple[Sequence[_Cost], Ints]:
    """The costs of the numbers of live channels that occur, and which one each batch has."""
    ins, outs = live_channels(work, batch)
    pairs, which = np.unique(np.stack([ins, outs], axis=1), axis=0, return_inverse=True)
    return [price(int(i), int(o)) for i, o in pairs], which.ravel()


def distinct_sizes(
    work: LayerWork, batch: int, price: Callable[[int, int, int], _Cost]
) -> tuple[Sequence[_Cost], Ints]:
    """The same for the numbers of live input channels, output channels and output positions."""
    ins, outs = live_channels(work, batch)
    sizes, which = np.unique(np.stack([ins, outs, live_pixels(work, batch)], axis=1), axis=0, return_inverse=True)
    return [price(int(i), int(o), int(p)) for i, o, p in sizes], which.ravel()


def each(costs: Sequence[_Cost], which: Ints, figure: Callable[[_Cost], float]) -> Floats:
    """A figure of the cost of each batch."""
    values: Floats = np.array([figure(cost) for cost in costs], dtype=np.float64)[which]
    return values


def batch_energy(config: ElementConfig, work: LayerWork, batch: int) -> dict[str, Floats]:
    """Energy in pJ of each batch, shape (batches or 1, 1), of the causes that the config models."""
    return {cause: summed(amount, batch)[:, None] for cause, amount in dynamic_energy(config, work).items()}


def vector_stage(config: ElementConfig, work: LayerWork, assignment: Assignment, op_rate: float) -> Stage:
    """A layer without multiply-accumulates, in the vector unit behind the array, with its traffic."""
    geometry = layer_window(work.layer, assignment.granularity)
    batch = assignment.batch
    cycles = whole_cycles(summed(work.total_ops / op_rate * work.executed, batch))
    return Stage(
        name="",
        pieces=geometry.pieces,
        cycles=cycles[:, None],
        windows=windows_of(geometry),
        written=geometry.written,
        read_bytes=summed(work.input_bytes, batch)[:, None],
        write_bytes=summed(work.output_bytes, batch)[:, None],
        energy_pj=batch_energy(config, work, batch),
    )


def fused_stage(config: ElementConfig, work: LayerWork, assignment: Assignment) -> Stage:
    """A layer that rides on the one before it: its result leaves with that of the other, in no time of its own."""
    geometry = layer_window(work.layer, assignment.granularity)
    return Stage(
        name="",
        pieces=geometry.pieces,
        cycles=np.zeros((1, 1), dtype=np.int64),
        windows=windows_of(geometry),
        written=geometry.written,
        energy_pj=batch_energy(config, work, assignment.batch),
    )


def one_by_one(values: Floats, work: LayerWork, batch: int) -> Floats:
    """What the frames of each batch cost on hardware that takes them one after the other, shape (batches or 1, 1);
    ``values`` has one entry a frame.
    """
    return summed(values * repeats(work, 1) * work.executed, batch)[:, None]
