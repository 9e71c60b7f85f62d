"""A compiled kernel outlives the process, is not mistaken for that of other sources, and needs no writable package."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

import simulator
from simulator.engine._jit import fingerprint

ROOT = Path(simulator.__file__).parents[1]
RUN = """
import time
from fractions import Fraction
begin = time.perf_counter()
from simulator.engine.compiled import run_compiled
from simulator.plan import Actor, Plan, Series
nothing, frames = Series.constant(0, 3), Series.counting(3, first=0)
one = Actor("a", None, nothing, Series.constant(2, 3), nothing, frames, frames)
print(run_compiled(Plan(Fraction(1), (one,)), path="events").end[0].tolist(), time.perf_counter() - begin)
"""


def run(package: Path, **environment: str) -> tuple[str, float]:
    """Run a tiny plan on the compiled engine of a copy of the package; what it printed, and the seconds it took."""
    settings = {**os.environ, **environment, "PYTHONPATH": str(package), "PYTHONDONTWRITEBYTECODE": "1"}
    code = f"import sys; sys.path.insert(0, {str(package)!r})\n{RUN}"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=settings, cwd=package
    )
    ends, seconds = done.stdout.rsplit(" ", 1)
    return ends, float(seconds)


def copied(folder: Path) -> Path:
    """A copy of the package without compiled kernels."""
    for room in ("simulator", "workloads"):
        shutil.copytree(ROOT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def test_the_fingerprint_changes_with_any_kernel_source(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "simulator" / "engine", tmp_path / "engine", ignore=shutil.ignore_patterns("__pycache__"))
    before = fingerprint(tmp_path / "engine")
    assert before == fingerprint(tmp_path / "engine") == fingerprint()
    with (tmp_path / "engine" / "_arbiter.py").open("a") as source:
        source.write("\n")
    assert fingerprint(tmp_path / "engine") != before


@pytest.mark.slow
def test_a_second_process_starts_fast(tmp_path: Path) -> None:
    package = copied(tmp_path)
    first, cold = run(package)
    begin = time.perf_counter()
    second, warm = run(package)
    assert first == second == "[2, 4, 6]"
    assert list((package / "simulator" / "engine" / "__pycache__").glob("*.nbc"))
    assert warm < cold / 3
    assert time.perf_counter() - begin < 6


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="permissions are set the POSIX way")
def test_a_package_that_cannot_be_written_keeps_its_kernel_in_the_users_cache(tmp_path: Path) -> None:
    package, home = copied(tmp_path / "package"), tmp_path / "home"
    home.mkdir()
    # Where the tests run as root permissions bind nobody: a file in the place of the folder stops everybody.
    (package / "simulator" / "engine" / "__pycache__").write_text("")
    for path in package.rglob("*"):
        path.chmod(path.stat().st_mode & ~stat.S_IWUSR)
    try:
        assert run(package, HOME=str(home), XDG_CACHE_HOME=str(home / "cache"))[0] == "[2, 4, 6]"
        assert list(home.rglob("*.nbc"))
    finally:
        for path in package.rglob("*"):
            path.chmod(path.stat().st_mode | stat.S_IWUSR)


@pytest.mark.slow
def test_where_nothing_can_be_written_the_kernel_is_compiled_for_the_process(tmp_path: Path) -> None:
    package = copied(tmp_path / "package")
    (package / "simulator" / "engine" / "__pycache__").write_text("")
    nowhere = tmp_path / "nowhere"
    nowhere.write_text("")
    assert run(package, HOME=str(nowhere), XDG_CACHE_HOME=str(nowhere / "cache"))[0] == "[2, 4, 6]"
