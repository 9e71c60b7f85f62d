"""The recurrence of a marked graph, block by block."""

from __future__ import annotations

from simulator.engine import _columns as cursor
from simulator.engine import _marked_columns as col
from simulator.engine._channels import advance
from simulator.engine._jit import called, inlined
from simulator.plan import Ints


@inlined
def plain_firing(m: Ints, t: Ints, actor: int, k: int) -> None:
    """One firing of a plain stage. Where it departs as soon as it is served, both times stand at one place."""
    begun = max(t[m[actor + col.END] + k - 1], t[m[actor + col.ONE] + k], t[m[actor + col.TWO] + k])
    through = begun + m[m[actor + col.TIMES] + k * m[actor + col.TIMES_STEP]]
    t[m[actor + col.START] + k] = begun
    t[m[actor + col.SERVED] + k] = through
    t[m[actor + col.END] + k] = max(through, t[m[actor + col.HELD] + k])


@inlined
def plain_block(m: Ints, t: Ints, actor: int, first: int, last: int) -> None:
    """Some firings of a plain stage: what does not change is read once."""
    start, served, end = m[actor + col.START], m[actor + col.SERVED], m[actor + col.END]
    one, two, held = m[actor + col.ONE], m[actor + col.TWO], m[actor + col.HELD]
    times, step = m[actor + col.TIMES], m[actor + col.TIMES_STEP]
    departed = t[end + first - 1]
    for k in range(first, last):
        begun = max(departed, t[one + k], t[two + k])
        through = begun + m[times + k * step]
        departed = max(through, t[held + k])
        t[start + k] = begun
        t[served + k] = through
        t[end + k] = departed


@called
def any_block(m: Ints, t: Ints, actor: int, first: int, last: int) -> None:
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
def frame_by_frame(m: Ints, t: Ints, firings: int) -> None:
    """All firings of plain stages that are tightly coupled: firing k of every stage before firing k + 1 of any."""
    for k in range(firings):
        for actor in range(m[col.ACTORS], m[col.ACTORS_END], col.ACTOR_COLUMNS):
            plain_firing(m, t, actor, k)


@called
def all_blocks(m: Ints, t: Ints, firings: int, block: int) -> None:
    """All firings of all actors, a block of firings at a time."""
    if block < 4 and m[col.ALL_PLAIN] != 0:
        frame_by_frame(m, t, firings)
        return
    for first in range(0, firings, block):
        last = min(first + block, firings)
        for actor in range(m[col.ACTORS], m[col.ACTORS_END], col.ACTOR_COLUMNS):
            if m[actor + col.PLAIN] != 0:
                plain_block(m, t, actor, first, last)
            else:
                any_block(m, t, actor, first, last)
