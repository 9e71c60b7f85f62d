"""Timers of the compiled engine: a tournament tree over fixed timers, and a heap for completions that overlap.

Changing a timer walks one path to the root without branches that depend on data; the order of timers that ring at the
same instant does not matter (ARCHITECTURE.md, Simultaneity (a)).
"""

from __future__ import annotations

from simulator.engine import _columns as col
from simulator.engine._jit import Cells, called, inlined


@inlined
def set_timer(m: Cells, leaf: int, time: int) -> None:
    """Let a timer ring at ``time`` (INFINITY: never)."""
    timers = m[col.TIMERS]
    node = leaf + m[col.TIMER_LEAVES]
    m[timers + node * col.NODE_COLUMNS + col.NODE_TIME] = time
    winner = leaf
    while node > 1:
        beside = timers + (node ^ 1) * col.NODE_COLUMNS
        # With a conditional expression LLVM branches, and half of the branches are mispredicted: a third of the run.
        sooner = m[beside + col.NODE_TIME] - time
        chosen = sooner >> 63
        time += sooner & chosen
        winner ^= (winner ^ m[beside + col.NODE_LEAF]) & chosen
        node >>= 1
        above = timers + node * col.NODE_COLUMNS
        m[above + col.NODE_TIME] = time
        m[above + col.NODE_LEAF] = winner


@inlined
def next_time(m: Cells) -> int:
    """When the earliest timer rings."""
    return m[m[col.TIMERS] + col.NODE_COLUMNS + col.NODE_TIME]


@inlined
def next_leaf(m: Cells) -> int:
    """The timer that rings next."""
    return m[m[col.TIMERS] + col.NODE_COLUMNS + col.NODE_LEAF]


@inlined
def _move(m: Cells, place: int, source: int) -> None:
    m[place + col.OVERLAP_TIME] = m[source + col.OVERLAP_TIME]
    m[place + col.OVERLAP_ACTOR] = m[source + col.OVERLAP_ACTOR]
    m[place + col.OVERLAP_FIRING] = m[source + col.OVERLAP_FIRING]


@called
def push_overlap(m: Cells, time: int, actor: int, firing: int) -> None:
    """Remember when the compute time of a firing passes whose actor may have several under way."""
    heap, width = m[col.HEAP], col.OVERLAP_COLUMNS
    i = m[col.OVERLAPS]
    m[col.OVERLAPS] = i + 1
    while i > 0:
        up = (i - 1) >> 1
        if m[heap + up * width + col.OVERLAP_TIME] <= time:
            break
        _move(m, heap + i * width, heap + up * width)
        i = up
    m[heap + i * width + col.OVERLAP_TIME] = time
    m[heap + i * width + col.OVERLAP_ACTOR] = actor
    m[heap + i * width + col.OVERLAP_FIRING] = firing
    if i == 0:
        set_timer(m, m[col.OVERLAP_LEAF_AT], time)


@called
def pop_overlap(m: Cells) -> None:
    """Forget the earliest overlapping completion."""
    heap, width = m[col.HEAP], col.OVERLAP_COLUMNS
    count = m[col.OVERLAPS] - 1
    m[col.OVERLAPS] = count
    last = heap + count * width
    i = 0
    while True:
        child = 2 * i + 1
        if child >= count:
            break
        place = heap + child * width
        if child + 1 < count and m[place + width + col.OVERLAP_TIME] < m[place + col.OVERLAP_TIME]:
            child += 1
            place += width
        if m[place + col.OVERLAP_TIME] >= m[last + col.OVERLAP_TIME]:
            break
        _move(m, heap + i * width, place)
        i = child
    _move(m, heap + i * width, last)
    set_timer(m, m[col.OVERLAP_LEAF_AT], m[heap + col.OVERLAP_TIME] if count > 0 else col.INFINITY)
