"""``headrace run``: what it prints, what it writes, and what it says to mistakes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from simulator import load_network, simulate
from tests.cli.conftest import Command

SMALL = ("mpsoc-cpu-gpu", "lenet-5", "--frames", 8)
KEYS = {
    "throughput_fps", "latency_ms", "energy_mj", "elements", "fifos", "layers", "bottleneck", "firings", "engine",
    "wall_s",
}  # fmt: skip


def test_json_is_one_object_with_every_promised_key(headrace: Command) -> None:
    said = headrace("run", *SMALL, "--json")
    assert (said.code, said.err) == (0, "")
    data = json.loads(said.out)
    assert set(data) >= KEYS
    assert set(data["latency_ms"]) == {"mean", "p50", "p95", "p99", "max"}
    assert all({"name", "element", "macs", "cycles"} <= set(layer) for layer in data["layers"])
    assert sum(layer["macs"] for layer in data["layers"]) == load_network("lenet-5").macs
    assert data["frames"] == data["delivered"] == 8


def test_the_command_line_and_python_give_the_same_figures(headrace: Command) -> None:
    data = json.loads(headrace("run", *SMALL, "--arrivals", "poisson:900Hz", "--seed", 7, "--json").out)
    same = simulate("mpsoc-cpu-gpu", "lenet-5", frames=8, arrivals="poisson:900Hz", seed=7).to_json()
    for key in set(data) - {"wall_s"}:
        assert data[key] == same[key], key


def test_people_get_the_figures_the_limit_and_the_slowest_layers(headrace: Command) -> None:
    said = headrace("run", *SMALL)
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0] == "lenet-5 on mpsoc-cpu-gpu  8 frames, saturated"
    assert [line.split()[0] for line in lines[1:4]] == ["throughput", "latency", "energy"]
    assert lines[4].startswith("  limited by  ")
    for word in ("cpu", "gpu", "conv2", "ip1"):
        assert word in said.out
    assert all(len(line.rstrip()) <= 120 for line in lines)


def test_frames_arrivals_and_seed_decide_the_run(headrace: Command) -> None:
    def latency(seed: int) -> float:
        said = headrace("run", *SMALL, "--arrivals", "poisson:3kHz", "--seed", seed, "--json")
        return float(json.loads(said.out)["latency_ms"]["mean"])

    assert latency(1) == latency(1)
    assert latency(1) != latency(2)


def test_slow_periodic_arrivals_set_the_throughput(headrace: Command) -> None:
    data = json.loads(headrace("run", *SMALL, "--arrivals", "periodic:10Hz", "--json").out)
    assert data["throughput_fps"] == pytest.approx(10, rel=1e-6)
    assert data["bottleneck"]["kind"] == "arrivals"


def test_set_changes_the_platform(headrace: Command) -> None:
    slow = ("--set", "processing_elements.gpu.clock=80 MHz", "--set", "processing_elements.cpu.clock=180 MHz")
    before, after = (json.loads(headrace("run", *SMALL, *more, "--json").out) for more in ((), slow))
    assert after["throughput_fps"] < before["throughput_fps"] / 2


def test_a_recorded_trace_of_arrivals_brings_its_own_number_of_frames(headrace: Command) -> None:
    Path("camera.csv").write_text("release_ms\n0\n5\n10\n40\n")
    data = json.loads(headrace("run", "mpsoc-cpu-gpu", "lenet-5", "--arrivals", "trace:camera.csv", "--json").out)
    assert data["frames"] == 4


def test_a_recorded_stream_runs_with_its_own_work(headrace: Command) -> None:
    Path("kept.csv").write_text("frame,layer,kept_fraction\n0,conv2,1\n1,conv2,0.5\n2,conv2,0\n3,conv2,0.5\n")
    data = json.loads(headrace("run", "mpsoc-cpu-gpu", "lenet-5", "--workload", "recorded:kept.csv", "--json").out)
    assert data["frames"] == 4
    macs = {layer["name"]: layer["macs"] for layer in data["layers"]}
    assert macs["conv2"] == 800_000
    assert macs["conv1"] == 288_000


def test_a_mapping_puts_every_layer_where_it_says(headrace: Command) -> None:
    Path("all-cpu.yaml").write_text("format: mapping/1\nelement: cpu\n")
    data = json.loads(headrace("run", *SMALL, "--mapping", "all-cpu.yaml", "--json").out)
    assert {layer["element"] for layer in data["layers"]} == {"cpu"}


def test_both_engines_can_be_asked_for_and_agree(headrace: Command) -> None:
    first, second = (json.loads(headrace("run", *SMALL, "--engine", e, "--json").out) for e in ("simpy", "compiled"))
    assert (first["engine"], second["engine"]) == ("simpy", "compiled")
    for key in ("throughput_fps", "latency_ms", "energy_mj", "elements", "fifos", "layers"):
        assert first[key] == second[key]


def test_deadline_and_loss_are_reported(headrace: Command) -> None:
    said = headrace(
        "run", *SMALL, "--frames", 60, "--arrivals", "periodic:40kHz", "--lossy", "--deadline", "1us", "--json"
    )
    data = json.loads(said.out)
    assert data["dropped"] > 0
    assert data["delivered"] + data["dropped"] == 60
    assert data["deadline_misses"] == data["delivered"]


def test_until_stops_in_the_middle_and_says_so(headrace: Command) -> None:
    said = headrace("run", "mpsoc-cpu-gpu", "lenet-5", "--frames", 500, "--until", "5ms")
    assert said.code == 0
    assert "incomplete" in said.out
    assert "of 500 frames are through" in said.out


def test_out_holds_tables_manifest_and_pictures(headrace: Command) -> None:
    said = headrace("run", *SMALL, "--out", "runs/one", "--trace", "runs/one.json", "--seed", 3)
    assert said.code == 0
    assert "written: runs/one\n" in said.out
    names = {path.name for path in Path("runs/one").iterdir()}
    assert {"manifest.json", "layers.csv", "timeline.png", "occupancy.png", "energy.png", "layers.png"} <= names
    manifest = Path("runs/one/manifest.json").read_text()
    assert '"seed": 3' in manifest
    assert json.loads(Path("runs/one.json").read_text())["traceEvents"]


def test_totals_are_those_of_the_full_run_and_are_saved_without_what_needs_a_trace(headrace: Command) -> None:
    long = ("mpsoc-cpu-gpu", "lenet-5", "--frames", 400)
    said = headrace("run", *long, "--totals", "--json", "--out", "runs/totals")
    assert (said.code, said.err) == (0, "")
    totals, full = json.loads(said.out), json.loads(headrace("run", *long, "--json").out)
    for key in ("throughput_fps", "energy_mj", "delivered", "firings", "elapsed_ms"):
        assert totals[key] == pytest.approx(full[key]), key
    assert totals["latency_ms"] == pytest.approx(full["latency_ms"])
    assert "periods skipped" in totals["engine_reason"]
    names = {path.name for path in Path("runs/totals").iterdir()}
    assert {"manifest.json", "layers.csv", "fifos.parquet", "latencies.csv", "energy.png", "layers.png"} <= names
    assert not names & {"frames.parquet", "timeline.parquet", "timeline.png", "occupancy.png"}


def test_people_get_the_figures_of_totals_too(headrace: Command) -> None:
    said = headrace("run", "mpsoc-cpu-gpu", "lenet-5", "--frames", 100_000, "--totals")
    assert said.code == 0
    assert "100000 frames" in said.out
    assert "limited by" in said.out


def test_trace_writes_a_row_a_firing_as_parquet(headrace: Command) -> None:
    assert headrace("run", *SMALL, "--trace", "runs/firings.parquet").code == 0
    rows = pd.read_parquet("runs/firings.parquet")
    data = json.loads(headrace("run", *SMALL, "--json").out)
    assert len(rows) == data["firings"]
    assert int(rows["last_frame"].max()) == 7


def test_a_run_writes_nothing_unless_asked(headrace: Command) -> None:
    headrace("run", *SMALL)
    assert list(Path().iterdir()) == []


INTERRUPT = """
import os, signal, sys
from simulator.cli import main
import simulator.engine.simpy_engine as engine
original = engine.run_simpy
pressed = []
def run(plan, *, until=None, progress=None):
    def press_once(now, departed, total):
        if not pressed:
            pressed.append(now)
            os.kill(os.getpid(), signal.SIGINT)
    return original(plan, until=until, progress=press_once)
