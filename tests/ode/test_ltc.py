"""The liquid time-constant cells: golden trace, closed forms by hand, dense against sparse."""

from __future__ import annotations

import numpy as np
import pytest

from tests.ode.reference import ltc8, rows
from workloads.errors import WorkloadError
from workloads.ode import ConductanceLtc, LtcCell, integrate_adaptive, integrate_fixed, lane_keeping, three_waves


def test_the_fused_solver_follows_the_golden_trace_to_1e_12() -> None:
    cell, state = ltc8(gain=1.0), np.zeros(8)
    table = rows("ltc8_fused6_gain1_30fps.csv")
    assert len(table) == 90
    for row in table:
        state = cell.fused(state, three_waves(float(row["token"]) / 30), window=1 / 30, unfolds=6)
        assert np.abs(state - [float(row[f"x{i}"]) for i in range(8)]).max() < 1e-12


def _one_neuron(tau: float = 0.5) -> LtcCell:
    return LtcCell(
        recurrent=np.zeros((1, 1)), inward=np.zeros((1, 1)), bias=np.zeros(1), reversal=np.ones(1), tau=np.array([tau])
    )


def test_one_neuron_without_weights_relaxes_as_the_exponential_does() -> None:
    # f = sigmoid(0) = 1/2 throughout: dx/dt = -(2 + 1/2) x + 1/2, so x(t) = (1 - exp(-2.5 t)) / 5.
    cell = _one_neuron()
    assert cell.derivative(np.zeros(1), np.zeros(1)) == pytest.approx([0.5])
    assert cell.time_constants(np.zeros(1), np.zeros(1)) == pytest.approx([0.4])
    fine = cell.fused(np.zeros(1), np.zeros(1), window=1.0, unfolds=100_000)
    assert fine == pytest.approx([(1 - np.exp(-2.5)) / 5], rel=2e-5)


def test_the_fused_step_stays_bounded_where_euler_explodes() -> None:
    cell, state, euler = _one_neuron(tau=1e-4), np.array([5.0]), np.array([5.0])
    for _ in range(20):
        state = cell.fused_step(state, np.zeros(1), 0.1)
        euler = euler + 0.1 * cell.derivative(euler, np.zeros(1))
    assert 0 < state[0] < 1
    assert abs(euler[0]) > 1e20


def test_fused_euler_rk4_and_adaptive_agree_as_steps_shrink() -> None:
    cell, inputs = LtcCell.seeded(3, 8, seed=4), np.array([0.3, -1.0, 0.7])

    def derivative(time: float, state: np.ndarray) -> np.ndarray:
        return cell.derivative(state, inputs)

    start = np.zeros(8)
    exact = integrate_adaptive(derivative, start, window=0.1, tokens=1, rtol=1e-12, atol=1e-13).states[0]
    errors = {}
    for steps in (8, 16):
        euler = integrate_fixed(derivative, start, window=0.1, tokens=1, steps=steps, method="euler").states[0]
        rk4 = integrate_fixed(derivative, start, window=0.1, tokens=1, steps=steps, method="rk4").states[0]
        fused = cell.fused(start, inputs, 0.1, steps)
        errors[steps] = [float(np.abs(x - exact).max()) for x in (euler, fused, rk4)]
    halved = np.log2(np.array(errors[8]) / np.array(errors[16]))
    assert halved == pytest.approx([1, 1, 4], abs=0.35)


def test_a_seeded_cell_is_the_same_in_every_run_and_differs_by_seed() -> None:
    one, two, other = (LtcCell.seeded(3, 8, seed=s) for s in (7, 7, 8))
    assert np.array_equal(one.recurrent, two.recurrent)
    assert not np.array_equal(one.recurrent, other.recurrent)
    assert (one.inputs, one.neurons) == (3, 8)


def test_dense_and_sparse_give_the_same_state() -> None:
    cell = ConductanceLtc.seeded(lane_keeping(), seed=3)
    inputs = np.random.default_rng(0).normal(size=32)
    dense, sparse = np.zeros(19), np.zeros(19)
    for _ in range(10):
        dense, sparse = cell.step(dense, inputs), cell.step(sparse, inputs, dense=False)
    assert np.abs(dense - sparse).max() < 1e-14
    assert cell.outputs(dense).shape == (1,)
    slope = cell.derivative(dense, inputs)
    assert np.abs(slope - cell.derivative(dense, inputs, dense=False)).max() < 1e-12


def test_masked_parameters_do_not_matter() -> None:
    cell = ConductanceLtc.seeded(lane_keeping(), seed=3)
    absent = cell.wiring.internal == 0
    other = ConductanceLtc(**{**vars(cell), "weight": np.where(absent, 99.0, cell.weight)})
    inputs = np.ones(32)
    assert np.array_equal(cell.step(np.zeros(19), inputs), other.step(np.zeros(19), inputs))


def test_the_fused_conductance_step_tends_to_the_differential_equation() -> None:
    cell = ConductanceLtc.seeded(lane_keeping(), seed=3)
    inputs = np.random.default_rng(1).normal(size=32)
    trace = integrate_adaptive(
        lambda t, v: cell.derivative(v, inputs), np.zeros(19), window=1.0, tokens=1, rtol=1e-10, atol=1e-12
    )
    coarse, fine = (np.abs(cell.step(np.zeros(19), inputs, unfolds=n) - trace.states[0]).max() for n in (500, 1000))
    assert fine < 1e-3
    assert coarse / fine == pytest.approx(2, abs=0.1)


def test_one_conductance_neuron_by_hand() -> None:
    from workloads.ode import Wiring

    wiring = Wiring("one", np.array([[1]]), np.array([[0]]), ("motor",))
    one = np.ones(1)
    cell = ConductanceLtc(
        wiring, capacitance=one, leak=2 * one, resting=0 * one, weight=one[None], mu=one[None], sigma=one[None],
        sensory_weight=4 * one[None], sensory_mu=0 * one[None], sensory_sigma=one[None],
    )  # fmt: skip
    # One unfold, dt 1, v = 1, input 0: w s = 4 * 0.5 = 2, v' = (1 * 1 + 0 + 2) / (1 + 2 + 2) = 0.6
    assert cell.step(one, 0 * one, unfolds=1) == pytest.approx([0.6], abs=1e-8)


def test_shapes_and_time_constants_that_cannot_be_are_refused() -> None:
    good = vars(LtcCell.seeded(2, 3, seed=1))
    with pytest.raises(WorkloadError, match=r"recurrent has shape \(2, 2\), tau asks for \(3, 3\)"):
        LtcCell(**{**good, "recurrent": np.zeros((2, 2))})
    with pytest.raises(WorkloadError, match="it must be 3 x inputs"):
        LtcCell(**{**good, "inward": np.zeros((2, 2))})
    with pytest.raises(WorkloadError, match="every time constant must be above 0 s"):
        LtcCell(**{**good, "tau": np.array([1.0, 0.0, 1.0])})
