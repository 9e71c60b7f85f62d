"""What is wrong with a Plan before it runs: all faults at once, each with what to write instead.

Every check works on the stored period of a Series, so a hundred million firings cost no more than one period.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from simulator.errors import PlanError
from simulator.plan import Actor, Channel, Plan, Series
from simulator.series import Ints, common_period

__all__ = ["check_plan"]

INT64 = 2**63 - 1
TOKENS = 2**62 - 1
SLOTS = 2**20
_CHUNK = 1_000_000
_LISTED = 50

Fault = tuple[str, str]


def check_plan(plan: Plan) -> None:
    """Raise ``PlanError`` with all faults of a plan: wrong indices and series, buffers too small for a single firing,
    needs that nothing writes, cycles that take no time, and times or works that do not fit 64 bits.
    """
    faults = list(_structure(plan))
    if not faults:
        faults = [fault for actor in plan.actors for fault in _series(plan, actor)]
    if not faults:
        faults = [*_channels(plan), *_timeless_cycle(plan), *_horizon(plan)]
    if faults:
        shown = faults[:_LISTED]
        wide = max(len(where) for where, _ in shown)
        lines = [f"the plan has {len(faults)} problem{'s' if len(faults) != 1 else ''}"]
        lines += [f"  {where:<{wide}}  {what}" for where, what in shown]
        lines += [f"  ... and {len(faults) - _LISTED} more"] if len(faults) > _LISTED else []
        raise PlanError("\n".join(lines))


def _structure(plan: Plan) -> Iterator[Fault]:
    """Numbers and indices that point nowhere."""
    if plan.tick <= 0:
        yield "plan", f"tick is {plan.tick}; write a positive fraction of a second"
    for resource in plan.resources:
        if resource.slots < 1:
            yield f"resource {resource.name!r}", f"slots is {resource.slots}; write 1 or more"
        elif resource.slots > SLOTS:
            yield f"resource {resource.name!r}", f"slots is {resource.slots}; write {SLOTS} or fewer"
    for server in plan.servers:
        yield from ((f"server {server.name!r}", what) for what in _server(server.times, server.rates))
    for channel in plan.channels:
        if channel.initial < 0 or (channel.capacity is not None and channel.capacity < 0):
            what = f"capacity {channel.capacity} and initial {channel.initial}; write 0 or more"
            yield f"channel {channel.name!r}", what
        elif channel.capacity is not None and channel.capacity > TOKENS:
            yield f"channel {channel.name!r}", f"capacity {channel.capacity} is more than 2^62; write None for no bound"
    for actor in plan.actors:
        yield from ((f"actor {actor.name!r}", what) for what in _actor(plan, actor))
    yield from _shared(plan, "writer", "write", [(o.channel, a.name) for a in plan.actors for o in a.outputs])
    yield from _shared(plan, "reader", "read", [(p.channel, a.name) for a in plan.actors for p in a.inputs])


def _shared(plan: Plan, role: str, action: str, ports: list[tuple[int, str]]) -> Iterator[Fault]:
    """Channels with two writers or two readers."""
    users: dict[int, list[str]] = {}
    for channel, actor in ports:
        users.setdefault(channel, []).append(repr(actor))
    for channel, names in users.items():
        if len(names) > 1 and 0 <= channel < len(plan.channels):
            what = f"{' and '.join(names)} {action} it; give each {role} a channel of its own"
            yield f"channel {plan.channels[channel].name!r}", what


def _server(times: tuple[int, ...], rates: tuple[int, ...]) -> Iterator[str]:
    if not times or len(times) != len(rates) or times[0] != 0 or any(a >= b for a, b in pairwise(times)):
        yield f"times {times} with rates {rates}; write as many rates as times, times that start at 0 and rise"
    elif min(rates) < 0 or rates[-1] < 1:
        yield f"rates {rates}; write rates from 0 on, the last one positive, else its flows never end"
    elif max(*times, *rates) > INT64:
        yield "times or rates do not fit 64 bits; choose larger units"


def _actor(plan: Plan, actor: Actor) -> Iterator[str]:
    """Faults of one actor's own numbers."""
    if actor.concurrency < 1 or actor.slots < 1:
        yield f"concurrency {actor.concurrency} and slots {actor.slots}; write 1 or more"
    if actor.resource is not None:
        if not 0 <= actor.resource < len(plan.resources):
            yield f"resource {actor.resource} of {len(plan.resources)}; write an index into the plan's resources"
        elif actor.slots > plan.resources[actor.resource].slots:
            resource = plan.resources[actor.resource]
            what = f"takes {actor.slots} slots of {resource.name!r}, which has {resource.slots}"
            yield f"{what}; write at most {resource.slots}, or give it more"
    for index in (*(port.channel for port in actor.inputs), *(out.channel for out in actor.outputs)):
        if not 0 <= index < len(plan.channels):
            yield f"channel {index} of {len(plan.channels)}; write an index into the plan's channels"
    for flow in actor.flows:
        if not 0 <= flow.server < len(plan.servers):
            yield f"server {flow.server} of {len(plan.servers)}; write an index into the plan's servers"
        if flow.cap is not None and flow.cap < 1:
            yield f"a flow with cap {flow.cap} never ends; write 1 or more, or None"
    for name, series in _named(plan, actor):
        if series.length != actor.firings:
            yield f"{name} has {series.length} values for {actor.firings} firings; write one a firing"


