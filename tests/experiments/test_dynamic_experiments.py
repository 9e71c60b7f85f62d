"""The scripts on dynamic networks run, write what they promise, and answer their questions from their own runs."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from experiments import (
    continual,
    dynamic_common,
    dynamic_filters,
    dynamic_pruning,
    early_exit,
    variable_shape,
    video_changes,
)
from simulator.mapping import LayerRule
from workloads.generators.channels import pruned_stream
from workloads.generators.static import static_stream
from workloads.loading import load_network


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _figure(path: Path) -> bool:
    return path.read_bytes().startswith(b"\x89PNG") and path.stat().st_size > 10_000


def _check(rows: Sequence[dict[str, str]], printed: str) -> None:
    """Every sentence quotes the table."""
    by = {(row["method"], row["target"]): row for row in rows}
    for method in {row["method"] for row in rows}:
        sentence = next(line for line in printed.splitlines() if line.startswith(f"{method}: P1"))
        for target in dynamic_common.TARGETS:
            assert f"{float(by[method, target.title]['gain']):.2f}x" in sentence
        lost = float(by[method, dynamic_common.FPGA.title]["lost_to_imbalance"])
        assert f"({lost:.0%} lost)" in sentence
        assert ("? yes:" in sentence.partition("P2")[0]) == (lost > dynamic_common.SHAKEN)


def test_exits_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    early_exit.main(["--frames", "48", "--methods", "BranchyNet", "--out", str(tmp_path)])
    rows = _rows(tmp_path / "early_exit.csv")
    assert [row["target"] for row in rows] == [target.title for target in dynamic_common.TARGETS]
    _check(rows, capsys.readouterr().out)
    assert _figure(tmp_path / "early_exit.png")
    one, many = (float(row["gain"]) for row in rows[1:3])
    assert one > many  # a batch waits for the frame that goes on longest


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "arguments"),
    [
        (early_exit, ["--frames", "48"]),
        (dynamic_filters, ["--frames", "32"]),
        (video_changes, ["--frames", "48"]),
        (variable_shape, ["--frames", "64"]),
        (continual, ["--frames", "96", "--tasks", "2", "--most", "10"]),
    ],
    ids=lambda value: value.__name__.rpartition(".")[2] if isinstance(value, ModuleType) else "",
)
def test_every_method_is_answered(
    script: ModuleType, arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = script.__name__.rpartition(".")[2]
    script.main([*arguments, "--out", str(tmp_path)])
    _check(_rows(tmp_path / f"{name}.csv"), capsys.readouterr().out)
    assert _figure(tmp_path / f"{name}.png")


@pytest.mark.slow
def test_pruning_is_swept_and_remedied(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dynamic_pruning.main(["--frames", "256", "--out", str(tmp_path)])
    depths = [row for row in _rows(tmp_path / "depths.csv") if row["deviation"] == "0.2"]
    reached = [float(row["throughput_fps"]) for row in depths]
    assert reached == sorted(reached)
    assert max(reached) <= float(depths[0]["even_throughput_fps"]) * 1.03  # a window of a finite run
    tried = {row["remedy"]: float(row["throughput_fps"]) for row in _rows(tmp_path / "remedies.csv")}
    assert tried["folded for the mean"] > tried["folded for dense work"]
    assert tried["FIFOs of 4 frames"] > tried["folded for the mean"]
    said = capsys.readouterr().out
    assert f"'{max(tried, key=lambda name: tried[name])}' helps most" in said
    assert _figure(tmp_path / "dynamic_pruning.png")


def test_a_network_that_outgrows_its_memory_is_told() -> None:
    table, told = continual.growth_until_full(load_network("m-cifarnet"), 12)
    assert table["fits"].tolist() == [True] * 8 + [False]
    assert told.startswith("with 9 tasks: network 'm-cifarnet-x9' does not fit platform 'jetson-nano'")
    assert (np.diff(table["weights_mib"]) > 0).all()


def test_without_variance_nothing_is_lost_to_imbalance() -> None:
    network = load_network("m-cifarnet")
    row = dynamic_common.figures(dynamic_common.FPGA, pruned_stream(network, 40, density=0.5))
    assert row["lost_to_imbalance"] < 1e-9
    assert row["throughput_fps"] == pytest.approx(row["even_throughput_fps"])


def test_multipliers_of_instances_count_and_those_of_one_engine_count_once() -> None:
    network = load_network("m-cifarnet")
    stream = static_stream(network, 4)

    def used(*layers: LayerRule) -> int:
        folded = LayerRule("*", options={"pe": 2, "simd": 1})
        return dynamic_pruning.multipliers(
            dynamic_common.run(dynamic_common.FPGA, stream, dynamic_common.FPGA.rules([folded, *layers]))
        )

    plain = used()
    assert plain == 2 * 9
    assert used(LayerRule("conv3", options={"instances": 2})) == plain + 2
    assert used(*(LayerRule(name, options={"engine": "e"}) for name in ("conv2", "conv3"))) == plain - 2
