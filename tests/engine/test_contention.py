"""Who gets a contended resource: priority, then time ready, then actor; and nobody overtakes a gang."""

from __future__ import annotations

from simulator.engine import run
from tests.engine.small import actor, plan, times


def test_the_lower_priority_number_goes_first() -> None:
    trace = run(plan(
        actor("first", 1, 4, resource=0),
        actor("low", 1, 2, release=1, priority=2, resource=0),
        actor("high", 1, 2, release=3, priority=1, resource=0),
        resources=[1],
    ))  # fmt: skip
    assert [times(trace, i)[0] for i in range(3)] == [[0], [6], [4]]


def test_among_equals_who_was_ready_first_goes_first() -> None:
    trace = run(plan(
        actor("first", 1, 4, resource=0),
        actor("later", 1, 2, release=2, resource=0),
        actor("earlier", 1, 2, release=1, resource=0),
        resources=[1],
    ))  # fmt: skip
    assert [times(trace, i)[0] for i in range(3)] == [[0], [6], [4]]


def test_at_the_same_time_ready_the_first_actor_goes_first() -> None:
    trace = run(plan(*(actor(f"a{i}", 2, 3, resource=0) for i in range(3)), resources=[1]))
    # Firing 1 of each is ready when firing 0 has departed: at 3, 6 and 9.
    assert [times(trace, i)[0] for i in range(3)] == [[0, 9], [3, 12], [6, 15]]


def test_time_ready_is_when_room_came_and_not_when_the_tokens_came() -> None:
    # `a` has its input at 0 but room only at 5; `b` is ready at 2 and goes first when the slot is free at 6.
    trace = run(plan(
        actor("holder", 1, 6, resource=0),
        actor("a", 1, 1, writes={0: 1}, resource=0),
        actor("b", 1, 1, release=2, resource=0),
        actor("drain", 1, 5, reads={0: 1}),
        channels=[(1, 1)],
        resources=[1],
    ))  # fmt: skip
    assert times(trace, 2)[0] == [6]
    assert times(trace, 1)[0] == [7]


def test_nobody_overtakes_a_gang_that_waits_for_its_slots() -> None:
    trace = run(plan(
        actor("one", 1, 10, resource=0),
        actor("gang", 1, 5, release=1, slots=2, resource=0),
        actor("small", 1, 1, release=2, resource=0),
        resources=[2],
    ))  # fmt: skip
    # A slot is free at 2, but the gang is at the head and needs two: the small one waits for it.
    assert [times(trace, i)[0] for i in range(3)] == [[0], [10], [15]]


def test_a_more_urgent_firing_goes_before_a_waiting_gang() -> None:
    trace = run(plan(
        actor("one", 1, 10, resource=0),
        actor("gang", 1, 5, release=1, slots=2, priority=1, resource=0),
        actor("urgent", 1, 1, release=2, resource=0),
        resources=[2],
    ))  # fmt: skip
    assert [times(trace, i)[0] for i in range(3)] == [[0], [10], [2]]


def test_a_gang_takes_all_its_slots_at_once_and_gives_them_back_together() -> None:
    trace = run(plan(actor("a", 2, 4, slots=2, resource=0), actor("b", 2, 3, slots=2, resource=0), resources=[3]))
    assert [times(trace, i)[0] for i in range(2)] == [[0, 7], [4, 11]]


def test_actors_that_cannot_want_more_than_there_is_start_by_themselves() -> None:
    both = plan(actor("a", 2, 4, resource=0), actor("b", 2, 4, resource=0), resources=[2])
    assert not both.is_contended(0)
    assert [times(run(both), i)[0] for i in range(2)] == [[0, 4], [0, 4]]


def test_concurrency_lets_one_actor_use_several_slots() -> None:
    trace = run(plan(actor("kernel", 5, 4, concurrency=8, resource=0), resources=[2]))
    assert times(trace, 0)[0] == [0, 0, 4, 4, 8]


def test_one_grant_at_a_time_so_that_what_it_sets_free_takes_part() -> None:
    # At 0 `a`, of no length, is granted first: its token makes `urgent` ready before `lazy` is granted.
    trace = run(plan(
        actor("a", 1, 0, writes={0: 1}, resource=0),
        actor("x", 1, 9, priority=5, resource=0),
        actor("lazy", 1, 3, priority=2, resource=1),
        actor("urgent", 1, 3, reads={0: 1}, priority=1, resource=1),
        channels=[1],
        resources=[1, 1],
    ))  # fmt: skip
    assert times(trace, 3)[0] == [0]
    assert times(trace, 2)[0] == [3]
