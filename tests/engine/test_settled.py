"""Flows that decide nothing are left out, and no firing starts, is served or departs at another time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulator.engine.compiled import run_compiled
from simulator.engine.settled import settled
from simulator.engine.simpy_engine import run_simpy
from simulator.engine.static_order import why_not_static
from simulator.errors import DeadlockError
from simulator.plan import Plan
from simulator.trace import Trace
from tests.engine.small import actor, plan, times
from tests.strategies import plans

UNHURRIED = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)


def flows_left(made: Plan) -> list[int]:
    return [len(one.flows) for one in made.actors]


def finished(made: Plan) -> Trace | None:
    try:
        return run_simpy(made)
    except DeadlockError:
        return None


def test_a_flow_that_is_through_before_its_firing_has_computed_never_counts() -> None:
    # At worst each of the two gets 2 of 5 units a tick: 3 ticks for 6 units.
    line = plan(
        actor("a", 3, 3, writes={0: 1}, flows=[(0, 6, None)]),
        actor("b", 3, [3, 4, 3], reads={0: 1}, flows=[(0, [6, 8, 0], None)]),
        channels=[1],
        servers=[5],
    )
    assert flows_left(settled(line)) == [0, 0]
    assert [one.compute for one in settled(line).actors] == [one.compute for one in line.actors]


def test_all_flows_of_a_server_stay_where_one_may_count() -> None:
    # 7 units may take 4 ticks, and then the other one gets less than it would alone.
    line = plan(
        actor("a", 3, 3, writes={0: 1}, flows=[(0, 7, None), (1, 2, None)]),
        actor("b", 3, 3, reads={0: 1}, flows=[(0, 6, None)]),
        channels=[1],
        servers=[5, 2],
    )
    assert flows_left(settled(line)) == [1, 1]
    assert settled(line).actors[0].flows == line.actors[0].flows[:1]
    assert "server" in why_not_static(settled(line))


def test_a_flow_alone_at_its_server_becomes_computing_time() -> None:
    line = plan(
        actor("a", 4, 2, writes={0: 1}, flows=[(0, [3, 9, 10, 0], None)]), actor("b", 4, 1, reads={0: 1}),
        channels=[1], servers=[4],
    )  # fmt: skip
    assert settled(line).actors[0].compute.array().tolist() == [2, 3, 3, 2]
    assert not why_not_static(settled(line))
    trace = run_compiled(line)
    assert trace.reason.startswith("static order")
    assert trace.reason.endswith("its flows never hold anybody up")
    assert [times(trace, i) for i in range(2)] == [times(run_simpy(line), i) for i in range(2)]


def test_caps_that_fit_together_hold_at_any_rate_of_the_server() -> None:
    both = [actor(name, 2, 1, flows=[(0, 12, cap)]) for name, cap in (("a", 2), ("b", 3))]
    assert [
        one.compute.array().tolist() for one in settled(plan(*both, servers=[((0, 4), (5, 9))])).actors
    ] == [[6, 6], [4, 4]]  # fmt: skip
    assert flows_left(settled(plan(*both, servers=[((0, 4), (4, 9))]))) == [1, 1]


@pytest.mark.parametrize("rates", [(4, 3), (4, 0, 5)])
def test_a_flow_without_a_cap_stays_where_the_rate_changes(rates: tuple[int, ...]) -> None:
    alone = plan(actor("a", 2, 1, flows=[(0, 12, None)]), servers=[(tuple(range(len(rates))), rates)])
    assert flows_left(settled(alone)) == [1]


def test_firings_that_overlap_share_too() -> None:
    # Three at a time get 1 of 3 units a tick, one alone all three.
    alone, three = (plan(actor("a", 9, 3, flows=[(0, 6, None)], concurrency=c), servers=[3]) for c in (1, 3))
    assert flows_left(settled(alone)) == [0]
    assert flows_left(settled(three)) == [1]


@settings(max_examples=300, suppress_health_check=UNHURRIED)
@given(plans(), st.sampled_from((1, 3, 10, 60)))
def test_no_time_of_a_random_plan_changes(drawn: Plan, factor: int) -> None:
    servers = tuple(replace(one, rates=tuple(rate * factor for rate in one.rates)) for one in drawn.servers)
    drawn = replace(drawn, servers=servers)
    plain = settled(drawn)
    if plain is drawn:
        return
    one, other = finished(drawn), finished(plain)
    if one is None or other is None:
        assert one is other
        return
    assert one.now == other.now
    for column in ("start", "served", "end", "void"):
        for a, b in zip(getattr(one, column), getattr(other, column), strict=True):
            assert np.array_equal(a, b), column
