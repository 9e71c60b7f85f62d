"""The geometry of a layer as a stream: what each piece of the output needs of the input, and what it is done with.

Tensors stream in raster order: height, then width, then channel, as hardware pipelines move them. Positions count
elements of a frame in that order. A piece is the part of a frame that one firing works on: the whole frame, an output
row, or an output pixel. Layers that sum over the whole map (a global pool, a dense layer behind one) take one input row
or pixel a piece and write at the last one, so they never hold the map.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workloads.errors import WorkloadError, did_you_mean
from workloads.layers import ACTIVATION_KINDS, Layer, Shape

Ints = npt.NDArray[np.int64]

GRANULARITIES = ("frame", "row", "pixel")
_POINTWISE = ACTIVATION_KINDS | {
    "add",
    "sub",
    "mul",
    "max",
    "concat",
    "batch_norm",
    "lrn",
    "softmax",
    "arg_max",
    "identity",
    "dropout",
}
_WINDOWED = {"conv", "max_pool", "avg_pool"}
_ADAPTIVE = {"adaptive_avg_pool", "adaptive_max_pool"}
_SUMMING = {"global_avg_pool", "global_max_pool", "reduce_mean", "dense"}


@dataclass(frozen=True, slots=True, eq=False)
class LayerWindow:
    """``need`` and ``free`` hold one array of shape (pieces,) for each input; ``written`` is the cumulative output,
    (pieces,).
    """

    pieces: int
    need: tuple[Ints, ...]
    free: tuple[Ints, ...]
    written: Ints


def extent(shape: Shape) -> tuple[int, int, int]:
    """A shape as (height, width, channels): a vector is one pixel, a sequence (T, F) is T rows of one pixel."""
    if len(shape) == 3:
        return shape[1], shape[2], shape[0]
    if len(shape) == 2:
        return shape[0], 1, shape[1]
    return 1, 1, math.prod(shape)


def layer_window(layer: Layer, granularity: str) -> LayerWindow:
    """The window of a layer at 'frame', 'row' or 'pixel' granularity; raises :class:`WorkloadError` for another name.

    Kinds whose output order differs from their input order (transpose, shuffle, slice, reshape to another map) need the
    whole frame first and write it row by row or pixel by pixel.
    """
    if granularity not in GRANULARITIES:
        raise WorkloadError(
            f"layer '{layer.name}': no granularity '{granularity}'{did_you_mean(granularity, GRANULARITIES)}"
        )
    if granularity == "frame":
        totals = [np.array([math.prod(shape)], dtype=np.int64) for shape in layer.in_shapes]
        return LayerWindow(1, tuple(totals), tuple(totals), np.array([layer.output_elements], dtype=np.int64))
    if layer.kind in _SUMMING:
        return _summing(layer, granularity)
    height, width, _ = extent(layer.out_shape)
    pieces = height if granularity == "row" else height * width
    written = np.arange(1, pieces + 1, dtype=np.int64) * (layer.output_elements // pieces)
    windows = [_input_window(layer, shape, granularity, pieces) for shape in layer.in_shapes]
    return LayerWindow(pieces, tuple(w[0] for w in windows), tuple(w[1] for w in windows), written)


def _summing(layer: Layer, granularity: str) -> LayerWindow:
    height, width, _ = extent(layer.in_shape)
    pieces = height if granularity == "row" else height * width
    taken = np.arange(1, pieces + 1, dtype=np.int64) * (math.prod(layer.in_shape) // pieces)
    written = np.zeros(pieces, dtype=np.int64)
    written[-1] = layer.output_elements
    return LayerWindow(pieces, (taken,) * len(layer.in_shapes), (taken,) * len(layer.in_shapes), written)


def _input_window(layer: Layer, shape: Shape, granularity: str, pieces: int) -> tuple[Ints, Ints]:
    height, width, channels = extent(shape)
    # Filters that another layer makes (dynamic filter networks) are needed whole, from the first piece to the last.
    is_filter = layer.kind == "conv" and len(shape) == 1
    spans = None if is_filter else _axis_spans(layer, shape)
    if spans is None:
        whole = np.full(pieces, math.prod(shape), dtype=np.int64)
        free = np.zeros(pieces, dtype=np.int64)
        free[-1] = whole[-1]
        return whole, free
    (row_first, row_last), (col_first, col_last) = spans
    if granularity == "row":
        need, first = row_last * width, row_first * width
    else:
        # An output pixel is reached when the last input pixel of its window is there.
        need = np.where(
            (row_last[:, None] > 0) & (col_last[None, :] > 0), (row_last[:, None] - 1) * width + col_last[None, :], 0
        ).ravel()
        first = (row_first[:, None] * width + col_first[None, :]).ravel()
    need = np.maximum.accumulate(need)
    # A stride may leave a rim that no window touches; the last piece takes it, so that no token of a frame is left
    # behind.
    need[-1] = height * width
    # What a piece gives back is all that lies before the first element that any later piece still touches.
    free = np.append(np.minimum.accumulate(first[::-1])[::-1][1:], height * width)
    return need * channels, np.minimum(free, np.append(need[:-1], height * width)) * channels


def _axis_spans(layer: Layer, shape: Shape) -> tuple[tuple[Ints, Ints], tuple[Ints, Ints]] | None:
    """For output rows and columns: first input index and one past the last, clipped to the map; None where all is
    needed.
    """
    height, width, _ = extent(shape)
    rows, columns, _ = extent(layer.out_shape)
    if layer.kind in _WINDOWED and layer.kernel is not None:
        top, left, _bottom, _right = layer.pad
        return (
            _span(rows, height, layer.kernel[0], layer.stride[0], layer.dilation[0], top),
            _span(columns, width, layer.kernel[1], layer.stride[1], layer.dilation[1], left),
        )
    if layer.kind in _ADAPTIVE:
        return _bins(rows, height), _bins(columns, width)
    if layer.kind == "upsample" and rows % height == 0 and columns % width == 0:
        return _repeat(rows, height), _repeat(columns, width)
    if layer.kind == "pad":
        return _span(rows, height, 1, 1, 1, layer.pad[0]), _span(columns, width, 1, 1, 1, layer.pad[1])
    if layer.kind in _POINTWISE and (rows, columns) == (height, width):
        return _span(rows, height, 1, 1, 1, 0), _span(columns, width, 1, 1, 1, 0)
    return None


def _span(count: int, size: int, kernel: int, stride: int, dilation: int, pad: int) -> tuple[Ints, Ints]:
    first = np.arange(count, dtype=np.int64) * stride - pad
    last = first + (kernel - 1) * dilation + 1
    return np.clip(first, 0, size), np.clip(last, 0, size)


def _bins(count: int, size: int) -> tuple[Ints, Ints]:
    """Bins [floor(i a / n), ceil((i + 1) a / n)) of adaptive pooling (He et al., TPAMI 2015, corrected for n not
    dividing a).
    """
    i = np.arange(count, dtype=np.int64)
    return i * size // count, -(-(i + 1) * size // count)


def _repeat(count: int, size: int) -> tuple[Ints, Ints]:
    first = np.arange(count, dtype=np.int64) * size // count
    return first, first + 1
