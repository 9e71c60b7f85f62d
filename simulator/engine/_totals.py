"""What the compiled engine counts where it keeps totals instead of columns: waits, service, levels.

Nothing here runs unless COUNTING is set.
"""

from __future__ import annotations

from simulator.engine import _columns as col
from simulator.engine._jit import Cells, called, inlined


@inlined
def add_wide(m: Cells, whole: int, level: int, lasted: int) -> None:
    """Add level x time in two limbs: tokens x picoseconds leave 63 bits behind after an hour."""
    mask = (1 << col.FINE_BITS) - 1
    fine = m[whole + 1] + level * (lasted & mask)
    m[whole] += level * (lasted >> col.FINE_BITS) + (fine >> col.FINE_BITS)
    m[whole + 1] = fine & mask


@called
def note_level(m: Cells, channel: int, now: int) -> None:
    """The room taken in a channel (or a level of several channels) is about to change."""
    lasted = now - m[channel + col.CHANGED]
    m[channel + col.CHANGED] = now
    if lasted == 0:
        return
    used = m[channel + col.USED] - m[channel + col.CREDIT]
    m[channel + col.PEAK] = max(m[channel + col.PEAK], used)
    add_wide(m, channel + col.WHOLE, used, lasted)
    if used >= m[channel + col.FULL_FROM]:
        m[channel + col.FULL_TIME] += lasted
    if m[channel + col.BINS] > 0:
        while used >> m[channel + col.BIN_SHIFT] >= m[channel + col.BINS]:
            widen(m, channel)
        m[m[channel + col.HISTOGRAM] + (used >> m[channel + col.BIN_SHIFT])] += lasted


@called
def widen(m: Cells, channel: int) -> None:
    """Bins twice as wide, for a level beyond the last one."""
    first, bins = m[channel + col.HISTOGRAM], m[channel + col.BINS]
    for i in range(bins):
        both = m[first + 2 * i] if 2 * i < bins else 0
        m[first + i] = both + (m[first + 2 * i + 1] if 2 * i + 1 < bins else 0)
    m[channel + col.BIN_SHIFT] += 1


@called
def note_lying(m: Cells, channel: int, now: int) -> None:
    """The number of readable tokens in a channel is about to change."""
    lasted = now - m[channel + col.LYING_CHANGED]
    m[channel + col.LYING_CHANGED] = now
    if lasted == 0:
        return
    add_wide(m, channel + col.LYING_WHOLE, m[channel + col.LYING], lasted)
    if m[channel + col.LYING] == 0:
        m[channel + col.EMPTY_TIME] += lasted


@called
def change_level(m: Cells, channel: int, tokens: int, now: int) -> None:
    """So many more tokens are about to take room in a channel."""
    note_level(m, channel, now)
    pool = m[channel + col.POOL]
    if pool >= 0:
        note_level(m, pool, now)
        m[pool + col.USED] += tokens * m[channel + col.POOL_SCALE]


@inlined
def note_wait(m: Cells, actor: int, cause: int, now: int, plain: bool) -> None:
    """What an actor waits for from now on (0: nothing)."""
    if not plain and m[col.COUNTING] != 0 and m[m[actor + col.TALLY] + col.CAUSE] != cause:
        change_wait(m, m[actor + col.TALLY], cause, now)


@called
def change_wait(m: Cells, tally: int, cause: int, now: int) -> None:
    """An actor no longer waits for what it was waiting for; the channel that came last is charged."""
    before = m[tally + col.CAUSE]
    lasted = now - m[tally + col.SINCE]
    m[tally + col.SUMS + before] += lasted
    lasted += m[tally + col.WAITED]
    if lasted > 0 and before == col.WAIT_INPUT:
        m[latest(m, tally + col.INPUT_LATE, now) + col.STARVES] += lasted
    elif lasted > 0 and before == col.WAIT_ROOM:
        m[latest(m, tally + col.ROOM_LATE, now) + col.BLOCKS] += lasted
    m[tally + col.CAUSE] = cause
    m[tally + col.SINCE] = now
    m[tally + col.WAITED] = 0
    team = m[tally + col.TEAM]
    if team >= 0:
        note_team(m, team, now)
        m[team + col.TEAM_WAITS + before] -= 1
        m[team + col.TEAM_WAITS + cause] += 1


