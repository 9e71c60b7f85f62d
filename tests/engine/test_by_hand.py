"""Cases that a person can check on paper: each sentence of the rules about firings, room and disciplines."""

from __future__ import annotations

import pytest

from simulator.engine import run
from simulator.plan import Channel, Discipline
from simulator.trace import Trace
from tests.engine.small import AFTER, END, START, actor, plan, times


def two_stages(capacity: int, discipline: Discipline, *, fast: int = 2, slow: int = 5) -> Trace:
    """Three tokens through a fast and a slow stage."""
    return run(
        plan(
            actor("fast", 3, fast, writes={0: 1}),
            actor("slow", 3, slow, reads={0: 1}),
            channels=[capacity],
            discipline=discipline,
        )
    )


def test_three_tokens_take_turns_in_a_fifo_of_one_that_is_freed_at_the_end() -> None:
    trace = two_stages(1, END)
    assert times(trace, 0) == ([0, 7, 14], [2, 9, 16], [2, 9, 16])
    assert times(trace, 1) == ([2, 9, 16], [7, 14, 21], [7, 14, 21])
    assert trace.complete
    assert trace.now == 21
    assert trace.engine == "simpy"


def test_three_tokens_overlap_in_a_fifo_of_one_that_is_freed_at_the_start() -> None:
    trace = two_stages(1, START)
    assert times(trace, 0) == ([0, 2, 7], [2, 4, 9], [2, 4, 9])
    assert times(trace, 1) == ([2, 7, 12], [7, 12, 17], [7, 12, 17])


def test_a_stage_blocks_after_service_until_its_output_has_room() -> None:
    trace = two_stages(1, AFTER)
    assert times(trace, 0) == ([0, 2, 4], [2, 4, 6], [2, 4, 7])
    assert times(trace, 1) == ([2, 7, 12], [7, 12, 17], [7, 12, 17])


def test_two_places_are_a_ping_pong_under_the_default_discipline() -> None:
    trace = two_stages(2, END)
    assert times(trace, 0)[0] == [0, 2, 7]
    assert times(trace, 1)[0] == [2, 7, 12]


def test_a_full_fifo_stalls_its_writer_and_an_empty_one_its_reader() -> None:
    slow_first = two_stages(1, START, fast=5, slow=2)
    assert times(slow_first, 0)[0] == [0, 5, 10]
    assert times(slow_first, 1)[0] == [5, 10, 15]


def test_a_channel_overrides_the_discipline_of_the_plan() -> None:
    own = Channel("own", 1, discipline=AFTER)
    trace = run(plan(actor("a", 3, 2, writes={0: 1}), actor("b", 3, 5, reads={0: 1}), channels=[own]))
    assert times(trace, 0) == ([0, 2, 4], [2, 4, 6], [2, 4, 7])


def test_blocking_after_service_waits_for_room_on_all_outputs_at_once() -> None:
    # c0 has room at 2 already; c1 only when the slow reader takes its second token at 7. Nothing is written before.
    trace = run(
        plan(
            actor("fork", 3, 2, writes={0: 1, 1: 1}),
            actor("quick", 3, 1, reads={0: 1}),
            actor("slow", 3, 5, reads={1: 1}),
            channels=[1, 1],
            discipline=AFTER,
        )
    )
    assert times(trace, 0)[2] == [2, 4, 7]
    assert times(trace, 1)[0] == [2, 4, 7]
    assert times(trace, 2)[0] == [2, 7, 12]


def test_a_window_is_kept_until_it_slides_on() -> None:
    # Three tokens are needed for the first firing, one more for each later one; each frees one.
    window = actor("window", 3, 4, reads={0: [3, 1, 1]}, keeps=2)
    trace = run(plan(actor("rows", 5, 1, writes={0: 1}), window, channels=[4]))
    assert times(trace, 0)[0] == [0, 1, 2, 3, 7]
    assert times(trace, 1)[0] == [3, 7, 11]


