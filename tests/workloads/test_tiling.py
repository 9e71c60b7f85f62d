"""Tiles with halo: by hand, against the closed formulas, and against a plain loop over pixels."""

from __future__ import annotations

import numpy as np
import pytest

from workloads.errors import WorkloadError
from workloads.layers import Layer
from workloads.tiling import tiling


def _conv(size: tuple[int, int], kernel: int, stride: int = 1, pad: int = 0, channels: int = 1) -> Layer:
    high, wide = ((side + 2 * pad - kernel) // stride + 1 for side in size)
    return Layer(
        "c", "conv", ("x",), ((channels, *size),), (1, high, wide),
        kernel=(kernel, kernel), stride=(stride, stride), pad=(pad, pad, pad, pad),
    )  # fmt: skip


def test_strips_of_a_small_map_by_hand() -> None:
    found = tiling(_conv((4, 6), 3), columns=2)
    assert [(t.left, t.columns, t.wide, t.high) for t in found.tiles] == [(0, 2, 4, 4), (2, 2, 4, 4)]
    assert (found.line_buffer, found.streamed_pixels) == (2 * 4 + 3, 32)
    assert found.reread == pytest.approx(32 / 24)
    need, free = found.input_positions()
    assert need[:8].tolist() == [1, 2, 3, 4, 7, 8, 9, 10]
    # The second strip begins at column 2 of row 0, so two pixels are done with after the first pixel of all.
    assert free[0] == 1
    assert free[1] == 2
    assert free[15] == 2
    assert (need[-1], free[-1]) == (24, 24)
    assert found.output_written().tolist() == [1, 2, 2, 2, 3, 6, 7, 8]


@pytest.mark.parametrize("tile", [1, 4, 7, 28])
def test_strips_without_padding_follow_the_formulas(tile: int) -> None:
    found = tiling(_conv((58, 58), 3), columns=tile)
    assert found.line_buffer == 2 * (tile + 2) + 3
    assert found.streamed_pixels == 58 * 56 * (tile + 2) / tile


def test_the_last_tile_is_what_is_left() -> None:
    found = tiling(_conv((9, 9), 3, pad=1), columns=4, rows=5)
    assert [(t.rows, t.columns) for t in found.tiles] == [(5, 4), (5, 4), (5, 1), (4, 4), (4, 4), (4, 1)]


@pytest.mark.parametrize(
    ("kernel", "stride", "pad", "columns", "rows"), [(3, 1, 1, 3, None), (5, 2, 2, 2, 3), (3, 2, 0, 1, 2)]
)
def test_positions_agree_with_a_plain_loop(kernel: int, stride: int, pad: int, columns: int, rows: int | None) -> None:
    layer = _conv((9, 11), kernel, stride, pad, channels=2)
    found = tiling(layer, columns, rows)
    places = []
    for tile in found.tiles:
        for y in range(tile.high):
            for x in range(tile.wide):
                row, column = tile.top * stride + y - pad, tile.left * stride + x - pad
                places.append(row * 11 + column if 0 <= row < 9 and 0 <= column < 11 else None)
    needed, need = 0, []
    for place in places:
        needed = max(needed, 0 if place is None else place + 1)
        need.append(2 * needed)
    need[-1] = 2 * 99
    free = [2 * min([p for p in places[i + 1 :] if p is not None], default=99) for i in range(len(places))]
    assert found.input_positions()[0].tolist() == need
    assert found.input_positions()[1].tolist() == np.minimum(free, need).tolist()
    done: set[int] = set()
    width = layer.out_shape[2]
    complete = []
    for tile in found.tiles:
        for y in range(tile.rows):
            for x in range(tile.columns):
                done.add((tile.top + y) * width + tile.left + x)
                complete.append(next(i for i in range(len(done) + 1) if i not in done))
    assert found.output_written().tolist() == complete


def test_two_dimensional_tiles_read_both_halos() -> None:
    strips, squares = tiling(_conv((58, 58), 3), 7), tiling(_conv((58, 58), 3), 7, 7)
    assert strips.reread == pytest.approx(58 * 72 / 58**2)
    assert squares.reread == pytest.approx(72**2 / 58**2)
    assert strips.line_buffer == squares.line_buffer


def test_what_has_no_window_and_tiles_of_no_size_are_told() -> None:
    with pytest.raises(WorkloadError, match="layer 'c': a tile of 0 columns is not possible; write 1 to 7"):
        tiling(_conv((9, 9), 3), 0)
    dense = Layer("fc", "dense", ("x",), ((8,),), (4,))
    with pytest.raises(WorkloadError, match="layer 'fc': is a dense; only layers with a sliding window are tiled"):
        tiling(dense, 4)
