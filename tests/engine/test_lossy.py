"""Lossy sources: a frame that finds no room is void, and its firings pass in no time."""

from __future__ import annotations

from simulator.engine import run
from simulator.plan import Actor
from tests.engine.small import AFTER, END, START, actor, plan, times


def camera(firings: int, release: list[int] | int = 0) -> Actor:
    """A source of one token a frame that drops what finds no room."""
    return actor("camera", firings, 0, release=release, writes={0: 1}, drop=True)


def test_a_frame_that_finds_no_room_is_void_and_passes_in_order() -> None:
    trace = run(plan(camera(4, [0, 1, 2, 6]), actor("net", 4, 5, reads={0: 1}), channels=[1]))
    assert trace.void[0].tolist() == [False, True, True, False]
    assert trace.void[1].tolist() == [False, True, True, False]
    assert times(trace, 0)[2] == [0, 1, 2, 6]
    assert times(trace, 1) == ([0, 5, 5, 6], [5, 5, 5, 11], [5, 5, 5, 11])


def test_void_firings_take_neither_resource_nor_room() -> None:
    # `net` and `other` share a slot that `other` holds from 0 to 20: the void firing does not wait for it.
    trace = run(plan(
        camera(2, [0, 0]),
        actor("net", 2, 1, reads={0: 1}, writes={1: 1}, resource=0, priority=1),
        actor("other", 1, 20, resource=0),
        actor("sink", 2, 1, reads={1: 1}),
        channels=[1, 1],
        resources=[1],
    ))  # fmt: skip
    assert trace.void[0].tolist() == [False, True]
    assert times(trace, 1) == ([20, 21], [21, 21], [21, 21])
    assert times(trace, 3) == ([21, 22], [22, 22], [22, 22])


def test_a_drop_is_decided_when_everything_else_of_the_instant_has_settled() -> None:
    # The reader departs at 5, the instant of the release: its room counts.
    trace = run(plan(camera(2, [0, 5]), actor("net", 2, 5, reads={0: 1}), channels=[1]))
    assert not trace.void[0].any()
    assert times(trace, 1)[0] == [0, 5]


def test_sources_are_decided_in_actor_order_and_a_start_takes_effect_before_the_next() -> None:
    # At 4 `a` reads what `b` writes: `a` starts first and frees the place that `b` needs at that instant.
    a = actor("a", 1, 1, release=4, reads={0: 1}, writes={1: 1}, drop=True, frames=[(0, 0)])
    b = actor("b", 1, 1, release=4, writes={0: 1}, drop=True, frames=[(1, 1)])
    drain = actor("drain", 1, 1, reads={1: 1}, frames=[(0, 0)])
    assert not run(plan(a, b, drain, channels=[(1, 1), 1], discipline=START)).void[1].any()
    swapped = run(plan(b, a, drain, channels=[(1, 1), 1], discipline=START))
    assert swapped.void[0].tolist() == [True]


def test_void_tokens_free_nothing_when_they_are_given_back() -> None:
    # Frames 1 and 2 are void. Under release at the start only real tokens take room, so frame 3 finds some.
    trace = run(plan(camera(5, [0, 1, 2, 5, 6]), actor("net", 5, 5, reads={0: 1}), channels=[1], discipline=END))
    assert trace.void[0].tolist() == [False, True, True, False, True]
    assert times(trace, 1)[0] == [0, 5, 5, 5, 10]


def test_a_batch_is_void_only_if_all_its_frames_are() -> None:
    trace = run(plan(
        camera(6, [0, 0, 1, 2, 3, 11]),
        actor("batch", 3, 10, reads={0: 2}, frames=[(0, 1), (2, 3), (4, 5)]),
        channels=[2],
    ))  # fmt: skip
    # The first batch fills the FIFO until 10: frames 2, 3 and 4 are void. The last batch still serves frame 5.
    assert trace.void[0].tolist() == [False, False, True, True, True, False]
    assert trace.void[1].tolist() == [False, True, False]
    assert times(trace, 1) == ([0, 10, 11], [10, 10, 21], [10, 10, 21])


def test_a_firing_that_waits_for_room_passes_when_its_frame_becomes_void() -> None:
    # `weights` of frame 1 waits for room from 1 on; the camera drops frame 1 at 3.
    trace = run(plan(
        actor("camera", 2, 0, release=[0, 3], writes={0: 1}, drop=True),
        actor("weights", 2, 1, writes={1: 1}),
        actor("net", 2, 9, reads={0: 1, 1: 1}),
        channels=[1, 1],
    ))  # fmt: skip
    assert trace.void[1].tolist() == [False, True]
    assert times(trace, 1) == ([0, 3], [1, 3], [1, 3])
    assert times(trace, 2) == ([1, 10], [10, 10], [10, 10])


def test_a_firing_that_waits_for_its_grant_passes_when_its_frame_becomes_void() -> None:
    trace = run(plan(
        actor("camera", 2, 0, release=[0, 3], writes={0: 1}, drop=True),
        actor("pre", 1, 4, release=2, resource=0, priority=1, frames=[(1, 1)]),
        actor("net", 2, 9, reads={0: 1}, resource=0),
        channels=[1],
        resources=[1],
    ))  # fmt: skip
    assert trace.void[1].tolist() == [True]
    assert times(trace, 1) == ([3], [3], [3])
    assert times(trace, 2) == ([0, 9], [9, 9], [9, 9])


def test_void_tokens_are_readable_at_once_but_not_before_earlier_ones() -> None:
    trace = run(plan(
        actor("camera", 2, 0, release=[0, 1], latency=8, writes={0: 1}, drop=True),
        actor("net", 2, 5, reads={0: 1}),
        channels=[1],
    ))  # fmt: skip
    assert trace.void[0].tolist() == [False, True]
    assert times(trace, 1)[0] == [8, 13]


def test_a_decision_asks_for_room_under_blocking_after_service_too() -> None:
    trace = run(plan(camera(3, [0, 1, 2]), actor("net", 3, 9, reads={0: 1}), channels=[1], discipline=AFTER))
    assert trace.void[0].tolist() == [False, False, True]
    assert times(trace, 1)[0] == [0, 9, 18]
