"""The static-order path against the event loop: the same trace wherever both apply."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulator.engine.chase import chase
from simulator.engine.compiled import run_compiled
from simulator.engine.marked_graph import marked_graph
from simulator.engine.static_order import run_static_order, why_not_static
from simulator.errors import DeadlockError
from simulator.plan import Actor, Channel, Discipline, Input, Output, Plan, Series
from simulator.series import Ints
from simulator.trace import Trace
from tests.engine.mobilenet import mobilenet
from tests.engine.periodic_plans import periodic_plans
from tests.engine.small import actor, plan
from tests.strategies import plans

UNHURRIED = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)


def alone(drawn: Plan) -> Plan:
    """The same plan without resources and servers."""
    return replace(drawn, actors=tuple(replace(one, resource=None, flows=()) for one in drawn.actors))


def assert_same(expected: Trace, found: tuple[Sequence[Ints], ...] | None) -> None:
    assert found is not None
    for column, own in zip(("start", "served", "end"), found, strict=True):
        for index, (a, b) in enumerate(zip(getattr(expected, column), own, strict=True)):
            assert np.array_equal(a, b), (column, index, a, b)


def check(drawn: Plan) -> None:
    """Every path that applies gives the event loop's trace, and none survives its deadlock."""
    if why_not_static(drawn):
        return
    try:
        expected = run_compiled(drawn, path="events")
    except DeadlockError:
        assert run_static_order(drawn) is None
        return
    assert_same(expected, chase(drawn))
    marked = marked_graph(drawn)
    if marked is not None:
        assert_same(expected, marked)
    trace = run_static_order(drawn)
    assert trace is not None
    assert_same(expected, (trace.start, trace.served, trace.end))
    assert all(np.array_equal(a, b) for a, b in zip(trace.void, expected.void, strict=True))
    assert trace.now == expected.now


@settings(max_examples=250, suppress_health_check=UNHURRIED)
@given(plans(drops=False, servers=False, max_actors=7, max_firings=12))
def test_random_plans(drawn: Plan) -> None:
    check(alone(drawn))


@settings(max_examples=100, suppress_health_check=UNHURRIED)
@given(periodic_plans(iterations=20))
def test_plans_of_many_rates_that_repeat(drawn: Plan) -> None:
    check(alone(drawn))


@st.composite
def marked_graphs(draw: st.DrawFn) -> Plan:
    """Actors that fire equally often and move a token a firing: forks, joins, feedback, all disciplines, latency."""
    number, firings = draw(st.integers(1, 6)), draw(st.integers(1, 12))
    inputs: list[list[Input]] = [[] for _ in range(number)]
    outputs: list[list[Output]] = [[] for _ in range(number)]
    channels: list[Channel] = []

    def connect(writer: int, reader: int, initial: int) -> None:
        ahead, keep = draw(st.integers(0, initial)), draw(st.integers(0, 1))
        room = draw(st.sampled_from((None, 1, 2, 3, 5)))
        rule = draw(st.sampled_from((None, *Discipline)))
        capacity = None if room is None else room + initial + ahead
        need, free = (Series.counting(firings, 1, max(0, 1 + ahead - less)) for less in (0, keep))
        outputs[writer].append(Output(len(channels), Series.constant(1, firings)))
        inputs[reader].append(Input(len(channels), need, free))
        channels.append(Channel(f"channel{len(channels)}", capacity, initial, discipline=rule))

    for reader in range(1, number):
        for writer in draw(st.lists(st.integers(0, reader - 1), min_size=1, max_size=2)):
            connect(writer, reader, draw(st.integers(0, 2)))
    if draw(st.booleans()):
        first, last = sorted((draw(st.integers(0, number - 1)), draw(st.integers(0, number - 1))))
        connect(last, first, draw(st.integers(1, 4)))
    nothing, frames = Series.constant(0, firings), Series.counting(firings, 1, 0)
    ticks = st.one_of(
        st.integers(1, 9).map(lambda value: Series.constant(value, firings)),
        st.lists(st.integers(1, 9), min_size=3, max_size=3).map(lambda values: Series.periodic(values, firings)),
        st.lists(st.integers(0, 9), min_size=firings, max_size=firings).map(Series.full),
    )
    actors = tuple(
        Actor(
            f"actor{i}", None, draw(st.sampled_from((nothing, nothing, Series.counting(firings, 3, 0)))), draw(ticks),
            draw(st.sampled_from((nothing, nothing, Series.constant(4, firings), Series.periodic([5, 0], firings)))),
            frames, frames, tuple(inputs[i]), tuple(outputs[i]), concurrency=draw(st.sampled_from((1, 1, 1, 2, 3, 50))),
        )
        for i in range(number)
    )  # fmt: skip
    return Plan(Fraction(1), actors, tuple(channels), discipline=draw(st.sampled_from(tuple(Discipline))))


