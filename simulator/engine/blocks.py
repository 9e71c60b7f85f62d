"""A marked graph in blocks of firings, for actors of any kind: what a block touches stays in the cache."""

from __future__ import annotations

import numpy as np

from simulator.engine import _marked_columns as col
from simulator.engine.arrays import Memory
from simulator.engine.marked_graph import MarkedGraph, Need, is_ever_positive, overlaps, ticks_of
from simulator.plan import Actor, Ints
from simulator.trace import Trace

_LONGEST_BLOCK = 512
"""Firings of an actor in one go."""

_Columns = tuple[int, int, int, int]


def run_in_blocks(graph: MarkedGraph) -> Trace:
    """The Trace of a marked graph; within a block an actor needs nothing from actors behind it in the order."""
    from simulator.engine._kernel import run_blocks
    from simulator.engine.static_order import complete_trace

    place = {actor: i for i, actor in enumerate(graph.order)}
    behind = [
        need.lag
        for needs in (graph.starts, graph.ends)
        for actor, wanted in enumerate(needs)
        for need in wanted
        if place[need.actor] > place[actor]
    ]
    ticks = [ticks_of(actor) for actor in graph.plan.actors]
    memory, times, columns = _flatten(graph, min([_LONGEST_BLOCK, *behind]), ticks)
    run_blocks(memory, times)
    start, served, end = ([times[three[i] : three[i] + graph.firings] for three in columns] for i in range(3))
    return complete_trace(graph.plan, start, served, end, "a marked graph, in blocks")


def _flatten(graph: MarkedGraph, block: int, ticks: list[Ints]) -> tuple[Ints, Ints, list[_Columns]]:
    """Memory, all columns of times (0 in front of each), and where each actor's begin in them."""
    actors, starts, ends = graph.plan.actors, graph.starts, graph.ends
    pad = max(1, max((n.lag for needs in (starts, ends) for wanted in needs for n in wanted), default=1))
    columns, constants = _columns(graph, pad)
    times = np.zeros(constants + len(actors), dtype=np.int64)
    times[constants:] = [one[0] for one in ticks]
    memory = Memory()
    run = np.zeros(col.RUN_COLUMNS, dtype=np.int64)
    memory.place(run)
    rows = []
    for index in graph.order:
        waits, holds = ([columns[n.actor][n.column] - n.lag for n in needs[index]] for needs in (starts, ends))
        if _is_plain(actors[index], starts[index], ends[index]):
            differs = ticks[index].size > 1
            given = _address(ticks[index]) if differs else _address(times) + (constants + index) * times.itemsize
            rows.append(_plain_row(columns[index], waits, holds, given, int(differs)))
        else:
            rows.append(_any_row(memory, actors[index], columns[index], waits, holds))
    run[[col.ACTORS, col.ACTORS_END]] = memory.place(np.array(rows, dtype=np.int64)), memory.size
    run[[col.BLOCK, col.FIRINGS]] = block, graph.firings
    return memory.joined(), times, columns


def _address(cells: Ints) -> int:
    """Where an array stands."""
    return int(cells.__array_interface__["data"][0])


def _plain_row(columns: _Columns, waits: list[int], holds: list[int], times: int, step: int) -> list[int]:
    """The cells of a plain stage. One that waits for less waits for its own last departure again."""
    start, served, end, arrival = columns
    one, two = [*waits, end - 1, end - 1][:2]
    row = [start, served, end, one, two, holds[0] if holds else end - 1, times, step]
    row += [0] * (col.ACTOR_COLUMNS - len(row))
    row[col.ANY_ARRIVAL], row[col.PLAIN] = arrival, 1
    return row


def _any_row(memory: Memory, actor: Actor, columns: _Columns, waits: list[int], holds: list[int]) -> list[int]:
    """The cells of any other actor."""
    row = [0] * col.ACTOR_COLUMNS
    row[col.START], row[col.SERVED], row[col.END], row[col.ANY_ARRIVAL] = columns
    row[col.OVERLAPS] = int(overlaps(actor))
    row[col.COMPUTE] = memory.cursor_at(actor.compute)
    row[col.RELEASE] = memory.cursor_at(actor.release) if is_ever_positive(actor.release) else -1
    row[col.LATENCY] = memory.cursor_at(actor.latency) if is_ever_positive(actor.latency) else -1
    row[col.WAITS], row[col.WAITS_END] = memory.place(np.array(waits, dtype=np.int64)), memory.size
    row[col.HOLDS], row[col.HOLDS_END] = memory.place(np.array(holds, dtype=np.int64)), memory.size
    return row


def _columns(graph: MarkedGraph, pad: int) -> tuple[list[_Columns], int]:
    """Where the columns of start, served, end and arrival of each actor begin, and how many cells they take.

    Equal ones are one.
    """
    width = graph.firings + pad
    columns, used = [], pad
    for index, actor in enumerate(graph.plan.actors):
        start, served = used, used + width
        end = served + width if graph.ends[index] or overlaps(actor) else served
        arrival = end + width if is_ever_positive(actor.latency) else end
        used = arrival + width
        columns.append((start, served, end, arrival))
    return columns, used


def _is_plain(actor: Actor, waits: list[Need], holds: list[Need]) -> bool:
    """Whether a stage waits for two times at most, is held by one, and has no releases, latency or overlap."""
    if len(waits) > 2 or len(holds) > 1 or overlaps(actor):
        return False
    return not is_ever_positive(actor.release) and not is_ever_positive(actor.latency)
