"""Contended resources of the compiled engine: who waits for a grant, and whom the arbiter chooses (Simultaneity (b))."""

from __future__ import annotations

from simulator.engine import _columns as col
from simulator.engine._channels import wake
from simulator.engine._jit import called
from simulator.engine.arrays import State


@called
def goes_before(s: State, one: int, other: int) -> bool:
    """The arbiter's order: priority, time ready, actor."""
    if s.actor[one, col.PRIORITY] != s.actor[other, col.PRIORITY]:
        return bool(s.actor[one, col.PRIORITY] < s.actor[other, col.PRIORITY])
    if s.actor[one, col.READY] != s.actor[other, col.READY]:
        return bool(s.actor[one, col.READY] < s.actor[other, col.READY])
    return one < other


@called
def list_resource(s: State, resource: int) -> None:
    """The head of this resource may have become grantable."""
    if s.resource[resource, col.LISTED] == 0:
        s.resource[resource, col.LISTED] = 1
        s.listed[s.run[col.LISTED_RESOURCES]] = resource
        s.run[col.LISTED_RESOURCES] += 1


@called
def rise(s: State, segment: int, i: int, actor: int) -> None:
    """Place an actor in a waiting heap, at position ``i`` or above."""
    while i > 0:
        up = (i - 1) >> 1
        if not goes_before(s, actor, s.waiting[segment + up]):
            break
        s.waiting[segment + i] = s.waiting[segment + up]
        i = up
    s.waiting[segment + i] = actor


@called
def leave_queue(s: State, actor: int) -> None:
    """An actor no longer waits for its resource: it was granted, or its frames have become void."""
    resource = s.actor[actor, col.RESOURCE]
    segment = s.resource[resource, col.SEGMENT]
    count = s.resource[resource, col.WAITING] - 1
    s.resource[resource, col.WAITING] = count
    i = 0
    while s.waiting[segment + i] != actor:
        i += 1
    moved = s.waiting[segment + count]
    if i < count:
        while True:
            child = 2 * i + 1
            if child >= count:
                break
            if child + 1 < count and goes_before(s, s.waiting[segment + child + 1], s.waiting[segment + child]):
                child += 1
            if not goes_before(s, s.waiting[segment + child], moved):
                break
            s.waiting[segment + i] = s.waiting[segment + child]
            i = child
        rise(s, segment, i, moved)
    s.actor[actor, col.READY] = -1
    list_resource(s, resource)


@called
def join_queue(s: State, actor: int, now: int) -> None:
    """Everything but the resource allows an actor to start from now on."""
    resource = s.actor[actor, col.RESOURCE]
    s.actor[actor, col.READY] = now
    count = s.resource[resource, col.WAITING]
    s.resource[resource, col.WAITING] = count + 1
    rise(s, s.resource[resource, col.SEGMENT], count, actor)
    list_resource(s, resource)


@called
def grant(s: State) -> bool:
    """Grant one firing: of all heads that fit, the first by the arbiter's order. False if none does."""
    best = -1
    i = 0
    while i < s.run[col.LISTED_RESOURCES]:
        resource = s.listed[i]
        head = -1
        if s.resource[resource, col.WAITING] > 0:
            head = s.waiting[s.resource[resource, col.SEGMENT]]
        if head < 0 or s.actor[head, col.SLOTS] > s.resource[resource, col.SLOTS_LEFT]:
            s.resource[resource, col.LISTED] = 0
            s.run[col.LISTED_RESOURCES] -= 1
            s.listed[i] = s.listed[s.run[col.LISTED_RESOURCES]]
            continue
        if best < 0 or goes_before(s, head, best):
            best = head
        i += 1
    if best < 0:
        return False
    leave_queue(s, best)
    s.resource[s.actor[best, col.RESOURCE], col.SLOTS_LEFT] -= s.actor[best, col.SLOTS]
    s.actor[best, col.GRANTED] = 1
    wake(s, best)
    return True
