"""What a firing does to the plan in the compiled engine.

At its start, when served, at its departure, when its tokens arrive.

``plain`` is True or False at every call, and the compiler makes two of each step: that of a plain actor (PLAIN: one
firing at a time, on no contended resource, with columns to fill, and without release, latency, flow, state or frames
that may become void) leaves out whatever asks for more.
"""

from __future__ import annotations

from simulator.engine import _columns as col
from simulator.engine._arbiter import list_resource
from simulator.engine._channels import (
    advance,
    fits,
    give_back,
    is_marked,
    make_readable,
    occupy,
    own_tokens,
)
from simulator.engine._jit import Cells, called, inlined, prefetch
from simulator.engine._servers import begin_flow
from simulator.engine._timers import push_overlap, set_timer
from simulator.engine._totals import change_level, count_departure, count_served, count_start, count_void


@inlined
def stamp(t: Cells, place: int, now: int) -> None:
    """Note a time in a column."""
    t[place] = now
    prefetch(t, place + 8)


@inlined
def start(m: Cells, t: Cells, actor: int, now: int, plain: bool) -> None:
    """A firing starts: it claims, gives back, and begins to compute and to move its data."""
    firing = m[actor + col.STARTED]
    m[actor + col.STARTED] = firing + 1
    stamp(t, m[actor + col.COLUMN] + (firing & m[actor + col.FOLD]), now)
    if m[actor + col.CLAIMS_EARLY] != 0:
        out = m[actor + col.OUTPUTS]
        while out < m[actor + col.OUTPUTS_END]:
            if m[out + col.CLAIMS_AT_START] != 0:
                occupy(m, m[out + col.OUT_CHANNEL], m[m[out + col.CLAIM] + col.VALUE], now, plain)
            out += col.OUTPUT_COLUMNS
    take_inputs(m, actor, now, plain)
    compute = m[m[actor + col.COMPUTE] + col.VALUE]
    open_parts = 1 if compute > 0 else 0
    if not plain and m[col.COUNTING] != 0:
        count_start(m, t, actor, firing, compute, now)
    if not plain and m[actor + col.FLOWS] < m[actor + col.FLOWS_END]:
        open_parts += begin_flows(m, actor, firing, now)
    step_start_cursors(m, actor, plain)
    if plain or m[actor + col.SINGLE] != 0:
        m[actor + col.OPEN] = open_parts
        if compute > 0:
            set_timer(m, m[actor + col.TIMER], now + compute)
    else:
        m[m[actor + col.FLIGHT] + (firing & m[actor + col.FLIGHT_FOLD])] = open_parts
        if compute > 0:
            push_overlap(m, now + compute, actor, firing)
    if open_parts == 0:
        serve(m, t, actor, firing, now, plain)


@inlined
def take_inputs(m: Cells, actor: int, now: int, plain: bool) -> None:
    """Inputs at a start: give back under release at start, and look for the next firing's need."""
    port = m[actor + col.INPUTS]
    while port < m[actor + col.INPUTS_END]:
        if m[port + col.FREES_AT_START] != 0:
            give_back(m, m[port + col.IN_CHANNEL], m[m[port + col.FREE] + col.VALUE], now, plain)
            if m[port + col.FREE] != m[port + col.NEED]:
                advance(m, m[port + col.FREE])
        elif not plain and m[port + col.OWN_FREE] >= 0:
            if m[col.COUNTING] != 0:
                own = own_tokens(m, port)
                change_level(m, m[port + col.IN_CHANNEL], -own, now)
                m[m[port + col.IN_CHANNEL] + col.CREDIT] += own
            m[port + col.OWN_FREED] = m[m[port + col.OWN_FREE] + col.VALUE]
            advance(m, m[port + col.OWN_FREE])
        advance(m, m[port + col.NEED])
        port += col.INPUT_COLUMNS


@inlined
def step_start_cursors(m: Cells, actor: int, plain: bool) -> None:
    """Move what is read at a start to the next firing."""
    advance(m, m[actor + col.COMPUTE])
    if m[actor + col.CLAIMS_EARLY] != 0 or (not plain and m[actor + col.DROP] != 0):
        out = m[actor + col.OUTPUTS]
        while out < m[actor + col.OUTPUTS_END]:
            if m[out + col.CLAIM] >= 0:
                advance(m, m[out + col.CLAIM])
            out += col.OUTPUT_COLUMNS
    if plain:
        return
    if m[actor + col.RELEASE] >= 0:
        advance(m, m[actor + col.RELEASE])
    if m[col.LOSSY] != 0:
        advance(m, m[actor + col.FIRST_FRAME])
        advance(m, m[actor + col.LAST_FRAME])
        m[actor + col.DECIDED] = 0


