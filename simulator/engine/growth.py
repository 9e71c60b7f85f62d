"""Larger rings for what is under way: the memory of a run follows its state, not the number of its firings."""

from __future__ import annotations

import numpy as np

from simulator.engine import _columns as col
from simulator.engine.arrays import State
from simulator.plan import Ints


def grow(state: State) -> State:
    """Double the ring that the event loop has asked for; the rest of the state is kept."""
    memory = state.memory
    actor = int(memory[col.GROW_ACTOR])
    ring = int(memory[col.GROW_RING])
    if ring == col.VOID_RING:
        return State(_more_void_frames(memory), state.times)
    if ring == col.TRAVEL_RING:
        return State(_doubled(memory, actor, col.TRAVEL, col.TRAVEL_FOLD, int(memory[actor + col.ENDED])), state.times)
    if ring == col.MARKS_RING:
        return State(_doubled(memory, actor, col.MARKS, col.MARKS_FOLD, int(memory[actor + col.ENDED])), state.times)
    return _grow_flight(state, actor)


def _more_void_frames(memory: Ints) -> Ints:
    """The ring of void frames twice as long, without those that are needed no more."""
    size = int(memory[col.VOID_FOLD]) + 1
    marks = memory[int(memory[col.VOID_FRAMES]) :][:size]
    needed = marks[marks > memory[col.VOID_FROM]]
    ring = np.zeros(2 * size, dtype=np.int64)
    ring[(needed - 1) & (2 * size - 1)] = needed
    memory[col.VOID_FOLD] = 2 * size - 1
    return _moved(memory, col.VOID_FRAMES, ring, ring.size)


def _grow_flight(state: State, actor: int) -> State:
    """The ring of firings between start and end, and with it all that holds something of each of them."""
    memory, times = state
    newest = int(memory[actor + col.STARTED])
    more = int(memory[actor + col.FLIGHT_FOLD]) + 1
    if memory[col.COUNTING]:
        times = _wider_columns(memory, times, actor, newest)
    memory = _doubled(memory, actor, col.FLIGHT, col.FLIGHT_FOLD, newest)
    heap = memory[int(memory[col.HEAP]) :][: int(memory[col.OVERLAPS]) * col.OVERLAP_COLUMNS]
    rings = _flights(memory)
    memory = _moved(memory, col.HEAP, heap, rings * col.OVERLAP_COLUMNS)
    for use in range(int(memory[actor + col.FLOWS]), int(memory[actor + col.FLOWS_END]), col.FLOW_COLUMNS):
        server = int(memory[use + col.FLOW_SERVER])
        active = memory[int(memory[server + col.ACTIVE_ROWS]) :][
            : int(memory[server + col.ACTIVE]) * col.ACTIVE_COLUMNS
        ]
        room = active.size + (_flights(memory) + more) * col.ACTIVE_COLUMNS
        memory = _moved(memory, server + col.ACTIVE_ROWS, active, room)
    return State(memory, times)


def _flights(memory: Ints) -> int:
    """How many firings all rings together can hold between start and end."""
    actors = range(int(memory[col.ACTORS]), int(memory[col.ACTORS_END]), col.ACTOR_COLUMNS)
    return sum(int(memory[actor + col.FLIGHT_FOLD]) + 1 for actor in actors)


def _wider_columns(memory: Ints, times: Ints, actor: int, newest: int) -> Ints:
    """Totals fold all columns; each gets a ring twice as long for the actor, behind all others."""
    length, first, fold = (int(memory[i]) for i in (col.COLUMN_LENGTH, actor + col.COLUMN, actor + col.FOLD))
    size = fold + 1
    firings = np.arange(max(0, newest - size), newest)
    columns = np.zeros((3, length + 2 * size), dtype=np.int64)
    columns[:, :length] = times.reshape(3, length)
    columns[:, length + (firings & (2 * size - 1))] = columns[:, first + (firings & fold)]
    memory[col.COLUMN_LENGTH], memory[actor + col.COLUMN], memory[actor + col.FOLD] = (
        length + 2 * size,
        length,
        2 * size - 1,
    )
    return columns.reshape(-1)


def _moved(memory: Ints, pointer: int, block: Ints, cells: int) -> Ints:
    """The memory with a block copied to a place of ``cells`` at its end; the cell ``pointer`` holds the new address."""
    place = np.zeros(cells, dtype=np.int64)
    place[: block.size] = block
    memory[pointer] = memory.size
    return np.concatenate((memory, place))


def _doubled(memory: Ints, actor: int, column: int, fold: int, newest: int) -> Ints:
    """The memory with one ring of an actor twice as long, at its end; the newest firings keep their values."""
    size = int(memory[actor + fold]) + 1
    firings = np.arange(max(0, newest - size), newest)
    ring = np.zeros(2 * size, dtype=np.int64)
    ring[firings & (2 * size - 1)] = memory[int(memory[actor + column]) + (firings & (size - 1))]
    memory[actor + fold] = 2 * size - 1
    return _moved(memory, actor + column, ring, ring.size)
