"""The compiled engine: the rules of the Plan over typed tables, a hundred times faster than a process per actor."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from simulator.engine import _columns as col
from simulator.engine.arrays import State, flatten
from simulator.engine.fast_forward import Watch
from simulator.engine.growth import grow
from simulator.engine.settled import settled
from simulator.engine.static_order import run_static_order, why_not_static
from simulator.errors import PlanError
from simulator.plan import Ints, Plan
from simulator.trace import Trace

Progress = Callable[[int, int, int], None]
Path = Literal["auto", "events", "static_order"]

_MOST_BYTES = 1 << 40
"""A trace beyond this is taken for a mistake."""

_CHUNK = 2_000_000
"""Departures between two looks at the keyboard: some tenths of a second."""


def run_compiled(
    plan: Plan, *, until: int | None = None, progress: Progress | None = None, path: Path = "auto"
) -> Trace:
    """Run a plan that ``check_plan`` has passed and return the same Trace as the SimPy engine, to the last tick.

    ``until`` stops after that tick, ``progress(now, departed firings, all firings)`` is called now and then; an
    interrupt from the keyboard returns what has happened so far. ``path`` "static_order" demands the recurrence
    without events and raises ``PlanError`` where it does not hold; "auto" takes it where it does, and the Trace's
    ``reason`` says why or why not. Raises ``DeadlockError`` when nothing can move and firings remain.
    """
    _fits(plan)
    plain = settled(plan)
    why_events = _why_events(plain, until, path)
    if not why_events:
        found = run_static_order(plain)
        if found is not None:
            if progress:
                progress(found.now, plan.firings, plan.firings)
            return found if plain is plan else replace(found, reason=f"{found.reason}; its flows never hold anybody up")
        why_events = "its order is static, but it does not run to its end"
    state, outcome = drive(flatten(plan), until=until, progress=progress, firings=plan.firings)
    trace = _trace(plan, state, outcome, until, f"event loop: {why_events}")
    if outcome == col.STUCK:
        from simulator.deadlock import deadlock_error

        raise deadlock_error(plan, trace)
    return trace


def _fits(plan: Plan) -> None:
    """Refuse a plan whose trace this computer does not hold; three columns of eight bytes a firing."""
    size = 24 * plan.firings
    if size > min(_MOST_BYTES, _memory()):
        raise PlanError(
            f"the trace of {plan.firings:,} firings takes {size / 1e9:,.0f} GB; "
            "simulate(..., totals=True) or --totals keeps totals in constant memory"
        )


def _memory() -> int:
    """Bytes of this computer's memory; without end where it does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return _MOST_BYTES


def _why_events(plan: Plan, until: int | None, path: Path) -> str:
    """Why the event loop is to run; empty for the static order."""
    if path == "events":
        return "asked for"
    reason = why_not_static(plan)
    if not reason and until is not None:
        reason = "it stops at a given tick"
    if reason and path == "static_order":
        raise PlanError(f"the order of firings is not static: {reason}; use path 'auto' or 'events'")
    return reason


def drive(
    state: State,
    *,
    until: int | None = None,
    progress: Progress | None = None,
    firings: int = 0,
    watch: Watch | None = None,
    look: Callable[[State, int], None] | None = None,
    chunk: int | None = None,
) -> tuple[State, int]:
    """Run the event loop in chunks until it is done.

    The final state and FINISHED, STUCK, PAST_UNTIL or PAUSED (by the keyboard).

    ``watch`` looks for a recurrence of the state and skips whole periods. ``look`` is shown the state and why the
    kernel returned, at least every ``chunk`` departures.
    """
    from simulator.engine._kernel import run_events

    state.memory[col.UNTIL] = col.INFINITY if until is None else until
    before = watch.begin(state) if watch else state
    try:
        while True:
            state.memory[col.LIMIT] = max(0, int(state.memory[col.LEFT]) - (chunk or _CHUNK))
            outcome = run_events(state, before)
            if look:
                look(state, outcome)
            if outcome == col.GROW and state.memory[col.GROW_RING] == col.TIMES_RING:
                continue  # which has been emptied by looking at it
            if outcome == col.GROW:
                state = grow(state)
                before = watch.begin(state) if watch else state
            elif watch and outcome == col.SNAPSHOT:
                before = watch.again(state)
            elif watch and outcome == col.RECURRED:
                state, before = watch.recurred(state, before)
            else:
                if progress:
                    progress(int(state.memory[col.NOW]), firings - int(state.memory[col.LEFT]), firings)
                if outcome != col.PAUSED:
                    return state, outcome
    except KeyboardInterrupt:
        return state, col.PAUSED


def _trace(plan: Plan, state: State, outcome: int, until: int | None, reason: str) -> Trace:
    """The columns as one array an actor; what has not happened is -1."""
    length = int(state.memory[col.COLUMN_LENGTH])
    starts, services, ends, voids = [], [], [], []
    for row, actor in zip(state.actors, plan.actors, strict=True):
        first = int(row[col.COLUMN])
        start, served, end = (state.times[first + i * length :][: actor.firings] for i in range(3))
        if outcome != col.FINISHED:
            _erase_future(state, row, start, served, end)
        starts.append(start)
        services.append(served)
        ends.append(end)
        voids.append(_void(state, row, actor.firings))
    now = int(state.memory[col.NOW])
    if outcome == col.PAST_UNTIL and until is not None:
        now = until
    return Trace(
        tuple(starts), tuple(services), tuple(ends), tuple(voids), now, outcome == col.FINISHED, "compiled", reason
    )


def _void(state: State, row: Ints, firings: int) -> npt.NDArray[np.bool_]:
    """The void marks of an actor; without a lossy source one False stands for all."""
    if not state.memory[col.LOSSY]:
        return np.broadcast_to(np.zeros((), dtype=np.bool_), firings)
    marks: npt.NDArray[np.bool_] = state.memory[int(row[col.MARKS]) :][:firings].astype(np.bool_)
    return marks


def _erase_future(state: State, row: Ints, start: Ints, served: Ints, end: Ints) -> None:
    """What has not happened yet is -1."""
    started, ended = int(row[col.STARTED]), int(row[col.ENDED])
    start[started:] = end[ended:] = served[started:] = -1
    for firing in range(ended, started):
        place = int(row[col.FLIGHT]) + (firing & int(row[col.FLIGHT_FOLD]))
        if row[col.OPEN] if row[col.SINGLE] else state.memory[place]:
            served[firing] = -1
