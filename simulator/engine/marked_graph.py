"""Marked graphs: all actors fire equally often and move one token a firing, as the stages of a streaming pipeline do.

Firing k then depends on firings k - lag of its neighbours with constant lags, so the recurrence needs no counting of
tokens and is evaluated as a wavefront.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np

from simulator.engine.arrays import is_constant
from simulator.engine.wavefront import Stage, Wait, run_wavefront
from simulator.plan import Actor, Ints, Plan, Series
from simulator.trace import Columns

Fact = TypeVar("Fact")

_START, _END, _ARRIVAL = range(3)


@dataclass(frozen=True, slots=True)
class _Need:
    """A time that a firing waits for: that of firing ``k - lag`` of ``actor``.

    ``column`` is that of its start, its departure or the arrival of its tokens.
    """

    actor: int
    lag: int
    column: int


@dataclass(frozen=True, slots=True)
class _MarkedGraph:
    """What the starts and the departures of each actor's firings wait for."""

    plan: Plan
    starts: list[list[_Need]]
    ends: list[list[_Need]]

    def departs_at_once(self, index: int) -> bool:
        """Whether firings depart as soon as they are served."""
        return not self.ends[index] and not _overlaps(self.plan.actors[index])

    def follows(self, index: int) -> bool:
        """Whether starts follow from departures."""
        waits = (need.column == _START or self.plan.actors[need.actor].latency.maximum() for need in self.starts[index])
        return self.departs_at_once(index) or not (_overlaps(self.plan.actors[index]) or any(waits))


def marked_graph(plan: Plan) -> tuple[Columns, Columns, Columns] | None:
    """Start, served and end of all firings of a marked graph with static order.

    None if the plan is none, if the tokens of an actor do not all travel equally long, or if it cannot run as a
    wavefront. Only departures are kept, and starts that do not follow from them.
    """
    graph = _marked_graph(plan)
    if graph is None:
        return None
    actors, firings = plan.actors, plan.actors[0].firings
    if not all(is_constant(actor.latency) for actor in actors):
        return None
    is_kept = [not graph.follows(i) for i in range(len(actors))]
    # Columns an odd number of cache lines apart do not compete for the same few places of the cache.
    width = (firings // 8 | 1) * 8 + 16
    kept = iter(np.empty((len(actors) + sum(is_kept), width), dtype=np.int64)[:, :firings])
    ends = [next(kept) for _ in actors]
    starts = [next(kept) if keeps else None for keeps in is_kept]
    ticks = [_values(actor.compute, firings) for actor in actors]
    if not run_wavefront(_stages(graph, ticks, starts, ends), firings):
        return None
    begun = Columns(
        partial(_start, graph, i, ticks[i], ends) if start is None else start for i, start in enumerate(starts)
    )
    served = Columns(
        end if graph.departs_at_once(i) else partial(_served, begun, i, ticks[i]) for i, end in enumerate(ends)
    )
    return begun, served, Columns(ends)


def _start(graph: _MarkedGraph, index: int, ticks: Ints, ends: list[Ints]) -> Ints:
    """The starts of an actor that follow from departures: its own, or those that it has waited for."""
    end = ends[index]
    if graph.departs_at_once(index):
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


def _marked_graph(plan: Plan) -> _MarkedGraph | None:
    """What the firings wait for; None if the plan is no marked graph."""
    if len({actor.firings for actor in plan.actors}) != 1 or plan.actors[0].firings == 0:
        return None
    starts: list[list[_Need]] = [[] for _ in plan.actors]
    ends: list[list[_Need]] = [[] for _ in plan.actors]
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
        starts[reader].append(_Need(writer, channel.initial - need, _ARRIVAL))
        if channel.capacity is not None:
            rule = plan.discipline_of(index)
            lag = channel.capacity - channel.initial
            if lag < 0 or writer == reader:
                return None
            wants = starts if rule.claims_at_start else ends
            wants[writer].append(_Need(reader, lag, _START if rule.releases_at_start else _END))
    for index, actor in enumerate(plan.actors):
        if 1 < actor.concurrency < actor.firings:
            starts[index].append(_Need(index, actor.concurrency, _END))
    # A time further back than the first firing is never waited for.
    firings = plan.actors[0].firings
    starts, ends = ([[n for n in wanted if n.lag < firings] for wanted in needs] for needs in (starts, ends))
    return _MarkedGraph(plan, starts, ends)


def _stages(graph: _MarkedGraph, ticks: list[Ints], starts: list[Ints | None], ends: list[Ints]) -> list[Stage]:
    """The actors as stages of a wavefront. In front of one with releases stands one that departs at them."""
    actors = graph.plan.actors
    behind = np.cumsum([1 + _is_ever_positive(actor.release) for actor in actors]).tolist()

    def wait(need: _Need) -> Wait:
        travels = actors[need.actor].latency.pattern.item(0) if need.column == _ARRIVAL else 0
        return Wait(behind[need.actor] - 1, need.lag, need.column == _START, travels)

    stages: list[Stage] = []
    for index, actor in enumerate(actors):
        waits, holds = ([wait(need) for need in needs[index]] for needs in (graph.starts, graph.ends))
        if _is_ever_positive(actor.release):
            waits.append(Wait(len(stages), 0))
            stages.append(Stage((), (), np.diff(actor.release.array(), prepend=0), None, None))
        stages.append(Stage(waits, holds, ticks[index], starts[index], ends[index], _overlaps(actor)))
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


def _is_ever_positive(series: Series) -> bool:
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


def _values(series: Series, firings: int) -> Ints:
    """The values of a series: one that always holds, or one a firing."""
    if is_constant(series):
        return series.pattern[:1]
    return series.pattern[:firings] if series.period >= firings else series.array()


def _overlaps(actor: Actor) -> bool:
    """Whether several firings can be under way at once."""
    return min(actor.concurrency, actor.firings) > 1
