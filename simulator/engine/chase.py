"""The static order of any rates: every actor is driven as far as the times that it depends on are known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from simulator.engine import _static_columns as col
from simulator.engine.arrays import Memory, is_constant
from simulator.plan import Actor, Input, Ints, Plan, Series
from simulator.reached import cumulated, first_reaching, shifted
from simulator.trace import Columns

_SHORT = 16
"""A channel of fewer puts is short: its writer and its reader are driven in turn."""


@dataclass(frozen=True, slots=True)
class _Wait:
    """A firing waits for firing ``index[k]`` of ``actor``: its start, or else until its tokens have arrived or it has
    departed.
    """

    actor: int
    index: Series
    column: int


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where the columns of an actor's times begin."""

    start: int
    end: int
    arrival: int


def chase(plan: Plan) -> tuple[Columns, Columns, Columns] | None:
    """Start, served and end of all firings of a plan whose order is static; None if it does not run to its end."""
    from simulator.engine._kernel import run_recurrence

    found = _waits(plan)
    if found is None:
        return None
    columns, cells = _columns(plan)
    memory, times = _flatten(plan, *found, columns), np.empty(cells, dtype=np.int64)
    if not run_recurrence(memory, times):
        return None
    starts = Columns(times[own.start :][: actor.firings] for own, actor in zip(columns, plan.actors, strict=True))
    ends = Columns(times[own.end :][: actor.firings] for own, actor in zip(columns, plan.actors, strict=True))
    services = Columns(
        ends[i] if _departs_at_once(plan, actor) else partial(_served, starts[i], actor.compute)
        for i, actor in enumerate(plan.actors)
    )
    return starts, services, ends


def _served(starts: Ints, compute: Series) -> Ints:
    return starts + compute.array()


def _departs_at_once(plan: Plan, actor: Actor) -> bool:
    """Whether every firing departs as soon as it is served."""
    blocks = any(not plan.discipline_of(out.channel).claims_at_start for out in actor.outputs)
    return not blocks and min(actor.concurrency, actor.firings) <= 1


def _waits(plan: Plan) -> tuple[list[list[_Wait]], list[list[_Wait]]] | None:
    """What the starts and the departures of each actor wait for; None if one waits for itself."""
    starts: list[list[_Wait]] = [[] for _ in plan.actors]
    ends: list[list[_Wait]] = [[] for _ in plan.actors]
    writers = {o.channel: (i, o) for i, a in enumerate(plan.actors) for o in a.outputs}
    readers = {p.channel: (i, p) for i, a in enumerate(plan.actors) for p in a.inputs}
    for index, channel in enumerate(plan.channels):
        writer, out = writers.get(index, (-1, None))
        reader, port = readers.get(index, (-1, None))
        if port is not None and not _is_fed(port.need, channel.initial):
            if out is None:
                return None
            reached = first_reaching(cumulated(out.put, channel.initial), channel.initial, port.need)
            starts[reader].append(_Wait(writer, reached, col.ARRIVAL))
        if out is None or channel.capacity is None:
            continue
        rule = plan.discipline_of(index)
        claimed = shifted(cumulated(out.put, channel.initial), -channel.capacity)
        if _is_fed(claimed, 0):
            continue
        if port is None:
            return None
        if writer == reader and rule.claims_at_start:
            # What this very firing frees counts already; nothing else can help it.
            if (claimed.array() > port.free.array()).any():
                return None
            continue
        column = col.START if rule.releases_at_start else col.END
        wants = starts if rule.claims_at_start else ends
        wants[writer].append(_Wait(reader, first_reaching(port.free, 0, claimed), column))
    return starts, ends


def _is_fed(wanted: Series, base: int) -> bool:
    """Whether what is there from the beginning is always enough."""
    return wanted.maximum() <= base


def _columns(plan: Plan) -> tuple[list[_Columns], int]:
    """The columns of all actors, and how many cells they take.

    One serves for end and arrival where all tokens travel equally long.
    """
    columns, cells = [], 0
    for actor in plan.actors:
        start, end = cells, cells + actor.firings
        arrival = end if is_constant(actor.latency) else end + actor.firings
        cells = arrival + actor.firings
        columns.append(_Columns(start, end, arrival))
    return columns, cells


