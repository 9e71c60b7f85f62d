"""Converted networks fire at the rate of the activations they replace."""

from __future__ import annotations

import numpy as np
import pytest

from workloads.builder import NetworkBuilder as CnnBuilder
from workloads.errors import WorkloadError
from workloads.seeds import generator
from workloads.spiking import (
    CnnLayer,
    NetworkBuilder,
    Neuron,
    activations,
    cnn_layers,
    convert,
    make_spikes,
    regular_rate,
    simulate,
    with_activity,
)
from workloads.spiking.scenes import moving_scene


def layers() -> list[CnnLayer]:
    random = generator(3, "cnn")
    return [
        CnnLayer("conv1", "conv", random.normal(0, 0.5, (4, 1, 3, 3)), padding=(1, 1)),
        CnnLayer("pool1", "avg_pool", kernel=(2, 2), stride=(2, 2)),
        CnnLayer("conv2", "conv", random.normal(0, 0.4, (6, 4, 3, 3)), random.normal(0, 0.05, 6)),
        CnnLayer("fc", "dense", random.normal(0, 0.3, (5, 54))),
    ]


def test_rates_approach_the_activations_of_the_network() -> None:
    image = generator(4, "image").random((1, 10, 10))
    converted = convert(layers(), (1, 10, 10), [image], percentile=100.0)
    steps = 2000
    run = simulate(converted.network, regular_rate(image, steps))
    for name, value in activations(layers(), image).items():
        rate = run.spikes[name].per_neuron() / steps * converted.scale[name]
        assert np.abs(rate - value.ravel()).max() < 0.03 * converted.scale[name]


def test_reset_to_zero_loses_charge_and_fires_less() -> None:
    image = generator(4, "image").random((1, 10, 10))
    total = []
    for reset in ("zero", "subtract"):
        network = convert(layers(), (1, 10, 10), [image], reset=reset).network
        total.append(simulate(network, regular_rate(image, 200)).spikes["fc"].count)
    assert total[0] < 0.9 * total[1]


def test_network_of_shapes_gets_seeded_weights_and_average_pools() -> None:
    builder = CnnBuilder("small")
    x = builder.conv(builder.input((1, 12, 12)), 4, 3, pad=1, name="conv1")
    x = builder.max_pool(builder.relu(x), 2, name="pool1")
    builder.dense(builder.flatten(x), 10, name="fc")
    chain = cnn_layers(builder.build(), seed=9)
    assert [(layer.name, layer.kind) for layer in chain] == [("conv1", "conv"), ("pool1", "avg_pool"), ("fc", "dense")]
    first, again = chain[0].weight, cnn_layers(builder.build(), seed=9)[0].weight
    assert first is not None
    assert again is not None
    assert np.array_equal(first, again)
    assert chain[2].weight is not None
    assert chain[2].weight.shape == (10, 4 * 36)


def test_silent_layer_is_refused_by_name() -> None:
    chain = [CnnLayer("conv1", "conv", -np.ones((2, 1, 3, 3)))]
    with pytest.raises(WorkloadError, match="layer 'conv1' is silent on the calibration images"):
        convert(chain, (1, 8, 8), [np.ones((1, 8, 8))])


def test_thresholds_can_be_tuned_to_an_activity() -> None:
    scene = moving_scene(12, 12, 80, seed=5)
    chain = [CnnLayer("conv1", "conv", generator(1, "w").normal(0, 1, (6, 2, 3, 3)))]
    network = convert(chain, (2, 12, 12), [np.full((2, 12, 12), 0.1)]).network
    for rate in (0.02, 0.05):
        run = simulate(with_activity(network, scene, rate), scene)
        assert run.spikes["conv1"].count / (80 * 600) == pytest.approx(rate, rel=0.1)


@pytest.mark.parametrize("rate", [-1.0, 0.0, 1.5, float("nan")])
def test_an_activity_that_no_neuron_has_is_refused(rate: float) -> None:
    network = NetworkBuilder((4,)).dense(np.ones((2, 4)), Neuron()).build()
    with pytest.raises(WorkloadError, match="write spikes a neuron and step, above 0 and at most 1"):
        with_activity(network, make_spikes((4,), 2, [0], [1]), rate)
