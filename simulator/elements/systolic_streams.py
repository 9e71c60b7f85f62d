"""The order in which the words of an operand lie in the DRAM, and the order in which a systolic array asks for them.

An operand is stored as the array uses it: unrolled to a matrix, so that a pixel stands there once for each window
that covers it, and cut into blocks as wide as the array, an edge block padded. An operand that streams through the
cells enters along diagonals and is stored along them; one that stays in the cells is stored row by row and loaded
from its last row up, so that the first comes to rest at the top. Source: A. Samajdar et al., "SCALE-Sim", arXiv
1811.02883, sections 2 and 3 (dataflows, skew); the fetch order is that of SCALE-Sim v3.0.0.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulator.elements.systolic_folds import Dataflow, Folds
from workloads.layers import Layer

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_COUNTED_CELLS = 1 << 18  # cells of an operand up to which the padding of the map is told from its words
_AT_ONCE = 1 << 16  # words of demand made at a time


@dataclass(frozen=True, slots=True)
class Unrolling:
    """Where a cell of the unrolled input, a pixel of the output and a place in its window, lies in the input map."""

    height: int
    width: int
    channels: int
    out_height: int
    out_width: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    pad: tuple[int, int]

    def place(self, pixel: Ints, position: Ints) -> tuple[Ints, Ints, Ints, Ints]:
        """Frame, row, column and channel; a row or column outside the map is padding."""
        frame, pixel = np.divmod(pixel, self.out_height * self.out_width)
        area, channel = np.divmod(position, self.channels)
        row = pixel // self.out_width * self.stride[0] + area // self.kernel[1] * self.dilation[0] - self.pad[0]
        column = pixel % self.out_width * self.stride[1] + area % self.kernel[1] * self.dilation[1] - self.pad[1]
        return frame, row, column, channel

    def holds(self, pixel: Ints, position: Ints) -> Flags:
        """Which cells are words of the input and not padding."""
        _, row, column, _ = self.place(pixel, position)
        inside: Flags = (row >= 0) & (row < self.height) & (column >= 0) & (column < self.width)
        return inside

    def copies(self, pixel: Ints, position: Ints) -> tuple[Ints, Ints]:
        """All cells with the same word, one column a place in the window; one that does not exist repeats the cell."""
        frame, row, column, channel = self.place(pixel, position)
        area = np.arange(self.kernel[0] * self.kernel[1])
        down = row[:, None] - area // self.kernel[1] * self.dilation[0] + self.pad[0]
        right = column[:, None] - area % self.kernel[1] * self.dilation[1] + self.pad[1]
        there = (down >= 0) & (down % self.stride[0] == 0) & (down < self.out_height * self.stride[0])
        there &= (right >= 0) & (right % self.stride[1] == 0) & (right < self.out_width * self.stride[1])
        pixels = (frame[:, None] * self.out_height + down // self.stride[0]) * self.out_width
        pixels += right // self.stride[1]
        positions = area * self.channels + channel[:, None]
        return np.where(there, pixels, pixel[:, None]), np.where(there, positions, position[:, None])


@dataclass(frozen=True, slots=True)
class Demand:
    """Words in the order in which the array asks for them: row and lane of the stored matrix, and the cycle."""

    rows: Ints
    lanes: Ints
    cycles: Ints


@dataclass(frozen=True, slots=True)
class Stream:
    """One operand of one product: ``across`` x ``along`` words, cut across into blocks of ``lanes``, each ``along``
    rows long. ``folds`` folds use it; ``begin`` cycles into a fold of ``fold_cycles`` its first word is asked for.

    ``skewed``: it streams through, whole blocks in turn, each ``repeats`` times before the next. Else it stays in the
    cells, and a fold loads ``high`` rows of a block. ``pixels_across``: an unrolled input whose pixels are cut across.
    """

    across: int
    along: int
    lanes: int
    folds: int
    fold_cycles: int
    begin: int
    skewed: bool
    repeats: int
    high: int
    unrolling: Unrolling | None = None
    pixels_across: bool = False

    @property
    def blocks(self) -> int:
        return -(-self.across // self.lanes)

    @property
    def cells(self) -> int:
        """Cells of all blocks, padding included."""
        return self.blocks * self.lanes * self.along

    @property
    def fold_cells(self) -> int:
        """Cells that a fold asks for, padding included."""
        return self.lanes * (self.along if self.skewed else self.high)

    def covered(self, most: int) -> int:
        """Cycles of the folds that :meth:`demand` goes through."""
        if self.fold_cells > most:
            return self.begin + most // self.lanes + 1
        return self.fold_cycles * min(self.folds, -(-most // self.fold_cells))

    def demand(self, most: int) -> Iterator[Demand]:
        """What the folds ask for, some at a time, until all folds or about ``most`` cells are done."""
        row, lane, cycle = self._fold(most)
        last, together = min(self.folds, -(-most // self.fold_cells)), max(1, _AT_ONCE // row.size)
        for first in range(0, last, together):
            fold = np.arange(first, min(first + together, last))[:, None]
            start, block = self._start(fold)
            rows, cycles = start + row, fold * self.fold_cycles + cycle
            real = (lane < self.across - block * self.lanes) & (rows < (block + 1) * self.along)
            lanes = np.broadcast_to(lane, rows.shape)
            if self._knows_padding:
                real &= self.holds(rows, lanes)
            yield Demand(rows[real], lanes[real], cycles[real])

    def _fold(self, most: int) -> tuple[Ints, Ints, Ints]:
        """Rows, lanes and cycles of the words of one fold, in order; only the first where there are more than asked."""
        if not self.skewed:
            up = np.repeat(np.arange(self.high)[::-1], self.lanes)
            lane = np.tile(np.arange(self.lanes), self.high)
            return up, lane, self.begin + self.high - 1 - up
        length = min(self.along, most // self.lanes + 1)
        time = np.repeat(np.arange(length + self.lanes - 1), self.lanes)
        lane = np.tile(np.arange(self.lanes), length + self.lanes - 1)
        inside = (time >= lane) & (time - lane < length) & ((time < length) | (length == self.along))
        return (time - lane)[inside], lane[inside], self.begin + time[inside]

    def _start(self, fold: Ints) -> tuple[Ints, Ints]:
        """First row of each fold, and its block."""
        if self.skewed:
            block = fold // self.repeats % self.blocks
            return block * self.along, block
        block, part = np.divmod(fold, -(-self.along // self.high))
        return block * self.along + part * self.high, block

    @property
    def _knows_padding(self) -> bool:
        return self.cells <= _COUNTED_CELLS

    def indices(self, rows: Ints, lanes: Ints) -> tuple[Ints, Ints]:
        """Place of cells across and along the operand."""
        block, along = np.divmod(rows, self.along)
        return block * self.lanes + lanes, along

    def holds(self, rows: Ints, lanes: Ints) -> Flags:
        """Which cells hold a word and no padding."""
        across, along = self.indices(rows, lanes)
        real: Flags = across < self.across
        if self.unrolling is not None:
            pixel, position = (across, along) if self.pixels_across else (along, across)
            real &= self.unrolling.holds(pixel, position)
        return real

    def copies(self, rows: Ints, lanes: Ints) -> tuple[Ints, Ints]:
        """Rows and lanes of all cells with the same words, a column a copy."""
        if self.unrolling is None:
            return rows[:, None], lanes[:, None]
        across, along = self.indices(rows, lanes)
        if self.pixels_across:
            across, along = self.unrolling.copies(across, along)
        else:
            along, across = self.unrolling.copies(along, across)
        return across // self.lanes * self.along + along, across % self.lanes

    def stored(self, rows: Ints, lanes: Ints) -> Ints:
        """Place of cells in the order in which the DRAM is read."""
        if not self.skewed:
            return rows * self.lanes + lanes
        high, diagonal = self.blocks * self.along, rows + lanes
        if diagonal.size and diagonal.min() >= self.lanes - 1 and diagonal.max() < high:  # diagonals of full length
            return np.asarray(diagonal * self.lanes + (lanes - self.lanes * (self.lanes - 1) // 2))
        before = _triangle(diagonal) - _triangle(diagonal - high) - _triangle(diagonal - self.lanes)
        before += _triangle(diagonal - high - self.lanes)
        return np.asarray(before + lanes - np.maximum(0, diagonal - high + 1))

    def words_before(self) -> tuple[Ints | None, int]:
        """For each stored cell the words before it, or None where padding counts as words; and all words."""
        if not self._knows_padding:
            return None, self.across * self.along
        rows, lanes = np.divmod(np.arange(self.cells), self.lanes)
        real = np.zeros(self.cells, dtype=np.int64)
        real[self.stored(rows, lanes)] = self.holds(rows, lanes)
        behind = np.cumsum(real)
        return behind - real, int(behind[-1])


def _triangle(side: Ints) -> Ints:
    return np.maximum(0, side) * np.maximum(0, side + 1) // 2


def input_stream(layer: Layer, folds: Folds, rows: int, columns: int, dataflow: Dataflow) -> Stream:
    """The input of one group."""
    count, unrolling = folds.row_folds * folds.column_folds, unrolling_of(layer, folds)
    through = Stream(
        across=folds.pixels,
        along=folds.window,
        lanes=rows,
        folds=count,
        fold_cycles=folds.fold_cycles,
        begin=0,
        skewed=True,
        repeats=1,
        high=rows,
        unrolling=unrolling,
        pixels_across=True,
    )
    if dataflow == "os":
        return through
    if dataflow == "is":
        return dataclasses.replace(through, lanes=columns, skewed=False)
    return dataclasses.replace(through, across=folds.window, along=folds.pixels, begin=rows, pixels_across=False)


def weight_stream(folds: Folds, rows: int, columns: int, dataflow: Dataflow) -> Stream:
    """The weights of one group."""
    count = folds.row_folds * folds.column_folds
    through = Stream(
        across=folds.filters,
        along=folds.window,
        lanes=columns,
        folds=count,
        fold_cycles=folds.fold_cycles,
        begin=0,
        skewed=True,
        repeats=folds.row_folds,
        high=rows,
    )
    if dataflow == "os":
        return through
    if dataflow == "ws":
        return dataclasses.replace(through, skewed=False)
    return dataclasses.replace(through, across=folds.window, along=folds.filters, lanes=rows, begin=rows, repeats=1)


def unrolling_of(layer: Layer, folds: Folds) -> Unrolling | None:
    """How windows overlap; None where each word of the product is a word of its own."""
    maps = len(layer.in_shape) == 3 and len(layer.out_shape) == 3
    if layer.kind != "conv" or layer.kernel is None or not maps:
        return None
    if folds.pixels % (layer.out_shape[1] * layer.out_shape[2]) != 0:  # some positions are skipped
        return None
    return Unrolling(
        height=layer.in_shape[1],
        width=layer.in_shape[2],
        channels=max(1, folds.window // (layer.kernel[0] * layer.kernel[1])),
        out_height=layer.out_shape[1],
        out_width=layer.out_shape[2],
        kernel=layer.kernel,
        stride=layer.stride,
        dilation=layer.dilation,
        pad=layer.pad[:2],
    )
