"""What a firing does to the plan in the compiled engine: at its start, when served, at its departure, when its tokens arrive."""

from __future__ import annotations

from simulator.engine import _columns as col
from simulator.engine._arbiter import list_resource
from simulator.engine._channels import advance, fits, give_back, occupy, take_solid, wake
from simulator.engine._jit import called, inlined
from simulator.engine._servers import begin_flow
from simulator.engine._timers import push_overlap, set_timer
from simulator.engine.arrays import State


@inlined
def start(s: State, actor: int, now: int) -> None:
    """A firing starts: it claims, gives back, and begins to compute and to move its data."""
    firing = s.actor[actor, col.STARTED]
    s.actor[actor, col.STARTED] = firing + 1
    s.start[s.actor[actor, col.COLUMN] + (firing & s.actor[actor, col.FOLD])] = now
    for out in range(s.actor[actor, col.OUTPUTS], s.actor[actor, col.OUTPUTS_END]):
        if s.output[out, col.CLAIMS_AT_START] != 0:
            occupy(s, s.output[out, col.OUT_CHANNEL], s.cursor[s.output[out, col.CLAIM], col.VALUE], now)
    take_inputs(s, actor, now)
    compute = s.cursor[s.actor[actor, col.COMPUTE], col.VALUE]
    open_parts = 1 if compute > 0 else 0
    if s.actor[actor, col.FLOWS] < s.actor[actor, col.FLOWS_END]:
        open_parts += begin_flows(s, actor, firing, now)
    if s.run[col.COUNTING] != 0:
        s.sums[actor, col.SUM_COMPUTE] += compute
        if firing == 0:
            s.sums[actor, col.FIRST_START] = now
    step_start_cursors(s, actor)
    if s.actor[actor, col.SINGLE] != 0:
        s.actor[actor, col.OPEN] = open_parts
        if compute > 0:
            s.actor[actor, col.DUE] = now + compute
            set_timer(s, actor, now + compute)
    else:
        s.flight[s.actor[actor, col.FLIGHT] + (firing & s.actor[actor, col.FLIGHT_FOLD])] = open_parts
        if compute > 0:
            push_overlap(s, now + compute, actor, firing)
    if open_parts == 0:
        serve(s, actor, firing, now)


@inlined
def take_inputs(s: State, actor: int, now: int) -> None:
    """Inputs at a start: give back under release at start, and look for the next firing's need."""
    for port in range(s.actor[actor, col.INPUTS], s.actor[actor, col.INPUTS_END]):
        if s.input[port, col.FREES_AT_START] != 0:
            give_back(s, s.input[port, col.IN_CHANNEL], s.cursor[s.input[port, col.FREE], col.VALUE], now)
            advance(s, s.input[port, col.FREE])
        elif s.input[port, col.OWN_FREE] >= 0:
            s.input[port, col.OWN_FREED] = s.cursor[s.input[port, col.OWN_FREE], col.VALUE]
            advance(s, s.input[port, col.OWN_FREE])
        advance(s, s.input[port, col.NEED])


@inlined
def step_start_cursors(s: State, actor: int) -> None:
    """Move what is read at a start to the next firing."""
    advance(s, s.actor[actor, col.COMPUTE])
    if s.actor[actor, col.RELEASE] >= 0:
        advance(s, s.actor[actor, col.RELEASE])
    for out in range(s.actor[actor, col.OUTPUTS], s.actor[actor, col.OUTPUTS_END]):
        if s.output[out, col.CLAIM] >= 0:
            advance(s, s.output[out, col.CLAIM])
    if s.run[col.LOSSY] != 0:
        advance(s, s.actor[actor, col.FIRST_FRAME])
        advance(s, s.actor[actor, col.LAST_FRAME])
        s.actor[actor, col.DECIDED] = 0


@called
def begin_flows(s: State, actor: int, firing: int, now: int) -> int:
    """All flows of a firing begin; how many have work."""
    begun = 0
    for use in range(s.actor[actor, col.FLOWS], s.actor[actor, col.FLOWS_END]):
        work = s.cursor[s.flow[use, col.FLOW_WORK], col.VALUE]
        if work > 0:
            begin_flow(s, use, actor, firing, work, now)
            begun += 1
        advance(s, s.flow[use, col.FLOW_WORK])
    return begun


