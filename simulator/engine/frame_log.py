"""When frames enter and leave in a run that keeps no trace.

The engine keeps the last times of the actors at which frames enter or leave in rings; they are taken out before they
are overwritten. What stays here is a little of each frame under way; frames that are through are handed on in order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulator.engine import _columns as col
from simulator.engine.arrays import State, shortest
from simulator.plan import Ints, Plan

Bools = npt.NDArray[np.bool_]

_NEVER = -1
_KEPT = 1 << 20
"""Frames of a period that are kept so that it can be repeated; longer periods are not skipped."""


@dataclass(frozen=True, slots=True, eq=False)
class FrameBlock:
    """Consecutive frames that are through.

    Frame ``first + i`` entered at tick ``entry[i]`` and was through at ``departure[i]`` (-1: never); ``void`` ones were
    dropped. The block comes ``turns`` times, each time as many frames and ``passed`` ticks later.
    """

    first: int
    entry: Ints
    departure: Ints
    void: Bools
    turns: int = 1
    passed: int = 0

    @property
    def delivered(self) -> Bools:
        """Which frames have left the last sink with their work done."""
        return (self.departure >= 0) & ~self.void


@dataclass(slots=True, eq=False)
class FrameMark:
    """What there is of frames under way at an instant."""

    now: int
    base: int
    entry: Ints
    departure: Ints
    void: Bools
    carries: tuple[int, ...]
    firings: dict[int, int]


class FrameLog:
    """Follows the frames of one run; ``reader`` is given those that are through, block by block.

    ``dry`` is when the first of the sources began its last firing (None: none has).
    """

    def __init__(self, plan: Plan, reader: Callable[[FrameBlock], None]) -> None:
        self.plan, self.reader = plan, reader
        self.frames = plan.frames
        self.sources, self.sinks = frozenset(plan.sources()), plan.sinks()
        self.gates = tuple(i for i, actor in enumerate(plan.actors) if actor.drop or i in self.sources)
        numbers = {i: (plan.actors[i].first_frame, plan.actors[i].last_frame) for i in {*self.gates, *self.sinks}}
        self.numbers = {index: tuple(shortest(one) for one in series) for index, series in numbers.items()}
        self.started = dict.fromkeys(self.gates, 0)
        self.ended = dict.fromkeys(self.sinks, 0)
        self.carry = dict.fromkeys(self.sinks, 0)
        self.base = 0
        self.void_before = 0
        self.dry: int | None = None
        self.entry, self.departure = np.full((2, 0), _NEVER, dtype=np.int64)
        self.void = np.zeros(0, dtype=np.bool_)
        self.recent: list[FrameBlock] | None = None
        self.kept = 0

    def drain(self, state: State) -> None:
        """Take the times of what has started and departed since the last time."""
        length, actors, tallies = int(state.memory[col.COLUMN_LENGTH]), state.actors, state.table(col.TALLIES)
        for index in self.gates:
            row, first = actors[index], self.started[index]
            firings = np.arange(first, int(row[col.STARTED]))
            if firings.size:
                self.started[index] = int(row[col.STARTED])
                places = int(row[col.COLUMN]) + (firings & int(row[col.FOLD]))
                self._enter(index, firings, state.times[places], state.times[places + length] < 0)
        for index in self.sinks:
            row, first = actors[index], self.ended[index]
            firings = np.arange(first, int(row[col.ENDED]))
            if firings.size:
                self.ended[index] = int(row[col.ENDED])
                places = int(row[col.COLUMN]) + (firings & int(row[col.FOLD]))
                self._leave(index, firings, state.times[places + 2 * length], state.times[places + length] < 0)
        for index in (*self.gates, *self.sinks):
            tallies[index, col.DRAINED] = actors[index, col.ENDED]
        self._hand_on(self._through())

    def mark(self, state: State) -> FrameMark:
        """Remember the frames under way, and from here on those that are through."""
        self.recent, self.kept = [], 0
        now = int(state.memory[col.NOW])
        ages = tuple(max(self.carry[index] - now, 0) for index in self.sinks)
        entry, departure, void = self._under_way()
        return FrameMark(now, self.base, entry.copy(), departure.copy(), void.copy(), ages, self._firings())

    def recurs(self, state: State, mark: FrameMark) -> bool:
        """Whether the frames under way are as old, and as far, as those at the mark."""
        passed = int(state.memory[col.NOW]) - mark.now
        ages = tuple(max(self.carry[index] - mark.now - passed, 0) for index in self.sinks)
        if self.recent is None or ages != mark.carries:
            return False
        entry, departure, void = self._under_way()
        if not np.array_equal(void, mark.void) or not self._serve_alike(mark):
            return False
        return _is_later(mark.entry, entry, passed) and _is_later(mark.departure, departure, passed)

    def _firings(self) -> dict[int, int]:
        """How many firings have been looked at."""
        return self.started | self.ended

    def _serve_alike(self, mark: FrameMark) -> bool:
        """Whether every firing serves the frames that it served so many firings before, moved by so many frames."""
        frames = self.base - mark.base
        for index, count in self._firings().items():
            fired = count - mark.firings[index]
            for pattern, step in self.numbers[index] if fired else ():
                if fired % pattern.size or fired // pattern.size * step != frames:
                    return False
        return True

    def skip(self, mark: FrameMark, periods: int, passed: int, fired: Ints) -> int:
        """Hand on the frames of whole periods that are as those since the mark; how many one of them delivers."""
        blocks, frames = self.recent or [], self.base - mark.base
        delivered = sum(int(np.count_nonzero(block.delivered)) for block in blocks)
        if frames:
            entry = _later(np.concatenate([block.entry for block in blocks]), passed)
            departure = _later(np.concatenate([block.departure for block in blocks]), passed)
            void = np.concatenate([block.void for block in blocks])
            self.reader(FrameBlock(self.base, entry, departure, void, periods, passed))
            self.void_before += periods * int(np.count_nonzero(void))
        self.base += periods * frames
        ago = periods * passed
        self.entry, self.departure = _later(self.entry, ago), _later(self.departure, ago)
        self.carry = {index: time + ago for index, time in self.carry.items()}
        for seen in (self.started, self.ended):
            for index in seen:
                seen[index] += periods * int(fired[index])
        self.recent = None
        return delivered

    def void_among(self, frames: int) -> int:
        """How many of the first ``frames`` frames are void, as far as that is known."""
        return self.void_before + int(np.count_nonzero(self.void[: max(frames - self.base, 0)]))

    def _under_way(self) -> tuple[Ints, Ints, Bools]:
        """What there is of the frames up to the last that anything is known of."""
        known = np.flatnonzero((self.entry >= 0) | (self.departure >= 0) | self.void)
        count = int(known[-1]) + 1 if known.size else 0
        return self.entry[:count], self.departure[:count], self.void[:count]

    def _enter(self, index: int, firings: Ints, times: Ints, passes: Bools) -> None:
        actor = self.plan.actors[index]
        chosen, frames = actor.frames_of(firings)
        self._make_room(frames)
        if index in self.sources:
            if int(firings[-1]) == actor.firings - 1:
                self.dry = int(times[-1]) if self.dry is None else min(self.dry, int(times[-1]))
            seen = frames >= self.base
            entry = self.entry
            entry[entry == _NEVER] = np.iinfo(np.int64).max
            np.minimum.at(entry, frames[seen] - self.base, times[chosen[seen] - firings[0]])
            entry[entry == np.iinfo(np.int64).max] = _NEVER
        if actor.drop and passes.any():
            _, dropped = actor.frames_of(firings[passes])
            self.void[dropped[dropped >= self.base] - self.base] = True

    def _leave(self, index: int, firings: Ints, times: Ints, passes: Bools) -> None:
        actor = self.plan.actors[index]
        readable = times + np.where(passes, 0, actor.latency.at(firings))
        readable = np.maximum.accumulate(np.maximum(readable, self.carry[index]))
        self.carry[index] = int(readable[-1])
        chosen, frames = actor.frames_of(firings)
        self._make_room(frames)
        seen = frames >= self.base
        np.maximum.at(self.departure, frames[seen] - self.base, readable[chosen[seen] - firings[0]])

    def _make_room(self, frames: Ints) -> None:
        more = int(frames.max()) + 1 - self.base - self.entry.size
        if more > 0:
            more = max(more, self.entry.size)  # doubled, so that growing costs little
            more = min(more, self.frames - self.base - self.entry.size)
            nothing = np.full(more, _NEVER, dtype=np.int64)
            self.entry, self.departure = (np.concatenate((old, nothing)) for old in (self.entry, self.departure))
            self.void = np.concatenate((self.void, np.zeros(more, dtype=np.bool_)))

    def _through(self) -> int:
        """How many frames are through at every sink, from the first one on, and have entered if they ever do."""
        pending = min((self._next(index, self.ended[index]) for index in self.sinks), default=self.frames)
        self._make_room(np.array([pending - 1]))
        outside = np.flatnonzero(self.entry[: max(pending - self.base, 0)] < 0)
        if outside.size:
            coming = min(self._next(index, self.started[index]) for index in self.sources)
            pending = min(pending, max(self.base + int(outside[0]), coming))
        return pending

    def _next(self, index: int, count: int) -> int:
        """The first frame that an actor will serve after so many firings; behind the last one if there is none."""
        actor = self.plan.actors[index]
        return actor.first_frame[count] if count < actor.firings else self.frames

    def _hand_on(self, pending: int) -> None:
        count = pending - self.base
        if count <= 0:
            return
        block = FrameBlock(self.base, self.entry[:count], self.departure[:count], self.void[:count])
        self.entry, self.departure, self.void = self.entry[count:], self.departure[count:], self.void[count:]
        self.base = pending
        self.void_before += int(np.count_nonzero(block.void))
        self.reader(block)
        if self.recent is not None:
            self.recent.append(block)
            self.kept += count
            if self.kept > _KEPT:
                self.recent = None


def _is_later(before: Ints, after: Ints, by: int) -> bool:
    """Whether all times are later by so much, and the same ones have not come."""
    return np.array_equal(_later(before, by), after)


def _later(times: Ints, by: int) -> Ints:
    """Times moved by so many ticks, but for those that have not come."""
    moved: Ints = np.where(times >= 0, times + by, _NEVER)
    return moved
