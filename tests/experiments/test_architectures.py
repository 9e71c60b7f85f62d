"""Which architecture: the front is the front, and the script runs on a part of the catalogue."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from experiments import architectures
from simulator import simulate


def test_the_front_holds_what_nothing_beats_in_both() -> None:
    rows = pd.DataFrame(
        {
            "throughput_fps": [10.0, 20.0, 15.0, 50.0, 20.0, 99.0],
            "energy_per_frame_mj": [1.0, 2.0, 3.0, 9.0, 2.5, None],
        },
        index=[3, 5, 7, 11, 13, 17],
    )
    assert architectures.unbeaten(rows).tolist() == [True, True, False, True, False, False]


def test_accelerators_beside_other_elements_also_run_alone() -> None:
    labels = [each.label for each in architectures.candidates(["mpsoc-cpu-gpu", "systolic-32x32", "ultra96-fpga"])]
    assert labels == [
        "mpsoc-cpu-gpu",
        "mpsoc-cpu-gpu (gpu alone)",
        "systolic-32x32",
        "ultra96-fpga",
        "ultra96-fpga (fpga alone)",
    ]


def test_a_run_that_is_not_possible_is_a_row_with_its_reason() -> None:
    (candidate,) = architectures.candidates(["loihi"])
    row = architectures.measure(candidate, "lenet-5", frames=2, seed=0)
    assert "can run nowhere on platform 'loihi'" in row["refused"]


def test_the_script_writes_table_and_figure_and_says_its_finding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--platforms", "mpsoc-cpu-gpu", "systolic-32x32", "loihi", "--networks", "lenet-5", "alexnet-cifar"]
    architectures.main(["--out", str(tmp_path), "--frames", "4", *arguments])
    table = pd.read_csv(tmp_path / "architectures.csv")
    done = table[table["refused"].isna()]
    assert set(done["platform"]) == {"mpsoc-cpu-gpu", "systolic-32x32"}
    own = done[(done["network"] == "lenet-5") & (done["candidate"] == "mpsoc-cpu-gpu")].iloc[0]
    assert own["throughput_fps"] == pytest.approx(
        simulate("mpsoc-cpu-gpu", "lenet-5", frames=4).summary()["throughput_fps"]
    )
    assert (tmp_path / "architectures.png").stat().st_size > 20_000
    said = capsys.readouterr().out
    assert "Of 2 platforms none beats these in both throughput and energy a frame (for how many of 2 networks):" in said
    assert "run none of them (the table says why): loihi" in said


def test_an_unknown_platform_is_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        architectures.main(["--platforms", "jetson-nanoo"])
    assert stop.value.code == 2
    assert "did you mean 'jetson-nano'?" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stop:
        architectures.main(["--platforms", "jetson-nano", "--networks", "lenet-6"])
    assert stop.value.code == 2
    assert "did you mean 'lenet-5'?" in capsys.readouterr().err
