"""The scripts on ODE networks run, write what they promise, and answer their question from their own runs."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from experiments import cnn_ncp_split, ode_solvers
from simulator.platform import load_platform


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def zynq(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("split")
    cnn_ncp_split.main(["--frames", "12", "--platform", "zynq-ultrascale-zcu102", "--out", str(out)])
    return out


def test_every_split_is_measured_at_both_rates_with_both_solvers(zynq: Path) -> None:
    rows = _rows(zynq / "splits.csv")
    pairs = {(row["head"], row["cell"]) for row in rows}
    assert {("fpga", "circuit"), ("fpga", "rpu"), ("fpga", "core"), ("cpu", "circuit"), ("core", "core")} <= pairs
    assert len(rows) == 4 * len(pairs)
    assert (zynq / "splits_fused.png").stat().st_size > 10_000


def test_the_answer_quotes_the_table(zynq: Path) -> None:
    sentence = (zynq / "answers.txt").read_text().splitlines()[0]
    row = next(
        r
        for r in _rows(zynq / "splits.csv")
        if (r["head"], r["cell"], r["solver"], r["rate_fps"]) == ("fpga", "circuit", "fused", "120")
    )
    assert sentence.startswith("zynq-ultrascale-zcu102, fused: yes")
    assert f"to {float(row['latency_p99_ms']):.3f} ms" in sentence


def test_what_does_not_keep_up_misses_its_deadlines(zynq: Path) -> None:
    for row in _rows(zynq / "splits.csv"):
        if float(row["throughput_fps"]) < 0.9 * float(row["rate_fps"]):
            assert int(row["deadline_misses"]) > 0


def test_parts_of_the_latency_add_up(zynq: Path) -> None:
    for row in _rows(zynq / "splits.csv"):
        if row["solver"] == "fused" and int(row["deadline_misses"]) == 0:
            total = sum(float(row[part]) for part in ("head_ms", "link_ms", "cell_ms"))
            assert total == pytest.approx(float(row["latency_p50_ms"]), rel=0.02)


def test_elements_without_a_way_between_them_are_left_out() -> None:
    pairs = {(s.head, s.cell) for s in cnn_ncp_split.splits(load_platform("automotive-soc"))}
    assert ("gpu", "safety") in pairs
    assert ("safety", "circuit") not in pairs


@pytest.mark.slow
def test_solvers_are_compared(tmp_path: Path) -> None:
    ode_solvers.main(["--frames", "60", "--images", "8", "--channels", "8", "--out", str(tmp_path)])
    rows = {row["method"]: row for row in _rows(tmp_path / "solvers.csv")}
    errors = [float(rows[name]["error"]) for name in ("rk45 1e-02", "rk45 1e-03", "rk45 1e-06")]
    assert errors == sorted(errors, reverse=True)
    assert int(rows["fused 6"]["evaluations_max"]) == 6
    assert float(rows["rk45 1e-06"]["evaluations_max"]) > float(rows["rk45 1e-06"]["evaluations_mean"])
    # With the depth that the table gives, the bounded FIFO changes no departure.
    assert {row["late_with_that_fifo_us"] for row in rows.values()} == {"0.0"}
    blocks = _rows(tmp_path / "ode_block.csv")
    assert float(blocks[0]["evaluations_mean"]) <= float(blocks[-1]["evaluations_max"])
