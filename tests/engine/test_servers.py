"""Shared servers: water-filling in whole numbers, caps, rates that change with time."""

from __future__ import annotations

from simulator.engine import run
from tests.engine.small import actor, plan, times


def test_a_flow_alone_has_the_whole_rate_and_ends_on_a_whole_tick() -> None:
    trace = run(plan(actor("a", 2, 0, flows=[(0, 10, None)]), servers=[4]))
    assert times(trace, 0)[1] == [3, 6]  # ceil(10 / 4)


def test_a_firing_is_served_when_both_its_time_has_passed_and_its_flows_are_through() -> None:
    trace = run(plan(actor("a", 3, [5, 1, 4], flows=[(0, [8, 12, 0], None)]), servers=[4]))
    assert times(trace, 0)[1] == [5, 8, 12]


def test_two_flows_share_and_the_rest_speeds_up_when_one_is_through() -> None:
    trace = run(plan(actor("a", 1, 0, flows=[(0, 10, None)]), actor("b", 1, 0, flows=[(0, 30, None)]), servers=[10]))
    # Five a tick each until 2; then ten a tick for the remaining twenty.
    assert [times(trace, i)[1] for i in range(2)] == [[2], [4]]


def test_a_capped_flow_leaves_the_rest_to_the_others() -> None:
    trace = run(plan(actor("a", 1, 0, flows=[(0, 12, 2)]), actor("b", 1, 0, flows=[(0, 48, None)]), servers=[10]))
    assert [times(trace, i)[1] for i in range(2)] == [[6], [6]]


def test_what_does_not_divide_goes_to_the_flows_that_come_later() -> None:
    # Rate 10 among three: 3, then 7 // 2 = 3, then 4.
    trace = run(plan(*(actor(f"a{i}", 1, 0, flows=[(0, 12, None)]) for i in range(3)), servers=[10]))
    # At 3 the third is through (12 = 3 * 4) and the others have 3 left each, at 5 a tick.
    assert [times(trace, i)[1] for i in range(3)] == [[4], [4], [3]]


def test_more_flows_than_rate_leave_some_waiting_but_never_all() -> None:
    trace = run(plan(*(actor(f"a{i}", 1, 0, flows=[(0, 1, None)]) for i in range(3)), servers=[1]))
    assert sorted(times(trace, i)[1][0] for i in range(3)) == [1, 2, 3]


def test_a_flow_that_joins_slows_the_others_from_that_instant() -> None:
    trace = run(plan(
        actor("a", 1, 0, flows=[(0, 40, None)]), actor("b", 1, 0, release=2, flows=[(0, 10, None)]), servers=[10]
    ))  # fmt: skip
    assert [times(trace, i)[1] for i in range(2)] == [[5], [4]]


def test_rates_change_at_their_times_and_nothing_moves_at_rate_zero() -> None:
    trace = run(plan(actor("a", 2, 0, flows=[(0, 10, None)]), servers=[((0, 2, 7), (3, 0, 5))]))
    # Six by tick 2, nothing until 7, the other four by 8; then ten at five a tick.
    assert times(trace, 0)[1] == [8, 10]


def test_two_flows_of_a_firing_on_different_servers_are_independent() -> None:
    trace = run(plan(actor("a", 1, 1, flows=[(0, 10, None), (1, 10, None)]), servers=[5, 2]))
    assert times(trace, 0)[1] == [5]


def test_two_flows_of_a_firing_on_one_server_share_it() -> None:
    trace = run(plan(actor("a", 1, 0, flows=[(0, 6, None), (0, 10, 1)]), servers=[4]))
    assert times(trace, 0)[1] == [10]


def test_flows_of_overlapping_firings_share_in_the_order_of_the_firings() -> None:
    trace = run(plan(actor("a", 2, 0, concurrency=2, flows=[(0, 6, None)]), servers=[3]))
    # One and two a tick: the second is through at 3 and departs behind the first, which has 3 left at three a tick.
    assert times(trace, 0) == ([0, 0], [4, 3], [4, 4])
