"""The entry point of the compiled event loop, cached on disk under the fingerprint of all kernel sources."""

from __future__ import annotations

from collections.abc import Callable

from simulator.engine._jit import cells, entry, fingerprint
from simulator.engine._loop import run_loop
from simulator.engine.arrays import State


def _bind(sources: int) -> Callable[[int, int, int, int], int]:
    """The entry point; ``sources`` only has to stand in its closure."""

    @entry
    def run(memory: int, times: int, memory_before: int, times_before: int) -> int:
        if sources == 0:
            return -1
        return run_loop(cells(memory), cells(times), cells(memory_before), cells(times_before))

    return run


_run = _bind(fingerprint())


def run_events(state: State, before: State) -> int:
    """Run the event loop on a state; why it returned. ``before`` is the snapshot it is compared with while it is watched."""
    arrays = (state.memory, state.times, before.memory, before.times)
    return _run(*(array.ctypes.data for array in arrays))
