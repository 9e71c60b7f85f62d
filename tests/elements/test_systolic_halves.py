"""What halves that are filled with the words asked for next read: against SCALE-Sim v3.0.0 and a slow model."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.elements.systolic_folds import Dataflow, Product, fold_layer, fold_product
from simulator.elements.systolic_halves import input_words, touched
from simulator.elements.systolic_streams import unrolling_of
from simulator.elements.systolic_traffic import Buffers, dram_traffic
from workloads.layers import Layer

_CYCLES = Path(__file__).parent.parent / "reference" / "scalesim" / "cycles.csv"


def _reference() -> list[dict[str, str]]:
    with _CYCLES.open() as stream:
        next(stream)
        return [row for row in csv.DictReader(stream) if row["bandwidth_mode"] == "CALC"]


def _conv(size: tuple[int, int], channels: int, kernel: tuple[int, int], stride: int, pad: int = 0) -> Layer:
    """A convolution whose extent is rounded up where the stride does not divide, as the tool does."""
    out = [-(-(extent + 2 * pad - k + stride) // stride) for extent, k in zip(size, kernel, strict=True)]
    shapes = ("c", "conv", ("x",), ((channels, *size),), (1, *out), kernel, (stride, stride), (pad, pad, pad, pad))
    return Layer(*shapes, input_bits=8, weight_bits=8)


def test_dram_counts_are_those_of_scale_sim_within_three_per_cent() -> None:
    """AlexNet, ResNet-18 and small layers with 64 kB a buffer: inputs 0.1 % off in the mean, weights not at all."""
    errors: dict[str, list[float]] = {"ifmap_reads": [], "filter_reads": [], "ofmap_writes": []}
    for row in _reference():
        h, w, fh, fw, c, n, s = (
            int(row[k]) for k in ("ifmap_h", "ifmap_w", "filter_h", "filter_w", "channels", "num_filters", "stride")
        )
        layer, dataflow = _conv((h, w), c, (fh, fw), s), row["dataflow"]
        high, wide = int(row["array_rows"]), int(row["array_cols"])
        pixels = layer.out_shape[1] * layer.out_shape[2]
        folds = fold_product(Product(pixels, fh * fw * c, n, 1), high, wide, dataflow)  # type: ignore[arg-type]
        buffers = Buffers(65500, 65500, 65500, accumulates=False)  # the tool's lines of a hundredth, rounded down
        ours = dram_traffic(layer, folds, high, wide, dataflow, buffers)  # type: ignore[arg-type]
        for name, words in zip(errors, (ours.input_reads, ours.weight_reads, ours.output_writes), strict=True):
            errors[name].append(abs(words / int(row[f"dram_{name}"]) - 1))
    assert len(errors["ifmap_reads"]) == 160
    assert max(errors["ifmap_reads"]) < 0.03
    assert sum(errors["ifmap_reads"]) / 160 < 0.001
    assert set(errors["filter_reads"]) == {0}
    assert max(errors["ofmap_writes"]) < 0.002


def test_a_map_that_fits_is_read_where_a_window_lies_and_nowhere_else() -> None:
    """A stride of 2 under a kernel of one: every other row and column, rounded up beyond the map or not."""
    for size, rows in ((6, 3), (7, 4)):
        layer = _conv((size, size), 5, (1, 1), 2)
        folds = fold_layer(layer, 8, 8, "os")
        unrolling = unrolling_of(layer, folds)
        assert unrolling is not None
        assert touched(unrolling, folds) == rows * rows * 5
        assert input_words(unrolling, folds, 8, 8, "os", rows * rows * 5) == rows * rows * 5


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_a_half_forgets_all_that_it_held_when_it_gives_way(data: st.DataObject) -> None:
    """Random convolutions against a set of words that is emptied when one more does not fit."""
    draw, small = data.draw, st.integers(1, 3)
    dataflow: Dataflow = draw(st.sampled_from(["os", "ws", "is"]))
    channels = draw(small) if dataflow == "ws" else 1
    layer = _conv(
        (draw(st.integers(3, 9)), 7), channels, (draw(small), draw(small)), draw(small), draw(st.integers(0, 1))
    )
    rows, columns = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    folds = fold_product(_product(layer, draw(st.integers(1, 6))), rows, columns, dataflow)
    unrolling, half = unrolling_of(layer, folds), 6 * draw(st.integers(1, 12))
    assert unrolling is not None
    asked = _asked(layer, folds.pixels, {"os": rows, "ws": rows, "is": columns}[dataflow], dataflow)
    passes = 1 if dataflow == "is" else folds.column_folds
    held: set[tuple[int, int, int]] = set()
    words = 0
    for word in [word for _ in range(passes) for word in asked]:
        if word not in held:
            held = {word} if len(held) == half else held | {word}
            words += 1
    assert input_words(unrolling, folds, rows, columns, dataflow, half) == words


def _product(layer: Layer, filters: int) -> Product:
    assert layer.kernel is not None
    window = layer.kernel[0] * layer.kernel[1] * layer.in_shape[0]
    return Product(layer.out_shape[1] * layer.out_shape[2], window, filters, 1)


def _asked(layer: Layer, pixels: int, lanes: int, dataflow: Dataflow) -> list[tuple[int, int, int]]:
    """Row, column and channel of the words of a pass, in order."""
    assert layer.kernel is not None
    channels, height, width = layer.in_shape
    window = layer.kernel[0] * layer.kernel[1] * channels

    def word(pixel: int, position: int) -> tuple[int, int, int]:
        assert layer.kernel is not None
        (y, x), (place, channel) = divmod(pixel, layer.out_shape[2]), divmod(position, channels)
        i, j = divmod(place, layer.kernel[1])
        return y * layer.stride[0] + i - layer.pad[0], x * layer.stride[1] + j - layer.pad[1], channel

    if dataflow == "ws":
        slices = [range(k, min(k + lanes, window)) for k in range(0, window, lanes)]
        order = [word(pixel, position) for part in slices for pixel in range(pixels) for position in part]
    else:
        blocks = [range(p, min(p + lanes, pixels)) for p in range(0, pixels, lanes)]
        order = [word(pixel, position) for block in blocks for position in range(window) for pixel in block]
    return [found for found in order if 0 <= found[0] < height and 0 <= found[1] < width]


@pytest.mark.parametrize("dataflow", ["os", "ws"])
def test_further_passes_over_a_map_are_taken_to_be_like_the_first(dataflow: Dataflow) -> None:
    """Five times the filters of eight passes read five times the words, within what the first pass left behind."""
    layer = _conv((14, 14), 32, (3, 3), 1)
    few, many = (fold_product(_product(layer, filters), 8, 8, dataflow) for filters in (8 * 8, 40 * 8))
    unrolling = unrolling_of(layer, few)
    assert unrolling is not None
    words = [input_words(unrolling, folds, 8, 8, dataflow, 4096) for folds in (few, many)]
    assert words[1] == pytest.approx(5 * words[0], rel=0.02)


def test_slices_that_end_among_few_channels_are_counted_in_neighbours() -> None:
    """37 channels on 32 rows: nearly what 36 and 38 words a pixel give, though they end in other places."""
    words = []
    for channels in (32, 37, 40):
        layer = _conv((14, 14), channels, (3, 3), 1)
        folds = fold_product(_product(layer, 32), 32, 32, "ws")
        unrolling = unrolling_of(layer, folds)
        assert unrolling is not None
        words.append(input_words(unrolling, folds, 32, 32, "ws", 2048))
    assert words[0] < words[1] < words[2]
