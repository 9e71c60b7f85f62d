"""Being told that the engine is compiled."""

from __future__ import annotations

from typing import Any

import numba

from simulator.engine import _jit
from simulator.engine.compiling import told_of_compiling


def test_who_listens_is_told_when_a_function_is_compiled_and_not_when_it_is_called_again() -> None:
    assert _jit.fingerprint()
    njit: Any = numba.njit
    doubled = njit(lambda x: 2 * x)
    told: list[str] = []
    with told_of_compiling(lambda: told.append("compiling")):
        assert doubled(2) == 4
        assert told == ["compiling"]
        assert doubled(3) == 6
        assert told == ["compiling"]
    assert doubled(2.5) == 5.0
    assert told == ["compiling"]
