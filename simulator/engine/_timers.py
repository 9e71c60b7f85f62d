"""Timers of the compiled engine: a tournament tree over fixed timers, and a heap for completions that overlap.

Changing a timer walks one path to the root without branches that depend on data; the order of timers that ring at the same
instant does not matter (ARCHITECTURE.md, Simultaneity (a)).
"""

from __future__ import annotations

from simulator.engine import _columns as col
from simulator.engine._jit import called, inlined
from simulator.engine.arrays import State


@inlined
def set_timer(s: State, leaf: int, time: int) -> None:
    """Let a timer ring at ``time`` (INFINITY: never)."""
    node = leaf + (s.timer.size >> 1)
    s.timer[node] = time
    winner = leaf
    while node > 1:
        other = s.timer[node ^ 1]
        other_leaf = s.timer_leaf[node ^ 1]
        is_later = other < time
        time = other if is_later else time
        winner = other_leaf if is_later else winner
        node >>= 1
        s.timer[node] = time
        s.timer_leaf[node] = winner


@called
def push_overlap(s: State, time: int, actor: int, firing: int) -> None:
    """Remember when the compute time of a firing passes whose actor may have several under way."""
    i = s.run[col.OVERLAPS]
    s.run[col.OVERLAPS] = i + 1
    while i > 0:
        up = (i - 1) >> 1
        if s.overlap_time[up] <= time:
            break
        s.overlap_time[i] = s.overlap_time[up]
        s.overlap_actor[i] = s.overlap_actor[up]
        s.overlap_firing[i] = s.overlap_firing[up]
        i = up
    s.overlap_time[i] = time
    s.overlap_actor[i] = actor
    s.overlap_firing[i] = firing
    if i == 0:
        set_timer(s, s.actor.shape[0], time)


@called
def pop_overlap(s: State) -> None:
    """Forget the earliest overlapping completion."""
    count = s.run[col.OVERLAPS] - 1
    s.run[col.OVERLAPS] = count
    time = s.overlap_time[count]
    actor = s.overlap_actor[count]
    firing = s.overlap_firing[count]
    i = 0
    while True:
        child = 2 * i + 1
        if child >= count:
            break
        if child + 1 < count and s.overlap_time[child + 1] < s.overlap_time[child]:
            child += 1
        if s.overlap_time[child] >= time:
            break
        s.overlap_time[i] = s.overlap_time[child]
        s.overlap_actor[i] = s.overlap_actor[child]
        s.overlap_firing[i] = s.overlap_firing[child]
        i = child
    s.overlap_time[i] = time
    s.overlap_actor[i] = actor
    s.overlap_firing[i] = firing
    set_timer(s, s.actor.shape[0], s.overlap_time[0] if count > 0 else col.INFINITY)
