"""Buffers that walk round their operand by halves: against SCALE-Sim v3.0.0, against a slow model, and by hand."""

from __future__ import annotations

import csv
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from simulator.elements import systolic_ring
from simulator.elements.systolic import Systolic
from simulator.elements.systolic_folds import Dataflow, Folds, Product, fold_layer, fold_product
from simulator.elements.systolic_ring import Refills, walk
from simulator.elements.systolic_streams import Stream, input_stream, weight_stream
from simulator.elements.systolic_traffic import Buffers, ring_cycles
from tests.elements.accelerators import conv, dense, element, only_stage
from workloads.layers import Layer
from workloads.tokens import LayerWork

Ints = npt.NDArray[np.int64]

_CYCLES = Path(__file__).parent.parent / "reference" / "scalesim" / "cycles.csv"


def _reference() -> list[dict[str, str]]:
    with _CYCLES.open() as stream:
        next(stream)
        return [row for row in csv.DictReader(stream) if row["bandwidth_mode"] == "USER"]


def _layer(row: dict[str, str]) -> Layer:
    h, w, fh, fw, c, n, s = (
        int(row[key]) for key in ("ifmap_h", "ifmap_w", "filter_h", "filter_w", "channels", "num_filters", "stride")
    )
    out = (n, -(-(h - fh + s) // s), -(-(w - fw + s) // s))
    shapes = ("c", "conv", ("x",), ((c, h, w),), out, (fh, fw), (s, s))
    return Layer(*shapes, weights=fh * fw * c * n, input_bits=8, weight_bits=8)


def _refills(row: dict[str, str]) -> tuple[Folds, Refills, Refills]:
    high, wide, size, beat = (int(row[k]) for k in ("array_rows", "array_cols", "buffer_kb", "words_per_cycle"))
    dataflow: Dataflow = row["dataflow"]  # type: ignore[assignment]
    layer = _layer(row)
    folds = fold_layer(layer, high, wide, dataflow)
    inputs, weights = input_stream(layer, folds, high, wide, dataflow), weight_stream(folds, high, wide, dataflow)
    return folds, walk(inputs, 1024 * size, beat), walk(weights, 1024 * size, beat)


def test_dram_reads_equal_scale_sim_to_the_word() -> None:
    """180 runs of a given bandwidth, 72 of them with buffers of 1 kB and a word a cycle."""
    rows = _reference()
    ours = [tuple(refill.words for refill in _refills(row)[1:]) for row in rows]
    assert ours == [(int(row["dram_ifmap_reads"]), int(row["dram_filter_reads"])) for row in rows]
    assert len(rows) == 180


def test_cycles_equal_scale_sim_once_each_wait_is_added_twice() -> None:
    """Its issue 130: a wait, or the time in hand, is added to the clock before a wait is added. With that, all runs of
    a word a cycle are met to the cycle, but the four that wait for room in the output buffer.
    """
    others = []
    for row in (row for row in _reference() if row["words_per_cycle"] == "1"):
        folds, *refills = _refills(row)
        if folds.cycles - 1 + _waits_added_twice(refills) != int(row["total_cycles"]):
            others.append((row["layer"], folds.output_writes))
    assert others == [("unit:U05", 2048), ("unit:U07", 2178), ("unit:U05", 2048), ("unit:U07", 2178)]


def _waits_added_twice(refills: list[Refills]) -> int:
    """Stalls as the tool adds them up: both buffers count from the same cycle, and the longer wait of them is taken."""
    ready, stalls = [-1, -1], 0
    for cycle in np.unique(np.concatenate([refill.when for refill in refills])).tolist():
        longest = 0
        for number, refill in enumerate(refills):
            offset = 1
            for _ in range(int(np.diff(refill.changes, prepend=0)[refill.when == cycle].sum())):
                ready[number] += refill.half + 1
                wait = ready[number] - (cycle + stalls + offset)
                offset += wait + max(0, wait)
            longest = max(longest, offset - 1)
        stalls += longest
    return stalls


def test_an_operand_in_order_is_fetched_once_a_pass_in_whole_halves() -> None:
    """A 1 x 1 convolution, output stationary on one row of one cell: 40 pixels of 10 words for each of two filters. Of
    100 words one line is one word, so 800 words are walked in halves of 50, of which the first is there before.
    """
    layer = conv(10, 1, 2, kernel=1).layer
    folds = fold_product(Product(40, 10, 2, 1), 1, 1, "os")
    refills = walk(input_stream(layer, folds, 1, 1, "os"), 100)
    # One more line than words: the last, empty one is passed over between the passes.
    assert (refills.first, refills.half, refills.count) == (50, 50, 16)
    assert refills.words == 50 + 16 * 50
    assert refills.when[0] == 50


def test_an_operand_that_fits_half_the_buffer_is_never_fetched_again() -> None:
    folds = fold_product(Product(8, 10, 9, 1), 4, 4, "os")
    refills = walk(weight_stream(folds, 4, 4, "os"), 240)
    # Three blocks of 10 x 4 cells: the last two of three filters are padding, which the port moves too.
    assert (refills.words, refills.count) == (120, 0)
    assert walk(weight_stream(folds, 4, 4, "os"), 240, beat=50).words == 150


def test_weights_that_are_loaded_from_their_last_row_up_send_a_small_buffer_round() -> None:
    """Two folds of four rows of one cell, of which a half holds two: rows come as 3, 2, 1, 0 and 7, 6, 5, 4. With the
    empty line behind the last, nine lines are in the ring, and two give way at a time.
    """
    folds = fold_product(Product(5, 8, 1, 1), 4, 1, "ws")
    refills = walk(weight_stream(folds, 4, 1, "ws"), 4)
    # From 0 and 1 to 2 and 3; round to 1 and 2, then to 0 and 1; on to 6 and 7; round to 5 and 6, then to 4 and 5.
    assert refills.when.tolist() == [0, 2, 3, 12, 14, 15]
    assert np.diff(refills.changes, prepend=0).tolist() == [1, 4, 4, 3, 4, 4]
    assert refills.words == 2 + 2 * 20


def test_the_array_waits_until_every_half_that_it_asked_for_is_there() -> None:
    """Three changes of 50 words at a word a cycle and a cycle of latency; the last is asked for in cycle 90."""
    refills = Refills(50, 50, 3, np.array([50, 60, 90]), np.array([1, 2, 3]), 200)
    when, waited = refills.waits(200, Fraction(1))
    assert when.tolist() == [50, 60, 90]
    assert waited.tolist() == [51 - 50, 102 - 60, 153 - 90]
    folds = fold_product(Product(5, 8, 1, 1), 4, 1, "ws")
    assert ring_cycles(folds, 4, 1, "ws", Buffers(), (refills, None), Fraction(1)) == folds.cycles + 63
    assert ring_cycles(folds, 4, 1, "ws", Buffers(), (None, None), Fraction(1)) == folds.cycles


def test_outputs_wait_for_room_once_half_their_buffer_drains() -> None:
    """Eight pixels of one filter, twice (two row folds of weights): 16 words, of which a buffer of 4 holds 2 before it
    drains, a word in four cycles.
    """
    folds = fold_product(Product(8, 8, 1, 1), 4, 1, "ws")
    # The third word is written in cycle 7 + 2; the last waits until 12 have left.
    assert ring_cycles(folds, 4, 1, "ws", Buffers(outputs=4), (None, None), Fraction(1, 4)) == 9 + 12 * 4


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_the_walk_is_that_of_a_buffer_of_sets_served_word_by_word(data: st.DataObject) -> None:
    """Random convolutions with stride, padding and dilation, against dictionaries of words."""
    draw, small = data.draw, st.integers(1, 3)
    kernel, stride, dilation = (draw(small), draw(small)), draw(small), draw(st.integers(1, 2))
    layer = _random(kernel, stride, dilation, draw(st.integers(0, 1)), draw(st.integers(5, 9)), draw(small))
    filters, rows, columns = draw(st.integers(1, 9)), draw(st.integers(1, 5)), draw(st.integers(1, 5))
    dataflow: Dataflow = draw(st.sampled_from(["os", "ws", "is"]))
    pixels, window = layer.out_shape[1] * layer.out_shape[2], kernel[0] * kernel[1] * layer.in_shape[0]
    folds = fold_product(Product(pixels, window, filters, 1), rows, columns, dataflow)
    capacity = draw(st.integers(4, 300))
    inputs, weights = input_stream(layer, folds, rows, columns, dataflow), weight_stream(folds, rows, columns, dataflow)
    unrolled, matrix = _unrolled(layer), np.arange(window * filters).reshape(window, filters)
    operands = {"os": (unrolled, matrix.T), "ws": (unrolled.T, matrix.T), "is": (unrolled, matrix)}[dataflow]
    for stream, words in zip((inputs, weights), operands, strict=True):
        assert walk(stream, capacity).count == _served_by_sets(stream, words, capacity)


def _random(kernel: tuple[int, int], stride: int, dilation: int, pad: int, size: int, channels: int) -> Layer:
    reach = [dilation * (k - 1) + 1 for k in kernel]
    out = [(size + 2 * pad - r) // stride + 1 for r in reach]
    return Layer(
        *("c", "conv", ("x",), ((channels, size, size),), (1, *out), kernel, (stride, stride), (pad, pad, pad, pad)),
        dilation=(dilation, dilation),
    )


def _unrolled(layer: Layer) -> Ints:
    """Pixels x window, the number of each input word; -1 is padding."""
    assert layer.kernel is not None
    channels, height, width = layer.in_shape
    table = np.full((layer.out_shape[1], layer.out_shape[2], *layer.kernel, channels), -1)
    for y, x, i, j in np.ndindex(table.shape[:4]):
        row = y * layer.stride[0] + i * layer.dilation[0] - layer.pad[0]
        column = x * layer.stride[1] + j * layer.dilation[1] - layer.pad[1]
        if 0 <= row < height and 0 <= column < width:
            table[y, x, i, j] = (row * width + column) * channels + np.arange(channels)
    return table.reshape(layer.out_shape[1] * layer.out_shape[2], -1)


def _served_by_sets(stream: Stream, words: Ints, capacity: int) -> int:
    """Changes of halves, each word looked up in the lines of the active half; ``words`` is across x along."""
    padded = np.full((stream.blocks * stream.lanes, stream.along), -1)
    padded[: words.shape[0]] = words
    blocks = [padded[b * stream.lanes : (b + 1) * stream.lanes].T for b in range(stream.blocks)]
    stored = np.concatenate(blocks)
    if stream.skewed:
        turned, line_words = [_diagonals(block) for block in blocks], _diagonals(stored)
        asked = [w for fold in range(stream.folds) for w in turned[fold // stream.repeats % stream.blocks]]
    else:
        parts = [block[i : i + stream.high][::-1] for block in blocks for i in range(0, stream.along, stream.high)]
        asked, line_words = [w for part in parts for w in part.ravel().tolist()], stored.ravel().tolist()
    line, half = -(-capacity // 100), -(-capacity // 2)
    real = [word for word in line_words if word >= 0]
    lines = [set(real[i : i + line]) for i in range(0, len(real) + 1, line)]
    active = min(len(lines), -(-half // line))
    step = min(len(lines) - active, -(-(capacity - half) // line))
    start = changes = 0
    for word in asked:
        while word >= 0 and not any(word in lines[(start + i) % len(lines)] for i in range(active)):
            start, changes = (start + step) % len(lines), changes + 1
    return changes


def _diagonals(block: Ints) -> list[int]:
    high, wide = block.shape
    return [int(block[d - lane, lane]) for d in range(high + wide - 1) for lane in range(wide) if 0 <= d - lane < high]


@pytest.mark.parametrize("dataflow", ["os", "ws", "is"])
def test_a_long_layer_is_taken_to_go_on_as_it_began(dataflow: Dataflow, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the first half of its folds the refills of all are known within two fifths: rounds are rare and long."""
    layer = conv(16, 16, 64).layer
    folds = fold_layer(layer, 8, 8, dataflow)
    stream = input_stream(layer, folds, 8, 8, dataflow)
    full = walk(stream, 1024)
    monkeypatch.setattr(systolic_ring, "_SIMULATED_WORDS", stream.folds * stream.fold_cells // 2)
    part = walk(stream, 1024)
    assert part.simulated == full.simulated // 2
    assert part.count == 2 * part.changes[-1]
    assert part.words == pytest.approx(full.words, rel=2 / 5)


def test_dram_bytes_stalls_and_detail_follow_the_ring() -> None:
    shared: dict[str, object] = {"input_sram": "1 KiB", "weight_sram": "1 KiB", "output_sram": "1 KiB"}
    shared |= {"rows": 8, "columns": 8, "dataflow": "ws", "accumulate": False, "refill": "ring"}
    free = only_stage(element(Systolic, **shared), conv(8, 8, 16))
    starved = only_stage(element(Systolic, **shared, port="1 B/cycle"), conv(8, 8, 16))
    assert free.read_bytes is not None
    assert starved.read_bytes is not None
    assert float(free.read_bytes[0, 0]) == float(starved.read_bytes[0, 0]) == free.detail["dram_input_reads"]
    assert float(free.read_bytes[0, 0]) % 512 == 0
    assert free.detail["stall_cycles"] == 0
    assert float(starved.detail["stall_cycles"]) > 0
    # Every half that is fetched takes its words and a cycle of latency.
    assert int(starved.cycles[0, 0]) >= (float(free.read_bytes[0, 0]) - 512) * 513 / 512


@pytest.mark.parametrize("work", [dense(300, 40), conv(16, 8, 16, groups=16), conv(16, 8, 16, groups=4)])
def test_dense_and_grouped_layers_walk_their_rings_too(work: LayerWork) -> None:
    own = element(Systolic, rows=8, columns=8, dataflow="os", refill="ring", input_sram="64 B", weight_sram="64 B")
    detail = only_stage(own, work).detail
    assert float(detail["dram_weight_reads"]) >= work.layer.weights
    assert float(detail["dram_input_reads"]) >= 300


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 8), st.integers(2, 8), st.integers(1, 20), st.sampled_from(["os", "ws", "is"]), st.integers(1, 9))
def test_a_wider_port_is_never_slower_and_utilisation_stays_below_one(
    channels: int, size: int, filters: int, dataflow: str, wide: int
) -> None:
    shared = {"rows": 8, "columns": 8, "dataflow": dataflow, "accumulate": False, "refill": "ring"}
    shared |= {"input_sram": "256 B", "weight_sram": "256 B", "output_sram": "1 KiB"}
    work = conv(channels, size, filters)
    narrow, wider = (only_stage(element(Systolic, **shared, port=f"{port} B/cycle"), work) for port in (wide, 2 * wide))
    assert int(wider.cycles[0, 0]) <= int(narrow.cycles[0, 0])
    assert 0 < float(wider.detail["utilisation"]) <= 1


def test_partial_sums_cannot_be_kept_beside_a_ring() -> None:
    with pytest.raises(ValidationError) as raised:
        element(Systolic, rows=8, columns=8, refill="ring")
    assert "needs 'accumulate: false': a fixed order of fetches has no tiles of partial sums" in str(raised.value)
