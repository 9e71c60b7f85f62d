"""Timers of the compiled engine: a tournament tree over fixed timers, and a heap for completions that overlap.

A node holds a time and the timer that rings then in one word: the ticks since an epoch above the number of the leaf.
What rings too late for that is clamped, and in the rare case that nothing earlier is left a new epoch begins. Four
children a node, because three of them are compared while the fourth is still on its way up. Changing a timer walks
one path to the root without branches that depend on data; the order of timers that ring at the same instant does not
matter (ARCHITECTURE.md, Simultaneity (a)).
"""

from __future__ import annotations

from simulator.engine import _columns as col
from simulator.engine._jit import Cells, called, inlined


@inlined
def set_timer(m: Cells, leaf: int, time: int) -> None:
    """Let a timer ring at ``time`` (INFINITY: never)."""
    bits = m[col.LEAF_BITS]
    m[m[col.DUES] + leaf] = time
    key = (min(time - m[col.EPOCH], col.INFINITY >> bits) << bits) | leaf
    timers = m[col.TIMERS]
    node = leaf + (1 << bits)
    m[timers + node] = key
    while node > 1:
        beside = min(min(m[timers + (node ^ 1)], m[timers + (node ^ 2)]), m[timers + (node ^ 3)])
        key = min(key, beside)
        node >>= 2
        m[timers + node] = key


@inlined
def rings(m: Cells, now: int) -> bool:
    """Whether a timer rings at this instant."""
    return m[m[col.TIMERS] + 1] >> m[col.LEAF_BITS] == now - m[col.EPOCH]


@inlined
def next_leaf(m: Cells) -> int:
    """The timer that rings next."""
    return m[m[col.TIMERS] + 1] & ((1 << m[col.LEAF_BITS]) - 1)


@inlined
def next_time(m: Cells) -> int:
    """When the earliest timer rings."""
    bits = m[col.LEAF_BITS]
    ahead = m[m[col.TIMERS] + 1] >> bits
    if ahead == col.INFINITY >> bits:
        return begin_epoch(m)
    return m[col.EPOCH] + ahead


@called
def begin_epoch(m: Cells) -> int:
    """Count from the earliest timer on, which is returned: it is too far from the epoch before, or never rings."""
    dues, leaves = m[col.DUES], 1 << m[col.LEAF_BITS]
    earliest = col.INFINITY
    for leaf in range(leaves):
        earliest = min(earliest, m[dues + leaf])
    if earliest < col.INFINITY:
        m[col.EPOCH] = earliest
        for leaf in range(leaves):
            set_timer(m, leaf, m[dues + leaf])
    return earliest


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
