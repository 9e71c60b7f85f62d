"""Raw dataflow graphs (SDF and CSDF): exact throughput, first starts, iteration times, occupancy.

The throughput comes from the graph of the iteration's events (:mod:`simulator.cycle_time`), exactly and without a
long run. Starts, iteration times and occupancy come from an engine that runs some iterations as a Plan: two ways that
must agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from simulator.cycle_time import Edges, maximum_cycle_ratio, tightest_knot
from simulator.engine import run
from simulator.errors import DeadlockError, UserError, did_you_mean
from simulator.graph_file import Graph, GraphChannel, read_graph
from simulator.plan import Actor, Channel, Discipline, Input, Output, Plan, Series
from simulator.plan_checks import TOKENS, check_plan
from simulator.series import Ints
from simulator.trace import Trace

__all__ = ["GraphResult", "Occupancy", "analyse_graph", "graph_plan"]

_STARTS = 6
"""First starts told of each actor, those within the iterations asked for, and within four at least."""
_ITERATIONS = 4
_MOST_FIRINGS = 2**27  # a gigabyte a column of the trace


@dataclass(frozen=True, slots=True)
class Occupancy:
    """Tokens that take room in a channel, claimed and not given back; ``mean`` up to the last iteration."""

    capacity: int | None
    maximum: int
    mean: float


@dataclass(frozen=True, slots=True)
class GraphResult:
    """What a dataflow graph does in the long run and in its first iterations, in the graph's unit of time.

    ``throughput`` is in iterations per unit of time, None where nothing limits it; ``period`` the time of an
    iteration, None after a deadlock. ``critical`` names the actors of a circle that sets the pace. ``sink_times`` are
    the ends of the iterations at ``sink``. ``deadlock`` tells who waits for whom if nothing can move.
    """

    name: str
    time_unit: str
    discipline: Discipline
    throughput: Fraction | None
    period: Fraction | None
    critical: tuple[str, ...]
    repetitions: Mapping[str, int]
    first_starts: Mapping[str, tuple[int, ...]]
    sink: str
    sink_times: tuple[int, ...]
    occupancy: Mapping[str, Occupancy]
    deadlock: str | None
    engine: str

    def to_json(self) -> dict[str, Any]:
        """Plain data: fractions as text ("1/4"), the period as a whole number where it is one."""
        rate, period = self.throughput, self.period
        return {
            "name": self.name,
            "time_unit": self.time_unit,
            "discipline": self.discipline.value,
            "throughput": "unbounded" if rate is None else f"{rate.numerator}/{rate.denominator}",
            "period": period if period is None else int(period) if period.denominator == 1 else str(period),
            "critical": list(self.critical),
            "repetition_vector": dict(self.repetitions),
            "first_starts": {name: list(starts) for name, starts in self.first_starts.items()},
            "sink": self.sink,
            "sink_times": list(self.sink_times),
            "occupancy": {
                name: {"capacity": one.capacity, "max": one.maximum, "mean": one.mean}
                for name, one in self.occupancy.items()
            },
            "deadlock": self.deadlock is not None,
            "report": self.deadlock.splitlines() if self.deadlock else [],
            "engine": self.engine,
        }


def analyse_graph(
    path: str | Path,
    capacities: Mapping[str, int] | None = None,
    discipline: Discipline | str = Discipline.CLAIM_START_RELEASE_END,
    iterations: int | None = None,
    engine: str = "auto",
) -> GraphResult:
    """Analyse the graph in a YAML file.

    ``capacities`` bound channels by name; with any, every actor fires one at a time. Without, channels are unbounded
    and each actor's ``max_concurrency`` holds. ``iterations`` are run for starts, iteration times and occupancy (4
    unless given). Raises ``FileProblems`` for the file, ``UserError`` for the other arguments, ``PlanError`` for times
    and rates that cannot be run. A deadlock is a result here, not an error, and so are capacities that are too small
    for a single firing: they give one.
    """
    graph = read_graph(path)
    rule = _discipline(discipline)
    bounds = dict(capacities or {})
    _check_bounds(graph, bounds)
    if iterations is not None and iterations < 1:
        raise UserError(f"iterations is {iterations}; write 1 or more")
    wanted = iterations or _ITERATIONS
    enough = -(-_STARTS // min(graph.repetitions))
    if (firings := wanted * sum(graph.repetitions)) > _MOST_FIRINGS:
        most = max(1, _MOST_FIRINGS // sum(graph.repetitions))
        raise UserError(f"{wanted} iterations are {firings} firings; write iterations={most} or fewer")
    plan = graph_plan(graph, bounds, rule, max(wanted, enough))
    check_plan(replace(plan, channels=tuple(replace(channel, capacity=None) for channel in plan.channels)))
    report: str | None = None
    try:
        trace = run(plan, engine=engine, check=False)
    except DeadlockError as error:
        if error.trace is None:
            raise
        trace, report = error.trace, str(error)
    rate, period, critical = _pace(graph, plan, bounds) if report is None else (Fraction(0), None, ())
    sink = _sink(graph)
    ends = trace.end[sink][graph.repetitions[sink] - 1 :: graph.repetitions[sink]]
    return GraphResult(
        graph.name, graph.time_unit, rule, rate, period, critical,
        dict(zip((actor.name for actor in graph.actors), graph.repetitions, strict=True)),
        _first_starts(graph, trace, ends, max(wanted, _ITERATIONS)),
        graph.actors[sink].name, tuple(ends[ends >= 0][:wanted].tolist()),
        _occupancy(plan, trace, int(ends[min(wanted, ends.size) - 1])), report, trace.engine,
    )  # fmt: skip


def _check_bounds(graph: Graph, capacities: Mapping[str, int]) -> None:
    """Raise ``UserError`` for a capacity of no channel, or one that the initial tokens exceed."""
    initial = {channel.name: channel.initial for channel in graph.channels}
    for name, tokens in capacities.items():
        if name not in initial:
            raise UserError(f"no channel {name!r} in {graph.name}{did_you_mean(name, initial)}")
        if tokens < initial[name]:
            least = f"{initial[name]} or more, for its initial tokens" if initial[name] else "0 or more tokens"
            raise UserError(f"capacity of {name!r} is {tokens}; write {least}")
        if tokens > TOKENS:
            raise UserError(
                f"capacity of {name!r} is {tokens}, more than 2^62; leave it out for a channel without bound"
            )


def graph_plan(graph: Graph, capacities: Mapping[str, int], discipline: Discipline, iterations: int) -> Plan:
    """The graph's first iterations as a Plan of one tick a unit of time; bounded graphs fire one at a time."""
    actors = []
    for index, actor in enumerate(graph.actors):
        firings = graph.repetitions[index] * iterations
        nothing = Series.constant(0, firings)
        frames = Series.periodic(np.zeros(graph.repetitions[index], dtype=np.int64), firings, 1)
        inputs, outputs = [], []
        for number, channel in enumerate(graph.channels):
            if channel.target == index:
                read = Series.periodic(np.cumsum(channel.cons), firings, sum(channel.cons))
                inputs.append(Input(number, read, read))
            if channel.source == index:
                outputs.append(Output(number, Series.periodic(channel.prod, firings)))
        limit = 1 if capacities else actor.concurrency or firings
        actors.append(Actor(
            actor.name, None, nothing, Series.periodic(actor.times, firings), nothing, frames, frames,
            tuple(inputs), tuple(outputs), concurrency=limit,
        ))  # fmt: skip
    channels = tuple(Channel(c.name, capacities.get(c.name), c.initial) for c in graph.channels)
    labels = {"time_unit": graph.time_unit} | {f"depth:{c.name}": f"the capacity of {c.name!r}" for c in graph.channels}
    return Plan(Fraction(1), tuple(actors), channels, discipline=discipline, labels=labels)