engine.run_simpy = run
sys.exit(main(sys.argv[1:]))
"""


def test_an_interrupted_run_reports_what_was_finished_and_exits_130(tmp_path: Path) -> None:
    arguments = [
        "run",
        "mpsoc-cpu-gpu",
        "mobilenet-v1",
        "--frames",
        "1200",
        "--engine",
        "simpy",
        "--out",
        "half",
        "--json",
    ]
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPT, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 130, done.stderr
    data = json.loads(done.stdout)
    assert data["complete"] is False
    assert 0 < data["delivered"] < 1200
    assert done.stderr == "interrupted: the figures are those of the part that was finished\n"
    assert (tmp_path / "half" / "manifest.json").is_file()


def test_control_c_before_the_run_is_quiet(tmp_path: Path) -> None:
    code = (
        "import time, simulator.platform as p\np.load_platform = lambda *a: (print('go', flush=True), time.sleep(30))\n"
    )
    code += "import sys\nfrom simulator.cli import main\nsys.exit(main(['run', 'mpsoc-cpu-gpu', 'lenet-5']))"
    running = subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert running.stdout is not None
    assert running.stdout.readline() == b"go\n"
    time.sleep(0.2)
    os.kill(running.pid, signal.SIGINT)
    _, err = running.communicate(timeout=20)
    assert running.returncode == 130
    assert b"Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("mpsoc-cpu-gp", "lenet-5"), "no platform 'mpsoc-cpu-gp'; did you mean 'mpsoc-cpu-gpu'?"),
        (("mpsoc-cpu-gpu", "lenet-6"), "did you mean 'lenet-5'?"),
        ((*SMALL, "--arrivals", "periodic:30"), "the rate is '30', which has no unit; write e.g. '30 Hz'"),
        ((*SMALL, "--arrivals", "trace:none.csv"), "no file 'none.csv'; name a CSV file that exists"),
        ((*SMALL, "--frames", "0"), "0 frames are asked for; write frames=1 or more"),
        ((*SMALL, "--engine", "fast"), "no engine 'fast'"),
        ((*SMALL, "--totals", "--trace", "a.json"), "--trace needs what --totals leaves out; write one of the two"),
        (
            (*SMALL, "--trace", "a.txt"),
            "'a.txt' does not say what kind of trace to write; let its name end in .json, .json.gz, .parquet, .arrow",
        ),
        ((*SMALL, "--totals", "--engine", "simpy"), "totals are kept by the compiled engine alone"),
        ((*SMALL, "--set", "clock"), "--set 'clock' sets nothing; write --set memories.dram.bandwidth='12.8 GB/s'"),
        ((*SMALL, "--set", "memories.dram.bandwidth=12"), "12 has no unit; write e.g. '12 GB/s'"),
        ((*SMALL, "--set", "a=1", "--set", "a=2"), "--set sets 'a' twice; write it once"),
        ((*SMALL, "--until", "5"), "--until is '5', which has no unit; write e.g. '5 ms'"),
        ((*SMALL, "--deadline", "soon"), "the deadline is 'soon', which is no number with a unit; write e.g. '10 ms'"),
        ((*SMALL, "--workload", "statik"), "no workload 'statik'; did you mean 'static'?"),
        ((*SMALL, "--mapping", "absent.yaml"), "absent.yaml"),
        ((*SMALL, "--frames", "many"), "--frames"),
        ((*SMALL, "--fast"), "--fast"),
        (("mpsoc-cpu-gpu",), "NETWORK"),
    ],
)
def test_a_mistake_exits_with_2_and_says_what_to_write(
    headrace: Command, arguments: tuple[object, ...], message: str
) -> None:
    said = headrace("run", *arguments)
    assert (said.code, said.out) == (2, "")
    assert message in said.err
    assert "Traceback" not in said.err


def test_branches_that_no_frame_takes_have_figures_too(headrace: Command) -> None:
    said = headrace("run", "mpsoc-cpu-gpu", "hydranet", "--workload", "hydra:k=1", "--frames", "2", "--json")
    assert said.code == 0, said.err
    branches = [layer for layer in json.loads(said.out)["layers"] if layer["name"].startswith("branch")]
    idle = [layer for layer in branches if layer["macs"] == 0]
    assert 0 < len(idle) < len(branches)
    assert all(layer["cycles"] == 0 for layer in idle)
