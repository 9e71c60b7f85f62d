"""A convolution computed tile by tile: its input leaves a frame buffer in strips or 2-D tiles, halo and zeros included.

The frame buffer lies in the element's memory, where it costs traffic (written once, read with its halo), or in block
RAM. The window unit behind it begins anew in each tile and keeps lines of a tile only. What the layer computes comes
tile by tile too, and is put back in raster order the same way before another layer reads it. Geometry and costs:
:mod:`workloads.tiling`; [D] in the sense of no published design: line buffers and re-reads follow from the geometry.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from simulator.elements.base import Ints
from simulator.elements.streaming import resources
from simulator.elements.streaming.formulas import Sliding
from simulator.elements.streaming.operator import Operator
from simulator.elements.streaming.pieces import Making, Pieces, spread
from simulator.elements.streaming.resources import Resources
from simulator.elements.streaming.tileoptions import TileOptions
from simulator.errors import PlatformError
from workloads.errors import WorkloadError
from workloads.layers import Layer
from workloads.network import LayerGroup
from workloads.tiling import Tiling, tiling
from workloads.windows import extent


@dataclass(frozen=True, slots=True)
class Tiles:
    """The tiles of one layer, and where its maps wait; ``outside``: the input lies in a memory already."""

    tiling: Tiling
    in_memory: bool
    outside: bool
    bits: int

    @property
    def layer(self) -> Layer:
        return self.tiling.layer

    def windows(self) -> list[Sliding]:
        """The window of each tile."""
        layer, channels = self.layer, extent(self.layer.in_shape)[2]
        return [
            Sliding(t.high, t.wide, channels, t.rows, t.columns, layer.kernel or (1, 1), layer.stride, layer.dilation)
            for t in self.tiling.tiles
        ]


def tiles_of(group: LayerGroup, options: TileOptions, has_memory: bool, outside: bool, where: str) -> Tiles:
    """The tiles that a mapping asks for; raises ``PlatformError`` where the layer has no window to tile."""
    layer = group.main
    if layer.kind != "conv" or layer.kernel == (1, 1):
        shape = f"{layer.kernel[0]}x{layer.kernel[1]} {layer.kind}" if layer.kernel else layer.kind
        raise PlatformError(
            f"{where}: tile is given, but a {shape} has no sliding window of a convolution; leave it out"
        )
    if options.buffer == "memory" and not has_memory:
        raise PlatformError(f"{where}: tile.buffer is 'memory', but the element has none; write buffer: fabric")
    try:
        made = tiling(layer, options.columns, options.rows)
    except WorkloadError as error:
        raise PlatformError(f"{where}: {error}") from None
    in_memory = has_memory if options.buffer is None else options.buffer == "memory"
    return Tiles(made, in_memory, outside and in_memory, layer.input_bits)


def cut(tiles: Tiles, simd: int) -> Operator:
    """The operator that writes the input tile by tile, zeros included, out of a frame buffer."""
    height, width, channels = extent(tiles.layer.in_shape)
    words, pixels = channels // simd, tiles.tiling.streamed_pixels
    whole = height * width * channels * tiles.bits / 8
    rows = min(height, max(t.rows for t in tiles.tiling.tiles) * tiles.layer.stride[0])
    held = min(height, max(t.high for t in tiles.tiling.tiles)) + rows
    return Operator(
        "tile",
        _cut_making(tiles.tiling, channels, words),
        pixels * words,
        simd * tiles.bits,
        simd * tiles.bits,
        pixels * channels,
        tiles.bits,
        resources=_frame_buffer(simd * tiles.bits, held * width * words, tiles.in_memory),
        detail={"simd": simd, "reread": tiles.tiling.reread},
        room=rows * width * channels,
        read_bytes=whole * tiles.tiling.reread if tiles.in_memory else None,
        write_bytes=whole if tiles.in_memory and not tiles.outside else None,
    )


def join(tiles: Tiles, group: LayerGroup, pe: int, last: Operator, leaves: bool) -> Operator:
    """The operator that puts the output back in raster order; a result that ``leaves`` is written to its place."""
    height, width, channels = extent(group.out_shape)
    words = channels // pe
    rows = min(height, 2 * max(t.rows for t in tiles.tiling.tiles))
    whole = height * width * channels * last.element_bits / 8
    moves = tiles.in_memory and not leaves
    return Operator(
        "untile",
        _join_making(tiles.tiling, channels, words),
        height * width * words,
        pe * last.element_bits,
        pe * last.element_bits,
        height * width * channels,
        last.element_bits,
        resources=_frame_buffer(pe * last.element_bits, rows * width * words, tiles.in_memory),
        detail={"pe": pe},
        read_bytes=whole if moves else None,
        write_bytes=whole if moves else None,
    )


def slid(tiles: Tiles, one: Callable[[Sliding], Operator]) -> Operator:
    """The window unit: made for the widest tile, it begins anew in each."""
    shapes = tiles.windows()
    units = {shape: one(shape) for shape in dict.fromkeys(shapes)}

    def resized(words: int) -> Making:
        again = {shape: unit.make if unit.resized is None else unit.resized(words) for shape, unit in units.items()}
        return _in_turn([again[shape] for shape in shapes])

    return replace(
        units[max(shapes, key=lambda shape: shape.width)],
        make=_in_turn([units[shape].make for shape in shapes]),
        resized=resized,
        cycles=sum(units[shape].cycles for shape in shapes),
        elements=sum(units[shape].elements for shape in shapes),
    )


def _frame_buffer(width: int, words: int, in_memory: bool) -> Resources:
    """Address counters, taken to cost what those of a window unit do, and block RAM unless the map lies in memory."""
    return Resources(lut=300, bram18=0 if in_memory else resources.ram_blocks(width, words))


def _in_turn(makes: Sequence[Making]) -> Making:
    """Operators over parts of a frame one after the other, as one."""

    def make(granularity: str) -> Pieces:
        parts = [each(granularity) for each in makes]
        if granularity == "frame":
            sums = [np.array([sum(int(a[0]) for a in each)]) for each in zip(*map(_arrays, parts), strict=True)]
            return Pieces((sums[0],), (sums[1],), sums[2], sums[3])
        taken, given = 0, 0
        need, free, written = [], [], []
        for part in parts:
            need.append(part.need[0] + taken)
            free.append(part.free[0] + taken)
            written.append(part.written + given)
            taken, given = int(need[-1][-1]), int(written[-1][-1])
        return Pieces(
            (np.concatenate(need),),
            (np.concatenate(free),),
            np.concatenate(written),
            np.concatenate([part.cycles for part in parts]),
        )

    return make


def _arrays(part: Pieces) -> tuple[Ints, ...]:
    return part.need[0], part.free[0], part.written, part.cycles


def _cut_making(found: Tiling, channels: int, words: int) -> Making:
    def make(granularity: str) -> Pieces:
        need, free = found.input_positions()
        ends = _ends([(t.high, t.wide) for t in found.tiles], granularity)
        last = ends - 1
        return Pieces((need[last],), (free[last],), ends * channels, np.diff(ends * words, prepend=0))

    return make


def _join_making(found: Tiling, channels: int, words: int) -> Making:
    def make(granularity: str) -> Pieces:
        complete = found.output_written()
        ends = _ends([(t.rows, t.columns) for t in found.tiles], granularity)
        need = ends * channels
        return Pieces((need,), (need,), complete[ends - 1], spread(int(complete.size) * words, ends.size))

    return make


def _ends(sizes: Sequence[tuple[int, int]], granularity: str) -> Ints:
    """Where pieces end, in pixels of all tiles in turn: rows of tiles, pixels, or the whole."""
    if granularity == "frame":
        return np.array([sum(high * wide for high, wide in sizes)], dtype=np.int64)
    if granularity == "row":
        counts = np.concatenate([np.full(high, wide, dtype=np.int64) for high, wide in sizes])
        return np.cumsum(counts)
    return np.arange(1, sum(high * wide for high, wide in sizes) + 1, dtype=np.int64)


def lightest_cut(tiles: Tiles, pace: int | None, divisors: Sequence[int]) -> int:
    """The fewest channels a cycle with which all tiles pass within the pace of the pipeline."""
    channels = extent(tiles.layer.in_shape)[2]
    if pace is None:
        return 1
    return next((n for n in divisors if tiles.tiling.streamed_pixels * channels // n <= pace), channels)
