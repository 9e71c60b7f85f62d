"""Every network of the zoo against the published layer tables and totals."""

from __future__ import annotations

import pytest

from tests.networks.reference import KINDS, differences, rows, unique_names
from workloads import WorkloadError, load_network, network_names
from workloads.layers import LAYER_KINDS

TABLES = (
    "lenet_300_100", "lenet5_caffe", "alexnet", "alexnet_caffe", "alexnet_small_cifar", "vgg16", "squeezenet1_0",
    "squeezenet1_1", "mobilenet_v1_1.0_224", "resnet18", "resnet50", "m_cifarnet", "ncp_conv_head",
)  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_zoo_reproduces_the_layer_table(name: str) -> None:
    network, table = load_network(name), rows(name)
    names = unique_names(table)
    assert list(network.layers) == names
    assert [layer.kind for layer in network.layers.values()] == [KINDS[row["type"]] for row in table]
    assert differences(network, table, names) == []


@pytest.mark.parametrize("row", rows("summary"), ids=lambda row: row["network"])
def test_totals_equal_the_published_ones(row: dict[str, str]) -> None:
    network = load_network(row["network"])
    convs = [layer for layer in network.layers.values() if layer.kind == "conv"]
    dense = [layer for layer in network.layers.values() if layer.kind == "dense"]
    assert (network.params, network.macs) == (int(row["params"]), int(row["macs"]))
    assert (len(convs), len(dense)) == (int(row["n_conv"]), int(row["n_linear"]))
    assert sum(layer.macs for layer in convs) == int(row["conv_macs"])
    assert sum(layer.params for layer in convs) == int(row["conv_params"])


@pytest.mark.parametrize("row", rows("mobilenet_v1_alpha_rho"), ids=lambda r: f"{r['alpha']}-{r['resolution']}")
def test_mobilenet_of_any_width_and_resolution_has_the_exact_counts(row: dict[str, str]) -> None:
    network = load_network(f"mobilenet_v1_{row['alpha']}_{row['resolution']}")
    assert (network.macs, network.params) == (int(row["macs"]), int(row["params"]))
    if row["paper_macs_M"]:
        # The paper rounds some of its figures and truncates others.
        assert abs(network.macs / 1e6 - float(row["paper_macs_M"])) < 1
        assert abs(network.params / 1e6 - float(row["paper_params_M"])) < 0.1


@pytest.mark.parametrize("name", ["fracbnn_cifar10", "fracbnn_imagenet"])
def test_fracbnn_has_the_binary_operations_of_its_table(name: str) -> None:
    network, table = load_network(name), rows(name)
    assert [layer.name for layer in network.layers.values() if layer.is_compute] == [row["layer"] for row in table]
    for row in table:
        layer = network[row["layer"]]
        assert layer.macs == int(row["base_bmacs"])
        assert layer.in_shape[0] == int(row["cin"])
        assert layer.out_channels == int(row["cout"])
        assert bool(layer.attributes.get("precision_gated")) == (row["kind"] == "PG")
        if layer.kind == "conv":
            assert layer.kernel == (int(row["kernel"]),) * 2
            assert layer.stride == (int(row["stride"]),) * 2
            assert layer.in_shape[1:] == (int(row["in_hw"]),) * 2
            assert layer.out_shape[1:] == (int(row["out_hw"]),) * 2
            assert (layer.weight_bits, layer.input_bits) == (1, 1)


# Weights and multiply-accumulates: torchvision 0.29.1 weight metadata, timm for Inception v4, Caffe for GoogLeNet.
PUBLISHED = {
    "vgg-11": (132863336, 7609090048),
    "vgg-13": (133047848, 11308466176),
    "vgg-19": (143667240, 19632062464),
    "vgg-16-bn": (138365992, 15470264320),
    "resnet-34": (21797672, 3663761408),
    "resnet-101": (44549160, 7801405440),
    "resnet-152": (60192808, 11513626624),
    "densenet-121": (7978856, 2834161664),
    "densenet-161": (28681000, 7727907072),
    "densenet-169": (14149480, 3359843328),
    "densenet-201": (20013928, 4291365888),
    "mobilenet-v2": (3504872, 300774272),
    "inception-v4": (42679816, 12253974624),
    "googlenet": (6998552, 1582671872),
}


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_further_networks_have_their_published_totals(name: str) -> None:
    network = load_network(name)
    assert (network.params, network.macs) == PUBLISHED[name]


def test_cnv_has_the_matrix_sizes_of_its_streaming_build() -> None:
    # Rows and columns of the nine matrix-vector units of finn-examples' cnv-w1a1 (its folding configuration).
    network = load_network("cnv-w1a1")
    sizes = [
        (layer.weights // layer.out_channels, layer.out_channels)
        for layer in network.layers.values()
        if layer.is_compute
    ]
    assert sizes == [
        (27, 64),
        (576, 64),
        (576, 128),
        (1152, 128),
        (1152, 256),
        (2304, 256),
        (256, 512),
        (512, 512),
        (512, 10),
    ]
    assert [network[f"conv{i}"].out_shape[1:] for i in range(6)] == [
        (30, 30),
        (28, 28),
        (12, 12),
        (10, 10),
        (3, 3),
        (1, 1),
    ]
    assert (network["conv0"].input_bits, network["conv1"].input_bits, network["fc2"].output_bits) == (8, 1, 16)
    assert {layer.weight_bits for layer in network.layers.values() if layer.is_compute} == {1}


def test_precisions_of_finn_networks_follow_their_names() -> None:
    network = load_network("tfc-w2a2")
    compute = [layer for layer in network.layers.values() if layer.is_compute]
    assert [(layer.weight_bits, layer.input_bits) for layer in compute] == [(2, 2)] * 4
    assert load_network("lfc-w1a1").weight_bytes == -(-784 * 1024 // 8) + 2 * 1024 * 1024 // 8 + 1024 * 10 // 8


@pytest.mark.parametrize("name", network_names())
def test_every_network_of_the_zoo_is_called_by_its_name_and_knows_its_kinds(name: str) -> None:
    network = load_network(name)
    assert network.name == name
    assert {layer.kind for layer in network.layers.values()} <= LAYER_KINDS
    assert len(network.inputs) == 1


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("VGG_16", "vgg-16"),
        ("squeezenet1_0", "squeezenet-1.0"),
        ("ResNet50", "resnet-50"),
        ("mobilenet", "mobilenet-v1"),
    ],
)
def test_spelling_of_a_name_does_not_matter(spelling: str, name: str) -> None:
    assert load_network(spelling).name == name


def test_unknown_network_suggests_the_nearest_name() -> None:
    with pytest.raises(WorkloadError) as caught:
        load_network("resnt-50")
    assert (
        str(caught.value)
        == f"no network 'resnt-50'; did you mean 'resnet-50'? (known: {', '.join(sorted(network_names()))})"
    )


def test_mobilenet_that_cannot_be_halved_five_times_is_refused() -> None:
    with pytest.raises(WorkloadError) as caught:
        load_network("mobilenet-v1-1.0-16")
    assert str(caught.value) == "mobilenet-v1: resolution 16 is below 32, nothing is left after five halvings"


def test_missing_and_unknown_files_are_named() -> None:
    with pytest.raises(WorkloadError) as caught:
        load_network("no/such.onnx")
    assert str(caught.value) == "no/such.onnx: no such file"
    with pytest.raises(WorkloadError) as caught:
        load_network("models/net.pt")
    assert (
        str(caught.value)
        == "models/net.pt: cannot tell what it holds; give a file that ends in .csv or .nir or .onnx, or a zoo name"
    )
