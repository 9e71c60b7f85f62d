"""Step (a) of an instant in the compiled engine (ARCHITECTURE.md, Simultaneity).

All that needs neither decision nor grant.
"""

from __future__ import annotations

from simulator.engine import _columns as col
from simulator.engine._arbiter import join_queue, leave_queue
from simulator.engine._channels import fits
from simulator.engine._firing import arrive, depart, end_part, may_depart, pass_void, start, tight_output
from simulator.engine._jit import Cells, called, inlined, merged
from simulator.engine._lossy import await_decision, has_space_for_frames, is_void
from simulator.engine._servers import end_flow, mark_stale, settle_server
from simulator.engine._timers import next_leaf, pop_overlap, rings, set_timer
from simulator.engine._totals import has_ring_space, note_held, note_late, note_wait

IS_VOID, RING_IS_FULL = -1, -2


@inlined
def go_on(m: Cells, t: Cells, actor: int, now: int, plain: bool) -> bool:
    """Let an actor do all that it can at this instant. False: a ring is full, and must grow before it can go on."""
    while True:
        while may_depart(m, actor, plain):
            if not plain and not has_space_behind(m, actor):
                return False
            depart(m, t, actor, now, plain)
        if not plain and m[col.COUNTING] != 0:
            look_at_held(m, actor, now)
        firing = m[actor + col.STARTED]
        under_way = firing - m[actor + col.ENDED]
        if firing == m[actor + col.FIRINGS] or under_way >= m[actor + col.CONCURRENCY]:
            return True
        if not plain and m[actor + col.GRANTED] != 0:
            m[actor + col.GRANTED] = 0
        else:
            if not plain and m[actor + col.SINGLE] == 0 and under_way > m[actor + col.FLIGHT_FOLD]:
                return ask_to_grow(m, col.FLIGHT_RING, actor)
            cause = waits_for(m, actor, under_way, now, plain)
            if cause < 0:
                if cause == RING_IS_FULL:
                    return ask_to_grow(m, col.VOID_RING, actor)
                if not has_space_behind(m, actor):
                    return False
                note_wait(m, actor, 0, now, plain)
                pass_void(m, t, actor, now)
                continue
            note_wait(m, actor, cause, now, plain)
            if cause > 0:
                return True
            if not plain and m[actor + col.RESOURCE] >= 0:
                join_queue(m, actor, now)
                note_wait(m, actor, col.WAIT_GRANT, now, plain)
                return True
        note_wait(m, actor, 0, now, plain)
        start(m, t, actor, now, plain)
        if m[actor + col.OPEN] != 0:
            return True


@inlined
def waits_for(m: Cells, actor: int, under_way: int, now: int, plain: bool) -> int:
    """The first thing that keeps an actor from starting; 0: nothing, IS_VOID: its next firing is void and passes.

    Whoever changes that wakes the actor: nothing else can let it go on. RING_IS_FULL: its frames can not be decided
    before the ring of void frames has grown.
    """
    if not plain and m[actor + col.RELEASE] >= 0:
        release = m[m[actor + col.RELEASE] + col.VALUE]
        if release > now:
            set_timer(m, m[actor + col.RELEASE_TIMER], release)
            m[actor + col.RELEASE_WAITS] += 1
            return col.WAIT_RELEASE
    port = m[actor + col.INPUTS]
    while port < m[actor + col.INPUTS_END]:
        need, channel = m[m[port + col.NEED] + col.VALUE], m[port + col.IN_CHANNEL]
        if need > m[channel + col.READABLE]:
            m[channel + col.READ_AT] = need
            if not plain and m[col.COUNTING] != 0:
                note_late(m, m[actor + col.TALLY] + col.INPUT_LATE, channel, now)
            return col.WAIT_INPUT
        port += col.INPUT_COLUMNS
    if not plain and m[col.LOSSY] != 0:
        if is_void(m, actor):
            if m[actor + col.READY] >= 0:
                leave_queue(m, actor)
            return IS_VOID if under_way == 0 else col.WAIT_EARLIER
        if m[actor + col.DROP] != 0 and m[actor + col.DECIDED] == 0:
            if not has_space_for_frames(m, actor):
                return RING_IS_FULL
            await_decision(m, actor)
            return col.WAIT_GRANT
    if not plain and m[actor + col.READY] >= 0:
        return col.WAIT_GRANT
    if m[actor + col.CLAIMS_EARLY] != 0:
        out = m[actor + col.OUTPUTS]
        while out < m[actor + col.OUTPUTS_END]:
            if m[out + col.CLAIMS_AT_START] != 0 and not fits(m, out, m[m[out + col.CLAIM] + col.VALUE], True, plain):
                if not plain and m[col.COUNTING] != 0:
                    note_late(m, m[actor + col.TALLY] + col.ROOM_LATE, m[out + col.OUT_CHANNEL], now)
                return col.WAIT_ROOM
            out += col.OUTPUT_COLUMNS
    return 0


