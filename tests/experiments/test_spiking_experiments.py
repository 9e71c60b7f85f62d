"""The scripts on spiking networks run, write what they promise, and answer their question from their own runs."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from experiments import spike_coding, spiking, tick_batching


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("spiking")
    spiking.main(["--steps", "12", "--activity", "0.01", "--activity", "0.1", "--out", str(out)])
    return out


def test_every_way_runs_at_every_activity(ways: Path) -> None:
    rows = _rows(ways / "spiking.csv")
    assert len(rows) == 2 * len(spiking.WAYS)
    assert (ways / "spiking.png").stat().st_size > 10_000


def test_only_ways_that_follow_events_pay_for_activity(ways: Path) -> None:
    rows = _rows(ways / "spiking.csv")
    for way in spiking.WAYS:
        low, high = (float(r["working_energy_uj"]) for r in rows if r["way"] == way.name)
        if way.event_driven or way.element == "chip":
            assert high > 1.1 * low
        else:
            assert high == pytest.approx(low)


def test_the_answer_names_the_leanest_way_of_the_table(ways: Path) -> None:
    rows = [r for r in _rows(ways / "spiking.csv") if r["activity"] == "0.01"]
    lean = min(rows, key=lambda r: float(r["energy_uj"]))
    assert f"At 1 % activity '{lean['way']}' takes least energy" in (ways / "answer.txt").read_text()


def test_rate_matched_spikes_keep_energy_and_lose_the_bursts(tmp_path: Path) -> None:
    spike_coding.main(["--steps", "200", "--out", str(tmp_path)])
    real, drawn = _rows(tmp_path / "spike_coding.csv")
    assert float(drawn["working_energy_uj"]) == pytest.approx(float(real["working_energy_uj"]), rel=0.02)
    assert float(drawn["events_mean"]) == pytest.approx(float(real["events_mean"]), rel=0.02)
    assert float(drawn["events_deviation"]) < 0.5 * float(real["events_deviation"])
    assert float(drawn["step_longest_us"]) < float(real["step_longest_us"])


def test_tick_batches_take_memory_in_proportion_to_their_steps(tmp_path: Path) -> None:
    tick_batching.main(["--steps", "2", "--steps", "8", "--inferences", "2", "--out", str(tmp_path)])
    rows = {(r["scheme"], r["steps"]): float(r["fifo_most_bytes"]) for r in _rows(tmp_path / "tick_batching.csv")}
    assert rows["streaming", "8"] == pytest.approx(rows["streaming", "2"], rel=0.2)
    assert rows["tick batch", "8"] == pytest.approx(4 * rows["tick batch", "2"], rel=0.01)
    assert rows["tick batch", "2"] > 5 * rows["streaming", "2"]
