"""The time of every actor and resource by cause, in one pass over the trace, as cumulative ticks at chosen instants.

Everything that needs shares of time (tables, timelines, the bottleneck) reads this; the firings are looked at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from simulator.analysis.steps import Steps, covered
from simulator.analysis.tokens import channel_ends
from simulator.analysis.waits import CAUSES, FIRST_WAIT, SERVED, START, STRETCHES, Waits, waits_of
from simulator.plan import Plan
from simulator.series import Ints
from simulator.trace import Trace

STATES = ("compute", "memory_bound", "stalled", "contended", "blocked", "starved", "not_released", "idle")
"""What the slots of a resource do: three ways of being busy, and why they are free."""

BUSY = ("compute", "memory_bound", "stalled")

# Why a free slot is free when several of its actors wait for different things: the nearest to running counts.
_FREE_ORDER = ("contended", "blocked", "starved", "not_released")

Spans = tuple[str, Ints, Ints, Ints | None]


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """A resource of the plan (``resource`` its index), or an actor that needs none: so many ``slots`` and the actors
    that take them.
    """

    resource: int | None
    name: str
    slots: int
    actors: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Breakdown:
    """Cumulative ticks before each of ``edges``, which begin with 0 and end with the elapsed time.

    ``actors[a, c, e]``: lane-ticks of actor a on ``CAUSES[c]``; over all causes they are lanes times the edge.
    ``groups[g, s, e]``: slot-ticks of group g in ``STATES[s]``; over all states they are slots times the edge.
    ``starved_by[c]`` and ``blocked_by[c]`` are the ticks that the reader of channel c waited for tokens, and its writer
    for room, where that channel was the last to come.
    """

    edges: Ints
    actors: Ints
    groups: Ints
    members: tuple[Group, ...]
    lanes: Ints
    starved_by: Ints
    blocked_by: Ints

    @property
    def elapsed(self) -> int:
        """Ticks from 0 to the last instant."""
        return int(self.edges[-1])

    def actor(self, index: int, cause: str) -> int:
        """Ticks that an actor spent on a cause over the whole run."""
        return int(self.actors[index, CAUSES.index(cause), -1])

    def group(self, index: int, state: str) -> int:
        """Slot-ticks that a group spent in a state over the whole run."""
        return int(self.groups[index, STATES.index(state), -1])

    def between(self, first: int, last: int) -> tuple[Ints, Ints]:
        """Actor and group ticks from one edge to a later one; both must be among ``edges``."""
        i, j = (int(np.searchsorted(self.edges, t)) for t in (first, last))
        return self.actors[:, :, j] - self.actors[:, :, i], self.groups[:, :, j] - self.groups[:, :, i]


def edges_of(elapsed: int, bins: int, *instants: int) -> Ints:
    """``bins`` equal bins from 0 to ``elapsed``, and the given instants, as rising ticks without repetition."""
    even = [elapsed * i // bins for i in range(bins + 1)] if elapsed else [0]
    return np.unique(np.array([*even, *(min(max(t, 0), elapsed) for t in instants)], dtype=np.int64))


def groups_of(plan: Plan) -> tuple[Group, ...]:
    """All resources that actors use, then the actors that need none, each by itself."""
    used: dict[int, list[int]] = {}
    free: list[Group] = []
    for index, actor in enumerate(plan.actors):
        if actor.resource is None:
            free.append(Group(None, actor.name, min(actor.concurrency, max(actor.firings, 1)), (index,)))
        else:
            used.setdefault(actor.resource, []).append(index)
    shared = [Group(r, plan.resources[r].name, plan.resources[r].slots, tuple(used[r])) for r in sorted(used)]
    return (*shared, *free)


def breakdown(plan: Plan, trace: Trace, edges: Ints | None = None) -> Breakdown:
    """Cuts the time of every actor and every resource of a run; ``edges`` are only 0 and the end unless given."""
    edges = edges_of(trace.now, 1) if edges is None else edges
    ends, members = channel_ends(plan), groups_of(plan)
    actors = np.zeros((len(plan.actors), len(CAUSES), edges.size), dtype=np.int64)
    groups = np.zeros((len(members), len(STATES), edges.size), dtype=np.int64)
    starved_by, blocked_by = np.zeros((2, len(plan.channels)), dtype=np.int64)
    lanes = np.zeros(len(plan.actors), dtype=np.int64)
    for number, group in enumerate(members):
        waits = [waits_of(plan, trace, index, ends) for index in group.actors]
        for index, wait in zip(group.actors, waits, strict=True):
            lanes[index] = wait.lanes
            for cause, first, last, _ in _actor_spans(wait):
                actors[index, CAUSES.index(cause)] += covered(first, last, edges)
            _blame(plan, index, wait, starved_by, blocked_by)
        for state, first, last, weights in _group_spans(plan, group, waits):
            groups[number, STATES.index(state)] += covered(first, last, edges, weights)
    return Breakdown(edges, actors, groups, members, lanes, starved_by, blocked_by)


def in_service(plan: Plan, trace: Trace, actors: tuple[int, ...]) -> int:
    """Ticks during which at least one of the actors is in service."""
    begun = [waits_of(plan, trace, index) for index in actors]
    first = np.concatenate([wait.cuts[START] for wait in begun] or [np.zeros(0, dtype=np.int64)])
    last = np.concatenate([wait.cuts[SERVED] for wait in begun] or [np.zeros(0, dtype=np.int64)])
    return _count(first, last, None, trace.now).time_at_least(1)


def _actor_spans(wait: Waits) -> Iterator[Spans]:
    for cause, (first, last) in zip(STRETCHES, wait.stretches(), strict=True):
        if first is not last:
            yield cause, first, last, None
    yield "idle", wait.last_of_lanes, np.full(wait.last_of_lanes.size, wait.elapsed, dtype=np.int64), None


def _group_spans(plan: Plan, group: Group, waits: list[Waits]) -> Iterator[Spans]:
    """The spans of a group's slots by state; a lane that owns all slots of its resource hands its own cuts over."""
    alone = len(waits) == 1 and waits[0].lanes == 1
    slots = [plan.actors[index].slots if group.resource is not None else 1 for index in group.actors]
    if alone and slots[0] == group.slots:
        for state, first, last, _ in _actor_spans(waits[0]):
            yield state if state != "in_order" else "idle", first, last, _weights(first, group.slots)
        return
    for wait, taken in zip(waits, slots, strict=True):
        for state, (first, last) in list(zip(STRETCHES, wait.stretches(), strict=True))[START:SERVED]:
            yield state, first, last, _weights(first, taken)
    yield from _free_spans(group, waits, slots)