@settings(max_examples=300, suppress_health_check=UNHURRIED)
@given(marked_graphs())
def test_marked_graphs(drawn: Plan) -> None:
    check(drawn)


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 7, 600])
@pytest.mark.parametrize("rule", list(Discipline))
@pytest.mark.parametrize("firings", [1, 2, 5, 1301])
def test_pipelines_of_any_depth(depth: int, rule: Discipline, firings: int) -> None:
    random = np.random.default_rng(depth)
    line = plan(
        actor("a", firings, 3, writes={0: 1}),
        actor("b", firings, random.integers(0, 9, firings).tolist(), reads={0: 1}, writes={1: 1}),
        actor("c", firings, 4, reads={1: 1}),
        channels=[depth, depth], discipline=rule,
    )  # fmt: skip
    check(line)


def drawn_line(depths: list[int], firings: int, rule: Discipline, kind: str = "plain") -> Plan:
    """A line of stages with service times drawn anew for each, FIFOs of the given depths."""
    random = np.random.default_rng(len(depths) + firings)
    channels = len(depths)
    releases = np.sort(random.integers(0, 9 * firings, firings)).tolist()
    return plan(
        *(
            actor(
                f"stage{i}", firings, random.integers(0, 9, firings).tolist() if i % 3 else 4,
                reads={i - 1: 1} if i else {}, writes={i: 1} if i < channels else {},
                release=releases if kind == "released" and not i else 0,
                latency=3 + i if kind == "travelling" else 0,
                concurrency=(1, 3, firings)[i % 3] if kind == "overlapping" else 1,
            )
            for i in range(channels + 1)
        ),
        channels=depths, discipline=rule,
    )  # fmt: skip


@pytest.mark.parametrize("rule", list(Discipline))
@pytest.mark.parametrize("depths", [[2] * 3, [2] * 9, [64] * 12, [5, 2, 9, 2, 3, 70, 2, 4]])
@pytest.mark.parametrize("kind", ["plain", "released", "travelling", "overlapping"])
def test_lines_run_as_a_wavefront_whatever_their_length_and_depths(
    rule: Discipline, depths: list[int], kind: str
) -> None:
    for firings in (2, 65, 700):
        line = drawn_line(depths, firings, rule, kind)
        assert_same(run_compiled(line, path="events"), marked_graph(line))


def test_a_fork_that_is_joined_later_runs_as_a_wavefront_with_all_that_it_waits_for() -> None:
    firings = 300
    random = np.random.default_rng(7)
    ticks = [random.integers(0, 9, firings).tolist() for _ in range(6)]
    fork = plan(
        actor("fork", firings, ticks[0], writes={0: 1, 1: 1, 2: 1}),
        *(actor(f"arm{i}", firings, ticks[i + 1], reads={i: 1}, writes={3 + i: 1}) for i in range(3)),
        actor("join", firings, ticks[4], reads={3: 1, 4: 1, 5: 1}, writes={6: 1}),
        actor("sink", firings, ticks[5], reads={6: 1}),
        channels=[3, 4, 7, 3, 5, 3, 2], discipline=Discipline.BLOCKING_AFTER_SERVICE,
    )  # fmt: skip
    mixed = replace(
        fork,
        channels=tuple(
            replace(c, discipline=Discipline.CLAIM_START_RELEASE_START if i % 2 else None)
            for i, c in enumerate(fork.channels)
        ),
    )
    for one in (fork, mixed):
        assert_same(run_compiled(one, path="events"), marked_graph(one))


def test_stages_with_one_token_between_them_are_too_close_for_a_wavefront() -> None:
    line = drawn_line([4, 1, 4], 50, Discipline.BLOCKING_AFTER_SERVICE)
    assert marked_graph(line) is None
    check(line)


def test_what_keeps_a_plan_from_the_static_order_is_named() -> None:
    camera = plan(actor("camera", 3, 2, writes={0: 1}, drop=True), actor("b", 3, 5, reads={0: 1}), channels=[1])
    assert why_not_static(camera) == "'camera' may drop frames"
    state = plan(actor("a", 3, 2, reads={0: 1}, writes={0: 1}, concurrency=2), channels=[(2, 1)])
    assert why_not_static(state) == "'a' keeps its state across firings that overlap"


@pytest.mark.parametrize("granularity", ["row", "pixel"])
def test_windows_that_slide_over_frames(granularity: str) -> None:
    """Rates that differ, line buffers that just hold a window, and FIFOs that just hold the next one."""
    made = mobilenet(3, granularity, side=32)
    for rule in Discipline:
        check(replace(made, discipline=rule))


def test_a_state_that_never_fits_is_left_to_the_event_loop() -> None:
    # The actor needs two tokens of room on its own channel, and frees one of two.
    state = actor("a", 3, 2, reads={0: 1}, writes={0: [2, 1, 1]})
    looped = plan(state, channels=[(2, 1)])
    assert chase(looped) is not None
    assert chase(replace(looped, channels=(Channel("channel0", 1, 1),))) is None
