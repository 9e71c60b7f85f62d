"""Marked graphs: all actors fire equally often and move one token a firing, as the stages of a streaming pipeline do.

Firing k then depends on firings k - lag of its neighbours with constant lags, so the recurrence needs no counting of
tokens. It is evaluated in blocks of firings: within a block an actor needs nothing from actors behind it in the
order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from simulator.engine import _marked_columns as col
from simulator.engine.arrays import Memory, is_constant
from simulator.plan import Actor, Ints, Plan, Series
from simulator.trace import Trace

Fact = TypeVar("Fact")

_LONGEST_BLOCK = 512
"""Firings of an actor in one go: what the block touches stays in the cache."""

_TILE = 128
"""Firings of all actors whose times stay in the cache, where an actor can go on by a few firings only."""

_Columns = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class _Needs:
    """A time that a firing waits for: that of firing ``k - lag`` of ``actor``.

    Its start, its end, or the arrival of its tokens.

    ``column`` is START, END or ARRIVAL of the four columns that an actor has.
    """

    actor: int
    lag: int
    column: int


def run_marked_graph(plan: Plan) -> Trace | None:
    """The Trace of a marked graph with static order; None if it is none, or depends on itself."""
    from simulator.engine._kernel import run_blocks
    from simulator.engine.static_order import complete_trace

    found = _needs(plan)
    if found is None:
        return None
    starts, ends = found
    firings = plan.actors[0].firings
    order = _order(plan, starts, ends)
    if order is None:
        return None
    place = {actor: i for i, actor in enumerate(order)}
    behind = [
        need.lag
        for needs in (starts, ends)
        for actor, wanted in enumerate(needs)
        for need in wanted
        if place[need.actor] > place[actor]
    ]
    block = min([_LONGEST_BLOCK, *behind])
    ticks = [_ticks(actor) for actor in plan.actors]
    memory, times, columns = _flatten(plan, starts, ends, order, block, ticks)
    run_blocks(*memory, times)
    start, served, end = ([times[three[i] : three[i] + firings] for three in columns] for i in range(3))
    return complete_trace(plan, start, served, end, "a marked graph")


def _offset(series: Series) -> int | None:
    """``c`` if the series is ``k + 1 + c``."""
    pattern = series.pattern
    if series.step != pattern.size and series.length > pattern.size:
        return None
    if pattern.size > 1 and not (np.diff(pattern) == 1).all():
        return None
    return int(pattern[0]) - 1


def _is_one(series: Series) -> bool:
    return series.step == 0 and bool((series.pattern == 1).all())


def _is_ever_positive(series: Series) -> bool:
    """Whether a series is anything but 0; a single value, the common case, is not worth a call into numpy."""
    return series.pattern.item(0) > 0 or ((series.period > 1 or series.step > 0) and series.maximum() > 0)


def _remembering(fact: Callable[[Series], Fact]) -> Callable[[Series], Fact]:
    """A fact about series that is found once for each: plans of many stages share theirs."""
    known: dict[int, Fact] = {}

    def find(series: Series) -> Fact:
        if id(series) not in known:
            known[id(series)] = fact(series)
        return known[id(series)]

    return find


def _needs(plan: Plan) -> tuple[list[list[_Needs]], list[list[_Needs]]] | None:
    """What the starts and the ends of each actor's firings wait for; None if the plan is no marked graph."""
    if len({actor.firings for actor in plan.actors}) != 1 or plan.actors[0].firings == 0:
        return None
    starts: list[list[_Needs]] = [[] for _ in plan.actors]
    ends: list[list[_Needs]] = [[] for _ in plan.actors]
    writers = {out.channel: (i, out.put) for i, a in enumerate(plan.actors) for out in a.outputs}
    readers = {port.channel: (i, port) for i, a in enumerate(plan.actors) for port in a.inputs}
    is_one, offset = _remembering(_is_one), _remembering(_offset)
    for index, channel in enumerate(plan.channels):
        if index not in writers or index not in readers:
            return None
        (writer, put), (reader, port) = writers[index], readers[index]
        need, free = offset(port.need), offset(port.free)
        # A reader that gives back k + 1 in all frees one token a firing from its first firing on; windows do not.
        if not is_one(put) or need is None or free != 0 or channel.initial < need:
            return None
        starts[reader].append(_Needs(writer, channel.initial - need, col.ARRIVAL))
        if channel.capacity is not None:
            rule = plan.discipline_of(index)
            lag = channel.capacity - channel.initial
            if lag < 0 or writer == reader:
                return None
            wants = starts if rule.claims_at_start else ends
            wants[writer].append(_Needs(reader, lag, col.START if rule.releases_at_start else col.END))
    for index, actor in enumerate(plan.actors):
        if 1 < actor.concurrency < actor.firings:
            starts[index].append(_Needs(index, actor.concurrency, col.END))
    # A time further back than the first firing is never waited for.
    firings = plan.actors[0].firings
    starts, ends = ([[n for n in wanted if n.lag < firings] for wanted in needs] for needs in (starts, ends))
    return starts, ends


def _order(plan: Plan, starts: list[list[_Needs]], ends: list[list[_Needs]]) -> list[int] | None:
    """Actors such that each comes behind those whose present firing it waits for; None if they wait for one another."""
    now = [{n.actor for n in starts[i] + ends[i] if n.lag == 0} for i in range(len(plan.actors))]
    order: list[int] = []
    placed: set[int] = set()
    while len(order) < len(now):
        free = next((i for i, wanted in enumerate(now) if i not in placed and wanted <= placed), None)
        if free is None:
            return None
        order.append(free)
        placed.add(free)
    return order


