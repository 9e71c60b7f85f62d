"""Flows whose end is known beforehand: their server decides nothing, and a plan may have a static order despite it.

Where a server can give every flow its cap at once, a flow of ``work`` units takes ``ceil(work / cap)`` ticks whatever
the others do. And a flow never gets less than its cap or an equal share of the server's lowest rate among all flows
that there can be; where even so it is through before its firing has computed, it never counts.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simulator.plan import Flow, Plan
from simulator.series import Series, common_period

_Flows = list[tuple[int, Flow]]


def settled(plan: Plan) -> Plan:
    """The plan without flows that decide nothing: start, served and end of every firing are the same.

    A flow of known length that outlasts the computing of its firing becomes computing time. A server keeps all its
    flows or none.
    """
    by_server: dict[int, _Flows] = {}
    for index, actor in enumerate(plan.actors):
        for flow in actor.flows:
            by_server.setdefault(flow.server, []).append((index, flow))
    compute = [actor.compute for actor in plan.actors]
    gone = {server for server, flows in by_server.items() if _settle(plan, server, flows, compute)}
    if not gone:
        return plan
    actors = (
        replace(actor, compute=compute[index], flows=tuple(f for f in actor.flows if f.server not in gone))
        for index, actor in enumerate(plan.actors)
    )
    return replace(plan, actors=tuple(actors))


def _settle(plan: Plan, server: int, flows: _Flows, compute: list[Series]) -> bool:
    """Whether all flows of a server are settled; then ``compute`` holds what they make of the computing times."""
    rates = plan.servers[server].rates
    lowest, highest = min(rates), max(rates)
    together = [min(plan.actors[index].concurrency, plan.actors[index].firings) for index, _ in flows]
    caps = [highest if flow.cap is None else min(flow.cap, highest) for _, flow in flows]
    knows = sum(many * cap for many, cap in zip(together, caps, strict=True)) <= lowest
    share = lowest // max(1, sum(together))
    found = compute.copy()
    for (index, flow), cap in zip(flows, caps, strict=True):
        pace = cap if knows else min(cap, share)
        if not pace:
            return False
        longest = _longest(found[index], flow.work, pace)
        if not knows and longest is not found[index]:
            return False
        found[index] = longest
    compute[:] = found
    return True


def _longest(compute: Series, work: Series, pace: int) -> Series:
    """The longer of computing and moving, firing by firing; ``compute`` itself where it always is."""
    repeats = common_period((compute, work)) if compute.step == work.step == 0 else 0
    span = min(repeats or compute.length, compute.length)
    computed, moved = compute.array(0, span), -(-work.array(0, span) // pace)
    if not (moved > computed).any():
        return compute
    return Series.periodic(np.maximum(computed, moved), compute.length)
