"""The layers of MobileNet-v1 as a plan by hand: windows that slide, and line buffers that just hold them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from simulator.plan import Actor, Channel, Discipline, Input, Output, Plan, Series
from simulator.series import Ints

# MobileNet-v1 (A. G. Howard et al., arXiv 1704.04861, table 1): kernel and stride of each layer; pointwise layers have
# kernel 1. The pooling over the last map and the classifier fire once a frame.
_MOBILENET = [(3, 2)]
for _stride in (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1):
    _MOBILENET += [(3, _stride), (1, 1)]


def mobilenet(frames: int, granularity: str, side: int = 224) -> Plan:
    """The layers of MobileNet-v1 as stages that fire once an output row or pixel, in a tick, behind line buffers."""
    width = side if granularity == "pixel" else 1
    actors, channels = [_stage(0, frames, np.ones(side * width, dtype=np.int64), None, False)], []
    for index, (kernel, stride) in enumerate(_MOBILENET, 1):
        size = -(-side // stride)
        need, free = _window(side, kernel, stride, granularity)
        capacity = kernel * width + (kernel if granularity == "pixel" else 1)
        channels.append(Channel(f"fifo{index}", capacity))
        firings = size * (size if granularity == "pixel" else 1)
        ports = (need, free, side * width)
        actors.append(_stage(index, frames, np.ones(firings, dtype=np.int64), ports, False))
        side, width = size, size if granularity == "pixel" else 1
    whole = np.array([side * width])
    channels.append(Channel("pool", 2 * side * width))
    actors.append(_stage(len(actors), frames, np.array([side * side]), (whole, whole, side * width), True))
    return Plan(Fraction(1), tuple(actors), tuple(channels), discipline=Discipline.CLAIM_START_RELEASE_START)


def _stage(index: int, frames: int, ticks: Ints, ports: tuple[Ints, Ints, int] | None, is_last: bool) -> Actor:
    """A layer: its firings of one frame, repeated; ``ports`` are the need and free of a frame and its tokens."""
    count = ticks.size * frames
    nothing, frame = Series.constant(0, count), Series.periodic(np.zeros(ticks.size), count, step=1)
    inputs: tuple[Input, ...] = ()
    if ports is not None:
        need, free, step = ports
        inputs = (Input(index - 1, Series.periodic(need, count, step), Series.periodic(free, count, step)),)
    outputs = () if is_last else (Output(index, Series.constant(1, count)),)
    return Actor(f"layer{index}", None, nothing, Series.periodic(ticks, count), nothing, frame, frame, inputs, outputs)


def _window(side: int, kernel: int, stride: int, granularity: str) -> tuple[Ints, Ints]:
    """Tokens that each output of a frame needs in all, and gives back: all that no later output needs."""
    size, pad = -(-side // stride), kernel // 2
    last = np.minimum(np.arange(size) * stride + kernel - 1 - pad, side - 1)
    first = np.maximum(np.arange(1, size + 1) * stride - pad, 0)
    if granularity == "row":
        free = np.append(np.minimum(first[:-1], last[:-1] + 1), side)
        return np.append(last[:-1] + 1, side), free
    need = np.maximum.accumulate((last[:, None] * side + last[None, :] + 1).reshape(-1)).reshape(size, size)
    begin = np.maximum(np.arange(size) * stride - pad, 0)
    kept = np.maximum(np.arange(1, size + 1) * stride - pad, 0)
    free = np.minimum(begin[:, None] * side + np.minimum(kept, side)[None, :], need)
    need[-1, -1] = free[-1, -1] = side * side
    return need.reshape(-1), np.maximum.accumulate(free.reshape(-1))
