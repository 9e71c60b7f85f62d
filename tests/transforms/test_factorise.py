"""Low rank, depthwise separable, fire modules, width and resolution."""

from __future__ import annotations

import functools
from itertools import pairwise

import numpy as np
import pytest

from tests.networks.reference import rows as network_rows
from tests.transforms.reference import rows
from workloads import NetworkBuilder, WorkloadError, load_network
from workloads.transforms import energy_ranks, fire, greedy_ranks, low_rank, scale_resolution, scale_width, separable

LOW_RANK = rows("compression", "vgg16_lowrank_uniform")


@pytest.mark.parametrize("speedup", [2, 3, 4, 5])
def test_uniform_low_rank_vgg_has_the_exact_ranks_and_work(speedup: int) -> None:
    vgg = load_network("vgg-16")
    thin = low_rank(vgg, speedup)
    convs = [layer.name for layer in vgg.layers.values() if layer.kind == "conv"]
    table = [row for row in LOW_RANK if row["speedup_target"] == str(speedup)]
    for name, row in zip(convs, table, strict=True):
        assert thin[f"{name}.basis"].out_channels == int(row["rank_dprime"])
        assert thin[f"{name}.basis"].macs + thin[name].macs == int(row["macs_lowrank"])
        assert thin[name].out_shape == vgg[name].out_shape
    total = sum(layer.macs for layer in thin.layers.values() if layer.kind == "conv")
    assert total == sum(int(row["macs_lowrank"]) for row in table)
    assert len(thin.layers) == len(vgg.layers) + 13


def test_low_rank_totals_are_the_published_speedups() -> None:
    convs = 15346630656
    found = [round(convs / (low_rank(load_network("vgg-16"), s).macs - 123633664), 3) for s in (2, 3, 4, 5)]
    assert found == [2.014, 3.028, 4.048, 5.063]


def test_three_dimensional_scheme_makes_three_layers_within_the_budget() -> None:
    vgg = load_network("vgg-16")
    thin = low_rank(vgg, 4, "features.12", scheme="3d")
    names = [name for name in thin.layers if name.startswith("features.12")]
    assert names == ["features.12.vertical", "features.12.horizontal", "features.12"]
    assert (thin[names[0]].kernel, thin[names[1]].kernel, thin[names[2]].kernel) == ((3, 1), (1, 3), (1, 1))
    cost = sum(thin[name].macs for name in names)
    assert cost <= vgg["features.12"].macs / 4
    assert cost > vgg["features.12"].macs / 4.2
    assert thin["features.12"].out_shape == vgg["features.12"].out_shape


def test_strided_convolution_keeps_its_extent_when_split_in_two() -> None:
    resnet = load_network("resnet-18")
    for scheme in ("asymmetric", "3d"):
        assert low_rank(resnet, 2, "conv1", scheme=scheme)["conv1"].out_shape == (64, 112, 112)


def test_rank_goes_where_a_layer_loses_the_least_energy_for_its_cost() -> None:
    energies = {"flat": np.ones(4), "steep": np.array([1.0, 0.1, 0.01, 0.001])}
    assert greedy_ranks(energies, {"flat": 10, "steep": 10}, 50) == {"flat": 4, "steep": 1}
    # A dear rank is given up sooner than a cheap one of equal energy.
    assert greedy_ranks({"a": np.ones(4), "b": np.ones(4)}, {"a": 1, "b": 100}, 250) == {"a": 4, "b": 2}


def _rank_two(shape: tuple[int, ...]) -> np.ndarray:
    random = np.random.default_rng(0)
    flat = random.standard_normal((shape[0], 2)) @ random.standard_normal((2, int(np.prod(shape[1:]))))
    return (flat + 1e-6 * random.standard_normal(flat.shape)).reshape(shape)


def test_energy_of_real_weights_finds_their_rank() -> None:
    b = NetworkBuilder("n")
    x = b.conv(b.input((8, 10, 10)), 16, 3, name="thin")
    b.conv(x, 16, 3, name="full")
    b.attach_weights("thin", functools.partial(_rank_two, (16, 8, 3, 3)))
    b.attach_weights("full", lambda: np.random.default_rng(1).standard_normal((16, 16, 3, 3)))
    ranks = energy_ranks(b.build(), 1.5)
    assert ranks["thin"] == 2
    assert low_rank(b.build(), ranks=ranks)["thin.basis"].out_channels == 2


