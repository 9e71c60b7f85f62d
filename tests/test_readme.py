"""What README says works as it is written: its commands run, its files load, its Python runs."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from simulator.cli import app, main

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS: list[tuple[str, str]] = re.findall(r"^```(\w+)\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
LINES = [line.partition("#")[0].strip() for kind, body in BLOCKS if kind == "sh" for line in body.splitlines()]
COMMANDS = [line for line in LINES if line.startswith("headrace ")]
SLOW = [line for line in LINES if line.startswith("python ")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that README shows, beside what a clone has."""
    place = tmp_path_factory.mktemp("clone")
    for name in ("experiments", "platforms", "tests"):
        (place / name).symlink_to(ROOT / name)
    for _, body in BLOCKS:
        named = re.match(r"# (\S+\.(?:yaml|csv|py))\n", body)
        if named:
            (place / named[1]).write_text(body, encoding="utf-8")
    return place


def run(command: list[str] | str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A command as a reader would type it, with this environment's programs first on the path."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path}
    return subprocess.run(
        command,
        cwd=folder,
        env=environment,
        shell=isinstance(command, str),
        capture_output=True,
        text=True,
        check=False,
    )


def test_readme_has_every_command_that_there_is() -> None:
    named = {line.split()[1] for line in COMMANDS}
    assert named >= {command.name for command in app.registered_commands}
    assert {"make demo", "make test"} <= set(LINES)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_readme_works_as_written(
    command: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [*sys.path])
    code = main(shlex.split(command)[1:])
    said = capsys.readouterr()
    assert (code, said.err) == (0, "")
    assert said.out


def test_the_first_command_of_readme_works_in_a_shell(folder: Path) -> None:
    done = run(COMMANDS[0], folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("mobilenet-v1 on mpsoc-cpu-gpu  64 frames")


@pytest.mark.slow
@pytest.mark.parametrize("command", SLOW)
def test_a_script_of_readme_works_as_written(command: str, folder: Path) -> None:
    done = run(command, folder)
    assert done.returncode == 0, done.stderr


def test_the_python_of_readme_runs(folder: Path) -> None:
    (program,) = [body for kind, body in BLOCKS if kind == "python" and "simulate(" in body]
    assert len([line for line in program.splitlines() if line.strip()]) <= 5
    done = run([sys.executable, "-c", program], folder)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.split()[0]) > 0
    assert (folder / "timeline.png").stat().st_size > 10_000


def test_every_link_of_readme_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", TEXT):
        if not target.startswith("http"):
            assert (ROOT / target).exists(), target
