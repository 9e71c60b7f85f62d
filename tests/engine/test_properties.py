"""What must hold on any plan: the rules, seen from the trace alone, and the conservation of tokens, room and work."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.engine import run
from simulator.engine.simpy_engine import run_simpy
from simulator.errors import DeadlockError
from simulator.plan import Plan
from simulator.trace import Trace
from tests.engine.oracle import Oracle
from tests.strategies import expanded, plans


def finished(plan: Plan) -> Trace | None:
    """The trace of a plan that does not deadlock."""
    try:
        return run(plan, engine="simpy")
    except DeadlockError:
        return None


def same(a: Trace, b: Trace) -> bool:
    """Whether two traces agree in every time and void mark."""
    return all(
        np.array_equal(x, y)
        for mine, other in ((a.start, b.start), (a.served, b.served), (a.end, b.end), (a.void, b.void))
        for x, y in zip(mine, other, strict=True)
    )


@settings(max_examples=300)
@given(plans())
def test_every_time_of_a_trace_follows_from_the_rules(plan: Plan) -> None:
    trace = finished(plan)
    if trace is not None:
        assert Oracle(plan, trace).check() == []


@settings(max_examples=100)
@given(plans())
def test_tokens_are_conserved_and_room_is_kept(plan: Plan) -> None:
    trace = finished(plan)
    if trace is None:
        return
    for index, channel in enumerate(plan.channels):
        writer, reader = plan.writer_of(index), plan.reader_of(index)
        assert writer is not None
        assert reader is not None
        put = next(o.put for o in plan.actors[writer].outputs if o.channel == index)
        port = next(p for p in plan.actors[reader].inputs if p.channel == index)
        rule = plan.discipline_of(index)
        written = channel.initial + put.total()
        assert port.need.maximum() <= written
        if writer == reader or trace.void[writer].any():
            continue
        claims = (trace.start if rule.claims_at_start else trace.end)[writer]
        gives = (trace.start if rule.releases_at_start else trace.end)[reader]
        for instant in np.unique(np.concatenate((claims, gives))):
            claimed = channel.initial + int(put.array()[claims <= instant].sum())
            given = int(port.free.array()[gives <= instant].max(initial=0))
            assert claimed - given >= 0
            assert channel.capacity is None or claimed - given <= channel.capacity
            started = int(port.need.array()[trace.start[reader] <= instant].max(initial=0))
            assert started <= channel.initial + int(put.array()[trace.end[writer] <= instant].sum())
        left = written - (port.free[port.free.length - 1] if port.free.length else 0)
        assert channel.capacity is None or left <= channel.capacity


@settings(max_examples=100)
@given(plans())
def test_time_never_goes_backwards(plan: Plan) -> None:
    trace = finished(plan)
    if trace is None:
        return
    assert trace.complete
    assert trace.firings == plan.firings
    for start, served, end in zip(trace.start, trace.served, trace.end, strict=True):
        assert (start <= served).all()
        assert (served <= end).all()
        assert (np.diff(start) >= 0).all()
        assert (np.diff(end) >= 0).all()
    assert trace.now == max((int(end.max()) for end in trace.end if end.size), default=0)


@settings(max_examples=100)
@given(plans())
def test_a_run_does_not_depend_on_how_series_are_stored_nor_on_the_run_before(plan: Plan) -> None:
    trace = finished(plan)
    if trace is not None:
        for form in (plan, expanded(plan)):
            assert same(trace, run(form, engine="simpy"))


@settings(max_examples=100)
@given(plans(drops=False, servers=False))
def test_names_labels_and_frames_change_nothing_without_lossy_sources(plan: Plan) -> None:
    trace = finished(plan)
    if trace is not None:
        actors = tuple(replace(a, name=f"x{a.name}", first_frame=a.last_frame) for a in plan.actors)
        assert same(trace, run(replace(plan, actors=actors), engine="simpy"))


@settings(max_examples=100)
@given(plans(drops=False))
def test_more_room_in_uncontended_plans_never_delays_a_departure(plan: Plan) -> None:
    free = replace(plan, actors=tuple(replace(a, resource=None, flows=()) for a in plan.actors))
    trace = finished(free)
    if trace is not None:
        roomy = replace(free, channels=tuple(replace(c, capacity=None) for c in free.channels))
        later = run(roomy, engine="simpy")
        assert all((a <= b).all() for a, b in zip(later.end, trace.end, strict=True))


@settings(max_examples=100)
@given(plans())
def test_stopping_early_gives_the_beginning_of_the_whole_run(plan: Plan) -> None:
    trace = finished(plan)
    if trace is None or not trace.now:
        return
    until = trace.now // 2
    part = run_simpy(plan, until=until)
    assert not part.complete
    assert part.now == until
    for whole, begun in ((trace.start, part.start), (trace.served, part.served), (trace.end, part.end)):
        for a, b in zip(whole, begun, strict=True):
            assert np.array_equal(np.where(a <= until, a, -1), b)


@settings(max_examples=100)
@given(plans(), st.data())
def test_the_oracle_finds_a_time_that_is_wrong_by_one_tick(plan: Plan, data: st.DataObject) -> None:
    trace = finished(plan)
    if trace is None or not plan.firings:
        return
    actor = data.draw(st.sampled_from([i for i, a in enumerate(plan.actors) if a.firings]))
    firing = data.draw(st.integers(0, plan.actors[actor].firings - 1))
    columns = [column.copy() for column in trace.end]
    columns[actor][firing] += 1
    assert Oracle(plan, replace(trace, end=tuple(columns))).check() != []
