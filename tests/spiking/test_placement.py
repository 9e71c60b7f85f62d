"""Neurons on cores: splitting, limits, and errors that name layer, core and what would fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from simulator.elements.placement import CoreLimits, Placement, check, needs, place
from simulator.elements.spike_traffic import Traffic, TrafficCounter
from simulator.errors import MappingError
from tests.spiking.reference import lif_conv_input, lif_conv_network, mesh_network
from workloads.spiking import (
    Dense,
    NetworkBuilder,
    Neuron,
    Population,
    Projection,
    Spikes,
    SpikingNetwork,
    make_spikes,
    simulate,
)
from workloads.spiking.simulation import Block


def _placed(network: SpikingNetwork, cores: int, **core_of: npt.NDArray[Any]) -> Placement:
    """The layers on the cores that are given, inputs outside the chip."""
    outside = {p.name: np.full(p.size, -1) for p in network.populations if p.name not in core_of}
    return Placement(network, cores, {n: np.asarray(core, dtype=np.int64) for n, core in (outside | core_of).items()})


def _traffic(placement: Placement, spikes: Mapping[str, Spikes], steps: int) -> Traffic:
    block = Block(0, steps, {name: (train.step, train.index) for name, train in spikes.items()}, {}, {})
    return TrafficCounter(placement).count(block)


def test_layers_take_as_few_cores_as_their_neurons_need() -> None:
    placement = place(lif_conv_network(), 16, CoreLimits(neurons=512))
    assert [int(np.unique(placement.core_of[p.name]).size) for p in placement.network.layers] == [4, 2, 1]
    assert placement.neurons().tolist()[:8] == [512, 512, 512, 512, 384, 384, 10, 0]


def test_synapse_limit_splits_a_layer_further() -> None:
    network = lif_conv_network()
    by_synapse = place(network, 64, CoreLimits(neurons=2048, synapses=8000))
    parts = int(np.unique(by_synapse.core_of["conv1"]).size)
    assert parts > 1
    assert needs(by_synapse).synapses.max() <= 8000
    assert needs(by_synapse).synapses.sum() == network.synapses


def test_shared_weights_take_one_kernel_a_channel() -> None:
    placement = place(lif_conv_network(), 4, cores_per_layer={"conv1": 2, "conv2": 1, "dense3": 1})
    shared = needs(placement, CoreLimits(shared_weights=True, bits_per_weight=8)).weight_bits
    assert (shared // 8).tolist() == [4 * 2 * 9, 4 * 2 * 9, 12 * 8 * 9, 10 * 192]


def test_axons_count_distinct_sources_and_destination_cores() -> None:
    need = needs(place(mesh_network(), 12, cores_per_layer={"source": 1, "conv1": 4, "conv2": 3, "dense": 1}))
    assert need.axons_out[0] == 100 * 4
    assert need.axons_in[1] == 100
    assert need.axons_in[8] == 72


def test_too_many_neurons_name_layer_core_and_what_would_fit() -> None:
    with pytest.raises(MappingError) as caught:
        place(lif_conv_network(), 8, CoreLimits(neurons=512), cores_per_layer={"conv1": 2})
    assert str(caught.value) == (
        "placement: layer 'conv1' puts 1024 neurons on core 0, which holds 512; "
        "about 512 of its 1024 neurons there would fit: spread the layer over 4 cores instead of 2"
    )


def test_too_many_synapses_name_layer_core_and_what_would_fit() -> None:
    network = NetworkBuilder((20,)).dense(np.ones((30, 20)), Neuron()).dense(np.ones((10, 30)), Neuron()).build()
    with pytest.raises(MappingError) as caught:
        check(_placed(network, 3, dense1=np.arange(30) // 20, dense2=np.full(10, 2)), CoreLimits(synapses=300))
    assert str(caught.value) == (
        "placement: layer 'dense1' puts 400 synapses on core 0, which holds 300; "
        "about 15 of its 20 neurons there would fit: spread the layer over 3 cores instead of 2"
    )


def test_running_out_of_cores_says_how_many_are_left() -> None:
    with pytest.raises(MappingError, match=r"layer 'conv2' \(768 neurons\) needs 2 cores, 1 of 5 are left"):
        place(lif_conv_network(), 5, CoreLimits(neurons=512))


def test_a_neuron_that_fits_no_core_is_refused() -> None:
    with pytest.raises(MappingError, match=r"layer 'dense3' does not fit even with one neuron a core: 768 synapses"):
        place(lif_conv_network(), 5000, CoreLimits(synapses=500), cores_per_layer={"conv1": 4, "conv2": 768})


def test_unknown_layer_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(MappingError, match=r"no layer 'conv_1'; did you mean 'conv1'\?"):
        place(lif_conv_network(), 9, cores_per_layer={"conv_1": 2})


def test_traffic_counts_each_synaptic_event_once_however_neurons_are_spread() -> None:
    network, spikes = lif_conv_network(), lif_conv_input()
    run = simulate(network, spikes)
    scattered = _placed(network, 5, **{p.name: np.arange(p.size) * 7 % 5 for p in network.layers})
    for placement in (place(network, 8, CoreLimits(neurons=512)), scattered):
        traffic = _traffic(placement, run.spikes, run.steps)
        expected = np.sum(list(run.synaptic_events.values()), axis=0)
        assert traffic.per_step(traffic.synapses).tolist() == expected.tolist()
        fired = sum(run.spikes[p.name].per_step() for p in network.layers)
        assert traffic.fired.sum(axis=1).tolist() == np.asarray(fired).tolist()


def test_one_packet_reaches_a_core_through_two_projections() -> None:
    neuron = Neuron()
    both = tuple(Projection("in", name, Dense(np.ones((2, 3)))) for name in ("a", "b"))
    network = SpikingNetwork(
        (Population("in", (3,)), Population("a", (2,), neuron), Population("b", (2,), neuron)), both
    )
    together, apart = (_placed(network, 2, a=np.zeros(2), b=np.full(2, b)) for b in (0, 1))
    trains = {"in": make_spikes((3,), 1, [0, 0], [0, 2])}
    one, two = (_traffic(p, trains, 1) for p in (together, apart))
    assert (one.packets.tolist(), one.synapses.tolist()) == ([2], [8])
    assert (two.packets.tolist(), two.synapses.tolist()) == ([2, 2], [4, 4])
    assert TrafficCounter(together).rows("in", np.array([1]))[1].tolist() == [[4]]


def test_builder_input_stays_outside_the_chip_unless_placed() -> None:
    network = NetworkBuilder((4,)).dense(np.ones((2, 4)), Neuron()).build()
    assert place(network, 2).core_of["input"].tolist() == [-1] * 4
    assert place(network, 2, inputs_on_chip=True).core_of["input"].tolist() == [0] * 4
