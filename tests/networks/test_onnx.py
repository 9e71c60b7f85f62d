"""The ONNX importer, on graphs written here."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.networks.onnx_export import export, save_nodes
from tests.networks.reference import differences, rows, unique_names
from workloads import WorkloadError, load_network
from workloads.errors import FileProblems

NODE = helper.make_node


def image(*shape: int | str) -> Any:
    return helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)


def integers(name: str, *values: int) -> Any:
    return numpy_helper.from_array(np.asarray(values, dtype=np.int64), name)


def floats(name: str, shape: tuple[int, ...]) -> Any:
    return numpy_helper.from_array(np.ones(shape, dtype=np.float32), name)


@pytest.mark.parametrize(
    "name",
    [
        "lenet_300_100", "lenet5_caffe", "alexnet", "alexnet_caffe", "alexnet_small_cifar", "vgg16", "squeezenet1_0",
        "squeezenet1_1", "mobilenet_v1_1.0_224", "resnet18", "resnet50", "m_cifarnet", "ncp_conv_head",
    ],
)  # fmt: skip
def test_file_without_weight_data_gives_the_published_table(name: str, tmp_path: Path) -> None:
    network = load_network(export(load_network(name), tmp_path / f"{name}.onnx"))
    table = rows(name)
    assert differences(network, table, unique_names(table)) == []
    assert network.name == name


@pytest.mark.parametrize("opset", [9, 13, 17])
def test_stored_weights_and_matrix_products_with_a_bias_give_the_same_layers(opset: int, tmp_path: Path) -> None:
    zoo = load_network("lenet-5")
    network = load_network(export(zoo, tmp_path / "n.onnx", stored=True, matmul=True, opset=opset))
    assert [(n.kind, n.out_shape, n.params, n.macs) for n in network.layers.values()] == [
        (n.kind, n.out_shape, n.params, n.macs) for n in zoo.layers.values()
    ]


def test_stored_weights_are_read_when_asked_for_with_outputs_first(tmp_path: Path) -> None:
    zoo = load_network("lenet-300-100")
    gemm = load_network(export(zoo, tmp_path / "gemm.onnx", stored=True))
    product = load_network(export(zoo, tmp_path / "product.onnx", stored=True, matmul=True))
    for network in (gemm, pickle.loads(pickle.dumps(product))):
        weights = network.weights_of("1")
        assert weights is not None
        assert weights.shape == (300, 784)
    assert load_network(export(zoo, tmp_path / "bare.onnx")).weights_of("1") is None


def test_torch_scopes_become_module_names(tmp_path: Path) -> None:
    nodes = [
        NODE("Conv", ["image", "w"], ["a"], "/layer2/layer2.0/downsample/downsample.0/Conv", kernel_shape=[1, 1]),
        NODE("Relu", ["a"], ["b"], "/layer2/layer2.0/relu/Relu"),
        NODE("Add", ["b", "a"], ["c"], "/layer2/layer2.0/Add"),
        NODE("Add", ["c", "a"], ["d"], "/layer2/layer2.1/Add"),
        NODE("Flatten", ["d"], ["e"], "/Flatten"),
    ]
    network = load_network(save_nodes(tmp_path / "n.onnx", nodes, [image(1, 3, 4, 4)], [floats("w", (8, 3, 1, 1))]))
    assert list(network.layers) == ["image", "layer2.0.downsample.0", "layer2.0.relu", "add", "add_1", "flatten"]


def test_shape_arithmetic_of_a_view_is_folded(tmp_path: Path) -> None:
    nodes = [
        NODE("Shape", ["image"], ["s"]),
        NODE("Gather", ["s", "zero"], ["batch"], axis=0),
        NODE("Unsqueeze", ["batch", "axes"], ["front"]),
        NODE("Concat", ["front", "rest"], ["target"], axis=0),
        NODE("Reshape", ["image", "target"], ["flat"], "view"),
    ]
    constants = [
        numpy_helper.from_array(np.asarray(0, dtype=np.int64), "zero"),
        integers("axes", 0),
        integers("rest", -1),
    ]
    network = load_network(save_nodes(tmp_path / "n.onnx", nodes, [image("N", 3, 4, 4)], constants))
    assert network["view"].out_shape == (48,)
    assert network["view"].kind == "flatten"


def test_open_batch_is_one_frame_and_a_fixed_one_is_left_out(tmp_path: Path) -> None:
    for batch in ("batch", 8):
        nodes = [NODE("Conv", ["image", "w"], ["y"], "c")]
        network = load_network(
            save_nodes(tmp_path / "n.onnx", nodes, [image(batch, 3, 8, 8)], [floats("w", (4, 3, 3, 3))])
        )
        assert network["c"].macs == 4 * 27 * 36


def test_operators_of_image_networks_are_known(tmp_path: Path) -> None:
    nodes = [
        NODE("Pad", ["image", "pads"], ["a"], "pad"),
        NODE("Conv", ["a", "w"], ["b"], "conv", auto_pad="SAME_UPPER", strides=[2, 2]),
        NODE("Clip", ["b", "low", "high"], ["c"], "clip"),
        NODE("Split", ["c"], ["d0", "d1"], "split", axis=1),
        NODE("Mul", ["d0", "d1"], ["e"], "mul"),
        NODE("Resize", ["e", "", "scales"], ["f"], "resize", mode="nearest"),
        NODE("Slice", ["f", "from", "to", "axes"], ["g"], "slice"),
        NODE("ReduceMean", ["g"], ["h"], "mean", axes=[2, 3], keepdims=0),
        NODE("Mul", ["h", "one"], ["i"], "scale"),
        NODE("Identity", ["i"], ["j"], "same"),
        NODE("Unsqueeze", ["j", "axes2"], ["k"], "unsqueeze"),
        NODE("Squeeze", ["k", "axes2"], ["l"], "squeeze"),
        NODE("Softmax", ["l"], ["m"], "prob"),
    ]
    constants = [
        integers("pads", 0, 0, 1, 1, 0, 0, 2, 2), floats("w", (4, 3, 3, 3)), integers("from", 1), integers("to", 9),
        integers("axes", 3), integers("axes2", 2), floats("one", (1,)),
        numpy_helper.from_array(np.asarray(0, dtype=np.float32), "low"),
        numpy_helper.from_array(np.asarray(6, dtype=np.float32), "high"),
        numpy_helper.from_array(np.asarray([1, 1, 2, 2], dtype=np.float32), "scales"),
    ]  # fmt: skip
    network = load_network(save_nodes(tmp_path / "n.onnx", nodes, [image(1, 3, 8, 8)], constants))
    shapes = {layer.name: (layer.kind, layer.out_shape) for layer in network.layers.values()}
    assert shapes == {
        "image": ("input", (3, 8, 8)),
        "pad": ("pad", (3, 11, 11)),
        "conv": ("conv", (4, 6, 6)),
        "clip": ("relu6", (4, 6, 6)),
        "split.0": ("slice", (2, 6, 6)),
        "split.1": ("slice", (2, 6, 6)),
        "mul": ("mul", (2, 6, 6)),
        "resize": ("upsample", (2, 12, 12)),
        "slice": ("slice", (2, 12, 8)),
        "mean": ("global_avg_pool", (2, 1, 1)),
        "mean.flatten": ("flatten", (2,)),
        "scale": ("mul", (2,)),
        "same": ("identity", (2,)),
        "unsqueeze": ("reshape", (2, 1)),
        "squeeze": ("flatten", (2,)),
        "prob": ("softmax", (2,)),
    }


def problems(path: Path) -> str:
    with pytest.raises(FileProblems) as caught:
        load_network(path)
    return str(caught.value).replace(str(path), "FILE")


def test_unknown_operators_are_all_named_with_their_nodes(tmp_path: Path) -> None:
    nodes = [
        NODE("Einsum", ["image"], ["a"], "odd", equation="ij->ji"),
        NODE("Relu", ["a"], ["b"], "after"),
        NODE("NonZero", ["image"], ["c"], "other"),
    ]
    text = problems(save_nodes(tmp_path / "n.onnx", nodes, [image(1, 3)]))
    lines = text.splitlines()
    assert lines[0] == "FILE: 2 problems"
    assert lines[1].startswith("  -  odd    operator Einsum is not known (known: Add, ArgMax, AveragePool, ")
    assert lines[2].startswith("  -  other  operator NonZero is not known (known: ")


def test_open_extents_are_named(tmp_path: Path) -> None:
    path = save_nodes(tmp_path / "n.onnx", [NODE("Relu", ["image"], ["y"])], [image("N", 3, "H", "W")])
    assert (
        problems(path) == "FILE: 1 problem\n  -  image  the input Nx3xHxW leaves H, W open; export it with a fixed size"
    )


def test_input_without_a_shape_is_named(tmp_path: Path) -> None:
    path = save_nodes(tmp_path / "n.onnx", [NODE("Relu", ["image"], ["y"])], [image()])
    assert (
        problems(path)
        == "FILE: 1 problem\n  -  image  an input of shape [] has no batch in front; export it as 1 x ..."
    )


def test_layer_that_does_not_fit_is_named_with_its_node(tmp_path: Path) -> None:
    nodes = [NODE("Conv", ["image", "w"], ["y"], "conv")]
    path = save_nodes(tmp_path / "n.onnx", nodes, [image(1, 3, 2, 2)], [floats("w", (4, 3, 3, 3))])
    assert problems(path) == (
        "FILE: 1 problem\n"
        "  -  conv  layer 'conv': its window reaches over 3 pixels, the padded input has a height of 2;"
        " use a larger input, more padding or a smaller kernel"
    )


def test_name_that_nothing_makes_is_named(tmp_path: Path) -> None:
    nodes = [NODE("Add", ["image", "ghost"], ["y"], "sum")]
    path = save_nodes(tmp_path / "n.onnx", nodes, [image(1, 3)])
    assert problems(path) == "FILE: 1 problem\n  -  sum  reads 'ghost', which nothing makes"


def test_computed_weights_and_frames_that_mix_are_refused(tmp_path: Path) -> None:
    nodes = [
        NODE("MatMul", ["image", "image"], ["a"], "product"),
        NODE("Transpose", ["image"], ["b"], "turn", perm=[1, 0]),
    ]
    assert problems(save_nodes(tmp_path / "n.onnx", nodes, [image(1, 4)])) == (
        "FILE: 2 problems\n"
        "  -  product  input 1 of MatMul is computed by 'image'; only constants are known there\n"
        "  -  turn     Transpose by (1, 0) moves the batch, which stays in front here"
    )


@pytest.mark.parametrize("content", ["cut", "text"])
def test_file_that_is_no_model_is_refused(content: str, tmp_path: Path) -> None:
    whole = export(load_network("lenet-5"), tmp_path / "whole.onnx").read_bytes()
    path = tmp_path / "broken.onnx"
    path.write_bytes(whole[: len(whole) * 2 // 3] if content == "cut" else b"not a model at all, only words\n" * 4)
    with pytest.raises(WorkloadError) as caught:
        load_network(path)
    assert str(caught.value) == (
        f"{path}: not an ONNX model, or cut short ({path.stat().st_size:,} bytes do not parse as protobuf); "
        "export or download it again"
    )


def test_empty_file_holds_no_graph(tmp_path: Path) -> None:
    path = tmp_path / "empty.onnx"
    path.write_bytes(b"")
    with pytest.raises(WorkloadError) as caught:
        load_network(path)
    assert str(caught.value) == f"{path}: holds no graph; export the model again"
