"""Spike trains as sorted (step, index) pairs: the common currency of inputs, layers and packets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workloads.errors import WorkloadError

Index = npt.NDArray[np.int64]
Real = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Spikes:
    """Spikes of one population over ``steps`` time steps, sorted by (step, index).

    ``shape`` is (channels, rows, columns) or (neurons,); ``index`` counts it in C order, so neuron (c, y, x) is
    ``(c * rows + y) * columns + x``. A neuron that receives several events in one step appears several times.
    """

    shape: tuple[int, ...]
    steps: int
    step: Index
    index: Index

    @property
    def neurons(self) -> int:
        """Neurons of the population."""
        return int(np.prod(self.shape))

    @property
    def count(self) -> int:
        """All spikes of the train."""
        return int(self.step.size)

    def per_step(self) -> Index:
        """Spikes in each step."""
        return np.bincount(self.step, minlength=self.steps)

    def per_neuron(self) -> Index:
        """Spikes of each neuron over all steps."""
        return np.bincount(self.index, minlength=self.neurons)

    def window(self, start: int, stop: int) -> tuple[Index, Index]:
        """Steps and indices of the spikes with ``start <= step < stop``."""
        low, high = np.searchsorted(self.step, (start, stop))
        return self.step[low:high], self.index[low:high]

    def dense(self) -> Index:
        """Counts as an array (steps, *shape)."""
        flat = np.bincount(self.step * self.neurons + self.index, minlength=self.steps * self.neurons)
        return flat.reshape(self.steps, *self.shape)

    def coordinates(self) -> Index:
        """Rows (step, *position), one a spike, such as (step, channel, row, column)."""
        return np.column_stack((self.step, *np.unravel_index(self.index, self.shape))).astype(np.int64)


def make_spikes(shape: Sequence[int], steps: int, step: npt.ArrayLike, index: npt.ArrayLike) -> Spikes:
    """Sort spikes by (step, index) and check their bounds.

    Raises :class:`WorkloadError` for a spike outside the ``steps`` or outside the ``shape``.
    """
    times, where = np.asarray(step, dtype=np.int64).ravel(), np.asarray(index, dtype=np.int64).ravel()
    size = int(np.prod(tuple(shape)))
    if times.size != where.size:
        raise WorkloadError(f"spikes: {times.size} steps but {where.size} neuron indices; give one of each a spike")
    if times.size and (times.min() < 0 or times.max() >= steps):
        bad = int(times.min() if times.min() < 0 else times.max())
        raise WorkloadError(f"spikes: step {bad} lies outside 0..{steps - 1}; raise steps or cut the train")
    if where.size and (where.min() < 0 or where.max() >= size):
        bad = int(where.min() if where.min() < 0 else where.max())
        raise WorkloadError(f"spikes: neuron {bad} lies outside 0..{size - 1} (shape {tuple(shape)})")
    order = np.lexsort((where, times))
    return Spikes(tuple(int(s) for s in shape), int(steps), times[order], where[order])


def spikes_from_dense(counts: npt.ArrayLike) -> Spikes:
    """A train from an array (steps, *shape) of spike counts: booleans, or non-negative integers."""
    array = np.asarray(counts)
    if array.ndim < 2:
        raise WorkloadError(f"spikes: an array (steps, *shape) needs 2 dimensions or more, found {array.ndim}")
    if array.dtype.kind not in "bui" or (array.size and array.min() < 0):
        raise WorkloadError(f"spikes: counts must be booleans or whole numbers from 0, found {array.dtype}")
    flat = array.reshape(array.shape[0], -1)
    step, index = np.nonzero(flat)
    repeat = flat[step, index].astype(np.int64)
    return Spikes(tuple(array.shape[1:]), array.shape[0], np.repeat(step, repeat), np.repeat(index, repeat))
