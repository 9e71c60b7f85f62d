"""The compiled engine against the reference engine: the same trace, to the last tick."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings

from simulator.engine.compiled import run_compiled
from simulator.engine.simpy_engine import run_simpy
from simulator.errors import DeadlockError, PlanError
from simulator.graph import graph_plan
from simulator.graph_file import read_graph
from simulator.plan import Discipline, Plan, Series
from simulator.trace import Trace
from tests.engine.periodic_plans import periodic_plans
from tests.engine.small import actor, plan, times
from tests.strategies import expanded, plans

GRAPHS = sorted((Path(__file__).parents[1] / "reference" / "sdf").glob("*.yaml"))
UNHURRIED = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)
START, AFTER = Discipline.CLAIM_START_RELEASE_START, Discipline.BLOCKING_AFTER_SERVICE


def outcome(run: Callable[[Plan], Trace], given_plan: Plan) -> tuple[Trace | None, str]:
    """The trace, and the text of the deadlock if there was one (then the trace is what had happened by then)."""
    try:
        return run(given_plan), ""
    except DeadlockError as error:
        return error.trace, str(error)


def assert_same(given_plan: Plan, run: Callable[[Plan], Trace] = run_compiled) -> None:
    """Both engines return the same trace, or the same deadlock after the same trace."""
    expected, deadlock = outcome(run_simpy, given_plan)
    found, own_deadlock = outcome(run, given_plan)
    assert own_deadlock == deadlock
    assert expected is not None
    assert found is not None
    for column in ("start", "served", "end", "void"):
        for index, (a, b) in enumerate(zip(getattr(expected, column), getattr(found, column), strict=True)):
            assert np.array_equal(a, b), (column, index, a, b)
    assert (found.now, found.complete) == (expected.now, expected.complete)


@settings(max_examples=250, suppress_health_check=UNHURRIED)
@given(plans(max_actors=7, max_firings=11))
def test_both_engines_agree_on_random_plans(drawn: Plan) -> None:
    assert_same(drawn)


@settings(max_examples=150, suppress_health_check=UNHURRIED)
@given(plans(max_actors=7, max_firings=11))
def test_the_event_loop_agrees_where_a_static_order_would_do_too(drawn: Plan) -> None:
    assert_same(drawn, lambda p: run_compiled(p, path="events"))


@settings(max_examples=100, suppress_health_check=UNHURRIED)
@given(periodic_plans(iterations=20))
def test_both_engines_agree_on_plans_that_repeat(drawn: Plan) -> None:
    assert_same(drawn)


@pytest.mark.slow
@settings(max_examples=3000, suppress_health_check=UNHURRIED)
@given(plans(max_actors=9, max_firings=14))
def test_both_engines_agree_on_thousands_of_random_plans(drawn: Plan) -> None:
    assert_same(drawn)


@settings(max_examples=60, suppress_health_check=UNHURRIED)
@given(plans())
def test_the_form_of_a_series_does_not_matter(drawn: Plan) -> None:
    a, b = outcome(run_compiled, drawn)[0], outcome(run_compiled, expanded(drawn))[0]
    assert a is not None
    assert b is not None
    assert all(np.array_equal(x, y) for x, y in zip(a.end, b.end, strict=True))


@pytest.mark.parametrize("path", GRAPHS, ids=lambda path: path.stem)
def test_both_engines_agree_on_reference_graphs_under_every_discipline(path: Path) -> None:
    graph = read_graph(path)
    bounds: list[Mapping[str, int]] = [{}]
    for entry in yaml.safe_load(path.read_text())["bounded"]:
        if entry["capacities"] not in bounds:
            bounds.append(entry["capacities"])
    firings = sum(graph.repetitions)
    iterations = 1 if firings > 3000 else max(2, 3000 // firings)
    for capacities in bounds:
        for discipline in Discipline:
            assert_same(graph_plan(graph, capacities, discipline, min(iterations, 40)))


def test_a_pipeline_by_hand() -> None:
    line = plan(actor("a", 3, 2, writes={0: 1}), actor("b", 3, 5, reads={0: 1}), channels=[1], discipline=AFTER)
    for path in ("events", "static_order"):
        trace = run_compiled(line, path=path)
        assert times(trace, 0) == ([0, 2, 4], [2, 4, 6], [2, 4, 7])
        assert times(trace, 1) == ([2, 7, 12], [7, 12, 17], [7, 12, 17])
        assert (trace.now, trace.complete, trace.engine) == (17, True, "compiled")


def test_the_reason_says_why_events_are_needed() -> None:
    shared = plan(actor("a", 3, 2, resource=0), actor("b", 3, 5, resource=0), resources=[1])
    assert run_compiled(shared).reason == "event loop: resource 'r0' is contended"
    alone = plan(actor("a", 3, 2, resource=0), resources=[1])
    assert run_compiled(alone).reason.startswith("static order")
    moving = plan(*(actor(name, 2, 1, flows=[(0, 4, None)]) for name in "ab"), servers=[2])
    assert run_compiled(moving).reason == "event loop: 'a' moves data through server 's0'"


def test_asking_for_a_static_order_where_there_is_none_is_refused() -> None:
    shared = plan(actor("a", 3, 2, resource=0), actor("b", 3, 5, resource=0), resources=[1])
    with pytest.raises(PlanError) as caught:
        run_compiled(shared, path="static_order")
    assert str(caught.value) == (
        "the order of firings is not static: resource 'r0' is contended; use path 'auto' or 'events'"
    )


def test_unlimited_concurrency_outgrows_the_first_ring() -> None:
    drawn = plan(
        actor("a", 700, list(range(700, 0, -1)), writes={0: 1}, concurrency=1000, latency=3, flows=[(0, 9, 2)]),
        actor("b", 700, 1, reads={0: 1}),
        channels=[None],
        servers=[4000],
    )
    assert_same(drawn)


def test_many_tokens_on_their_way_outgrow_the_first_ring() -> None:
    line = plan(actor("a", 500, 1, writes={0: 1}, latency=1000), actor("b", 500, 1, reads={0: 1}), channels=[None])
    assert_same(line)
    assert_same(line, lambda p: run_compiled(p, path="events"))


def test_a_run_stops_after_a_given_tick_with_what_has_happened() -> None:
    line = plan(actor("a", 9, 2, writes={0: 1}), actor("b", 9, 5, reads={0: 1}), channels=[2])
    for until in (0, 1, 2, 5, 12, 46, 1000):
        expected, found = run_simpy(line, until=until), run_compiled(line, until=until)
        for column in ("start", "served", "end"):
            assert [c.tolist() for c in getattr(found, column)] == [c.tolist() for c in getattr(expected, column)]
        assert (found.now, found.complete) == (expected.now, expected.complete)


def test_an_interrupt_returns_what_has_happened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulator.engine.compiled._CHUNK", 100)
    line = plan(actor("a", 1000, 2, writes={0: 1}), actor("b", 1000, 5, reads={0: 1}), channels=[2], discipline=START)
    whole = run_compiled(line, path="events")
    calls: list[tuple[int, int, int]] = []

    def stop(now: int, departed: int, firings: int) -> None:
        calls.append((now, departed, firings))
        if len(calls) == 3:
            raise KeyboardInterrupt

    part = run_compiled(line, path="events", progress=stop)
    assert not part.complete
    assert 300 <= part.firings < 400
    for a, b in zip(part.end, whole.end, strict=True):
        count = int((a >= 0).sum())
        assert a[:count].tolist() == b[:count].tolist()
        assert (a[count:] == -1).all()
    assert calls[0][2] == 2000
    assert calls[0][0] < calls[1][0] < calls[2][0]


def test_progress_in_chunks_changes_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulator.engine.compiled._CHUNK", 7)
    shared = plan(
        actor("a", 40, 2, writes={0: 1}, resource=0, flows=[(0, 5, None)]),
        actor("b", 40, [1, 3] * 20, reads={0: 1}, resource=0, flows=[(0, 7, 2)]),
        channels=[2], resources=[1], servers=[3],
    )  # fmt: skip
    seen: list[Any] = []
    assert_same(shared, lambda p: run_compiled(p, progress=lambda *now: seen.append(now)))
    assert len(seen) > 5


def test_a_plan_without_actors_or_firings_is_done_at_once() -> None:
    for empty in (plan(), plan(actor("a", 0, 0), channels=[])):
        for path in ("auto", "events"):
            trace = run_compiled(empty, path=path)
            assert (trace.now, trace.complete, trace.firings) == (0, True, 0)


def test_times_up_to_the_end_of_64_bits_are_exact() -> None:
    late = (1 << 62) - 10
    line = plan(actor("a", 2, 4, writes={0: 1}, release=[0, late]), actor("b", 2, 3, reads={0: 1}), channels=[2])
    for path in ("auto", "events"):
        trace = run_compiled(line, path=path)
        assert times(trace, 1)[2] == [7, late + 7]


def test_times_too_far_apart_for_a_node_of_the_timer_tree_are_exact() -> None:
    # Seventy timers leave 55 bits for the time; what is later waits for a new epoch.
    far = 1 << 56
    row = [
        actor(f"a{i}", 3, [1 + i, far - i * 37 % 64, 5], reads={i - 1: 1} if i else {}, writes={i: 1} if i < 69 else {})
        for i in range(70)
    ]
    line = plan(*row, channels=[1] * 69, discipline=AFTER)
    assert_same(line, lambda p: run_compiled(p, path="events"))
    stopped, whole = run_compiled(line, path="events", until=3 * far), run_compiled(line, path="events")
    for column in ("start", "end"):
        for part, all_of_it in zip(getattr(stopped, column), getattr(whole, column), strict=True):
            assert np.array_equal(part, np.where(all_of_it <= 3 * far, all_of_it, -1))


def test_a_trace_that_no_computer_holds_is_refused_before_the_run() -> None:
    one = actor("a", 1, 2)
    many = Series.constant(2, 10**12)
    vast = replace(one, release=many, compute=many, latency=many, first_frame=many, last_frame=many)
    with pytest.raises(PlanError) as caught:
        run_compiled(plan(one, vast))
    assert str(caught.value) == (
        "the trace of 1,000,000,000,001 firings takes 24,000 GB; "
        "simulate(..., totals=True) or --totals keeps totals in constant memory"
    )
