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


@inlined
def plain_pair(m: Cells, t: Cells, actor: int, k: int) -> None:
    """Two firings of a plain stage, written out: a loop would cost as much as the firings."""
    start, served, end = m[actor + col.START] + k, m[actor + col.SERVED] + k, m[actor + col.END] + k
    one, two, held = m[actor + col.ONE] + k, m[actor + col.TWO] + k, m[actor + col.HELD] + k
    times, step = cells(m[actor + col.TIMES]), m[actor + col.TIMES_STEP]
    begun = max(t[end - 1], t[one], t[two])
    through = begun + times[k * step]
    departed = max(through, t[held])
    t[start] = begun
    t[served] = through
    t[end] = departed
    begun = max(departed, t[one + 1], t[two + 1])
    through = begun + times[(k + 1) * step]
    departed = max(through, t[held + 1])
    t[start + 1] = begun
    t[served + 1] = through
    t[end + 1] = departed


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
def pair_by_pair(m: Cells, t: Cells, firings: int) -> None:
    """Firings of plain stages that are tightly coupled: two of every stage before the next two of any."""
    for k in range(0, firings - 1, 2):
        for actor in range(m[col.ACTORS], m[col.ACTORS_END], col.ACTOR_COLUMNS):
            plain_pair(m, t, actor, k)
    for actor in range(m[col.ACTORS], m[col.ACTORS_END], col.ACTOR_COLUMNS):
        plain_block(m, t, actor, firings - firings % 2, firings)


@called
def tile_by_tile(m: Cells, t: Cells, kept: Cells) -> None:
    """All firings of tightly coupled plain stages, in a working set that stays in the cache.

    Three columns a stage, two places of each at a time, are more streams than a processor can fetch ahead.
    """
    firings, pad = m[col.FIRINGS], m[col.PAD]
    for first in range(0, firings, m[col.TILE]):
        count = min(m[col.TILE], firings - first)
        for actor in range(m[col.ACTORS], m[col.ACTORS_END], col.ACTOR_COLUMNS):
            if m[actor + col.TIMES_STEP] != 0:
                copy(t, m[actor + col.SERVED], cells(m[actor + col.GIVEN_TIMES]), first, count)
        pair_by_pair(m, t, count)
        for actor in range(m[col.ACTORS], m[col.ACTORS_END], col.ACTOR_COLUMNS):
            start, served, end = m[actor + col.START], m[actor + col.SERVED], m[actor + col.END]
            copy(kept, m[actor + col.KEPT_START] + first, t, start, count)
            copy(kept, m[actor + col.KEPT_END] + first, t, end, count)
            copy(t, start - pad, t, start + count - pad, pad)
            copy(t, end - pad, t, end + count - pad, pad)
            if served != end:
                copy(kept, m[actor + col.KEPT_SERVED] + first, t, served, count)


@inlined
def copy(to: Cells, place: int, source: Cells, first: int, count: int) -> None:
    """Copy cells."""
    for i in range(count):
        to[place + i] = source[first + i]


@called
def all_blocks(m: Cells, t: Cells, kept: Cells) -> None:
    """All firings of all actors: block by block, or tile by tile where there are tiles."""
    if m[col.TILE] > 0:
        tile_by_tile(m, t, kept)
        return
    for first in range(0, m[col.FIRINGS], m[col.BLOCK]):
        last = min(first + m[col.BLOCK], m[col.FIRINGS])
        for actor in range(m[col.ACTORS], m[col.ACTORS_END], col.ACTOR_COLUMNS):
            if m[actor + col.PLAIN] != 0:
                plain_block(m, t, actor, first, last)
            else:
                any_block(m, t, actor, first, last)