def _named(plan: Plan, actor: Actor) -> Iterator[tuple[str, Series]]:
    """All series of an actor with what to call them."""
    ports = (*(port.channel for port in actor.inputs), *(out.channel for out in actor.outputs))
    names = {i: repr(plan.channels[i].name) for i in ports if 0 <= i < len(plan.channels)}
    yield from (("release", actor.release), ("compute", actor.compute), ("latency", actor.latency))
    yield from (("first_frame", actor.first_frame), ("last_frame", actor.last_frame))
    for port in actor.inputs:
        yield f"need of channel {names.get(port.channel)}", port.need
        yield f"free of channel {names.get(port.channel)}", port.free
    for out in actor.outputs:
        yield f"put of channel {names.get(out.channel)}", out.put
    for number, flow in enumerate(actor.flows):
        yield f"work of flow {number}", flow.work


def _series(plan: Plan, actor: Actor) -> Iterator[Fault]:
    """Series that hold what they must not: negative or falling values, values beyond 64 bits."""
    where = f"actor {actor.name!r}"
    sound = True
    for name, series in _named(plan, actor):
        if not series.length:
            continue
        turns = (series.length - 1) // series.period
        ends = (
            int(series.pattern.max()) + max(0, turns * series.step),
            int(series.pattern.min()) + min(0, turns * series.step),
        )
        if ends[0] > INT64 or ends[1] < -INT64:
            sound = False
            yield where, f"{name} goes to {ends[0]}, which does not fit 64 bits; choose a coarser tick or unit"
        elif ends[1] < 0 and (worst := _most(None, series, 0, 0)):
            sound = False
            yield where, f"{name} is {-worst[0]} at firing {worst[1]}; write 0 or more"
        elif name.startswith(("need", "free")) and not series.is_monotone():
            sound = False
            yield where, f"{name} falls; it counts all tokens up to a firing, so write values that rise"
    if not sound:
        return
    for port in actor.inputs:
        if port.free is not port.need and (worst := _most(port.free, port.need, 0, 0)):
            name = repr(plan.channels[port.channel].name)
            what = f"frees {worst[0]} more tokens of channel {name} than it needs at firing {worst[1]}"
            yield where, f"{what}; write free <= need"
    first, last = actor.first_frame, actor.last_frame
    if first is not last and (worst := _most(first, last, 0, 0)):
        yield where, f"first_frame is past last_frame at firing {worst[1]}; write the frames from first to last"


def _most(a: Series | None, b: Series | None, lag: int, limit: int) -> tuple[int, int] | None:
    """The largest ``a[k] - b[k - lag]`` (0 before the first) and its firing if it is over ``limit``; None if none is.

    From one common period to the next the difference changes by a constant, so that the first and the last period hold
    the largest.
    """
    series = [one for one in (a, b) if one is not None]
    length, period = series[0].length, common_period(series)
    if period and length > 2 * (period + lag):
        spans = [(0, period + lag), (length - period, length)]
    else:
        spans = [(first, min(first + _CHUNK, length)) for first in range(0, length, _CHUNK)]
    worst = None
    for first, last in spans:
        k = np.arange(first, last, dtype=np.int64)
        difference: Ints = a.at(k) if a is not None else np.zeros_like(k)
        if b is not None:
            difference = difference - np.where(k >= lag, b.at(np.maximum(k - lag, 0)), 0)
        place = int(difference.argmax())
        if difference[place] > limit and (worst is None or difference[place] > worst[0]):
            worst = int(difference[place]), first + place
    return worst


