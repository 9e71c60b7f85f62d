"""What each ONNX operator becomes; see https://onnx.ai/onnx/operators for their definitions."""

from __future__ import annotations

import math
from typing import Any

from workloads.errors import WorkloadError
from workloads.importers.onnx_graph import Handler, Importer, Node
from workloads.importers.onnx_values import Flow
from workloads.shapes import Pads, Pair

_ACTIVATIONS = {
    "Relu": "relu",
    "LeakyRelu": "leaky_relu",
    "ThresholdedRelu": "relu",
    "PRelu": "prelu",
    "Sigmoid": "sigmoid",
    "HardSigmoid": "hard_sigmoid",
    "Tanh": "tanh",
    "Elu": "elu",
    "Selu": "selu",
    "Celu": "elu",
    "Gelu": "gelu",
    "Softplus": "softplus",
    "Swish": "swish",
    "HardSwish": "hard_swish",
}


def _window(node: Node, kernel: tuple[int, ...]) -> dict[str, Any]:
    """Stride, padding and dilation of a two-dimensional window, as the builder takes them."""
    if len(kernel) != 2:
        raise WorkloadError(
            f"{node.kind} over {len(kernel)} dimensions is not known; only images of two dimensions are"
        )
    zeros = (0, 0, 0, 0)
    auto = node.get("auto_pad", "NOTSET")
    sides = node.ints("pads", zeros)
    return {
        "kernel": (kernel[0], kernel[1]),
        "stride": _pair(node.ints("strides", (1, 1))),
        "dilation": _pair(node.ints("dilations", (1, 1))),
        "pad": zeros if auto != "NOTSET" else _pads(sides),
        "auto_pad": None if auto in ("NOTSET", "") else auto,
    }


def _pair(values: tuple[int, ...]) -> Pair:
    return (values[0], values[1])


def _pads(values: tuple[int, ...]) -> Pads:
    return (values[0], values[1], values[2], values[3])


def _conv(importer: Importer, node: Node) -> None:
    weights = node.parameter(1, "weights")
    window = _window(node, node.ints("kernel_shape") or weights.shape[2:])
    output = node.proto.output[0]
    bias = node.constant(2) is not None or output in importer.biases
    layer = importer.builder.add_layer(
        "conv", (node.flow().layer,), node.name, out_channels=weights.shape[0], kernel=window["kernel"],
        stride=window["stride"], pad=window["pad"], dilation=window["dilation"], groups=int(node.get("group", 1)),
        bias=bias, attributes={"auto_pad": window["auto_pad"]},
    )  # fmt: skip
    importer.keep_weights(layer, weights)
    importer.emit(node, layer)


def _conv_transpose(importer: Importer, node: Node) -> None:
    weights, groups = node.parameter(1, "weights"), int(node.get("group", 1))
    window = _window(node, node.ints("kernel_shape") or weights.shape[2:])
    if window["auto_pad"] is not None or "output_shape" in node.attributes:
        raise WorkloadError("ConvTranspose with auto_pad or output_shape is not known; write explicit pads")
    layer = importer.builder.add_layer(
        "conv_transpose", (node.flow().layer,), node.name, out_channels=weights.shape[1] * groups,
        kernel=window["kernel"], stride=window["stride"], pad=window["pad"], dilation=window["dilation"], groups=groups,
        bias=node.constant(2) is not None, attributes={"output_pad": node.ints("output_padding", (0, 0))},
    )  # fmt: skip
    importer.emit(node, layer)


def _gemm(importer: Importer, node: Node) -> None:
    if node.get("transA", 0):
        raise WorkloadError("Gemm with transA reads across the batch; export it without")
    weights, transposed = node.parameter(1, "weights"), bool(node.get("transB", 0))
    features = weights.shape[0] if transposed else weights.shape[1]
    bias = len(node.inputs) > 2 and node.inputs[2] is not None
    layer = importer.builder.dense(node.flow().layer, features, bias=bias, name=node.name)
    importer.keep_weights(layer, weights, transposed=not transposed)
    importer.emit(node, layer)


