"""Where the time of an actor goes: the wait before each firing, its service and the wait to depart, cut by cause.

The cuts are those of ARCHITECTURE.md: from the moment the actor could have started, the wait is cut in this order into
not released, starved, blocked (no room to claim) and contended, up to the start; then compute, memory-bound (its own
flows at full rate, beyond compute), stalled (others use the servers), and blocked again until it departs; idle after
the last firing.

An actor with ``concurrency`` c is c lanes, firing k on lane k mod c. What a lane spends on waiting for an earlier
firing of its own actor to start or depart is ``in_order``; it is 0 for one lane. So the parts of an actor add up to
lanes times elapsed, exactly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from simulator.analysis.tokens import (
    Bools,
    Ends,
    channel_ends,
    departed,
    give_times,
    given_back,
    readable_times,
    started,
    times_at,
    void_of,
)
from simulator.plan import Actor, Flow, Plan, Server
from simulator.reached import cumulated, first_reaching, shifted
from simulator.series import Ints
from simulator.trace import Trace

CAUSES = ("compute", "memory_bound", "stalled", "blocked", "starved", "contended", "not_released", "in_order", "idle")
"""What the time of an actor is divided into."""

# The stretches between consecutive cuts of a firing, in order of time.
STRETCHES = (
    "in_order",
    "not_released",
    "starved",
    "blocked",
    "contended",
    "compute",
    "memory_bound",
    "stalled",
    "in_order",
    "blocked",
)
FIRST_WAIT, START, SERVED = 1, 5, 8
"""Positions in the cuts: where the wait of a firing begins, its start, the end of its service."""


@dataclass(frozen=True, slots=True, eq=False)
class Waits:
    """The cuts of every firing of one actor that has begun or is next to begin.

    ``cuts[i] .. cuts[i + 1]`` is the stretch ``STRETCHES[i]``; each array has one entry a firing, and the last cut is
    the departure (or the end of the simulation). ``begun`` of the firings have started, the others are what the lanes
    wait for at the end. ``late_input``, ``full_at_start`` and ``full_at_end`` are the positions, among the actor's
    inputs and outputs, of the one that was waited for last (-1: none), or one for all firings. Cuts that never differ
    are one array.
    """

    cuts: tuple[Ints, ...]
    begun: int
    lanes: int
    elapsed: int
    last_of_lanes: Ints
    late_input: Ints | int
    full_at_start: Ints | int
    full_at_end: Ints | int

    def totals(self) -> dict[str, int]:
        """Ticks by cause; they add up to lanes times elapsed."""
        sums = dict.fromkeys(CAUSES, 0)
        for name, (first, last) in zip(STRETCHES, self.stretches(), strict=True):
            sums[name] += int((last - first).sum()) if first is not last else 0
        sums["idle"] = int((self.elapsed - self.last_of_lanes).sum())
        return sums

    def stretches(self) -> Iterator[tuple[Ints, Ints]]:
        """First and last tick of every stretch, in the order of ``STRETCHES``."""
        yield from zip(self.cuts[:-1], self.cuts[1:], strict=True)


def waits_of(plan: Plan, trace: Trace, index: int, ends: tuple[Ends, ...] | None = None) -> Waits:
    """The waits of one actor of a plan."""
    ends = channel_ends(plan) if ends is None else ends
    actor = plan.actors[index]
    begun = started(trace, index)
    lanes = min(actor.concurrency, actor.firings)
    seen = min(begun + lanes, actor.firings) if departed(trace, index) < actor.firings else begun
    start, served, end = (_closed(column[index], seen, trace) for column in (trace.start, trace.served, trace.end))
    void = np.append(void_of(trace, index, begun), np.zeros(seen - begun, dtype=np.bool_))

    fed, late = _when_fed(plan, trace, index, seen, ends)
    room, full = _when_room(plan, trace, index, seen, ends, at_start=True)
    _, full_at_end = _when_room(plan, trace, index, seen, ends, at_start=False)
    if void.any():
        # A firing whose frames became void while it waited did so for a grant, or else for room.
        contended = actor.resource is not None and plan.is_contended(actor.resource)
        room = np.where(void, 0 if contended else start, 0 if room is None else room)
    # A bound that changes nothing is left out, so that its stretch is known to be empty.
    previous = _shifted(end, 1, seen)
    free = previous if lanes == 1 else _shifted(end, lanes, seen)
    cuts = [free]
    for bound in (_eligible(start, free, previous, void, lanes), _released(actor, seen), fed, room):
        cuts.append(cuts[-1] if bound is None else np.minimum(np.maximum(cuts[-1], bound), start))
    cuts.append(start)
    if actor.flows or not trace.complete:
        for bound in service_alone(plan, actor, start, np.arange(seen), void):
            cuts.append(np.minimum(np.maximum(cuts[-1], bound), served))
    else:
        cuts += [served, served]
    cuts += [served, served if lanes == 1 else np.minimum(np.maximum(served, previous), end), end]
    last = np.zeros(lanes, dtype=np.int64)
    newest = np.arange(max(0, seen - lanes), seen)
    last[newest % max(lanes, 1)] = end[newest]
    return Waits(tuple(cuts), begun, lanes, trace.now, last, late, full, full_at_end)


def _eligible(start: Ints, free: Ints, previous: Ints, void: Bools, lanes: int) -> Ints | None:
    """When the firing before had started, or departed if this one is void; None: never later than a lane was free."""
    if lanes == 1:
        return None
    before = np.concatenate((np.zeros(1, dtype=np.int64), start))[: start.size]
    found: Ints = np.where(void, previous, np.maximum(before, free))
    return found


def _released(actor: Actor, count: int) -> Ints | None:
    return actor.release.array(0, count) if actor.release.maximum() > 0 else None


def _closed(times: Ints, count: int, trace: Trace) -> Ints:
    """The first ``count`` times, with what has not happened yet put at the end of the simulation."""
    found: Ints = times[:count] if trace.complete else np.where(times[:count] >= 0, times[:count], trace.now)
    return found


def _shifted(times: Ints, by: int, count: int) -> Ints:
    """The time of firing k - ``by``; 0 where there is none."""
    return np.concatenate((np.zeros(min(by, count), dtype=np.int64), times[: max(count - by, 0)]))


def _when_fed(
    plan: Plan, trace: Trace, index: int, count: int, ends: tuple[Ends, ...]
) -> tuple[Ints | None, Ints | int]:
    """When each firing had all its input tokens (None without inputs), and the position of the input that came last."""
    times = []
    later = trace.now + 1  # what is missing at the end comes after all that is there, whenever that may be
    for entry in plan.actors[index].inputs:
        own, initial = ends[entry.channel], plan.channels[entry.channel].initial
        if own.writer is None or own.put is None:
            times.append(np.where(entry.need.array(0, count) <= initial, 0, later))
            continue
        reached = first_reaching(cumulated(own.put, initial), initial, entry.need)
        there = times_at(readable_times(plan, trace, own.writer), reached, count, later)
        times.append(there if trace.complete else np.minimum(there, later))
    return _latest(times, list(range(len(times))))


def _when_room(
    plan: Plan, trace: Trace, index: int, count: int, ends: tuple[Ends, ...], at_start: bool
) -> tuple[Ints | None, Ints | int]:
    """When each firing had room on its outputs that claim at start (or else after service), and the position of the
    output that was last, as for inputs.
    """
    times, positions = [], []
    void = np.append(void_of(trace, index, started(trace, index)), np.zeros(count, dtype=np.bool_))[:count]
    for position, output in enumerate(plan.actors[index].outputs):
        channel, own = plan.channels[output.channel], ends[output.channel]
        if channel.capacity is None or plan.discipline_of(output.channel).claims_at_start is not at_start:
            continue
        positions.append(position)
        if own.reader is not None and own.free is not None and not void.any() and not (own.is_self_loop and at_start):
            given_at = give_times(plan, trace, output.channel, own)
            wanted = shifted(cumulated(output.put, channel.initial), -channel.capacity)
            times.append(times_at(given_at, first_reaching(own.free, 0, wanted), count, trace.now + 1))
            continue
        claimed = channel.initial + np.cumsum(np.where(void, 0, output.put.array(0, count)))
        given_at, given = given_back(plan, trace, output.channel, own)
        needed = claimed - channel.capacity
        if own.is_self_loop and at_start:
            needed = needed - _own_free(plan, trace, output.channel, own, count)
        times.append(_when_given(given_at, given, needed, trace.now + 1))
    return _latest(times, positions)


def _latest(times: list[Ints], positions: list[int]) -> tuple[Ints | None, Ints | int]:
    """The latest of some times, and whose it is: of one the position, of several an array (-1 where all are 0)."""
    if len(times) <= 1:
        return (times[0], positions[0]) if times else (None, -1)
    latest, whose = np.zeros_like(times[0]), np.full(times[0].size, -1, dtype=np.int64)
    for candidate, position in zip(times, positions, strict=True):
        later = candidate > latest
        latest[later] = candidate[later]
        whose[later] = position
    return latest, whose


def _own_free(plan: Plan, trace: Trace, channel: int, ends: Ends, count: int) -> Ints:
    """What each firing itself gives back on its self-loop: it counts before its own claim."""
    _, given = given_back(plan, trace, channel, ends, at_start=True)
    own = np.zeros(count, dtype=np.int64) if ends.free is None else np.diff(ends.free.array(0, count), prepend=0)
    own[: given.size] = np.diff(given, prepend=0)
    return own


def _when_given(times: Ints, given: Ints, wanted: Ints, never: int) -> Ints:
    """When the tokens given back in total reached each of ``wanted``."""
    found: Ints = np.where(wanted <= 0, 0, np.append(times, never)[np.searchsorted(given, wanted, side="left")])
    return found


def service_alone(plan: Plan, actor: Actor, start: Ints, firings: Ints, void: Bools | None = None) -> tuple[Ints, Ints]:
    """When the computing of each firing is over, and when its flows would be if nobody shared their servers."""
    void = np.zeros(firings.size, dtype=np.bool_) if void is None else void
    computed = start + np.where(void, 0, actor.compute.at(firings))
    moved = computed.copy()
    by_server: dict[int, list[Flow]] = {}
    for flow in actor.flows:
        by_server.setdefault(flow.server, []).append(flow)
    for server, flows in by_server.items():
        works = [np.where(void, 0, flow.work.at(firings)) for flow in flows]
        for flow, work in zip(flows, works, strict=True):
            np.maximum(moved, flow_end(plan.servers[server], start, work, flow.cap), out=moved)
        if len(flows) > 1:  # its own flows share the server too
            np.maximum(moved, flow_end(plan.servers[server], start, np.sum(works, axis=0), None), out=moved)
    return computed, moved


def flow_end(server: Server, start: Ints, work: Ints, cap: int | None) -> Ints:
    """When ``work`` units that begin at ``start`` are through if they have the server to themselves."""
    left, at = work.copy(), start.copy()
    for i, (begin, rate) in enumerate(zip(server.times, server.rates, strict=True)):
        rate = rate if cap is None else min(rate, cap)
        end = server.times[i + 1] if i + 1 < len(server.times) else None
        here = (left > 0) & (at >= begin) & (True if end is None else at < end)
        if not here.any():
            continue
        if rate == 0:
            if end is not None:
                at[here] = end
            continue
        needed = -(-left[here] // rate)
        span = needed if end is None else np.minimum(needed, end - at[here])
        at[here] += span
        left[here] -= np.minimum(left[here], np.where(span == needed, left[here], span * rate))
    return at
