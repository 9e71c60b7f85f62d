"""The entry point of the compiled event loop, cached on disk under the fingerprint of all kernel sources."""

from __future__ import annotations

from collections.abc import Callable

from simulator.engine._jit import cells, entry, fingerprint
from simulator.engine._loop import run_loop
from simulator.plan import Ints


def _bind(sources: int) -> Callable[[int, int], int]:
    """The entry point; ``sources`` only has to stand in its closure."""

    @entry
    def run(memory: int, times: int) -> int:
        if sources == 0:
            return -1
        return run_loop(cells(memory), cells(times))

    return run


_run = _bind(fingerprint())


def run_events(memory: Ints, times: Ints) -> int:
    """Run the event loop on a state; why it returned."""
    return _run(memory.ctypes.data, times.ctypes.data)
