"""Marked graphs: all actors fire equally often and move one token a firing, as the stages of a streaming pipeline do.

Firing k then depends on firings k - lag of its neighbours with constant lags, so the recurrence needs no counting of
tokens. It is evaluated as a wavefront where no actor has several firings under way or latency, and is not too tightly
coupled to others; else in blocks of firings, within which an actor needs nothing from actors behind it in the order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np

from simulator.engine import _marked_columns as col
from simulator.engine.arrays import is_constant
from simulator.engine.wavefront import Stage, Wait, run_wavefront
from simulator.plan import Actor, Ints, Plan, Series
from simulator.trace import Columns, Trace

Fact = TypeVar("Fact")


@dataclass(frozen=True, slots=True)
class Need:
    """A time that a firing waits for: that of firing ``k - lag`` of ``actor``.

    ``column`` is START, END or ARRIVAL (of its tokens).
    """

    actor: int
    lag: int
    column: int


@dataclass(frozen=True, slots=True)
class MarkedGraph:
    """What the starts and the departures of each actor's firings wait for, and an order of the actors.

    Each comes behind those whose present firing it waits for.
    """

    plan: Plan
    starts: list[list[Need]]
    ends: list[list[Need]]
    order: list[int]

    @property
    def firings(self) -> int:
        """Of each actor."""
        return self.plan.actors[0].firings


def run_marked_graph(plan: Plan) -> Trace | None:
    """The Trace of a marked graph with static order; None if it is none, or depends on itself."""
    from simulator.engine.blocks import run_in_blocks

    graph = _marked_graph(plan)
    if graph is None:
        return None
    return _run_as_wavefront(graph) or run_in_blocks(graph)


def _marked_graph(plan: Plan) -> MarkedGraph | None:
    """What the firings wait for; None if the plan is no marked graph, or has a circle without a token."""
    if len({actor.firings for actor in plan.actors}) != 1 or plan.actors[0].firings == 0:
        return None
    starts: list[list[Need]] = [[] for _ in plan.actors]
    ends: list[list[Need]] = [[] for _ in plan.actors]
    writers = {out.channel: (i, out.put) for i, a in enumerate(plan.actors) for out in a.outputs}
    readers = {port.channel: (i, port) for i, a in enumerate(plan.actors) for port in a.inputs}
    is_one, offset = _remembering(_is_one), _remembering(_offset)
    for index, channel in enumerate(plan.channels):
        if index not in writers or index not in readers:
            return None
        (writer, put), (reader, port) = writers[index], readers[index]
        need, free = offset(port.need), offset(port.free)
        # A reader that gives back k + 1 in all frees one token a firing from its first firing on; windows do not.
        if not is_one(put) or need is None or free != 0 or channel.initial < need:
            return None
        starts[reader].append(Need(writer, channel.initial - need, col.ARRIVAL))
        if channel.capacity is not None:
            rule = plan.discipline_of(index)
            lag = channel.capacity - channel.initial
            if lag < 0 or writer == reader:
                return None
            wants = starts if rule.claims_at_start else ends
            wants[writer].append(Need(reader, lag, col.START if rule.releases_at_start else col.END))
    for index, actor in enumerate(plan.actors):
        if 1 < actor.concurrency < actor.firings:
            starts[index].append(Need(index, actor.concurrency, col.END))
    # A time further back than the first firing is never waited for.
    firings = plan.actors[0].firings
    starts, ends = ([[n for n in wanted if n.lag < firings] for wanted in needs] for needs in (starts, ends))
    order = _order(starts, ends)
    return None if order is None else MarkedGraph(plan, starts, ends, order)


def _order(starts: list[list[Need]], ends: list[list[Need]]) -> list[int] | None:
    """Actors such that each comes behind those whose present firing it waits for; None if they wait for one another."""
    now = [{n.actor for n in (*a, *b) if n.lag == 0} for a, b in zip(starts, ends, strict=True)]
    order: list[int] = []
    placed: set[int] = set()
    waiting = list(range(len(now)))
    while waiting:
        later = []
        for index in waiting:
            if now[index] <= placed:
                order.append(index)
                placed.add(index)
            else:
                later.append(index)
        if len(later) == len(waiting):
            return None
        waiting = later
    return order


def _run_as_wavefront(graph: MarkedGraph) -> Trace | None:
    """The Trace by a wavefront; None where an actor overlaps with itself or has latency, or the levels do not exist.

    Only departures are kept, and starts that do not follow from them.
    """
    from simulator.engine.static_order import complete_trace

    actors, firings = graph.plan.actors, graph.firings
    if any(overlaps(actor) or is_ever_positive(actor.latency) for actor in actors):
        return None
    is_kept = [
        bool(graph.ends[i]) and any(need.column == col.START for need in graph.starts[i]) for i in range(len(actors))
    ]
    # Columns an odd number of cache lines apart do not compete for the same few places of the cache.
    width = (firings // 8 | 1) * 8 + 16
    kept = iter(np.empty((len(actors) + sum(is_kept), width), dtype=np.int64)[:, :firings])
    ends = [next(kept) for _ in actors]
    starts = [next(kept) if is_kept[i] else None for i in range(len(actors))]
    ticks = [ticks_of(actor) for actor in actors]
    if not run_wavefront(_stages(graph, ticks, starts, ends), firings):
        return None
    begun = Columns(
        start if start is not None else partial(_start, graph, i, ticks[i], ends) for i, start in enumerate(starts)
    )
    served = Columns(partial(_served, begun, i, ticks[i]) if graph.ends[i] else end for i, end in enumerate(ends))
    return complete_trace(graph.plan, begun, served, ends, "a marked graph, as a wavefront")


def _start(graph: MarkedGraph, index: int, ticks: Ints, ends: list[Ints]) -> Ints:
    """The starts of an actor that follow from departures: its own, or those that it has waited for."""
    end = ends[index]
    if not graph.ends[index]:
        return end - ticks
    begun = graph.plan.actors[index].release.array()
    np.maximum(begun[1:], end[:-1], out=begun[1:])
    for need in graph.starts[index]:
        later = begun[need.lag :]
        np.maximum(later, ends[need.actor][: later.size], out=later)
    return begun


def _served(begun: Columns, index: int, ticks: Ints) -> Ints:
    """When the firings of an actor have been served."""
    return begun[index] + ticks


def _stages(graph: MarkedGraph, ticks: list[Ints], starts: list[Ints | None], ends: list[Ints]) -> list[Stage]:
    """The actors as stages of a wavefront, in their order. A stage of its own departs at the releases of an actor."""
    releases = [actor.release if is_ever_positive(actor.release) else None for actor in graph.plan.actors]
    behind = np.cumsum([1 if releases[index] is None else 2 for index in graph.order])
    place = {index: int(last) - 1 for index, last in zip(graph.order, behind, strict=True)}
    stages: list[Stage] = []
    for index in graph.order:
        waits, holds = (
            [Wait(place[n.actor], n.lag, n.column == col.START) for n in needs[index]]
            for needs in (graph.starts, graph.ends)
        )
        release = releases[index]
        if release is not None:
            waits.append(Wait(len(stages), 0, False))
            stages.append(Stage((), (), np.diff(release.array(), prepend=0), None, None))
        stages.append(Stage(waits, holds, ticks[index], starts[index], ends[index]))
    return stages


def _offset(series: Series) -> int | None:
    """``c`` if the series is ``k + 1 + c``."""
    pattern = series.pattern
    if series.step != pattern.size and series.length > pattern.size:
        return None
    if pattern.size > 1 and not (np.diff(pattern) == 1).all():
        return None
    return int(pattern[0]) - 1


def _is_one(series: Series) -> bool:
    return series.step == 0 and bool((series.pattern == 1).all())


def is_ever_positive(series: Series) -> bool:
    """Whether a series is anything but 0; a single value, the common case, is not worth a call into numpy."""
    return series.pattern.item(0) > 0 or ((series.period > 1 or series.step > 0) and series.maximum() > 0)


def _remembering(fact: Callable[[Series], Fact]) -> Callable[[Series], Fact]:
    """A fact about series that is found once for each: plans of many stages share theirs."""
    known: dict[int, Fact] = {}

    def find(series: Series) -> Fact:
        if id(series) not in known:
            known[id(series)] = fact(series)
        return known[id(series)]

    return find


def ticks_of(actor: Actor) -> Ints:
    """The compute times of an actor: one that always holds, or one a firing."""
    if is_constant(actor.compute):
        return actor.compute.pattern[:1]
    is_full = actor.compute.period >= actor.firings
    return actor.compute.pattern[: actor.firings] if is_full else actor.compute.array()


def overlaps(actor: Actor) -> bool:
    """Whether several firings can be under way at once."""
    return min(actor.concurrency, actor.firings) > 1
