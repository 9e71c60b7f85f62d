"""``--transform``: a network is changed before it is shown or run, and the manifest says how."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from workloads import load_network
from workloads.transforms import prune_channels, quantise
from workloads.transforms.registry import apply_transforms, load_transform, transform_names


def test_transforms_apply_in_the_order_in_which_they_are_written(headrace: Command) -> None:
    said = headrace(
        "inspect", "lenet-5", "-t", "prune_channels:keep=0.5", "-t", "quantise:weights=4,activations=4", "--json"
    )
    assert said.code == 0
    wanted = quantise(prune_channels(load_network("lenet-5"), 0.5), weights=4, activations=4)
    assert json.loads(said.out)["fingerprint"] == wanted.fingerprint()
    assert json.loads(said.out)["history"] == list(wanted.history)


def test_the_manifest_of_a_run_says_what_was_done_to_the_network(headrace: Command) -> None:
    said = headrace("run", "mpsoc-cpu-gpu", "lenet-5", "-n", 2, "-t", "prune_weights:0.1", "--json", "-q", "-o", "run")
    assert said.code == 0
    text = Path("run/manifest.json").read_text()
    assert "prune weights by table: 10.0% kept" in text
    assert json.loads(said.out)["network"] == "lenet-5"


def test_a_table_of_values_goes_by_layer_pattern() -> None:
    changed = apply_transforms(load_network("lenet-5"), ["quantise:weights={conv*=8, ip*=2}"])
    assert {layer.name: layer.weight_bits for layer in changed.layers.values() if layer.weights} == {
        "conv1": 8,
        "conv2": 8,
        "ip1": 2,
        "ip2": 2,
    }


def test_a_list_names_layers() -> None:
    changed = apply_transforms(load_network("vgg-16"), ["low_rank:speedup=2,layers=[features.2,features.5]"])
    assert {name for name in changed.layers if name.endswith(".basis")} == {"features.2.basis", "features.5.basis"}


def test_convolutions_take_the_algorithm_that_is_quickest_at_given_rates() -> None:
    changed = apply_transforms(load_network("vgg-16"), ["algorithm:auto,macs_per_second=1e9,elements_per_second=1e12"])
    assert changed["features.2"].algorithm == "winograd-4"


def test_a_function_of_the_users_own_is_a_transform(headrace: Command) -> None:
    Path("mine.py").write_text(
        "def half(network, *, keep: float = 0.5):\n    return network.with_precision(int(8 * keep), 8)\n"
    )
    said = headrace("inspect", "lenet-5", "-t", "mine:half:keep=0.25", "--json")
    assert said.code == 0
    assert json.loads(said.out)["layers"][1]["weight_bits"] == 2


@pytest.mark.parametrize("name", transform_names())
def test_every_transform_says_how_it_is_written_and_what_it_does(name: str) -> None:
    found = load_transform(name)
    assert found.usage.startswith(name)
    assert len(found.summary) > 10


@pytest.mark.parametrize(
    ("network", "transform", "said"),
    [
        ("lenet-5", "quantise:weights=0", "layer 'conv1': weight_bits is 0; write a width from 1 to 64"),
        ("lenet-5", "prune_weights:1.5", "layer 'conv1': density is 1.5; write a share above 0 and at most 1"),
        (
            "alexnet-caffe",
            "low_rank:2",
            "layer 'conv2': has 2 groups, and a low-rank pair mixes all channels; leave it out or merge its groups",
        ),
        (
            "lenet-5",
            "scale_resolution:64",
            "layer 'ip1': would read 8450 features instead of 800 at this resolution",
        ),
        ("lenet-5", "prune_chanels:0.5", "no transform 'prune_chanels'; did you mean 'prune_channels'?"),
        ("lenet-5", "prune_channels:keap=0.5", "transform 'prune_channels' has no option 'keap'; did you mean 'keep'?"),
        (
            "lenet-5",
            "prune_channels:keep=half",
            "transform 'prune_channels': keep is 'half'; write a number or a table such as {conv1=1,fc*=2}",
        ),
        ("lenet-5", "scale_width", "transform 'scale_width' needs alpha; write it as scale_width:alpha=..."),
        ("lenet-5", "scale_width:alpha=1,alpha=2", "'alpha' is given twice; write it once"),
        ("lenet-5", "nowhere:half", "transform 'nowhere:half' cannot be loaded from 'nowhere:half': No module"),
        ("lenet-5", "os:system", "transform 'os:system' fails with TypeError"),
        ("lenet-5", "low_rank:nan", "transform 'low_rank': speedup is 'nan'; write a number"),
        ("lenet-5", "low_rank:[]", "transform 'low_rank': speedup is '[]'; write a number"),
        ("lenet-5", "binarise:[1,2]", "no layer '[1,2]' to change"),
        ("lenet-5", "deep_compression:preset=[1,2]", "deep compression: no preset for '[1,2]'"),
        ("lenet-5", "scale_resolution:0", "a resolution of 0; write a whole number of pixels"),
        ("lenet-5", "scale_resolution:rho=1e308", "rho is 1e+308; write a factor above 0, at most 1024"),
        ("mobilenet-v1", "merge_layers:[conv1,nothing]", "has no layer 'nothing'"),
        ("lenet-5", "prune_layers:conv1", "layer 'conv1': turns"),
        ("lenet-5", "algorithm:auto", "algorithm 'auto' needs macs_per_second and elements_per_second"),
        ("lenet-5", "algorithm:winograd-4", "layer 'conv1': Winograd F(4) needs a 3x3 kernel of stride 1"),
    ],
)
def test_what_cannot_apply_names_layer_and_reason_and_exits_2(
    headrace: Command, network: str, transform: str, said: str
) -> None:
    done = headrace("inspect", network, "--transform", transform)
    assert done.code == 2
    assert said in " ".join(done.err.split())
    assert done.out == ""
