"""The general event loop of the compiled engine, instant by instant (ARCHITECTURE.md, Simultaneity)."""

from __future__ import annotations

from simulator.engine import _columns as col
from simulator.engine._arbiter import grant, join_queue, leave_queue
from simulator.engine._channels import fits
from simulator.engine._firing import arrive, depart, end_part, may_depart, note_wait, pass_void, start
from simulator.engine._jit import called, inlined
from simulator.engine._lossy import await_decision, decide, is_void
from simulator.engine._servers import end_flow, mark_stale, settle_server, share_out_stale
from simulator.engine._timers import pop_overlap, set_timer
from simulator.engine.arrays import State


@inlined
def go_on(s: State, actor: int, now: int) -> bool:
    """Let an actor do all that it can at this instant. False: a ring is full, and must grow before it can go on."""
    while True:
        while may_depart(s, actor):
            if not has_space_behind(s, actor):
                return False
            depart(s, actor, now)
        firing = s.actor[actor, col.STARTED]
        under_way = firing - s.actor[actor, col.ENDED]
        if firing == s.actor[actor, col.FIRINGS] or under_way >= s.actor[actor, col.CONCURRENCY]:
            return True
        if s.actor[actor, col.GRANTED] != 0:
            s.actor[actor, col.GRANTED] = 0
        else:
            if s.actor[actor, col.SINGLE] == 0 and under_way > s.actor[actor, col.FLIGHT_FOLD]:
                return ask_to_grow(s, col.FLIGHT_RING, actor)
            cause = waits_for(s, actor, firing, under_way, now)
            if cause < 0:
                if not has_space_behind(s, actor):
                    return False
                note_wait(s, actor, 0, now)
                pass_void(s, actor, now)
                continue
            note_wait(s, actor, cause, now)
            if cause > 0:
                return True
            if s.actor[actor, col.RESOURCE] >= 0:
                join_queue(s, actor, now)
                note_wait(s, actor, col.WAIT_GRANT, now)
                return True
        note_wait(s, actor, 0, now)
        start(s, actor, now)


@inlined
def waits_for(s: State, actor: int, firing: int, under_way: int, now: int) -> int:
    """The first thing that keeps an actor from starting; 0: nothing, -1: its next firing is void and passes."""
    if s.actor[actor, col.RELEASE] >= 0:
        release = s.cursor[s.actor[actor, col.RELEASE], col.VALUE]
        if release > now:
            set_timer(s, s.actor[actor, col.RELEASE_TIMER], release)
            return col.WAIT_RELEASE
    for port in range(s.actor[actor, col.INPUTS], s.actor[actor, col.INPUTS_END]):
        if s.cursor[s.input[port, col.NEED], col.VALUE] > s.channel[s.input[port, col.IN_CHANNEL], col.READABLE]:
            return col.WAIT_INPUT
    if s.run[col.LOSSY] != 0:
        if is_void(s, actor):
            if s.actor[actor, col.READY] >= 0:
                leave_queue(s, actor)
            return -1 if under_way == 0 else col.WAIT_GRANT
        if s.actor[actor, col.DROP] != 0 and s.actor[actor, col.DECIDED] == 0:
            await_decision(s, actor)
            return col.WAIT_GRANT
    if s.actor[actor, col.READY] >= 0:
        return col.WAIT_GRANT
    for out in range(s.actor[actor, col.OUTPUTS], s.actor[actor, col.OUTPUTS_END]):
        if s.output[out, col.CLAIMS_AT_START] != 0:
            if not fits(s, out, s.cursor[s.output[out, col.CLAIM], col.VALUE], True):
                return col.WAIT_ROOM
    return 0


