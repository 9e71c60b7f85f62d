"""Engines: they turn a Plan into a Trace by the rules in ARCHITECTURE.md, and agree to the tick."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from simulator.engine.choice import choose
from simulator.errors import UserError, did_you_mean
from simulator.plan import Plan
from simulator.plan_checks import check_plan
from simulator.trace import Trace

__all__ = ["ENGINES", "Progress", "check_request", "run"]

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
    check_request(engine, until)
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


def check_request(engine: str, until: int | None) -> None:
    """Raise ``UserError`` for an engine that there is not, or an instant before the first."""
    if engine not in ENGINES:
        raise UserError(f"no engine {engine!r}{did_you_mean(engine, ENGINES)}")
    if until is not None and until < 0:
        raise UserError(f"until is tick {until}; write a tick from 0 on")
