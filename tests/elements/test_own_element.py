"""An element of a user's own: a module beside the platform file, priced as it says, and told what is wrong with it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from simulator import load_network, load_platform, simulate
from simulator.errors import MappingError, UserError
from simulator.mapping import MappingRules
from simulator.result import Result

_MODULE = """
import dataclasses
import numpy as np
from simulator.elements.base import Element, ElementConfig
from simulator.elements.one_stage import one_stage
from simulator.units import Cycles

class Config(ElementConfig):
    interval: Cycles

class Lut(Element):
    Config = Config
    def stages(self, work, assignment):
        return [one_stage(self.config, work, assignment, work.macs * self.config.interval, weights=True)]

class Wrong(Lut):
    def stages(self, work, assignment):
        {body}
"""


def _platform(folder: Path, model: str, monkeypatch: pytest.MonkeyPatch, body: str = "return []") -> Path:
    """The platform and its module, in a package of the folder's own so that no other test has imported it before."""
    package = "own_" + hashlib.sha256(str(folder).encode()).hexdigest()[:12]
    (folder / package).mkdir()
    (folder / package / "models.py").write_text(_MODULE.replace("{body}", body))
    monkeypatch.syspath_prepend(folder)
    path = folder / "lut.yaml"
    keys = f"model: '{package}.models:{model}', clock: 1 GHz, interval: 2 cycle, energy: {{mac: 0.5 pJ/MAC}}"
    memory = "memories:\n  sram: {size: 64 MiB, bandwidth: 10000 GB/s}\n"
    path.write_text(f"format: platform/1\nname: lut\nprocessing_elements:\n  lut: {{{keys}}}\n{memory}")
    return path


def _run(path: Path, batch: int = 1, granularity: str | None = None) -> Result:
    rules = MappingRules(batch=batch, granularity=granularity)
    return simulate(load_platform(path), load_network("lenet-300-100"), frames=10, mapping=rules)


def test_a_model_of_a_few_lines_is_priced_as_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = _run(_platform(tmp_path, "Lut", monkeypatch))
    macs = 784 * 300 + 300 * 100 + 100 * 10
    assert found.summary()["throughput_fps"] == pytest.approx(1e9 / (2 * macs))
    assert found.summary()["energy_mj"] == pytest.approx(10 * macs * 0.5 * 1e-9)
    assert found.layers["read_bytes"].sum() == 4 * (784 + 300 + 100) + 4 * macs  # float32, inputs and weights


@pytest.mark.parametrize("batch", [2, 4])  # of ten frames: the last batch of four holds two
def test_frames_of_a_batch_are_not_priced_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int) -> None:
    path = _platform(tmp_path, "Lut", monkeypatch)
    alone, together = _run(path), _run(path, batch)
    for column in ("macs", "cycles"):
        assert together.layers[column].tolist() == alone.layers[column].tolist()
    assert together.summary()["energy_mj"] == pytest.approx(alone.summary()["energy_mj"])
    assert together.run.steady.throughput == alone.run.steady.throughput


def test_a_microcontroller_gains_nothing_from_batches(tmp_path: Path) -> None:
    path = tmp_path / "core.yaml"
    core = "{model: scalar, clock: 200 MHz, cycles: {mac: 1 cycle}}"
    path.write_text(f"format: platform/1\nname: p\nprocessing_elements:\n  core: {core}\n")
    assert _run(path, batch=5).run.steady.throughput == _run(path).run.steady.throughput


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("return None", "'stages' returns NoneType; return a list of Stage"),
        ("return [1]", "'stages' returns a list with int in it; return Stage alone"),
        ("return 1 / 0", "its method 'stages' fails with ZeroDivisionError: division by zero"),
        (
            "return [dataclasses.replace(super().stages(work, assignment)[0], cycles=np.array([5]))]",
            "stage 0: cycles has the shape (1,); write (frames or 1, pieces or 1), e.g. array[:, None]",
        ),
        (
            "return [dataclasses.replace(super().stages(work, assignment)[0], cycles=np.array([[5, 5]]))]",
            "stage 0: cycles has the shape (1, 2); its columns are pieces: write 1 or 1",
        ),
        (
            "return [dataclasses.replace(super().stages(work, assignment)[0], cycles=np.full((7, 1), 5))]",
            "stage 0: cycles has the shape (7, 1); its rows are frames or batches: write 1 or 10",
        ),
        (
            "return [dataclasses.replace(super().stages(work, assignment)[0], cycles=np.array([[-5]]))]",
            "stage 0: cycles has a value that is negative or not finite; write 0 or more",
        ),
        (
            "return [dataclasses.replace(super().stages(work, assignment)[0], cycles=np.array([[5.5]]))]",
            "stage 0: cycles are float64; write integers, e.g. with whole_cycles of simulator.elements.pieces",
        ),
        (
            "return [dataclasses.replace(super().stages(work, assignment)[0], energy_pj={'x': np.array([[np.nan]])})]",
            "stage 0: energy_pj['x'] has a value that is negative or not finite; write 0 or more",
        ),
        (
            "return [dataclasses.replace(super().stages(work, assignment)[0], windows=())]",
            (
                "no stage has a window on input 0, so it would not wait for it;"
                " write windows, e.g. windows_of(layer_window(work.layer, assignment.granularity))"
            ),
        ),
    ],
)
def test_a_model_that_breaks_the_rules_is_told_which(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, says: str
) -> None:
    path = _platform(tmp_path, "Wrong", monkeypatch, body)
    with pytest.raises(MappingError) as caught:
        _run(path)
    model = load_platform(path).processing_elements["lut"].config.model
    assert str(caught.value) == f"model '{model}' of element 'lut', layer '1': {says}"


def test_a_model_without_stages_is_refused_with_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="element 'lut' gives layer '1' no stage; its model must return at least one"):
        _run(_platform(tmp_path, "Wrong", monkeypatch))
