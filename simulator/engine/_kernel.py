"""The entry points of the compiled engine, cached on disk under the fingerprint of all kernel sources."""

from __future__ import annotations

from collections.abc import Callable

from simulator.engine import _columns as col
from simulator.engine._arbiter import grant
from simulator.engine._chase import chase
from simulator.engine._jit import cells, entry, fingerprint
from simulator.engine._loop import settle
from simulator.engine._lossy import decide
from simulator.engine._recurrence import recurs
from simulator.engine._servers import share_out_stale
from simulator.engine._timers import next_time
from simulator.engine._wave import all_waves
from simulator.engine.arrays import State
from simulator.plan import Ints

_SOURCES = fingerprint()


def _bind_events(sources: int) -> Callable[[int, int, int, int], int]:
    """The general event loop, instant by instant; ``sources`` only has to stand in its closure.

    It runs until the plan is through, stuck, past UNTIL, or LEFT has fallen to LIMIT, and says why it returned. While
    WATCHING, the state is compared with the one before at the end of instants in which the anchor departed. It is no
    step of its own below the entry point because numba optimises whatever an entry point calls a second time.
    """

    @entry
    def run(memory: int, times: int, memory_before: int, times_before: int) -> int:
        if sources == 0:
            return -1
        m = cells(memory)
        t = cells(times)
        while True:
            now = m[col.NOW]
            if not settle(m, t, now):
                return col.GROW
            if m[col.PENDING_SOURCES] > 0:
                decide(m, t, now)
                continue
            if m[col.LISTED_RESOURCES] > 0 and grant(m):
                continue
            if m[col.STALE_SERVERS] > 0:
                share_out_stale(m, now)
            upcoming = next_time(m)
            if m[col.LEFT] == 0:
                return col.FINISHED
            if upcoming == col.INFINITY:
                return col.STUCK
            if upcoming > m[col.UNTIL]:
                return col.PAST_UNTIL
            if m[col.LEFT] <= m[col.LIMIT]:
                return col.PAUSED
            if m[col.WATCHING] != 0 and m[m[col.ANCHOR] + col.ENDED] != m[col.ANCHOR_SEEN]:
                m[col.ANCHOR_SEEN] = m[m[col.ANCHOR] + col.ENDED]
                if recurs(m, t, cells(memory_before), cells(times_before)):
                    return col.RECURRED
                m[col.COMPARISONS] += 1
                if m[col.COMPARISONS] >= m[col.MOST_COMPARISONS]:
                    return col.SNAPSHOT
            m[col.NOW] = upcoming

    return run


def _bind_chase(sources: int) -> Callable[[int, int], int]:
    @entry
    def run(memory: int, times: int) -> int:
        if sources == 0:
            return -1
        return chase(cells(memory), cells(times))

    return run


def _bind_waves(sources: int) -> Callable[[int, int], int]:
    @entry
    def run(memory: int, work: int) -> int:
        if sources == 0:
            return -1
        all_waves(cells(memory), cells(work), memory, work)
        return 0

    return run


_events = _bind_events(_SOURCES)
_chase = _bind_chase(_SOURCES)
_waves = _bind_waves(_SOURCES)


def run_events(state: State, before: State) -> int:
    """Run the event loop on a state; why it returned.

    ``before`` is the snapshot it is compared with while it is watched.
    """
    arrays = (state.memory, state.times, before.memory, before.times)
    return _events(*(array.ctypes.data for array in arrays))


def run_recurrence(memory: Ints, times: Ints) -> bool:
    """Find the times of a plan whose order is static; False if it does not run to its end."""
    return _chase(memory.ctypes.data, times.ctypes.data) == 1


def run_waves(memory: Ints, work: Ints) -> None:
    """Find the times of a marked graph as a wavefront."""
    _waves(memory.ctypes.data, work.ctypes.data)
