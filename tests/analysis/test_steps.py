"""Levels over time: put together from rising changes part by part, and told apart by how long each held."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulator import load_network, simulate
from simulator.analysis import run as run_room
from simulator.analysis import steps as steps_room
from simulator.analysis.run import Run
from simulator.analysis.steps import Changes, Steps, covered
from simulator.analysis.tokens import times_at
from simulator.plan import Series


@st.composite
def changes(draw: st.DrawFn) -> Changes:
    """Rising times, several at one instant too, and amounts."""
    apart = draw(st.lists(st.integers(0, 3), max_size=30))
    amounts = draw(st.lists(st.integers(0, 3), min_size=len(apart), max_size=len(apart)))
    return np.cumsum(np.array(apart, dtype=np.int64)), np.array(amounts, dtype=np.int64)


def found(of: Steps) -> tuple[list[int], list[int]]:
    return of.times.tolist(), of.values.tolist()


@settings(max_examples=300, suppress_health_check=(HealthCheck.function_scoped_fixture,))
@given(changes(), changes(), st.integers(0, 60), st.sampled_from((1, 2, 5, 1000)))
def test_parts_give_the_level_that_all_changes_give_together(
    monkeypatch: pytest.MonkeyPatch, gains: Changes, losses: Changes, elapsed: int, part: int
) -> None:
    monkeypatch.setattr(steps_room, "_PART", part)
    times = np.concatenate((gains[0], losses[0]))
    whole = Steps.from_changes(4, times, np.concatenate((gains[1], -losses[1])), elapsed)
    assert found(Steps.merged(4, gains, losses, elapsed)) == found(whole)


@settings(max_examples=200, suppress_health_check=(HealthCheck.function_scoped_fixture,))
@given(changes(), changes(), st.integers(0, 60), st.booleans())
def test_levels_in_rising_order_held_as_long(
    monkeypatch: pytest.MonkeyPatch, gains: Changes, losses: Changes, elapsed: int, long: bool
) -> None:
    if long:
        monkeypatch.setattr(steps_room, "_WHOLE", 0)  # as where ticks leave the whole numbers of floating point
    level = Steps.merged(90, gains, losses, elapsed)
    rising = level.rising()
    assert rising.elapsed == level.elapsed
    assert (rising.integral(), rising.maximum(), rising.mean()) == (level.integral(), level.maximum(), level.mean())
    for value in range(80, 100):
        assert rising.time_at_least(value) == level.time_at_least(value)
    edges = np.arange(0, 200, 7)
    assert np.array_equal(rising.histogram(edges), level.histogram(edges))


def test_levels_far_apart_take_no_memory_between_them() -> None:
    level = Steps(np.array([0, 3, 4]), np.array([10**12, 5, 10**12]), 10)
    assert found(level.rising()) == ([0, 1], [5, 10**12])


@given(changes(), st.lists(st.integers(0, 100), min_size=1, max_size=9, unique=True))
def test_what_intervals_cover_is_counted_tick_by_tick(starts: Changes, times: list[int]) -> None:
    first, lengths = starts
    instants = np.sort(np.array(times))
    expected = [sum(max(0, min(a + b, t) - a) for a, b in zip(first, lengths, strict=True) if a < t) for t in instants]
    assert covered(first, first + lengths, instants).tolist() == expected


@pytest.mark.parametrize("offset", [-7, -2, 0, 3, 20])
@pytest.mark.parametrize("step", [1, 2])
def test_times_of_firings_that_are_not_there(offset: int, step: int) -> None:
    times, firings = np.array([10, 20, 30, 40]), Series.periodic([offset], 9, step)
    expected = [0 if k < 0 else times[k] if k < 4 else 99 for k in firings.array().tolist()]
    assert times_at(times, firings, 9, 99).tolist() == expected
    assert times_at(times[:0], firings, 9, 99).tolist() == [0 if k < 0 else 99 for k in firings.array().tolist()]


def test_a_long_run_is_as_steady_as_a_short_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways to the fill of channels, of which the one of long runs looks at each channel once."""
    result = simulate("mpsoc-cpu-gpu", load_network("lenet-5"), frames=24)
    short = Run(result.lowered, result.trace).steady
    monkeypatch.setattr(run_room, "_MANY", 0)
    assert Run(result.lowered, result.trace).steady == short
