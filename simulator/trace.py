"""The Trace: start, end of service and departure of every firing; everything else is derived from it and the Plan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulator.series import Ints


@dataclass(frozen=True, slots=True)
class Trace:
    """What an engine returns. One array an actor, in ticks; -1 where a firing has not started, been served or departed.

    ``void[a][k]`` marks firings of frames that a lossy source dropped: they pass in no time (start = served = end) and
    do no work. ``now`` is the last instant simulated. ``complete`` is False after an interruption or ``until``.
    ``engine`` and ``reason`` say which engine ran and why.
    """

    start: tuple[Ints, ...]
    served: tuple[Ints, ...]
    end: tuple[Ints, ...]
    void: tuple[npt.NDArray[np.bool_], ...]
    now: int
    complete: bool
    engine: str
    reason: str = ""

    @property
    def firings(self) -> int:
        """Number of firings that have departed."""
        return int(sum(int((end >= 0).sum()) for end in self.end))
