"""Exact fast-forward.

When the whole state of a run recurs, whole periods are skipped and every counter grows by theirs.

The state is compared in integer ticks at departures of one actor, with a snapshot that is renewed after 1, 2, 4, ...
comparisons (R. P. Brent, "An improved Monte Carlo factorization algorithm", BIT 20, 1980). What recurs is the full
state of :mod:`simulator.engine._recurrence`, never the rate at the sink: that is even long before the FIFOs have
filled.

Two kinds of periodic runs have no such state, or not for long: a queue without bound that grows for ever, and a camera
that outruns a processor which never waits for it, where both cycles have few picoseconds in common. They run in full.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.engine import _columns as col
from simulator.engine.arrays import State
from simulator.engine.counters import Counters, add_wide, bring_up_to_date, wide
from simulator.engine.frame_log import FrameLog, FrameMark
from simulator.plan import Ints, Plan, Series

# What grows by the same amount in every period. Times are among it where the comparison has found them shifted alike.
_ACTOR = [col.STARTED, col.ENDED, col.ARRIVED, col.READY, col.RELEASE_WAITS]
_TALLY = [col.SINCE, col.WAITED, col.LAST_END, *range(col.SUM_BUSY, col.LANE_ENDS)]
_TALLY += range(col.SUMS, col.SUMS + col.WAIT_EARLIER + 1)
_CHANNEL = [col.READABLE, col.GIVEN, col.CHANGED, col.FULL_TIME, col.LYING_CHANGED, col.EMPTY_TIME, col.WRITTEN]
_CHANNEL += [col.MARK_FIRING, col.STARVES, col.BLOCKS]
_CURSOR = [col.VALUE, col.RAISED]

_MOST_COMPARISONS = 1 << 40


class Watch:
    """Looks for a recurrence during one run; ``periods`` and ``ticks`` tell what has been skipped.

    ``longest`` holds the counters around the longest stretch that was skipped, and the frames delivered in it.
    """

    def __init__(self, plan: Plan, log: FrameLog) -> None:
        self.plan, self.log = plan, log
        self.mark: FrameMark | None = None
        self.periods = 0
        self.ticks = 0
        self.longest: Stretch | None = None

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
        state.memory[col.MOST_COMPARISONS] = min(2 * int(state.memory[col.MOST_COMPARISONS]), _MOST_COMPARISONS)
        return self._snapshot(state)

    def _snapshot(self, state: State) -> State:
        state.memory[col.COMPARISONS] = 0
        self.mark = self.log.mark(state)
        bring_up_to_date(state, int(state.memory[col.NOW]))
        return state.copy()

    def recurred(self, state: State, before: State) -> tuple[State, State]:
        """The state after as many whole periods as there are, and a new snapshot.

        None is skipped where frames under way are older than a period before.
        """
        if self.mark is None or not self.log.recurs(state, self.mark):
            return state, self.again(state)
        later = self._skipped(state, before, self.mark)
        return later, self.begin(later)

    def _skipped(self, state: State, before: State, mark: FrameMark) -> State:
        """The state after as many whole periods as all actors that fire in one still have before them."""
        memory = state.memory
        bring_up_to_date(state, int(memory[col.NOW]))
        passed = int(memory[col.NOW] - before.memory[col.NOW])
        fired = state.actors[:, col.STARTED] - before.actors[:, col.STARTED]
        left = state.actors[:, col.FIRINGS] - state.actors[:, col.STARTED] - _kept_back(state, before)
        moves = fired > 0
        periods = int((left[moves] // fired[moves]).min(initial=np.iinfo(np.int64).max))
        if memory[col.UNTIL] != col.INFINITY:
            periods = min(periods, int(memory[col.UNTIL] - memory[col.NOW]) // passed)
        if not moves.any() or periods < 1:
            return state
        self.periods += periods
        self.ticks += periods * passed
        later = _after(state, before, periods, passed, fired)
        frames = self.log.skip(mark, periods, passed, fired)
        # Where the sources have run dry, what repeats is not the steady state.
        if all(fired[source] for source in self.plan.sources()):
            stretch = Stretch.between(before, later, frames, passed)
            if self.longest is None or stretch.ticks > self.longest.ticks:
                self.longest = stretch
        return later


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """Whole periods, from the counters at ``first`` to those at ``last``.

    In one of them ``frames`` frames were delivered in ``period`` ticks.
    """

    first: Counters
    last: Counters
    frames: int
    period: int

    @classmethod
    def between(cls, before: State, later: State, frames: int, period: int) -> Stretch:
        """The stretch between two states."""
        first, last = (Counters.at(state, int(state.memory[col.NOW])) for state in (before, later))
        return cls(first, last, frames, period)

    @property
    def ticks(self) -> int:
        """How long it is."""
        return self.last.now - self.first.now


def _kept_back(state: State, before: State) -> Ints:
    """How many of its last firings an actor is to do itself.

    One, after which nothing is waited for any more; or as many as it has lanes, whose ends are counted, unless all of a
    period were among those.
    """
    lanes = np.minimum(state.actors[:, col.CONCURRENCY], state.actors[:, col.FIRINGS])
    is_last = before.actors[:, col.ENDED] >= state.actors[:, col.FIRINGS] - lanes
    return np.where(is_last, 1, np.maximum(lanes, 1))


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
    _add_totals(later, state, before, periods, passed)
    table = (col.CURSORS, col.CURSORS_END, col.CURSOR_COLUMNS)
    later.rows(*table)[:, _CURSOR] += periods * (state.rows(*table) - before.rows(*table))[:, _CURSOR]
    _shift_flights(later, state, before, periods, passed, fired)
    if memory[col.LOSSY]:
        _shift_voids(later, state, before, periods, fired)
    _shift_servers(later, periods, passed, fired)
    _shift_timers(later, periods * passed)
    return later


def _add_totals(later: State, state: State, before: State, periods: int, passed: int) -> None:
    """What is counted grows by as much in every period."""
    for table in (col.TEAMS, col.PARTIES):
        later.table(table)[:] += periods * (state.table(table) - before.table(table))
    grown = state.table(col.TALLIES) - before.table(col.TALLIES)
    tallies = later.table(col.TALLIES)
    tallies[:, _TALLY] += periods * grown[:, _TALLY]
    # Of n lanes that end in a period, each ends n times a period later than the time before.
    turns = periods * (periods + 1) // 2 * passed
    for tally, own in zip(tallies, grown.tolist(), strict=True):
        tally[col.LANE_ENDS] = _wrapped(
            int(tally[col.LANE_ENDS]) + periods * own[col.LANE_ENDS] + turns * own[col.LANES_ENDED]
        )
        phases = slice(int(tally[col.PHASES]), int(tally[col.PHASES]) + int(tally[col.PERIOD]))
        if state.memory[col.LOSSY]:
            later.memory[phases] += periods * (state.memory[phases] - before.memory[phases])
    for table in (col.CHANNELS, col.POOLS):
        for row, now, then in zip(later.table(table), state.table(table), before.table(table), strict=True):
            if table == col.POOLS:
                row[_CHANNEL] += periods * (now - then)[_CHANNEL]
            for whole in (col.WHOLE, col.LYING_WHOLE):
                add_wide(row, whole, periods * (wide(now, whole) - wide(then, whole)))
            bins = slice(int(row[col.HISTOGRAM]), int(row[col.HISTOGRAM]) + int(row[col.BINS]))
            later.memory[bins] += periods * (state.memory[bins] - before.memory[bins])


def _wrapped(value: int) -> int:
    """A sum in 64 bits; differences of such sums are exact."""
    return (value + (1 << 63)) % (1 << 64) - (1 << 63)


def _shift_flights(later: State, state: State, before: State, periods: int, passed: int, fired: Ints) -> None:
    """Firings under way stand in rings, at places that depend on their numbers."""
    ago, length = periods * passed, int(state.memory[col.COLUMN_LENGTH])
    for index, row in enumerate(state.actors):
        column, fold, flight, flight_fold, travel, travel_fold = (
            int(row[i]) for i in (col.COLUMN, col.FOLD, col.FLIGHT, col.FLIGHT_FOLD, col.TRAVEL, col.TRAVEL_FOLD)
        )
        shift = periods * int(fired[index])
        for k in range(int(row[col.ENDED]), int(row[col.STARTED])):
            for place in (column, column + length, column + 2 * length):
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
