"""Does a finished trace obey the rules? Judged from plan and trace alone, without running anything.

Every time in a trace follows from the others: a start from releases, departures, arrivals and room; an end of service
from the start and the servers; a departure from service and room. The oracle computes each from the rest and
compares. Only what happens in which order within one instant is left to the tests by hand and to the comparison of
the engines.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.plan import Actor, Plan
from simulator.series import Ints
from simulator.trace import Trace

NEVER = 1 << 62


@dataclass(frozen=True)
class Port:
    """Tokens of a channel as its writer and reader see them; tokens of void firings take no room."""

    initial: int
    capacity: int | None
    arrivals: Ints
    written: Ints  # tokens readable after each arrival, initial ones included
    claims: Ints  # room claimed by the writer's firings up to each, initial tokens included
    releases: Ints
    given: Ints  # room given back by the reader's firings up to each

    def readable_at(self, need: int) -> int:
        """When ``need`` tokens have become readable."""
        if need <= self.initial:
            return 0
        index = int(np.searchsorted(self.written, need))
        return int(self.arrivals[index]) if index < self.arrivals.size else NEVER

    def room_at(self, firing: int, put: int, credit: int) -> int:
        """When the writer's firing has room for its tokens; -1 if it has it from the beginning."""
        if self.capacity is None:
            return -1
        before = int(self.claims[firing - 1]) if firing else self.initial
        wanted = before + put - credit - self.capacity
        if wanted <= 0:
            return -1
        index = int(np.searchsorted(self.given, wanted))
        return int(self.releases[index]) if index < self.releases.size else NEVER


