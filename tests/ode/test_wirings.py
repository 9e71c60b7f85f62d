"""Wirings made by ncps against the reference, synapse by synapse and in every count."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.ode.reference import reference_wirings, summary
from workloads.errors import WorkloadError
from workloads.ode import (
    Wiring,
    auto_ncp,
    from_ncps,
    fully_connected,
    lane_keeping,
    library_parameters,
    library_trainable_parameters,
    ncp,
    random_wiring,
    synapse_evaluations,
)

_LANE = {"inputs": 32, "inter": 12, "command": 6, "motor": 1, "sensory_fanout": 6, "inter_fanout": 4}

MADE: dict[str, Callable[[], Wiring]] = {
    "ncp_lane_12_6_1_seed22222": lambda: lane_keeping(seed=22222),
    "ncp_lane_12_6_1_seed1": lane_keeping,
    "autoncp_19_1_s0.5_seed22222": lambda: auto_ncp(inputs=32, units=19, outputs=1),
    "autoncp_28_4_s0.5_seed22222": lambda: auto_ncp(inputs=20, units=28, outputs=4),
    "autoncp_64_8_s0.75_seed22222": lambda: auto_ncp(inputs=32, units=64, outputs=8, sparsity=0.75),
    "readme_ncp_10_10_8_seed22222": lambda: ncp(
        inputs=20, inter=10, command=10, motor=8, sensory_fanout=6, inter_fanout=6, recurrent=4, motor_fanin=6
    ),
    "fully_connected_16_seed1111": lambda: fully_connected(inputs=8, units=16, outputs=4),
    "random_32_s0.8_seed1111": lambda: random_wiring(inputs=16, units=32, outputs=4, sparsity=0.8),
}


@pytest.mark.parametrize("name", MADE)
def test_wiring_equals_the_reference_synapse_by_synapse(name: str) -> None:
    made, wanted = MADE[name](), reference_wirings()[name]
    assert list(made.list_synapses()) == list(wanted.list_synapses())
    assert made == wanted


@pytest.mark.parametrize("name", MADE)
def test_counts_of_a_wiring_equal_the_summary(name: str) -> None:
    wiring, row = MADE[name](), summary()[name]
    found = {
        "name": name,
        "inputs": wiring.inputs,
        "units": wiring.neurons,
        "inter": len(wiring.neurons_of("inter")),
        "command": len(wiring.neurons_of("command")),
        "motor": len(wiring.neurons_of("motor")),
        "outputs": wiring.outputs,
        "sensory_synapses": wiring.sensory_synapses,
        "internal_synapses": wiring.internal_synapses,
        "total_synapses": wiring.synapses,
        "inter_command": wiring.between("inter", "command"),
        "command_command": wiring.between("command", "command"),
        "command_motor": wiring.between("command", "motor"),
        "excit": wiring.excitatory,
        "inhib": wiring.synapses - wiring.excitatory,
        "effective_params_4syn_3neu": wiring.parameters,
        "ncps_alloc_params": library_parameters(wiring),
        "ncps_trainable_params": library_trainable_parameters(wiring),
        "syn_evals_per_step_sparse": synapse_evaluations(wiring),
        "syn_evals_per_step_dense": synapse_evaluations(wiring, dense=True),
    }
    assert {key: str(value) for key, value in found.items()} == row


def test_every_wiring_of_the_summary_is_made() -> None:
    assert set(MADE) == set(summary())


def test_lane_keeping_circuit_has_the_parameters_of_the_paper() -> None:
    wiring = lane_keeping()
    assert (wiring.synapses, wiring.parameters) == (252, 1065)


def _library(seed: int = 22222) -> Any:
    from ncps import wirings

    return wirings.NCP(12, 6, 1, 6, 4, 6, 6, seed=seed)


def test_taking_a_wiring_over_leaves_it_unbuilt() -> None:
    theirs = _library()
    assert from_ncps(theirs, 32) == lane_keeping(seed=22222)
    assert not theirs.is_built()
    assert from_ncps(theirs, 32) == lane_keeping(seed=22222)


def test_a_wiring_built_once_by_its_owner_is_taken_as_it_is() -> None:
    theirs = _library()
    theirs.build(32)
    assert from_ncps(theirs) == lane_keeping(seed=22222)


@pytest.mark.parametrize("seed", [22222, 1, 2, 3, 4, 5])
def test_a_second_build_adds_synapses_and_is_refused(seed: int) -> None:
    theirs = _library(seed)
    theirs.build(32)
    once = int(theirs.synapse_count + theirs.sensory_synapse_count)
    theirs.build(32)
    twice = int(theirs.synapse_count + theirs.sensory_synapse_count)
    assert twice > once
    with pytest.raises(WorkloadError, match=r"where one build makes 32 inputs x fan-out 6: it was built twice"):
        from_ncps(theirs)


def test_the_double_build_of_the_default_seed_gives_378_synapses() -> None:
    theirs = _library()
    theirs.build(32)
    theirs.build(32)
    assert int(theirs.synapse_count + theirs.sensory_synapse_count) == 378


def test_a_random_wiring_built_twice_is_refused() -> None:
    from ncps import wirings

    theirs = wirings.Random(32, 4, 0.8, random_seed=1111)
    theirs.build(16)
    assert from_ncps(theirs).sensory_synapses == 102
    theirs.build(16)
    with pytest.raises(WorkloadError, match="built twice"):
        from_ncps(theirs)


@pytest.mark.parametrize(("inputs", "fanout"), [(2, 1), (3, 1), (1, 2), (5, 2), (4, 3)])
@pytest.mark.parametrize("seed", range(20))
def test_a_single_build_that_fills_forgotten_neurons_is_accepted(inputs: int, fanout: int, seed: int) -> None:
    from ncps import wirings

    theirs = wirings.NCP(8, 4, 1, fanout, 2, 3, 2, seed=seed)
    theirs.build(inputs)
    assert from_ncps(theirs).sensory_synapses == int(theirs.sensory_synapse_count)


def test_a_wiring_built_for_other_inputs_is_refused() -> None:
    theirs = _library()
    theirs.build(20)
    with pytest.raises(WorkloadError, match="built for 20 inputs, not 32; pass it unbuilt"):
        from_ncps(theirs, 32)


def test_an_unbuilt_wiring_needs_its_inputs() -> None:
    with pytest.raises(WorkloadError, match=r"not built .* pass inputs=\.\.\."):
        from_ncps(_library())


def test_what_ncps_refuses_is_a_workload_error() -> None:
    with pytest.raises(WorkloadError, match="only 2 command neurons"):
        ncp(inputs=4, inter=3, command=2, motor=1, sensory_fanout=2, inter_fanout=2, recurrent=1, motor_fanin=3)


def test_layers_follow_the_signal() -> None:
    inter, command, motor = lane_keeping().layers()
    assert inter.tolist() == list(range(7, 19))
    assert command.tolist() == [1, 2, 3, 4, 5, 6]
    assert motor.tolist() == [0]


def test_matrices_of_a_wiring_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        lane_keeping().internal[0, 0] = 1


@pytest.mark.parametrize(
    ("sensory", "internal", "types", "message"),
    [
        ([[1, 0]], [[0, 0]], ("motor", "inter"), "it must be 2 x 2"),
        ([[1]], [[0, 0], [0, 0]], ("motor", "inter"), "it must be inputs x 2"),
        ([[2, 0]], [[0, 0], [0, 0]], ("motor", "inter"), "sensory synapse 0 -> 0 has polarity 2"),
        ([[1, 0]], [[0, 0], [0, 0]], ("motor", "intern"), "unknown neuron type 'intern'"),
        ([[1, 0]], [[0, 0], [0, 0]], ("inter", "inter"), "no neuron is 'motor'"),
        ([[1, 0]], [[0, 0], [0, 0]], ("inter", "motor"), "must have the lowest ids"),
    ],
)
def test_a_wiring_that_cannot_be_is_refused(sensory: Any, internal: Any, types: tuple[str, ...], message: str) -> None:
    with pytest.raises(WorkloadError, match=message):
        Wiring("w", np.array(sensory), np.array(internal), types)
