"""Lossy sources of the compiled engine: which frames are void, and firings that pass because all their frames are."""

from __future__ import annotations

from simulator.engine import _columns as col
from simulator.engine._channels import fits, wake
from simulator.engine._firing import start
from simulator.engine._jit import Cells, called
from simulator.engine._totals import note_wait


@called
def is_void(m: Cells, actor: int) -> bool:
    """Whether all frames of an actor's next firing are void."""
    first = m[m[actor + col.FIRST_FRAME] + col.VALUE]
    last = m[m[actor + col.LAST_FRAME] + col.VALUE]
    for frame in range(first, last + 1):  # noqa: SIM110 - a generator does not compile
        if m[m[col.VOID_FRAMES] + (frame & m[col.VOID_FOLD])] != frame + 1:
            return False
    return True


@called
def has_space_for_frames(m: Cells, actor: int) -> bool:
    """Whether the ring of void frames can hold those of an actor's next firing beside all that are still needed."""
    ring = m[col.VOID_FOLD] + 1
    last = m[m[actor + col.LAST_FRAME] + col.VALUE]
    if last - m[col.VOID_FROM] < ring:
        return True
    m[col.VOID_FROM] = first_needed(m)
    return last - m[col.VOID_FROM] < ring


@called
def first_needed(m: Cells) -> int:
    """The first frame that a firing still to start serves."""
    first = col.INFINITY
    for actor in range(m[col.ACTORS], m[col.ACTORS_END], col.ACTOR_COLUMNS):
        if m[actor + col.STARTED] < m[actor + col.FIRINGS]:
            first = min(first, m[m[actor + col.FIRST_FRAME] + col.VALUE])
    return first


@called
def await_decision(m: Cells, actor: int) -> None:
    """A lossy source could start; it is decided when nothing else changes."""
    if m[actor + col.PENDING] == 0:
        m[actor + col.PENDING] = 1
        pendings = m[col.PENDINGS]
        i = m[col.PENDING_SOURCES]
        m[col.PENDING_SOURCES] = i + 1
        while i > 0 and m[pendings + i - 1] > actor:
            m[pendings + i] = m[pendings + i - 1]
            i -= 1
        m[pendings + i] = actor


@called
def decide(m: Cells, t: Cells, now: int) -> None:
    """Decide every pending source in actor order: it starts if all its outputs have room, else its frames are void."""
    count = m[col.PENDING_SOURCES]
    m[col.PENDING_SOURCES] = 0
    for i in range(count):
        actor = m[m[col.PENDINGS] + i]
        m[actor + col.PENDING] = 0
        wake(m, actor)
        if is_void(m, actor):
            continue
        has_room = True
        for out in range(m[actor + col.OUTPUTS], m[actor + col.OUTPUTS_END], col.OUTPUT_COLUMNS):
            has_room = has_room and fits(m, out, m[m[out + col.CLAIM] + col.VALUE], True, False)
        if not has_room:
            drop_frames(m, actor)
        elif m[actor + col.RESOURCE] >= 0:
            m[actor + col.DECIDED] = 1
        else:
            note_wait(m, actor, 0, now, False)
            start(m, t, actor, now, False)


@called
def drop_frames(m: Cells, actor: int) -> None:
    """The frames of an actor's next firing become void; whoever waits to serve them may pass."""
    first = m[m[actor + col.FIRST_FRAME] + col.VALUE]
    last = m[m[actor + col.LAST_FRAME] + col.VALUE]
    for frame in range(first, last + 1):
        m[m[col.VOID_FRAMES] + (frame & m[col.VOID_FOLD])] = frame + 1
    m[col.VOID_TO] = max(m[col.VOID_TO], last + 1)
    for other in range(m[col.ACTORS], m[col.ACTORS_END], col.ACTOR_COLUMNS):
        if m[other + col.STARTED] < m[other + col.FIRINGS]:
            wake(m, other)
