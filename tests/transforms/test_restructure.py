"""Splitting and merging layers; cutting a network into balanced stages."""

from __future__ import annotations

from itertools import combinations, pairwise

import pytest

from workloads import NetworkBuilder, WorkloadError, load_network
from workloads.transforms import balanced_stages, low_rank, merge_layers, split_layer


def test_split_keeps_the_work_and_merging_undoes_it() -> None:
    vgg = load_network("vgg-16")
    split = split_layer(vgg, "features.2", 3)
    assert [split[f"features.2.{i}"].out_channels for i in range(3)] == [22, 21, 21]
    assert (split.macs, split.params) == (vgg.macs, vgg.params)
    merged = merge_layers(split, [f"features.2.{i}" for i in range(3)])
    assert merged.fingerprint() == vgg.fingerprint()


def test_dense_layer_is_split_by_given_widths() -> None:
    split = split_layer(load_network("lenet-5"), "ip1", [400, 100])
    assert (split["ip1.0"].macs, split["ip1.1"].macs, split["ip1"].kind) == (320000, 80000, "concat")


def test_linear_pair_merges_into_what_it_was_made_of() -> None:
    vgg = load_network("vgg-16")
    merged = merge_layers(low_rank(vgg, 4, "features.12"), ["features.12.basis", "features.12"])
    assert merged.fingerprint() == vgg.fingerprint()


def test_balanced_stages_are_the_best_of_all_cuts() -> None:
    network = load_network("alexnet-caffe")
    groups = [group for group in network.groups() if group.kind != "input"]
    macs = [group.macs for group in groups]
    for count in (1, 2, 3, 4):
        stages = balanced_stages(network, count)
        assert [name for stage in stages for name in stage] == [group.name for group in groups]
        weight = dict(zip((group.name for group in groups), macs, strict=True))
        heaviest = max(sum(weight[name] for name in stage) for stage in stages)
        bounds = [(0, *cut, len(macs)) for cut in combinations(range(1, len(macs)), count - 1)]
        best = min(max(sum(macs[a:b]) for a, b in pairwise(cut)) for cut in bounds)
        assert heaviest == best


def pair() -> NetworkBuilder:
    b = NetworkBuilder("pair")
    x = b.input((8, 6, 6))
    b.relu(b.conv(x, 4, 3, name="a"), name="r")
    b.conv("r", 4, 1, name="b")
    b.conv(x, 4, 1, name="c")
    return b


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda n: split_layer(n, "r", 2), "layer 'r': is a relu; only convolutions and dense layers are split"),
        (lambda n: split_layer(n, "a", 5), "layer 'a': 4 channels do not make 5 parts; write 2 to 4"),
        (lambda n: split_layer(n, "a", [1, 2]), "layer 'a': parts 1, 2 do not add up to its 4 channels"),
        (lambda n: merge_layers(n, ["a"]), "merge: name at least two layers"),
        (
            lambda n: merge_layers(n, ["a", "r"]),
            "layer 'r': cannot be merged; only ungrouped convolutions and dense layers can",
        ),
        (lambda n: merge_layers(n, ["a", "b"]), "layer 'b': has another input or window than 'a', so they stay apart"),
        (lambda n: balanced_stages(n, 9), "network 'pair': 3 groups do not fill 9 stages"),
    ],
)  # fmt: skip
def test_change_that_cannot_apply_names_the_layer_and_the_reason(change: object, text: str) -> None:
    assert callable(change)
    with pytest.raises(WorkloadError) as caught:
        change(pair().build())
    assert str(caught.value) == text


def test_grouped_convolution_is_not_split() -> None:
    with pytest.raises(WorkloadError) as caught:
        split_layer(load_network("alexnet-caffe"), "conv2", 2)
    assert str(caught.value) == "layer 'conv2': has 2 groups, whose channels a split would mix; split another layer"
