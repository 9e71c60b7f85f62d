"""Exact fast-forward.

When the whole state of a run recurs, whole periods are skipped and every counter grows by theirs.

The state is compared in integer ticks at departures of one actor, with a snapshot that is renewed after 1, 2, 4, ...
comparisons (R. P. Brent, "An improved Monte Carlo factorization algorithm", BIT 20, 1980). What recurs is the full
state of :mod:`simulator.engine._recurrence`, never the rate at the sink: that is even long before the FIFOs have
filled.
"""

from __future__ import annotations

import numpy as np

from simulator.engine import _columns as col
from simulator.engine.arrays import State
from simulator.plan import Ints, Plan, Series

# What grows by the same amount in every period. Times are among it where the comparison has found them shifted alike.
_ACTOR = [col.STARTED, col.ENDED, col.ARRIVED, col.READY, col.SINCE, col.RELEASE_WAITS, col.LAST_END]
_ACTOR += [*range(col.SUMS, col.SUMS + col.WAIT_EARLIER + 1), col.SUM_BUSY, col.SUM_HELD, col.SUM_COMPUTE]
_ACTOR += [col.VOID_FIRINGS]
_CHANNEL = [col.READABLE, col.GIVEN, col.CHANGED, col.FULL_TIME, col.LYING_CHANGED, col.EMPTY_TIME, col.WRITTEN]
_CHANNEL += [col.MARK_FIRING]
_CURSOR = [col.VALUE, col.RAISED]