def _discipline(given: Discipline | str) -> Discipline:
    names = [one.value for one in Discipline]
    if given not in names:
        raise UserError(f"no discipline {given!r}{did_you_mean(str(given), names)}")
    return Discipline(given)


def _sink(graph: Graph) -> int:
    """The actor whose ends complete iterations: the first that writes to no other except through tokens fed back,
    else the last of the file.
    """
    forward = {c.source for c in graph.channels if not c.initial and c.source != c.target}
    return next((i for i in range(len(graph.actors)) if i not in forward), len(graph.actors) - 1)


def _first_starts(graph: Graph, trace: Trace, ends: Ints, iterations: int) -> dict[str, tuple[int, ...]]:
    """The first starts of each actor up to the end of the iterations (in a deadlock: all that there were)."""
    complete = ends[: min(iterations, ends.size)]
    last = int(complete[-1]) if complete.size and complete[-1] >= 0 else trace.now
    starts = {}
    for actor, column in zip(graph.actors, trace.start, strict=True):
        head = column[:_STARTS]
        starts[actor.name] = tuple(head[(head >= 0) & (head <= last)].tolist())
    return starts


def _occupancy(plan: Plan, trace: Trace, until: int) -> dict[str, Occupancy]:
    """Tokens that take room in each channel up to an instant (the end of the trace if it never came)."""
    last = until if until >= 0 else trace.now
    result = {}
    for index, channel in enumerate(plan.channels):
        rule = plan.discipline_of(index)
        times, changes = [np.zeros(1, dtype=np.int64)], [np.array([channel.initial], dtype=np.int64)]
        for actor, (start, end) in enumerate(zip(trace.start, trace.end, strict=True)):
            for out in plan.actors[actor].outputs:
                if out.channel == index:
                    times.append(start if rule.claims_at_start else end)
                    changes.append(out.put.array())
            for port in plan.actors[actor].inputs:
                if port.channel == index:
                    times.append(start if rule.releases_at_start else end)
                    changes.append(-np.diff(port.free.array(), prepend=0))
        instants, change = np.concatenate(times), np.concatenate(changes)
        happened = (instants >= 0) & (instants <= last)
        unique, place = np.unique(instants[happened], return_inverse=True)
        level = np.cumsum(np.bincount(place, weights=change[happened])).astype(np.int64)
        spans = np.diff(np.append(unique, last))
        mean = float((level * spans).sum() / last) if last else float(level[-1])
        result[channel.name] = Occupancy(channel.capacity, int(level.max()), mean)
    return result


