"""The demonstration: three runs, a table, a finding that follows from the figures, and everything on disk."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from experiments import demo


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that a short demonstration has filled."""
    out = tmp_path_factory.mktemp("demo")
    demo.main(["--out", str(out), "--frames", "6"])
    return out


def test_each_contender_leaves_its_tables_timeline_and_trace(out: Path) -> None:
    for each in demo.CONTENDERS:
        folder = out / each.platform
        assert {"manifest.json", "layers.csv", "timeline.png", "trace.json.gz"} <= {p.name for p in folder.iterdir()}
    assert (out / "comparison.png").stat().st_size > 20_000


def test_the_table_holds_what_each_run_says_of_itself(out: Path) -> None:
    table = pd.read_csv(out / "comparison.csv").set_index("platform")
    assert list(table.index) == [each.platform for each in demo.CONTENDERS]
    for platform, row in table.iterrows():
        summary = json.loads((out / str(platform) / "summary.json").read_text())
        assert row["throughput_fps"] == pytest.approx(summary["throughput_fps"])
        assert row["energy_per_frame_mj"] == pytest.approx(summary["energy_per_frame_mj"])


class FakeResult:
    """Stands in for a result with the figures that the finding reads."""

    def __init__(self, fps: float, ms: float, mj: float | None) -> None:
        self.data = {"throughput_fps": fps, "latency_ms": {"mean": ms}, "energy_per_frame_mj": mj}

    def summary(self) -> dict[str, object]:
        return self.data


def test_the_finding_names_the_best_of_each_and_joins_what_one_wins() -> None:
    runs = {"A": FakeResult(100, 9, 5.0), "B": FakeResult(200, 3, None), "C": FakeResult(50, 4, 2.0)}
    assert demo.finding(runs) == (  # type: ignore[arg-type]
        "MobileNet-v1: the B gives most frames (200/s) and answers soonest (3.0 ms);"
        " the C costs least (2.00 mJ a frame)."
    )