class Watch:
    """Looks for a recurrence during one run; ``periods`` and ``ticks`` tell what has been skipped."""

    def __init__(self) -> None:
        self.periods = 0
        self.ticks = 0

    def begin(self, state: State) -> State:
        """Watch from here on.

        A snapshot, compared with the state whenever the actor with the fewest firings left departs.
        """
        memory, actors = state.memory, state.actors
        left = actors[:, col.FIRINGS] - actors[:, col.STARTED]
        alive = np.flatnonzero(left > 1)
        memory[col.WATCHING] = alive.size > 0
        if not alive.size:
            return state
        anchor = int(alive[np.argmin(left[alive])])
        memory[col.ANCHOR] = int(memory[col.ACTORS]) + anchor * col.ACTOR_COLUMNS
        memory[col.ANCHOR_SEEN] = actors[anchor, col.ENDED]
        memory[col.MOST_COMPARISONS] = 1
        return self._snapshot(state)

    def again(self, state: State) -> State:
        """A new snapshot, for twice as many comparisons."""
        state.memory[col.MOST_COMPARISONS] *= 2
        return self._snapshot(state)

    def _snapshot(self, state: State) -> State:
        state.memory[col.COMPARISONS] = 0
        bring_up_to_date(state, int(state.memory[col.NOW]))
        return state.copy()

    def skip(self, state: State, before: State) -> State:
        """The state after as many whole periods as all actors that fire in one still have before them."""
        memory = state.memory
        bring_up_to_date(state, int(memory[col.NOW]))
        passed = int(memory[col.NOW] - before.memory[col.NOW])
        fired = state.actors[:, col.STARTED] - before.actors[:, col.STARTED]
        left = state.actors[:, col.FIRINGS] - state.actors[:, col.STARTED] - 1
        moves = fired > 0
        # The last firing of no actor is skipped: after it nothing is waited for any more.
        periods = int((left[moves] // fired[moves]).min(initial=np.iinfo(np.int64).max))
        if memory[col.UNTIL] != col.INFINITY:
            periods = min(periods, int(memory[col.UNTIL] - memory[col.NOW]) // passed)
        if not moves.any() or periods < 1:
            return state
        self.periods += periods
        self.ticks += periods * passed
        return _after(state, before, periods, passed, fired)


def why_not(plan: Plan) -> str:
    """Why a plan cannot be fast-forwarded; empty if it can be tried."""
    is_lossy = any(actor.drop for actor in plan.actors)
    for actor in plan.actors:
        series = [actor.release, actor.compute, actor.latency, *(flow.work for flow in actor.flows)]
        series += [s for port in actor.inputs for s in (port.need, port.free)] + [out.put for out in actor.outputs]
        if is_lossy:
            if not actor.first_frame.is_monotone():
                return f"'{actor.name}' goes back to earlier frames, of which some may be void"
            series += [actor.first_frame, actor.last_frame]
        if actor.firings * len(plan.actors) * 10 > plan.firings and any(_never_repeats(one) for one in series):
            return f"the firings of '{actor.name}' do not repeat"
    return ""


def _never_repeats(series: Series) -> bool:
    return 2 * series.period > max(series.length, 2)


def bring_up_to_date(state: State, now: int) -> None:
    """Count what has lasted up to now: waits of actors, levels of channels."""
    bins = int(state.memory[col.BINS])
    for actor in state.actors:
        actor[col.SUMS + actor[col.CAUSE]] += now - actor[col.SINCE]
        actor[col.SINCE] = now
    for channel in state.channels:
        lasted, used = now - int(channel[col.CHANGED]), int(channel[col.USED] - channel[col.CREDIT])
        _add_wide(channel, col.WHOLE, used * lasted)
        channel[col.PEAK] = max(channel[col.PEAK], used) if lasted else channel[col.PEAK]
        channel[col.FULL_TIME] += lasted if used >= channel[col.FULL_FROM] else 0
        if bins:
            place = min(used // int(channel[col.BIN_WIDTH]), bins - 1)
            state.memory[int(channel[col.HISTOGRAM]) + place] += lasted
        channel[col.CHANGED] = now
        lasted, lying = now - int(channel[col.LYING_CHANGED]), int(channel[col.LYING])
        _add_wide(channel, col.LYING_WHOLE, lying * lasted)
        channel[col.EMPTY_TIME] += 0 if lying else lasted
        channel[col.LYING_CHANGED] = now


def wide(channel: Ints, whole: int) -> int:
    """An integral over time, kept in two limbs."""
    return (int(channel[whole]) << col.FINE_BITS) + int(channel[whole + 1])


def _add_wide(channel: Ints, whole: int, amount: int) -> None:
    total = wide(channel, whole) + amount
    channel[whole], channel[whole + 1] = total >> col.FINE_BITS, total & ((1 << col.FINE_BITS) - 1)


def _after(state: State, before: State, periods: int, passed: int, fired: Ints) -> State:
    """The state after some periods.

    Everything has grown by as much as in the one between the two states, times ``periods``.
    """
    later = state.copy()
    memory, actors, channels = later.memory, later.actors, later.channels
    memory[[col.NOW, col.LAST_MOVED]] += periods * passed
    memory[col.LEFT] -= periods * int(fired.sum())
    actors[:, _ACTOR] += periods * (state.actors[:, _ACTOR] - before.actors[:, _ACTOR])
    channels[:, _CHANNEL] += periods * (state.channels[:, _CHANNEL] - before.channels[:, _CHANNEL])
    waited = channels[:, col.READ_AT] != col.INFINITY
    channels[waited, col.READ_AT] += channels[waited, col.READABLE] - state.channels[waited, col.READABLE]
    table = (col.CURSORS, col.CURSORS_END, col.CURSOR_COLUMNS)
    later.rows(*table)[:, _CURSOR] += periods * (state.rows(*table) - before.rows(*table))[:, _CURSOR]
    for index, row in enumerate(channels):
        for whole in (col.WHOLE, col.LYING_WHOLE):
            _add_wide(row, whole, periods * (wide(state.channels[index], whole) - wide(before.channels[index], whole)))
        bins = slice(int(row[col.HISTOGRAM]), int(row[col.HISTOGRAM]) + int(memory[col.BINS]))
        memory[bins] += periods * (state.memory[bins] - before.memory[bins])
    _shift_flights(later, state, before, periods, passed, fired)
    if memory[col.LOSSY]:
        _shift_voids(later, state, before, periods, fired)
    _shift_servers(later, periods, passed, fired)
    _shift_timers(later, periods * passed)
    return later


def _shift_flights(later: State, state: State, before: State, periods: int, passed: int, fired: Ints) -> None:
    """Firings under way stand in rings, at places that depend on their numbers."""
    ago, length = periods * passed, int(state.memory[col.COLUMN_LENGTH])
    for index, row in enumerate(state.actors):
        column, fold, flight, flight_fold, travel, travel_fold = (
            int(row[i]) for i in (col.COLUMN, col.FOLD, col.FLIGHT, col.FLIGHT_FOLD, col.TRAVEL, col.TRAVEL_FOLD)
        )
        shift = periods * int(fired[index])
        for k in range(int(row[col.ENDED]), int(row[col.STARTED])):
            for place in (column, column + length):
                later.times[place + (k + shift & fold)] = state.times[place + (k & fold)] + ago
            later.memory[flight + (k + shift & flight_fold)] = state.memory[flight + (k & flight_fold)]
        if row[col.LATENCY] >= 0:
            for k in range(int(row[col.ARRIVED]), int(row[col.ENDED])):
                arrival = state.memory[travel + (k & travel_fold)] + ago
                later.memory[travel + (k + shift & travel_fold)] = arrival
            if row[col.LAST_ARRIVAL] > state.memory[col.NOW]:
                later.actors[index, col.LAST_ARRIVAL] += ago
        for port in range(int(row[col.INPUTS]), int(row[col.INPUTS_END]), col.INPUT_COLUMNS):
            place = port + col.OWN_FREED
            later.memory[place] += periods * (state.memory[place] - before.memory[place])
    heap = later.memory[int(later.memory[col.HEAP]) :][: int(later.memory[col.OVERLAPS]) * col.OVERLAP_COLUMNS]
    for completion in heap.reshape(-1, col.OVERLAP_COLUMNS):
        completion[col.OVERLAP_TIME] += ago
        completion[col.OVERLAP_FIRING] += periods * int(fired[_index_of(later, int(completion[col.OVERLAP_ACTOR]))])


def _shift_voids(later: State, state: State, before: State, periods: int, fired: Ints) -> None:
    """Void marks: of firings in rings by their numbers, of frames in a ring by theirs."""
    for index, row in enumerate(state.actors):
        marks = slice(int(row[col.MARKS]), int(row[col.MARKS] + row[col.MARKS_FOLD]) + 1)
        later.memory[marks] = np.roll(state.memory[marks], periods * int(fired[index]))
    alive = state.actors[state.actors[:, col.STARTED] < state.actors[:, col.FIRINGS], col.FIRST_FRAME]
    first = int(state.memory[alive + col.VALUE].min())
    frames = periods * (first - int(before.memory[alive + col.VALUE].min()))
    fold = int(state.memory[col.VOID_FOLD])
    ring = slice(int(state.memory[col.VOID_FRAMES]), int(state.memory[col.VOID_FRAMES]) + fold + 1)
    needed = state.memory[ring][state.memory[ring] > first] + frames
    later.memory[ring] = 0
    later.memory[ring][needed - 1 & fold] = needed
    later.memory[col.VOID_TO] += frames


def _shift_servers(later: State, periods: int, passed: int, fired: Ints) -> None:
    for server in later.rows(col.SERVERS, col.SERVERS_END, col.SERVER_COLUMNS):
        server[col.UPDATED] += periods * passed
        first = int(server[col.ACTIVE_ROWS])
        flows = later.memory[first : first + int(server[col.ACTIVE]) * col.ACTIVE_COLUMNS]
        for flow in flows.reshape(-1, col.ACTIVE_COLUMNS):
            flow[col.BY_FIRING] += periods * int(fired[_index_of(later, int(flow[col.BY_ACTOR]))])


def _index_of(state: State, actor: int) -> int:
    return (actor - int(state.memory[col.ACTORS])) // col.ACTOR_COLUMNS


def _shift_timers(later: State, ago: int) -> None:
    """Timers ring later; the tree counts from an epoch that has moved with them."""
    first, leaves = int(later.memory[col.DUES]), 1 << int(later.memory[col.LEAF_BITS])
    dues = later.memory[first : first + leaves]
    dues[dues != col.INFINITY] += ago
    later.memory[col.EPOCH] += ago