@called
def note_late(m: Cells, place: int, channel: int, now: int) -> None:
    """The first of the channels that an actor still waits for.

    Several checks may follow each other in an instant, of which the last one counts for the time after it.
    """
    if m[place + col.LATE_SINCE] != now:
        m[place + col.LATE_BEFORE] = m[place + col.LATE]
        m[place + col.LATE_SINCE] = now
    m[place + col.LATE] = channel


@inlined
def latest(m: Cells, place: int, now: int) -> int:
    """The channel that has ended a wait now."""
    return m[place + (col.LATE_BEFORE if m[place + col.LATE_SINCE] == now else col.LATE)]


@called
def note_team(m: Cells, team: int, now: int) -> None:
    """The free slots of a resource, or why they are free, are about to change."""
    lasted = now - m[team + col.TEAM_CHANGED]
    m[team + col.TEAM_CHANGED] = now
    if lasted == 0 or m[team + col.TEAM_FREE] == 0:
        return
    # The nearest to running counts.
    cause = col.WAIT_GRANT
    while cause > 0 and m[team + col.TEAM_WAITS + cause] == 0:
        cause -= 1
    m[team + col.TEAM_SUMS + cause] += m[team + col.TEAM_FREE] * lasted


@called
def count_start(m: Cells, t: Cells, actor: int, firing: int, compute: int, now: int) -> None:
    """A firing starts; its flows have not begun."""
    tally = m[actor + col.TALLY]
    t[m[actor + col.COLUMN] + (firing & m[actor + col.FOLD]) + m[col.COLUMN_LENGTH]] = 0
    m[tally + col.SUM_COMPUTE] += compute
    if m[actor + col.FLOWS] < m[actor + col.FLOWS_END]:
        m[tally + col.SUM_BOUND] += max(moved_alone(m, actor, now) - now - compute, 0)
    m[col.LAST_MOVED] = now
    if m[tally + col.FIRST_START] < 0:
        m[tally + col.FIRST_START] = now
    count_in_service(m, tally, 1, now)


@called
def count_served(m: Cells, actor: int, started: int, now: int) -> None:
    """A firing is served."""
    tally = m[actor + col.TALLY]
    m[tally + col.SUM_BUSY] += now - started
    m[col.LAST_MOVED] = now
    count_in_service(m, tally, -1, now)


@inlined
def count_in_service(m: Cells, tally: int, more: int, now: int) -> None:
    """One firing more or less is in service."""
    team = m[tally + col.TEAM]
    if team >= 0:
        note_team(m, team, now)
        m[team + col.TEAM_FREE] -= more * m[tally + col.TEAM_SLOTS]
    party = m[tally + col.PARTY]
    if party >= 0:
        if m[party + col.PARTY_SIZE] > 0:
            m[party + col.PARTY_TIME] += now - m[party + col.PARTY_SINCE]
        m[party + col.PARTY_SINCE] = now
        m[party + col.PARTY_SIZE] += more


@called
def moved_alone(m: Cells, actor: int, now: int) -> int:
    """When the flows of a firing that starts now would be through with their servers to themselves."""
    last = now
    for use in range(m[actor + col.FLOWS], m[actor + col.FLOWS_END], col.FLOW_COLUMNS):
        server, work = m[use + col.FLOW_SERVER], m[m[use + col.FLOW_WORK] + col.VALUE]
        last = max(last, flow_end(m, server, now, work, m[use + col.FLOW_CAP]))
        together = work
        for other in range(m[actor + col.FLOWS], use, col.FLOW_COLUMNS):
            if m[other + col.FLOW_SERVER] == server:
                together += m[m[other + col.FLOW_WORK] + col.VALUE]
        if together > work:  # its own flows share the server too
            last = max(last, flow_end(m, server, now, together, col.INFINITY))
    return last