def _matmul(importer: Importer, node: Node) -> None:
    weights = node.parameter(1, "constant matrix")
    if len(weights.shape) != 2:
        raise WorkloadError(f"MatMul with a constant of shape {weights.shape} is not known; only a matrix is")
    bias = node.proto.output[0] in importer.biases
    layer = importer.builder.dense(node.flow().layer, weights.shape[1], bias=bias, name=node.name)
    importer.keep_weights(layer, weights, transposed=True)
    importer.emit(node, layer)


def _pool(kind: str) -> Handler:
    def add(importer: Importer, node: Node) -> None:
        window = _window(node, node.ints("kernel_shape"))
        layer = importer.builder.add_layer(
            kind, (node.flow().layer,), node.name, kernel=window["kernel"], stride=window["stride"], pad=window["pad"],
            dilation=window["dilation"],
            attributes={"ceil_mode": True if node.get("ceil_mode", 0) else None, "auto_pad": window["auto_pad"]},
        )  # fmt: skip
        importer.emit(node, layer)

    return add


def _plain(kind: str) -> Handler:
    def add(importer: Importer, node: Node) -> None:
        importer.emit(node, importer.builder.add_layer(kind, (node.flow().layer,), node.name))

    return add


def _clip(importer: Importer, node: Node) -> None:
    low, high = node.get("min"), node.get("max")
    for place, current in ((1, low), (2, high)):
        bound = node.constant(place)
        if bound is not None and current is None:
            values = bound.floats("bound")
            low, high = (values[0], high) if place == 1 else (low, values[0])
    kind = "relu6" if (low, high) == (0.0, 6.0) else "relu" if low == 0.0 and high is None else "clip"
    importer.emit(node, importer.builder.activation(node.flow().layer, kind, name=node.name))


def _lrn(importer: Importer, node: Node) -> None:
    importer.emit(node, importer.builder.lrn(node.flow().layer, int(node.get("size", 5)), name=node.name))


def _pairwise(kind: str) -> Handler:
    def add(importer: Importer, node: Node) -> None:
        flows = [value for value in node.inputs if isinstance(value, Flow)]
        previous = [name for name in node.proto.input if importer.biases.get(name) == node.proto.output[0]]
        if previous:
            importer.alias(Node(node.proto, [flows[0]], node.name))
            return
        layer = importer.builder.add_layer(kind, tuple(flow.layer for flow in flows), node.name)
        importer.emit(node, layer)

    return add


def _concat(importer: Importer, node: Node) -> None:
    flows = [node.flow(place) for place in range(len(node.inputs))]
    axis = int(node.get("axis", 1))
    axis += len(flows[0].shape) if axis < 0 else 0
    if axis == 0:
        raise WorkloadError("Concat across the batch is not known")
    importer.emit(node, importer.builder.concat(*(flow.layer for flow in flows), axis=axis - 1, name=node.name))


def _flatten(importer: Importer, node: Node) -> None:
    axis, rank = int(node.get("axis", 1)), len(node.flow().shape)
    if axis % rank != 1:
        raise WorkloadError(f"Flatten at axis {axis} is not known; only axis 1 keeps the frames apart")
    importer.emit(node, importer.builder.flatten(node.flow().layer, name=node.name))


def _reshape(importer: Importer, node: Node) -> None:
    shape = node.flow().shape
    asked = node.ints("shape") or node.parameter(1, "shape").integers("shape")
    target = [shape[i] if extent == 0 and not node.get("allowzero", 0) else extent for i, extent in enumerate(asked)]
    if -1 in target:
        known = -math.prod(target)
        target[target.index(-1)] = math.prod(shape) // known if known else 0
    _reshaped(importer, node, tuple(target))


