"""The recurrence of a marked graph, block by block."""

from __future__ import annotations

from simulator.engine import _columns as cursor
from simulator.engine import _marked_columns as col
from simulator.engine._channels import advance
from simulator.engine._jit import Cells, called, cells, inlined


@inlined
def plain_block(m: Cells, t: Cells, actor: int, first: int, last: int) -> None:
    """Some firings of a plain stage. Where one departs as soon as it is served, served and end are one column."""
    start, served, end = m[actor + col.START], m[actor + col.SERVED], m[actor + col.END]
    one, two, held = m[actor + col.ONE], m[actor + col.TWO], m[actor + col.HELD]
    times, step = cells(m[actor + col.TIMES]), m[actor + col.TIMES_STEP]
    departed = t[end + first - 1]
    for k in range(first, last):
        begun = max(departed, t[one + k], t[two + k])
        through = begun + times[k * step]
        departed = max(through, t[held + k])
        t[start + k] = begun
        t[served + k] = through
        t[end + k] = departed


@called
def any_block(m: Cells, t: Cells, actor: int, first: int, last: int) -> None:
    """Firings of any actor of a marked graph."""
    start, served, end = m[actor + col.START], m[actor + col.SERVED], m[actor + col.END]
    arrival = m[actor + col.ANY_ARRIVAL]
    overlaps = m[actor + col.OVERLAPS] != 0
    for k in range(first, last):
        time = t[start + k - 1] if overlaps else t[end + k - 1]
        if m[actor + col.RELEASE] >= 0:
            time = max(time, m[m[actor + col.RELEASE] + cursor.VALUE])
            advance(m, m[actor + col.RELEASE])
        for place in range(m[actor + col.WAITS], m[actor + col.WAITS_END]):
            time = max(time, t[m[place] + k])
        t[start + k] = time
        time += m[m[actor + col.COMPUTE] + cursor.VALUE]
        advance(m, m[actor + col.COMPUTE])
        t[served + k] = time
        time = max(time, t[end + k - 1])
        for place in range(m[actor + col.HOLDS], m[actor + col.HOLDS_END]):
            time = max(time, t[m[place] + k])
        t[end + k] = time
        if m[actor + col.LATENCY] >= 0:
            time = max(time + m[m[actor + col.LATENCY] + cursor.VALUE], t[arrival + k - 1])
            advance(m, m[actor + col.LATENCY])
            t[arrival + k] = time


@called
def all_blocks(m: Cells, t: Cells) -> None:
    """All firings of all actors, block by block."""
    for first in range(0, m[col.FIRINGS], m[col.BLOCK]):
        last = min(first + m[col.BLOCK], m[col.FIRINGS])
        for actor in range(m[col.ACTORS], m[col.ACTORS_END], col.ACTOR_COLUMNS):
            if m[actor + col.PLAIN] != 0:
                plain_block(m, t, actor, first, last)
            else:
                any_block(m, t, actor, first, last)
