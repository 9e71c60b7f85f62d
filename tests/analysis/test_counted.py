"""Figures out of counters: those of the full trace, to the tick, also of a run that was stopped."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from simulator.analysis.breakdown import breakdown, in_service
from simulator.analysis.counted import counted_breakdown
from simulator.analysis.frames import frame_times
from simulator.engine.aggregate import run_aggregate
from simulator.engine.compiled import run_compiled
from simulator.engine.frame_log import FrameBlock
from simulator.engine.tallies import Counting
from simulator.errors import DeadlockError
from simulator.plan import Plan
from tests.engine.periodic_plans import periodic_plans
from tests.strategies import plans

UNHURRIED = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)


def assert_counted(plan: Plan, until: int | None) -> None:
    """Breakdown, service of parties and frames out of totals, beside those out of the trace."""
    try:
        trace = run_compiled(plan, until=until)
    except DeadlockError:
        return
    blocks: list[FrameBlock] = []
    parties = tuple(index % 2 for index in range(len(plan.actors)))
    totals = run_aggregate(plan, until=until, counting=Counting(parties=parties), reader=blocks.append)
    assert (totals.now, totals.complete) == (trace.now, trace.complete)
    frames, done = frame_times(plan, trace), totals.log.base
    for name in ("entry", "departure", "void"):
        assert np.array_equal(unrolled(blocks, name), getattr(frames, name)[:done])
    assert totals.log.void_among(plan.frames) == int(frames.void.sum())
    if not trace.now or any(actor.drop for actor in plan.actors):
        return
    expected, found = breakdown(plan, trace), counted_breakdown(plan, [totals.counters])
    for name in ("actors", "groups", "lanes", "starved_by", "blocked_by"):
        assert np.array_equal(getattr(found, name), getattr(expected, name)), name
    for party in set(parties):
        members = tuple(index for index, own in enumerate(parties) if own == party)
        assert int(totals.counters.parties[party]) == in_service(plan, trace, members)


def unrolled(blocks: list[FrameBlock], name: str) -> np.ndarray:
    """A column of all frames, with the blocks that repeat written out."""
    parts = []
    for block in blocks:
        column = getattr(block, name)
        ago = 0 if name == "void" else block.passed
        parts += [column + turn * ago if ago else column for turn in range(block.turns)]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)


@settings(max_examples=150, suppress_health_check=UNHURRIED, deadline=None)
@given(plans(max_actors=7, max_firings=11), st.none() | st.integers(0, 60))
def test_the_breakdown_of_a_random_plan_is_that_of_its_trace(plan: Plan, until: int | None) -> None:
    assert_counted(plan, until)


@settings(max_examples=100, suppress_health_check=UNHURRIED, deadline=None)
@given(periodic_plans(iterations=80, lossy=False))
def test_the_breakdown_after_skipped_periods_is_that_of_the_full_trace(plan: Plan) -> None:
    assume(plan.firings)
    assert_counted(plan, None)


@settings(max_examples=60, suppress_health_check=UNHURRIED, deadline=None)
@given(periodic_plans(iterations=80, lossy=True))
def test_frames_that_are_dropped_in_skipped_periods_are_those_of_the_full_trace(plan: Plan) -> None:
    assert_counted(plan, None)
