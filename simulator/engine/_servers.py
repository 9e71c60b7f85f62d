"""Shared servers of the compiled engine: integer water-filling among the flows under way (ARCHITECTURE.md, Servers)."""

from __future__ import annotations

from simulator.engine import _columns as col
from simulator.engine._jit import Cells, called
from simulator.engine._timers import set_timer


@called
def mark_stale(m: Cells, server: int) -> None:
    """Rates of a server must be shared out anew at the end of this instant."""
    if m[server + col.STALE] == 0:
        m[server + col.STALE] = 1
        m[m[col.STALES] + m[col.STALE_SERVERS]] = server
        m[col.STALE_SERVERS] += 1


@called
def flow_goes_before(m: Cells, flow: int, cap: int, actor: int, firing: int) -> bool:
    """The order of flows at a server: cap, actor, firing; flows of one firing begin in the actor's order."""
    if m[flow + col.CAP] != cap:
        return m[flow + col.CAP] < cap
    if m[flow + col.BY_ACTOR] != actor:
        return m[flow + col.BY_ACTOR] < actor
    return m[flow + col.BY_FIRING] <= firing


@called
def begin_flow(m: Cells, use: int, actor: int, firing: int, work: int, now: int) -> None:
    """A flow joins its server."""
    server = m[use + col.FLOW_SERVER]
    cap = m[use + col.FLOW_CAP]
    settle_server(m, server, now)
    first = m[server + col.ACTIVE_ROWS]
    flow = first + m[server + col.ACTIVE] * col.ACTIVE_COLUMNS
    m[server + col.ACTIVE] += 1
    while flow > first and not flow_goes_before(m, flow - col.ACTIVE_COLUMNS, cap, actor, firing):
        for column in range(col.ACTIVE_COLUMNS):
            m[flow + column] = m[flow - col.ACTIVE_COLUMNS + column]
        flow -= col.ACTIVE_COLUMNS
    m[flow + col.CAP] = cap
    m[flow + col.BY_ACTOR] = actor
    m[flow + col.BY_FIRING] = firing
    m[flow + col.REMAINING] = work
    m[flow + col.RATE] = 0
    mark_stale(m, server)


@called
def settle_server(m: Cells, server: int, now: int) -> None:
    """Take off what the flows of a server have done since the last change of rates."""
    lasted = now - m[server + col.UPDATED]
    m[server + col.UPDATED] = now
    if lasted == 0:
        return
    first = m[server + col.ACTIVE_ROWS]
    for flow in range(first, first + m[server + col.ACTIVE] * col.ACTIVE_COLUMNS, col.ACTIVE_COLUMNS):
        m[flow + col.REMAINING] = max(0, m[flow + col.REMAINING] - m[flow + col.RATE] * lasted)


@called
def end_flow(m: Cells, server: int) -> int:
    """Remove the first flow that is through from a settled server.

    The address of its last, now free, row, -1: none is.
    """
    first = m[server + col.ACTIVE_ROWS]
    last = first + (m[server + col.ACTIVE] - 1) * col.ACTIVE_COLUMNS
    for flow in range(first, last + 1, col.ACTIVE_COLUMNS):
        if m[flow + col.REMAINING] == 0:
            actor = m[flow + col.BY_ACTOR]
            firing = m[flow + col.BY_FIRING]
            for place in range(flow, last):
                m[place] = m[place + col.ACTIVE_COLUMNS]
            # The row behind the last flow tells the caller whose flow it was.
            m[last + col.BY_ACTOR] = actor
            m[last + col.BY_FIRING] = firing
            m[server + col.ACTIVE] -= 1
            mark_stale(m, server)
            return int(last)
    return -1


@called
def share_out(m: Cells, server: int, now: int) -> None:
    """Give every flow of a server its rate; the timer rings at the next completion or change of the server's rate."""
    settle_server(m, server, now)
    at = m[server + col.RATE_AT]
    upcoming = at + col.RATE_COLUMNS
    while upcoming < m[server + col.RATES_END] and m[upcoming + col.RATE_TIME] <= now:
        at = upcoming
        upcoming += col.RATE_COLUMNS
    m[server + col.RATE_AT] = at
    flow = m[server + col.ACTIVE_ROWS]
    left = m[at + col.RATE_VALUE]
    soonest = col.INFINITY
    if m[server + col.ACTIVE] > 0 and upcoming < m[server + col.RATES_END]:
        soonest = m[upcoming + col.RATE_TIME]
    for sharers in range(m[server + col.ACTIVE], 0, -1):
        rate = min(m[flow + col.CAP], left // sharers)
        left -= rate
        m[flow + col.RATE] = rate
        if rate > 0:
            soonest = min(soonest, now + (m[flow + col.REMAINING] - 1) // rate + 1)
        flow += col.ACTIVE_COLUMNS
    set_timer(m, m[server + col.SERVER_TIMER], soonest)


@called
def share_out_stale(m: Cells, now: int) -> None:
    """Recompute the rates of all servers whose flows or rate have changed."""
    for i in range(m[col.STALE_SERVERS]):
        server = m[m[col.STALES] + i]
        m[server + col.STALE] = 0
        share_out(m, server, now)
    m[col.STALE_SERVERS] = 0
