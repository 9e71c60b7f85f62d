"""The wheel holds everything: installed into an empty environment, it works from another folder.

The new environment sees the libraries of this one through a path file, so that nothing is downloaded; the project
itself it has from the wheel alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

import platforms

ROOT = Path(__file__).resolve().parents[1]


def run(command: Sequence[str | Path], folder: Path) -> str:
    """Standard output of a command that must succeed, without this environment's Python settings."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV"))}
    done = subprocess.run([*map(str, command)], cwd=folder, env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], ROOT)
    (built,) = folder.glob("headrace-*.whl")
    return built


@pytest.fixture(scope="module")
def scripts(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of an environment that has the wheel installed."""
    place = tmp_path_factory.mktemp("environment")
    venv.create(place, with_pip=False, symlinks=True)
    python = place / "bin" / "python"
    run([sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel], place)
    (libraries,) = (place / "lib").glob("python*/site-packages")
    (libraries / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python.parent


def test_the_wheel_holds_the_catalogue_and_nothing_but_the_packages(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {f"platforms/{name}.yaml" for name in platforms.names()} <= set(names)
    assert {"platforms/schema/platform-1.json", "simulator/py.typed", "workloads/py.typed"} <= set(names)
    tops = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == {"simulator", "workloads", "platforms"}


def test_the_wheel_holds_every_module_of_the_project(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for package in ("simulator", "workloads", "platforms"):
        modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / package).rglob("*.py")}
        assert modules <= names


def test_an_installed_wheel_loads_every_platform_from_another_folder(scripts: Path, tmp_path: Path) -> None:
    program = (
        "import platforms, simulator\n"
        "for name in platforms.names():\n"
        "    assert simulator.load_platform(name).name == name\n"
        "print(simulator.__file__)\n"
    )
    found = Path(run([scripts / "python", "-c", program], tmp_path).strip())
    assert found.is_relative_to(scripts.parent), "the project must come from the wheel"


def test_an_installed_wheel_has_the_command(scripts: Path, tmp_path: Path) -> None:
    assert "Usage" in run([scripts / "headrace", "--help"], tmp_path)
    assert "jetson-nano" in run([scripts / "headrace", "list", "platforms"], tmp_path)
    assert not list(tmp_path.iterdir()), "neither command writes a file"
