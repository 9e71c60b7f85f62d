"""The static-order path: where no firing waits for an arbiter, times follow from each other without events.

In a plan in which every actor has its resource to itself, no server is shared and nothing is dropped, the start of a
firing is a maximum of earlier starts and ends, and its end a sum: a max-plus recurrence (F. Baccelli, G. Cohen, G. J.
Olsder, J.-P. Quadrat, "Synchronization and Linearity", 1992, chapter 2). Where all actors fire equally often and move
one token a firing (a marked graph), the recurrence reaches back by constant distances and is evaluated block by
block; else every actor is driven as far as the times that it depends on are known.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simulator.engine import _static_columns as col
from simulator.engine.arrays import Memory
from simulator.engine.marked_graph import run_marked_graph
from simulator.plan import Actor, Ints, Plan
from simulator.trace import Trace


def why_not_static(plan: Plan) -> str:
    """What makes a plan need events; empty if its order is static."""
    wanted = [0] * len(plan.resources)
    for actor in plan.actors:
        if actor.resource is not None:
            wanted[actor.resource] += actor.slots * min(actor.concurrency, actor.firings)
    for wants, resource in zip(wanted, plan.resources, strict=True):
        if wants > resource.slots:
            return f"resource '{resource.name}' is contended"
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
    return run_marked_graph(plan) or run_chase(plan)


def run_chase(plan: Plan) -> Trace | None:
    """The same for any rates: each actor as far as the times that it depends on are known."""
    from simulator.engine._kernel import run_recurrence

    memory, times, columns = _flatten(plan)
    if not run_recurrence(memory, times):
        return None
    starts, services, ends = [], [], []
    for actor, (start, served, end) in zip(plan.actors, columns, strict=True):
        starts.append(times[start : start + actor.firings])
        services.append(times[served : served + actor.firings])
        ends.append(times[end : end + actor.firings])
    return complete_trace(plan, starts, services, ends, "each actor as far as the times it depends on are known")


def complete_trace(plan: Plan, start: Sequence[Ints], served: Sequence[Ints], end: Sequence[Ints], how: str) -> Trace:
    """The Trace of a run in which everything has departed."""
    nothing = {n: np.broadcast_to(np.zeros((), dtype=np.bool_), n) for n in {actor.firings for actor in plan.actors}}
    void = tuple(nothing[actor.firings] for actor in plan.actors)
    now = max((int(column[-1]) for column in end if column.size), default=0)
    reason = f"static order ({how}): no resource is contended, no server shared"
    return Trace(start, served, end, void, now, True, "compiled", reason)


def _flatten(plan: Plan) -> tuple[Ints, Ints, list[tuple[int, int, int]]]:
    """Memory, an array for all times, and where the start, served and end columns of each actor begin in it."""
    memory = Memory()
    run = np.zeros(col.RUN_COLUMNS, dtype=np.int64)
    memory.place(run)
    actors = np.zeros((len(plan.actors), col.ACTOR_COLUMNS), dtype=np.int64)
    at = memory.place(actors)
    writers = {o.channel: (i, o) for i, a in enumerate(plan.actors) for o in a.outputs}
    readers = {p.channel: (i, p) for i, a in enumerate(plan.actors) for p in a.inputs}
    columns, cells = _columns(plan, actors)

    def actor_at(index: int) -> int:
        return at + index * col.ACTOR_COLUMNS

    for row, actor in zip(actors, plan.actors, strict=True):
        row[col.FIRINGS], row[col.CONCURRENCY], row[col.QUEUED] = actor.firings, actor.concurrency, 1
        row[col.RELEASE] = memory.cursor_at(actor.release) if actor.release.maximum() > 0 else -1
        row[col.COMPUTE] = memory.cursor_at(actor.compute)
        row[col.LATENCY] = memory.cursor_at(actor.latency) if actor.latency.maximum() > 0 else -1
        inputs, outputs = [], []
        for port in actor.inputs:
            writer, out = writers.get(port.channel, (-1, None))
            walk = memory.cursor_at(out.put) if out else -1
            initial = plan.channels[port.channel].initial
            inputs.append([memory.cursor_at(port.need), actor_at(writer) if out else -1, walk, initial, 0])
        for out in actor.outputs:
            rule, channel = plan.discipline_of(out.channel), plan.channels[out.channel]
            reader, read = readers.get(out.channel, (-1, None))
            reads_itself = read is not None and plan.actors[reader] is actor and rule.claims_at_start
            room = col.INFINITY if channel.capacity is None else channel.capacity - channel.initial
            walk = memory.cursor_at(read.free) if read else -1
            own = memory.cursor_at(read.free) if read and reads_itself else -1
            owner = actor_at(reader) if read else -1
            facts = [rule.claims_at_start, rule.releases_at_start, own]
            outputs.append([memory.cursor_at(out.put), owner, walk, room, 0, 0, *facts])
        row[col.INPUTS] = memory.place(np.array(inputs, dtype=np.int64))
        row[col.INPUTS_END] = memory.size
        row[col.OUTPUTS] = memory.place(np.array(outputs, dtype=np.int64))
        row[col.OUTPUTS_END] = memory.size
    run[col.WORKLIST] = memory.place(np.array([actor_at(i) for i in reversed(range(len(actors)))], dtype=np.int64))
    memory.reserve(1)
    run[col.WORK] = len(actors)
    run[col.LEFT] = plan.firings
    return memory.joined(), np.empty(cells, dtype=np.int64), columns


def _columns(plan: Plan, actors: Ints) -> tuple[list[tuple[int, int, int]], int]:
    """Columns for start, served and end (one for both where a firing departs as soon as it is served), and arrivals."""
    columns, cells = [], 0
    for row, actor in zip(actors, plan.actors, strict=True):
        blocks = any(not plan.discipline_of(out.channel).claims_at_start for out in actor.outputs)
        departs_at_once = not blocks and min(actor.concurrency, actor.firings) <= 1
        start, served = cells, cells + actor.firings
        end = served if departs_at_once else served + actor.firings
        cells = end + actor.firings
        arrival = end
        if actor.latency.maximum() > 0:
            arrival, cells = cells, cells + actor.firings
        row[col.START], row[col.SERVED], row[col.END], row[col.ARRIVAL] = start, served, end, arrival
        columns.append((start, served, end))
    return columns, cells
