"""Shared servers of the compiled engine: integer water-filling among the flows under way (ARCHITECTURE.md, Servers)."""

from __future__ import annotations

from simulator.engine import _columns as col
from simulator.engine._jit import called
from simulator.engine._timers import set_timer
from simulator.engine.arrays import State


@called
def mark_stale(s: State, server: int) -> None:
    """Rates of a server must be shared out anew at the end of this instant."""
    if s.server[server, col.STALE] == 0:
        s.server[server, col.STALE] = 1
        s.stale_server[s.run[col.STALE_SERVERS]] = server
        s.run[col.STALE_SERVERS] += 1


@called
def begin_flow(s: State, use: int, actor: int, firing: int, work: int, now: int) -> None:
    """A flow joins its server in the order (cap, actor, firing, position in the actor's flows)."""
    server = s.flow[use, col.FLOW_SERVER]
    cap = s.flow[use, col.FLOW_CAP]
    settle_server(s, server, now)
    flows = s.active[server]
    i = s.server[server, col.ACTIVE]
    s.server[server, col.ACTIVE] = i + 1
    while i > 0:
        before = flows[i - 1]
        if before[col.CAP] != cap:
            goes_first = before[col.CAP] < cap
        elif before[col.BY_ACTOR] != actor:
            goes_first = before[col.BY_ACTOR] < actor
        elif before[col.BY_FIRING] != firing:
            goes_first = before[col.BY_FIRING] < firing
        else:
            goes_first = True  # flows of one firing begin in the actor's order
        if goes_first:
            break
        for column in range(col.ACTIVE_COLUMNS):
            flows[i, column] = before[column]
        i -= 1
    flows[i, col.CAP] = cap
    flows[i, col.BY_ACTOR] = actor
    flows[i, col.BY_FIRING] = firing
    flows[i, col.BY_POSITION] = use
    flows[i, col.REMAINING] = work
    flows[i, col.RATE] = 0
    mark_stale(s, server)


@called
def settle_server(s: State, server: int, now: int) -> None:
    """Take off what the flows of a server have done since the last change of rates."""
    lasted = now - s.server[server, col.UPDATED]
    s.server[server, col.UPDATED] = now
    if lasted == 0:
        return
    flows = s.active[server]
    for i in range(s.server[server, col.ACTIVE]):
        flows[i, col.REMAINING] = max(0, flows[i, col.REMAINING] - flows[i, col.RATE] * lasted)


@called
def end_flow(s: State, server: int) -> int:
    """Remove the first flow that is through from a settled server; its row number among all actors' firings is left in place ``ACTIVE``, -1: none."""
    flows = s.active[server]
    count = s.server[server, col.ACTIVE]
    for i in range(count):
        if flows[i, col.REMAINING] == 0:
            actor = flows[i, col.BY_ACTOR]
            firing = flows[i, col.BY_FIRING]
            for j in range(i, count - 1):
                for column in range(col.ACTIVE_COLUMNS):
                    flows[j, column] = flows[j + 1, column]
            # The freed row behind the last flow tells the caller whose flow it was.
            flows[count - 1, col.BY_ACTOR] = actor
            flows[count - 1, col.BY_FIRING] = firing
            s.server[server, col.ACTIVE] = count - 1
            mark_stale(s, server)
            return count - 1
    return -1


@called
def share_out(s: State, server: int, now: int) -> None:
    """Give every flow of a server its rate, and let the timer ring at the next completion or change of the server's rate."""
    settle_server(s, server, now)
    place = s.server[server, col.RATE_NOW]
    last = s.server[server, col.RATES_END]
    while place + 1 < last and s.rate_time[place + 1] <= now:
        place += 1
    s.server[server, col.RATE_NOW] = place
    flows = s.active[server]
    count = s.server[server, col.ACTIVE]
    left = s.rate[place]
    soonest = col.INFINITY
    if count > 0 and place + 1 < last:
        soonest = s.rate_time[place + 1]
    for i in range(count):
        rate = min(flows[i, col.CAP], left // (count - i))
        left -= rate
        flows[i, col.RATE] = rate
        if rate > 0:
            soonest = min(soonest, now + (flows[i, col.REMAINING] - 1) // rate + 1)
    set_timer(s, s.server[server, col.SERVER_TIMER], soonest)


@called
def share_out_stale(s: State, now: int) -> None:
    """Recompute the rates of all servers whose flows or rate have changed."""
    for i in range(s.run[col.STALE_SERVERS]):
        server = s.stale_server[i]
        s.server[server, col.STALE] = 0
        share_out(s, server, now)
    s.run[col.STALE_SERVERS] = 0