def _flatten(plan: Plan, starts: list[list[_Wait]], ends: list[list[_Wait]], columns: list[_Columns]) -> Ints:
    """The memory of the kernel."""
    memory = Memory()
    run = np.zeros(col.RUN_COLUMNS, dtype=np.int64)
    memory.place(run)
    actors = np.zeros((len(plan.actors), col.ACTOR_COLUMNS), dtype=np.int64)
    at = [memory.place(row) for row in actors]

    def place(waits: list[_Wait]) -> tuple[int, int]:
        rows = []
        for wait in waits:
            own, other = columns[wait.actor], plan.actors[wait.actor]
            from_start, travels = wait.column == col.START, wait.column == col.ARRIVAL
            column = own.start if from_start else own.arrival if travels else own.end
            known = at[wait.actor] + (col.STARTED if from_start else col.ENDED)
            plus = int(other.latency.pattern[0]) if travels and own.arrival == own.end else 0
            rows.append([column, known, memory.cursor_at(wait.index), plus])
        return memory.place(np.array(rows, dtype=np.int64)), memory.size

    neighbours: list[list[int]] = [[] for _ in plan.actors]
    for index, (row, actor) in enumerate(zip(actors, plan.actors, strict=True)):
        own = columns[index]
        row[[col.FIRINGS, col.CONCURRENCY]] = actor.firings, actor.concurrency
        row[col.RELEASE] = _cursor_unless_0(memory, actor.release)
        row[col.COMPUTE] = memory.cursor_at(actor.compute)
        row[col.LATENCY] = -1 if own.arrival == own.end else memory.cursor_at(actor.latency)
        row[[col.START, col.END, col.ARRIVAL]] = own.start, own.end, own.arrival
        row[col.PLAIN] = is_plain = _is_plain(actor, starts[index], ends[index], own)
        spare = [_Wait(index, Series.constant(-1, actor.firings), col.START)] if is_plain else []
        row[[col.WAITS, col.WAITS_END]] = place(starts[index] or spare)
        row[[col.HOLDS, col.HOLDS_END]] = place(ends[index] or spare)
        for other in dict.fromkeys(wait.actor for wait in (*starts[index], *ends[index])):
            neighbours[other].append(at[index])
    for row, own_neighbours in zip(actors, neighbours, strict=True):
        row[[col.NEIGHBOURS, col.NEIGHBOURS_END]] = memory.place(np.array(own_neighbours, dtype=np.int64)), memory.size
    run[[col.QUEUE, col.QUEUE_END]] = queue = _place_groups(memory, plan, at, actors)
    run[[col.LAST_QUEUED, col.WAITING, col.LEFT]] = queue[0], queue[1] - queue[0], plan.firings
    return memory.joined()


def _place_groups(memory: Memory, plan: Plan, at: list[int], actors: Ints) -> tuple[int, int]:
    """Where the queue of all groups begins and ends."""
    group = _groups(plan)
    rows = np.zeros((max(group, default=-1) + 1, col.GROUP_COLUMNS), dtype=np.int64)
    places = [memory.place(row) for row in rows]
    for number, row in enumerate(rows):
        members = [i for i, own in enumerate(group) if own == number]
        actors[members, col.GROUP] = places[number]
        row[[col.MEMBERS, col.MEMBERS_END]] = memory.place(np.array([at[i] for i in members])), memory.size
    rows[:, col.QUEUED] = 1
    actors[:, col.AWAKE] = 1
    return memory.place(np.array(places, dtype=np.int64)), memory.size


def _groups(plan: Plan) -> list[int]:
    """The group of each actor, numbered by their first actors: those that short channels join, so that none of them
    gets far without the others.
    """
    leader = list(range(len(plan.actors)))

    def find(actor: int) -> int:
        while leader[actor] != actor:
            actor = leader[actor]
        return actor

    for writer, reader, puts in _links(plan):
        if puts is not None and puts < _SHORT:
            first, second = sorted((find(writer), find(reader)))
            leader[second] = first
    numbers: dict[int, int] = {}
    return [numbers.setdefault(find(i), len(numbers)) for i in range(len(plan.actors))]


def _links(plan: Plan) -> Iterator[tuple[int, int, int | None]]:
    """Writer, reader and how many puts fit beyond what the reader holds, of every channel that has both."""
    readers = {port.channel: (i, port) for i, actor in enumerate(plan.actors) for port in actor.inputs}
    for writer, actor in enumerate(plan.actors):
        for out in actor.outputs:
            if out.channel not in readers:
                continue
            reader, port = readers[out.channel]
            capacity = plan.channels[out.channel].capacity
            beyond = None if capacity is None else (capacity - _window(port)) // max(1, out.put.maximum())
            yield writer, reader, beyond


def _window(port: Input) -> int:
    """The most tokens that a firing needs and those before it have not given back, as far as one period tells."""
    span = min(port.need.length, max(port.need.period, port.free.period) + 1)
    need, free = port.need.array(0, span), port.free.array(0, span)
    return int((need - np.concatenate((np.zeros(1, dtype=np.int64), free[:-1]))).max(initial=0))


def _cursor_unless_0(memory: Memory, series: Series) -> int:
    return memory.cursor_at(series) if series.maximum() > 0 else -1


def _is_plain(actor: Actor, waits: list[_Wait], holds: list[_Wait], own: _Columns) -> bool:
    """Whether a firing waits for one time at most and is held by one, as the stages of a pipeline are."""
    if len(waits) > 1 or len(holds) > 1 or min(actor.concurrency, actor.firings) > 1:
        return False
    return own.arrival == own.end and actor.release.maximum() == 0
