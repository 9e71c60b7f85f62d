"""Sliding windows by hand: what a piece needs, and what it is done with."""

from __future__ import annotations

import numpy as np
import pytest

from workloads.errors import WorkloadError
from workloads.layers import Layer
from workloads.windows import layer_window


def _conv(size: int, kernel: int, stride: int = 1, pad: int = 0, channels: int = 1) -> Layer:
    out = (size + 2 * pad - kernel) // stride + 1
    return Layer(
        "c", "conv", ("x",), ((channels, size, size),), (1, out, out),
        kernel=(kernel, kernel), stride=(stride, stride), pad=(pad, pad, pad, pad),
    )  # fmt: skip


def test_rows_of_a_padded_convolution() -> None:
    window = layer_window(_conv(5, 3, pad=1), "row")
    assert window.need[0].tolist() == [10, 15, 20, 25, 25]
    assert window.free[0].tolist() == [0, 5, 10, 15, 25]


def test_pixels_of_an_unpadded_convolution_hold_two_rows_and_three_pixels() -> None:
    window = layer_window(_conv(6, 3), "pixel")
    need, free = window.need[0], window.free[0]
    held = need - np.append(0, free[:-1])
    assert need[:4].tolist() == [15, 16, 17, 18]
    assert free[:4].tolist() == [1, 2, 3, 6]
    assert held.max() == 2 * 6 + 3


def test_a_stride_that_leaves_a_rim_takes_it_with_the_last_piece() -> None:
    window = layer_window(_conv(6, 1, stride=4), "row")
    assert window.need[0].tolist() == [6, 36]
    assert window.free[0].tolist() == [6, 36]


def test_a_global_pool_takes_rows_and_writes_once() -> None:
    layer = Layer("p", "global_avg_pool", ("x",), ((4, 3, 2),), (4, 1, 1))
    window = layer_window(layer, "row")
    assert window.pieces == 3
    assert window.need[0].tolist() == [8, 16, 24]
    assert window.written.tolist() == [0, 0, 4]


def test_adaptive_bins_cover_a_map_that_they_do_not_divide() -> None:
    layer = Layer("p", "adaptive_avg_pool", ("x",), ((1, 10, 10),), (1, 6, 6))
    window = layer_window(layer, "row")
    assert window.need[0].tolist() == [20, 40, 50, 70, 90, 100]


def test_channels_count_as_elements() -> None:
    window = layer_window(_conv(4, 1, channels=3), "pixel")
    assert window.need[0].tolist() == [3 * (i + 1) for i in range(16)]


def test_upsampling_reads_a_row_twice() -> None:
    layer = Layer("u", "upsample", ("x",), ((1, 2, 2),), (1, 4, 4))
    assert layer_window(layer, "row").need[0].tolist() == [2, 2, 4, 4]


def test_what_reorders_needs_the_whole_frame() -> None:
    layer = Layer("t", "transpose", ("x",), ((2, 2, 2),), (2, 2, 2))
    assert layer_window(layer, "row").need[0].tolist() == [8, 8]
    assert layer_window(layer, "row").free[0].tolist() == [0, 8]


def test_an_unknown_granularity_is_told() -> None:
    with pytest.raises(WorkloadError, match=r"layer 'c': no granularity 'rows'; did you mean 'row'\?"):
        layer_window(_conv(5, 3), "rows")
