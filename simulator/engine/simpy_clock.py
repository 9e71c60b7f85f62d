"""Time, waiting and record keeping of the SimPy engine: what all actors share."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from itertools import chain, count, repeat
from typing import Any

import numpy as np
import simpy
from simpy.events import NORMAL

from simulator.plan import Channel, Series

Resume = Callable[[Any], Any]

# The steps within an instant, as SimPy's priorities: (a) is NORMAL.
DECIDE, GRANT, SHARE, STOP = NORMAL + 1, NORMAL + 2, NORMAL + 3, NORMAL + 4
UNBOUNDED = 1 << 62
_CHUNK = 4096


class Stopped(Exception):
    """The clock has reached ``until``."""


class Clock(simpy.Environment):
    """SimPy's environment, with the actors that something of the present instant has woken."""

    def __init__(self) -> None:
        super().__init__()
        self.woken: list[Resume] = []

    _now: int  # whole ticks, where SimPy would also take fractions

    def play(self, events: int) -> bool:
        """Run up to ``events`` events; False when nothing can move any more."""
        queue, woken = self._queue, self.woken
        for _ in repeat(None, events):
            while woken:
                woken.pop()(None)
            if not queue:
                return False
            self._now, _, _, event = heappop(queue)  # type: ignore[assignment]  # whole ticks
            callbacks, event.callbacks = event.callbacks, None  # type: ignore[assignment]
            for callback in callbacks:
                callback(event)
            if not event._ok:
                raise event._value
        return True


class Alarm(simpy.Event):
    """An event that can ring again, so that a firing costs no new object."""

    def __init__(self, clock: Clock, ring: Resume) -> None:
        # What Event.__init__ does, without the call: every firing of a general actor makes one.
        self.env, self.callbacks, self._ok, self._value = clock, None, True, None  # type: ignore[assignment]
        self.ring = [ring]

    def after(self, delay: int, priority: int = NORMAL) -> None:
        """Ring ``delay`` ticks from now."""
        self.callbacks = self.ring
        clock = self.env
        # What Environment.schedule does, without the call: every wait for time comes here.
        heappush(clock._queue, (clock._now + delay, priority, next(clock._eid), self))  # type: ignore[misc]


class Record:
    """What the trace keeps of one actor; -1 is not yet."""

    def __init__(self, firings: int) -> None:
        self.start, self.served, self.end = (array("q", [-1]) * firings for _ in range(3))
        self.void = bytearray(firings)

    def departed(self) -> int:
        """How many firings have departed: they do so in order."""
        return bisect_left(self.end, True, key=lambda tick: tick < 0)


def values(series: Series) -> Iterator[int]:
    """The values of a series one after the other as Python integers, never all of them at once."""
    if series.period == 1:
        first = int(series.pattern[0])
        return count(first, series.step) if series.step else repeat(first)
    starts = range(0, series.length, _CHUNK)
    return chain.from_iterable(series.array(i, min(i + _CHUNK, series.length)).tolist() for i in starts)


def rises(series: Series) -> Iterator[int]:
    """The differences between consecutive values, the first one from 0."""
    if series.period == 1:
        return chain((int(series.pattern[0]),), repeat(series.step))

    def chunks() -> Iterator[list[int]]:
        last = 0
        for i in range(0, series.length, _CHUNK):
            part = series.array(i, min(i + _CHUNK, series.length))
            yield np.diff(part, prepend=last).tolist()
            last = int(part[-1])

    return chain.from_iterable(chunks())


class TokenQueue:
    """A channel while it runs: what is readable, what room is left, and who waits for either.

    ``given`` tokens have been given back; of the ``written`` ones those in the intervals ``voids`` take no room.
    """

    __slots__ = ("asked", "given", "readable", "reader", "room", "voids", "wanted", "woken", "writer", "written")

    def __init__(self, clock: Clock, channel: Channel | None = None) -> None:
        self.woken = clock.woken
        self.readable = self.written = channel.initial if channel else 0
        self.room = channel.capacity - channel.initial if channel and channel.capacity is not None else UNBOUNDED
        self.given = self.wanted = self.asked = 0
        self.reader: Resume | None = None
        self.writer: Resume | None = None
        self.voids: deque[tuple[int, int]] = deque()

    def write(self, tokens: int, void: bool) -> None:
        """Put tokens in line; they may become readable later."""
        if void and tokens:
            joins = bool(self.voids) and self.voids[-1][1] == self.written
            first = self.voids.pop()[0] if joins else self.written
            self.voids.append((first, self.written + tokens))
        self.written += tokens

    def arrive(self, tokens: int) -> None:
        """Tokens become readable."""
        self.readable += tokens
        if self.reader is not None and self.readable >= self.wanted:
            self.woken.append(self.reader)
            self.reader = None

    def arrive_later(self, tokens: int, _: object) -> None:
        """Tokens become readable when an event comes."""
        self.arrive(tokens)

    def occupying(self, first: int, last: int) -> int:
        """How many of the tokens ``first .. last - 1`` take room."""
        solid = last - first
        for a, b in self.voids:
            if a >= last:
                break
            solid -= max(0, min(last, b) - max(first, a))
        return solid

    def give_back(self, total: int) -> None:
        """The reader has given back ``total`` tokens in all."""
        self.room += self.occupying(self.given, total)
        self.given = total
        while self.voids and self.voids[0][1] <= total:
            self.voids.popleft()
        if self.writer is not None and self.room >= self.asked:
            self.woken.append(self.writer)
            self.writer = None
