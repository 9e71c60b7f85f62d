"""ODE-Net blocks: real convolutions, really integrated, with an evaluation count for each input."""

from __future__ import annotations

import numpy as np
import pytest

from workloads.errors import WorkloadError
from workloads.ode import ConvDynamics, NeuralOdeBlock, feature_maps


@pytest.fixture(scope="module")
def block() -> NeuralOdeBlock:
    return NeuralOdeBlock(ConvDynamics.seeded(6, 7, 7, seed=1, gain=1.5))


def test_a_convolution_equals_its_definition() -> None:
    dynamics = ConvDynamics.seeded(2, 4, 5, seed=3)
    maps = np.random.default_rng(0).normal(size=(2, 4, 5))
    found = dynamics._convolve(maps, dynamics.first, 0.25)
    joined = np.concatenate([maps, np.full((1, 4, 5), 0.25)])
    for c, y, x in np.ndindex(2, 4, 5):
        total = 0.0
        for i, j, k in np.ndindex(3, 3, 3):
            v, u = y + j - 1, x + k - 1
            if 0 <= v < 4 and 0 <= u < 5:
                total += dynamics.first[c, i, j, k] * joined[i, v, u]
        assert found[c, y, x] == pytest.approx(total, abs=1e-12)


def test_an_evaluation_costs_two_convolutions() -> None:
    dynamics = ConvDynamics.seeded(64, 6, 6, seed=1)
    assert dynamics.operations().mac == 2 * 65 * 64 * 9 * 36
    assert dynamics.parameters == 2 * 65 * 64 * 9


def test_inputs_need_different_numbers_of_evaluations(block: NeuralOdeBlock) -> None:
    trace = block.run(feature_maps(24, 6, 7, 7, seed=2))
    assert np.array_equal(trace.evaluations, 2 + 6 * trace.attempted)
    assert len(set(trace.evaluations.tolist())) >= 3
    assert np.array_equal(block.macs(trace), trace.evaluations * 2.0 * 7 * 6 * 9 * 49)


def test_the_result_is_the_solution_of_the_equation(block: NeuralOdeBlock) -> None:
    inputs = feature_maps(2, 6, 7, 7, seed=5)
    loose = block.run(inputs)
    tight = NeuralOdeBlock(block.dynamics, rtol=1e-8, atol=1e-8).run(inputs)
    assert (tight.evaluations > loose.evaluations).all()
    assert np.abs(tight.states - loose.states).max() < 0.05
    steps = 400
    state = inputs[0].ravel()
    for n in range(steps):  # the midpoint rule, an integrator of its own
        half = state + 0.5 / steps * block.dynamics(n / steps, state)
        state = state + 1 / steps * block.dynamics((n + 0.5) / steps, half)
    assert np.abs(state - tight.states[0]).max() < 1e-3


def test_a_batch_pays_for_its_hardest_input(block: NeuralOdeBlock) -> None:
    inputs = feature_maps(12, 6, 7, 7, seed=2)
    alone, batch = block.run(inputs), block.run(inputs, batch=12)
    assert len(set(batch.evaluations.tolist())) == 1
    assert batch.evaluations[0] >= np.median(alone.evaluations)


def test_runs_with_one_seed_are_equal(block: NeuralOdeBlock) -> None:
    again = NeuralOdeBlock(ConvDynamics.seeded(6, 7, 7, seed=1, gain=1.5))
    inputs = feature_maps(3, 6, 7, 7, seed=9)
    assert np.array_equal(block.run(inputs).states, again.run(inputs).states)


def test_shapes_that_do_not_fit_are_refused(block: NeuralOdeBlock) -> None:
    with pytest.raises(WorkloadError, match=r"inputs of shape \(3, 6, 8, 7\); they must be inputs x 6 x 7 x 7"):
        block.run(np.zeros((3, 6, 8, 7)))
    with pytest.raises(WorkloadError, match="with an odd k"):
        ConvDynamics.seeded(6, 7, 7, seed=1, kernel=4)
    with pytest.raises(WorkloadError, match="feature maps of 0 x 7"):
        ConvDynamics.seeded(6, 0, 7, seed=1)
