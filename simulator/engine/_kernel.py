"""The entry point of the compiled event loop, cached on disk under the fingerprint of all kernel sources."""

from __future__ import annotations

from collections.abc import Callable

from simulator.engine._jit import entry, fingerprint
from simulator.engine._loop import run_loop
from simulator.engine.arrays import State


def _bind(sources: int) -> Callable[[State], int]:
    """The entry point; ``sources`` only has to stand in its closure."""

    @entry
    def run(s: State) -> int:
        if sources == 0:
            return -1
        return run_loop(s)

    return run


run_events = _bind(fingerprint())
