"""Choosing an engine, stopping, interrupting, watching."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from experiments.benchmark_engine import compare, linear, measure
from experiments.benchmark_plans import pipeline, service_times
from simulator.engine import run
from simulator.engine.choice import START, choose, simpy_work
from simulator.engine.simpy_engine import run_simpy
from simulator.errors import DeadlockError
from simulator.plan import Discipline, Plan
from tests.engine.small import actor, plan, times


def chain(tokens: int) -> Plan:
    """Two stages and a FIFO of two."""
    return plan(actor("a", tokens, 2, writes={0: 1}), actor("b", tokens, 3, reads={0: 1}), channels=[2])


def test_small_runs_go_to_simpy_and_large_ones_to_the_compiled_engine_with_a_reason() -> None:
    small = run(chain(10))
    assert (small.engine, small.reason) == ("simpy", "20 firings are done before the compiled engine has loaded")
    assert run(chain(10), engine="simpy").reason == "asked for"
    large = run(chain(START // 2))
    assert large.engine != "simpy"
    assert "700,000 firings repay loading the compiled engine" in large.reason


def test_what_simpy_is_slower_at_goes_to_the_compiled_engine_earlier() -> None:
    def line(firings: int, **more: Any) -> Plan:
        return plan(
            actor("a", firings, 2, writes={0: 1}, **more), actor("b", firings, 3, reads={0: 1}, resource=0),
            channels=[2], resources=[1], servers=[4],
        )  # fmt: skip

    assert choose(line(50_000))[0] == "simpy"
    delayed, contended, moving = {"latency": 1}, {"resource": 0}, {"flows": [(0, 3, None), (0, 5, 2)]}
    assert [simpy_work(line(100, **more)) for more in ({}, delayed, contended, moving)] == [200, 400, 1600, 2500]
    assert choose(line(50_000, **contended)) == (
        "compiled", "100,000 firings, each like 8 of a plain stage, repay loading the compiled engine"
    )  # fmt: skip
    assert choose(line(20_000, **contended)) == (
        "simpy", "40,000 firings, each like 8 of a plain stage, are done before the compiled engine has loaded"
    )  # fmt: skip


def test_until_stops_after_that_tick() -> None:
    trace = run(chain(4), until=5)
    assert (trace.complete, trace.now) == (False, 5)
    assert times(trace, 0) == ([0, 2, 5, -1], [2, 4, -1, -1], [2, 4, -1, -1])
    assert times(trace, 1) == ([2, 5, -1, -1], [5, -1, -1, -1], [5, -1, -1, -1])
    assert trace.firings == 3


def test_until_after_the_end_is_a_complete_run() -> None:
    trace = run(chain(4), until=500)
    assert (trace.complete, trace.now) == (True, 14)


def test_until_zero_shows_the_first_instant() -> None:
    assert times(run(chain(2), until=0), 0)[0] == [0, -1]


def test_a_deadlock_before_until_is_told_and_one_after_it_is_not() -> None:
    stuck = plan(actor("a", 9, 2, writes={0: 1}), actor("b", 3, 1, reads={0: 1}), channels=[2])
    with pytest.raises(DeadlockError):
        run(stuck, until=1000)
    assert not run(stuck, until=4).complete


def test_a_release_to_come_is_no_deadlock_at_until() -> None:
    later = plan(actor("a", 1, 1, release=100, writes={0: 1}), actor("b", 2, 1, reads={0: 1}), channels=[(2, 1)])
    trace = run(later, until=50)
    assert (trace.complete, trace.now) == (False, 50)


def test_progress_tells_tick_departed_and_all_firings() -> None:
    told: list[tuple[int, int, int]] = []
    trace = run_simpy(chain(30_000), progress=lambda *numbers: told.append(numbers))
    assert told[-1] == (trace.now, 60_000, 60_000)
    assert len(told) > 2
    assert all(a[0] <= b[0] and a[1] <= b[1] for a, b in pairwise(told))


def test_an_interrupt_returns_what_is_finished() -> None:
    def interrupt(now: int, departed: int, total: int) -> None:
        raise KeyboardInterrupt

    trace = run_simpy(chain(30_000), progress=interrupt)
    assert not trace.complete
    assert 0 < trace.firings < 60_000
    whole = run_simpy(chain(30_000))
    for begun, full in zip(trace.end, whole.end, strict=True):
        done = begun >= 0
        assert np.array_equal(begun[done], full[done])


def test_the_empty_plan_runs() -> None:
    trace = run(plan())
    assert (trace.complete, trace.now, trace.firings) == (True, 0, 0)


def test_importing_the_engines_loads_neither_simpy_nor_numba() -> None:
    code = "import sys, simulator.engine; print([m for m in ('simpy', 'numba', 'scipy', 'pandas') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize("kind", ["fixed", "random"])
@pytest.mark.parametrize("depth", [1, 2, 64])
def test_a_naive_store_model_departs_at_the_same_ticks(kind: str, depth: int) -> None:
    compare(linear(6, depth, kind, 7), 300)


@pytest.mark.slow
def test_the_simpy_engine_is_three_times_as_fast_as_a_naive_store_model() -> None:
    ratios = []
    for stages, depth in ((10, 2), (50, 64)):
        case = replace(linear(stages, depth, "random", 1), engines=("simpy",))
        rates = measure(case, {"naive": 50_000, "simpy": 50_000}, 5)
        ratios.append(np.median(np.array(rates["simpy"]) / np.array(rates["naive"])))
    assert min(ratios) >= 3, ratios


def test_the_benchmark_pipeline_blocks_after_service() -> None:
    assert pipeline(service_times(2, 3, "fixed", 1), 2).discipline is Discipline.BLOCKING_AFTER_SERVICE
