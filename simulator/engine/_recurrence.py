"""Whether the whole state of a run is that of an earlier instant.

But for the time that has passed and the firings done.

Compared are tokens, room, phases of all series, parts left and remaining times of everything under way, who waits for a
grant since when, flows with what they have left and their rates; with lossy sources also which frames and which tokens
are void, counted from the first frame and the oldest token that still matter. Then the future repeats, and so does the
growth of every counter: sums over a period are differences of two states.
"""

from __future__ import annotations

from simulator.engine import _columns as col
from simulator.engine._channels import is_marked
from simulator.engine._jit import Cells, called, inlined
from simulator.engine._lossy import first_needed


@inlined
def same(m: Cells, m0: Cells, cursor: int) -> bool:
    """Whether a cursor is at the same phase and value; -1 is no cursor."""
    if cursor < 0:
        return True
    return m[cursor + col.VALUE] == m0[cursor + col.VALUE] and m[cursor + col.POSITION] == m0[cursor + col.POSITION]


@inlined
def same_ahead(m: Cells, m0: Cells, cursor: int, count: int) -> bool:
    """Whether a cursor over a cumulative series is at the same phase, and as far ahead of a running count."""
    if m[cursor + col.POSITION] != m0[cursor + col.POSITION]:
        return False
    return m[cursor + col.VALUE] - m[count] == m0[cursor + col.VALUE] - m0[count]


@called
def same_ports(m: Cells, m0: Cells, actor: int) -> bool:
    """Inputs, outputs and flows of an actor."""
    for port in range(m[actor + col.INPUTS], m[actor + col.INPUTS_END], col.INPUT_COLUMNS):
        channel = m[port + col.IN_CHANNEL]
        if not same_ahead(m, m0, m[port + col.NEED], channel + col.READABLE):
            return False
        if not same_ahead(m, m0, m[port + col.FREE], channel + col.GIVEN):
            return False
        if m[port + col.OWN_FREE] >= 0:
            if not same_ahead(m, m0, m[port + col.OWN_FREE], channel + col.GIVEN):
                return False
            given, given0 = m[channel + col.GIVEN], m0[channel + col.GIVEN]
            if m[port + col.OWN_FREED] - given != m0[port + col.OWN_FREED] - given0:
                return False
    for out in range(m[actor + col.OUTPUTS], m[actor + col.OUTPUTS_END], col.OUTPUT_COLUMNS):
        if not same(m, m0, m[out + col.CLAIM]) or not same(m, m0, m[out + col.WRITE]):
            return False
        if not same(m, m0, m[out + col.ARRIVE]):
            return False
    for use in range(m[actor + col.FLOWS], m[actor + col.FLOWS_END], col.FLOW_COLUMNS):
        if not same(m, m0, m[use + col.FLOW_WORK]):
            return False
    return True


@called
def same_release(m: Cells, m0: Cells, actor: int, passed: int) -> bool:
    """Releases: as far ahead, or behind and never waited for, and falling further behind."""
    cursor = m[actor + col.RELEASE]
    if cursor < 0:
        return True
    if m[cursor + col.POSITION] != m0[cursor + col.POSITION]:
        return False
    rise = m[cursor + col.VALUE] - m0[cursor + col.VALUE]
    if rise == passed:
        return True
    is_behind = m[cursor + col.VALUE] <= m[col.NOW] and m0[cursor + col.VALUE] <= m0[col.NOW]
    return is_behind and rise < passed and m[actor + col.RELEASE_WAITS] == m0[actor + col.RELEASE_WAITS]


@called
def same_flight(m: Cells, t: Cells, m0: Cells, t0: Cells, actor: int, passed: int) -> bool:
    """Firings between start and end, and outputs under way."""
    first, first0 = m[actor + col.ENDED], m0[actor + col.ENDED]
    fold, length = m[actor + col.FOLD], m[col.COLUMN_LENGTH]
    for i in range(m[actor + col.STARTED] - first):
        place = m[actor + col.COLUMN] + ((first + i) & fold)
        place0 = m[actor + col.COLUMN] + ((first0 + i) & fold)
        if t[place] - t0[place0] != passed:
            return False
        left = m[actor + col.OPEN]
        if m[actor + col.SINGLE] == 0:
            flight, flight_fold = m[actor + col.FLIGHT], m[actor + col.FLIGHT_FOLD]
            left = m[flight + ((first + i) & flight_fold)]
            if left != m0[flight + ((first0 + i) & flight_fold)]:
                return False
        if left == 0 and t[place + length] - t0[place0 + length] != passed:
            return False
    if m[actor + col.LATENCY] < 0:
        return True
    first, first0 = m[actor + col.ARRIVED], m0[actor + col.ARRIVED]
    count = m[actor + col.ENDED] - first
    if count != m0[actor + col.ENDED] - first0:
        return False
    for i in range(count):
        place = m[actor + col.TRAVEL] + ((first + i) & m[actor + col.TRAVEL_FOLD])
        place0 = m[actor + col.TRAVEL] + ((first0 + i) & m[actor + col.TRAVEL_FOLD])
        if m[place] - m0[place0] != passed:
            return False
    return True


