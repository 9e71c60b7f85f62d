"""Step functions of time in integers, so that integrals are exact and identities hold to the tick."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulator.series import Ints

Floats = npt.NDArray[np.float64]

Changes = tuple[Ints, Ints]
"""Rising times, and how much a quantity changes at each of them."""

_SAFE = float(1 << 62)

_WHOLE = 1 << 53
"""Whole numbers below this are exact in floating point."""

_PART = 1 << 15
"""Changes that are sorted together: few enough for the cache."""


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """A quantity that changes at instants: ``values[i]`` holds from tick ``times[i]`` up to the next time, the last up
    to ``elapsed``.

    ``times`` rises strictly and begins with 0. Several changes at one instant count as one: a level held for no time is
    not seen.
    """

    times: Ints
    values: Ints
    elapsed: int

    @classmethod
    def from_changes(cls, initial: int, times: Ints, changes: Ints, elapsed: int) -> Steps:
        """The level that starts at ``initial`` and moves by ``changes[i]`` at ``times[i]``, in any order; later ones
        than ``elapsed`` are left out.
        """
        seen = (changes != 0) & (times <= elapsed)
        times, changes = times[seen], changes[seen]
        order = np.argsort(times, kind="stable")
        times = np.concatenate(([0], times[order]))
        values = np.cumsum(np.concatenate(([initial], changes[order])))
        last = np.append(times[1:] != times[:-1], True)
        times, values = times[last], values[last]
        moves = np.concatenate(([True], values[1:] != values[:-1]))
        return cls(times[moves], values[moves], elapsed)

    @classmethod
    def merged(cls, initial: int, gains: tuple[Ints, Ints], losses: tuple[Ints, Ints], elapsed: int) -> Steps:
        """The level that grows by some amounts and falls by others, each given as rising times and amounts.

        As ``from_changes`` finds it, but part by part, so that what a part needs stays in the cache.
        """
        parts = [(np.zeros(1, dtype=np.int64), np.array([initial], dtype=np.int64))]
        level = initial
        for (gained_at, gained), (lost_at, lost) in _together(gains, losses, elapsed):
            times = np.concatenate((gained_at, lost_at))
            order = np.argsort(times, kind="stable")
            times = times[order]
            values = np.cumsum(np.concatenate((gained, -lost))[order]) + level
            kept = np.append(times[1:] != times[:-1], True)
            times, values = times[kept], values[kept]
            kept = values != np.concatenate(([level], values[:-1]))
            parts.append((times[kept], values[kept]))
            level = int(values[-1])
        all_times, all_values = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
        first = int(all_times.size > 1 and all_times[1] == 0)
        return cls(all_times[first:], all_values[first:], elapsed)

    @property
    def widths(self) -> Ints:
        """How long each level holds, in ticks."""
        return np.diff(self.times, append=max(self.elapsed, int(self.times[-1])))

    def integral(self) -> int:
        """Level times ticks from 0 to ``elapsed``, exact."""
        return exact_dot(self.values, self.widths)

    def mean(self) -> float:
        """The time-weighted mean; the level itself where no time passed."""
        return self.integral() / self.elapsed if self.elapsed else float(self.values[-1])

    def maximum(self) -> int:
        """The highest level that held for any time; the last one where no time passed."""
        held = self.values[self.widths > 0]
        return int(held.max()) if held.size else int(self.values[-1])

    def time_at_least(self, level: int) -> int:
        """Ticks during which the level was ``level`` or more."""
        return int(self.widths[self.values >= level].sum())

    def until(self, times: Ints) -> Floats:
        """The integral from 0 to each of the given ticks (floating point: for curves, not for identities)."""
        widths = self.widths.astype(np.float64)
        before = np.concatenate(([0.0], np.cumsum(self.values * widths)))
        at = np.searchsorted(self.times, times, side="right") - 1
        found: Floats = before[at] + self.values[at] * (times - self.times[at]).astype(np.float64)
        return found

    def at(self, times: Ints) -> Ints:
        """The level at each of the given ticks, after the changes of that instant."""
        found: Ints = self.values[np.searchsorted(self.times, times, side="right") - 1]
        return found

    def extremes(self, edges: Ints) -> tuple[Ints, Ints]:
        """The lowest and highest level within each bin ``edges[i] .. edges[i + 1]`` (edges rise strictly)."""
        inside = (self.times > edges[0]) & (self.times < edges[-1])
        times = np.concatenate((edges[:-1], self.times[inside]))
        values = np.concatenate((self.at(edges[:-1]), self.values[inside]))
        order = np.argsort(times, kind="stable")
        starts = np.searchsorted(times[order], edges[:-1], side="left")
        return np.minimum.reduceat(values[order], starts), np.maximum.reduceat(values[order], starts)

    def rising(self) -> Steps:
        """The same levels, each held as long in all, in rising order: what does not ask when needs no more."""
        widths = self.widths
        lowest, highest = int(self.values.min()), int(self.values.max())
        if highest - lowest <= max(1 << 16, self.values.size):
            levels, place = np.arange(lowest, highest + 1, dtype=np.int64), self.values - lowest
        else:
            levels, place = np.unique(self.values, return_inverse=True)
        if self.elapsed < _WHOLE:
            ticks = np.bincount(place, weights=widths, minlength=levels.size).astype(np.int64)
        else:
            ticks = np.zeros(levels.size, dtype=np.int64)
            np.add.at(ticks, place, widths)
        held = ticks > 0
        if not held.any():
            return self
        ends = np.cumsum(ticks[held])
        return Steps(np.concatenate(([0], ends[:-1])), levels[held], self.elapsed)

    def histogram(self, edges: npt.ArrayLike) -> Floats:
        """The share of time spent at levels ``edges[i] <= level < edges[i + 1]`` (the last bin takes its upper edge
        too).
        """
        counts, _ = np.histogram(self.values, bins=np.asarray(edges), weights=self.widths.astype(np.float64))
        total = float(self.elapsed)
        return counts / total if total else counts


def _together(gains: Changes, losses: Changes, elapsed: int) -> Iterator[tuple[Changes, Changes]]:
    """Both cut into parts at the same instants; later ones than ``elapsed`` are left out."""
    both = [(times[: np.searchsorted(times, elapsed, side="right")], amounts) for times, amounts in (gains, losses)]
    at = [0, 0]
    while any(begin < times.size for begin, (times, _) in zip(at, both, strict=True)):
        until = min(
            int(times[min(begin + _PART, times.size) - 1])
            for begin, (times, _) in zip(at, both, strict=True)
            if begin < times.size
        )
        cuts = []
        for which, (times, amounts) in enumerate(both):
            end = int(np.searchsorted(times, until, side="right"))
            cuts.append((times[at[which] : end], amounts[at[which] : end]))
            at[which] = end
        yield cuts[0], cuts[1]


def exact_dot(values: Ints, weights: Ints) -> int:
    """The sum of products as an exact Python integer, also where it leaves 64 bits."""
    if not values.size:
        return 0
    largest = max(abs(int(values.max())), abs(int(values.min())))
    if largest * float(np.abs(weights).sum(dtype=np.float64)) < _SAFE:
        return int(np.dot(values, weights))
    return sum(a * b for a, b in zip(values.tolist(), weights.tolist(), strict=True))


def covered(first: Ints, last: Ints, times: Ints, weights: Ints | None = None) -> Ints:
    """Ticks that the intervals ``first[i] .. last[i]`` (each ``weights[i]`` times) have together before each of
    ``times``.

    Overlapping intervals count once each. Sums wrap around in 64 bits on purpose: their difference is exact.
    """
    long = last > first
    if not long.all():
        first, last = first[long], last[long]
        weights = None if weights is None else weights[long]
    return _since(first, times, weights) - _since(last, times, weights)


def _since(instants: Ints, times: Ints, weights: Ints | None) -> Ints:
    """The sum of ``weights[i] * (t - instants[i])`` over the instants before each ``t`` of ``times``."""
    if weights is None:
        ordered = np.sort(instants, kind="stable")
        at = np.searchsorted(ordered, times, side="right")
        found: Ints = at * times - _sums(ordered, at)
        return found
    order = np.argsort(instants, kind="stable")
    ordered, weights = instants[order], weights[order]
    at = np.searchsorted(ordered, times, side="right")
    weighted: Ints = _sums(weights, at) * times - _sums(ordered * weights, at)
    return weighted


def _sums(values: Ints, ends: Ints) -> Ints:
    """The sum of the first ``ends[i]`` values, for rising ends; it wraps around in 64 bits."""
    cuts = np.concatenate(([0], ends))
    parts = np.zeros(ends.size, dtype=np.int64)
    filled = cuts[1:] > cuts[:-1]
    if filled.any():
        parts[filled] = np.add.reduceat(values[: ends[-1]], cuts[:-1][filled])
    return np.cumsum(parts)