@called
def begin_flows(m: Cells, actor: int, firing: int, now: int) -> int:
    """All flows of a firing begin; how many have work."""
    begun = 0
    for use in range(m[actor + col.FLOWS], m[actor + col.FLOWS_END], col.FLOW_COLUMNS):
        work = m[m[use + col.FLOW_WORK] + col.VALUE]
        if work > 0:
            begin_flow(m, use, actor, firing, work, now)
            begun += 1
        advance(m, m[use + col.FLOW_WORK])
    return begun


@inlined
def serve(m: Cells, t: Cells, actor: int, firing: int, now: int, plain: bool) -> None:
    """Compute time has passed and all flows are through: slots are given back."""
    place = m[actor + col.COLUMN] + (firing & m[actor + col.FOLD])
    stamp(t, place + m[col.COLUMN_LENGTH], now)
    if plain:
        return
    resource = m[actor + col.RESOURCE]
    if resource >= 0:
        m[resource + col.SLOTS_LEFT] += m[actor + col.SLOTS]
        list_resource(m, resource)
    if m[col.COUNTING] != 0:
        count_served(m, actor, t[place], now)


@inlined
def end_part(m: Cells, t: Cells, actor: int, firing: int, now: int) -> None:
    """One part of a firing (its compute, or a flow) is through."""
    if m[actor + col.SINGLE] != 0:
        left = m[actor + col.OPEN] - 1
        m[actor + col.OPEN] = left
    else:
        place = m[actor + col.FLIGHT] + (firing & m[actor + col.FLIGHT_FOLD])
        left = m[place] - 1
        m[place] = left
    if left == 0:
        serve(m, t, actor, firing, now, False)


@inlined
def may_depart(m: Cells, actor: int, plain: bool) -> bool:
    """Whether the oldest firing under way is served and has room on its blocking-after-service outputs."""
    firing = m[actor + col.ENDED]
    if firing == m[actor + col.STARTED]:
        return False
    if plain or m[actor + col.SINGLE] != 0:
        if m[actor + col.OPEN] != 0:
            return False
    elif m[m[actor + col.FLIGHT] + (firing & m[actor + col.FLIGHT_FOLD])] != 0:
        return False
    if m[actor + col.BLOCKS_AFTER_SERVICE] != 0:
        out = m[actor + col.OUTPUTS]
        while out < m[actor + col.OUTPUTS_END]:
            if m[out + col.CLAIMS_AT_START] == 0 and not fits(m, out, m[m[out + col.WRITE] + col.VALUE], False, plain):
                return False
            out += col.OUTPUT_COLUMNS
    return True


@called
def tight_output(m: Cells, actor: int) -> int:
    """The channel that keeps the oldest firing under way from departing; -1: none does, or it is not served."""
    parts = m[actor + col.OPEN]
    if m[actor + col.SINGLE] == 0:
        parts = m[m[actor + col.FLIGHT] + (m[actor + col.ENDED] & m[actor + col.FLIGHT_FOLD])]
    if parts == 0:
        for out in range(m[actor + col.OUTPUTS], m[actor + col.OUTPUTS_END], col.OUTPUT_COLUMNS):
            if m[out + col.CLAIMS_AT_START] == 0 and not fits(m, out, m[m[out + col.WRITE] + col.VALUE], False, False):
                return m[out + col.OUT_CHANNEL]
    return -1


@inlined
def depart(m: Cells, t: Cells, actor: int, now: int, plain: bool) -> None:
    """The oldest firing under way departs: it writes its outputs and gives back what it has held."""
    firing = m[actor + col.ENDED]
    m[actor + col.ENDED] = firing + 1
    m[col.LEFT] -= 1
    if not plain and m[col.COUNTING] != 0:
        count_departure(m, t, actor, firing, now)
    else:
        stamp(t, m[actor + col.COLUMN] + firing + 2 * m[col.COLUMN_LENGTH], now)
    if not plain and m[col.LOSSY] != 0:
        m[m[actor + col.MARKS] + (firing & m[actor + col.MARKS_FOLD])] = 0
    free_late(m, actor, now, plain)
    write(m, actor, False, now, plain)