@called
def same_tally(m: Cells, m0: Cells, actor: int, passed: int) -> bool:
    """What is counted of an actor: it has waited as long for the same, or has not moved at all."""
    tally = m[actor + col.TALLY]
    if m[tally + col.CAUSE] != m0[tally + col.CAUSE]:
        return False
    fired = m[actor + col.ENDED] - m0[actor + col.ENDED]
    if m[actor + col.STARTED] != m0[actor + col.STARTED] and m[tally + col.CAUSE] > 0:
        waited = m[tally + col.WAITED] + m[col.NOW] - m[tally + col.SINCE]
        if waited != m0[tally + col.WAITED] + m0[col.NOW] - m0[tally + col.SINCE]:
            return False
    if m[col.LOSSY] != 0 and fired % m[tally + col.PERIOD] != 0:
        return False
    return fired == 0 or m[tally + col.LAST_END] - m0[tally + col.LAST_END] == passed


@called
def same_bins(m: Cells, m0: Cells, first: int, last: int) -> bool:
    """Whether the histograms of channels (or levels of several) have the same bins."""
    for channel in range(first, last, col.CHANNEL_COLUMNS):
        if m[channel + col.BIN_SHIFT] != m0[channel + col.BIN_SHIFT]:
            return False
    return True


@called
def same_actor(m: Cells, t: Cells, m0: Cells, t0: Cells, actor: int, passed: int) -> bool:
    """All of one actor."""
    if m[actor + col.STARTED] - m[actor + col.ENDED] != m0[actor + col.STARTED] - m0[actor + col.ENDED]:
        return False
    if m[actor + col.OPEN] != m0[actor + col.OPEN] or not same_tally(m, m0, actor, passed):
        return False
    ready, ready0 = m[actor + col.READY], m0[actor + col.READY]
    if (ready < 0) != (ready0 < 0) or (ready >= 0 and ready - ready0 != passed):
        return False
    if not same(m, m0, m[actor + col.COMPUTE]) or not same(m, m0, m[actor + col.LATENCY]):
        return False
    if not same_release(m, m0, actor, passed) or not same_ports(m, m0, actor):
        return False
    return same_flight(m, t, m0, t0, actor, passed)


@called
def same_server(m: Cells, m0: Cells, server: int) -> bool:
    """Flows at a server whose rate does not change any more."""
    if m[server + col.ACTIVE] != m0[server + col.ACTIVE]:
        return False
    # RATE_AT stays behind while there are no flows.
    if m[m[server + col.RATES_END] - col.RATE_COLUMNS + col.RATE_TIME] > m0[col.NOW]:
        return False
    first = m[server + col.ACTIVE_ROWS]
    since, since0 = m[col.NOW] - m[server + col.UPDATED], m0[col.NOW] - m0[server + col.UPDATED]
    for flow in range(first, first + m[server + col.ACTIVE] * col.ACTIVE_COLUMNS, col.ACTIVE_COLUMNS):
        actor, rate = m[flow + col.BY_ACTOR], m[flow + col.RATE]
        if actor != m0[flow + col.BY_ACTOR] or rate != m0[flow + col.RATE]:
            return False
        ago, ago0 = m[actor + col.STARTED] - m[flow + col.BY_FIRING], m0[actor + col.STARTED] - m0[flow + col.BY_FIRING]
        if ago != ago0 or m[flow + col.CAP] != m0[flow + col.CAP]:
            return False
        if m[flow + col.REMAINING] - rate * since != m0[flow + col.REMAINING] - rate * since0:
            return False
    return True


@called
def same_overlaps(m: Cells, m0: Cells, passed: int) -> bool:
    """Completions that overlap: the same ones, whatever their order in the heap."""
    count, heap = m[col.OVERLAPS], m[col.HEAP]
    if count != m0[col.OVERLAPS]:
        return False
    for place in range(heap, heap + count * col.OVERLAP_COLUMNS, col.OVERLAP_COLUMNS):
        actor = m[place + col.OVERLAP_ACTOR]
        firing0 = m[place + col.OVERLAP_FIRING] - m[actor + col.STARTED] + m0[actor + col.STARTED]
        time0 = m[place + col.OVERLAP_TIME] - passed
        is_there = False
        for place0 in range(heap, heap + count * col.OVERLAP_COLUMNS, col.OVERLAP_COLUMNS):
            if m0[place0 + col.OVERLAP_ACTOR] == actor and m0[place0 + col.OVERLAP_FIRING] == firing0:
                is_there = m0[place0 + col.OVERLAP_TIME] == time0
                break
        if not is_there:
            return False
    return True


