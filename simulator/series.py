"""Integer sequences over firings, stored as one period and a step, so that a million equal frames cost one frame of
memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

_SHORT, _BEGINNING, _CANDIDATES = 16, 64, 256
"""Periods that are always tried, how many values two longer ones begin with alike, and how many of those are tried."""


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """``value[k] = pattern[k % P] + (k // P) * step`` for ``k`` in ``0 .. length - 1``, all in int64; P is the
    pattern's length.

    A step of 0 repeats (compute times); a positive step is a cumulative count that grows by ``step`` a period (needs).
    A pattern as long as the sequence holds arbitrary values. Raises ``ValueError`` on an empty pattern or negative
    length.
    """

    pattern: Ints
    step: int
    length: int

    def __post_init__(self) -> None:
        pattern = np.ascontiguousarray(self.pattern, dtype=np.int64)
        if pattern.shape == (0,) and self.length == 0:
            pattern = np.zeros(1, dtype=np.int64)  # of no firing, but with a period to divide by
        pattern.setflags(write=False)
        object.__setattr__(self, "pattern", pattern)
        if pattern.ndim != 1 or (pattern.size == 0 and self.length > 0) or self.length < 0:
            raise ValueError(
                f"a series needs a flat, non-empty pattern; got shape {pattern.shape}, length {self.length}"
            )

    @classmethod
    def constant(cls, value: int, length: int) -> Series:
        """The same value at every firing."""
        return cls(np.array([value], dtype=np.int64), 0, length)

    @classmethod
    def full(cls, values: npt.ArrayLike) -> Series:
        """Arbitrary values, one a firing."""
        array = np.asarray(values, dtype=np.int64)
        return cls(array if array.size else np.zeros(1, dtype=np.int64), 0, int(array.size))

    @classmethod
    def recurring(cls, values: npt.ArrayLike) -> Series:
        """Arbitrary values, one a firing, stored as their shortest period if they have one and do not fall with it."""
        array = np.asarray(values, dtype=np.int64)
        period = _period(np.diff(array))
        step = int(array[period] - array[0]) if period else 0
        return cls(array[:period], step, int(array.size)) if period and step >= 0 else cls.full(array)

    @classmethod
    def periodic(cls, pattern: npt.ArrayLike, length: int, step: int = 0) -> Series:
        """One period of values, repeated and raised by ``step`` each time."""
        return cls(np.asarray(pattern, dtype=np.int64), step, length)

    @classmethod
    def counting(cls, length: int, by: int = 1, first: int | None = None) -> Series:
        """``first, first + by, ...``; ``first`` is ``by`` unless given: the cumulative count of ``by`` a firing."""
        return cls(np.array([by if first is None else first], dtype=np.int64), by, length)

    @property
    def period(self) -> int:
        """Length of the stored pattern."""
        return int(self.pattern.size)

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, k: int) -> int:
        if not 0 <= k < self.length:
            raise IndexError(f"firing {k} of a series of {self.length}")
        turn, phase = divmod(k, self.period)
        return int(self.pattern[phase]) + turn * self.step

    def at(self, indices: npt.ArrayLike) -> Ints:
        """Values at the given firings (no range check)."""
        k = np.asarray(indices, dtype=np.int64)
        values: Ints = self.pattern[k % self.period] + (k // self.period) * self.step
        return values

    def array(self, first: int = 0, last: int | None = None) -> Ints:
        """The values of firings ``first .. last - 1`` as one array of their own (no range check)."""
        last = self.length if last is None else last
        if self.period == 1:
            start = int(self.pattern[0]) + first * self.step
            if not self.step:
                return np.full(max(0, last - first), start, dtype=np.int64)
            return np.arange(max(0, last - first), dtype=np.int64) * self.step + start
        turn = first // self.period
        begin, end = first - turn * self.period, last - turn * self.period
        if end <= self.period:
            return self.pattern[begin:end] + turn * self.step
        # Whole periods side by side; a division for each firing takes ten times as long.
        turns = np.arange(turn, -(-last // self.period), dtype=np.int64)
        values = (self.pattern + (turns * self.step)[:, None]).reshape(-1)
        found: Ints = values[begin:end]
        return found

    def total(self) -> int:
        """The sum of all values as a Python integer, so it cannot overflow."""
        turns, rest = divmod(self.length, self.period)
        whole, head = exact_sum(self.pattern), exact_sum(self.pattern[:rest])
        return whole * turns + head + self.step * (self.period * (turns * (turns - 1) // 2) + rest * turns)

    def maximum(self) -> int:
        """The largest value; 0 for an empty series. The step must not be negative."""
        if not self.length:
            return 0
        turns, rest = divmod(self.length, self.period)
        parts = [int(self.pattern[:rest].max()) + turns * self.step] if rest else []
        if turns:
            parts.append(int(self.pattern.max()) + (turns - 1) * self.step)
        return max(parts)

    def minimum(self) -> int:
        """The smallest value; 0 for an empty series. The step must not be negative."""
        return int(self.pattern[: min(self.period, self.length)].min()) if self.length else 0

    def is_monotone(self) -> bool:
        """Whether the values never fall, also from one period to the next."""
        if self.length < 2:
            return True
        head = self.pattern[: min(self.period, self.length)]
        wraps = self.length <= self.period or int(self.pattern[0]) + self.step >= int(self.pattern[-1])
        return bool((np.diff(head) >= 0).all()) and wraps

    def equals(self, other: Series) -> bool:
        """Whether both hold the same values, however they are stored."""
        if self.length != other.length:
            return False
        period = common_period((self, other))
        if period and self.step * (period // self.period) == other.step * (period // other.period):
            span = min(period, self.length)
            return bool(np.array_equal(self.array(0, span), other.array(0, span)))
        return bool(np.array_equal(self.array(), other.array()))


def common_period(series: Iterable[Series]) -> int:
    """The least common period of several series in firings, or 0 where it is longer than a million."""
    period = 1
    for one in series:
        period = math.lcm(period, one.period)
        if period > 1_000_000:
            return 0
    return period


def _period(rises: Ints) -> int:
    """After how many values a sequence repeats, at most half its length; 0 if it does not."""
    longest = (rises.size + 1) // 2 if rises.size > 1 else 0
    for period in range(1, min(longest, _SHORT) + 1):
        if _recurs(rises, period):
            return period
    periods = np.arange(_SHORT + 1, longest + 1)
    for place in range(min(_BEGINNING, rises.size - longest)):
        periods = periods[rises[place + periods] == rises[place]]
    return next((int(period) for period in periods[:_CANDIDATES] if _recurs(rises, int(period))), 0)


def _recurs(values: Ints, period: int) -> bool:
    near = slice(period, period + _BEGINNING)
    if not np.array_equal(values[near], values[:-period][:_BEGINNING]):
        return False
    return np.array_equal(values[period:], values[:-period])


def exact_sum(values: Ints) -> int:
    """The sum of int64 values without overflow: split in halves of 32 bits, each of which sums safely."""
    if not values.size:
        return 0
    high, low = values >> 32, values & 0xFFFFFFFF
    return (int(high.sum()) << 32) + int(low.sum())
