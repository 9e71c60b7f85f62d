"""Solvers that really integrate, and their work: the reference counts token by token."""

from __future__ import annotations

import numpy as np
import pytest

from tests.ode.reference import counts, ltc8, rows, states
from workloads.errors import WorkloadError
from workloads.ode import (
    SolverTrace,
    cubic_spiral,
    decay,
    driven,
    integrate_adaptive,
    integrate_each,
    integrate_fixed,
    van_der_pol,
)
from workloads.ode.solvers import EVALUATIONS_PER_ATTEMPT, FixedMethod, RightHandSide

#: A start on a slow arc of the Van der Pol oscillator, one that must jump, and the first again.
STARTS = np.array([[2.0, 0.0], [0.5, 4.0], [2.0, 0.0]])

_ADAPTIVE = {
    "vdp_mu5_dt0.25": (van_der_pol(5.0), [2.0, 0.0], 0.25, 1e-3, 1e-6),
    "vdp_mu1_dt0.25": (van_der_pol(1.0), [2.0, 0.0], 0.25, 1e-6, 1e-9),
    "ltc8_gain1_30fps": (driven(ltc8(1.0)), [0.0] * 8, 1 / 30, 1e-6, 1e-9),
    "ltc8_gain30_30fps": (driven(ltc8(30.0)), [0.0] * 8, 1 / 30, 1e-6, 1e-9),
}


@pytest.fixture(scope="module")
def traces() -> dict[str, SolverTrace]:
    return {
        name: integrate_adaptive(f, np.array(y), window=window, tokens=len(counts(name)), rtol=rtol, atol=atol)
        for name, (f, y, window, rtol, atol) in _ADAPTIVE.items()
    }


@pytest.mark.parametrize("name", _ADAPTIVE)
def test_adaptive_evaluations_equal_the_reference_token_by_token(name: str, traces: dict[str, SolverTrace]) -> None:
    trace = traces[name]
    found = np.stack([trace.evaluations, trace.accepted, trace.rejected], axis=1)
    assert np.array_equal(found, counts(name))


@pytest.mark.parametrize("name", _ADAPTIVE)
def test_adaptive_states_equal_the_reference(name: str, traces: dict[str, SolverTrace]) -> None:
    for token, state in states(name).items():
        assert np.abs(traces[name].states[token] - state).max() < 1e-9


@pytest.mark.parametrize("name", _ADAPTIVE)
def test_evaluations_are_two_and_six_an_attempt_on_every_token(name: str, traces: dict[str, SolverTrace]) -> None:
    trace = traces[name]
    assert np.array_equal(trace.evaluations, 2 + 6 * trace.attempted)
    assert (trace.rejected >= 0).all()
    assert trace.rejected.sum() > 0


@pytest.mark.parametrize(
    ("name", "mean", "deviation", "median", "p95", "most"),
    [
        ("vdp_mu5_dt0.25", 16.75, 6.97, 14, 38, 44),
        ("vdp_mu1_dt0.25", 24.70, 8.24, 26, 38, 50),
        ("ltc8_gain1_30fps", 34.60, 30.80, 26, 121, 170),
        ("ltc8_gain30_30fps", 36.20, 31.63, 26, 101, 188),
    ],
)
def test_the_work_of_a_token_is_spread_as_in_the_table(
    name: str, mean: float, deviation: float, median: int, p95: int, most: int, traces: dict[str, SolverTrace]
) -> None:
    work = traces[name].evaluations
    assert round(float(work.mean()), 2) == mean
    # The table gives the deviation of the sample, and the 95th percentile rounded to a whole evaluation.
    assert min(abs(round(float(work.std(ddof=d)), 2) - deviation) for d in (0, 1)) < 0.005
    assert float(np.median(work)) == median
    assert abs(float(np.percentile(work, 95)) - p95) < 1.5
    assert int(work.max()) == most


def test_the_first_row_takes_2010_evaluations(traces: dict[str, SolverTrace]) -> None:
    assert int(traces["vdp_mu5_dt0.25"].evaluations.sum()) == 2010


def _problem(name: str) -> tuple[RightHandSide, list[float]]:
    if name.startswith("vdp_mu"):
        return van_der_pol(float(name.removeprefix("vdp_mu"))), [2.0, 0.0]
    return {"decay": (decay, [1.0]), "spiral_cubic": (cubic_spiral, [2.0, 0.0])}[name]


@pytest.mark.parametrize(
    "row",
    [r for r in rows("ode_nfe.csv") if r["solver"] == "scipy"],
    ids=lambda r: f"{r['problem']}-{r['rtol']}",
)
def test_whole_intervals_take_the_evaluations_of_the_reference(row: dict[str, str]) -> None:
    derivative, start = _problem(row["problem"])
    trace = integrate_adaptive(
        derivative, np.array(start), window=float(row["T"]), tokens=1, rtol=float(row["rtol"]), atol=float(row["atol"])
    )
    assert int(trace.evaluations[0]) == int(row["nfe"])
    assert int(trace.accepted[0]) == int(row["accepted_steps"])
    ends = [float(row["y_first_end"]), float(row["y_last_end"])]
    assert [trace.states[0, 0], trace.states[0, -1]] == pytest.approx(ends, rel=1e-7)


