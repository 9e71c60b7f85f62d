"""Window arithmetic: output extents and padding of convolutions and pools."""

from __future__ import annotations

from workloads.errors import WorkloadError
from workloads.layers import Shape

Pair = tuple[int, int]
Pads = tuple[int, int, int, int]


def pair(value: int | Pair) -> Pair:
    """One number for both directions, or (vertical, horizontal)."""
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[1]))


def pads(value: int | Pair | Pads) -> Pads:
    """One number for all sides, (vertical, horizontal), or top, left, bottom, right."""
    if isinstance(value, int):
        return (value, value, value, value)
    if len(value) == 2:
        return (value[0], value[1], value[0], value[1])
    top, left, bottom, right = value
    return (int(top), int(left), int(bottom), int(right))


def same_pad(extent: Pair, kernel: Pair, stride: Pair, dilation: Pair, lower: bool) -> Pads:
    """The padding that makes the output ``ceil(extent / stride)``; an odd pixel goes below and right, or above and left
    when ``lower`` (ONNX operators Conv and MaxPool, ``auto_pad``)."""
    before, after = [], []
    for axis in (0, 1):
        outputs = -(-extent[axis] // stride[axis])
        reach = (kernel[axis] - 1) * dilation[axis] + 1
        total = max(0, (outputs - 1) * stride[axis] + reach - extent[axis])
        small, large = total // 2, total - total // 2
        before.append(large if lower else small)
        after.append(small if lower else large)
    return (before[0], before[1], after[0], after[1])


def window_extents(
    name: str, extent: Pair, kernel: Pair, stride: Pair, pad: Pads, dilation: Pair, ceil_mode: bool = False
) -> Pair:
    """How many windows fit down and across.

    ``floor((extent + pads - reach) / stride) + 1`` with ``reach = dilation * (kernel - 1) + 1``. Under ``ceil_mode``
    the quotient is rounded up, and a last window that would start beyond the input and its leading pad is left out
    (Caffe ``pooling_layer.cpp``, ONNX MaxPool). Raises :class:`WorkloadError` when the kernel does not fit.
    """
    found = []
    for axis, side in ((0, "height"), (1, "width")):
        if stride[axis] < 1 or dilation[axis] < 1 or kernel[axis] < 1:
            raise WorkloadError(f"layer '{name}': kernel, stride and dilation must be at least 1")
        padded = extent[axis] + pad[axis] + pad[axis + 2]
        reach = dilation[axis] * (kernel[axis] - 1) + 1
        if reach > padded:
            raise WorkloadError(
                f"layer '{name}': its window reaches over {reach} pixels, the padded input has a {side} of {padded}"
                "; use a larger input, more padding or a smaller kernel"
            )
        steps = -(-(padded - reach) // stride[axis]) if ceil_mode else (padded - reach) // stride[axis]
        if ceil_mode and steps * stride[axis] >= extent[axis] + pad[axis]:
            steps -= 1
        found.append(steps + 1)
    return (found[0], found[1])


def transposed_extents(
    name: str, extent: Pair, kernel: Pair, stride: Pair, pad: Pads, dilation: Pair, extra: Pair
) -> Pair:
    """Output of a transposed convolution: ``(extent - 1) * stride - pads + reach + extra`` (ONNX ConvTranspose)."""
    found = []
    for axis in (0, 1):
        reach = dilation[axis] * (kernel[axis] - 1) + 1
        out = (extent[axis] - 1) * stride[axis] - pad[axis] - pad[axis + 2] + reach + extra[axis]
        if out < 1:
            raise WorkloadError(f"layer '{name}': its padding leaves no output; write less padding")
        found.append(out)
    return (found[0], found[1])


def broadcast(name: str, shapes: tuple[Shape, ...]) -> Shape:
    """The shape of an elementwise operation: equal extents, or 1 against anything, aligned at the channel.

    Shapes of different rank are aligned as NumPy aligns them. Raises :class:`WorkloadError` naming the layer.
    """
    rank = max(len(shape) for shape in shapes)
    extents = []
    for position in range(rank):
        column = {
            shape[position - rank + len(shape)] for shape in shapes if position - rank + len(shape) >= 0
        } - {1}  # fmt: skip
        if len(column) > 1:
            texts = " and ".join("x".join(map(str, shape)) for shape in shapes)
            raise WorkloadError(f"layer '{name}': cannot combine shapes {texts} element by element; make them equal")
        extents.append(column.pop() if column else 1)
    return tuple(extents)