@inlined
def has_space_behind(s: State, actor: int) -> bool:
    """Whether the rings that a departure writes have a free place; if not, asks for a larger one."""
    if s.actor[actor, col.LATENCY] >= 0:
        if s.actor[actor, col.ENDED] - s.actor[actor, col.ARRIVED] > s.actor[actor, col.TRAVEL_FOLD]:
            return ask_to_grow(s, col.TRAVEL_RING, actor)
    if s.run[col.LOSSY] != 0 and s.run[col.COUNTING] != 0:
        oldest = s.actor[actor, col.ENDED]
        for out in range(s.actor[actor, col.OUTPUTS], s.actor[actor, col.OUTPUTS_END]):
            channel = s.output[out, col.OUT_CHANNEL]
            if s.channel[channel, col.READER] >= 0:
                oldest = min(oldest, s.channel[channel, col.MARK_FIRING])
        if s.actor[actor, col.ENDED] - max(oldest, 0) > s.actor[actor, col.MARKS_FOLD]:
            return ask_to_grow(s, col.MARKS_RING, actor)
    return True


@called
def ask_to_grow(s: State, ring: int, actor: int) -> bool:
    """Leave the loop for a larger ring; always False."""
    s.run[col.STATUS] = col.GROW
    s.run[col.GROW_TABLE] = ring
    s.run[col.GROW_ROW] = actor
    return False


@called
def ring_other(s: State, leaf: int, now: int) -> int:
    """A timer rings that is not an actor's own completion; the actor to be looked at, -1 if none is at once."""
    kind = s.leaf_kind[leaf]
    owner = s.leaf_owner[leaf]
    if kind == col.OVERLAP_LEAF:
        actor = s.overlap_actor[0]
        firing = s.overlap_firing[0]
        pop_overlap(s)
        end_part(s, actor, firing, now)
        return int(actor)
    if kind == col.ARRIVAL_LEAF:
        arrive(s, owner, now)
        return -1
    if kind == col.RELEASE_LEAF:
        set_timer(s, leaf, col.INFINITY)
        return int(owner)
    set_timer(s, leaf, col.INFINITY)
    settle_server(s, owner, now)
    mark_stale(s, owner)
    place = end_flow(s, owner)
    if place < 0:
        return -1
    # Others that are through at this instant follow when the timer rings again at once.
    set_timer(s, leaf, now)
    actor = s.active[owner, place, col.BY_ACTOR]
    end_part(s, actor, s.active[owner, place, col.BY_FIRING], now)
    return int(actor)


@inlined
def settle(s: State, now: int) -> bool:
    """Step (a): completions, departures, arrivals, releases and free starts until nothing changes. False: a ring must grow."""
    while True:
        rung = -1
        work = s.run[col.WORK]
        if work > 0:
            actor = s.work[work - 1]
            s.run[col.WORK] = work - 1
            s.actor[actor, col.QUEUED] = 0
        elif s.timer[1] == now:
            leaf = s.timer_leaf[1]
            if leaf < s.actor.shape[0]:
                actor = leaf
                rung = leaf
                s.actor[actor, col.DUE] = col.INFINITY
                end_part(s, actor, s.actor[actor, col.ENDED], now)
            else:
                actor = ring_other(s, leaf, now)
                if actor < 0:
                    continue
        else:
            return True
        goes = go_on(s, actor, now)
        # An actor that has started again has set its timer already.
        if rung >= 0 and s.actor[rung, col.DUE] == col.INFINITY:
            set_timer(s, rung, col.INFINITY)
        if not goes:
            s.actor[actor, col.QUEUED] = 1
            s.work[s.run[col.WORK]] = actor
            s.run[col.WORK] += 1
            return False


@called
def run_loop(s: State) -> int:
    """Run until the plan is through, stuck, past UNTIL, or LEFT has fallen to LIMIT; why it returned."""
    s.run[col.STATUS] = col.RUNNING
    while True:
        now = s.run[col.NOW]
        if not settle(s, now):
            return col.GROW
        if s.run[col.PENDING_SOURCES] > 0:
            decide(s, now)
            continue
        if s.run[col.LISTED_RESOURCES] > 0 and grant(s):
            continue
        if s.run[col.STALE_SERVERS] > 0:
            share_out_stale(s, now)
        upcoming = s.timer[1]
        if s.run[col.LEFT] == 0:
            return col.FINISHED
        if upcoming == col.INFINITY:
            return col.STUCK
        if upcoming > s.run[col.UNTIL]:
            return col.PAST_UNTIL
        if s.run[col.LEFT] <= s.run[col.LIMIT]:
            return col.PAUSED
        s.run[col.NOW] = upcoming
