"""Padding, FIFOs and sliding windows in front of a convolution or a pool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

import numpy as np

from simulator.elements.streaming import formulas, pieces, resources
from simulator.elements.streaming.formulas import Sliding
from simulator.elements.streaming.operator import Operator
from simulator.elements.streaming.options import FoldingOptions, check_divides
from simulator.elements.streaming.resources import Resources
from simulator.elements.streaming.setfolding import lightest
from simulator.errors import PlatformError
from workloads.layers import Layer
from workloads.windows import extent


def padded(
    layer: Layer, options: FoldingOptions, pad: tuple[int, int, int, int], spacing: tuple[int, int], where: str
) -> tuple[Operator, tuple[int, int]]:
    """Zeros around the map, and between its pixels where ``spacing`` is above 1; and the size it has then."""
    height, width, channels = extent(layer.in_shape)
    top, left, bottom, right = pad
    tall, wide = (height - 1) * spacing[0] + 1, (width - 1) * spacing[1] + 1
    rows, columns = np.zeros(tall + top + bottom, np.bool_), np.zeros(wide + left + right, np.bool_)
    rows[top : top + tall : spacing[0]] = True
    columns[left : left + wide : spacing[1]] = True
    size = (rows.size, columns.size)
    simd = options.padding_simd or lightest(channels, lambda words: formulas.padding(*size, words), options.pace)
    check_divides(where, "padding_simd", simd, channels, "the channels")
    words, bits = channels // simd, layer.input_bits
    made = Operator(
        "padding",
        pieces.mask_through(rows[:, None] & columns[None, :], channels, words),
        formulas.padding(*size, words),
        simd * bits,
        simd * bits,
        size[0] * size[1] * channels,
        bits,
        detail={"simd": simd},
        room=None,
    )
    return made, size


def sliding(
    layer: Layer,
    options: FoldingOptions,
    shape: Sliding,
    consumer_pe: int | None,
    where: str,
    parts: Sequence[Sliding] = (),
) -> Operator:
    """A sliding window unit; in front of a depthwise unit it is folded as that is.

    ``parts`` are the windows that together keep the pace, where this is one tile of several.
    """
    bits, depthwise = layer.input_bits, consumer_pe is not None
    pointwise = shape.kernel == (1, 1)
    parallel = options.parallel_window or pointwise
    style = options.swg if not pointwise else "rtl"
    if consumer_pe is not None:
        simd = consumer_pe
    else:
        simd = options.swg_simd or lightest(
            shape.channels,
            lambda words: sum(formulas.swg(part, words, style=style, parallel=parallel) for part in parts or (shape,)),
            options.pace,
        )
    check_divides(where, "swg_simd", simd, shape.channels, "the channels")
    words = shape.channels // simd
    if parallel and not depthwise and not pointwise and words > 1:
        raise PlatformError(
            f"{where}: parallel_window is true and swg_simd is {simd}; a whole window leaves at once only"
            f" where all channels do: write swg_simd: {shape.channels}"
        )
    cycles = formulas.swg(shape, words, style=style, depthwise=depthwise, parallel=parallel)
    blocks = style != "rtl" and not parallel and not shape.is_line

    def resized(live: int) -> pieces.Making:
        total = formulas.swg(shape, live, style=style, depthwise=depthwise, parallel=parallel)
        fill = _fill(shape, live, total, parallel)
        return pieces.window(shape, live, total, fill, depthwise=depthwise, parallel=parallel, blocks=blocks)

    depth = formulas.swg_buffer(shape, words, parallel)
    return Operator(
        "swg",
        resized(words),
        cycles,
        simd * bits,
        simd * bits * (shape.kernel_pixels if parallel else 1),
        shape.out_height * shape.out_width * shape.kernel_pixels * shape.channels,
        bits,
        resources=_buffers(shape, simd * bits, depth, parallel, options.swg_ram_style),
        detail={"simd": simd, "buffer_words": depth},
        resized=resized,
    )


def with_fifo(body: list[Operator], shape: Sliding, size: tuple[int, int], bits: int) -> list[Operator]:
    """The FIFO in front of windows, beside the line buffer of the window unit: the k rows of a first window.

    No frame is begun in a window unit before the last window of the one before has left, so the next frame waits here;
    with one row instead, CNV-w2a2 loses 5 % of its throughput. FINN sizes its FIFOs for full throughput, by simulation.
    """
    width = size[1]
    room = shape.kernel[0] * width * shape.channels
    if body[0].name == "padding":
        return [replace(body[0], room=room), *body[1:]]
    make = pieces.through(*size, 1, shape.channels, shape.channels, 0)
    return [Operator("fifo", make, 0, 0, body[0].in_width, prod(size) * shape.channels, bits, room=room), *body]


def _fill(shape: Sliding, words: int, cycles: int, parallel: bool) -> int:
    """Cycles of a frame before the first window leaves: what is not spent on rows of windows."""
    if parallel:
        return min(cycles - 1, shape.reach(words) - words + 2)
    if shape.is_line:
        return min(cycles - 1, shape.reach(words))
    row = max(formulas.window_words(shape, words), shape.stride[1] * shape.width * words)
    return max(0, cycles - shape.out_height * row)


def _buffers(shape: Sliding, width: int, depth: int, parallel: bool, ram_style: str) -> Resources:
    if not parallel:
        return resources.window_buffer(width, depth, ram_style)
    if shape.is_line:
        return resources.window_buffer(width, 0, ram_style)
    across = (shape.kernel[1] - 1) * shape.dilation[1] + 1
    line = shape.width - across + shape.width * (shape.dilation[0] - 1)
    return resources.window_buffer(width, line, ram_style, shape.kernel[0] - 1)
