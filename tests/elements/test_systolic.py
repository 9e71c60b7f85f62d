"""The systolic array against SCALE-Sim v3.0.0, and by hand."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from simulator.elements.systolic import fold_layer
from workloads.layers import Layer

_ROWS = Path(__file__).parent.parent / "reference" / "scalesim" / "cycles.csv"


def _reference() -> list[dict[str, str]]:
    with _ROWS.open() as stream:
        next(stream)
        return list(csv.DictReader(stream))


def _conv(row: dict[str, str]) -> Layer:
    h, w, fh, fw, c, n, s = (
        int(row[key]) for key in ("ifmap_h", "ifmap_w", "filter_h", "filter_w", "channels", "num_filters", "stride")
    )
    out = (n, -(-(h - fh + s) // s), -(-(w - fw + s) // s))
    weights = fh * fw * c * n
    return Layer(
        "c",
        "conv",
        ("x",),
        ((c, h, w),),
        out,
        kernel=(fh, fw),
        stride=(s, s),
        weights=weights,
        macs=weights * out[1] * out[2],
    )


def _ids(row: dict[str, str]) -> str:
    return f"{row['layer']}-{row['array_rows']}x{row['array_cols']}-{row['dataflow']}"


def test_a_fold_pays_fill_and_drain() -> None:
    """Four pixels, two weights a window and three filters on a 2 x 2 array, output stationary: 2 x 2 folds of 2 + 2 + 2
    - 2.
    """
    layer = Layer("c", "conv", ("x",), ((2, 2, 2),), (3, 2, 2), kernel=(1, 1), weights=6, macs=24)
    assert fold_layer(layer, 2, 2, "os").cycles == 2 * 2 * 4
    # Weight stationary: one row fold (two weights), two column folds (three filters) of 4 + 2*2 + 2 - 2.
    assert fold_layer(layer, 2, 2, "ws").cycles == 1 * 2 * 8


@pytest.mark.parametrize("row", [r for r in _reference() if r["stall_cycles"] == "0"], ids=_ids)
def test_cycles_equal_scale_sim_where_nothing_stalls(row: dict[str, str]) -> None:
    """SCALE-Sim prints the index of the last cycle, which is one less than their number (its issue 125)."""
    folds = fold_layer(_conv(row), int(row["array_rows"]), int(row["array_cols"]), row["dataflow"])  # type: ignore[arg-type]
    assert folds.cycles - 1 == int(row["total_cycles"])


@pytest.mark.parametrize("row", [r for r in _reference() if r["stall_cycles"] == "0"], ids=_ids)
def test_sram_accesses_equal_scale_sim(row: dict[str, str]) -> None:
    """Output stationary writes P x N; SCALE-Sim adds rows + columns for each fold by mistake, taken off here."""
    high, wide = int(row["array_rows"]), int(row["array_cols"])
    folds = fold_layer(_conv(row), high, wide, row["dataflow"])  # type: ignore[arg-type]
    printed_extra = folds.row_folds * folds.column_folds * (high + wide) if row["dataflow"] == "os" else 0
    assert folds.input_reads == int(row["sram_ifmap_reads"])
    assert folds.weight_reads == int(row["sram_filter_reads"])
    assert folds.output_writes + printed_extra == int(row["sram_ofmap_writes"])


def test_a_depthwise_layer_runs_channel_by_channel() -> None:
    layer = Layer("d", "conv", ("x",), ((8, 6, 6),), (8, 4, 4), kernel=(3, 3), groups=8, weights=72, macs=72 * 16)
    folds = fold_layer(layer, 4, 4, "os")
    assert (folds.groups, folds.row_folds, folds.column_folds) == (8, 4, 1)
    assert folds.cycles == 8 * 4 * (9 + 4 + 4 - 2)
