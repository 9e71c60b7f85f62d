"""The static-order path: where no firing waits for an arbiter, times follow from each other without events.

In a plan in which every actor has its resource to itself, no server is shared and nothing is dropped, the start of a
firing is a maximum of earlier starts and ends, and its end a sum: a max-plus recurrence (F. Baccelli, G. Cohen, G. J.
Olsder, J.-P. Quadrat, "Synchronization and Linearity", 1992, chapter 2). Where all actors fire equally often and move
one token a firing (a marked graph), the recurrence reaches back by constant distances and is evaluated as a
wavefront; else, and where its actors are too tightly coupled for that, every actor is driven as far as the times that
it depends on are known.
"""

from __future__ import annotations

import numpy as np

from simulator.engine.chase import chase
from simulator.engine.choice import contended_resources
from simulator.engine.marked_graph import marked_graph
from simulator.plan import Actor, Plan
from simulator.trace import Trace


def why_not_static(plan: Plan) -> str:
    """What makes a plan need events; empty if its order is static."""
    for index in sorted(contended_resources(plan)):
        return f"resource '{plan.resources[index].name}' is contended"
    for actor in plan.actors:
        if actor.drop:
            return f"'{actor.name}' may drop frames"
        if actor.flows:
            return f"'{actor.name}' moves data through server '{plan.servers[actor.flows[0].server].name}'"
        if min(actor.concurrency, actor.firings) > 1 and _has_late_state(plan, actor):
            return f"'{actor.name}' keeps its state across firings that overlap"
    return ""


def _has_late_state(plan: Plan, actor: Actor) -> bool:
    """Whether the actor writes a channel that it frees itself only at its departure."""
    own = {port.channel for port in actor.inputs}
    return any(o.channel in own and not plan.discipline_of(o.channel).releases_at_start for o in actor.outputs)


def run_static_order(plan: Plan) -> Trace | None:
    """The Trace of a plan whose order is static; None if it does not run to its end (the event loop then tells why)."""
    found, how = marked_graph(plan), "a marked graph, as a wavefront"
    if found is None:
        found, how = chase(plan), "each actor as far as the times it depends on are known"
    if found is None:
        return None
    start, served, end = found
    nothing = {n: np.broadcast_to(np.zeros((), dtype=np.bool_), n) for n in {actor.firings for actor in plan.actors}}
    void = tuple(nothing[actor.firings] for actor in plan.actors)
    now = max((int(column[-1]) for column in end if column.size), default=0)
    reason = f"static order ({how}): no resource is contended, no server shared"
    return Trace(start, served, end, void, now, True, "compiled", reason)
