"""Quantisation, binary networks and fractional activations."""

from __future__ import annotations

import pytest

from tests.networks.reference import rows
from workloads import WorkloadError, load_network
from workloads.transforms import binarise, fractional, prune_channels, quantise


def test_widths_by_pattern_reach_the_tensors_that_follow() -> None:
    network = quantise(load_network("alexnet-caffe"), {"conv1": 8, "*": 4}, {"x": 8, "conv*": 6})
    assert [network[name].weight_bits for name in ("conv1", "conv2", "fc6")] == [8, 4, 4]
    assert network["conv1"].input_bits == 8
    # norm1 stands apart from conv1 and relu1: it keeps its own width and reads theirs.
    assert (network["relu1"].output_bits, network["norm1"].input_bits, network["norm1"].output_bits) == (6, 6, 32)
    assert network["conv4"].input_bits == 6
    assert network["conv1"].number == "int"


def test_network_wide_quantisation_quarters_the_bytes() -> None:
    network = load_network("resnet-18")
    small = quantise(network, 8, 8)
    assert small.weight_bytes * 4 == network.weight_bytes
    assert all(layer.output_bytes * 4 == network[layer.name].output_bytes for layer in small.layers.values())


def test_binary_network_spares_its_ends() -> None:
    network = binarise(load_network("vgg-16"))
    assert [network[n].weight_bits for n in ("features.0", "features.2", "classifier.3", "classifier.6")] == [
        32,
        1,
        1,
        32,
    ]
    assert [network[n].input_bits for n in ("features.0", "features.2", "classifier.0", "classifier.6")] == [
        32,
        1,
        1,
        32,
    ]
    # The tensor behind an activation is binary when binary layers read it, also through a pool.
    assert (
        network["features.1"].output_bits,
        network["features.3"].output_bits,
        network["features.4"].output_bits,
    ) == (1, 1, 1)
    assert network["classifier.4"].output_bits == 32
    assert network.macs == load_network("vgg-16").macs


def test_residual_sums_keep_their_width_in_a_binary_network() -> None:
    network = binarise(load_network("resnet-18"))
    assert network["layer1.0.conv1"].input_bits == 1
    assert network["layer1.0.relu_1"].output_bits == 32


def test_second_pass_adds_four_tenths_of_the_gated_work_exactly() -> None:
    network = fractional(load_network("fracbnn-imagenet"))
    gated = [layer for layer in network.layers.values() if layer.attributes.get("precision_gated")]
    assert sum(layer.macs for layer in gated) == 6743654400
    assert sum(layer.macs for layer in network.layers.values() if layer.kind == "conv") == 7090470912
    for row in rows("fracbnn_imagenet"):
        expected = int(row["base_bmacs"]) * (1.4 if row["kind"] == "PG" else 1.0)
        assert abs(network[row["layer"]].macs - expected) <= 1
    assert network["b1_conv3x3_sign"].output_bits == 2


def test_second_pass_follows_when_a_layer_shrinks() -> None:
    network = fractional(load_network("fracbnn-cifar10"), {"l3_2_conv2": 0.5})
    assert network["l3_2_conv2"].macs == 2359296 * 3 // 2
    half = prune_channels(fractional(load_network("m-cifarnet"), {"conv3": 0.5}), {"conv3": 0.5})
    assert half["conv3"].macs == 33177600 * 3 // 4


@pytest.mark.parametrize(
    ("name", "change", "text"),
    [
        ("lenet-5", lambda n: quantise(n, 0), "layer 'conv1': weight_bits is 0; write a width from 1 to 64"),
        (
            "lenet-5",
            lambda n: quantise(n, 8, {"ip1": 0}),
            "layer 'ip1': activation_bits is 0; write a width from 1 to 64",
        ),
        (
            "lenet-5",
            lambda n: quantise(n, 8, {"relu1": 8}),
            "layer 'relu1': is a relu; its width is that of the layer it follows",
        ),
        (
            "lenet-5",
            lambda n: fractional(n),
            "network 'lenet-5': no layer is precision-gated; name layers, e.g. updated={'conv*': 0.4}",
        ),
        ("lenet-5", lambda n: fractional(n, {"conv1": 2}), "layer 'conv1': updated is 2; write a share from 0 to 1"),
        ("fracbnn-cifar10", lambda n: fractional(fractional(n)), "layer 'l1_0_conv1': has its second pass already"),
        (
            "lenet-5",
            lambda n: binarise(n, "pool1"),
            "layer 'pool1': is a 2x2 max_pool; only layers with multiply-accumulates are made binary",
        ),
    ],
)  # fmt: skip
def test_precision_that_cannot_apply_names_the_layer_and_the_reason(name: str, change: object, text: str) -> None:
    network = load_network(name)
    assert callable(change)
    with pytest.raises(WorkloadError) as caught:
        change(network)
    assert str(caught.value) == text
