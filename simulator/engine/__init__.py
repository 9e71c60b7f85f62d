"""Engines: they turn a Plan into a Trace by the rules in ARCHITECTURE.md, and agree to the tick."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from simulator.engine.choice import choose
from simulator.errors import UserError, did_you_mean
from simulator.plan import Plan
from simulator.plan_checks import check_plan
from simulator.trace import Trace

if TYPE_CHECKING:
    from simulator.engine.aggregate import Aggregate, run_aggregate
    from simulator.engine.tallies import Counting

__all__ = ["ENGINES", "Aggregate", "Counting", "Progress", "run", "run_aggregate"]

_HOME = {
    "Aggregate": "simulator.engine.aggregate",
    "Counting": "simulator.engine.tallies",
    "run_aggregate": "simulator.engine.aggregate",
}

Progress = Callable[[int, int, int], None]
"""Called now and then with the present tick, the number of firings that have departed, and that of all firings."""

ENGINES = ("auto", "simpy", "compiled")


def run(
    plan: Plan,
    *,
    engine: str = "auto",
    until: int | None = None,
    progress: Progress | None = None,
    check: bool = True,
) -> Trace:
    """Run a plan: ``engine`` is 'simpy', 'compiled', or 'auto' for the one that is done first.

    ``until`` stops after that tick. ``check=False`` leaves out ``check_plan`` for a plan that has passed it. The trace
    says which engine ran and why. Raises ``PlanError`` before the run, ``DeadlockError`` in it.
    """
    if engine not in ENGINES:
        raise UserError(f"no engine {engine!r}{did_you_mean(engine, ENGINES)}")
    if until is not None and until < 0:
        raise UserError(f"until is tick {until}; write a tick from 0 on")
    if check:
        check_plan(plan)
    name, reason = choose(plan) if engine == "auto" else (engine, "asked for")
    if name == "simpy":
        from simulator.engine.simpy_engine import run_simpy

        trace = run_simpy(plan, until=until, progress=progress)
    else:
        from simulator.engine.compiled import run_compiled

        trace = run_compiled(plan, until=until, progress=progress)
    return replace(trace, reason=f"{reason}; {trace.reason}" if trace.reason else reason)


def __getattr__(name: str) -> Any:
    """Names that load numba are imported when they are first used."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value
