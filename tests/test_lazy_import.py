"""Importing the project is quiet and quick: heavy libraries come when they are used."""

from __future__ import annotations

import subprocess
import sys

import simulator

HEAVY = ("pandas", "matplotlib", "simpy", "pint", "scipy", "onnx", "nir", "numba", "pyarrow", "networkx")


def test_importing_prints_nothing_and_loads_nothing_heavy() -> None:
    program = (
        f"import sys, simulator, workloads, platforms\nprint([name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_every_public_name_is_there() -> None:
    for name in simulator.__all__:
        assert getattr(simulator, name) is not None
    assert set(simulator.__all__) <= set(dir(simulator))
