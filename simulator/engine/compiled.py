"""The compiled engine: the rules of the Plan over typed tables, a hundred times faster than a process per actor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from simulator.engine import _columns as col
from simulator.engine.arrays import State, flatten
from simulator.engine.growth import grow
from simulator.plan import Ints, Plan
from simulator.trace import Trace

Progress = Callable[[int, int, int], None]
Path = Literal["auto", "events", "static_order"]

_REASON = "event loop"

_CHUNK = 2_000_000
"""Departures between two looks at the keyboard: some tenths of a second."""


def run_compiled(
    plan: Plan, *, until: int | None = None, progress: Progress | None = None, path: Path = "auto"
) -> Trace:
    """Run a plan that ``check_plan`` has passed and return the same Trace as the SimPy engine, to the last tick.

    ``until`` stops after that tick, ``progress(now, departed firings, all firings)`` is called now and then; an interrupt from
    the keyboard returns what has happened so far. ``path`` "static_order" demands the recurrence without events and raises
    ``PlanError`` where it does not hold; "auto" takes it where it does, and the Trace's ``reason`` says why or why not.
    Raises ``DeadlockError`` when nothing can move and firings remain.
    """
    state = flatten(plan)
    state, outcome = drive(state, plan.firings, until=until, progress=progress)
    trace = _trace(plan, state, outcome, until)
    if outcome == col.STUCK:
        from simulator.deadlock import deadlock_error

        raise deadlock_error(plan, trace)
    return trace


def drive(
    state: State, firings: int, *, until: int | None = None, progress: Progress | None = None
) -> tuple[State, int]:
    """Run the event loop in chunks until it is done; the final state and FINISHED, STUCK, PAST_UNTIL or PAUSED (by the keyboard)."""
    from simulator.engine._kernel import run_events

    state.run[col.UNTIL] = col.INFINITY if until is None else until
    try:
        while True:
            state.run[col.LIMIT] = max(0, int(state.run[col.LEFT]) - _CHUNK)
            outcome = run_events(state)
            if outcome == col.GROW:
                state = grow(state)
                continue
            if progress:
                left = int(state.run[col.LEFT])
                progress(int(state.run[col.NOW]), firings - left, firings)
            if outcome != col.PAUSED:
                return state, outcome
    except KeyboardInterrupt:
        return state, col.PAUSED


def _trace(plan: Plan, state: State, outcome: int, until: int | None) -> Trace:
    """The columns as one array an actor; what has not happened is -1."""
    starts, services, ends, voids = [], [], [], []
    nothing = np.zeros((), dtype=np.bool_)
    for row, actor in zip(state.actor, plan.actors, strict=True):
        first = int(row[col.COLUMN])
        last = first + actor.firings
        starts.append(state.start[first:last])
        services.append(state.served[first:last])
        ends.append(state.end[first:last])
        lossy = bool(state.run[col.LOSSY])
        voids.append(state.marks[first:last].view(np.bool_) if lossy else np.broadcast_to(nothing, actor.firings))
        if outcome != col.FINISHED:
            _erase_future(state, row, starts[-1], services[-1], ends[-1])
    now = int(state.run[col.NOW])
    if outcome == col.PAST_UNTIL and until is not None:
        now = until
    return Trace(
        tuple(starts), tuple(services), tuple(ends), tuple(voids), now, outcome == col.FINISHED, "compiled", _REASON
    )


def _erase_future(state: State, row: Ints, start: Ints, served: Ints, end: Ints) -> None:
    """What has not happened yet is -1."""
    started, ended = int(row[col.STARTED]), int(row[col.ENDED])
    start[started:] = end[ended:] = served[started:] = -1
    for firing in range(ended, started):
        place = int(row[col.FLIGHT]) + (firing & int(row[col.FLIGHT_FOLD]))
        if row[col.OPEN] if row[col.SINGLE] else state.flight[place]:
            served[firing] = -1