def _pace(graph: Graph, plan: Plan, capacities: Mapping[str, int]) -> tuple[Fraction | None, Fraction, tuple[str, ...]]:
    """Throughput, time of an iteration, and the actors on a circle that sets it."""
    edges, firsts, events = _events(graph, plan, capacities)
    if tightest_knot(edges, events).size:
        raise RuntimeError(
            f"{graph.name}: the events of an iteration wait for themselves, but the run did not deadlock"
        )
    period, circle = maximum_cycle_ratio(edges, events)
    owners = np.searchsorted(firsts, circle, side="right") - 1
    critical = tuple(graph.actors[i].name for i in sorted(set(owners.tolist())))
    return (1 / period if period else None), period, critical if period else ()


def _events(graph: Graph, plan: Plan, capacities: Mapping[str, int]) -> tuple[Edges, Ints, int]:
    """What each start and end of an iteration waits for, by the rules of the Plan.

    Actor a has its starts at ``firsts[a] + k`` and its ends ``repetitions[a]`` further on.
    """
    counts = np.array(graph.repetitions, dtype=np.int64)
    firsts = np.concatenate(([0], np.cumsum(2 * counts)[:-1])).astype(np.int64)
    columns: list[tuple[Ints, Ints, Ints, Ints]] = []

    def add(after: Ints, before: int, index: Ints, weight: Ints | int = 0, *, of: int) -> None:
        """``after`` waits for event number ``index`` (in all iterations) of the events that begin at ``before``."""
        turn, phase = np.divmod(index, counts[of])
        columns.append((after, before + phase, np.broadcast_to(np.int64(weight), after.shape), -turn))

    for a, actor in enumerate(plan.actors):
        k = np.arange(counts[a], dtype=np.int64)
        starts, ends = int(firsts[a]), int(firsts[a] + counts[a])
        add(ends + k, starts, k, actor.compute.array(0, int(counts[a])), of=a)
        limit = 1 if capacities else graph.actors[a].concurrency
        if limit is not None:
            add(starts + k, ends, k - limit, of=a)
        if limit != 1:
            add(starts + k, starts, k - 1, of=a)
            add(ends + k, ends, k - 1, of=a)
    for channel in graph.channels:
        w, r = channel.source, channel.target
        put, read = _totals(channel.prod, int(counts[w])), _totals(channel.cons, int(counts[r]))
        k = np.arange(counts[r], dtype=np.int64)
        add(int(firsts[r]) + k, int(firsts[w] + counts[w]), _reaching(put, read - channel.initial), of=w)
        if channel.name in capacities:
            for after, before, index in _room(
                channel, capacities[channel.name], plan.discipline, firsts, counts, put, read
            ):
                add(after, before, index, of=r)
    edges = Edges(*(np.concatenate(column) for column in zip(*columns, strict=True)))
    return edges, firsts, int(2 * counts.sum())


def _room(
    channel: GraphChannel, capacity: int, rule: Discipline, firsts: Ints, counts: Ints, put: Ints, read: Ints
) -> list[tuple[Ints, int, Ints]]:
    """Which firing of the reader gives back the room that each firing of the writer needs."""
    w, r = channel.source, channel.target
    k = np.arange(counts[w], dtype=np.int64)
    claim = int(firsts[w]) + k if rule.claims_at_start else int(firsts[w] + counts[w]) + k
    release = int(firsts[r]) if rule.releases_at_start else int(firsts[r] + counts[r])
    reader = _reaching(read, put + channel.initial - capacity)
    if w == r and rule.claims_at_start:
        # What the very firing frees counts in its own claim, so it does not wait for itself.
        others = reader != k
        claim, reader = claim[others], reader[others]
    return [(claim, release, reader)]


def _totals(rates: tuple[int, ...], firings: int) -> Ints:
    """Tokens in all after each firing of an iteration."""
    return np.cumsum(np.tile(np.array(rates, dtype=np.int64), firings // len(rates)))


def _reaching(totals: Ints, tokens: Ints) -> Ints:
    """The first firing, counted over all iterations, after which ``tokens`` have passed; negative before the first."""
    whole = totals[-1]
    turn = (tokens - 1) // whole
    index: Ints = turn * totals.size + np.searchsorted(totals, tokens - turn * whole)
    return index
