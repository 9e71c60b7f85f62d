"""The Trace: start, end of service and departure of every firing; everything else is derived from it and the Plan."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
import numpy.typing as npt

from simulator.series import Ints


class Columns(Sequence[Ints]):
    """One column an actor. One that follows from others may be given as how to find it, and is found when asked for."""

    __slots__ = ("_columns",)

    def __init__(self, columns: Iterable[Ints | Callable[[], Ints]]) -> None:
        self._columns = list(columns)

    def __len__(self) -> int:
        return len(self._columns)

    @overload
    def __getitem__(self, index: int) -> Ints: ...

    @overload
    def __getitem__(self, index: slice) -> list[Ints]: ...

    def __getitem__(self, index: int | slice) -> Ints | list[Ints]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        found = self._columns[index]
        if not isinstance(found, np.ndarray):
            found = self._columns[index] = found()
        return found

    def __iter__(self) -> Iterator[Ints]:
        return (self[i] for i in range(len(self)))


@dataclass(frozen=True, slots=True)
class Trace:
    """What an engine returns. One array an actor, in ticks; -1 where a firing has not started, been served or departed.

    Columns are read only by custom: those of ``served`` are those of ``end`` where firings depart as soon as they are
    served.

    ``void[a][k]`` marks firings of frames that a lossy source dropped: they pass in no time (start = served = end) and
    do no work. ``now`` is the last instant simulated. ``complete`` is False after an interruption or ``until``.
    ``engine`` and ``reason`` say which engine ran and why.
    """

    start: Sequence[Ints]
    served: Sequence[Ints]
    end: Sequence[Ints]
    void: tuple[npt.NDArray[np.bool_], ...]
    now: int
    complete: bool
    engine: str
    reason: str = ""

    @property
    def firings(self) -> int:
        """Number of firings that have departed."""
        return int(sum(int((end >= 0).sum()) for end in self.end))
