"""Which engine is done first: SimPy's time from the plan, against what it takes to load the compiled engine.

The choice is a function of the plan alone. It enters the saved trace, which must be the same on every machine, so it
asks neither whether a kernel is cached here (the first run on a machine compiles it, in some 20 s of CPU) nor whether
it is loaded already.

All is counted in firings of a plain stage (one channel in and one out, nothing shared), of which SimPy does several
hundred thousand a second. The weights are least squares over SimPy's times for LeNet-5, TFC and AlexNet on every
shipped platform, with saturated, random and lossy arrivals, 12,000 firings each; each time is divided by that of the
plain pipeline of ``experiments/benchmark_engine.py`` run next to it. They tell 94 % of the times within a factor of
1.8, the rest within 3.1. The start is the median of seven fresh processes that load numba and the cached kernel, beside
as many that run SimPy; by these weights, plans of a GPU, a CPU, an FPGA and a neuromorphic chip break even at 660,000
to 810,000 one time, at 700,000 to 730,000 another.
"""

from __future__ import annotations

from simulator.plan import Actor, Plan

START = 700_000
"""Loading the compiled engine takes as long as SimPy takes for so many firings of a plain stage."""

_DELAYED = 3
_GENERAL = 8
_FLOW = 8
"""What a firing weighs of a stage whose tokens take time to arrive, of any other actor, and what each flow adds."""


def simpy_work(plan: Plan) -> int:
    """How long SimPy takes for a plan, in firings of a plain stage."""
    contended = contended_resources(plan)
    is_lossy = any(actor.drop for actor in plan.actors)
    return sum(actor.firings * _weight(actor, contended, is_lossy) for actor in plan.actors)


def _weight(actor: Actor, contended: set[int], is_lossy: bool) -> int:
    if is_lossy or not is_stage(actor, contended):
        return _GENERAL + _FLOW * len(actor.flows)
    return _DELAYED if actor.latency.maximum() else 1


def choose(plan: Plan) -> tuple[str, str]:
    """The engine that is done first, and why."""
    firings, work = plan.firings, simpy_work(plan)
    each = round(work / firings) if firings else 1
    said = f"{firings:,} firings" + (f", each like {each} of a plain stage," if each > 1 else "")
    if work < START:
        return "simpy", f"{said} are done before the compiled engine has loaded"
    return "compiled", f"{said} repay loading the compiled engine"


def contended_resources(plan: Plan) -> set[int]:
    """The resources that are contended, all in one pass over the actors."""
    wanted = [0] * len(plan.resources)
    for actor in plan.actors:
        if actor.resource is not None:
            wanted[actor.resource] += actor.slots * min(actor.concurrency, actor.firings)
    return {i for i, resource in enumerate(plan.resources) if wanted[i] > resource.slots}


def is_stage(actor: Actor, contended: set[int]) -> bool:
    """Whether the actor is a plain stage, in a plan without lossy sources: it fires once at a time, reads and writes at
    most one channel each and shares nothing."""
    return (
        max(len(actor.inputs), len(actor.outputs)) <= 1
        and min(actor.concurrency, actor.firings) <= 1
        and not actor.flows
        and not {p.channel for p in actor.inputs} & {o.channel for o in actor.outputs}
        and actor.resource not in contended
    )
