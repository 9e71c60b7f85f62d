"""Engines: they turn a Plan into a Trace by the rules in ARCHITECTURE.md, and agree to the tick."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from simulator.errors import UserError, did_you_mean
from simulator.plan import Plan
from simulator.plan_checks import check_plan
from simulator.trace import Trace

__all__ = ["COMPILED_FROM", "ENGINES", "Progress", "run"]

Progress = Callable[[int, int, int], None]
"""Called now and then with the present tick, the number of firings that have departed, and that of all firings."""

ENGINES = ("auto", "simpy", "compiled")

COMPILED_FROM = 150_000
"""Firings from which on the compiled engine repays its start: loading takes it as long as SimPy takes for so many."""


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
    name, reason = _choice(plan, engine)
    if name == "simpy":
        from simulator.engine.simpy_engine import run_simpy

        trace = run_simpy(plan, until=until, progress=progress)
    else:
        from simulator.engine.compiled import run_compiled

        trace = run_compiled(plan, until=until, progress=progress)
    return replace(trace, reason=f"{reason}; {trace.reason}" if trace.reason else reason)


def _choice(plan: Plan, engine: str) -> tuple[str, str]:
    """The engine to run and why."""
    if engine != "auto":
        return engine, "asked for"
    firings = plan.firings
    if firings < COMPILED_FROM:
        return "simpy", f"{firings:,} firings are done before the compiled engine has loaded"
    return "compiled", f"{firings:,} firings repay loading the compiled engine"