@inlined
def serve(s: State, actor: int, firing: int, now: int) -> None:
    """Compute time has passed and all flows are through: slots are given back."""
    place = s.actor[actor, col.COLUMN] + (firing & s.actor[actor, col.FOLD])
    s.served[place] = now
    resource = s.actor[actor, col.RESOURCE]
    if resource >= 0:
        s.resource[resource, col.SLOTS_LEFT] += s.actor[actor, col.SLOTS]
        list_resource(s, resource)
    if s.run[col.COUNTING] != 0:
        s.sums[actor, col.SUM_BUSY] += now - s.start[place]


@inlined
def note_wait(s: State, actor: int, cause: int, now: int) -> None:
    """Aggregates: what an actor waits for from now on (0: nothing)."""
    if s.run[col.COUNTING] != 0:
        before = s.actor[actor, col.CAUSE]
        if before != cause:
            s.sums[actor, before] += now - s.actor[actor, col.SINCE]
            s.actor[actor, col.CAUSE] = cause
            s.actor[actor, col.SINCE] = now


@inlined
def end_part(s: State, actor: int, firing: int, now: int) -> None:
    """One part of a firing (its compute, or a flow) is through."""
    if s.actor[actor, col.SINGLE] != 0:
        left = s.actor[actor, col.OPEN] - 1
        s.actor[actor, col.OPEN] = left
    else:
        place = s.actor[actor, col.FLIGHT] + (firing & s.actor[actor, col.FLIGHT_FOLD])
        left = s.flight[place] - 1
        s.flight[place] = left
    if left == 0:
        serve(s, actor, firing, now)


@inlined
def may_depart(s: State, actor: int) -> bool:
    """Whether the oldest firing under way is served and has room on its blocking-after-service outputs."""
    firing = s.actor[actor, col.ENDED]
    if firing == s.actor[actor, col.STARTED]:
        return False
    if s.actor[actor, col.SINGLE] != 0:
        if s.actor[actor, col.OPEN] != 0:
            return False
    elif s.flight[s.actor[actor, col.FLIGHT] + (firing & s.actor[actor, col.FLIGHT_FOLD])] != 0:
        return False
    if s.actor[actor, col.BLOCKS_AFTER_SERVICE] != 0:
        for out in range(s.actor[actor, col.OUTPUTS], s.actor[actor, col.OUTPUTS_END]):
            if s.output[out, col.CLAIMS_AT_START] == 0:
                if not fits(s, out, s.cursor[s.output[out, col.WRITE], col.VALUE], False):
                    return False
    return True


@inlined
def depart(s: State, actor: int, now: int) -> None:
    """The oldest firing under way departs: it writes its outputs and gives back what it has held."""
    firing = s.actor[actor, col.ENDED]
    s.actor[actor, col.ENDED] = firing + 1
    s.run[col.LEFT] -= 1
    if s.run[col.COUNTING] != 0:
        place = s.actor[actor, col.COLUMN] + (firing & s.actor[actor, col.FOLD])
        s.sums[actor, col.SUM_BLOCKED] += now - s.served[place]
        s.sums[actor, col.LAST_END] = now
    else:
        s.end[s.actor[actor, col.COLUMN] + firing] = now
    if s.run[col.LOSSY] != 0:
        s.marks[s.actor[actor, col.MARKS] + (firing & s.actor[actor, col.MARKS_FOLD])] = 0
    for port in range(s.actor[actor, col.INPUTS], s.actor[actor, col.INPUTS_END]):
        if s.input[port, col.FREES_AT_START] == 0:
            give_back(s, s.input[port, col.IN_CHANNEL], s.cursor[s.input[port, col.FREE], col.VALUE], now)
            advance(s, s.input[port, col.FREE])
    write(s, actor, False, now)