def test_separable_convolution_costs_one_nth_and_one_ninth() -> None:
    vgg = load_network("vgg-16")
    thin = separable(vgg, "features.12")
    cost = thin["features.12.depthwise"].macs + thin["features.12"].macs
    assert cost * 9 * 256 == vgg["features.12"].macs * (9 + 256)
    assert thin["features.12.depthwise"].is_depthwise


def test_fire_module_of_a_convolution_is_squeezenet_s() -> None:
    # SqueezeNet 1.1's fourth module: 256 channels in, 32 squeezing, 128 + 128 expanding.
    b = NetworkBuilder("plain")
    b.relu(b.conv(b.input((256, 27, 27)), 256, 3, 1, 1, name="c"))
    module, published = fire(b.build(), "c"), load_network("squeezenet-1.1")
    parts = ("squeeze", "expand1x1", "expand3x3")
    assert [module[f"c.{part}"].macs for part in parts] == [published[f"features.7.{part}"].macs for part in parts]
    assert [module[f"c.{part}"].params for part in parts] == [published[f"features.7.{part}"].params for part in parts]
    assert (module["c"].kind, module["c"].out_shape) == ("concat", (256, 27, 27))


def test_strided_convolution_becomes_a_strided_fire_module() -> None:
    b = NetworkBuilder("plain")
    b.conv(b.input((16, 15, 15)), 32, 3, 2, 1, name="c")
    assert fire(b.build(), share_3x3=0.25)["c"].out_shape == (32, 8, 8)


@pytest.mark.parametrize("row", network_rows("mobilenet_v1_alpha_rho"), ids=lambda r: f"{r['alpha']}-{r['resolution']}")
def test_width_and_resolution_give_all_published_mobilenets(row: dict[str, str]) -> None:
    network = scale_resolution(scale_width(load_network("mobilenet-v1"), float(row["alpha"])), int(row["resolution"]))
    assert (network.macs, network.params) == (int(row["macs"]), int(row["params"]))


def test_transforms_compose_and_are_recorded() -> None:
    network = separable(scale_resolution(load_network("resnet-18"), rho=0.5), "layer4.*.conv2")
    assert network.history == ("resolution: rho 0.5", "depthwise separable: 2 convolutions")
    for layer, following in pairwise(network.layers.values()):
        assert layer.name != following.name


@pytest.mark.parametrize(
    ("name", "change", "text"),
    [
        (
            "alexnet-caffe",
            lambda n: low_rank(n, 4),
            "layer 'conv2': has 2 groups, and a low-rank pair mixes all channels; leave it out or merge its groups",
        ),
        (
            "vgg-16",
            lambda n: low_rank(n, 1000),
            "layer 'features.0': rank 0 of 64 channels is not possible; ask for less speed-up, or a rank from 1",
        ),
        ("vgg-16", lambda n: low_rank(n), "low rank: give either a speedup or ranks by layer"),
        (
            "vgg-16",
            lambda n: low_rank(n, 4, scheme="3"),
            "low rank: no scheme '3'; did you mean '3d'? (known: 3d, asymmetric)",
        ),
        (
            "squeezenet-1.1",
            lambda n: separable(n, "features.3.squeeze"),
            "layer 'features.3.squeeze': is a 1x1 conv; only convolutions larger than 1x1 are factorised",
        ),
        (
            "lenet-5",
            lambda n: fire(n, "conv1"),
            "layer 'conv1': is a 5x5 conv; only 3x3 convolutions become fire modules",
        ),
        (
            "cnv-w1a1",
            lambda n: fire(n),
            (
                "layer 'conv0': its 3x3 has padding (0, 0, 0, 0) and dilation (1, 1); a fire module needs padding 1 and"
                " dilation 1, or its branches differ in size"
            ),
        ),
        (
            "alexnet-caffe",
            lambda n: scale_resolution(n, 192),
            (
                "layer 'fc6': would read 6400 features instead of 9216 at this resolution; only a global or adaptive"
                " pool before its dense layers lets a network be resized"
            ),
        ),
        (
            "m-cifarnet",
            lambda n: scale_resolution(n, rho=0.5),
            (
                "layer 'pool7': its window reaches over 8 pixels, the padded input has a height of 4; use a larger"
                " input, more padding or a smaller kernel"
            ),
        ),
        ("vgg-16", lambda n: scale_width(n, 0), "network 'vgg-16': width 0 is not above 0 and at most 4"),
    ],
)  # fmt: skip
def test_factorisation_that_cannot_apply_names_the_layer_and_the_reason(name: str, change: object, text: str) -> None:
    network = load_network(name)
    assert callable(change)
    with pytest.raises(WorkloadError) as caught:
        change(network)
    assert str(caught.value) == text
