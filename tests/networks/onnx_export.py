"""Writes a network as an ONNX file, so that the importer can be tested without files of others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from workloads.network import Layer, Network

_OPERATORS = {
    "relu": "Relu", "global_avg_pool": "GlobalAveragePool", "flatten": "Flatten", "add": "Add", "dropout": "Dropout",
    "softmax": "Softmax", "sigmoid": "Sigmoid",
}  # fmt: skip


class _Writer:
    def __init__(self, stored: bool, matmul: bool) -> None:
        self.stored = stored
        self.matmul = matmul
        self.nodes: list[Any] = []
        self.inputs: list[Any] = []
        self.initializers: list[Any] = []
        self.random = np.random.default_rng(0)

    def weight(self, name: str, *shape: int) -> str:
        """A parameter: data in the file, or a graph input of known shape only."""
        if self.stored:
            values = self.random.standard_normal(shape).astype(np.float32)
            self.initializers.append(numpy_helper.from_array(values, name))
        else:
            self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        return name

    def node(self, operator: str, layer: Layer, *more: str, **attributes: Any) -> None:
        self.nodes.append(helper.make_node(operator, [*layer.inputs, *more], [layer.name], layer.name, **attributes))

    def layer(self, layer: Layer) -> None:
        window = {"strides": layer.stride, "pads": layer.pad}
        if layer.kind == "input":
            self.inputs.insert(0, helper.make_tensor_value_info(layer.name, TensorProto.FLOAT, (1, *layer.out_shape)))
        elif layer.kind == "conv":
            weights = [
                self.weight(
                    f"{layer.name}.weight", layer.out_channels, layer.in_shape[0] // layer.groups, *layer.kernel or ()
                )
            ]
            weights += [self.weight(f"{layer.name}.bias", layer.out_channels)] if layer.bias else []
            self.node(
                "Conv",
                layer,
                *weights,
                kernel_shape=layer.kernel,
                group=layer.groups,
                dilations=layer.dilation,
                **window,
            )
        elif layer.kind == "dense":
            self._dense(layer)
        elif layer.kind in ("max_pool", "avg_pool"):
            ceil_mode = int(layer.attributes.get("ceil_mode", False))
            name = "MaxPool" if layer.kind == "max_pool" else "AveragePool"
            self.node(name, layer, kernel_shape=layer.kernel, ceil_mode=ceil_mode, **window)
        elif layer.kind == "adaptive_avg_pool":
            kernel = [n // m for n, m in zip(layer.in_shape[1:], layer.out_shape[1:], strict=True)]
            self.node("AveragePool", layer, kernel_shape=kernel, strides=kernel)
        elif layer.kind == "batch_norm":
            names = [
                self.weight(f"{layer.name}.{part}", layer.out_shape[0]) for part in ("scale", "bias", "mean", "var")
            ]
            self.node("BatchNormalization", layer, *names)
        elif layer.kind == "lrn":
            self.node("LRN", layer, size=layer.attributes["size"])
        elif layer.kind == "concat":
            self.node("Concat", layer, axis=1)
        else:
            self.node(_OPERATORS[layer.kind], layer)

    def _dense(self, layer: Layer) -> None:
        inputs, outputs = layer.in_shape[0], layer.out_channels
        if not self.matmul:
            weights = [self.weight(f"{layer.name}.weight", outputs, inputs), self.weight(f"{layer.name}.bias", outputs)]
            self.node("Gemm", layer, *weights, transB=1)
            return
        product = f"{layer.name}.product"
        weights = [layer.inputs[0], self.weight(f"{layer.name}.weight", inputs, outputs)]
        self.nodes.append(helper.make_node("MatMul", weights, [product], layer.name))
        self.nodes.append(helper.make_node("Add", [product, self.weight(f"{layer.name}.bias", outputs)], [layer.name]))


def export(network: Network, path: Path, *, stored: bool = False, matmul: bool = False, opset: int = 17) -> Path:
    """Write ``network``; weights are graph inputs unless ``stored``, dense layers are Gemm unless ``matmul``."""
    writer = _Writer(stored, matmul)
    for layer in network.layers.values():
        writer.layer(layer)
    outputs = [helper.make_tensor_value_info(layer.name, TensorProto.FLOAT, None) for layer in network.outputs]
    graph = helper.make_graph(writer.nodes, network.name, writer.inputs, outputs, writer.initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    onnx.save(model, str(path))
    return path


def save_nodes(
    path: Path, nodes: list[Any], inputs: list[Any], initializers: list[Any] | None = None, opset: int = 17
) -> Path:
    """Write a graph of a few nodes."""
    outputs = [helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, None)]
    graph = helper.make_graph(nodes, "small", inputs, outputs, initializers or [])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)]), str(path))
    return path
