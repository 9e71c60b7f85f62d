"""How often which value came: exact as long as there are few different ones, else to a thousandth."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from simulator.plan import Ints

Floats = npt.NDArray[np.float64]

MOST_VALUES = 1 << 17
"""Different values that are told apart; beyond, values are rounded down to ``ROUNDING`` of themselves."""

ROUNDING = 2.0**-10

_COARSE = ~((1 << 42) - 1)  # of the 52 bits behind the point, ten stay


class ValueCounts:
    """Non-negative values and how often each came, in memory that does not grow with their number.

    ``total``, ``least`` and ``most`` are always exact; ``is_exact`` tells whether the values are.
    """

    def __init__(self) -> None:
        self.values: Floats = np.zeros(0)
        self.counts: Ints = np.zeros(0, dtype=np.int64)
        self.is_exact = True
        self.total = 0.0
        self.least, self.most = np.inf, -np.inf

    @property
    def count(self) -> int:
        """How many values there were."""
        return int(self.counts.sum())

    def add(self, values: Floats, times: int = 1) -> None:
        """Count values, each so many times."""
        if not values.size:
            return
        self.total += float(values.sum()) * times
        self.least, self.most = min(self.least, float(values.min())), max(self.most, float(values.max()))
        found, counts = np.unique(values if self.is_exact else _rounded(values), return_counts=True)
        self._merge(found, counts.astype(np.int64) * times)
        if self.values.size > MOST_VALUES and self.is_exact:
            self.is_exact = False
            values, counts = _rounded(self.values), self.counts
            self.values, self.counts = np.zeros(0), np.zeros(0, dtype=np.int64)
            self._merge(values, counts)

    def quantile(self, share: float) -> float:
        """The value below which this share lies, linear between neighbours; NaN where there is none."""
        count = self.count
        if not count:
            return np.nan
        ends = np.cumsum(self.counts)
        place = share * (count - 1)
        low = int(place)
        below, above = (
            float(self.values[np.searchsorted(ends, min(i, count - 1), side="right")]) for i in (low, low + 1)
        )
        return min(max(float(np.interp(place - low, (0.0, 1.0), (below, above))), self.least), self.most)

    def beyond(self, limit: float) -> int:
        """How many values are larger than a limit."""
        return int(self.counts[self.values > limit].sum())

    def _merge(self, values: Floats, counts: Ints) -> None:
        both = np.concatenate((self.values, values))
        self.values, places = np.unique(both, return_inverse=True)
        sums = np.zeros(self.values.size, dtype=np.int64)
        np.add.at(sums, places, np.concatenate((self.counts, counts)))
        self.counts = sums


def _rounded(values: Floats) -> Floats:
    bits: Ints = np.ascontiguousarray(values, dtype=np.float64).view(np.int64) & _COARSE
    return bits.view(np.float64)
