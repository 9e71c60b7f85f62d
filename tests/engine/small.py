"""Small plans, written the way one writes them on paper, and the two engines side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np

from simulator.plan import Actor, Channel, Discipline, Flow, Input, Output, Plan, Resource, Series, Server
from simulator.trace import Trace

END, START, AFTER = Discipline
Value = int | Sequence[int]


def series(value: Value, firings: int) -> Series:
    """One value for all firings, or one each."""
    return Series.constant(value, firings) if isinstance(value, int) else Series.full(value)


def actor(
    name: str,
    firings: int,
    compute: Value = 0,
    *,
    reads: Mapping[int, Value] | None = None,
    keeps: int = 0,
    writes: Mapping[int, Value] | None = None,
    release: Value = 0,
    latency: Value = 0,
    flows: Sequence[tuple[int, Value, int | None]] = (),
    frames: Sequence[tuple[int, int]] | None = None,
    resource: int | None = None,
    slots: int = 1,
    priority: int = 0,
    concurrency: int = 1,
    drop: bool = False,
) -> Actor:
    """An actor that reads so many tokens a firing from some channels (keeping a window) and writes some to others."""
    inputs = []
    for channel, tokens in (reads or {}).items():
        need = np.cumsum(series(tokens, firings).array()) if firings else np.zeros(0, dtype=np.int64)
        inputs.append(Input(channel, Series.full(need), Series.full(np.maximum(need - keeps, 0))))
    first, last = zip(*frames, strict=True) if frames else (range(firings), range(firings))
    return Actor(
        name, resource, series(release, firings), series(compute, firings), series(latency, firings),
        Series.full(list(first)), Series.full(list(last)), tuple(inputs),
        tuple(Output(channel, series(tokens, firings)) for channel, tokens in (writes or {}).items()),
        tuple(Flow(server, series(work, firings), cap) for server, work, cap in flows),
        slots=slots, priority=priority, concurrency=concurrency, drop=drop,
    )  # fmt: skip


def plan(
    *actors: Actor,
    channels: Sequence[int | tuple[int | None, int] | Channel | None] = (),
    resources: Sequence[int] = (),
    servers: Sequence[int | tuple[tuple[int, ...], tuple[int, ...]]] = (),
    discipline: Discipline = END,
    tick: Fraction = Fraction(1),
) -> Plan:
    """A plan: a channel is its capacity or (capacity, initial tokens), a resource its slots, a server its rate."""
    built = []
    for number, channel in enumerate(channels):
        if not isinstance(channel, Channel):
            capacity, initial = channel if isinstance(channel, tuple) else (channel, 0)
            channel = Channel(f"c{number}", capacity, initial)
        built.append(channel)
    return Plan(
        tick, tuple(actors), tuple(built),
        tuple(Resource(f"r{number}", slots) for number, slots in enumerate(resources)),
        tuple(Server(f"s{n}", (0,), (rate,)) if isinstance(rate, int) else Server(f"s{n}", *rate)
              for n, rate in enumerate(servers)),
        discipline,
    )  # fmt: skip


def times(trace: Trace, index: int) -> tuple[list[int], list[int], list[int]]:
    """Start, served and end of an actor as lists."""
    return trace.start[index].tolist(), trace.served[index].tolist(), trace.end[index].tolist()
