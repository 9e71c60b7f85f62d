"""Tiles of a convolution: column strips or 2-D tiles with halo, the order in which they stream, and what that costs.

A sliding window over a map of width W keeps k - 1 rows and k pixels. Computed tile by tile, T output columns at a time,
it keeps rows of a tile only: (k - 1) (T + k - 1) + k pixels at stride 1. The price: the input no longer comes in raster
order, so it is rearranged in a memory, and what lies under two tiles is read twice: (T + k - 1) / T of the input. Tiles
of R rows too (2-D) let the memory hold bands of R + k - 1 rows instead of maps, and read (R + k - 1) / R of each.

Positions count elements of a frame in raster order (height, width, channel), as in :mod:`workloads.windows`. Tiles go
from left to right, then down; within a tile its padded input streams in raster order, zeros included.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workloads.errors import WorkloadError
from workloads.layers import Layer
from workloads.windows import extent

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Tile:
    """Outputs ``rows`` x ``columns`` from (``top``, ``left``) on, and the padded input under them: ``high`` x ``wide``
    pixels.
    """

    top: int
    left: int
    rows: int
    columns: int
    high: int
    wide: int


@dataclass(frozen=True, slots=True)
class Tiling:
    """The tiles of one layer with a window, in the order in which they are computed."""

    layer: Layer
    tiles: tuple[Tile, ...]

    @property
    def streamed_pixels(self) -> int:
        """Pixels of all tiles with their halo and padding."""
        return sum(tile.high * tile.wide for tile in self.tiles)

    @property
    def line_buffer(self) -> int:
        """Pixels that the window keeps within the widest tile: (k - 1) of its rows and k pixels."""
        wide = max(tile.wide for tile in self.tiles)
        return (_reach(self.layer, 0) - 1) * wide + _reach(self.layer, 1)

    @property
    def reread(self) -> float:
        """Input elements fetched, halo included and padding not, for each element of the input."""
        height, width, _ = extent(self.layer.in_shape)
        fetched = sum(int(real.sum()) for real in (_real(self.layer, tile)[0] for tile in self.tiles))
        return fetched / (height * width)

    def input_positions(self) -> tuple[Ints, Ints]:
        """For each streamed pixel, how many input elements must be there, and how many are done with afterwards.

        Both rise; the last pixel takes what no tile touches.
        """
        height, width, channels = extent(self.layer.in_shape)
        parts = [_real(self.layer, tile) for tile in self.tiles]
        real = np.concatenate([each[0].ravel() for each in parts])
        index = np.concatenate([each[1].ravel() for each in parts])
        need = np.maximum.accumulate(np.where(real, index + 1, 0))
        whole = height * width
        need[-1] = whole
        later = np.append(np.where(real, index, whole)[1:], whole)
        free = np.minimum.accumulate(later[::-1])[::-1]
        return need * channels, np.minimum(free, need) * channels

    def output_written(self) -> Ints:
        """For each output pixel in the order of the tiles, how many elements of the output are complete in raster
        order.
        """
        height, width, channels = extent(self.layer.out_shape)
        order = np.concatenate([_outputs(tile, width) for tile in self.tiles])
        place = np.empty(height * width, dtype=np.int64)
        place[order] = np.arange(height * width)
        # A raster prefix is complete when the last of its pixels has been computed.
        ready = np.maximum.accumulate(place)
        complete: Ints = np.searchsorted(ready, np.arange(height * width), side="right").astype(np.int64) * channels
        return complete


def tiling(layer: Layer, columns: int, rows: int | None = None) -> Tiling:
    """Tiles of ``columns`` output columns, and of ``rows`` output rows (None: strips over the whole height).

    The last of a row or column of tiles may be smaller. Raises :class:`WorkloadError` for a layer without a window and
    for tiles of no size.
    """
    if layer.kernel is None or layer.kind not in ("conv", "max_pool", "avg_pool"):
        raise WorkloadError(f"layer '{layer.name}': is a {layer.kind}; only layers with a sliding window are tiled")
    height, width, _ = extent(layer.out_shape)
    for name, value, limit in (("columns", columns, width), ("rows", rows, height)):
        if value is not None and value < 1:
            raise WorkloadError(f"layer '{layer.name}': a tile of {value} {name} is not possible; write 1 to {limit}")
    wide, high = min(columns, width), height if rows is None else min(rows, height)
    tiles = []
    for top in range(0, height, high):
        for left in range(0, width, wide):
            r, c = min(high, height - top), min(wide, width - left)
            tiles.append(Tile(top, left, r, c, _under(layer, r, 0), _under(layer, c, 1)))
    return Tiling(layer, tuple(tiles))


def _reach(layer: Layer, axis: int) -> int:
    kernel = layer.kernel or (1, 1)
    return (kernel[axis] - 1) * layer.dilation[axis] + 1


def _under(layer: Layer, outputs: int, axis: int) -> int:
    return (outputs - 1) * layer.stride[axis] + _reach(layer, axis)


def _real(layer: Layer, tile: Tile) -> tuple[npt.NDArray[np.bool_], Ints]:
    """Which pixels under a tile are input and not padding, and their places in the input."""
    height, width, _ = extent(layer.in_shape)
    rows = np.arange(tile.high, dtype=np.int64) + tile.top * layer.stride[0] - layer.pad[0]
    columns = np.arange(tile.wide, dtype=np.int64) + tile.left * layer.stride[1] - layer.pad[1]
    real = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))[None, :]
    return real, rows[:, None] * width + columns[None, :]


def _outputs(tile: Tile, width: int) -> Ints:
    rows = np.arange(tile.top, tile.top + tile.rows, dtype=np.int64)
    columns = np.arange(tile.left, tile.left + tile.columns, dtype=np.int64)
    found: Ints = (rows[:, None] * width + columns[None, :]).ravel()
    return found
