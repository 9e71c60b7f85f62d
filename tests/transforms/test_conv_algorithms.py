"""Convolution algorithms: temporaries and multiplies by layer, and the choice between them."""

from __future__ import annotations

import pytest

from tests.transforms.reference import rows
from workloads import NetworkBuilder, WorkloadError, load_network
from workloads.conv_algorithms import ALGORITHMS, algorithm_cost, possible_costs
from workloads.transforms.algorithm import roofline_seconds, with_algorithm

TABLES = ("alexnet", "alexnet_caffe", "mobilenet_v1_1.0_224", "resnet18", "squeezenet1_1", "vgg16")


@pytest.mark.parametrize("name", TABLES)
def test_every_layer_has_the_temporaries_and_multiplies_of_the_table(name: str) -> None:
    network = load_network(name)
    for row in rows("conv_algorithms", name):
        costs = possible_costs(network[row["layer"]])
        expected: dict[str, tuple[int | str, str]] = {
            "direct": (0, row["direct_macs"]),
            "im2col": (row["im2col_elems"], row["direct_macs"]),
            "mec": (row["mec_elems"], row["direct_macs"]),
            "kn2row": (row["kn2row_elems"], row["kn2row_macs"]),
            "kn2row-acc": (row["kn2row_acc_elems"], row["kn2row_macs"]),
            "k2r-aa": (row["k2r_aa_elems"], row["kn2row_macs"]),
        }
        for tile in (2, 4):
            if row[f"wino{tile}_mults"]:
                expected[f"winograd-{tile}"] = (row[f"wino{tile}_tmp_elems"], row[f"wino{tile}_mults"])
        found = {key: (cost.temporary, cost.multiplies) for key, cost in costs.items() if key != "fft"}
        assert found == {key: (int(a), int(b)) for key, (a, b) in expected.items()}
        assert costs["kn2row"].adds == int(row["kn2row_shift_adds"])


def test_network_totals_of_vgg() -> None:
    costs = [possible_costs(layer) for layer in load_network("vgg-16").layers.values() if layer.kind == "conv"]
    assert sum(cost["im2col"].temporary for cost in costs) == 81736704
    assert max(cost["kn2row-acc"].temporary for cost in costs) == 3211264
    assert sum(cost["winograd-2"].multiplies for cost in costs) == 6820724736
    assert sum(cost["winograd-4"].multiplies for cost in costs) == 3942825984


def test_direct_convolution_moves_every_operand_once() -> None:
    b = NetworkBuilder("n")
    b.conv(b.input((2, 4, 4)), 3, 3, name="c")
    cost = algorithm_cost(b.build()["c"])
    assert (cost.algorithm, cost.traffic) == ("direct", 32 + 54 + 12)


def test_transforms_of_the_fft_pay_for_large_kernels_only() -> None:
    b = NetworkBuilder("n")
    x = b.input((64, 32, 32))
    b.conv(x, 64, 11, 1, 5, name="large")
    b.conv(x, 64, 1, name="point")
    network = b.build()
    assert algorithm_cost(network["large"], "fft").multiplies < network["large"].macs / 5
    assert algorithm_cost(network["point"], "fft").multiplies > network["point"].macs


def test_choice_rejects_kn2row_on_the_first_layer_of_alexnet() -> None:
    judge = roofline_seconds(1e9, 1e9)
    costs = possible_costs(load_network("alexnet-caffe")["conv1"])
    assert max(costs, key=lambda name: judge(costs[name])).startswith("kn2row")
    chosen = with_algorithm(load_network("alexnet-caffe"), seconds=judge)
    assert not chosen["conv1"].algorithm.startswith("k")


def test_choice_depends_on_the_balance_of_computing_and_moving() -> None:
    vgg = load_network("vgg-16")
    computing = with_algorithm(vgg, seconds=roofline_seconds(1e9, 1e15))
    moving = with_algorithm(vgg, seconds=roofline_seconds(1e15, 1e9))
    assert {layer.algorithm for layer in computing.layers.values() if layer.kind == "conv"} == {"winograd-4"}
    assert {layer.algorithm for layer in moving.layers.values() if layer.kind == "conv"} == {"direct"}


def test_choice_keeps_temporaries_within_their_limit() -> None:
    chosen = with_algorithm(load_network("vgg-16"), seconds=roofline_seconds(1e9, 1e12), temporary_limit=1000)
    assert all(algorithm_cost(layer).temporary <= 1000 for layer in chosen.layers.values() if layer.kind == "conv")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            lambda n: with_algorithm(n, "winograd-2", "conv1"),
            (
                "layer 'conv1': Winograd F(2) needs a 3x3 kernel of stride 1 without dilation or groups; this is 11x11,"
                " stride 4, dilation 1, 1 groups"
            ),
        ),
        (
            lambda n: with_algorithm(n, "im2row"),
            (
                "layer 'conv1': no convolution algorithm 'im2row'; did you mean 'kn2row'?"
                f" (known: {', '.join(sorted(ALGORITHMS))})"
            ),
        ),
        (lambda n: with_algorithm(n), "algorithm 'auto' needs a judge; give seconds=roofline_seconds(...)"),
        (
            lambda n: algorithm_cost(n["fc6"]),
            "layer 'fc6': is a dense; algorithms are chosen for convolutions only",
        ),
    ],
)  # fmt: skip
def test_algorithm_that_cannot_apply_is_explained(change: object, text: str) -> None:
    assert callable(change)
    with pytest.raises(WorkloadError) as caught:
        change(load_network("alexnet-caffe"))
    assert str(caught.value) == text
