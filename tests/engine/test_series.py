"""Sequences over firings as a period and a step."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.series import Series
from workloads.arrivals import Periodic


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=5), st.integers(0, 7), st.integers(0, 40))
def test_the_period_of_a_sequence_is_found_and_its_values_are_kept(pattern: list[int], step: int, length: int) -> None:
    written = Series.periodic(pattern, length, step)
    found = Series.recurring(written.array())
    assert np.array_equal(found.array(), written.array())
    if length > 2 * len(pattern) + 1:
        assert found.period <= len(pattern)


@given(st.lists(st.integers(-2, 2), max_size=12))
def test_any_sequence_keeps_its_values(values: list[int]) -> None:
    assert Series.recurring(values).array().tolist() == values


def test_what_does_not_recur_is_stored_in_full() -> None:
    random = np.random.default_rng(3).integers(0, 1000, 500).cumsum()
    assert Series.recurring(random).period == 500


@pytest.mark.parametrize(("rate", "period"), [("30", 3), ("24", 3), ("1000", 1), ("2997/100", 2997)])
def test_arrivals_at_a_fixed_rate_take_the_memory_of_a_few(rate: str, period: int) -> None:
    times = Periodic(Fraction(rate)).release_ps(100_000)
    series = Series.recurring(times)
    assert (series.period, series.step) == (period, int(times[period] - times[0]))
    assert np.array_equal(series.array(), times)


@pytest.mark.parametrize(("pattern", "step"), [([4], 0), ([4], 3), ([1, 5, 6], 0), ([1, 5, 6], 6)])
def test_a_part_of_a_series_is_what_its_firings_are_one_by_one(pattern: list[int], step: int) -> None:
    series = Series.periodic(pattern, 11, step)
    for first in range(12):
        for last in range(first, 12):
            part = series.array(first, last)
            assert part.tolist() == [series[k] for k in range(first, last)]
            part += 1  # its own
    assert series.array().tolist() == [series[k] for k in range(11)]
