"""The time of every actor and resource by cause, out of the counters of a run that kept no trace.

The figures are those of :mod:`simulator.analysis.breakdown`, to the tick. One thing a counter cannot know: that a
firing which waits for room or tokens will be void. Its wait is charged to what it waited for at the time, where the
trace, seen from its end, charges it to the grant, or to the earlier firings of an actor with several lanes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simulator.analysis.breakdown import STATES, Breakdown, groups_of
from simulator.analysis.waits import CAUSES, service_alone
from simulator.engine import _columns as col
from simulator.engine.counters import Counters
from simulator.engine.tallies import lanes_of, teams_of
from simulator.plan import Plan
from simulator.series import Ints

_BUSY = ("compute", "memory_bound", "stalled")
_FREE = {
    col.WAIT_RELEASE: "not_released",
    col.WAIT_INPUT: "starved",
    col.WAIT_ROOM: "blocked",
    col.WAIT_GRANT: "contended",
}


def counted_breakdown(plan: Plan, instants: Sequence[Counters]) -> Breakdown:
    """The breakdown of a run at the instants at which its counters are known, in their order; tick 0 is added."""
    members = groups_of(plan)
    instants = [one for i, one in enumerate(instants) if one.now > (instants[i - 1].now if i else 0)]
    edges = np.array([0, *(one.now for one in instants)], dtype=np.int64)
    actors = np.zeros((len(plan.actors), len(CAUSES), edges.size), dtype=np.int64)
    groups = np.zeros((len(members), len(STATES), edges.size), dtype=np.int64)
    for edge, counters in enumerate(instants, 1):
        actors[:, :, edge] = actor_ticks(plan, counters)
        groups[:, :, edge] = group_ticks(plan, counters, actors[:, :, edge])
    last = instants[-1] if instants else None
    starved_by, blocked_by = (last.starves, last.blocks) if last else np.zeros((2, len(plan.channels)), dtype=np.int64)
    return Breakdown(edges, actors, groups, members, _lanes(plan), starved_by, blocked_by)


def _lanes(plan: Plan) -> Ints:
    """Firings that each actor can have under way at once."""
    return np.array([lanes_of(plan, index) for index in range(len(plan.actors))], dtype=np.int64)


def actor_ticks(plan: Plan, counters: Counters) -> Ints:
    """Lane-ticks of every actor on each of ``CAUSES`` up to the counters' instant."""
    ticks = {cause: np.zeros(len(plan.actors), dtype=np.int64) for cause in CAUSES}
    for wait, cause in _FREE.items():
        ticks[cause] += counters.waits[:, wait]
    ticks["compute"] += counters.compute
    ticks["memory_bound"] += counters.bound
    ticks["stalled"] += counters.busy - counters.compute - counters.bound
    ticks["blocked"] += counters.held - counters.behind
    _add_under_way(plan, counters, ticks)
    ticks["idle"] += counters.lanes_ended * counters.now - counters.lane_ends
    ticks["in_order"] += _lanes(plan) * counters.now - sum(ticks.values())
    return np.stack([ticks[cause] for cause in CAUSES], axis=1)


def _add_under_way(plan: Plan, counters: Counters, ticks: dict[str, Ints]) -> None:
    """Cut the firings between start and end at the instant, as if they were over.

    Those in service are counted as if they had computed and moved all, and had taken no time.
    """
    now, before = counters.now, -1
    for index, firing, start, served in counters.under_way.tolist():
        if served < 0:
            found = service_alone(plan, plan.actors[index], np.array([start]), np.array([firing]))
            computed, moved = (int(times[0]) for times in found)
            ticks["compute"][index] -= max(computed - now, 0)
            ticks["memory_bound"][index] -= max(moved - max(computed, now), 0)
            ticks["stalled"][index] += moved - start + max(now - moved, 0)
        elif before != index:  # only the oldest can wait for room
            ticks["blocked"][index] += now - max(served, int(counters.last_end[index]))
        before = index


def group_ticks(plan: Plan, counters: Counters, actors: Ints) -> Ints:
    """Slot-ticks of every group in each of ``STATES``, given the ticks of the actors."""
    members = groups_of(plan)
    teams = {team: number for number, (_, team) in enumerate(teams_of(plan))}
    ticks = np.zeros((len(members), len(STATES)), dtype=np.int64)
    for number, group in enumerate(members):
        team = teams.get(group.actors)
        for state in STATES[:-1] if team is None else _BUSY:
            for index in group.actors:
                taken = plan.actors[index].slots if group.resource is not None else 1
                ticks[number, STATES.index(state)] += taken * actors[index, CAUSES.index(state)]
        if team is not None:
            for wait, state in _FREE.items():
                ticks[number, STATES.index(state)] += counters.teams[team, wait]
        idle = STATES.index("idle")
        ticks[number, idle] = group.slots * counters.now - int(ticks[number, :idle].sum())
    return ticks


__all__ = ["actor_ticks", "counted_breakdown", "group_ticks"]