def _free_spans(group: Group, waits: list[Waits], slots: list[int]) -> Iterator[Spans]:
    """Why the slots that nobody takes are free, at every instant."""
    elapsed = waits[0].elapsed
    first = np.concatenate([wait.cuts[START] for wait in waits])
    last = np.concatenate([wait.cuts[SERVED] for wait in waits])
    taken = np.concatenate([np.full(w.cuts[START].size, s, dtype=np.int64) for w, s in zip(waits, slots, strict=True)])
    levels = {"busy": _count(first, last, taken, elapsed)}
    for cause in _FREE_ORDER:
        spans = [(begin, end) for wait in waits for name, begin, end, _ in _actor_spans(wait) if name == cause]
        nothing = np.zeros(0, dtype=np.int64)
        begin, end = (np.concatenate([nothing, *(span[i] for span in spans)]) for i in (0, 1))
        levels[cause] = _count(begin, end, None, elapsed)
    times = np.unique(np.concatenate([level.times for level in levels.values()]))
    until = np.append(times[1:], max(elapsed, int(times[-1])))
    free = group.slots - levels["busy"].at(times)
    open_ = free > 0
    for cause in _FREE_ORDER:
        here = open_ & (levels[cause].at(times) > 0)
        yield cause, times[here], until[here], free[here]
        open_ &= ~here
    yield "idle", times[open_], until[open_], free[open_]


def _count(first: Ints, last: Ints, weights: Ints | None, elapsed: int) -> Steps:
    """How many of the intervals (each ``weights[i]`` times) are open over time."""
    weights = np.ones(first.size, dtype=np.int64) if weights is None else weights
    long = last > first
    first, last, weights = first[long], last[long], weights[long]
    return Steps.from_changes(0, np.concatenate((first, last)), np.concatenate((weights, -weights)), elapsed)


def _weights(like: Ints, slots: int) -> Ints | None:
    return None if slots == 1 else np.full(like.size, slots, dtype=np.int64)


def _blame(plan: Plan, index: int, wait: Waits, starved_by: Ints, blocked_by: Ints) -> None:
    """Adds the waits of an actor to the channels that were the last to let it go on."""
    stretches = list(wait.stretches())
    for position, entry in enumerate(plan.actors[index].inputs):
        starved_by[entry.channel] += _lasted(*stretches[FIRST_WAIT + 1], wait.late_input, position)
    for position, output in enumerate(plan.actors[index].outputs):
        blocked_by[output.channel] += _lasted(*stretches[FIRST_WAIT + 2], wait.full_at_start, position)
        blocked_by[output.channel] += _lasted(*stretches[-1], wait.full_at_end, position)


def _lasted(first: Ints, last: Ints, owners: Ints | int, position: int) -> int:
    """Ticks of the stretches that one port is the owner of."""
    if first is last or (isinstance(owners, int) and owners != position):
        return 0
    lengths = last - first
    return int((lengths if isinstance(owners, int) else lengths[owners == position]).sum())


__all__ = ["BUSY", "STATES", "Breakdown", "Group", "breakdown", "edges_of", "groups_of", "in_service"]