def _reshaped(importer: Importer, node: Node, target: tuple[int, ...]) -> None:
    source = node.flow()
    if math.prod(target) != math.prod(source.shape):
        raise WorkloadError(f"{node.kind} of {source.shape} to {target} does not keep the number of elements")
    if not target or target[0] != source.shape[0] or len(target) < 2:
        raise WorkloadError(f"{node.kind} of {source.shape} to {target} mixes the frames of a batch")
    if target == source.shape:
        importer.alias(node)
    elif len(target) == 2:
        importer.emit(node, importer.builder.flatten(source.layer, name=node.name))
    else:
        importer.emit(node, importer.builder.reshape(source.layer, target[1:], name=node.name))


def _axes(node: Node, rank: int, default: tuple[int, ...]) -> tuple[int, ...]:
    """Axes from the attribute (older opsets) or the second input (newer ones), counted from the front."""
    axes = node.ints("axes")
    if not axes:
        constant = node.constant(1)
        axes = constant.integers("axes") if constant is not None else default
    return tuple(sorted(axis % rank for axis in axes))


def _squeeze(importer: Importer, node: Node) -> None:
    shape = node.flow().shape
    ones = tuple(i for i, extent in enumerate(shape) if extent == 1 and i > 0)
    axes = _axes(node, len(shape), ones)
    _reshaped(importer, node, tuple(extent for i, extent in enumerate(shape) if i not in axes))


def _unsqueeze(importer: Importer, node: Node) -> None:
    shape = list(node.flow().shape)
    for axis in _axes(node, len(shape) + len(_axes(node, len(shape) + 1, ())), ()):
        shape.insert(axis, 1)
    _reshaped(importer, node, tuple(shape))


def _transpose(importer: Importer, node: Node) -> None:
    shape = node.flow().shape
    order = node.ints("perm", tuple(reversed(range(len(shape)))))
    if order[0] != 0:
        raise WorkloadError(f"Transpose by {order} moves the batch, which stays in front here")
    perm = tuple(axis - 1 for axis in order[1:])
    if perm == tuple(range(len(perm))):
        importer.alias(node)
        return
    importer.emit(
        node, importer.builder.add_layer("transpose", (node.flow().layer,), node.name, attributes={"perm": perm})
    )


def _reduce_mean(importer: Importer, node: Node) -> None:
    source = node.flow()
    rank = len(source.shape)
    axes = _axes(node, rank, tuple(range(1, rank)))
    keep = bool(node.get("keepdims", 1))
    if 0 in axes:
        raise WorkloadError("ReduceMean over the batch is not known")
    if rank == 4 and axes == (2, 3):
        layer = importer.builder.global_avg_pool(source.layer, name=node.name)
        if not keep:
            layer = importer.builder.flatten(layer, name=f"{node.name}.flatten")
    else:
        attributes = {"axes": tuple(axis - 1 for axis in axes), "keepdims": keep}
        layer = importer.builder.add_layer("reduce_mean", (source.layer,), node.name, attributes=attributes)
    importer.emit(node, layer)


def _pad(importer: Importer, node: Node) -> None:
    source = node.flow()
    sides = node.ints("pads") or node.ints("paddings")
    if not sides:
        sides = node.parameter(1, "pads").integers("pads")
    rank = len(source.shape)
    chosen = node.constant(3)
    if chosen is not None:
        axes = [axis % rank for axis in chosen.integers("axes")]
        full = [0] * (2 * rank)
        for place, axis in enumerate(axes):
            full[axis], full[axis + rank] = sides[place], sides[place + len(axes)]
        sides = tuple(full)
    if not any(sides):
        importer.alias(node)
        return
    if rank != 4 or any(sides[axis] for axis in (0, 1, 4, 5)):
        raise WorkloadError("Pad is known over the two image dimensions only")
    pad = (sides[2], sides[3], sides[6], sides[7])
    importer.emit(node, importer.builder.add_layer("pad", (source.layer,), node.name, pad=pad))


