"""The scripts that change the model: each runs on something small, writes table and figure, and says its finding."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from experiments import (
    adders,
    compression,
    data_ordering,
    layer_balance,
    quantisation,
    streamed_tiling,
    topology,
)
from simulator import load_network
from simulator.elements.streaming.resources import product_cost
from workloads.transforms import balanced_stages

_RUNS: dict[str, tuple[Any, list[str]]] = {
    "adders": (adders, ["--network", "lenet-5", "--operands", "9", "32", "--frames", "2"]),
    "compression": (compression, ["--networks", "lenet-300-100", "--platforms", "raspberry-pi-4", "eie-64pe"]),
    "data_ordering": (
        data_ordering,
        ["--kernels", "3x3", "1x3", "3x1", "--channels", "16", "--maps", "14", "--platforms", "raspberry-pi-4",
         "--networks", "lenet-5"],
    ),
    "layer_balance": (layer_balance, ["--network", "lenet-5", "--stages", "2", "3", "--frames", "4"]),
    "quantisation": (
        quantisation,
        ["--networks", "lenet-5", "--platforms", "raspberry-pi-4=cpu", "zcu104=fpga", "--bits", "8", "1"],
    ),
    "streamed_tiling": (
        streamed_tiling,
        ["--network", "lenet-5", "--layer", "conv2", "--widths", "2", "4", "--frames", "2"],
    ),
    "topology": (topology, ["--base", "vgg-11", "--platforms", "raspberry-pi-4", "--frames", "1"]),
}  # fmt: skip


Outcomes = Callable[[str], tuple[pd.DataFrame, Path, str]]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    """The table, the folder and the words of a script, run once."""
    kept: dict[str, tuple[pd.DataFrame, Path, str]] = {}

    def outcome(name: str) -> tuple[pd.DataFrame, Path, str]:
        if name not in kept:
            folder = tmp_path_factory.mktemp(name)
            module, arguments = _RUNS[name]
            with redirect_stdout(StringIO()) as said:
                module.main(["--out", str(folder), *arguments])
            kept[name] = pd.read_csv(folder / f"{name}.csv"), folder, said.getvalue()
        return kept[name]

    return outcome


@pytest.mark.parametrize("name", list(_RUNS))
def test_a_script_writes_its_table_and_figure_and_says_its_finding(name: str, outcomes: Outcomes) -> None:
    table, folder, said = outcomes(name)
    assert len(table) > 1
    assert (folder / f"{name}.png").read_bytes()[:4] == b"\x89PNG"
    *_, finding, where = said.strip().splitlines()
    assert where.startswith("Table and figure: ")
    assert finding.endswith((".", ".)"))
    assert any(char.isdigit() for char in finding)
    assert _RUNS[name][0].__doc__.rstrip().endswith(f"python experiments/{name}.py --out runs/{name}")


@pytest.mark.parametrize("name", list(_RUNS))
def test_a_script_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        _RUNS[name][0].main(["--help"])
    assert stop.value.code == 0
    said = capsys.readouterr().out
    assert "--seed" in said
    assert "--out" in said


@pytest.mark.parametrize(
    "name", ["compression", "layer_balance", "streamed_tiling", "quantisation", "topology", "adders"]
)
def test_an_unknown_name_is_no_traceback(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    option = {"compression": "--networks", "quantisation": "--networks", "topology": "--base"}.get(name, "--network")
    with pytest.raises(SystemExit) as stop:
        _RUNS[name][0].main([option, "nonet"])
    assert stop.value.code == 2
    assert "nonet" in capsys.readouterr().err


def test_huffman_codes_are_worth_energy_and_zeros_are_worth_time_where_they_are_skipped(outcomes: Outcomes) -> None:
    rows = {(row["platform"], row["stage"]): row for row in outcomes("compression")[0].to_dict("records")}
    assert rows["eie-64pe", "P"]["speedup"] > 3
    assert rows["raspberry-pi-4", "PQH"]["size_percent"] == pytest.approx(2.49, abs=0.3)
    assert rows["raspberry-pi-4", "PQH"]["top1"] == "98.42 %"
    assert rows["raspberry-pi-4", "channels"]["top1"] == "none published"


def test_the_winner_depends_on_symmetry(outcomes: Outcomes) -> None:
    table = outcomes("data_ordering")[0]
    assert set(table.loc[table["wins"], "kernel"]) == {"3x3", "1x3", "3x1"}
    assert data_ordering.changes(table)["symmetry"] == 1.0
    ordered = table[table["algorithm"] != "direct"].groupby(["kernel", "stride"])["time_us"].min()
    won = table[table["wins"]].set_index(["kernel", "stride"])["time_us"]
    assert won.sort_index().tolist() == ordered.sort_index().tolist()


def test_tiled_runs_hold_what_the_formula_says(outcomes: Outcomes) -> None:
    table = outcomes("streamed_tiling")[0]
    assert (table["line_buffer_pixels"] <= table["formula_pixels"]).all()
    raster = table[table["order"] == "raster"].iloc[0]
    assert raster["line_buffer_pixels"] == 4 * 12 + 5
    layer = load_network("lenet-5")["conv2"]
    macs = table["energy_per_frame_mj"] * 1e9 - table["memory_bytes"] * 8 * 8
    assert macs.tolist() == pytest.approx([5 * product_cost(4, 4) * layer.macs] * len(table), rel=1e-6)


def test_processors_that_idle_cost_energy(outcomes: Outcomes) -> None:
    """In mJ: 4.6 pJ a multiply-accumulate; 22.5 mW a processor and 60 mW of the memory for the time of a frame."""
    macs = 4.6e-9 * load_network("lenet-5").macs
    for row in outcomes("layer_balance")[0].to_dict("records"):
        idle = (22.5 * row["stages"] + 60) / row["throughput_fps"]
        assert macs + idle < row["energy_per_frame_mj"] < 3 * (macs + idle)


def test_one_bit_is_faster_on_the_fabric_and_not_on_the_processor(outcomes: Outcomes) -> None:
    table = outcomes("quantisation")[0]
    rates = dict(zip(zip(table["platform"], table["bits"], strict=True), table["throughput_fps"], strict=True))
    assert rates["zcu104", 1] >= rates["zcu104", 8]
    assert rates["raspberry-pi-4", 1] == pytest.approx(rates["raspberry-pi-4", 8], rel=0.35)


def test_splitting_keeps_the_work_and_never_leaves_more_than_a_fair_share() -> None:
    network = load_network("alexnet")
    changed = layer_balance.split_heavy(network, 8)
    assert changed.macs == network.macs
    assert max(layer.macs for layer in changed.layers.values()) <= network.macs / 8 * 1.01
    names = [name for part in balanced_stages(changed, 8) for name in part]
    assert names == [group.name for group in changed.groups() if group.kind != "input"]


def test_accuracy_stands_beside_what_it_was_published_for(outcomes: Outcomes) -> None:
    table = outcomes("topology")[0].set_index("network")
    assert table.loc["mobilenet 0.75, 224", "top1_percent"] == 68.4
    assert table.loc["mobilenet 0.75, 192", "top1"] == "none published"
    assert table.loc["vgg-11 separable", "top1"] == "none published"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", ""], "argument --out: '' names no place to write to"),
        (["--out", " "], "argument --out: ' ' names no place to write to"),
        (["--out", __file__], "is a file; name a folder"),
        (["--seed", "-1"], "argument --seed: '-1' is no whole number from 0 on"),
        (["--frames", "0"], "argument --frames: '0' is no whole number from 1 on"),
        (["--frames", "1.5"], "argument --frames: '1.5' is no whole number from 1 on"),
        (["--stages", "0"], "argument --stages: '0' is no whole number from 1 on"),
        (["--bandwidth", "fast"], "'fast' is not a bandwidth"),
    ],
)
def test_an_option_that_cannot_be_meant_is_a_usage_error(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        layer_balance.main([*arguments, "--network", "lenet-5"])
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_kernels_that_are_none_and_shapes_that_have_no_neighbour_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        data_ordering.main(["--kernels", "3x"])
    assert stop.value.code == 2
    assert "'3x' is no kernel; write its height and width, e.g. 3x5" in capsys.readouterr().err
    one = ["--kernels", "3x3", "--maps", "14", "--channels", "16", "--strides", "1", "--networks"]
    data_ordering.main([*one, "--platforms", "raspberry-pi-4", "--out", str(tmp_path)])
    assert "No two shapes differ in one property alone" in capsys.readouterr().out
