"""Whole networks: the LIF reference run, delays, feedback, and what does not depend on how a run is cut."""

from __future__ import annotations

import numpy as np
import pytest

from tests.spiking.reference import figures, lif_conv_input, lif_conv_network
from workloads.errors import WorkloadError
from workloads.spiking import (
    Dense,
    NetworkBuilder,
    Neuron,
    OneToOne,
    Population,
    Projection,
    Simulation,
    SpikingNetwork,
    make_spikes,
    simulate,
)


def test_lif_convolution_reproduces_every_count_of_the_reference() -> None:
    reference = figures("lif_conv.json")
    spikes = lif_conv_input()
    assert spikes.per_step().tolist() == reference["input_spikes_per_step"]
    run = simulate(lif_conv_network(), spikes, track_potentials=True)
    layers = [p.name for p in run.network.layers]
    assert np.stack([run.spikes[n].per_step() for n in layers], axis=1).tolist() == reference["spikes_per_step"]
    events = np.stack([run.synaptic_events[n] for n in layers], axis=1)
    assert events.tolist() == reference["synaptic_events_per_step"]
    sums = np.stack([run.potential_sum[n] for n in layers], axis=1)
    assert sums.tolist() == reference["membrane_sum_per_step"]
    early = [
        [int(row[0]), position, *map(int, row[1:])]
        for position, name in zip((0, 2, 4), layers, strict=True)
        for row in run.spikes[name].coordinates()
        if row[0] < 2
    ]
    assert sorted(early) == sorted(reference["first_events"])


def test_one_step_a_layer_shifts_each_layer_by_its_depth() -> None:
    reference = np.array(figures("lif_conv.json")["spikes_per_step"])
    run = simulate(lif_conv_network(delay=1), lif_conv_input())
    for depth, population in enumerate(run.network.layers, start=1):
        shifted = run.spikes[population.name].per_step()[depth:]
        assert shifted.tolist() == reference[: 32 - depth, depth - 1].tolist()


@pytest.mark.parametrize("block", [1, 3, 32])
def test_counts_do_not_depend_on_the_block_length(block: int) -> None:
    network, spikes = lif_conv_network(delay=1), lif_conv_input()
    whole = simulate(network, spikes, track_updates=True)
    found = list(Simulation(network, track_updates=True).blocks({"input": spikes}, 32, block))
    for population in network.layers:
        index = np.concatenate([b.spikes[population.name][1] for b in found])
        assert np.array_equal(index, whole.spikes[population.name].index)
        updated = np.concatenate([b.updated[population.name].sum(axis=1) for b in found])
        assert np.array_equal(updated, whole.updated[population.name])


def test_recurrent_spike_returns_after_its_delay() -> None:
    neuron = Neuron(threshold=0.5, decay=0.0)
    builder = NetworkBuilder((1,)).dense([[1.0]], neuron, name="loop").recurrent([[1.0]], delay=3)
    run = simulate(builder.build(), make_spikes((1,), 10, [0], [0]))
    assert run.spikes["loop"].step.tolist() == [0, 3, 6, 9]


def test_two_populations_in_a_loop_pass_a_spike_round() -> None:
    neuron = Neuron(threshold=0.5, decay=0.0)
    network = SpikingNetwork(
        (Population("in", (1,)), Population("a", (1,), neuron), Population("b", (1,), neuron)),
        (
            Projection("in", "a", Dense([[1.0]])),
            Projection("a", "b", Dense([[1.0]])),
            Projection("b", "a", Dense([[1.0]]), delay=2),
        ),
    )
    run = simulate(network, make_spikes((1,), 7, [1], [0]))
    assert run.spikes["a"].step.tolist() == [1, 3, 5]
    assert run.spikes["b"].step.tolist() == [1, 3, 5]
    assert network.order == (("in",), ("a", "b"))


def test_each_source_can_have_a_delay_of_its_own() -> None:
    neuron = Neuron(threshold=0.5, decay=0.0)
    late = Projection("in", "out", OneToOne((3,)), source_delay=np.array([0, 2, 1]))
    network = SpikingNetwork((Population("in", (3,)), Population("out", (3,), neuron)), (late,))
    run = simulate(network, make_spikes((3,), 4, [0, 0, 0, 1], [0, 1, 2, 0]))
    assert run.spikes["out"].coordinates().tolist() == [[0, 0], [1, 0], [1, 2], [2, 1]]


def test_depthwise_convolution_keeps_channels_apart() -> None:
    weight = np.array([1.0, 2.0]).reshape(2, 1, 1, 1)
    network = NetworkBuilder((2, 1, 1)).depthwise(weight, Neuron(threshold=1.5)).build()
    run = simulate(network, make_spikes((2, 1, 1), 1, [0, 0], [0, 1]))
    assert run.spikes["depthwise1"].index.tolist() == [1]
    assert run.network.synapses == 2


def test_synapses_are_counted_one_by_one_but_stored_once() -> None:
    network = lif_conv_network()
    # 8x16x16 outputs see 2x9 taps but at the borders; the second layer likewise on pooled maps of four spikes each.
    assert sum(p.connection.stored_weights for p in network.projections) == 8 * 2 * 9 + 12 * 8 * 9 + 10 * 192
    assert network.projections[0].synapses() == 8 * 2 * (3 * 16 - 2) ** 2
    assert network.projections[2].synapses() == 10 * 192 * 4


def test_a_loop_without_delay_is_refused_by_name() -> None:
    neuron = Neuron()
    with pytest.raises(WorkloadError, match="the loop a -> b has no delay; give one of its projections delay=1"):
        SpikingNetwork(
            (Population("a", (1,), neuron), Population("b", (1,), neuron)),
            (Projection("a", "b", Dense([[1.0]])), Projection("b", "a", Dense([[1.0]]))),
        )


def test_a_missing_input_train_is_named() -> None:
    with pytest.raises(WorkloadError, match=r"input 'input' has no spikes; give a train of shape \(2, 16, 16\)"):
        simulate(lif_conv_network(), {}, steps=3)


def test_bits_of_a_run_with_arbitrary_weights_are_stable() -> None:
    random = np.random.Generator(np.random.PCG64(5))
    neuron = Neuron(decay=0.9, threshold=1.0)
    network = NetworkBuilder((2, 16, 16)).conv(random.normal(0, 0.5, (8, 2, 3, 3)), neuron).build()
    spikes = lif_conv_input()
    one, other = (simulate(network, spikes, track_potentials=True) for _ in range(2))
    assert np.array_equal(one.potential_sum["conv1"], other.potential_sum["conv1"])
    cut = [
        b.potential_sum["conv1"] for b in Simulation(network, track_potentials=True).blocks({"input": spikes}, 32, 5)
    ]
    assert np.array_equal(np.concatenate(cut), one.potential_sum["conv1"])
