"""The entry points of the compiled engine, cached on disk under the fingerprint of all kernel sources."""

from __future__ import annotations

from collections.abc import Callable

from simulator.engine._blocks import all_blocks
from simulator.engine._chase import chase
from simulator.engine._jit import cells, entry, fingerprint
from simulator.engine._loop import run_loop
from simulator.engine.arrays import State
from simulator.plan import Ints


_SOURCES = fingerprint()


def _bind_events(sources: int) -> Callable[[int, int, int, int], int]:
    """The event loop; ``sources`` only has to stand in its closure."""

    @entry
    def run(memory: int, times: int, memory_before: int, times_before: int) -> int:
        if sources == 0:
            return -1
        return run_loop(cells(memory), cells(times), cells(memory_before), cells(times_before))

    return run


def _bind_chase(sources: int) -> Callable[[int, int], int]:
    @entry
    def run(memory: int, times: int) -> int:
        if sources == 0:
            return -1
        return chase(cells(memory), cells(times))

    return run


def _bind_blocks(sources: int) -> Callable[[int, int, int, int], int]:
    @entry
    def run(memory: int, times: int, firings: int, block: int) -> int:
        if sources == 0:
            return -1
        all_blocks(cells(memory), cells(times), firings, block)
        return 0

    return run


_events = _bind_events(_SOURCES)
_chase = _bind_chase(_SOURCES)
_blocks = _bind_blocks(_SOURCES)


def run_events(state: State, before: State) -> int:
    """Run the event loop on a state; why it returned. ``before`` is the snapshot it is compared with while it is watched."""
    arrays = (state.memory, state.times, before.memory, before.times)
    return _events(*(array.ctypes.data for array in arrays))


def run_chase(memory: Ints, times: Ints) -> bool:
    """Find the times of a plan whose order is static; False if it does not run to its end."""
    return _chase(memory.ctypes.data, times.ctypes.data) == 1


def run_blocks(memory: Ints, times: Ints, firings: int, block: int) -> None:
    """Find the times of a marked graph."""
    _blocks(memory.ctypes.data, times.ctypes.data, firings, block)
