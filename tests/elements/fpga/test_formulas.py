"""Cycles of a frame through each operator: every operator of the published designs, and the others by hand."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from simulator.elements.streaming import formulas
from simulator.elements.streaming.formulas import Sliding

_ROWS = Path(__file__).parents[2] / "reference" / "finn" / "operators.csv"


def _reference() -> list[dict[str, str]]:
    with _ROWS.open() as stream:
        next(stream)
        return list(csv.DictReader(stream))


def _name(row: dict[str, str]) -> str:
    return f"{row['op']}-{row['design']}-{row['cycles']}"


def _sliding(row: dict[str, str]) -> Sliding:
    side, stride = int(row["kernel"]), int(row["stride"])
    high, wide, channels, out_high, out_wide = (
        int(row[key]) for key in ("height", "width", "channels", "out_height", "out_width")
    )
    return Sliding(high, wide, channels, out_high, out_wide, (side, side), (stride, stride))


def _number(row: dict[str, str], key: str, otherwise: int = 1) -> int:
    return int(row[key] or otherwise)


def _cycles(row: dict[str, str]) -> int:
    op, channels = row["op"], _number(row, "channels")
    pixels = _number(row, "out_height") * _number(row, "out_width")
    if op in ("SWG", "SWG_depthwise"):
        words = channels // int(row["simd"])
        return formulas.swg(_sliding(row), words, depthwise=op == "SWG_depthwise")
    if op == "MVAU":
        matrix = (_number(row, "rows"), _number(row, "columns"), int(row["pe"]), int(row["simd"]))
        return formulas.mvau(_number(row, "vectors"), *matrix)
    if op == "VVAU":
        return formulas.vvau(channels, int(row["kernel"]) ** 2, pixels, int(row["pe"]), int(row["simd"]))
    if op == "Pool":
        return formulas.pool(channels, int(row["kernel"]) ** 2, pixels, int(row["pe"]))
    if op == "StreamingMaxPool":
        side = int(row["kernel"])
        return formulas.streaming_max_pool(int(row["height"]), int(row["width"]), (side, side), 1, pixels)
    if op == "FMPadding":
        return formulas.padding(int(row["out_height"]), int(row["out_width"]), channels // int(row["simd"]))
    if op == "LabelSelect":
        return formulas.label_select(int(row["labels"]), int(row["pe"]))
    inputs = _number(row, "height") * _number(row, "width")
    return formulas.elementwise(max(pixels, inputs), channels // int(row["pe"]))


@pytest.mark.parametrize("row", _reference(), ids=_name)
def test_cycles_of_published_designs_are_those_of_finn(row: dict[str, str]) -> None:
    assert _cycles(row) == int(row["cycles"])


@pytest.mark.parametrize("row", [r for r in _reference() if r["buffer_words"]], ids=_name)
def test_buffers_of_published_designs_are_those_of_finn(row: dict[str, str]) -> None:
    words = int(row["channels"]) // int(row["simd"])
    assert formulas.swg_buffer(_sliding(row), words, parallel=False) == int(row["buffer_words"])


_SQUARE = Sliding(8, 8, 4, 6, 6, (3, 3))
_LINE = Sliding(1, 16, 4, 1, 14, (1, 3))
_STRIDED_LINE = Sliding(1, 16, 4, 1, 7, (1, 3), (1, 2))


@pytest.mark.parametrize(
    ("shape", "words", "how", "cycles"),
    [
        (_SQUARE, 2, {}, (2 * 8 + 2 + 1) * 2 + 6 * 6 * 9 * 2),
        (_SQUARE, 1, {"parallel": True}, 64 + 2),
        (Sliding(8, 8, 4, 4, 4, (1, 1), (2, 2)), 4, {"parallel": True}, 8 * 8 * 4 + 2),
        (_SQUARE, 2, {"style": "hls"}, 8 * 3 * 2 + 6 * 6 * 9 * 2),
        (Sliding(9, 9, 4, 4, 4, (2, 2), (2, 2)), 4, {"depthwise": True}, 44 + 4 * (72 + 4 * 3) + 9 * 4),
        (_LINE, 2, {}, 14 * 3 * 2 + 2),
        (_STRIDED_LINE, 2, {"depthwise": True}, 7 * 3 * 2 + 2 * 2 * 1 - 2 + 2),
        (_LINE, 1, {"style": "hls", "parallel": True}, 3 + 14),
        (_LINE, 2, {"style": "hls"}, 1 + 14 * 3 * 2),
        (_LINE, 2, {"style": "hls", "depthwise": True}, 1 + 14 * 3 * 2 + 2 * 2 - 2),
        (_LINE, 2, {"style": "hls_naive", "depthwise": True}, 16 * 2 + 14 * 3 * 2),
        (Sliding(8, 8, 4, 4, 4, (5, 5), dilation=(1, 1)), 1, {}, 4 * 8 + 5 + 4 * 4 * 25),
        (Sliding(8, 8, 4, 4, 4, (3, 3), dilation=(2, 2)), 1, {}, 4 * 8 + 4 + 1 + 4 * 4 * 9),
    ],
)
def test_every_window_unit_by_hand(shape: Sliding, words: int, how: dict[str, object], cycles: int) -> None:
    assert formulas.swg(shape, words, **how) == cycles  # type: ignore[arg-type]


def test_a_window_unit_that_reads_more_than_it_writes_is_bound_by_reading() -> None:
    """A 2 x 2 window at stride 4 leaves 4 words for the 16 pixels of its row that come in."""
    wide = Sliding(16, 16, 1, 4, 4, (2, 2), (4, 4))
    assert formulas.swg(wide, 1) == 16 + 2 + 4 * 4 * 16


def test_other_operators_by_hand() -> None:
    assert formulas.streaming_max_pool(1, 12, (1, 3), 2, 4) == 4 * 2 * 4
    assert formulas.global_acc_pool(49, 8) == 49 * 8 + 8