@inlined
def free_late(m: Cells, actor: int, now: int, plain: bool) -> None:
    """Inputs at a departure: give back under release at end."""
    if m[actor + col.FREES_LATE] != 0:
        port = m[actor + col.INPUTS]
        while port < m[actor + col.INPUTS_END]:
            if m[port + col.FREES_AT_START] == 0:
                give_back(m, m[port + col.IN_CHANNEL], m[m[port + col.FREE] + col.VALUE], now, plain)
                advance(m, m[port + col.FREE])
            port += col.INPUT_COLUMNS


@inlined
def write(m: Cells, actor: int, is_void: bool, now: int, plain: bool) -> None:
    """The outputs of the firing that departs now: claimed if only now, and readable now or after their latency."""
    travels = not plain and m[actor + col.LATENCY] >= 0
    out = m[actor + col.OUTPUTS]
    while out < m[actor + col.OUTPUTS_END]:
        channel = m[out + col.OUT_CHANNEL]
        put = m[m[out + col.WRITE] + col.VALUE]
        if m[out + col.CLAIMS_AT_START] == 0 and not is_void:
            occupy(m, channel, put, now, plain)
        if not travels:
            make_readable(m, channel, put, is_void, now, plain)
        advance(m, m[out + col.WRITE])
        out += col.OUTPUT_COLUMNS
    if travels:
        send(m, actor, is_void, now)


@called
def send(m: Cells, actor: int, is_void: bool, now: int) -> None:
    """Outputs of an actor with latency set out; none overtakes an earlier one."""
    firing = m[actor + col.ENDED] - 1
    arrival = now
    if not is_void:
        arrival += m[m[actor + col.LATENCY] + col.VALUE]
    advance(m, m[actor + col.LATENCY])
    arrival = max(arrival, m[actor + col.LAST_ARRIVAL])
    m[actor + col.LAST_ARRIVAL] = arrival
    m[m[actor + col.TRAVEL] + (firing & m[actor + col.TRAVEL_FOLD])] = arrival
    if m[actor + col.ARRIVED] == firing:
        if arrival > now:
            set_timer(m, m[actor + col.ARRIVAL_TIMER], arrival)
        else:
            arrive(m, actor, now)


@called
def arrive(m: Cells, actor: int, now: int) -> None:
    """Outputs that have travelled long enough become readable."""
    firing = m[actor + col.ARRIVED]
    next_arrival = col.INFINITY
    while firing < m[actor + col.ENDED]:
        arrival = m[m[actor + col.TRAVEL] + (firing & m[actor + col.TRAVEL_FOLD])]
        if arrival > now:
            next_arrival = arrival
            break
        is_void = m[col.LOSSY] != 0 and is_marked(m, actor, firing)
        for out in range(m[actor + col.OUTPUTS], m[actor + col.OUTPUTS_END], col.OUTPUT_COLUMNS):
            channel = m[out + col.OUT_CHANNEL]
            make_readable(m, channel, m[m[out + col.ARRIVE] + col.VALUE], is_void, now, False)
            advance(m, m[out + col.ARRIVE])
        firing += 1
        m[col.LAST_MOVED] = now
    m[actor + col.ARRIVED] = firing
    set_timer(m, m[actor + col.ARRIVAL_TIMER], next_arrival)


@called
def pass_void(m: Cells, t: Cells, actor: int, now: int) -> None:
    """A firing of void frames passes: it takes neither resource nor room, and what it writes is void."""
    firing = m[actor + col.STARTED]
    m[actor + col.STARTED] = firing + 1
    m[actor + col.ENDED] = firing + 1
    m[col.LEFT] -= 1
    m[m[actor + col.MARKS] + (firing & m[actor + col.MARKS_FOLD])] = 1
    if m[col.COUNTING] != 0:
        count_void(m, t, actor, firing, now)
    else:
        place = m[actor + col.COLUMN] + firing
        t[place] = now
        t[place + m[col.COLUMN_LENGTH]] = now
        t[place + 2 * m[col.COLUMN_LENGTH]] = now
    take_inputs(m, actor, now, False)
    free_late(m, actor, now, False)
    for use in range(m[actor + col.FLOWS], m[actor + col.FLOWS_END], col.FLOW_COLUMNS):
        advance(m, m[use + col.FLOW_WORK])
    step_start_cursors(m, actor, False)
    write(m, actor, True, now, False)
