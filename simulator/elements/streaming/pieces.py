"""How an operator takes and gives its stream, piece by piece, at each granularity.

Positions count elements of a frame in raster order (height, width, channel). A sliding window unit writes window after
window: its output has the kernel's pixels times the channels for each output pixel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from simulator.elements.base import Ints
from simulator.elements.streaming.formulas import Sliding
from workloads.layers import Layer
from workloads.windows import layer_window

GRANULARITIES = ("frame", "row", "pixel", "word")


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """One frame of an operator: what each piece needs and frees of every input, has written by its end, and its cycles.

    All arrays have the shape (pieces,); ``need``, ``free`` and ``written`` are cumulative elements.
    """

    need: tuple[Ints, ...]
    free: tuple[Ints, ...]
    written: Ints
    cycles: Ints

    @property
    def count(self) -> int:
        return int(self.cycles.size)


Making = Callable[[str], Pieces]
"""Makes the pieces of a frame at a granularity."""


def spread(total: int, count: int) -> Ints:
    """``total`` cycles over ``count`` pieces, as evenly as whole cycles go and with the same sum."""
    edges = np.arange(count + 1, dtype=np.int64) * total // count
    return np.diff(edges)


def through(height: int, width: int, words: int, taken: int, given: int, cycles: int) -> Making:
    """An operator that gives a word for each it takes: ``taken`` elements a pixel in, ``given`` out."""

    def make(granularity: str) -> Pieces:
        count = {"frame": 1, "row": height, "pixel": height * width}.get(granularity, height * width * words)
        done = np.arange(1, count + 1, dtype=np.int64)
        total = height * width
        need = done * (total * taken) // count
        return Pieces((need,), (need,), done * (total * given) // count, spread(cycles, count))

    return make


def mask_through(real: np.ndarray[tuple[int, int], np.dtype[np.bool_]], channels: int, words: int) -> Making:
    """Zeros put around or between the pixels of a map: ``real`` says which pixels of the larger map are the input's."""
    height, width = real.shape

    def make(granularity: str) -> Pieces:
        taken = np.cumsum(real.ravel()).astype(np.int64) * channels
        if granularity == "frame":
            taken = taken[-1:]
        elif granularity == "row":
            taken = taken.reshape(height, width)[:, -1]
        count = taken.size
        written = np.arange(1, count + 1, dtype=np.int64) * (height * width * channels // count)
        return Pieces((taken,), (taken,), written, spread(height * width * words, count))

    return make


def window(
    shape: Sliding,
    words: int,
    total: int,
    fill: int,
    *,
    depthwise: bool = False,
    parallel: bool = False,
    blocks: bool = False,
) -> Making:
    """A sliding window unit of ``total`` cycles a frame, ``fill`` of them before the first window.

    The fill is a piece of its own that begins with the first element: it passes while a slow writer fills the buffer,
    and costs its time where the frame waits in a FIFO already. No frame is begun before the last window of the one
    before has left (finn-rtllib, swg: one buffer, one write and one read pointer). ``blocks``: the buffer is made of
    whole rows, as in HLS.
    """

    def make(granularity: str) -> Pieces:
        if granularity == "frame":
            everything = np.array([shape.height * shape.width * shape.channels], dtype=np.int64)
            written = np.array([_window_elements(shape) * shape.out_height * shape.out_width], dtype=np.int64)
            return Pieces((everything,), (everything,), written, np.array([total], dtype=np.int64))
        if blocks:
            need, free = _block_reach(shape, granularity, words)
        else:
            need, free = _window_reach(shape, granularity, words, depthwise, parallel)
        written = np.arange(1, need.size + 1, dtype=np.int64) * (
            _window_elements(shape) * shape.out_height * shape.out_width // need.size
        )
        if parallel:
            # A whole window leaves in a cycle: reading sets the pace.
            edges = (total - fill) * (need - need[0] + 1) // (int(need[-1] - need[0]) + 1)
            cycles = np.diff(edges, prepend=0)
        else:
            cycles = spread(total - fill, need.size)
        first = np.array([min(shape.channels, int(need[0]))], dtype=np.int64)
        nothing = np.zeros(1, dtype=np.int64)
        return Pieces(
            (np.concatenate([first, need]),),
            (np.concatenate([nothing, free]),),
            np.concatenate([nothing, written]),
            np.concatenate([np.array([fill], dtype=np.int64), cycles]),
        )

    return make


def _window_elements(shape: Sliding) -> int:
    return shape.kernel_pixels * shape.channels


def _window_reach(shape: Sliding, granularity: str, words: int, depthwise: bool, parallel: bool) -> tuple[Ints, Ints]:
    """Cumulative elements that each row, window or word of windows needs and frees."""
    across = np.arange(shape.out_width, dtype=np.int64) * shape.stride[1]
    down = np.arange(shape.out_height, dtype=np.int64) * shape.stride[0]
    first = (down[:, None] * shape.width + across[None, :]) * shape.channels
    if granularity == "row":
        first = down * shape.width * shape.channels
        reach = np.array([((shape.kernel[0] - 1) * shape.dilation[0] + 1) * shape.width * shape.channels])
    elif granularity == "pixel" or parallel:
        reach = np.array([shape.reach(1) * shape.channels])
    else:
        reach = _word_reach(shape, words, depthwise)
    need = (first.reshape(-1, 1) + reach[None, :]).ravel()
    whole = shape.height * shape.width * shape.channels
    need = np.maximum.accumulate(np.minimum(need, whole))
    # The last piece takes the rim that no window touches, so that no token of a frame is left behind.
    need[-1] = whole
    freed = np.append(first.ravel()[1:], whole)
    freed = np.minimum.accumulate(freed[::-1])[::-1]
    if reach.size == 1:
        return need, np.minimum(freed, need)
    # An element is overwritten as soon as it has been fetched for the last time: first row first, from its left end.
    passed = first.reshape(-1, 1) + _word_passed(shape, words, depthwise)[None, :]
    before = np.append(0, freed[:-1])
    free = np.clip(passed, before[:, None], freed[:, None]).ravel()
    return need, np.minimum(free, need)


def _block_reach(shape: Sliding, granularity: str, words: int) -> tuple[Ints, Ints]:
    """What each row, window or word of windows needs and frees where the buffer is k + 1 whole rows.

    The loop of finn-hlslib (slidingwindow.h, ConvolutionInputGenerator) reads a word of the next row for each word that
    it writes of this row of windows, until that row is in: a row of windows is not done before the next row has come.
    """
    row = shape.width * shape.channels
    whole = shape.height * row
    count = {"row": 1, "pixel": shape.out_width}.get(granularity, shape.out_width * shape.kernel_pixels * words)
    left = shape.out_width * shape.kernel_pixels * shape.channels
    done = np.arange(1, count + 1, dtype=np.int64) * left // count
    rows = np.arange(shape.out_height, dtype=np.int64)
    reach = (shape.kernel[0] - 1) * shape.dilation[0] + 1
    there = (rows * shape.stride[0] + reach) * row
    need = there[:, None] + np.minimum(done, shape.stride[0] * row)[None, :]
    need = np.minimum(need, whole).ravel()
    need[-1] = whole
    free = np.repeat(rows * shape.stride[0] * row, count)
    free[count - 1 :: count] += shape.stride[0] * row
    free[-1] = whole
    return need, np.minimum(free, need)


def _word_reach(shape: Sliding, words: int, depthwise: bool) -> Ints:
    """From the first pixel of a window to the end of each of its words, in the order in which they leave."""
    rows = np.arange(shape.kernel[0], dtype=np.int64) * shape.dilation[0] * shape.width
    columns = np.arange(shape.kernel[1], dtype=np.int64) * shape.dilation[1]
    pixels = (rows[:, None] + columns[None, :]).ravel() * shape.channels
    ends = np.arange(1, words + 1, dtype=np.int64) * (shape.channels // words)
    order = (ends[:, None] + pixels[None, :]) if depthwise else (pixels[:, None] + ends[None, :])
    return order.ravel()


def _word_passed(shape: Sliding, words: int, depthwise: bool) -> Ints:
    """From the first pixel of a window, how many elements of its first row are done with after each of its words."""
    ends = np.arange(1, words + 1, dtype=np.int64) * (shape.channels // words)
    everything = shape.height * shape.width * shape.channels
    if depthwise:
        passed = np.repeat(ends, shape.kernel_pixels)
    else:
        columns = np.arange(shape.kernel[1], dtype=np.int64) * shape.dilation[1] * shape.channels
        below = np.full(words * (shape.kernel_pixels - shape.kernel[1]), everything, dtype=np.int64)
        passed = np.concatenate([(columns[:, None] + ends[None, :]).ravel(), below])
    passed[-1] = everything
    return passed


def matrix_vectors(height: int, width: int, taken: int, rows: int, folds: int, outputs: int) -> Making:
    """A matrix-vector unit: ``height`` x ``width`` vectors of ``taken`` elements in and ``rows`` out, each in ``folds``
    (SF, columns / SIMD) by ``outputs`` (NF, rows / PE) cycles.

    At word granularity a vector is SF cycles that each read a word, the last of which ends the first fold of the
    output, then NF - 1 folds of SF cycles that replay what was read (finn-hlslib, mvau.hpp: words are read while
    ``nf == 0``). A single vector is cut so at row and pixel granularity too, but in four pieces: otherwise a chain of
    dense layers would take the sum of their times, which hardware does not.
    """
    vectors = height * width

    def make(granularity: str) -> Pieces:
        single = vectors == 1 and granularity in ("row", "pixel")
        if granularity == "word" or single:
            read, written, cycles = _vector(folds, outputs, coarse=single)
            before = np.arange(vectors, dtype=np.int64)[:, None]
            need = (before * taken + read[None, :] * taken // folds).ravel()
            out = (before * rows + written[None, :] * rows // outputs).ravel()
            return Pieces((need,), (need,), out, np.tile(cycles, vectors))
        count = {"frame": 1, "row": height}.get(granularity, vectors)
        done = np.arange(1, count + 1, dtype=np.int64) * (vectors // count)
        return Pieces((done * taken,), (done * taken,), done * rows, spread(vectors * outputs * folds, count))

    return make


def _vector(folds: int, outputs: int, coarse: bool) -> tuple[Ints, Ints, Ints]:
    """Words read and written, cumulative, and cycles of the pieces of one vector."""
    if coarse:
        parts = [(folds - 1, 0, folds - 1), (folds, 1, 1)]
        parts += [(folds, outputs - 1, (outputs - 2) * folds), (folds, outputs, folds)]
        there = (folds > 1, True, outputs > 2, outputs > 1)
        kept = [part for part, is_there in zip(parts, there, strict=True) if is_there]
        read, written, cycles = (np.array(column, dtype=np.int64) for column in zip(*kept, strict=True))
        return read, written, cycles
    reads = np.arange(1, folds + 1, dtype=np.int64)
    read = np.concatenate([reads, np.full(outputs - 1, folds, dtype=np.int64)])
    written = np.concatenate([np.zeros(folds - 1, dtype=np.int64), np.arange(1, outputs + 1, dtype=np.int64)])
    cycles = np.concatenate([np.ones(folds, dtype=np.int64), np.full(outputs - 1, folds, dtype=np.int64)])
    return read, written, cycles


def summing(height: int, width: int, words: int, taken: int, given: int, cycles: int, last: int) -> Making:
    """An operator that reads a whole map and writes ``given`` elements at its end, for ``last`` of its cycles."""

    def make(granularity: str) -> Pieces:
        count = {"frame": 1, "row": height, "pixel": height * width}.get(granularity, height * width * words)
        need = np.arange(1, count + 1, dtype=np.int64) * (height * width * taken) // count
        written = np.zeros(count, dtype=np.int64)
        written[-1] = given
        spent = spread(cycles - last, count)
        spent[-1] += last
        return Pieces((need,), (need,), written, spent)

    return make


def pooled(
    height: int, width: int, channels: int, out: tuple[int, int], kernel: tuple[int, int], cycles: int
) -> Making:
    """A streaming pool of windows that do not overlap: reads the map as it comes, writes when a window is complete."""

    def make(granularity: str) -> Pieces:
        total = out[0] * out[1] * channels
        if granularity == "frame":
            taken, written = np.array([height * width]), np.array([total])
        elif granularity == "row":
            taken = np.arange(1, height + 1) * width
            written = np.minimum(np.arange(1, height + 1) // kernel[0], out[0]) * out[1] * channels
        else:
            taken = np.arange(1, height * width + 1)
            rows, columns = np.divmod(np.arange(height * width), width)
            done = np.minimum((columns + 1) // kernel[1], out[1])
            closes = (rows % kernel[0] == kernel[0] - 1) & (rows // kernel[0] < out[0])
            written = np.minimum(rows // kernel[0], out[0]) * out[1] + np.where(closes, done, 0)
            written = written * channels
        need = taken.astype(np.int64) * channels
        return Pieces((need,), (need,), written.astype(np.int64), spread(cycles, need.size))

    return make


def of_layer(layer: Layer, cycles: int) -> Making:
    """An operator whose pieces are the rows or pixels of a layer's output, with the layer's own window."""

    def make(granularity: str) -> Pieces:
        geometry = layer_window(layer, "pixel" if granularity == "word" else granularity)
        return Pieces(geometry.need, geometry.free, geometry.written, spread(cycles, geometry.pieces))

    return make


def conversion(elements: int, bits: int, in_bits: int, out_bits: int) -> Making:
    """A data width converter: a word in and a word out a cycle, through the common width where neither divides the
    other. Only at word granularity is it more than the counting of tokens that channels do by themselves."""
    in_words = -(-elements * bits // in_bits)
    out_words = -(-elements * bits // out_bits)

    def make(granularity: str) -> Pieces:
        count = max(in_words, out_words) if granularity == "word" else 1
        done = np.arange(1, count + 1, dtype=np.int64)
        taken = np.minimum(-(-done * in_words // count) * in_bits, elements * bits)
        taken = np.minimum(-(-taken // bits), elements)
        written = np.minimum(done * out_words // count * out_bits // bits, elements)
        written[-1] = elements
        return Pieces((taken,), (taken,), written, np.ones(count, dtype=np.int64))

    return make
