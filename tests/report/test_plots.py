"""Figures: they state their finding, carry units, keep an element's colour, and need no window system."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from simulator.plan import Channel
from simulator.report.style import element_colours, fitting, lighter
from simulator.result import Result
from tests.analysis.by_hand import PICOSECOND, lowered, platform, result, source, stage, stream
from tests.engine.small import AFTER, actor, plan

NAMES = ("timeline", "occupancy", "energy", "layers")


def _result(folder: Path, frames: int = 40, stages: int = 1) -> Result:
    """'first' on the CPU in one or several stages of their own, 'second' on the GPU, slower."""
    middle = [
        actor(f"first.{k}", frames, 500, reads={k: 1}, writes={k + 1: 1}, resource=k, flows=[(0, 900, None)])
        for k in range(stages)
    ]
    graph = plan(
        actor("input", frames, 0, writes={0: 1}),
        *middle,
        actor("second", frames, 3000, reads={stages: 1}, resource=stages),
        channels=[Channel("in", 1), *(Channel(f"f{k}", 3, 0, 2.0, "dram") for k in range(stages))],
        resources=[1] * (stages + 1),
        servers=[1],
        discipline=AFTER,
        tick=PICOSECOND,
    )
    notes = [source()]
    notes += [
        stage("cpu", "first", name=str(k), macs=5, energy_pj={"mac": 10.0}, moved={("dram", "read"): 4.0})
        for k in range(stages)
    ]
    notes.append(stage("gpu", "second"))
    owners = [*["cpu"] * stages, "gpu"]
    return result(lowered(graph, notes, platform(folder), stream(frames), resources=owners, servers=["dram"]))


def test_titles_state_the_finding_and_axes_carry_units(tmp_path: Path) -> None:
    run = _result(tmp_path)
    titles = {name: getattr(run, f"plot_{name}")().get_suptitle().replace("\n", " ") for name in NAMES}
    assert titles["timeline"].startswith("two on bench: 333,333,333 frames/s; 'gpu' is in service")
    assert titles["occupancy"] == "'f0' is full 89\u00a0% of the time"
    assert titles["energy"].startswith("two on bench: ")
    assert "% of it for 'dram' read" in titles["energy"]
    assert titles["layers"] == "two on bench: 'second' on 'gpu' takes 77\u00a0% of the time in service"
    labels = {name: getattr(run, f"plot_{name}")().axes[-1].get_xlabel() for name in NAMES}
    assert labels["timeline"] == labels["occupancy"] == "simulated time [ns]"
    assert labels["energy"] == "energy per frame [pJ]"
    assert labels["layers"] == "time in service per frame [ns]"


def test_the_timeline_fills_each_row_with_what_the_slots_did(tmp_path: Path) -> None:
    run = _result(tmp_path)
    shares = run.timeline[[name for name in run.timeline.columns if name.endswith("_fraction")]].sum(axis=1)
    assert shares.to_numpy() == pytest.approx(1)
    (axis,) = run.plot_timeline().axes
    assert [text.get_text() for text in axis.get_yticklabels()] == ["r0", "r1"]


def test_many_stages_are_drawn_as_their_elements(tmp_path: Path) -> None:
    (axis,) = _result(tmp_path, frames=8, stages=30).plot_timeline().axes
    assert [text.get_text() for text in axis.get_yticklabels()] == ["cpu", "gpu"]
    assert axis.get_ylabel() == "mean of all stages"


def test_what_is_not_modelled_is_named_in_the_picture(tmp_path: Path) -> None:
    (axis,) = _result(tmp_path).plot_energy().axes
    words = [text.get_text() for text in axis.texts]
    assert words[1] == " energy not modelled"
    assert words[0].endswith("(not modelled: op)")
    assert words[2].endswith("(not modelled: idle)")


def test_an_element_has_one_colour_in_all_figures() -> None:
    assert element_colours({"cpu": "cpu", "gpu": "gpu"})["gpu"] == element_colours({"graphics": "gpu"})["graphics"]
    twins = element_colours({"a": "cpu", "b": "cpu", "c": "cpu"})
    assert len(set(twins.values())) == 3


def test_colours_of_models_differ_in_lightness_or_hue_and_shades_get_lighter() -> None:
    assert lighter("#0072B2", 0) == "#0072B2"
    assert lighter("#0072B2", 1) == "#FFFFFF"
    assert lighter("#000000", 0.5) == "#808080"


@pytest.mark.parametrize(
    ("largest", "found"),
    [(0.0, (1.0, "s")), (2.5e-4, (1e6, "µs")), (0.02, (1e3, "ms")), (7.0, (1, "s")), (5e4, (1e-3, "ks"))],
)
def test_quantities_are_shown_from_1_to_1000(largest: float, found: tuple[float, str]) -> None:
    assert fitting(largest, "s") == found


@pytest.mark.parametrize("ending", ["png", "pdf", "svg"])
def test_a_figure_is_written_in_the_format_of_its_name(tmp_path: Path, ending: str) -> None:
    path = tmp_path / "pictures" / f"energy.{ending}"
    _result(tmp_path, frames=3).plot_energy(path)
    start = {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml"}[ending]
    assert path.read_bytes().startswith(start)


def test_a_run_of_one_frame_and_one_that_took_no_time_are_drawn_too(tmp_path: Path) -> None:
    for name in NAMES:
        getattr(_result(tmp_path, frames=1), f"plot_{name}")(tmp_path / "one.png")
    graph = plan(actor("only", 1, 0, resource=0), resources=[1], tick=PICOSECOND)
    nothing = result(lowered(graph, [stage("cpu", "only")], platform(tmp_path), stream(1), resources=["cpu"]))
    for name in NAMES:
        getattr(nothing, f"plot_{name}")(tmp_path / "none.png")
    assert nothing.summary()["throughput_fps"] == 0


def test_plotting_needs_no_window_system_and_leaves_pyplot_alone() -> None:
    code = (
        "import sys; import simulator.result; assert 'matplotlib' not in sys.modules and 'pandas' not in sys.modules\n"
        "from simulator.report.style import new_figure; new_figure(3, 2); assert 'matplotlib.pyplot' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