def _resize(importer: Importer, node: Node) -> None:
    source = node.flow()
    mode = {"nearest": "nearest"}.get(str(node.get("mode", "nearest")), "linear")
    scales = _resize_scales(importer, node)
    sizes = node.constant(3) if node.kind == "Resize" and len(node.inputs) > 3 else None
    attributes: dict[str, Any] = {"mode": mode}
    if scales:
        attributes["scale"] = (scales[-2], scales[-1])
    elif sizes is not None:
        extents = sizes.integers("sizes")
        attributes["size"] = (extents[-2], extents[-1])
    else:
        raise WorkloadError(f"{node.kind} gives neither scales nor sizes")
    importer.emit(node, importer.builder.add_layer("upsample", (source.layer,), node.name, attributes=attributes))


def _resize_scales(importer: Importer, node: Node) -> tuple[float, ...]:
    if "scales" in node.attributes:
        return tuple(float(scale) for scale in node.attributes["scales"])
    place = 1 if node.kind == "Upsample" or importer.opset < 11 else 2
    constant = node.constant(place) if place < len(node.inputs) else None
    return () if constant is None or not math.prod(constant.shape) else constant.floats("scales")


def _slice(importer: Importer, node: Node) -> None:
    source = node.flow()
    starts = node.ints("starts") or node.parameter(1, "starts").integers("starts")
    stops = node.ints("ends") or node.parameter(2, "ends").integers("ends")
    given, steps = node.constant(3), node.constant(4)
    axes = node.ints("axes") or (given.integers("axes") if given is not None else tuple(range(len(starts))))
    strides = steps.integers("steps") if steps is not None else (1,) * len(starts)
    layer = source.layer
    for place, axis in enumerate(axes):
        axis %= len(source.shape)
        start, stop, step = starts[place], stops[place], strides[place]
        if range(source.shape[axis])[start:stop:step] == range(source.shape[axis]):
            continue
        if axis == 0:
            raise WorkloadError("Slice across the batch is not known")
        name = node.name if place == 0 else f"{node.name}.{place}"
        attributes = {"axis": axis - 1, "start": start, "stop": stop, "step": step}
        layer = importer.builder.add_layer("slice", (layer,), name, attributes=attributes)
    importer.emit(node, layer)


def _split(importer: Importer, node: Node) -> None:
    source = node.flow()
    axis = int(node.get("axis", 0)) % len(source.shape)
    if axis == 0:
        raise WorkloadError("Split across the batch is not known")
    count, given = len(node.proto.output), node.constant(1)
    parts = node.ints("split") or (given.integers("split") if given is not None else ())
    if not parts:
        each = -(-source.shape[axis] // count)
        parts = tuple(min(each, source.shape[axis] - each * i) for i in range(count))
    start = 0
    for place, extent in enumerate(parts):
        attributes = {"axis": axis - 1, "start": start, "stop": start + extent}
        layer = importer.builder.add_layer("slice", (source.layer,), f"{node.name}.{place}", attributes=attributes)
        importer.emit(node, layer, output=place)
        start += extent


def _alias(importer: Importer, node: Node) -> None:
    importer.alias(node)


HANDLERS: dict[str, Handler] = {
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "MaxPool": _pool("max_pool"),
    "AveragePool": _pool("avg_pool"),
    "GlobalAveragePool": _plain("global_avg_pool"),
    "GlobalMaxPool": _plain("global_max_pool"),
    "BatchNormalization": _plain("batch_norm"),
    **{operator: _plain(kind) for operator, kind in _ACTIVATIONS.items()},
    "Softmax": _plain("softmax"),
    "LogSoftmax": _plain("softmax"),
    "ArgMax": _plain("arg_max"),
    "Dropout": _plain("dropout"),
    "Identity": _plain("identity"),
    "Cast": _alias,
    "Clip": _clip,
    "LRN": _lrn,
    "Add": _pairwise("add"),
    "Sum": _pairwise("add"),
    "Sub": _pairwise("sub"),
    "Mul": _pairwise("mul"),
    "Div": _pairwise("mul"),
    "Max": _pairwise("max"),
    "Concat": _concat,
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Transpose": _transpose,
    "ReduceMean": _reduce_mean,
    "Pad": _pad,
    "Resize": _resize,
    "Upsample": _resize,
    "Slice": _slice,
    "Split": _split,
}
"""The layer that each operator becomes."""