def _channels(plan: Plan) -> Iterator[Fault]:
    """Channels on which a single firing can never go through."""
    writers = {out.channel: (actor, out.put) for actor in plan.actors for out in actor.outputs}
    readers = {port.channel: (actor, port) for actor in plan.actors for port in actor.inputs}
    for index, channel in enumerate(plan.channels):
        where = f"channel {channel.name!r}"
        writer, reader = writers.get(index), readers.get(index)
        ever = channel.initial + (writer[1].total() if writer else 0)
        if ever > TOKENS:
            yield where, f"carries {ever} tokens, more than 2^62; count larger tokens"
        if reader and reader[1].need.maximum() > ever:
            yield where, _unwritten(channel, reader[0], reader[1].need.maximum(), writer[0] if writer else None, ever)
        if channel.capacity is None:
            continue
        if channel.initial > channel.capacity:
            what = f"{channel.initial} initial tokens in a capacity of {channel.capacity}"
            yield where, f"{what}; raise the capacity to {channel.initial} or more"
        if writer and writer[1].maximum() > channel.capacity and (worst := _most(writer[1], None, 0, channel.capacity)):
            what = f"{writer[0].name!r} writes {worst[0]} tokens at firing {worst[1]} into a capacity of"
            yield where, f"{what} {channel.capacity}; raise the capacity to {worst[0]} or more"
        if reader:
            actor, port = reader
            # Whatever its concurrency: where the tokens of two firings do not fit, the second waits for the first.
            if worst := _most(port.need, port.free, 1, channel.capacity):
                what = f"{actor.name!r} needs {worst[0]} tokens at once at firing {worst[1]} from a capacity of"
                yield where, f"{what} {channel.capacity}; raise the capacity to {worst[0]} or more"


def _unwritten(channel: Channel, reader: Actor, need: int, writer: Actor | None, ever: int) -> str:
    source = f"{writer.name!r} writes {ever - channel.initial}" if writer else "nobody writes it"
    return (
        f"{reader.name!r} needs {need} tokens, but {channel.initial} are initial and {source}; "
        f"lower the need to {ever} or write {need - ever} more"
    )


def _timeless_cycle(plan: Plan) -> Iterator[Fault]:
    """Actors that pass tokens round in a circle while no time passes."""
    timeless = {
        i for i, actor in enumerate(plan.actors)
        if actor.firings and not actor.compute.maximum() and not actor.latency.maximum()
        and not any(flow.work.maximum() for flow in actor.flows)
        and actor.release.maximum() == actor.release.minimum()
    }  # fmt: skip
    writers = {out.channel: i for i in timeless for out in plan.actors[i].outputs}
    edges = {(writers[p.channel], i) for i in timeless for p in plan.actors[i].inputs if p.channel in writers}
    while True:  # peel off what nobody leads to, or what leads nowhere, until only circles are left
        keep = {a for a, _ in edges} & {b for _, b in edges}
        left = {(a, b) for a, b in edges if a in keep and b in keep}
        if left == edges:
            break
        edges = left
    if edges:
        names = " -> ".join(repr(plan.actors[i].name) for i in sorted({a for a, _ in edges}))
        yield (
            f"actors {names}",
            "their channels form a cycle that takes no time; give one of them a compute time or a latency",
        )


def _horizon(plan: Plan) -> Iterator[Fault]:
    """Whether the last instant fits 64 bits. Until the end something is always being released, computed, carried or
    pushed through a server, so the sum of all these times bounds the run.
    """
    ticks = max((actor.release.maximum() for actor in plan.actors), default=0)
    ticks += sum(actor.compute.total() + actor.latency.total() for actor in plan.actors)
    for index, server in enumerate(plan.servers):
        flows = [flow for actor in plan.actors for flow in actor.flows if flow.server == index]
        if not flows:
            continue
        pace = min(server.rates[-1], *(flow.cap for flow in flows if flow.cap is not None), server.rates[-1])
        work = sum(flow.work.total() for flow in flows)
        ticks += server.times[-1] + work // pace + sum(flow.work.length for flow in flows) + 1
        largest = max(flow.work.maximum() for flow in flows)
        if largest + max(server.rates) > INT64:
            what = f"a work of {largest} at a rate of {max(server.rates)} does not fit 64 bits"
            yield f"server {server.name!r}", f"{what}; choose a larger unit of work"
    if ticks > INT64:
        yield "plan", f"the run may last {ticks} ticks, more than 2^63 - 1; choose a coarser tick than {plan.tick} s"
