"""Contended resources of the compiled engine.

Who waits for a grant, and whom the arbiter chooses (Simultaneity (b)).
"""

from __future__ import annotations

from simulator.engine import _columns as col
from simulator.engine._channels import wake
from simulator.engine._jit import Cells, called


@called
def goes_before(m: Cells, one: int, other: int) -> bool:
    """The arbiter's order: priority, time ready, actor."""
    if m[one + col.PRIORITY] != m[other + col.PRIORITY]:
        return m[one + col.PRIORITY] < m[other + col.PRIORITY]
    if m[one + col.READY] != m[other + col.READY]:
        return m[one + col.READY] < m[other + col.READY]
    return one < other


@called
def list_resource(m: Cells, resource: int) -> None:
    """The head of this resource may have become grantable."""
    if m[resource + col.LISTED] == 0:
        m[resource + col.LISTED] = 1
        m[m[col.LISTS] + m[col.LISTED_RESOURCES]] = resource
        m[col.LISTED_RESOURCES] += 1


@called
def rise(m: Cells, segment: int, i: int, actor: int) -> None:
    """Place an actor in a waiting heap, at position ``i`` or above."""
    while i > 0:
        up = (i - 1) >> 1
        if not goes_before(m, actor, m[segment + up]):
            break
        m[segment + i] = m[segment + up]
        i = up
    m[segment + i] = actor


@called
def leave_queue(m: Cells, actor: int) -> None:
    """An actor no longer waits for its resource: it was granted, or its frames have become void."""
    resource = m[actor + col.RESOURCE]
    segment = m[resource + col.SEGMENT]
    count = m[resource + col.WAITING] - 1
    m[resource + col.WAITING] = count
    i = 0
    while m[segment + i] != actor:
        i += 1
    moved = m[segment + count]
    if i < count:
        while True:
            child = 2 * i + 1
            if child >= count:
                break
            if child + 1 < count and goes_before(m, m[segment + child + 1], m[segment + child]):
                child += 1
            if not goes_before(m, m[segment + child], moved):
                break
            m[segment + i] = m[segment + child]
            i = child
        rise(m, segment, i, moved)
    m[actor + col.READY] = -1
    list_resource(m, resource)


@called
def join_queue(m: Cells, actor: int, now: int) -> None:
    """Everything but the resource allows an actor to start from now on."""
    resource = m[actor + col.RESOURCE]
    m[actor + col.READY] = now
    count = m[resource + col.WAITING]
    m[resource + col.WAITING] = count + 1
    rise(m, m[resource + col.SEGMENT], count, actor)
    list_resource(m, resource)


@called
def grant(m: Cells) -> bool:
    """Grant one firing: of all heads that fit, the first by the arbiter's order. False if none does."""
    best = -1
    i = 0
    while i < m[col.LISTED_RESOURCES]:
        resource = m[m[col.LISTS] + i]
        head = -1
        if m[resource + col.WAITING] > 0:
            head = m[m[resource + col.SEGMENT]]
        if head < 0 or m[head + col.SLOTS] > m[resource + col.SLOTS_LEFT]:
            m[resource + col.LISTED] = 0
            m[col.LISTED_RESOURCES] -= 1
            m[m[col.LISTS] + i] = m[m[col.LISTS] + m[col.LISTED_RESOURCES]]
            continue
        if best < 0 or goes_before(m, head, best):
            best = head
        i += 1
    if best < 0:
        return False
    leave_queue(m, best)
    m[m[best + col.RESOURCE] + col.SLOTS_LEFT] -= m[best + col.SLOTS]
    m[best + col.GRANTED] = 1
    wake(m, best)
    return True
