"""Larger rings for what is under way: the memory of a run follows its state, not the number of its firings."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from simulator.engine import _columns as col
from simulator.engine.arrays import Bytes, State
from simulator.plan import Ints

Cells = TypeVar("Cells", Ints, Bytes)


def grow(state: State) -> State:
    """Double the ring that the event loop has asked for; the rest of the state is kept."""
    actor = int(state.run[col.GROW_ROW])
    ring = int(state.run[col.GROW_TABLE])
    row = state.actor[actor]
    if ring == col.TRAVEL_RING:
        travel = _doubled(state.travel, state.actor, actor, col.TRAVEL, col.TRAVEL_FOLD, int(row[col.ENDED]))
        return state._replace(travel=travel)
    if ring == col.MARKS_RING:
        marks = _doubled(state.marks, state.actor, actor, col.MARKS, col.MARKS_FOLD, int(row[col.ENDED]))
        return state._replace(marks=marks)
    return _grow_flight(state, actor)


def _grow_flight(state: State, actor: int) -> State:
    """The ring of firings between start and end, and with it all that holds something of each of them."""
    row = state.actor[actor]
    more = int(row[col.FLIGHT_FOLD]) + 1
    newest = int(row[col.STARTED])
    columns = {}
    if state.run[col.COUNTING]:
        for name in ("start", "served"):
            before = state.actor[:, [col.COLUMN, col.FOLD]].copy()
            columns[name] = _doubled(getattr(state, name), state.actor, actor, col.COLUMN, col.FOLD, newest)
            if name == "start":
                state.actor[:, [col.COLUMN, col.FOLD]] = before
    flight = _doubled(state.flight, state.actor, actor, col.FLIGHT, col.FLIGHT_FOLD, newest)
    rows = state.active.shape[1] + more * int(row[col.FLOWS_END] - row[col.FLOWS])
    active = np.zeros((state.active.shape[0], rows, col.ACTIVE_COLUMNS), dtype=np.int64)
    active[:, : state.active.shape[1]] = state.active
    return state._replace(
        flight=flight,
        active=active,
        overlap_time=_longer(state.overlap_time, more),
        overlap_actor=_longer(state.overlap_actor, more),
        overlap_firing=_longer(state.overlap_firing, more),
        **columns,
    )


def _longer(cells: Ints, more: int) -> Ints:
    return np.concatenate((cells, np.zeros(more, dtype=np.int64)))


def _doubled(cells: Cells, actors: Ints, actor: int, column: int, fold: int, newest: int) -> Cells:
    """The cells with one actor's ring twice as long, at the end; the newest firings keep their values. Its old cells are left behind."""
    size = int(actors[actor, fold]) + 1
    firings = np.arange(max(0, newest - size), newest)
    ring = np.zeros(2 * size, dtype=cells.dtype)
    ring[firings & (2 * size - 1)] = cells[int(actors[actor, column]) + (firings & (size - 1))]
    actors[actor, column] = cells.size
    actors[actor, fold] = 2 * size - 1
    return np.concatenate((cells, ring))
