"""Lossy sources of the compiled engine: which frames are void, and firings that pass because all their frames are."""

from __future__ import annotations

from simulator.engine import _columns as col
from simulator.engine._channels import fits, wake
from simulator.engine._firing import note_wait, start
from simulator.engine._jit import called
from simulator.engine.arrays import State


@called
def is_void(s: State, actor: int) -> bool:
    """Whether all frames of an actor's next firing are void."""
    first = s.cursor[s.actor[actor, col.FIRST_FRAME], col.VALUE]
    last = s.cursor[s.actor[actor, col.LAST_FRAME], col.VALUE]
    for frame in range(first, last + 1):  # noqa: SIM110 - a generator does not compile
        if s.void_frame[frame] == 0:
            return False
    return True


@called
def await_decision(s: State, actor: int) -> None:
    """A lossy source could start; it is decided when nothing else changes."""
    if s.actor[actor, col.PENDING] == 0:
        s.actor[actor, col.PENDING] = 1
        s.pending[s.run[col.PENDING_SOURCES]] = actor
        s.run[col.PENDING_SOURCES] += 1


@called
def decide(s: State, now: int) -> None:
    """Decide every pending source in actor order: it starts if all its outputs have room, else its frames are void."""
    count = s.run[col.PENDING_SOURCES]
    s.run[col.PENDING_SOURCES] = 0
    sources = s.pending[:count]
    sources.sort()
    for i in range(count):
        actor = sources[i]
        s.actor[actor, col.PENDING] = 0
        wake(s, actor)
        if is_void(s, actor):
            continue
        has_room = True
        for out in range(s.actor[actor, col.OUTPUTS], s.actor[actor, col.OUTPUTS_END]):
            has_room = has_room and fits(s, out, s.cursor[s.output[out, col.CLAIM], col.VALUE], True)
        if not has_room:
            drop_frames(s, actor)
        elif s.actor[actor, col.RESOURCE] >= 0:
            s.actor[actor, col.DECIDED] = 1
        else:
            note_wait(s, actor, 0, now)
            start(s, actor, now)


@called
def drop_frames(s: State, actor: int) -> None:
    """The frames of an actor's next firing become void; whoever waits to serve them may pass."""
    first = s.cursor[s.actor[actor, col.FIRST_FRAME], col.VALUE]
    last = s.cursor[s.actor[actor, col.LAST_FRAME], col.VALUE]
    s.void_frame[first : last + 1] = 1
    for other in range(s.actor.shape[0]):
        if s.actor[other, col.STARTED] < s.actor[other, col.FIRINGS]:
            wake(s, other)
