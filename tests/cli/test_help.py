"""The command line itself: quick help, exit codes, and whose fault an error is."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import simulator
from simulator.cli import main
from simulator.cli.console import percent, si, size
from simulator.cli.failures import report_failure, say
from tests.cli.conftest import Command

HEAVY = (
    "numpy",
    "pandas",
    "matplotlib",
    "simpy",
    "pint",
    "scipy",
    "onnx",
    "nir",
    "numba",
    "pyarrow",
    "yaml",
)
COMMANDS = ("run", "graph", "inspect", "check", "list", "show", "schema")


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["--version"]])
def test_help_loads_no_heavy_library(arguments: list[str]) -> None:
    program = (
        "import sys\nfrom simulator.cli import main\n"
        f"code = main({arguments!r})\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)\nsys.exit(code)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"


def test_help_names_every_command_and_each_has_its_own(headrace: Command) -> None:
    said = headrace("--help")
    assert said.code == 0
    for command in COMMANDS:
        assert f" {command} " in said.out
        own = headrace(command, "--help")
        assert (own.code, own.err) == (0, "")
        assert "Usage: headrace " + command in own.out


def test_the_version_is_the_projects(headrace: Command) -> None:
    assert headrace("--version").out == f"headrace {simulator.__version__}\n"


def test_no_command_shows_the_help(headrace: Command) -> None:
    said = headrace()
    assert said.code == 2
    assert "Usage: headrace" in said.out + said.err


def test_an_unknown_command_exits_with_2(headrace: Command) -> None:
    said = headrace("runn", "a", "b")
    assert said.code == 2
    assert "runn" in said.err


def test_a_fault_of_ours_exits_with_1_and_asks_for_a_report(headrace: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("simulator.platform.load_platform", broken)
    said = headrace("show", "mpsoc-cpu-gpu")
    assert (said.code, said.out) == (1, "")
    assert said.err == (
        "headrace met a fault of its own: ZeroDivisionError: division by zero\n"
        "This is a bug, not your mistake. Please report it with the command, the files it names\n"
        "and the traceback that the same command prints with --debug.\n"
    )
    loud = headrace("show", "mpsoc-cpu-gpu", "--debug")
    assert loud.code == 1
    assert "Traceback" in loud.err


def test_debug_shows_the_traceback_of_a_users_mistake_too(headrace: Command) -> None:
    said = headrace("show", "no-such", "--debug")
    assert said.code == 2
    assert "Traceback" in said.err


def test_a_file_that_cannot_be_written_is_the_users_affair(capsys: pytest.CaptureFixture[str]) -> None:
    assert report_failure(PermissionError(13, "Permission denied", "/x/y"), debug=False) == 2
    assert capsys.readouterr().err == "/x/y: Permission denied\n"


def test_a_very_long_list_of_problems_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    say("\n".join(str(k) for k in range(100)))
    assert capsys.readouterr().err.splitlines()[-2:] == ["59", "  ... and 40 more lines"]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (375.671, "frames/s", "376 frames/s"),
        (0.0123, "s", "12.3 ms"),
        (0.00099999, "s", "1 ms"),
        (999.96, "Hz", "1 kHz"),
        (1234567, "MAC", "1.23 MMAC"),
        (100, "B", "100 B"),
        (0, "J", "0 J"),
        (None, "J", "-"),
        (float("nan"), "J", "-"),
        (5e-13, "J", "0.5 pJ"),
    ],
)
def test_figures_are_written_with_a_prefix(value: float | None, unit: str, text: str) -> None:
    assert si(value, unit) == text


def test_shares_and_sizes_are_written_for_people() -> None:
    assert [percent(share) for share in (1.0, 0.454, 0.001, float("nan"))] == ["100 %", "45 %", "·", "-"]
    assert [size(value) for value in (40, 2048, 4 * 2**20, 1.5 * 2**30)] == ["40 B", "2 KiB", "4 MiB", "1.5 GiB"]


def test_main_takes_the_arguments_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["headrace", "--version"])
    assert main() == 0


def test_a_terminal_without_greek_letters_is_no_failure() -> None:
    program = "import sys\nfrom simulator.cli import main\nsys.exit(main(['run', 'mpsoc-cpu-gpu', 'lenet-5']))"
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "latency" in done.stdout