@inlined
def has_space_behind(m: Cells, actor: int) -> bool:
    """Whether the rings that a departure writes have a free place; if not, asks for a larger one."""
    travelling = m[actor + col.ENDED] - m[actor + col.ARRIVED]
    if m[actor + col.LATENCY] >= 0 and travelling > m[actor + col.TRAVEL_FOLD]:
        return ask_to_grow(m, col.TRAVEL_RING, actor)
    return m[col.COUNTING] == 0 or has_space_to_count(m, actor)


@called
def has_space_to_count(m: Cells, actor: int) -> bool:
    """The same for the rings of a run that keeps totals."""
    if not has_ring_space(m, actor):
        return ask_to_grow(m, col.TIMES_RING, actor)
    if m[col.LOSSY] != 0:
        oldest = m[actor + col.ENDED] if m[actor + col.LATENCY] < 0 else m[actor + col.ARRIVED]
        for out in range(m[actor + col.OUTPUTS], m[actor + col.OUTPUTS_END], col.OUTPUT_COLUMNS):
            channel = m[out + col.OUT_CHANNEL]
            if m[channel + col.READER] >= 0:
                oldest = min(oldest, m[channel + col.MARK_FIRING])
        if m[actor + col.ENDED] - max(oldest, 0) > m[actor + col.MARKS_FOLD]:
            return ask_to_grow(m, col.MARKS_RING, actor)
    return True


@called
def look_at_held(m: Cells, actor: int, now: int) -> None:
    """Totals: whether a firing that is served waits to depart."""
    if m[actor + col.ENDED] < m[actor + col.STARTED]:
        channel = tight_output(m, actor)
        if channel >= 0:
            note_held(m, actor, channel, now)


@called
def ask_to_grow(m: Cells, ring: int, actor: int) -> bool:
    """Leave the loop for a larger ring; always False."""
    m[col.GROW_RING] = ring
    m[col.GROW_ACTOR] = actor
    return False


@called
def ring_other(m: Cells, t: Cells, leaf: int, now: int) -> int:
    """A timer rings that is not an actor's own completion; the actor to be looked at, -1 if none is at once."""
    kind = m[m[col.LEAVES] + leaf * col.LEAF_COLUMNS + col.LEAF_KIND]
    owner = m[m[col.LEAVES] + leaf * col.LEAF_COLUMNS + col.LEAF_OWNER]
    if kind == col.OVERLAP_LEAF:
        actor = m[m[col.HEAP] + col.OVERLAP_ACTOR]
        firing = m[m[col.HEAP] + col.OVERLAP_FIRING]
        pop_overlap(m)
        end_part(m, t, actor, firing, now)
        return int(actor)
    if kind == col.ARRIVAL_LEAF:
        arrive(m, owner, now)
        return -1
    if kind == col.RELEASE_LEAF:
        set_timer(m, leaf, col.INFINITY)
        return int(owner)
    set_timer(m, leaf, col.INFINITY)
    settle_server(m, owner, now)
    mark_stale(m, owner)
    place = end_flow(m, owner)
    if place < 0:
        return -1
    # Others that are through at this instant follow when the timer rings again at once.
    set_timer(m, leaf, now)
    actor = m[place + col.BY_ACTOR]
    end_part(m, t, actor, m[place + col.BY_FIRING], now)
    return int(actor)


@merged
def settle(m: Cells, t: Cells, now: int) -> bool:
    """Step (a): completions, departures, arrivals, releases and free starts until nothing changes.

    False: a ring must grow.
    """
    while True:
        rung = -1  # a leaf
        work = m[col.WORK]
        if work > 0:
            actor = m[m[col.WORKLIST] + work - 1]
            m[col.WORK] = work - 1
            m[actor + col.QUEUED] = 0
        elif rings(m, now):
            leaf = next_leaf(m)
            if leaf < m[col.OVERLAP_LEAF_AT]:
                actor = m[col.ACTORS] + leaf * col.ACTOR_COLUMNS
                rung = leaf
                end_part(m, t, actor, m[actor + col.ENDED], now)
            else:
                actor = ring_other(m, t, leaf, now)
                if actor < 0:
                    continue
        else:
            return True
        goes = go_on(m, t, actor, now, True) if m[actor + col.PLAIN] != 0 else go_on(m, t, actor, now, False)
        # An actor that has started again has set its timer already.
        if rung >= 0 and m[m[col.DUES] + rung] == now:
            set_timer(m, rung, col.INFINITY)
        if not goes:
            m[actor + col.QUEUED] = 1
            m[m[col.WORKLIST] + m[col.WORK]] = actor
            m[col.WORK] += 1
            return False