class Oracle:
    """Collects what a trace gets wrong."""

    def __init__(self, plan: Plan, trace: Trace) -> None:
        self.plan, self.trace = plan, trace
        self.faults: list[str] = []
        self.ports = [self._port(index) for index in range(len(plan.channels))]
        self.void_since = self._void_since()
        self.ready = [self._ready(index) for index in range(len(plan.actors))]

    def check(self) -> list[str]:
        """All faults."""
        for index in range(len(self.plan.actors)):
            self._starts(index)
            self._departures(index)
        self._services()
        for resource in range(len(self.plan.resources)):
            self._slots(resource)
        return self.faults

    def _expect(self, actor: Actor, firing: int, what: str, found: int, expected: int) -> None:
        if found != expected:
            self.faults.append(f"{actor.name}[{firing}] {what} {found}, expected {expected}")

    def _port(self, index: int) -> Port:
        plan, trace = self.plan, self.trace
        channel, rule = plan.channels[index], plan.discipline_of(index)
        writer, reader = plan.writer_of(index), plan.reader_of(index)
        none = np.zeros(0, dtype=np.int64)
        arrivals = put = void = free = releases = none
        if writer is not None:
            own = plan.actors[writer]
            put = next(o.put.array() for o in own.outputs if o.channel == index)
            void = trace.void[writer].astype(np.int64)
            arrivals = np.maximum.accumulate(trace.end[writer] + np.where(void, 0, own.latency.array()))
        if reader is not None:
            free = next(p.free.array() for p in plan.actors[reader].inputs if p.channel == index)
            releases = (trace.start if rule.releases_at_start else trace.end)[reader]
        last = channel.initial + np.cumsum(put)
        hollow = np.array([int((np.clip(total - (last - put), 0, put) * void).sum()) for total in free], dtype=np.int64)
        return Port(
            channel.initial, channel.capacity, arrivals, last,
            channel.initial + np.cumsum(put * (1 - void)), releases, free - hollow,
        )  # fmt: skip

    def _credit(self, actor: Actor, channel: int, firing: int) -> int:
        """Room of a self-loop that the firing itself gives back."""
        if all(p.channel != channel for p in actor.inputs):
            return 0
        given = self.ports[channel].given
        return int(given[firing] - (given[firing - 1] if firing else 0))

    def _without_room(self, index: int, k: int) -> int:
        """When a firing could start but for room and resource."""
        actor, trace = self.plan.actors[index], self.trace
        times = [actor.release[k], *(self.ports[p.channel].readable_at(p.need[k]) for p in actor.inputs)]
        times += [int(trace.start[index][k - 1])] if k else []
        times += [int(trace.end[index][k - actor.concurrency])] if k >= actor.concurrency else []
        return max(times)

    def _room(self, index: int, k: int, *, at_start: bool) -> int:
        """When the outputs have room that is claimed at the start, or after service."""
        actor = self.plan.actors[index]
        return max(
            (
                self.ports[o.channel].room_at(k, o.put[k], self._credit(actor, o.channel, k) if at_start else 0)
                for o in actor.outputs
                if self.plan.discipline_of(o.channel).claims_at_start is at_start
            ),
            default=0,
        )

    def _void_since(self) -> dict[int, set[int]]:
        """When each void frame may have become void: the decisions of sources that lacked room then.

        Room that came at the instant of a decision may have come before it or after it, so there may be several.
        """
        since: dict[int, set[int]] = {}
        for index, actor in enumerate(self.plan.actors):
            for k in np.flatnonzero(self.trace.void[index]).tolist() if actor.drop else ():
                decided = self._without_room(index, k)
                if self._may_have_lacked_room(index, k, decided):
                    for frame in range(actor.first_frame[k], actor.last_frame[k] + 1):
                        since.setdefault(frame, set()).add(decided)
        return since

    def _may_have_lacked_room(self, index: int, k: int, instant: int) -> bool:
        """Whether an output had no room at an instant, at least before what else happened in it."""
        actor = self.plan.actors[index]
        for out in actor.outputs:
            port = self.ports[out.channel]
            early = self.plan.discipline_of(out.channel).claims_at_start
            claimed = k if early else int((self.trace.end[index][:k] <= instant).sum())
            if port.room_at(claimed, out.put[k], self._credit(actor, out.channel, k)) >= instant:
                return True
        return False

    def _ready(self, index: int) -> Ints:
        """When everything but the resource allowed each firing to start."""
        actor = self.plan.actors[index]
        times = [
            self._without_room(index, k)
            if actor.drop
            else max(self._without_room(index, k), self._room(index, k, at_start=True))
            for k in range(actor.firings)
        ]
        return np.array(times, dtype=np.int64)

    def _starts(self, index: int) -> None:
        actor, trace = self.plan.actors[index], self.trace
        contended = actor.resource is not None and self.plan.is_contended(actor.resource)
        for k in range(actor.firings):
            start = int(trace.start[index][k])
            frames = range(actor.first_frame[k], actor.last_frame[k] + 1)
            since = [self.void_since.get(frame, set()) for frame in frames]
            if trace.void[index][k]:
                if not all(since):
                    self.faults.append(f"{actor.name}[{k}] is void though a frame of it is not")
                    continue
                times = [actor.release[k], *(self.ports[p.channel].readable_at(p.need[k]) for p in actor.inputs)]
                times += [int(trace.end[index][k - 1])] if k else []
                earliest = max(*times, *(min(one) for one in since))
                possible = {earliest} | {instant for one in since for instant in one if instant > earliest}
                if start not in possible:
                    self.faults.append(f"{actor.name}[{k}] passes at {start}, expected {sorted(possible)}")
                self._expect(actor, k, "takes", int(trace.end[index][k]) - start, 0)
                continue
            if all(since) and max(max(one) for one in since) < start:
                self.faults.append(f"{actor.name}[{k}] starts though all its frames are void")
            ready = int(self.ready[index][k])
            if actor.drop and self._room(index, k, at_start=True) > ready:
                self.faults.append(f"{actor.name}[{k}] starts though it found no room")
            if not contended:
                self._expect(actor, k, "starts at", start, ready)
            elif start < ready:
                self.faults.append(f"{actor.name}[{k}] starts at {start}, before it is ready at {ready}")

    def _departures(self, index: int) -> None:
        actor, trace = self.plan.actors[index], self.trace
        for k in np.flatnonzero(~trace.void[index]):
            before = int(trace.end[index][k - 1]) if k else 0
            expected = max(int(trace.served[index][k]), before, self._room(index, int(k), at_start=False))
            self._expect(actor, int(k), "departs at", int(trace.end[index][k]), expected)

    def _services(self) -> None:
        """End of service from the starts, by replaying each server alone."""
        plan, trace = self.plan, self.trace
        served = [start + actor.compute.array() for start, actor in zip(trace.start, plan.actors, strict=True)]
        for number, server in enumerate(plan.servers):
            flows = [
                (NEVER if flow.cap is None else flow.cap, a, k, position, int(trace.start[a][k]), flow.work[k])
                for a, actor in enumerate(plan.actors)
                for position, flow in enumerate(actor.flows)
                for k in np.flatnonzero(~trace.void[a]).tolist()
                if flow.server == number and flow.work[k]
            ]
            for (_, a, k, *_), done in replay(sorted(flows), server.times, server.rates):
                served[a][k] = max(served[a][k], done)
        for a, actor in enumerate(plan.actors):
            for k in np.flatnonzero(~trace.void[a]).tolist():
                self._expect(actor, k, "is served at", int(trace.served[a][k]), int(served[a][k]))

    def _slots(self, resource: int) -> None:
        """Slots are never overdrawn; where firings wait, the head of the line does not fit and nobody passes it."""
        plan, trace = self.plan, self.trace
        rows = [
            (actor.priority, int(self.ready[a][k]), a, k, actor.slots, int(trace.start[a][k]), int(trace.served[a][k]))
            for a, actor in enumerate(plan.actors)
            if actor.resource == resource
            for k in np.flatnonzero(~trace.void[a]).tolist()
        ]
        name, slots = plan.resources[resource].name, plan.resources[resource].slots
        for instant in sorted({row[5] for row in rows} | {row[6] for row in rows}):
            free = slots - sum(row[4] for row in rows if row[5] <= instant < row[6])
            if free < 0:
                self.faults.append(f"{name} has {free} slots at {instant}")
            if not plan.is_contended(resource):
                continue
            waiting = [row for row in rows if row[1] <= instant < row[5]]
            if waiting and min(waiting)[4] <= free:
                self.faults.append(f"{name} leaves {free} slots free at {instant} though the head {min(waiting)} fits")
            for row in rows:
                if row[5] == instant and any(other[:3] < row[:3] and other[1] < instant for other in waiting):
                    self.faults.append(f"{name}: {row} overtakes at {instant}")


def replay(
    flows: list[tuple[int, int, int, int, int, int]], times: tuple[int, ...], rates: tuple[int, ...]
) -> list[tuple[tuple[int, int, int, int, int, int], int]]:
    """When each flow (cap, actor, firing, position, start, work) is through, tick by tick."""
    left = {flow: flow[5] for flow in flows}
    done = []
    now = min((flow[4] for flow in flows), default=0)
    while left:
        active = [flow for flow in left if flow[4] <= now]
        rate = rates[int(np.searchsorted(times, now, side="right")) - 1]
        for number, flow in enumerate(active):
            share = min(flow[0], rate // (len(active) - number))
            rate -= share
            left[flow] -= share
            if left[flow] <= 0:
                done.append((flow, now + 1))
        left = {flow: work for flow, work in left.items() if work > 0}
        now = now + 1 if active else min(flow[4] for flow in left)
    return done
