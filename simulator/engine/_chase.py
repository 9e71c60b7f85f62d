"""The static-order recurrence for any rates: each actor as far as the times that it depends on are known."""

from __future__ import annotations

from simulator.engine import _static_columns as col
from simulator.engine._channels import advance
from simulator.engine._columns import FIRST, LAST, POSITION, RAISED, STEP, VALUE
from simulator.engine._jit import Cells, called, inlined


@inlined
def is_known(m: Cells, first: int, last: int) -> bool:
    """Whether all times that the next firing waits for have been found."""
    known = True
    for wait in range(first, last, col.WAIT_COLUMNS):
        known = known and m[m[wait + col.INDEX] + VALUE] < m[m[wait + col.KNOWN]]
    return known


@inlined
def latest(m: Cells, t: Cells, time: int, first: int, last: int) -> int:
    """The last of these times, which are known, and one more."""
    for wait in range(first, last, col.WAIT_COLUMNS):
        cursor = m[wait + col.INDEX]
        index = m[cursor + VALUE]
        if index >= 0:
            time = max(time, t[m[wait + col.COLUMN] + index] + m[wait + col.PLUS])
        advance(m, cursor)
    return time


@inlined
def start_next(m: Cells, t: Cells, actor: int) -> bool:
    """Find the start of an actor's next firing, if all that it depends on is known."""
    firing, concurrency = m[actor + col.STARTED], m[actor + col.CONCURRENCY]
    if firing == m[actor + col.FIRINGS] or firing - m[actor + col.ENDED] >= concurrency:
        return False
    first, last = m[actor + col.WAITS], m[actor + col.WAITS_END]
    if not is_known(m, first, last):
        return False
    time = 0
    if m[actor + col.RELEASE] >= 0:
        time = m[m[actor + col.RELEASE] + VALUE]
        advance(m, m[actor + col.RELEASE])
    if firing > 0:
        time = max(time, t[m[actor + col.START] + firing - 1])
    if firing >= concurrency:
        time = max(time, t[m[actor + col.END] + firing - concurrency])
    time = latest(m, t, time, first, last)
    t[m[actor + col.START] + firing] = time
    t[m[actor + col.END] + firing] = time + m[m[actor + col.COMPUTE] + VALUE]  # until it has departed
    advance(m, m[actor + col.COMPUTE])
    m[actor + col.STARTED] = firing + 1
    return True


@inlined
def end_next(m: Cells, t: Cells, actor: int) -> bool:
    """Find the departure of an actor's oldest firing under way, if all that it depends on is known."""
    firing = m[actor + col.ENDED]
    first, last = m[actor + col.HOLDS], m[actor + col.HOLDS_END]
    if firing == m[actor + col.STARTED] or not is_known(m, first, last):
        return False
    time = t[m[actor + col.END] + firing]
    if firing > 0:
        time = max(time, t[m[actor + col.END] + firing - 1])
    time = latest(m, t, time, first, last)
    t[m[actor + col.END] + firing] = time
    if m[actor + col.LATENCY] >= 0:
        arrival = time + m[m[actor + col.LATENCY] + VALUE]
        advance(m, m[actor + col.LATENCY])
        if firing > 0:
            arrival = max(arrival, t[m[actor + col.ARRIVAL] + firing - 1])
        t[m[actor + col.ARRIVAL] + firing] = arrival
    m[actor + col.ENDED] = firing + 1
    return True


@inlined
def walk(m: Cells, cursor: int) -> tuple[int, int, int, int, int]:
    """Where a cursor stands and how far its period is raised, then the ends of the period and its step."""
    return m[cursor + POSITION], m[cursor + RAISED], m[cursor + FIRST], m[cursor + LAST], m[cursor + STEP]


@inlined
def following(place: int, raised: int, first: int, last: int, step: int) -> tuple[int, int]:
    """The place behind this one, and how far its period is raised."""
    if place + 1 == last:
        return first, raised + step
    return place + 1, raised


