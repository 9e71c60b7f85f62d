"""Which firing reaches a total, against counting them one by one."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.plan import Series
from simulator.reached import cumulated, first_reaching, increments, shifted


def counted(counts: Series, base: int, wanted: Series) -> list[int]:
    totals = counts.array().tolist()
    return [
        -1 if value <= base else next((k for k, total in enumerate(totals) if total >= value), len(totals))
        for value in wanted.array().tolist()
    ]


def assert_reached(counts: Series, base: int, wanted: Series) -> Series:
    """What counts is who is waited for: nobody, one of the firings, or one that never comes."""
    found = first_reaching(counts, base, wanted)
    assert np.clip(found.array(), -1, counts.length).tolist() == counted(counts, base, wanted)
    return found


@st.composite
def totals(draw: st.DrawFn, base: int) -> Series:
    """Rising totals that repeat with a step; often those of a writer, else with an offset of their own."""
    puts = draw(st.lists(st.integers(0, 4), min_size=1, max_size=6))
    length = draw(st.integers(1, 40))
    if draw(st.booleans()):
        return cumulated(Series.periodic(puts, length), base)
    pattern = np.sort(np.array(puts)) + draw(st.integers(0, 3))
    return Series(pattern, int(pattern[-1] - pattern[0]) + draw(st.integers(0, 3)), length)


@settings(max_examples=500)
@given(st.data())
def test_any_totals(data: st.DataObject) -> None:
    base = data.draw(st.sampled_from((0, 0, 2)))
    counts, wanted = data.draw(totals(base)), data.draw(totals(data.draw(st.integers(-9, 9))))
    assert_reached(counts, base, wanted)


def test_a_frame_says_all_where_frames_are_alike() -> None:
    # Six tokens a frame in four firings, wanted by three firings a frame.
    puts, needs = Series.periodic([0, 2, 3, 1], 4_000_000), Series.periodic([2, 3, 6], 3_000_000, step=6)
    found = assert_reached_at_first(puts, needs)
    assert found.pattern.tolist() == [1, 2, 3]
    assert (found.period, found.step) == (3, 4)


def assert_reached_at_first(puts: Series, needs: Series) -> Series:
    found = first_reaching(cumulated(puts, 0), 0, needs)
    few = first_reaching(cumulated(Series.full(puts.array(0, 400)), 0), 0, Series.full(needs.array(0, 300)))
    assert found.array(0, 300).tolist() == few.array().tolist()
    return found


def test_frames_of_different_length_repeat_after_both() -> None:
    found = assert_reached(cumulated(Series.periodic([1, 3], 60), 0), 0, Series.periodic([2, 6], 30, step=6))
    # 12 tokens are six firings of the one and four of the other.
    assert (found.period, found.step) == (4, 6)


def test_one_token_a_firing_is_stored_as_one_value() -> None:
    found = assert_reached(cumulated(Series.constant(1, 50), 0), 0, shifted(Series.counting(50), 2))
    assert (found.pattern.tolist(), found.step) == ([2], 1)


def test_rising_puts_are_counted_in_full() -> None:
    assert cumulated(Series.counting(4), 1).array().tolist() == [2, 4, 7, 11]
    assert_reached(cumulated(Series.counting(9), 1), 1, Series.counting(20, 2))


@settings(max_examples=100)
@given(totals(0), st.integers(0, 40))
def test_increments_are_differences_of_totals(counts: Series, count: int) -> None:
    count = min(count, counts.length)
    assert increments(counts, count).tolist() == np.diff(counts.array(0, count), prepend=0).tolist()