@called
def flow_end(m: Cells, server: int, now: int, work: int, cap: int) -> int:
    """When so much work that begins now is through if it has the server to itself."""
    row = m[server + col.RATE_AT]
    at = now
    while work > 0:
        end = col.INFINITY
        if row + col.RATE_COLUMNS < m[server + col.RATES_END]:
            end = m[row + col.RATE_COLUMNS + col.RATE_TIME]
        rate = min(cap, m[row + col.RATE_VALUE])
        if at < end and rate > 0:
            span = min((work - 1) // rate + 1, end - at)
            at += span
            work -= min(work, span * rate)
        elif at < end:
            at = end
        row += col.RATE_COLUMNS
    return at


@called
def count_departure(m: Cells, t: Cells, actor: int, firing: int, now: int) -> None:
    """A served firing departs."""
    tally = m[actor + col.TALLY]
    served = t[m[actor + col.COLUMN] + (firing & m[actor + col.FOLD]) + m[col.COLUMN_LENGTH]]
    m[tally + col.SUM_HELD] += now - served
    earlier = max(served, m[tally + col.LAST_END])
    m[tally + col.SUM_BEHIND] += earlier - served
    if m[tally + col.HOLDS] != 0:
        m[tally + col.HOLDS] = 0
        if now > earlier:
            m[latest(m, tally + col.HELD_LATE, now) + col.BLOCKS] += now - earlier
        if m[tally + col.TEAM] >= 0:
            note_team(m, m[tally + col.TEAM], now)
            m[m[tally + col.TEAM] + col.TEAM_WAITS + col.WAIT_ROOM] -= 1
    note_end(m, t, actor, firing, now)


@called
def count_void(m: Cells, t: Cells, actor: int, firing: int, now: int) -> None:
    """A firing of void frames passes; it is never served, which is how its times are told from others."""
    tally = m[actor + col.TALLY]
    m[tally + col.VOID_FIRINGS] += 1
    m[m[tally + col.PHASES] + firing % m[tally + col.PERIOD]] += 1
    if m[tally + col.FIRST_START] < 0:
        m[tally + col.FIRST_START] = now
    place = m[actor + col.COLUMN] + (firing & m[actor + col.FOLD])
    t[place] = now
    t[place + m[col.COLUMN_LENGTH]] = -1
    note_end(m, t, actor, firing, now)


@inlined
def note_end(m: Cells, t: Cells, actor: int, firing: int, now: int) -> None:
    """A firing departs or passes."""
    tally = m[actor + col.TALLY]
    t[m[actor + col.COLUMN] + (firing & m[actor + col.FOLD]) + 2 * m[col.COLUMN_LENGTH]] = now
    m[col.LAST_MOVED] = now
    m[tally + col.LAST_END] = now
    if firing == 0:
        m[tally + col.FIRST_END] = now
    if firing >= m[actor + col.FIRINGS] - m[actor + col.CONCURRENCY]:
        m[tally + col.LANES_ENDED] += 1
        m[tally + col.LANE_ENDS] += now


@called
def note_held(m: Cells, actor: int, channel: int, now: int) -> None:
    """The oldest firing under way is served and cannot depart, since a channel has no room."""
    tally = m[actor + col.TALLY]
    note_late(m, tally + col.HELD_LATE, channel, now)
    if m[tally + col.HOLDS] == 0:
        m[tally + col.HOLDS] = 1
        if m[tally + col.TEAM] >= 0:
            note_team(m, m[tally + col.TEAM], now)
            m[m[tally + col.TEAM] + col.TEAM_WAITS + col.WAIT_ROOM] += 1


@called
def has_ring_space(m: Cells, actor: int) -> bool:
    """Whether the ring of times can take another departure, and the starts that it allows."""
    waiting = m[actor + col.ENDED] - m[m[actor + col.TALLY] + col.DRAINED]
    return waiting < m[actor + col.FOLD] - m[actor + col.FLIGHT_FOLD]