@inlined
def write(s: State, actor: int, is_void: bool, now: int) -> None:
    """The outputs of the firing that departs now: claimed if only now, and readable now or after their latency."""
    travels = s.actor[actor, col.LATENCY] >= 0
    for out in range(s.actor[actor, col.OUTPUTS], s.actor[actor, col.OUTPUTS_END]):
        channel = s.output[out, col.OUT_CHANNEL]
        put = s.cursor[s.output[out, col.WRITE], col.VALUE]
        if s.output[out, col.CLAIMS_AT_START] == 0 and not is_void:
            occupy(s, channel, put, now)
        if not travels and put > 0:
            s.channel[channel, col.READABLE] += put
            wake(s, s.channel[channel, col.READER])
        advance(s, s.output[out, col.WRITE])
    if travels:
        send(s, actor, is_void, now)


@called
def send(s: State, actor: int, is_void: bool, now: int) -> None:
    """Outputs of an actor with latency set out; none overtakes an earlier one."""
    firing = s.actor[actor, col.ENDED] - 1
    arrival = now
    if not is_void:
        arrival += s.cursor[s.actor[actor, col.LATENCY], col.VALUE]
    advance(s, s.actor[actor, col.LATENCY])
    arrival = max(arrival, s.actor[actor, col.LAST_ARRIVAL])
    s.actor[actor, col.LAST_ARRIVAL] = arrival
    s.travel[s.actor[actor, col.TRAVEL] + (firing & s.actor[actor, col.TRAVEL_FOLD])] = arrival
    if s.actor[actor, col.ARRIVED] == firing:
        if arrival > now:
            set_timer(s, s.actor[actor, col.ARRIVAL_TIMER], arrival)
        else:
            arrive(s, actor, now)


@called
def arrive(s: State, actor: int, now: int) -> None:
    """Outputs that have travelled long enough become readable."""
    firing = s.actor[actor, col.ARRIVED]
    next_arrival = col.INFINITY
    while firing < s.actor[actor, col.ENDED]:
        arrival = s.travel[s.actor[actor, col.TRAVEL] + (firing & s.actor[actor, col.TRAVEL_FOLD])]
        if arrival > now:
            next_arrival = arrival
            break
        for out in range(s.actor[actor, col.OUTPUTS], s.actor[actor, col.OUTPUTS_END]):
            channel = s.output[out, col.OUT_CHANNEL]
            s.channel[channel, col.READABLE] += s.cursor[s.output[out, col.ARRIVE], col.VALUE]
            wake(s, s.channel[channel, col.READER])
            advance(s, s.output[out, col.ARRIVE])
        firing += 1
    s.actor[actor, col.ARRIVED] = firing
    set_timer(s, s.actor[actor, col.ARRIVAL_TIMER], next_arrival)


@called
def pass_void(s: State, actor: int, now: int) -> None:
    """A firing of void frames passes: it takes neither resource nor room, and what it writes is void."""
    firing = s.actor[actor, col.STARTED]
    s.actor[actor, col.STARTED] = firing + 1
    s.actor[actor, col.ENDED] = firing + 1
    s.run[col.LEFT] -= 1
    s.marks[s.actor[actor, col.MARKS] + (firing & s.actor[actor, col.MARKS_FOLD])] = 1
    if s.run[col.COUNTING] != 0:
        s.sums[actor, col.VOID_FIRINGS] += 1
        s.sums[actor, col.LAST_END] = now
        if firing == 0:
            s.sums[actor, col.FIRST_START] = now
    else:
        place = s.actor[actor, col.COLUMN] + firing
        s.start[place] = now
        s.served[place] = now
        s.end[place] = now
    take_inputs(s, actor, now)
    for port in range(s.actor[actor, col.INPUTS], s.actor[actor, col.INPUTS_END]):
        if s.input[port, col.FREES_AT_START] == 0:
            give_back(s, s.input[port, col.IN_CHANNEL], s.cursor[s.input[port, col.FREE], col.VALUE], now)
            advance(s, s.input[port, col.FREE])
    for use in range(s.actor[actor, col.FLOWS], s.actor[actor, col.FLOWS_END]):
        advance(s, s.flow[use, col.FLOW_WORK])
    step_start_cursors(s, actor)
    write(s, actor, True, now)
