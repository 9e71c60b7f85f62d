"""A row of the validation table: a published figure beside what the simulator gives, and what it is judged by."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One reference figure.

    ``tolerance`` is relative; None means shown and not judged, 0 means exact. ``source`` names paper, table,
    repository. ``note`` gives the reason where a row misses its tolerance or is not judged, and any assumption.
    """

    group: str
    case: str
    unit: str
    reference: float
    simulated: float
    tolerance: float | None
    source: str
    note: str = ""

    @property
    def error(self) -> float:
        """Relative error, signed; against a reference of 0 it is 0 or infinite."""
        if self.reference == self.simulated:
            return 0.0
        return math.inf if self.reference == 0 else (self.simulated - self.reference) / abs(self.reference)

    @property
    def verdict(self) -> str:
        """'met', 'missed' or 'shown'."""
        if self.tolerance is None:
            return "shown"
        return "met" if abs(self.error) <= self.tolerance else "missed"


def aggregate(
    rows: list[Row], group: str, case: str, quantile: float, tolerance: float, source: str, note: str = ""
) -> Row:
    """A row that judges the ``quantile`` (0.5 is the median) of the absolute relative errors of other rows."""
    errors = sorted(abs(row.error) for row in rows)
    place = quantile * (len(errors) - 1)
    low = int(place)
    high = min(low + 1, len(errors) - 1)
    value = errors[low] + (place - low) * (errors[high] - errors[low])
    # The figure is the error itself: 1 + error against a reference of 1 makes the relative error the quantile.
    return Row(group, case, "1 + error", 1.0, 1.0 + value, tolerance, source, note)