@called
def same_frames(m: Cells, m0: Cells) -> bool:
    """Frames that are void: the same ones from the first that a firing still to start serves.

    All actors must have come on by the same number of frames, else a frame that is void now will be so for others.
    """
    first, first0 = first_needed(m), first_needed(m0)
    if first == col.INFINITY:
        return first0 == col.INFINITY
    passed = first - first0
    for actor in range(m[col.ACTORS], m[col.ACTORS_END], col.ACTOR_COLUMNS):
        if m[actor + col.DECIDED] != m0[actor + col.DECIDED]:
            return False
        if m[actor + col.STARTED] < m[actor + col.FIRINGS]:
            begin, end = m[actor + col.FIRST_FRAME], m[actor + col.LAST_FRAME]
            if m[begin + col.POSITION] != m0[begin + col.POSITION] or m[end + col.POSITION] != m0[end + col.POSITION]:
                return False
            if m[begin + col.VALUE] - m0[begin + col.VALUE] != passed:
                return False
            if m[end + col.VALUE] - m0[end + col.VALUE] != passed:
                return False
    ring, fold = m[col.VOID_FRAMES], m[col.VOID_FOLD]
    for frame in range(first, max(m[col.VOID_TO], m0[col.VOID_TO] + passed)):
        is_void = m[ring + (frame & fold)] == frame + 1
        if is_void != (m0[ring + (frame - passed & fold)] == frame - passed + 1):
            return False
    return True


@called
def same_marks(m: Cells, m0: Cells, channel: int) -> bool:
    """Void tokens of a channel, from the oldest that its reader has not given back."""
    writer = m[channel + col.WRITER]
    if writer < 0:
        return True
    ended = m[writer + col.ENDED]
    fired = ended - m0[writer + col.ENDED]
    if m[channel + col.READER] < 0:
        firing = m[writer + col.ARRIVED] if m[writer + col.LATENCY] >= 0 else ended
    else:
        firing = m[channel + col.MARK_FIRING]
        if firing - m0[channel + col.MARK_FIRING] != fired:
            return False
        if m[channel + col.MARK_LEFT] != m0[channel + col.MARK_LEFT]:
            return False
        if not same(m, m0, m[channel + col.MARK_PUT]):
            return False
    for one in range(firing, ended):  # noqa: SIM110 - a generator does not compile
        if is_marked(m, writer, one) != is_marked(m0, writer, one - fired):
            return False
    return True


@called
def same_voids(m: Cells, m0: Cells) -> bool:
    """Void frames, and void tokens in all channels."""
    if not same_frames(m, m0):
        return False
    for channel in range(m[col.CHANNELS], m[col.CHANNELS_END], col.CHANNEL_COLUMNS):
        if not same_marks(m, m0, channel):
            return False
    return True


@called
def recurs(m: Cells, t: Cells, m0: Cells, t0: Cells) -> bool:
    """Whether the state is that of the snapshot, later by some time."""
    passed = m[col.NOW] - m0[col.NOW]
    if passed <= 0:
        return False
    for channel in range(m[col.CHANNELS], m[col.CHANNELS_END], col.CHANNEL_COLUMNS):
        if m[channel + col.USED] != m0[channel + col.USED] or m[channel + col.LYING] != m0[channel + col.LYING]:
            return False
    if not same_bins(m, m0, m[col.CHANNELS], m[col.CHANNELS_END]):
        return False
    if not same_bins(m, m0, m[col.POOLS], m[col.POOLS_END]):
        return False
    for actor in range(m[col.ACTORS], m[col.ACTORS_END], col.ACTOR_COLUMNS):
        if not same_actor(m, t, m0, t0, actor, passed):
            return False
    for server in range(m[col.SERVERS], m[col.SERVERS_END], col.SERVER_COLUMNS):
        if not same_server(m, m0, server):
            return False
    for due in range(m[col.DUES], m[col.DUES] + (1 << m[col.LEAF_BITS])):
        if m[due] != m0[due] + (0 if m0[due] == col.INFINITY else passed):
            return False
    if m[col.LOSSY] != 0 and not same_voids(m, m0):
        return False
    return same_overlaps(m, m0, passed)