@pytest.mark.parametrize(
    "row", [r for r in rows("ode_nfe.csv") if r["method"] in ("rk4", "euler")], ids=lambda r: r["method"]
)
def test_fixed_steps_take_the_evaluations_and_reach_the_value_of_the_reference(row: dict[str, str]) -> None:
    method: FixedMethod = "rk4" if row["method"] == "rk4" else "euler"
    trace = integrate_fixed(decay, np.ones(1), window=5.0, tokens=1, steps=50, method=method)
    assert int(trace.evaluations[0]) == int(row["nfe"])
    # torchdiffeq's rk4 is the 3/8 rule; on a linear equation all methods of four stages and order four agree.
    # It computed in single precision.
    assert float(trace.states[0, 0]) == pytest.approx(float(row["y_first_end"]), rel=2e-5)


@pytest.mark.parametrize("method", EVALUATIONS_PER_ATTEMPT)
def test_attempts_are_counted_for_every_explicit_method(method: str) -> None:
    trace = integrate_adaptive(van_der_pol(5.0), np.array([2.0, 0.0]), window=2.0, tokens=10, method=method)  # type: ignore[arg-type]
    assert np.array_equal(trace.evaluations, 2 + EVALUATIONS_PER_ATTEMPT[method] * trace.attempted)
    assert (trace.rejected >= 0).all()
    assert trace.rejected.sum() > 0


@pytest.mark.parametrize("method", ["Radau", "BDF", "LSODA"])
def test_implicit_methods_count_calls_and_do_not_claim_attempts(method: str) -> None:
    trace = integrate_adaptive(van_der_pol(20.0), np.array([2.0, 0.0]), window=10.0, tokens=2, method=method)  # type: ignore[arg-type]
    assert (trace.attempted == -1).all()
    assert (trace.evaluations > trace.accepted).all()
    explicit = integrate_adaptive(van_der_pol(20.0), np.array([2.0, 0.0]), window=10.0, tokens=2)
    assert trace.states[-1] == pytest.approx(explicit.states[-1], abs=0.05)


def test_fixed_work_is_the_same_for_every_token() -> None:
    trace = integrate_fixed(van_der_pol(5.0), np.array([2.0, 0.0]), window=0.25, tokens=40, steps=6)
    assert set(trace.evaluations.tolist()) == {24}
    assert set(trace.attempted.tolist()) == {6}
    assert trace.tokens == 40


def test_inputs_of_their_own_each_start_from_the_beginning() -> None:
    trace = integrate_each(van_der_pol(5.0), STARTS, window=1.0)
    for row, start in enumerate(STARTS):
        alone = integrate_adaptive(van_der_pol(5.0), start, window=1.0, tokens=1)
        assert trace.evaluations[row] == alone.evaluations[0]
        assert np.array_equal(trace.states[row], alone.states[0])
    assert trace.evaluations[1] > trace.evaluations[0] == trace.evaluations[2]


def test_a_batch_takes_the_steps_of_all_its_inputs_together() -> None:
    alone = integrate_each(van_der_pol(5.0), STARTS, window=1.0)
    batch = integrate_each(van_der_pol(5.0), STARTS, window=1.0, batch=2)
    assert batch.evaluations[0] == batch.evaluations[1] > alone.evaluations[0]
    assert batch.evaluations[2] == alone.evaluations[2]


def test_a_solution_that_explodes_is_told_with_its_token() -> None:
    with pytest.raises(WorkloadError, match=r"RK45 gives up in token 1 \(0.75 s to 1.5 s\)"):
        integrate_adaptive(lambda t, y: y**2, np.ones(1), window=0.75, tokens=4)


def test_what_cannot_be_integrated_is_refused() -> None:
    one = np.ones(1)
    with pytest.raises(WorkloadError, match=r"'RK54' is no adaptive method; did you mean 'RK45'\?"):
        integrate_adaptive(decay, one, window=1, tokens=1, method="RK54")  # type: ignore[arg-type]
    with pytest.raises(WorkloadError, match="'heun' is no fixed-step method"):
        integrate_fixed(decay, one, window=1, tokens=1, steps=1, method="heun")  # type: ignore[arg-type]
    with pytest.raises(WorkloadError, match="a window of 0 s"):
        integrate_adaptive(decay, one, window=0.0, tokens=1)
    with pytest.raises(WorkloadError, match="0 tokens; at least one"):
        integrate_adaptive(decay, one, window=1.0, tokens=0)
    with pytest.raises(WorkloadError, match="0 steps a token"):
        integrate_fixed(decay, one, window=1, tokens=1, steps=0)
    with pytest.raises(WorkloadError, match="both tolerances must be above 0"):
        integrate_adaptive(decay, one, window=1.0, tokens=1, rtol=0.0)
    with pytest.raises(WorkloadError, match="rtol 1e\\+308: an error of the state's own size"):
        integrate_adaptive(decay, one, window=1.0, tokens=1, rtol=1e308)
