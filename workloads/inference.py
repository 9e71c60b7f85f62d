"""What a layer makes of its inputs: output shape, weights, parameters, multiply-accumulates and other operations.

``infer`` fills a draft in; it is the only place where these are computed, so a layer that a builder, an importer or a
transform makes is counted alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from workloads.errors import WorkloadError, did_you_mean
from workloads.frozen import FrozenMap
from workloads.layers import ACTIVATION_KINDS, LAYER_KINDS, Layer, Shape
from workloads.shapes import broadcast, pair, same_pad, transposed_extents, window_extents

# Operations for one element of an elementwise function, as a straightforward kernel carries them out.
_ACTIVATION_OPS: dict[str, dict[str, int]] = {
    "relu": {"max": 1},
    "relu6": {"max": 1, "min": 1},
    "clip": {"max": 1, "min": 1},
    "leaky_relu": {"max": 1, "mul": 1},
    "prelu": {"max": 1, "mul": 1},
    "sigmoid": {"sigmoid": 1},
    "hard_sigmoid": {"add": 1, "mul": 1, "max": 1, "min": 1},
    "tanh": {"tanh": 1},
    "elu": {"exp": 1, "add": 1, "mul": 1, "max": 1},
    "selu": {"exp": 1, "add": 1, "mul": 2, "max": 1},
    "gelu": {"erf": 1, "mul": 3, "add": 1},
    "softplus": {"exp": 1, "log": 1, "add": 1},
    "swish": {"sigmoid": 1, "mul": 1},
    "hard_swish": {"add": 1, "mul": 2, "max": 1, "min": 1},
}
# Gates with weights of a recurrent cell, and what a unit does beside its multiply-accumulates.
_CELLS: dict[str, tuple[int, dict[str, int]]] = {
    "rnn": (1, {"tanh": 1}),
    "gru": (3, {"sigmoid": 2, "tanh": 1, "mul": 3, "add": 2}),
    "lstm": (4, {"sigmoid": 3, "tanh": 2, "mul": 3, "add": 1}),
}


def infer(draft: Layer, out_channels: int | None = None) -> Layer:
    """``draft`` with its derived fields computed from kind, inputs and attributes.

    ``out_channels`` is needed for layers with weights only. Raises :class:`WorkloadError` that names the layer when the
    inputs do not suit the kind.
    """
    if draft.kind not in LAYER_KINDS:
        raise WorkloadError(f"layer '{draft.name}': no kind '{draft.kind}'{did_you_mean(draft.kind, LAYER_KINDS)}")
    if draft.kind in _WITH_WEIGHTS:
        if out_channels is None or out_channels < 1:
            raise WorkloadError(f"layer '{draft.name}': out_channels is {out_channels}; write at least 1")
        return _WITH_WEIGHTS[draft.kind](draft, out_channels)
    if draft.kind in ACTIVATION_KINDS:
        return _activation(draft)
    return _PLAIN[draft.kind](draft)


def reinfer(layer: Layer, in_shapes: tuple[Shape, ...], out_channels: int | None = None) -> Layer:
    """The same layer on other input shapes; it keeps its number of output channels unless told otherwise."""
    return infer(replace(layer, in_shapes=in_shapes), out_channels or layer.out_channels)


def _map_shape(layer: Layer) -> tuple[int, int, int]:
    shape = layer.in_shape
    if len(shape) != 3:
        text = "x".join(map(str, shape))
        raise WorkloadError(
            f"layer '{layer.name}': {layer.kind} reads feature maps CxHxW, its input is {text}; reshape it first"
        )
    return (shape[0], shape[1], shape[2])


def _windowed(draft: Layer) -> Layer:
    """The draft with ``auto_pad`` turned into figures."""
    _, height, width = _map_shape(draft)
    if draft.kernel is None:
        raise WorkloadError(f"layer '{draft.name}': {draft.kind} needs a kernel; write e.g. kernel=3")
    auto = draft.attributes.get("auto_pad")
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        extent = (height, width)
        return replace(
            draft, pad=same_pad(extent, draft.kernel, draft.stride, draft.dilation, lower=auto == "SAME_LOWER")
        )
    if auto in (None, "NOTSET"):
        return draft
    if auto == "VALID":
        return replace(draft, pad=(0, 0, 0, 0))
    known = ("NOTSET", "SAME_LOWER", "SAME_UPPER", "VALID")
    raise WorkloadError(f"layer '{draft.name}': no auto_pad '{auto}'{did_you_mean(str(auto), known)}")


def _check_groups(layer: Layer, channels: int, out_channels: int) -> None:
    for what, count in (("input", channels), ("output", out_channels)):
        if layer.groups < 1 or count % layer.groups:
            raise WorkloadError(
                f"layer '{layer.name}': {count} {what} channels do not divide into {layer.groups} groups;"
                f" write a number of groups that divides {count}"
            )


def _conv(draft: Layer, out_channels: int) -> Layer:
    layer = _windowed(draft)
    channels, height, width = _map_shape(layer)
    _check_groups(layer, channels, out_channels)
    kernel = layer.kernel or (1, 1)
    rows, columns = window_extents(layer.name, (height, width), kernel, layer.stride, layer.pad, layer.dilation)
    weights = out_channels * (channels // layer.groups) * kernel[0] * kernel[1]
    return _with_weights(layer, (out_channels, rows, columns), weights, out_channels, weights * rows * columns)


def _conv_transpose(draft: Layer, out_channels: int) -> Layer:
    channels, height, width = _map_shape(draft)
    _check_groups(draft, channels, out_channels)
    kernel = draft.kernel or (1, 1)
    extra = pair(draft.attributes.get("output_pad", 0))
    rows, columns = transposed_extents(
        draft.name, (height, width), kernel, draft.stride, draft.pad, draft.dilation, extra
    )
    weights = channels * (out_channels // draft.groups) * kernel[0] * kernel[1]
    return _with_weights(draft, (out_channels, rows, columns), weights, out_channels, weights * height * width)


def _dense(draft: Layer, out_channels: int) -> Layer:
    shape = draft.in_shape
    if len(shape) not in (1, 2):
        text = "x".join(map(str, shape))
        raise WorkloadError(
            f"layer '{draft.name}': dense reads a vector, its input is {text}; write a flatten before it"
        )
    weights = shape[-1] * out_channels
    return _with_weights(draft, (*shape[:-1], out_channels), weights, out_channels, weights * math.prod(shape[:-1]))


def _recurrent(draft: Layer, units: int) -> Layer:
    shape = draft.in_shape
    cell = str(draft.attributes.get("cell", "lstm"))
    if "wiring" in draft.attributes or cell in ("cfc", "ltc"):
        from workloads.recurrence import infer_wired  # the cells that are differential equations, loaded where used

        return infer_wired(draft, units)
    if cell not in _CELLS:
        known = (*_CELLS, "cfc", "ltc")
        raise WorkloadError(f"layer '{draft.name}': no recurrent cell '{cell}'{did_you_mean(cell, known)}")
    if len(shape) not in (1, 2):
        raise WorkloadError(
            f"layer '{draft.name}': recurrent reads features or steps x features, not {len(shape)} dimensions"
        )
    gates, unit_ops = _CELLS[cell]
    steps = math.prod(shape[:-1])
    weights = gates * (shape[-1] + units) * units
    biased = _with_weights(draft, (*shape[:-1], units), weights, gates * units, weights * steps)
    ops = {kind: count * units * steps for kind, count in unit_ops.items()}
    if draft.bias:
        ops["add"] = ops.get("add", 0) + gates * units * steps
    return replace(biased, ops=FrozenMap(ops))


def _with_weights(layer: Layer, out_shape: Shape, weights: int, biases: int, macs: int) -> Layer:
    ops = {"add": math.prod(out_shape)} if layer.bias else {}
    params = weights + (biases if layer.bias else 0)
    # A precision-gated layer refines this share of its outputs in a second pass (Zhang et al., FPGA 2021, section 3).
    macs += round(macs * layer.attributes.get("update_share", 0))
    return replace(layer, out_shape=out_shape, weights=weights, params=params, macs=macs, ops=FrozenMap(ops))


def _counted(layer: Layer, out_shape: Shape, params: int = 0, **ops: int) -> Layer:
    """A layer without multiply-accumulates; zero counts are left out."""
    kept = FrozenMap({kind: count for kind, count in ops.items() if count})
    return replace(layer, out_shape=out_shape, params=params, weights=0, macs=0, ops=kept)


def _activation(draft: Layer) -> Layer:
    elements = math.prod(draft.in_shape)
    if draft.kind == "threshold":
        # A multi-threshold unit compares an accumulator with 2^bits - 1 thresholds (FINN, FPGA 2017, section 4.2).
        return _counted(draft, draft.in_shape, compare=elements * (2**draft.output_bits - 1))
    ops = dict(_ACTIVATION_OPS[draft.kind])
    params = draft.in_shape[0] if draft.kind == "prelu" else 0
    if draft.attributes.get("shifted"):
        # RPReLU has a shift before and one after the slope (Liu et al., ReActNet, ECCV 2020, equation 7).
        params, ops["add"] = 3 * params, 2
    return _counted(draft, draft.in_shape, params, **{kind: count * elements for kind, count in ops.items()})


def _pool(draft: Layer) -> Layer:
    layer = _windowed(draft)
    channels, height, width = _map_shape(layer)
    kernel = layer.kernel or (1, 1)
    ceil_mode = bool(layer.attributes.get("ceil_mode", False))
    rows, columns = window_extents(
        layer.name, (height, width), kernel, layer.stride, layer.pad, layer.dilation, ceil_mode
    )
    outputs, others = channels * rows * columns, kernel[0] * kernel[1] - 1
    shape = (channels, rows, columns)
    if layer.kind == "max_pool":
        return _counted(layer, shape, max=outputs * others)
    return _counted(layer, shape, add=outputs * others, div=outputs if others else 0)


def _global_pool(draft: Layer) -> Layer:
    channels, height, width = _map_shape(draft)
    others = channels * (height * width - 1)
    if draft.kind == "global_max_pool":
        return _counted(draft, (channels, 1, 1), max=others)
    return _counted(draft, (channels, 1, 1), add=others, div=channels)


def adaptive_bins(extent: int, bins: int) -> tuple[tuple[int, int], ...]:
    """First and one-past-last position of each bin: ``[floor(i a / n), ceil((i + 1) a / n))``; bins may overlap."""
    return tuple((i * extent // bins, -(-(i + 1) * extent // bins)) for i in range(bins))


def _adaptive_pool(draft: Layer) -> Layer:
    channels, height, width = _map_shape(draft)
    rows, columns = pair(draft.attributes["output"])
    if rows < 1 or columns < 1:
        raise WorkloadError(
            f"layer '{draft.name}': adaptive pooling to {rows}x{columns} leaves nothing; write at least 1x1"
        )
    down = sum(stop - start for start, stop in adaptive_bins(height, rows))
    across = sum(stop - start for start, stop in adaptive_bins(width, columns))
    outputs = channels * rows * columns
    combined = channels * down * across - outputs
    shape = (channels, rows, columns)
    if draft.kind == "adaptive_max_pool":
        return _counted(draft, shape, max=combined)
    return _counted(draft, shape, add=combined, div=outputs if combined else 0)


def _elementwise(draft: Layer) -> Layer:
    shape = broadcast(draft.name, draft.in_shapes)
    kind = "add" if draft.kind == "sub" else draft.kind
    # One input means that the other operand is a constant of the model.
    return _counted(draft, shape, **{kind: math.prod(shape) * max(1, len(draft.in_shapes) - 1)})


def _concat(draft: Layer) -> Layer:
    axis = int(draft.attributes.get("axis", 0))
    first = draft.in_shapes[0]
    for shape in draft.in_shapes[1:]:
        if len(shape) != len(first) or any(
            a != b for i, (a, b) in enumerate(zip(first, shape, strict=True)) if i != axis
        ):
            texts = " and ".join("x".join(map(str, s)) for s in draft.in_shapes)
            raise WorkloadError(
                f"layer '{draft.name}': cannot join {texts} along axis {axis}; the other extents must be equal"
            )
    joined = sum(shape[axis] for shape in draft.in_shapes)
    return _counted(draft, (*first[:axis], joined, *first[axis + 1 :]))


def _batch_norm(draft: Layer) -> Layer:
    elements = math.prod(draft.in_shape)
    return _counted(draft, draft.in_shape, 2 * draft.in_shape[0], mul=elements, add=elements)


def _lrn(draft: Layer) -> Layer:
    elements, size = math.prod(draft.in_shape), int(draft.attributes.get("size", 5))
    # x / (k + alpha/n * sum of n squares)^beta: square and scale, n - 1 sums and the k, a power and a division.
    return _counted(draft, draft.in_shape, mul=2 * elements, add=size * elements, pow=elements, div=elements)


def _softmax(draft: Layer) -> Layer:
    elements = math.prod(draft.in_shape)
    rows = elements // draft.in_shape[0] if len(draft.in_shape) == 3 else elements // draft.in_shape[-1]
    return _counted(draft, draft.in_shape, max=elements - rows, add=2 * elements - rows, exp=elements, div=elements)


def _arg_max(draft: Layer) -> Layer:
    return _counted(draft, (1,), max=math.prod(draft.in_shape) - 1)


def _reduce_mean(draft: Layer) -> Layer:
    axes, keep = tuple(draft.attributes["axes"]), bool(draft.attributes.get("keepdims", True))
    out = tuple(1 if i in axes else n for i, n in enumerate(draft.in_shape) if keep or i not in axes) or (1,)
    outputs = math.prod(out)
    return _counted(draft, out, add=math.prod(draft.in_shape) - outputs, div=outputs)


def _same(draft: Layer) -> Layer:
    return _counted(draft, draft.in_shape)


def _flatten(draft: Layer) -> Layer:
    return _counted(draft, (math.prod(draft.in_shape),))


def _reshape(draft: Layer) -> Layer:
    target: tuple[int, ...] = tuple(draft.attributes["shape"])
    elements = math.prod(draft.in_shape)
    if -1 in target:
        known = -math.prod(target)
        target = tuple(elements // known if n == -1 and known else n for n in target)
    if math.prod(target) != elements:
        text = "x".join(map(str, target))
        raise WorkloadError(f"layer '{draft.name}': {elements} elements cannot be reshaped to {text}")
    return _counted(draft, target)


def _input(draft: Layer) -> Layer:
    if not draft.out_shape or any(extent < 1 for extent in draft.out_shape):
        raise WorkloadError(
            f"layer '{draft.name}': input shape {draft.out_shape} is not a shape; write e.g. (3, 224, 224)"
        )
    return _counted(draft, draft.out_shape)


def _upsample(draft: Layer) -> Layer:
    channels, height, width = _map_shape(draft)
    size = draft.attributes.get("size")
    if size is None:
        down, across = draft.attributes.get("scale", (2, 2))
        rows, columns = math.floor(height * down), math.floor(width * across)
    else:
        rows, columns = size
    outputs = channels * rows * columns
    if draft.attributes.get("mode", "nearest") == "nearest":
        return _counted(draft, (channels, rows, columns), copy=outputs)
    # Two interpolations along a row and one between rows, each a multiplication and two additions.
    return _counted(draft, (channels, rows, columns), mul=3 * outputs, add=6 * outputs)


def _pad(draft: Layer) -> Layer:
    channels, height, width = _map_shape(draft)
    top, left, bottom, right = draft.pad
    shape = (channels, height + top + bottom, width + left + right)
    if min(shape) < 1:
        raise WorkloadError(f"layer '{draft.name}': negative padding leaves nothing of {height}x{width}")
    return _counted(draft, shape, copy=math.prod(shape))


def _transpose(draft: Layer) -> Layer:
    order = tuple(draft.attributes["perm"])
    if sorted(order) != list(range(len(draft.in_shape))):
        raise WorkloadError(f"layer '{draft.name}': {list(order)} does not permute {len(draft.in_shape)} dimensions")
    return _counted(draft, tuple(draft.in_shape[i] for i in order), copy=math.prod(draft.in_shape))


def _slice(draft: Layer) -> Layer:
    axis = int(draft.attributes.get("axis", 0))
    chosen = range(draft.in_shape[axis])[
        slice(draft.attributes.get("start"), draft.attributes.get("stop"), draft.attributes.get("step"))
    ]
    if not chosen:
        raise WorkloadError(f"layer '{draft.name}': the slice leaves nothing of extent {draft.in_shape[axis]}")
    shape = (*draft.in_shape[:axis], len(chosen), *draft.in_shape[axis + 1 :])
    return _counted(draft, shape, copy=math.prod(shape))


_WITH_WEIGHTS: dict[str, Callable[[Layer, int], Layer]] = {
    "conv": _conv,
    "conv_transpose": _conv_transpose,
    "dense": _dense,
    "recurrent": _recurrent,
}
_PLAIN: dict[str, Callable[[Layer], Layer]] = {
    "input": _input,
    **dict.fromkeys(("max_pool", "avg_pool"), _pool),
    **dict.fromkeys(("global_avg_pool", "global_max_pool"), _global_pool),
    **dict.fromkeys(("adaptive_avg_pool", "adaptive_max_pool"), _adaptive_pool),
    **dict.fromkeys(("add", "sub", "mul", "max"), _elementwise),
    "concat": _concat,
    "batch_norm": _batch_norm,
    "lrn": _lrn,
    "softmax": _softmax,
    "arg_max": _arg_max,
    "reduce_mean": _reduce_mean,
    **dict.fromkeys(("dropout", "identity", "shuffle"), _same),
    "flatten": _flatten,
    "reshape": _reshape,
    "upsample": _upsample,
    "pad": _pad,
    "transpose": _transpose,
    "slice": _slice,
}


def attributes_of(**values: Any) -> FrozenMap[Any]:
    """Attributes with lists frozen and absent ones left out."""
    return FrozenMap({k: tuple(v) if isinstance(v, list) else v for k, v in values.items() if v is not None})
