"""Pruning of weights, channels, neurons and layers."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from workloads import NetworkBuilder, WorkloadError, load_network
from workloads.network import Network
from workloads.transforms import prune_by_magnitude, prune_channels, prune_layers, prune_neurons, prune_weights


def test_density_table_leaves_shapes_and_dense_work_alone() -> None:
    network = load_network("alexnet-caffe")
    pruned = prune_weights(network, {"conv*": 0.4, "fc8": 0.25, "fc*": 0.09})
    assert [pruned[name].weight_density for name in ("conv3", "fc6", "fc8")] == [0.4, 0.09, 0.25]
    assert (pruned.macs, pruned.params) == (network.macs, network.params)
    assert pruned.history[0].startswith("prune weights by table: ")


def test_pruning_twice_multiplies_the_densities() -> None:
    assert prune_weights(prune_weights(load_network("lenet-5"), 0.5), 0.5)["ip1"].weight_density == 0.25


def _ramp(scale: float, shape: tuple[int, ...]) -> np.ndarray:
    return scale * np.linspace(-1, 1, int(np.prod(shape))).reshape(shape)


def test_one_threshold_takes_more_from_the_layer_with_smaller_weights() -> None:
    b = NetworkBuilder("two")
    x = b.dense(b.input((100,)), 10, bias=False, name="small")
    b.dense(x, 100, bias=False, name="large")
    b.attach_weights("small", functools.partial(_ramp, 1.0, (10, 100)))
    b.attach_weights("large", functools.partial(_ramp, 3.0, (100, 10)))
    pruned = prune_by_magnitude(b.build(), 0.5)
    # |w| is even on 0..1 and on 0..3: a threshold of 0.75 leaves 25 and 75 percent.
    assert pruned["small"].weight_density == pytest.approx(0.25, abs=0.002)
    assert pruned["large"].weight_density == pytest.approx(0.75, abs=0.002)


def test_seeded_magnitudes_meet_the_density_and_repeat() -> None:
    network = load_network("lenet-5")
    first, again = prune_by_magnitude(network, 0.1, seed=3), prune_by_magnitude(network, 0.1, seed=3)
    kept = sum(layer.weights * layer.weight_density for layer in first.layers.values())
    assert kept / 430_500 == pytest.approx(0.1, abs=0.002)
    assert first.fingerprint() == again.fingerprint()
    assert first.fingerprint() != prune_by_magnitude(network, 0.1, seed=4).fingerprint()


def test_pruned_channels_shrink_the_reader_too() -> None:
    network = prune_channels(load_network("lenet-5"), {"conv1": 0.5, "conv2": 0.2})
    assert network["conv1"].out_shape == (10, 24, 24)
    assert network["conv2"].weights == 10 * 10 * 25
    assert network["ip1"].weights == 160 * 500
    assert network["ip2"].out_shape == (10,)


def test_residual_network_is_pruned_evenly_and_keeps_its_classes() -> None:
    network = prune_channels(load_network("resnet-50"), 0.5)
    assert network["fc"].out_shape == (1000,)
    # Halving both sides of every convolution quarters its work; the first and the last have one free side only.
    full = load_network("resnet-50")
    assert network["layer3.2.conv2"].macs * 4 == full["layer3.2.conv2"].macs
    assert network["conv1"].macs * 2 == full["conv1"].macs


def test_depthwise_layers_follow_what_they_read_and_counts_round_up() -> None:
    network = prune_channels(load_network("mobilenet-v1"), 0.3, multiple=8)
    assert network["pw2"].out_shape[0] == 24
    assert (network["dw3"].groups, network["dw3"].out_shape[0]) == (24, 24)


def test_neurons_go_without_touching_convolutions() -> None:
    network = prune_neurons(load_network("lenet-5"), 0.1)
    assert network["conv2"].out_shape[0] == 50
    assert network["ip1"].out_shape == (50,)
    assert network["ip2"].weights == 500


def test_residual_block_can_be_left_out() -> None:
    full = load_network("resnet-18")
    network = prune_layers(full, "layer1.1.*")
    assert "add_1" not in network.layers
    assert network["layer2.0.conv1"].inputs == ("layer1.0.relu_1",)
    assert full.macs - network.macs == 2 * 115605504


@pytest.mark.parametrize(
    ("name", "change", "text"),
    [
        (
            "resnet-18",
            lambda n: prune_channels(n, {"layer1.0.conv2": 0.5}),
            (
                "layer 'add': cannot combine shapes 32x56x56 and 64x56x56 element by element; make them equal"
                " (layers that meet in an addition must keep the same channels)"
            ),
        ),
        (
            "resnet-18",
            lambda n: prune_layers(n, "add"),
            "layer 'add': joins 'layer1.0.bn2' and 'maxpool', so it cannot be left out alone; leave out one branch too",
        ),
        (
            "vgg-16",
            lambda n: prune_layers(n, "features.5"),
            (
                "layer 'features.5': turns 64x112x112 into 128x112x112, which 'features.6' needs; only layers that keep"
                " the shape can be left out"
            ),
        ),
        (
            "lenet-5",
            lambda n: prune_channels(n, {"relu1": 0.5}),
            "layer 'relu1': is a relu; channels are pruned in conv and dense layers that are not depthwise",
        ),
        ("lenet-5", lambda n: prune_neurons(n, 1.5), "layer 'ip1': keep is 1.5; write a share above 0 and at most 1"),
        (
            "lenet-5",
            lambda n: prune_weights(n, {"conv3": 0.5}),
            "network 'lenet-5': no layer 'conv3' to change; did you mean 'conv2'? (known: conv1, conv2, ip1, ip2)",
        ),
        (
            "lenet-5",
            lambda n: prune_by_magnitude(n, 0.1),
            "layer 'conv1': has no real weights to rank; give a density table or a seed",
        ),
    ],
)  # fmt: skip
def test_pruning_that_cannot_apply_names_the_layer_and_the_reason(name: str, change: object, text: str) -> None:
    network: Network = load_network(name)
    assert callable(change)
    with pytest.raises(WorkloadError) as caught:
        change(network)
    assert str(caught.value) == text
