"""Synapses that share their weights: convolution, dense, one to one; and the pooling in front of them.

A connection turns spikes (step, source index, value) into currents (steps, targets). It stores one copy of a kernel
however often the kernel is used; a spike at (c, y, x) finds its targets by arithmetic on its position, so cost
follows the spikes. Sums run in the order of the spikes, never through a threaded library: the same train gives the
same bits everywhere, and with integer or dyadic weights every order gives them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from workloads.errors import WorkloadError
from workloads.spiking.spikes import Index, Mask, Real

# Synaptic events expanded at once: 2**19 targets and weights are 8 MiB, small beside the caches' reload cost.
_PIECE = 1 << 19


@dataclass(frozen=True, slots=True, eq=False)
class Events:
    """Spikes entering a connection: ``step`` within the block, source ``index``, ``value`` (None: all 1)."""

    step: Index
    index: Index
    value: Real | None = None


@dataclass(frozen=True, slots=True, eq=False)
class FanOut:
    """How many synapses a spike of each source reaches in each group of targets.

    Sources that reach the same share a class (the position, for a convolution): ``table[class_of[source], group]``;
    a source with class -1 reaches nothing.
    """

    class_of: Index
    table: Index

    def rows(self, index: Index) -> Index:
        """Synapses (spikes, groups) reached by the spikes of these sources."""
        classes = self.class_of[index]
        rows = self.table[np.maximum(classes, 0)]
        rows[classes < 0] = 0
        return rows


class Connection(Protocol):
    """Synapses from a population of ``in_shape`` to one of ``out_shape``."""

    @property
    def in_shape(self) -> tuple[int, ...]: ...

    @property
    def out_shape(self) -> tuple[int, ...]: ...

    @property
    def stored_weights(self) -> int:
        """Weights kept in memory, each once."""
        ...

    def deliver(self, events: Events, currents: Real) -> None:
        """Add what the events bring to ``currents`` (steps, targets)."""
        ...

    def touch(self, events: Events, touched: Mask) -> None:
        """Mark in ``touched`` (steps, targets) who receives a synapse, whatever its weight."""
        ...

    def fan_out(self, group: Index, groups: int) -> FanOut:
        """Synapses from each source to each group of targets; ``group`` labels the targets."""
        ...


def _pair(value: int | tuple[int, int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[1]))


class Conv:
    """A 2-d convolution (correlation, no kernel flip) with stride, padding, dilation and groups.

    ``weight`` is (out, in / groups, rows, columns); depthwise is ``groups == in``. ``padding`` is one number, (rows,
    columns) or 'same' (stride 1 only; the odd row and column go to the end, as in PyTorch).
    """

    def __init__(
        self,
        weight: npt.ArrayLike,
        in_shape: tuple[int, int, int],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] | str = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
    ) -> None:
        self.weight: Real = np.asarray(weight, dtype=np.float64)
        if self.weight.ndim != 4:
            raise WorkloadError(f"conv: weight has shape {self.weight.shape}; write (out, in / groups, rows, columns)")
        outputs, per_group, rows, columns = self.weight.shape
        if groups < 1 or per_group * groups != in_shape[0] or outputs % groups:
            raise WorkloadError(
                f"conv: weight {self.weight.shape} with {groups} groups needs {per_group * groups} input"
                " channels and outputs divisible"
                f" by {groups}; the input has shape {tuple(in_shape)}"
            )
        self.stride, self.dilation, self.groups = _pair(stride), _pair(dilation), groups
        reach = (self.dilation[0] * (rows - 1), self.dilation[1] * (columns - 1))
        before, total = self._pads(padding, reach)
        self.padding = before
        size = [(in_shape[1 + a] + total[a] - reach[a] - 1) // self.stride[a] + 1 for a in (0, 1)]
        if min(size) < 1:
            raise WorkloadError(
                f"conv: a {rows}x{columns} kernel (dilation {self.dilation}) does not fit the padded input"
                f" {tuple(in_shape)}"
            )
        self.in_shape = (int(in_shape[0]), int(in_shape[1]), int(in_shape[2]))
        self.out_shape = (outputs, size[0], size[1])
        self._axes = tuple(
            _Axis(self.weight.shape[2 + a], self.stride[a], self.dilation[a], before[a], in_shape[1 + a], size[a])
            for a in (0, 1)
        )
        self._phases = self._prepare()

    @property
    def stored_weights(self) -> int:
        return int(self.weight.size)

    def _pads(
        self, padding: int | tuple[int, int] | str, reach: tuple[int, int]
    ) -> tuple[tuple[int, int], tuple[int, int]]:
        if isinstance(padding, str):
            if padding == "valid":
                return (0, 0), (0, 0)
            if padding != "same" or self.stride != (1, 1):
                raise WorkloadError(
                    f"conv: padding {padding!r} with stride {self.stride}; write 'valid', 'same' (stride 1) or numbers"
                )
            return (reach[0] // 2, reach[1] // 2), reach
        pad = _pair(padding)
        return pad, (2 * pad[0], 2 * pad[1])

    def _prepare(self) -> dict[tuple[int, int], tuple[Real, Index]]:
        """Per stride phase: the weights (in channel, out x taps) a spike brings and the target offsets (out x taps)."""
        vertical, horizontal = self._axes
        plane, wide = vertical.padded * horizontal.padded, horizontal.padded
        outputs = self.weight.shape[0] // self.groups
        phases: dict[tuple[int, int], tuple[Real, Index]] = {}
        for ry in range(self.stride[0]):
            for rx in range(self.stride[1]):
                ky, kx = vertical.taps[ry], horizontal.taps[rx]
                if not (ky.size and kx.size):
                    continue
                kernel = self.weight[:, :, ky][:, :, :, kx].reshape(self.groups, outputs, -1, ky.size * kx.size)
                table = kernel.transpose(0, 2, 1, 3).reshape(self.in_shape[0], -1)
                spread = (vertical.shift[ry][:, None] * wide + horizontal.shift[rx][None, :]).ravel()
                offsets = (np.arange(outputs)[:, None] * plane - spread[None, :]).ravel()
                phases[ry, rx] = (np.ascontiguousarray(table), offsets)
        return phases

    def _locate(self, index: Index) -> tuple[Index, Index, Index, Index]:
        """Channel, stride phase (rows, columns) and base in the padded output of each source."""
        channel, place = np.divmod(index, self.in_shape[1] * self.in_shape[2])
        y, x = np.divmod(place, self.in_shape[2])
        vertical, horizontal = self._axes
        qy, ry = np.divmod(y + vertical.before, vertical.stride)
        qx, rx = np.divmod(x + horizontal.before, horizontal.stride)
        return channel, ry, rx, (qy - vertical.low) * horizontal.padded + (qx - horizontal.low)

    def deliver(self, events: Events, currents: Real) -> None:
        vertical, horizontal = self._axes
        plane = vertical.padded * horizontal.padded
        buffer = plane * self.out_shape[0]
        channel, ry, rx, base = self._locate(events.index)
        base = (
            base
            + events.step * buffer
            + channel // (self.in_shape[0] // self.groups) * (self.out_shape[0] // self.groups) * plane
        )
        padded: Real = np.zeros(currents.shape[0] * buffer)
        for (py, px), (table, offsets) in self._phases.items():
            mine = (
                np.flatnonzero((ry == py) & (rx == px))
                if len(self._phases) > 1 or max(self.stride) > 1
                else np.arange(base.size)
            )
            for part in _pieces(mine, offsets.size):
                brought = table[channel[part]]
                if events.value is not None:
                    brought = brought * events.value[part, None]
                _accumulate(padded, base[part, None] + offsets[None, :], brought)
        shaped = padded.reshape(currents.shape[0], self.out_shape[0], vertical.padded, horizontal.padded)
        inside = shaped[
            :, :, -vertical.low : -vertical.low + vertical.size, -horizontal.low : -horizontal.low + horizontal.size
        ]
        currents.reshape(currents.shape[0], *self.out_shape)[...] += inside

    def touch(self, events: Events, touched: Mask) -> None:
        vertical, horizontal = self._axes
        plane = vertical.padded * horizontal.padded
        channel, ry, rx, base = self._locate(events.index)
        base = base + (events.step * self.groups + channel // (self.in_shape[0] // self.groups)) * plane
        seen = np.zeros(touched.shape[0] * self.groups * plane, dtype=np.bool_)
        for py, px in self._phases:
            mine = (ry == py) & (rx == px)
            spread = (vertical.shift[py][:, None] * horizontal.padded + horizontal.shift[px][None, :]).ravel()
            seen[(base[mine][:, None] - spread[None, :]).ravel()] = True
        shaped = seen.reshape(touched.shape[0], self.groups, 1, vertical.padded, horizontal.padded)
        inside = shaped[
            ..., -vertical.low : -vertical.low + vertical.size, -horizontal.low : -horizontal.low + horizontal.size
        ]
        view = touched.reshape(touched.shape[0], self.groups, self.out_shape[0] // self.groups, *self.out_shape[1:])
        view |= inside

    def fan_out(self, group: Index, groups: int) -> FanOut:
        outputs, rows, columns = self.out_shape
        per_group = outputs // self.groups
        place = np.arange(rows * columns)
        reached: Index = np.zeros((self.groups, rows * columns, groups), dtype=np.int64)
        for g in range(self.groups):
            labels = group.reshape(outputs, -1)[g * per_group : (g + 1) * per_group]
            np.add.at(reached[g], (np.broadcast_to(place, labels.shape), labels), 1)
        grid = reached.reshape(self.groups, rows, columns, groups)
        height, width = self.in_shape[1:]
        table: Index = np.zeros((self.groups, height, width, groups), dtype=np.int64)
        for fy, ty in self._axes[0].pairs(height):
            for fx, tx in self._axes[1].pairs(width):
                table[:, fy[:, None], fx[None, :]] += grid[:, ty[:, None], tx[None, :]]
        channel, position = np.divmod(np.arange(self.in_shape[0] * height * width), height * width)
        return FanOut(
            channel // (self.in_shape[0] // self.groups) * (height * width) + position, table.reshape(-1, groups)
        )


class _Axis:
    """One axis of a strided convolution seen from its input: which taps a position meets and how far they land."""

    def __init__(self, kernel: int, stride: int, dilation: int, before: int, length: int, size: int) -> None:
        self.stride, self.before, self.size = stride, before, size
        reach = np.arange(kernel) * dilation
        self._reach = reach
        self.taps = [np.flatnonzero(reach % stride == r) for r in range(stride)]
        self.shift = [(reach[t] - r) // stride for r, t in enumerate(self.taps)]
        longest = max((int(s.max()) for s in self.shift if s.size), default=0)
        shortest = min((int(s.min()) for s in self.shift if s.size), default=0)
        # The output grows a margin on both sides so that every tap of every position lands inside it.
        self.low = min(0, before // stride - longest)
        high = max(size - 1, (length - 1 + before) // stride - shortest)
        self.padded = high - self.low + 1

    def pairs(self, length: int) -> list[tuple[Index, Index]]:
        """For each tap: the input positions that use it and the output positions they reach."""
        found: list[tuple[Index, Index]] = []
        position = np.arange(length)
        for reach in self._reach:
            lands = position + self.before - reach
            inside = (lands % self.stride == 0) & (lands >= 0) & (lands // self.stride < self.size)
            found.append((position[inside], lands[inside] // self.stride))
        return found


class Dense:
    """Every source meets every target: ``weight`` is (targets, sources)."""

    def __init__(
        self, weight: npt.ArrayLike, in_shape: tuple[int, ...] | None = None, out_shape: tuple[int, ...] | None = None
    ) -> None:
        self.weight: Real = np.asarray(weight, dtype=np.float64)
        if self.weight.ndim != 2:
            raise WorkloadError(f"dense: weight has shape {self.weight.shape}; write (targets, sources)")
        self.in_shape = tuple(in_shape) if in_shape is not None else (self.weight.shape[1],)
        self.out_shape = tuple(out_shape) if out_shape is not None else (self.weight.shape[0],)
        if int(np.prod(self.in_shape)) != self.weight.shape[1] or int(np.prod(self.out_shape)) != self.weight.shape[0]:
            raise WorkloadError(
                f"dense: weight {self.weight.shape} does not join {self.in_shape} to {self.out_shape}; write"
                " (targets, sources)"
            )
        self._rows = np.ascontiguousarray(self.weight.T)

    @property
    def stored_weights(self) -> int:
        return int(self.weight.size)

    def deliver(self, events: Events, currents: Real) -> None:
        # Events come sorted by step, so each step is one run of rows, added one after the other.
        for part in _pieces(np.arange(events.index.size), self.weight.shape[0]):
            step, starts = np.unique(events.step[part], return_index=True)
            rows = self._rows[events.index[part]]
            if events.value is not None:
                rows *= events.value[part, None]
            for at, low, high in zip(step, starts, [*starts[1:], part.size], strict=True):
                currents[at] += rows[low:high].sum(axis=0)

    def touch(self, events: Events, touched: Mask) -> None:
        touched[np.unique(events.step)] = True

    def fan_out(self, group: Index, groups: int) -> FanOut:
        table = np.bincount(group, minlength=groups).astype(np.int64)[None, :]
        return FanOut(np.zeros(self.weight.shape[1], dtype=np.int64), table)


class OneToOne:
    """Source i meets target i with a weight of 1, or ``weight[i]``."""

    def __init__(self, shape: tuple[int, ...], weight: npt.ArrayLike = 1.0) -> None:
        self.in_shape = self.out_shape = tuple(shape)
        self.weight: Real = np.asarray(weight, dtype=np.float64)
        size = int(np.prod(self.in_shape))
        if self.weight.size not in (1, size):
            raise WorkloadError(f"one to one: {self.weight.size} weights for {size} neurons; give one or one a neuron")
        self._each = np.broadcast_to(self.weight.ravel(), (size,))

    @property
    def stored_weights(self) -> int:
        return int(self.weight.size)

    def deliver(self, events: Events, currents: Real) -> None:
        brought = self._each[events.index]
        if events.value is not None:
            brought = brought * events.value
        flat = np.bincount(events.step * currents.shape[1] + events.index, brought, minlength=currents.size)
        currents += flat.reshape(currents.shape)

    def touch(self, events: Events, touched: Mask) -> None:
        touched[events.step, events.index] = True

    def fan_out(self, group: Index, groups: int) -> FanOut:
        table: Index = np.zeros((group.size, groups), dtype=np.int64)
        table[np.arange(group.size), group] = 1
        return FanOut(np.arange(group.size), table)


class Pool:
    """Sum (or average) pooling of spikes: each spike is passed on to every window it lies in, none are merged."""

    def __init__(
        self,
        in_shape: tuple[int, int, int],
        kernel: int | tuple[int, int],
        stride: int | tuple[int, int] | None = None,
        padding: int | tuple[int, int] = 0,
        average: bool = False,
    ) -> None:
        size, step, pad = _pair(kernel), _pair(kernel if stride is None else stride), _pair(padding)
        self.in_shape = (int(in_shape[0]), int(in_shape[1]), int(in_shape[2]))
        out = [(self.in_shape[1 + a] + 2 * pad[a] - size[a]) // step[a] + 1 for a in (0, 1)]
        if min(out) < 1:
            raise WorkloadError(f"pool: a {size[0]}x{size[1]} window does not fit the padded input {self.in_shape}")
        self.out_shape = (self.in_shape[0], out[0], out[1])
        self.kernel, self.stride, self.padding, self.average = size, step, pad, average
        self.scale = 1.0 / (size[0] * size[1]) if average else 1.0
        axes = [_Axis(size[a], step[a], 1, pad[a], self.in_shape[1 + a], out[a]) for a in (0, 1)]
        source, window = _pool_pairs(self.in_shape, out, axes)
        order = np.argsort(source, kind="stable")
        self._window = window[order]
        self._first = np.searchsorted(source[order], np.arange(int(np.prod(self.in_shape)) + 1))

    def expand(self, index: Index) -> tuple[Index, Index]:
        """Which of the events go on, one entry for each window they lie in, and the window's index."""
        low = self._first[index]
        times = self._first[index + 1] - low
        which = np.repeat(np.arange(index.size), times)
        inner = np.arange(which.size) - np.repeat(np.cumsum(times) - times, times)
        return which, self._window[low[which] + inner]

    def forward(self, events: Events) -> Events:
        """The events as seen behind the pool."""
        which, index = self.expand(events.index)
        value = None if events.value is None else events.value[which]
        if self.scale != 1.0:
            value = np.full(index.size, self.scale) if value is None else value * self.scale
        return Events(events.step[which], index, value)


def _pool_pairs(in_shape: tuple[int, int, int], out: list[int], axes: list[_Axis]) -> tuple[Index, Index]:
    channels, height, width = in_shape
    source: list[Index] = []
    window: list[Index] = []
    for fy, ty in axes[0].pairs(height):
        for fx, tx in axes[1].pairs(width):
            source.append((fy[:, None] * width + fx[None, :]).ravel())
            window.append((ty[:, None] * out[1] + tx[None, :]).ravel())
    here, there = np.concatenate(source), np.concatenate(window)
    channel = np.arange(channels)[:, None]
    return (channel * (height * width) + here[None, :]).ravel(), (channel * (out[0] * out[1]) + there[None, :]).ravel()


def _pieces(order: Index, width: int) -> list[Index]:
    count = max(1, _PIECE // max(width, 1))
    return [order[i : i + count] for i in range(0, order.size, count)]


def _accumulate(target: Real, where: Index, what: Real) -> None:
    """``target[where] += what``, adding in the order given; a sum over few places of a long target stays local."""
    low, high = int(where.min()), int(where.max()) + 1
    target[low:high] += np.bincount((where - low).ravel(), what.ravel(), minlength=high - low)
