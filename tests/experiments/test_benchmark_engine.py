"""The benchmark of the engines measures what it says, and refuses figures of runs that differ."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from experiments import benchmark_engine
from experiments.benchmark_engine import compare, lowered, main, peak_megabytes, skipping, totals, whole_way


def test_each_step_of_the_whole_way_is_told() -> None:
    figures = {name: (value, unit) for name, value, unit in whole_way("u250", 2, 1)}
    assert figures["firings"][0] == 355_136
    steps = [value for value, unit in figures.values() if unit == "s"]
    assert len(steps) == 5
    assert all(0 < value < 60 for value in steps)
    assert "engine, static order" in figures


@pytest.mark.parametrize("board", ["u250", "zcu104"])
def test_all_engines_agree_on_lowered_networks(board: str) -> None:
    compare(lowered(board, "row"), 3)


def test_statistics_that_differ_are_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    count = itertools.count()
    monkeypatch.setattr(benchmark_engine, "_statistics", lambda _: [next(count)])
    with pytest.raises(RuntimeError, match="differ between the full run"):
        skipping(1, 1)


def test_totals_are_those_of_every_firing() -> None:
    figures = {name: value for name, value, _ in totals(1, 50_000)}
    assert figures["firings"] == 50_000


def test_the_highest_memory_is_that_of_this_process() -> None:
    held = np.ones(30_000_000)
    assert held.nbytes / 2**20 < peak_megabytes() < 100_000


def test_a_part_is_measured_apart_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--only", "fast-forward", "--repetitions", "1", "--out", str(tmp_path), "--largest", "1000"])
    written = (tmp_path / "benchmark_parts.csv").read_text().splitlines()
    assert written[0] == "part,figure,value,unit"
    (skipped,) = (line.split(",") for line in written if ",periods skipped," in line)
    assert int(skipped[2]) > 900_000
    assert "highest memory of the process" in capsys.readouterr().out
    assert (tmp_path / "benchmark_engine.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (("--repetitions", "0"), "argument --repetitions: '0' is no whole number from 1 on"),
        (("--seed", "-1"), "argument --seed: '-1' is no whole number from 0 on"),
        (("--only", "u251"), "nothing has 'u251' in its name; there are: 10 stages, depth 2, fixed;"),
        (("--only", "u250", "--largest", "5"), "--largest is 5; the plot begins at 1000 firings"),
    ],
)
def test_a_mistake_in_the_options_is_told_before_anything_is_measured(
    wrong: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(wrong)
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert told in said.err
    assert not said.out
