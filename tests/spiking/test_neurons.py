"""Neuron conventions, each on a train a person can follow."""

from __future__ import annotations

import numpy as np
import pytest

from tests.spiking.reference import figures
from workloads.errors import WorkloadError
from workloads.spiking import NetworkBuilder, Neuron, lif_from_time_constants, make_spikes, simulate
from workloads.spiking.neurons import Integrator, cuba_lif_from_time_constants


def fires(neuron: Neuron, drive: list[float]) -> list[int]:
    step, _ = Integrator(neuron, 1).advance(np.array(drive)[:, None])
    return [int(s) for s in step]


def test_single_lif_of_the_nir_paper_fires_at_the_forward_euler_steps() -> None:
    reference = figures("nir_lif_single.json")
    given = reference["parameters"]
    neuron = lif_from_time_constants(given["tau_s"], given["dt_s"], given["r"], threshold=given["v_threshold"])
    network = NetworkBuilder((1,)).dense([[given["weight"]]], neuron).build()
    spikes = reference["input_spike_steps"]
    run = simulate(network, make_spikes((1,), given["steps"], spikes, [0] * len(spikes)))
    assert run.spikes["dense1"].step.tolist() == reference["forward_euler_spike_steps"]


def test_integrate_and_fire_resets_to_zero_or_subtracts() -> None:
    drive = [0.75] * 6
    assert fires(Neuron(reset="zero"), drive) == [1, 3, 5]
    assert fires(Neuron(reset="subtract"), drive) == [1, 2, 4, 5]
    assert fires(Neuron(reset="none"), drive) == [1, 2, 3, 4, 5]


def test_reset_value_is_where_the_potential_starts_again() -> None:
    step = fires(Neuron(reset="zero", reset_value=-1.0), [1.5, 1.5, 1.5])
    assert step == [0, 2]


def test_weak_comparison_fires_at_the_threshold_itself() -> None:
    assert fires(Neuron(comparison="strict"), [1.0, 0.0]) == []
    assert fires(Neuron(comparison="weak"), [1.0, 0.0]) == [0]


def test_delayed_reset_lets_the_leak_act_on_the_whole_potential() -> None:
    # v: 2; then 0.5*2 - 1 = 0; at once: 2 - 1 = 1, then 0.5.
    late, early = (Integrator(Neuron(decay=0.5, reset="subtract", reset_at=at), 1) for at in ("next_step", "firing"))
    for integrator in (late, early):
        integrator.advance(np.array([[2.0], [0.0]]))
    assert late.state.potential.tolist() == [0.0]
    assert early.state.potential.tolist() == [0.5]


def test_leak_after_input_shrinks_what_has_just_arrived() -> None:
    before, after = (Integrator(Neuron(decay=0.5, leak=order, threshold=9.0), 1) for order in ("before", "after"))
    for integrator in (before, after):
        integrator.advance(np.array([[1.0], [1.0]]))
    assert before.state.potential.tolist() == [1.5]
    assert after.state.potential.tolist() == [0.75]


def test_refractory_neuron_ignores_input_for_its_steps() -> None:
    assert fires(Neuron(refractory=2), [2.0] * 7) == [0, 3, 6]


def test_resolution_truncates_toward_zero() -> None:
    integrator = Integrator(Neuron(decay=0.75, resolution=1 / 4, threshold=9.0), 2)
    integrator.advance(np.array([[1.0, -1.0], [0.0, 0.0]]))
    # 0.75 stays 0.75; the next leak would give 0.5625 and is cut to 0.5.
    integrator.advance(np.array([[0.0, 0.0]]))
    assert integrator.state.potential.tolist() == [0.5, -0.5]


def test_cuba_lif_filters_its_input_and_can_see_the_previous_current() -> None:
    now = Integrator(Neuron(current_decay=0.5, threshold=9.0), 1)
    late = Integrator(Neuron(current_decay=0.5, threshold=9.0, current="previous"), 1)
    for integrator in (now, late):
        integrator.advance(np.array([[1.0], [0.0], [0.0]]))
    assert now.state.potential.tolist() == [1.75]
    assert late.state.potential.tolist() == [1.5]


def test_time_constants_give_the_euler_coefficients() -> None:
    neuron = cuba_lif_from_time_constants(0.02, 0.01, 1e-3, resistance=2.0, leak_potential=0.5, input_weight=3.0)
    assert neuron.decay == pytest.approx(0.95)
    assert neuron.gain == pytest.approx(0.1)
    assert neuron.bias == pytest.approx(0.025)
    assert neuron.current_decay == pytest.approx(0.9)
    assert neuron.current_gain == pytest.approx(0.3)
    assert neuron.model == "cuba_lif"


def test_single_precision_time_constants_keep_a_dyadic_decay() -> None:
    neuron = lif_from_time_constants(np.full(1, 0.008, np.float32), 0.001, np.full(1, 8.0, np.float32))
    assert np.asarray(neuron.decay).tolist() == [0.875]
    assert np.asarray(neuron.gain).tolist() == [1.0]


def test_step_longer_than_the_time_constant_is_refused() -> None:
    with pytest.raises(WorkloadError, match=r"dt = 0.01 s exceeds tau = 0.005 s; forward Euler needs dt <= tau"):
        lif_from_time_constants(0.005, 0.01)


def test_unknown_convention_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(WorkloadError, match=r"neuron: reset 'substract' is not one; did you mean 'subtract'\?"):
        Neuron(reset="substract")  # type: ignore[arg-type]


def test_updated_neurons_hold_a_potential_receive_a_synapse_or_fire() -> None:
    integrator = Integrator(Neuron(decay=0.0, threshold=9.0), 3)
    received = np.array([[True, False, False], [False, False, False], [False, False, False]])
    integrator.advance(np.array([[1.0, 0.0, 0.0], [0.0] * 3, [0.0] * 3]), received)
    assert received.sum(axis=1).tolist() == [1, 1, 0]
