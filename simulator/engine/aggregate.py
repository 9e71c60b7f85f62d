"""Runs that keep totals instead of a trace: memory follows the state of the platform, not the number of firings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from simulator.deadlock import State as Stuck
from simulator.deadlock import deadlock_error
from simulator.engine import _columns as col
from simulator.engine.arrays import State, flatten
from simulator.engine.compiled import drive
from simulator.engine.counters import Counters, wide
from simulator.engine.fast_forward import Stretch, Watch, why_not
from simulator.engine.frame_log import FrameBlock, FrameLog
from simulator.engine.tallies import Counting
from simulator.engine.value_counts import ValueCounts
from simulator.plan import Ints, Plan

Progress = Callable[[int, int, int], None]

_SAMPLES = 64
"""Instants of a run at which the counters are kept, so that its beginning can be told from the rest."""

_FEWEST = 4096
"""Departures between two of them at least."""


@dataclass(frozen=True, slots=True)
class ActorTotals:
    """What one actor did, in ticks and firings.

    ``started`` and ``departed`` firings (``void`` of them passed), ``busy`` from start to end of service, ``compute``
    of the non-void ones, ``memory_bound`` by how much their own flows would outlast that with their servers to
    themselves, ``held`` from end of service to departure. The wait before a start, from when the actor
    could have started, by cause: ``not_released``, ``starved``, ``blocked`` (no room to claim), ``contended``.
    ``first_start``, ``first_end`` and ``last_end`` are -1 where there is none. Busy and held count firings that are
    through.
    """

    started: int
    departed: int
    void: int
    busy: int
    compute: int
    memory_bound: int
    held: int
    not_released: int
    starved: int
    blocked: int
    contended: int
    first_start: int
    first_end: int
    last_end: int


@dataclass(frozen=True, slots=True, eq=False)
class LevelTotals:
    """A level over time: its integral, its largest value, and how long it was where.

    ``histogram[i]`` is for how many ticks it was in ``i * bin_width .. (i + 1) * bin_width - 1``.
    """

    level: int
    highest: int
    bin_width: int
    histogram: Ints


@dataclass(frozen=True, slots=True, eq=False)
class ChannelTotals(LevelTotals):
    """How one channel was used, in tokens and ticks.

    The level is the room taken; ``full`` is how long the writer's largest put did not fit. ``lying`` is the integral of
    the readable tokens, ``empty`` how long there were none, ``written`` how many became readable. ``starves`` and
    ``blocks`` are how long its reader waited for tokens and its writer for room, where this channel was the last to
    give way.
    """

    full: int
    lying: int
    empty: int
    written: int
    starves: int
    blocks: int


class FrameTotals:
    """What became of the frames of a run, in ticks.

    ``through`` frames have passed all sinks, ``void`` of them dropped; ``latency`` counts how long the ``delivered``
    ones took from their entry. ``first_departure`` and ``last_departure`` are -1 where there is none.
    """

    def __init__(self) -> None:
        self.through = self.void = self.delivered = 0
        self.first_departure = self.last_departure = -1
        self.latency = ValueCounts()

    def add(self, block: FrameBlock) -> None:
        """Count frames that are through."""
        took = block.delivered
        self.through += took.size * block.turns
        self.void += int(block.void.sum()) * block.turns
        self.delivered += int(took.sum()) * block.turns
        self.latency.add((block.departure - block.entry)[took].astype(float), block.turns)
        if took.any():
            first, last = int(block.departure[took].min()), int(block.departure[took].max())
            self.first_departure = first if self.first_departure < 0 else min(self.first_departure, first)
            self.last_departure = max(self.last_departure, last + (block.turns - 1) * block.passed)


@dataclass(frozen=True, slots=True, eq=False)
class Aggregate:
    """The totals of a run, parallel to the plan's actors and channels.

    ``now``, ``complete`` and ``reason`` as in a Trace. ``frames`` is what became of the frames, ``counters`` all that
    was counted by the end and ``samples`` by some instants on the way. ``pools`` are the levels asked for, and
    ``void_phases[a]`` the void firings of an actor by their number modulo its period.

    ``skipped_periods`` whole periods with ``skipped_ticks`` ticks in all were not simulated but added up: the totals
    are the same. ``longest`` are the counters around most of them.
    """

    actors: tuple[ActorTotals, ...]
    channels: tuple[ChannelTotals, ...]
    pools: tuple[LevelTotals, ...]
    frames: FrameTotals
    void_phases: tuple[Ints, ...]
    counters: Counters
    samples: tuple[Counters, ...]
    log: FrameLog
    now: int
    complete: bool
    reason: str
    skipped_periods: int
    skipped_ticks: int
    longest: Stretch | None

    @property
    def firings(self) -> int:
        """Number of firings that have departed."""
        return sum(actor.departed for actor in self.actors)


def run_aggregate(
    plan: Plan,
    *,
    until: int | None = None,
    progress: Progress | None = None,
    fast_forward: bool = True,
    counting: Counting | None = None,
    reader: Callable[[FrameBlock], None] | None = None,
) -> Aggregate:
    """Run a plan that ``check_plan`` has passed in the compiled engine and return its totals.

    ``fast_forward`` skips whole periods once the full state has recurred; the totals are those of the full run,
    exactly. ``counting`` says what is counted beyond every actor and channel by itself; ``reader`` is given the frames
    that are through, in order. Raises ``DeadlockError`` when nothing can move and firings remain.
    """
    reason = why_not(plan) if fast_forward else "not asked for"
    frames, samples = FrameTotals(), list[Counters]()

    def read(block: FrameBlock) -> None:
        frames.add(block)
        if reader:
            reader(block)

    def look(state: State, outcome: int) -> None:
        log.drain(state)
        if outcome == col.PAUSED:
            samples.append(Counters.at(state, int(state.memory[col.NOW])))

    log = FrameLog(plan, read)
    watch = None if reason else Watch(plan, log)
    chunk = max(_FEWEST, plan.firings // _SAMPLES)
    state, outcome = drive(
        flatten(plan, counting or Counting()),
        until=until, progress=progress, firings=plan.firings, watch=watch, look=look, chunk=chunk,
    )  # fmt: skip
    if outcome == col.STUCK:
        raise deadlock_error(plan, None, _stuck(state))
    log.drain(state)  # after an interrupt nobody has looked yet
    now = int(state.memory[col.NOW])
    if outcome == col.PAST_UNTIL and until is not None:
        now = until
    if watch:
        reason = f"{watch.periods:,} periods skipped" if watch.periods else "the state did not recur"
    counters = Counters.at(state, now)
    rows = zip(state.channels, counters.starves.tolist(), counters.blocks.tolist(), strict=True)
    return Aggregate(
        tuple(_actor_totals(*rows) for rows in zip(state.actors, state.table(col.TALLIES), strict=True)),
        tuple(_channel_totals(state, *row) for row in rows),
        tuple(LevelTotals(*_level(state, row)) for row in state.table(col.POOLS)),
        frames,
        tuple(_void_phases(state, tally) for tally in state.table(col.TALLIES)),
        counters,
        tuple(samples),
        log,
        now,
        outcome == col.FINISHED,
        f"event loop, totals only; fast-forward: {reason}",
        watch.periods if watch else 0,
        watch.ticks if watch else 0,
        watch.longest if watch else None,
    )


def _actor_totals(row: Ints, tally: Ints) -> ActorTotals:
    return ActorTotals(
        started=int(row[col.STARTED]),
        departed=int(row[col.ENDED]),
        void=int(tally[col.VOID_FIRINGS]),
        busy=int(tally[col.SUM_BUSY]),
        compute=int(tally[col.SUM_COMPUTE]),
        memory_bound=int(tally[col.SUM_BOUND]),
        held=int(tally[col.SUM_HELD]),
        not_released=int(tally[col.SUMS + col.WAIT_RELEASE]),
        starved=int(tally[col.SUMS + col.WAIT_INPUT]),
        blocked=int(tally[col.SUMS + col.WAIT_ROOM]),
        contended=int(tally[col.SUMS + col.WAIT_GRANT]),
        first_start=int(tally[col.FIRST_START]),
        first_end=int(tally[col.FIRST_END]),
        last_end=int(tally[col.LAST_END]),
    )


def _level(state: State, row: Ints) -> tuple[int, int, int, Ints]:
    histogram = state.memory[int(row[col.HISTOGRAM]) :][: int(row[col.BINS])].copy()
    return wide(row, col.WHOLE), int(row[col.PEAK]), 1 << int(row[col.BIN_SHIFT]), histogram


def _channel_totals(state: State, row: Ints, starves: int, blocks: int) -> ChannelTotals:
    return ChannelTotals(
        *_level(state, row),
        full=int(row[col.FULL_TIME]),
        lying=wide(row, col.LYING_WHOLE),
        empty=int(row[col.EMPTY_TIME]),
        written=int(row[col.WRITTEN]),
        starves=starves,
        blocks=blocks,
    )


def _void_phases(state: State, tally: Ints) -> Ints:
    period = int(tally[col.PERIOD]) if state.memory[col.LOSSY] else 0
    return state.memory[int(tally[col.PHASES]) :][:period].copy()


def _stuck(state: State) -> Stuck:
    return Stuck(
        time=int(state.memory[col.LAST_MOVED]),
        started=tuple(state.actors[:, col.STARTED].tolist()),
        departed=tuple(state.actors[:, col.ENDED].tolist()),
        readable=tuple(state.channels[:, col.READABLE].tolist()),
        used=tuple(state.channels[:, col.USED].tolist()),
    )
