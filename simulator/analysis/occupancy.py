"""How full every channel and memory is over time, and how long tokens stay in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.analysis.steps import Floats, Steps
from simulator.analysis.tokens import Ends, channel_ends, filled, given_back, occupied, readable_times, void_of, writes
from simulator.lowered import Lowered
from simulator.plan import Plan
from simulator.series import Ints, exact_sum
from simulator.trace import Trace

_MOST_BINS = 32

FINEST_BINS = 1024
"""Levels that a run without a trace tells apart; as many ranges of them where there are more."""


@dataclass(frozen=True, slots=True, eq=False)
class ChannelUse:
    """How a channel was used. Levels are tokens, times are ticks.

    ``level`` is the room taken and ``waiting`` the readable tokens, both over time. ``written`` real tokens could be
    read by the end, and together they stayed ``waiting.integral()`` ticks: Little's law holds as an identity. ``full``
    is how long the writer's largest put did not fit (0 for an unbounded channel), ``empty`` how long nothing was there
    to read. ``held`` and ``waited`` are the same two levels in rising order.
    """

    level: Steps
    waiting: Steps
    held: Steps
    waited: Steps
    written: int
    full: int
    empty: int


def channel_use(plan: Plan, trace: Trace, channel: int, ends: Ends | None = None) -> ChannelUse:
    """How one channel of a plan was used in a run."""
    ends = channel_ends(plan)[channel] if ends is None else ends
    level, waiting = occupied(plan, trace, channel, ends), filled(plan, trace, channel, ends)
    real = _written(plan, trace, ends)
    capacity = plan.channels[channel].capacity
    largest = ends.put.maximum() if ends.put is not None else 1
    held, waited = level.rising(), waiting.rising()
    full = 0 if capacity is None else held.time_at_least(max(capacity - max(largest, 1) + 1, 1))
    return ChannelUse(level, waiting, held, waited, real, full, trace.now - waited.time_at_least(1))


def _written(plan: Plan, trace: Trace, ends: Ends) -> int:
    """Real tokens that had become readable by the end."""
    if ends.writer is None or ends.put is None:
        return 0
    seen = int(np.searchsorted(readable_times(plan, trace, ends.writer), trace.now, side="right"))
    put, void = ends.put.array(0, seen), void_of(trace, ends.writer, seen)
    return int(put.sum() - put[void].sum()) if void.any() else int(put.sum())


@dataclass(frozen=True, slots=True, eq=False)
class MemoryUse:
    """What lay in a memory: bytes of ``weights`` all the time, and beside them a level in units of ``unit`` bytes.

    ``mean`` and ``highest`` are those of the level, ``histogram`` the share of time in each bin between ``levels``.
    """

    weights: int
    unit: float
    mean: float
    highest: int
    levels: Ints
    histogram: Floats


@dataclass(frozen=True, slots=True, eq=False)
class ChannelFigures:
    """What is kept of a channel's use: levels in tokens, times in ticks.

    ``highest`` and ``mean`` of the room taken, ``waiting_mean`` of the readable tokens, ``sojourn`` their integral;
    ``histogram`` is the share of time in each bin of levels between ``levels``.
    """

    highest: int
    mean: float
    waiting_mean: float
    sojourn: int
    written: int
    full: int
    empty: int
    levels: Ints
    histogram: Floats


@dataclass(frozen=True, slots=True, eq=False)
class ChannelSummary(ChannelFigures):
    """The same with the level over time.

    ``low``, ``high`` and ``average`` follow it over the given bins of time, and ``until`` is its integral up to some
    instants.
    """

    low: Ints
    high: Ints
    average: Floats
    until: Floats


def summarise_channel(
    plan: Plan, trace: Trace, channel: int, ends: Ends, edges: Ints, instants: Ints
) -> ChannelSummary:
    """The use of a channel, with its level over the bins between ``edges`` and its integral up to ``instants``."""
    use = channel_use(plan, trace, channel, ends)
    level = use.level
    highest = use.held.maximum()
    levels = histogram_edges(highest)
    low, high = level.extremes(edges) if edges.size > 1 else (level.values[-1:], level.values[-1:])
    areas = level.until(np.concatenate((edges, instants)))
    binned = np.diff(areas[: edges.size])
    average = binned / np.diff(edges) if edges.size > 1 else level.values[-1:].astype(np.float64)
    return ChannelSummary(
        highest=highest,
        mean=use.held.mean(),
        waiting_mean=use.waited.mean(),
        sojourn=use.waited.integral(),
        written=use.written,
        full=use.full,
        empty=use.empty,
        levels=levels,
        histogram=use.held.histogram(levels),
        low=low,
        high=high,
        average=average,
        until=areas[edges.size :],
    )


def sojourn_total(plan: Plan, trace: Trace, channel: int) -> int:
    """Ticks that all tokens together lay readable in a channel, summed token by token group: the other side of Little's
    law.

    What is still there at the end counts up to the end.
    """
    ends = channel_ends(plan)[channel]
    written = writes(plan, trace, channel, ends)
    amounts = np.concatenate(([written.initial], np.diff(written.real, prepend=written.initial)))
    begins = np.concatenate(([0], np.minimum(written.readable, trace.now)))
    times, given = given_back(plan, trace, channel, ends)
    left = int(amounts.sum()) - (int(given[-1]) if given.size else 0)
    amounts_out = np.append(np.diff(given, prepend=0), left)
    ends_at = np.append(times, trace.now)
    return int((amounts_out * ends_at).sum()) - int((amounts * begins).sum())


def histogram_edges(highest: int) -> Ints:
    """Edges of at most 32 bins of equal width over the levels 0 to ``highest``; a bin a level where that fits.

    Beyond 1023, a width is a multiple of the power of two in which a run without a trace counts such levels.
    """
    finest = 1 << max(0, highest.bit_length() - (FINEST_BINS - 1).bit_length())
    width = -(-(highest + 1) // _MOST_BINS)
    width = -(-width // finest) * finest
    return np.arange(0, highest + 1 + width, width, dtype=np.int64)


def channels_inside(plan: Plan, memory: str) -> list[int]:
    """The channels whose tokens lie in a memory and take room there."""
    return [c for c, channel in enumerate(plan.channels) if channel.memory == memory and channel.token_bytes > 0]


def memory_level(lowered: Lowered, trace: Trace, memory: str) -> tuple[int, Steps, float]:
    """Bytes of weights that a memory holds all the time, and the bytes of its channels over time in units of the
    returned size.
    """
    plan, ends = lowered.plan, channel_ends(lowered.plan)
    inside = channels_inside(plan, memory)
    unit = common_unit([plan.channels[c].token_bytes for c in inside])
    times, changes, initial = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)], 0
    for c in inside:
        scale = round(plan.channels[c].token_bytes / unit)
        level = occupied(plan, trace, c, ends[c])
        initial += int(level.values[0]) * scale
        times.append(level.times[1:])
        changes.append(np.diff(level.values) * scale)
    steps = Steps.from_changes(initial, np.concatenate(times), np.concatenate(changes), trace.now)
    return lowered.weights_bytes.get(memory, 0), steps, unit


def common_unit(sizes: list[float]) -> float:
    """A size that the token sizes are whole multiples of: a bit, or finer where tokens are fractions of one."""
    unit = 0.125
    for _ in range(8):
        if all(abs(size / unit - round(size / unit)) < 1e-9 * max(size / unit, 1) for size in sizes):
            return unit
        unit /= 2
    return unit


def server_work(plan: Plan, trace: Trace, server: int, first: int, last: int) -> int:
    """Work units of the firings whose service ended after ``first`` up to ``last``."""
    total = 0
    for index, actor in enumerate(plan.actors):
        for flow in actor.flows:
            if flow.server != server:
                continue
            served = trace.served[index]
            chosen = np.flatnonzero((served > first) & (served <= last) & ~trace.void[index])
            total += exact_sum(flow.work.at(chosen))
    return total


def server_capacity(plan: Plan, server: int, first: int, last: int) -> int:
    """Work units that a server could do from ``first`` to ``last``, exact."""
    own = plan.servers[server]
    ends = (*own.times[1:], max(last, own.times[-1]))
    spans = (min(end, last) - max(begin, first) for begin, end in zip(own.times, ends, strict=True))
    return sum(rate * max(span, 0) for rate, span in zip(own.rates, spans, strict=True))


__all__ = [
    "ChannelFigures",
    "ChannelSummary",
    "ChannelUse",
    "MemoryUse",
    "channel_use",
    "common_unit",
    "histogram_edges",
    "memory_level",
    "server_capacity",
    "server_work",
    "sojourn_total",
    "summarise_channel",
]