def _flatten(
    plan: Plan, starts: list[list[_Needs]], ends: list[list[_Needs]], order: list[int], block: int, ticks: list[Ints]
) -> tuple[tuple[Ints, Ints], Ints, list[_Columns]]:
    """Memory and working columns (0 in front of each), the columns that are kept, and where each actor's begin in them.

    Tightly coupled plain stages work on tiles; else the working columns are the ones that are kept.
    """
    firings = plan.actors[0].firings
    pad = max(1, max((n.lag for needs in (starts, ends) for wanted in needs for n in wanted), default=1))
    is_plain = [_is_plain(actor, starts[i], ends[i]) for i, actor in enumerate(plan.actors)]
    tile = _TILE if 2 <= block < 4 and all(is_plain) and pad < _TILE < firings else 0
    columns, cells = _columns(plan, ends, pad, tile or firings)
    constants = cells
    work = np.zeros(constants + len(plan.actors), dtype=np.int64)
    work[constants:] = [one[0] for one in ticks]
    kept_columns, cells = _columns(plan, ends, 0, firings) if tile else (columns, 0)
    kept = np.empty(cells, dtype=np.int64) if tile else work
    memory = Memory()
    run = np.zeros(col.RUN_COLUMNS, dtype=np.int64)
    memory.place(run)
    at_work = _address(work)
    rows = []
    for index in order:
        waits, holds = ([columns[n.actor][n.column] - n.lag for n in needs[index]] for needs in (starts, ends))
        if is_plain[index]:
            given = _address(ticks[index]) if ticks[index].size > 1 else 0
            fetched = columns[index][1] if given and tile else constants + index
            times = given if given and not tile else at_work + fetched * work.itemsize
            rows.append(_plain_row(columns[index], kept_columns[index], waits, holds, (times, int(given > 0), given)))
        else:
            rows.append(_any_row(memory, plan.actors[index], columns[index], waits, holds))
    run[[col.ACTORS, col.ACTORS_END]] = memory.place(np.array(rows, dtype=np.int64)), memory.size
    run[[col.BLOCK, col.TILE, col.PAD, col.FIRINGS]] = block, tile, pad, firings
    return (memory.joined(), work), kept, kept_columns


def _address(cells: Ints) -> int:
    """Where an array stands."""
    return int(cells.__array_interface__["data"][0])


def _plain_row(
    columns: _Columns, kept: _Columns, waits: list[int], holds: list[int], times: tuple[int, int, int]
) -> list[int]:
    """The cells of a plain stage. One that waits for less waits for its own last departure again."""
    start, served, end, arrival = columns
    one, two = [*waits, end - 1, end - 1][:2]
    row = [start, served, end, one, two, holds[0] if holds else end - 1, *times[:2]]
    row += [0] * (col.ACTOR_COLUMNS - len(row))
    row[col.ANY_ARRIVAL], row[col.PLAIN], row[col.GIVEN_TIMES] = arrival, 1, times[2]
    row[col.KEPT_START], row[col.KEPT_SERVED], row[col.KEPT_END] = kept[:3]
    return row


def _any_row(memory: Memory, actor: Actor, columns: _Columns, waits: list[int], holds: list[int]) -> list[int]:
    """The cells of any other actor."""
    row = [0] * col.ACTOR_COLUMNS
    row[col.START], row[col.SERVED], row[col.END], row[col.ANY_ARRIVAL] = columns
    row[col.OVERLAPS] = int(_overlaps(actor))
    row[col.COMPUTE] = memory.cursor_at(actor.compute)
    row[col.RELEASE] = memory.cursor_at(actor.release) if _is_ever_positive(actor.release) else -1
    row[col.LATENCY] = memory.cursor_at(actor.latency) if _is_ever_positive(actor.latency) else -1
    row[col.WAITS], row[col.WAITS_END] = memory.place(np.array(waits, dtype=np.int64)), memory.size
    row[col.HOLDS], row[col.HOLDS_END] = memory.place(np.array(holds, dtype=np.int64)), memory.size
    return row


def _columns(plan: Plan, ends: list[list[_Needs]], pad: int, length: int) -> tuple[list[_Columns], int]:
    """Where the columns of start, served, end and arrival of each actor begin, and how many cells they take.

    Equal ones are one.
    """
    width = length + pad
    columns, used = [], pad
    for index, actor in enumerate(plan.actors):
        start, served = used, used + width
        end = served + width if ends[index] or _overlaps(actor) else served
        arrival = end + width if _is_ever_positive(actor.latency) else end
        used = arrival + width
        columns.append((start, served, end, arrival))
    return columns, used


def _is_plain(actor: Actor, waits: list[_Needs], holds: list[_Needs]) -> bool:
    """Whether a stage waits for two times at most, is held by one, and has no releases, latency or overlap."""
    if len(waits) > 2 or len(holds) > 1 or _overlaps(actor):
        return False
    return not _is_ever_positive(actor.release) and not _is_ever_positive(actor.latency)


def _ticks(actor: Actor) -> Ints:
    """The compute times of an actor: one that always holds, or one a firing."""
    if is_constant(actor.compute):
        return actor.compute.pattern[:1]
    is_full = actor.compute.period >= actor.firings
    return actor.compute.pattern if is_full else actor.compute.array()


def _overlaps(actor: Actor) -> bool:
    """Whether several firings can be under way at once."""
    return min(actor.concurrency, actor.firings) > 1