@inlined
def run_plain(m: Cells, t: Cells, actor: int) -> None:
    """The same for all firings that can be found now, where one time at most is waited for and one holds each back.

    Nothing else moves meanwhile, so all that the firings share stays in registers.
    """
    wait, hold, ticks = m[actor + col.WAITS], m[actor + col.HOLDS], m[actor + col.COMPUTE]
    awaited, fed, plus = m[m[wait + col.KNOWN]], m[wait + col.COLUMN], m[wait + col.PLUS]
    holders, freed = m[m[hold + col.KNOWN]], m[hold + col.COLUMN]
    wait, hold = m[wait + col.INDEX], m[hold + col.INDEX]
    at_wait, up_wait, first_wait, last_wait, step_wait = walk(m, wait)
    at_hold, up_hold, first_hold, last_hold, step_hold = walk(m, hold)
    at_ticks, up_ticks, first_ticks, last_ticks, step_ticks = walk(m, ticks)
    starts, ends = m[actor + col.START], m[actor + col.END]
    firing, firings = m[actor + col.ENDED], m[actor + col.FIRINGS]
    is_held = m[actor + col.STARTED] > firing
    time = 0
    if is_held:
        time = t[ends + firing]
    elif firing > 0:
        time = t[ends + firing - 1]
    while True:
        if not is_held:
            index = m[at_wait] + up_wait
            if firing == firings or index >= awaited:
                break
            if index >= 0:
                time = max(time, t[fed + index] + plus)
            t[starts + firing] = time
            time += m[at_ticks] + up_ticks
            at_wait, up_wait = following(at_wait, up_wait, first_wait, last_wait, step_wait)
            at_ticks, up_ticks = following(at_ticks, up_ticks, first_ticks, last_ticks, step_ticks)
        index = m[at_hold] + up_hold
        is_held = index >= holders
        if is_held:
            t[ends + firing] = time
            break
        if index >= 0:
            time = max(time, t[freed + index])
        t[ends + firing] = time
        firing += 1
        at_hold, up_hold = following(at_hold, up_hold, first_hold, last_hold, step_hold)
    m[wait + POSITION], m[wait + RAISED] = at_wait, up_wait
    m[hold + POSITION], m[hold + RAISED] = at_hold, up_hold
    m[ticks + POSITION], m[ticks + RAISED] = at_ticks, up_ticks
    m[actor + col.ENDED], m[actor + col.STARTED] = firing, firing + int(is_held)


@inlined
def run_any(m: Cells, t: Cells, actor: int) -> None:
    """Start and end all firings of an actor that can be found now."""
    moves = True
    while moves:
        moves = end_next(m, t, actor)
        moves = start_next(m, t, actor) or moves


@inlined
def wake(m: Cells, actor: int) -> None:
    """Have those looked at again that may wait for an actor, and their groups."""
    for place in range(m[actor + col.NEIGHBOURS], m[actor + col.NEIGHBOURS_END]):
        other = m[place]
        m[other + col.AWAKE] = 1
        group = m[other + col.GROUP]
        if m[group + col.QUEUED] == 0:
            m[group + col.QUEUED] = 1
            m[m[col.LAST_QUEUED]] = group
            m[col.LAST_QUEUED] += 1
            if m[col.LAST_QUEUED] == m[col.QUEUE_END]:
                m[col.LAST_QUEUED] = m[col.QUEUE]
            m[col.WAITING] += 1


@called
def run_group(m: Cells, t: Cells, group: int) -> None:
    """Drive the actors of a group in turn until none of them gets on."""
    moves = True
    while moves:
        moves = False
        for place in range(m[group + col.MEMBERS], m[group + col.MEMBERS_END]):
            actor = m[place]
            if m[actor + col.AWAKE] == 0:
                continue
            m[actor + col.AWAKE] = 0
            started, ended = m[actor + col.STARTED], m[actor + col.ENDED]
            if m[actor + col.PLAIN] != 0:
                run_plain(m, t, actor)
            else:
                run_any(m, t, actor)
            if m[actor + col.STARTED] + m[actor + col.ENDED] > started + ended:
                m[col.LEFT] -= m[actor + col.ENDED] - ended
                moves = True
                wake(m, actor)


@called
def chase(m: Cells, t: Cells) -> int:
    """Find all times; 0 if something depends on itself."""
    place = m[col.QUEUE]
    while m[col.WAITING] > 0:
        group = m[place]
        run_group(m, t, group)
        m[group + col.QUEUED] = 0
        m[col.WAITING] -= 1
        place = place + 1 if place + 1 < m[col.QUEUE_END] else m[col.QUEUE]
    return 1 if m[col.LEFT] == 0 else 0
