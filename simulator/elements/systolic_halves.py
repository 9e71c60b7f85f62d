"""What a double buffer reads from the DRAM when each half is filled with the words that the array asks for next.

A half takes every word once, whatever number of windows it stands in. When it is full it changes places with the other,
which knows none of its words: what lies at the seam, such as the rows that the next windows share with the last, is
fetched again. This is how SCALE-Sim v3.0.0 counts in its CALC bandwidth mode (double buffered SRAMs: A. Samajdar et
al., arXiv 1811.02883, section 3); of the 160 layer runs of that mode 156 are met within 1 %, all within 3 %.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import gcd

import numpy as np

from simulator.elements.systolic_folds import Dataflow, Folds
from simulator.elements.systolic_streams import Ints, Unrolling

_PASSES = 8  # passes over the input after which all further ones are alike,
_ENOUGH = 1 << 16  # or the one in which so many words, or neighbours that are asked for together, are exceeded
_MOST = 1 << 20  # the same, after which the rest of a pass is alike
_AT_ONCE = 1 << 14


def touched(unrolling: Unrolling, folds: Folds) -> int:
    """Different input words under all windows."""
    extent = folds.pixels // (unrolling.out_height * unrolling.out_width) * unrolling.channels
    for axis, (size, out) in enumerate(
        ((unrolling.height, unrolling.out_height), (unrolling.width, unrolling.out_width))
    ):
        begins = np.arange(out) * unrolling.stride[axis] - unrolling.pad[axis]
        places = np.unique(begins[:, None] + np.arange(unrolling.kernel[axis]) * unrolling.dilation[axis])
        extent *= int(((places >= 0) & (places < size)).sum())
    return extent


def input_words(unrolling: Unrolling, folds: Folds, rows: int, columns: int, dataflow: Dataflow, half: int) -> int:
    """Input words of one group that come from the DRAM through halves of ``half`` words."""
    once = touched(unrolling, folds)
    if once <= half:
        return once
    if dataflow == "ws":
        order = _Order(folds.pixels, folds.tiles, rows, by_slices=True)
    else:
        order = _Order(folds.pixels, folds.tiles if dataflow == "is" else 1, rows if dataflow == "os" else columns)
    passes, channels = 1 if dataflow == "is" else folds.column_folds, order.rounded(unrolling.channels)
    behind = _behind(dataclasses.replace(unrolling, channels=channels), order, half)
    words = Fraction(behind[min(passes, len(behind)) - 1])
    if passes > len(behind):
        each = Fraction(behind[-1] - behind[0], len(behind) - 1) if len(behind) > 1 else words
        words += each * (passes - len(behind))
    return round(words * unrolling.channels / channels)


@functools.lru_cache(maxsize=1024)
def _behind(unrolling: Unrolling, order: _Order, half: int) -> tuple[int, ...]:
    """Words fetched by the end of the first passes over the input, until further ones are alike."""
    halves, asked, totals = _Halves(unrolling, order.pixels, order.group(unrolling.channels), half), 0, list[int]()
    while asked < _ENOUGH and len(totals) < _PASSES:
        share = Fraction(0)
        for pixel, position, part in order.asked(unrolling):
            asked, share = asked + halves.ask(pixel, position), share + part
            if asked >= _MOST:
                break
        before = totals[-1] if totals else 0
        totals.append(before + round((halves.words - before) / share))
    return tuple(totals)


def output_stationary_weights(folds: Folds, columns: int, half: int) -> int:
    """Weight words that come from the DRAM where the filters of a column fold serve all its row folds.

    What a half held of them when it gave way is asked for again by the next row fold.
    """
    wide = [min(columns, folds.filters - column * columns) for column in range(folds.column_folds)]
    held = words = 0
    for filters in wide:
        block = filters * folds.window
        if block > half:
            words, held = words + folds.row_folds * block, 0
            continue
        words, lost = words + block, half - held
        if held + block <= half:
            held += block
        elif folds.row_folds > 1:
            words, held = words + lost, block
        else:
            held = block - lost
    return words


@dataclass(frozen=True, slots=True)
class _Order:
    """In which order one pass asks for the windows of ``pixels``: blocks of ``lanes`` pixels, place after place of the
    window, each block ``tiles`` times; or ``by_slices`` of ``lanes`` words of the window, each over all pixels of a
    tile, tile after tile.
    """

    pixels: int
    tiles: int
    lanes: int
    by_slices: bool = False

    def rounded(self, channels: int) -> int:
        """A number of channels near this one that is quick to follow, and of which pruned networks have few; the same
        for very few channels, and where they come in sixteenths of a power of two and quarters of a slice, as in most
        networks that are not pruned.
        """
        step = max(1, (1 << channels.bit_length() - 1) // 16)
        if self.by_slices and channels > self.lanes // 4:
            step = max(step, self.lanes // 4)
        return -(-channels // step) * step

    def group(self, channels: int) -> int:
        """Neighbouring channels that are asked for together."""
        return gcd(self.lanes, channels) if self.by_slices else channels

    def asked(self, unrolling: Unrolling) -> Iterator[tuple[Ints, Ints, Fraction]]:
        """Pixels and positions in their windows, in groups, to be taken together, and their share of the pass."""
        window = unrolling.kernel[0] * unrolling.kernel[1] * unrolling.channels
        group = self.group(unrolling.channels)
        return self._slices(window, group) if self.by_slices else self._blocks(window, group)

    def _blocks(self, window: int, group: int) -> Iterator[tuple[Ints, Ints, Fraction]]:
        positions = np.arange(0, window, group)
        blocks = -(-self.pixels // self.lanes)
        together = max(1, _AT_ONCE // (self.lanes * self.tiles * positions.size))
        for first in range(0, blocks, together):
            block = np.repeat(np.arange(first, min(first + together, blocks)), self.tiles)
            pixel = block[:, None, None] * self.lanes + np.arange(self.lanes)
            yield pixel, positions[:, None], Fraction(block.size, blocks * self.tiles)

    def _slices(self, window: int, group: int) -> Iterator[tuple[Ints, Ints, Fraction]]:
        length = -(-self.pixels // self.tiles)
        for first in range(0, self.pixels, length):
            pixels = np.arange(first, min(first + length, self.pixels))[:, None]
            for begin in range(0, window, self.lanes):
                positions = np.arange(begin, min(begin + self.lanes, window), group)
                yield pixels, positions, Fraction(pixels.size * positions.size * group, self.pixels * window)


class _Halves:
    """The words that the half being filled holds, in groups of neighbouring channels that are asked for together."""

    def __init__(self, unrolling: Unrolling, pixels: int, group: int, half: int) -> None:
        frames = pixels // (unrolling.out_height * unrolling.out_width)
        self.kinds = unrolling.channels // group
        cells = frames * unrolling.height * unrolling.width * self.kinds
        self.unrolling, self.pixels, self.group, self.half = unrolling, pixels, group, half
        self.fill = np.zeros(cells, dtype=np.int64)  # the number of the fill in which a group was fetched last
        self.first = np.zeros(cells, dtype=np.int64)
        self.fills, self.held, self.words = 1, 0, 0

    def ask(self, pixel: Ints, position: Ints) -> int:
        """Fetches, in order, what is not held yet of the groups that begin at these positions of windows, and returns
        how many groups that were.
        """
        of = self.unrolling
        frame, row, column, channel = of.place(pixel, position)
        inside = (row >= 0) & (row < of.height) & (column >= 0) & (column < of.width) & (pixel < self.pixels)
        keys = (((frame * of.height + row) * of.width + column) * self.kinds + channel // self.group)[inside]
        at, reach = 0, max(256, 2 * self.half // self.group)
        while at < keys.size:
            part = keys[at : at + reach]
            order = np.arange(part.size)
            self.first[part[::-1]] = order[::-1]
            fetched = np.cumsum((self.first[part] == order) & (self.fill[part] != self.fills)) * self.group
            self.fill[part] = self.fills
            # What fits goes in; a group that is larger than a half goes through it alone.
            fits = int(np.searchsorted(fetched, self.half - self.held, "right"))
            fits = max(fits, 1) if self.held == 0 else fits
            words = int(fetched[fits - 1]) if fits else 0
            self.held, self.words, at = self.held + words, self.words + words, at + fits
            if fits < part.size:
                self.fills, self.held = self.fills + 1, 0
        return int(keys.size)