def test_tokens_become_readable_after_the_latency_and_never_out_of_order() -> None:
    writer = actor("a", 3, 1, latency=[9, 0, 0], writes={0: 1})
    trace = run(plan(writer, actor("b", 3, 1, reads={0: 1}), channels=[None]))
    assert times(trace, 0)[2] == [1, 2, 3]
    assert times(trace, 1)[0] == [10, 11, 12]  # all three arrive at 10: the running maximum


def test_latency_holds_the_room_but_not_the_actor() -> None:
    trace = run(plan(actor("a", 3, 1, latency=10, writes={0: 1}), actor("b", 3, 1, reads={0: 1}), channels=[2]))
    assert times(trace, 0)[0] == [0, 1, 12]
    assert times(trace, 1)[0] == [11, 12, 23]


def test_a_firing_is_not_started_before_its_release() -> None:
    trace = run(plan(actor("camera", 3, 4, release=[5, 6, 20])))
    assert times(trace, 0)[0] == [5, 9, 20]


def test_firings_at_concurrency_two_overlap_and_depart_in_order() -> None:
    trace = run(plan(actor("a", 4, [10, 1, 1, 1], concurrency=2, writes={0: 1}), channels=[None]))
    start, served, end = times(trace, 0)
    assert start == [0, 0, 10, 10]  # the second is served at 1 but counts until it departs behind the first
    assert served == [10, 1, 11, 11]
    assert end == [10, 10, 11, 11]


def test_slots_are_given_back_at_the_end_of_service_even_when_the_firing_cannot_depart() -> None:
    # Both stages share one slot. `a` is served at 1 and 2, and the second stays blocked behind a full FIFO until 6.
    trace = run(
        plan(
            actor("a", 2, 1, writes={0: 1}, resource=0),
            actor("b", 2, 3, reads={0: 1}, release=[3, 0], resource=0),
            channels=[1],
            resources=[1],
            discipline=AFTER,
        )
    )
    assert times(trace, 0) == ([0, 1], [1, 2], [1, 3])
    assert times(trace, 1)[0] == [3, 6]


def test_zero_puts_and_zero_needs_take_part_like_any_other() -> None:
    trace = run(plan(actor("a", 3, 2, writes={0: [0, 3, 0]}), actor("b", 4, 1, reads={0: [0, 1, 1, 1]}), channels=[3]))
    assert times(trace, 0)[0] == [0, 2, 4]
    assert times(trace, 1)[0] == [0, 4, 5, 6]


def test_an_actor_without_firings_is_an_untaken_branch() -> None:
    trace = run(plan(actor("never", 0, 1, writes={0: 1}), actor("a", 2, 3), channels=[1]))
    assert trace.start[0].size == 0
    assert times(trace, 1)[2] == [3, 6]


@pytest.mark.parametrize("discipline", list(Discipline))
def test_a_state_channel_of_capacity_one_never_deadlocks(discipline: Discipline) -> None:
    trace = run(plan(actor("cell", 3, 4, reads={0: 1}, writes={0: 1}), channels=[(1, 1)], discipline=discipline))
    assert times(trace, 0) == ([0, 4, 8], [4, 8, 12], [4, 8, 12])


def test_a_state_channel_limits_concurrency() -> None:
    cell = actor("cell", 3, 4, reads={0: 1}, writes={0: 1}, concurrency=3)
    trace = run(plan(cell, channels=[(2, 2)], discipline=START))
    assert times(trace, 0)[0] == [0, 0, 4]


def test_initial_tokens_can_be_read_at_once_and_take_room() -> None:
    trace = run(plan(actor("a", 2, 3, writes={0: 1}), actor("b", 3, 1, reads={0: 1}), channels=[(2, 1)]))
    assert times(trace, 0)[0] == [0, 3]
    assert times(trace, 1)[0] == [0, 3, 6]


def test_completions_of_no_length_go_through_at_the_same_instant() -> None:
    chain = [actor(f"a{i}", 2, 0, reads={i - 1: 1} if i else None, writes={i: 1}) for i in range(4)]
    trace = run(plan(*chain, actor("last", 2, 1, reads={3: 1}), channels=[1, 1, 1, 1]))
    assert [times(trace, i)[0] for i in range(5)] == [[0, 0], [0, 0], [0, 0], [0, 1], [0, 1]]
