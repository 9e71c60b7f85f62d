"""What actors share on SimPy: contended resources, servers, and the turns at the end of an instant."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Callable
from functools import partial
from heapq import heapify, heappop, heappush
from typing import Protocol

from simulator.engine.simpy_clock import SHARE, Alarm, Clock, Resume
from simulator.plan import Server

Order = tuple[int, int, int]
"""Three numbers of which the smallest goes first."""


class Contender(Protocol):
    """An actor as the arbiter sees it."""

    slots: int
    resume: Resume


class Turn:
    """A step of the present instant that comes when all steps before it have settled."""

    def __init__(self, clock: Clock, priority: int, action: Callable[[], None]) -> None:
        self.alarm, self.priority, self.action = Alarm(clock, self._ring), priority, action
        self.asked = False

    def ask(self) -> None:
        """Take the turn at this instant."""
        if not self.asked:
            self.asked = True
            self.alarm.after(0, self.priority)

    def _ring(self, _: object) -> None:
        self.asked = False
        self.action()


class Waiting:
    """The firings that wait for the slots of one contended resource."""

    def __init__(self, slots: int) -> None:
        self.left = slots
        self.line: list[tuple[Order, Contender]] = []

    def join(self, order: Order, actor: Contender) -> None:
        """Everything but the resource allows the start; ``order`` is (priority, time ready, actor)."""
        heappush(self.line, (order, actor))

    def fitting_head(self) -> Order | None:
        """The head of the line if its slots are free."""
        return self.line[0][0] if self.line and self.line[0][1].slots <= self.left else None

    def take(self) -> Contender:
        """The head takes its slots."""
        _, actor = heappop(self.line)
        self.left -= actor.slots
        return actor

    def withdraw(self, actor: Contender) -> None:
        """The actor's firing does not want to start any more."""
        self.line = [one for one in self.line if one[1] is not actor]
        heapify(self.line)


class _Flow:
    """Work on its way through a server."""

    __slots__ = ("cap", "done", "left", "order", "rate")

    def __init__(self, order: tuple[float, int, int, int], work: int, cap: int | None, done: Resume) -> None:
        self.order, self.left, self.cap, self.done, self.rate = order, work, cap, done, 0


class SharedServer:
    """A server whose rate is dealt out among its flows at every change of membership or rate."""

    def __init__(self, clock: Clock, server: Server) -> None:
        self.clock, self.times, self.rates = clock, server.times, server.rates
        self.flows: list[_Flow] = []
        self.updated = self.version = 0
        self.turn = Turn(clock, SHARE, self._share)

    def join(self, place: Order, work: int, cap: int | None, done: Resume) -> None:
        """Begin to push ``work`` units for (actor, firing, position of the flow); then call ``done``."""
        self._progress()
        flow = _Flow((float("inf") if cap is None else cap, *place), work, cap, done)
        insort(self.flows, flow, key=lambda one: one.order)
        self.turn.ask()

    def _progress(self) -> None:
        """Take off what has gone through since the last time."""
        now = self.clock._now
        elapsed, self.updated = now - self.updated, now
        if elapsed:
            for flow in self.flows:
                flow.left = max(0, flow.left - flow.rate * elapsed)

    def _share(self) -> None:
        """Step (c): water-filling in order of cap, actor, firing and position; wait for the next completion or rate."""
        self._progress()
        now = self.updated
        phase = bisect_right(self.times, now)
        left = self.rates[phase - 1]
        rings = [self.times[phase]] if phase < len(self.times) else []
        for number, flow in enumerate(self.flows):
            share = left // (len(self.flows) - number)
            flow.rate = share if flow.cap is None else min(flow.cap, share)
            left -= flow.rate
            if flow.rate:
                rings.append(now - -flow.left // flow.rate)
        self.version += 1
        if self.flows and rings:
            Alarm(self.clock, partial(self._ring, self.version)).after(min(rings) - now)

    def _ring(self, version: int, _: object) -> None:
        """A flow is through or the rate changes, unless the shares have changed since."""
        if version == self.version:
            self._progress()
            through = [flow for flow in self.flows if not flow.left]
            self.flows = [flow for flow in self.flows if flow.left]
            self.turn.ask()
            for flow in through:
                flow.done(None)
