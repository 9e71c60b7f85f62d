"""The network record: order, fingerprints, precision, fused groups, tables."""

from __future__ import annotations

import dataclasses
import json
import pickle
import subprocess
import sys
from typing import Any

import pytest

from workloads import NetworkBuilder, WorkloadError, load_network, network_summary
from workloads.network import Network


def residual() -> Network:
    b = NetworkBuilder("residual")
    x = b.relu(b.batch_norm(b.conv(b.input((4, 8, 8)), 4, 3, 1, 1, bias=False, name="a")), name="a_relu")
    y = b.batch_norm(b.conv(x, 4, 3, 1, 1, bias=False, name="b"), name="b_bn")
    b.flatten(b.relu(b.add(x, y, name="sum"), name="sum_relu"), name="out")
    return b.build()


def test_groups_ride_on_the_layer_before_until_somebody_else_reads() -> None:
    groups = {group.name: group for group in residual().groups()}
    assert {name: [f.name for f in g.followers] for name, g in groups.items()} == {
        "input": [],
        "a": ["batch_norm1", "a_relu"],
        "b": ["b_bn"],
        "sum": ["sum_relu", "out"],
    }
    assert groups["sum"].inputs == ("a", "b")
    assert groups["sum"].out == "out"
    assert groups["sum"].out_shape == (256,)


def test_a_forked_convolution_keeps_its_activation_apart() -> None:
    b = NetworkBuilder("fork")
    x = b.conv(b.input((1, 4, 4)), 2, 1, name="c")
    b.concat(b.relu(x, name="r"), x, name="cat")
    assert [group.name for group in b.build().groups()] == ["input", "c", "r", "cat"]


def test_only_layers_without_work_ride_on_an_input() -> None:
    b = NetworkBuilder("thresholds")
    b.activation(b.flatten(b.input((1, 2, 2)), name="flat"), "relu", name="r")
    assert [(g.name, len(g.followers)) for g in b.build().groups()] == [("input", 1), ("r", 0)]


def test_batch_normalisation_folds_into_a_convolution_and_leaves_its_bias() -> None:
    group = next(group for group in residual().groups() if group.name == "a")
    assert dict(group.ops) == {"add": 256, "max": 256}


def test_every_layer_belongs_to_exactly_one_group_and_work_is_kept() -> None:
    for name in ("resnet-18", "squeezenet-1.1", "mobilenet-v1", "fracbnn-cifar10"):
        network = load_network(name)
        members = [layer.name for group in network.groups() for layer in group.layers]
        assert sorted(members) == sorted(network.layers)
        assert sum(group.macs for group in network.groups()) == network.macs
        known: set[str] = set()
        for group in network.groups():
            assert set(group.inputs) <= known
            known.add(group.name)


def test_precision_sets_every_width_and_bytes_round_up() -> None:
    network = load_network("lenet-5").with_precision(3, 5)
    conv = network["conv1"]
    assert (conv.weight_bits, conv.input_bits, conv.output_bits, conv.number) == (3, 5, 5, "int")
    assert conv.weight_bytes == -(-500 * 3 // 8)
    assert conv.output_bytes == -(-11520 * 5 // 8)
    assert network.history == ("precision: int, weights 3 bit, activations 5 bit",)


@pytest.mark.parametrize(
    ("weight_bits", "activation_bits", "number", "text"),
    [
        (0, 8, "int", "network 'residual': weight_bits is 0; write a width from 1 to 64"),
        (8, 65, "int", "network 'residual': activation_bits is 65; write a width from 1 to 64"),
        (8, 8, "fixed", "network 'residual': number is 'fixed' (known: float, int)"),
    ],
)
def test_impossible_precision_is_refused(weight_bits: int, activation_bits: int, number: str, text: str) -> None:
    with pytest.raises(WorkloadError) as caught:
        residual().with_precision(weight_bits, activation_bits, number)
    assert str(caught.value) == text


def test_fingerprint_depends_on_layers_and_not_on_the_name() -> None:
    network = residual()
    assert network.with_layers(network.layers.values(), name="other").fingerprint() == network.fingerprint()
    assert network.with_precision(8, 8).fingerprint() != network.fingerprint()


def test_fingerprint_is_the_same_in_another_process() -> None:
    code = "from workloads import load_network; print(load_network('squeezenet-1.0').fingerprint())"
    command = [sys.executable, "-c", code]
    other = subprocess.run(command, capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "7"})
    assert other.stdout.strip() == load_network("squeezenet-1.0").fingerprint()


def test_a_network_survives_pickling() -> None:
    network = load_network("resnet-18")
    assert pickle.loads(pickle.dumps(network)) == network


def test_layers_that_do_not_follow_each_other_are_all_named() -> None:
    network = residual()
    layers = list(network.layers.values())
    broken = [dataclasses.replace(layers[1], inputs=("late",)), layers[0]]
    with pytest.raises(WorkloadError) as caught:
        network.with_layers(broken)
    assert str(caught.value) == "network 'residual': layer 'a' reads 'late', which does not stand before it"


def test_shapes_that_disagree_are_named() -> None:
    network = residual()
    layers = [
        dataclasses.replace(layer, in_shapes=((4, 9, 9),)) if layer.name == "a" else layer
        for layer in network.layers.values()
    ]
    with pytest.raises(WorkloadError) as caught:
        network.with_layers(layers)
    assert str(caught.value) == "network 'residual': layer 'a' expects 4x9x9 from 'input', which makes 4x8x8"


def test_unknown_layer_suggests_the_nearest() -> None:
    with pytest.raises(WorkloadError) as caught:
        load_network("lenet-5")["conv3"]
    assert str(caught.value) == (
        "network 'lenet-5' has no layer 'conv3'; did you mean 'conv2'? "
        "(known: conv1, conv2, flatten, ip1, ip2, pool1, pool2, relu1, x)"
    )


def test_summary_is_plain_json_with_the_totals() -> None:
    summary = json.loads(json.dumps(network_summary(load_network("alexnet-caffe"))))
    assert (summary["macs"], summary["params"]) == (724406816, 60965224)
    conv2 = next(layer for layer in summary["layers"] if layer["name"] == "conv2")
    assert conv2["kernel"] == [5, 5]
    assert conv2["pad"] == [2, 2, 2, 2]
    assert (conv2["groups"], conv2["macs"], conv2["weight_bytes"]) == (2, 223948800, 4 * 307200)
    assert conv2["out_shape"] == [256, 27, 27]


def test_table_has_a_row_a_layer() -> None:
    frame = load_network("lenet-5").to_frame()
    assert list(frame["name"]) == ["x", "conv1", "pool1", "conv2", "pool2", "flatten", "ip1", "relu1", "ip2"]
    assert int(frame["macs"].sum()) == 2293000


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"weight_bits": 999}, "network 'wide': weight_bits is 999; write a width from 1 to 64"),
        ({"activation_bits": 0}, "network 'wide': activation_bits is 0; write a width from 1 to 64"),
        ({"number": "complex"}, "network 'wide': number is 'complex'"),
    ],
)
def test_a_builder_refuses_a_precision_that_no_network_has(options: dict[str, Any], said: str) -> None:
    with pytest.raises(WorkloadError) as caught:
        NetworkBuilder("wide", **options)
    assert str(caught.value).startswith(said)
