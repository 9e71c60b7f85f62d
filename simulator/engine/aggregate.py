"""Runs that keep totals instead of a trace: memory follows the state of the platform, not the number of firings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from simulator.deadlock import State as Stuck
from simulator.deadlock import deadlock_error
from simulator.engine import _columns as col
from simulator.engine.arrays import State, flatten
from simulator.engine.compiled import drive
from simulator.engine.fast_forward import Watch, bring_up_to_date, why_not, wide
from simulator.plan import Ints, Plan

Progress = Callable[[int, int, int], None]


@dataclass(frozen=True, slots=True)
class ActorTotals:
    """What one actor did, in ticks and firings.

    ``started`` and ``departed`` firings (``void`` of them passed), ``busy`` from start to end of service, ``compute``
    of the non-void ones, ``held`` from end of service to departure. The wait before a start, from when the actor
    could have started, by cause: ``not_released``, ``starved``, ``blocked`` (no room to claim), ``contended``.
    ``first_start``, ``first_end`` and ``last_end`` are -1 where there is none. Busy and held count firings that are
    through.
    """

    started: int
    departed: int
    void: int
    busy: int
    compute: int
    held: int
    not_released: int
    starved: int
    blocked: int
    contended: int
    first_start: int
    first_end: int
    last_end: int


@dataclass(frozen=True, slots=True, eq=False)
class ChannelTotals:
    """How one channel was used, in tokens and ticks.

    ``level`` is the integral over time of the room taken, ``highest`` its largest value, ``full`` how long the
    writer's largest put did not fit; ``lying`` is the integral of the readable tokens, ``empty`` how long there were
    none, ``written`` how many became readable. ``histogram[i]`` is how long the room taken was in ``i * bin_width ..
    (i + 1) * bin_width - 1`` (the last bin: or more).
    """

    level: int
    highest: int
    full: int
    lying: int
    empty: int
    written: int
    bin_width: int
    histogram: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Aggregate:
    """The totals of a run, parallel to the plan's actors and channels.

    ``now``, ``complete`` and ``reason`` as in a Trace.

    ``skipped_periods`` whole periods with ``skipped_ticks`` ticks in all were not simulated but added up: the totals
    are the same.
    """

    actors: tuple[ActorTotals, ...]
    channels: tuple[ChannelTotals, ...]
    now: int
    complete: bool
    reason: str
    skipped_periods: int
    skipped_ticks: int

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
    bins: int = 32,
) -> Aggregate:
    """Run a plan that ``check_plan`` has passed in the compiled engine and return its totals.

    ``fast_forward`` skips whole periods once the full state has recurred; the totals are those of the full run,
    exactly. ``bins`` is the number of bins of each histogram. Raises ``DeadlockError`` when nothing can move and
    firings remain.
    """
    reason = why_not(plan) if fast_forward else "not asked for"
    watch = None if reason else Watch()
    state = flatten(plan, counting=True, bins=bins)
    state, outcome = drive(state, until=until, progress=progress, firings=plan.firings, watch=watch)
    if outcome == col.STUCK:
        raise deadlock_error(plan, None, _stuck(state))
    now = int(state.memory[col.NOW])
    if outcome == col.PAST_UNTIL and until is not None:
        now = until
    bring_up_to_date(state, now)
    if watch:
        reason = f"{watch.periods:,} periods skipped" if watch.periods else "the state did not recur"
    return Aggregate(
        tuple(_actor_totals(row) for row in state.actors),
        tuple(_channel_totals(state, row) for row in state.channels),
        now,
        outcome == col.FINISHED,
        f"event loop, totals only; fast-forward: {reason}",
        watch.periods if watch else 0,
        watch.ticks if watch else 0,
    )


def _actor_totals(row: Ints) -> ActorTotals:
    return ActorTotals(
        started=int(row[col.STARTED]),
        departed=int(row[col.ENDED]),
        void=int(row[col.VOID_FIRINGS]),
        busy=int(row[col.SUM_BUSY]),
        compute=int(row[col.SUM_COMPUTE]),
        held=int(row[col.SUM_HELD]),
        not_released=int(row[col.SUMS + col.WAIT_RELEASE]),
        starved=int(row[col.SUMS + col.WAIT_INPUT]),
        blocked=int(row[col.SUMS + col.WAIT_ROOM]),
        contended=int(row[col.SUMS + col.WAIT_GRANT]),
        first_start=int(row[col.FIRST_START]),
        first_end=int(row[col.FIRST_END]),
        last_end=int(row[col.LAST_END]),
    )


def _channel_totals(state: State, row: Ints) -> ChannelTotals:
    bins = int(state.memory[col.BINS])
    return ChannelTotals(
        level=wide(row, col.WHOLE),
        highest=int(row[col.PEAK]),
        full=int(row[col.FULL_TIME]),
        lying=wide(row, col.LYING_WHOLE),
        empty=int(row[col.EMPTY_TIME]),
        written=int(row[col.WRITTEN]),
        bin_width=int(row[col.BIN_WIDTH]),
        histogram=state.memory[int(row[col.HISTOGRAM]) :][:bins].copy(),
    )


def _stuck(state: State) -> Stuck:
    return Stuck(
        time=int(state.memory[col.LAST_MOVED]),
        started=tuple(state.actors[:, col.STARTED].tolist()),
        departed=tuple(state.actors[:, col.ENDED].tolist()),
        readable=tuple(state.channels[:, col.READABLE].tolist()),
        used=tuple(state.channels[:, col.USED].tolist()),
    )
