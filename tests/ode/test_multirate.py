"""Several time constants in one cell."""

from __future__ import annotations

import numpy as np
import pytest

from workloads.errors import WorkloadError
from workloads.ode import LtcCell, Rates, integrate_adaptive, lane_keeping, synapse_evaluations


def _rates(unfolds: list[int], every: list[int]) -> Rates:
    return Rates(np.array(unfolds), np.array(every))


def test_steps_follow_the_time_constants_in_powers_of_two() -> None:
    rates = Rates.from_time_constants(np.array([0.01, 0.05, 0.2, 1.6]), 0.1, resolution=0.5)
    # Steps of at most 5, 25, 100 and 800 ms in a window of 100 ms: 20 -> 32, 4, 1 step a token, and one in 8 tokens.
    assert rates.unfolds.tolist() == [32, 4, 1, 1]
    assert rates.every.tolist() == [1, 1, 1, 8]
    assert rates.period == 8


def test_a_slow_neuron_works_only_at_the_end_of_its_period() -> None:
    rates = _rates([2, 1], [1, 4])
    assert [rates.due(k).tolist() for k in range(4)] == [[True, False]] * 3 + [[True, True]]


def test_work_repeats_with_the_slowest_neuron() -> None:
    wiring = lane_keeping()
    every = np.ones(19, dtype=np.int64)
    every[1:7] = 4  # the command neurons are slow
    rates = Rates(np.where(every == 1, 2, 1), every)
    work = rates.synapse_evaluations(wiring, 8)
    fast = 192 + 2 * 6  # inter neurons by their inputs, the motor neuron twice by six commands
    slow = 48 + 6
    assert work.tolist() == [fast, fast, fast, fast + slow] * 2


def test_equal_rates_do_the_work_and_reach_the_state_of_the_fused_solver() -> None:
    cell, inputs = LtcCell.seeded(3, 8, seed=4), np.array([0.3, -1.0, 0.7])
    rates = _rates([8] * 8, [1] * 8)
    together = cell.fused(np.zeros(8), inputs, window=0.1, unfolds=8)
    assert np.abs(rates.advance(cell, np.zeros(8), inputs, window=0.1, token=0) - together).max() < 1e-15
    wiring = lane_keeping()
    assert _rates([4] * 19, [1] * 19).synapse_evaluations(wiring, 3).tolist() == [synapse_evaluations(wiring, 4)] * 3


def test_many_rates_stay_near_the_solution_with_less_work() -> None:
    cell, inputs, window, tokens = LtcCell.seeded(3, 8, seed=4), np.array([0.3, -1.0, 0.7]), 1 / 30, 32
    rates = Rates.from_time_constants(cell.tau, window, resolution=0.1)
    assert set((rates.unfolds / rates.every).tolist()) == {0.5, 1.0, 2.0}
    state = np.zeros(8)
    for token in range(tokens):
        state = rates.advance(cell, state, inputs, window=window, token=token)
    exact = integrate_adaptive(lambda t, x: cell.derivative(x, inputs), np.zeros(8), window=window * tokens, tokens=1)
    assert np.abs(state - exact.states[-1]).max() < 0.02
    assert (rates.unfolds / rates.every).sum() == 9  # steps a token; all at the finest rate would take 16


def test_rates_that_cannot_be_are_refused() -> None:
    with pytest.raises(WorkloadError, match="must be powers of two"):
        _rates([3], [1])
    with pytest.raises(WorkloadError, match="not both"):
        _rates([2], [2])
    with pytest.raises(WorkloadError, match="rates of 1 neurons for a wiring of 19"):
        _rates([2], [1]).synapse_evaluations(lane_keeping(), 4)
    with pytest.raises(WorkloadError, match="must be above 0"):
        Rates.from_time_constants(np.array([0.1]), 0.0)
