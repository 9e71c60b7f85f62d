"""Why nothing can move: the state of a stuck run, its wait-for cycle, and the FIFO whose depth would break it.

Both engines end here. An engine that keeps a Trace needs nothing else (:func:`state_of`); one that keeps none hands
over its :class:`State` itself.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from simulator.errors import DeadlockError
from simulator.plan import Output, Plan, Series
from simulator.series import Ints
from simulator.trace import Trace

_LISTED = 12
_UNITS = (("s", 0), ("ms", 3), ("us", 6), ("ns", 9), ("ps", 12))


@dataclass(frozen=True, slots=True)
class State:
    """Where a run stands: how many firings of each actor have started and departed, and for each channel how many
    tokens have become readable (initial ones count) and how much room is taken. ``time`` is the last instant at which a
    firing started, was served or departed, or a token became readable.
    """

    time: int
    started: tuple[int, ...]
    departed: tuple[int, ...]
    readable: tuple[int, ...]
    used: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Wait:
    """An actor that cannot go on: it lacks ``lack`` tokens to read, or as much room to write; ``other`` could help."""

    actor: int
    writes: bool
    channel: int
    lack: int
    other: int | None


def state_of(plan: Plan, trace: Trace) -> State:
    """The state at the end of an unfinished trace."""
    started = tuple(int((column >= 0).sum()) for column in trace.start)
    departed = tuple(int((column >= 0).sum()) for column in trace.end)
    time, readable, used = 0, [], []
    arrivals = [_arrivals(plan, trace, actor, count) for actor, count in enumerate(departed)]
    for columns in (trace.start, trace.served, trace.end, tuple(arrivals)):
        time = max([time, *(int(column.max()) for column in columns if column.size and column.max() <= trace.now)])
    ports = _ports(plan)
    for index, channel in enumerate(plan.channels):
        writer, reader = ports[index]
        rule = plan.discipline_of(index)
        written = claimed = given = channel.initial
        gone = 0
        if writer is not None:
            out, actor = writer
            arrived = int((arrivals[actor] <= trace.now).sum())
            claims = started[actor] if rule.claims_at_start else departed[actor]
            written, claimed = (channel.initial + _first(out.put, n) for n in (arrived, claims))
            void = trace.void[actor][:claims]
            if void.any():
                claimed -= int(out.put.array(0, claims)[void].sum())
        if reader is not None:
            free, actor = reader
            count = started[actor] if rule.releases_at_start else departed[actor]
            gone = free[count - 1] if count else 0
        given = gone - (_void_before(channel.initial, writer[0], trace.void[writer[1]], gone) if writer else 0)
        readable.append(written)
        used.append(claimed - given)
    return State(time, started, departed, tuple(readable), tuple(used))


def can_move(plan: Plan, trace: Trace) -> bool:
    """Whether an unfinished run would go on after ``trace.now``: something is served, on its way or to be released."""
    state = state_of(plan, trace)
    for index, actor in enumerate(plan.actors):
        started, departed = state.started[index], state.departed[index]
        arrivals = _arrivals(plan, trace, index, departed)
        if bool((trace.served[index][departed:started] < 0).any()) or bool((arrivals > trace.now).any()):
            return True
        if started < actor.firings and started - departed < actor.concurrency and actor.release[started] > trace.now:
            return True
    return False


def deadlock_error(plan: Plan, trace: Trace | None, state: State | None = None) -> DeadlockError:
    """The error that tells who waits for what since when, and what to change. Give the trace, the state, or both."""
    if state is None:
        if trace is None:
            raise ValueError("a deadlock is told from a trace or from a state; got neither")
        state = state_of(plan, trace)
    waits = _waits(plan, state)
    cycle = _shortest_cycle(waits)
    tokens = sum(state.used)
    head = f"DeadlockError at {_time(plan, state.time)}: nothing can move, {tokens} tokens are in flight"
    told = cycle or waits
    lines = [head, *_table(plan, state, told[:_LISTED])]
    if len(told) > _LISTED:
        lines.append(f"  ... and {len(told) - _LISTED} more")
    lines.append(f"  {_advice(plan, told, bool(cycle))}")
    names = tuple(plan.actors[wait.actor].name for wait in cycle)
    partial = replace(trace, now=state.time, complete=False) if trace is not None else None
    return DeadlockError("\n".join(lines), state.time, names, partial)


def _ports(plan: Plan) -> list[tuple[tuple[Output, int] | None, tuple[Series, int] | None]]:
    """For each channel its output and writer, and what its reader frees and the reader."""
    writers = {out.channel: (out, i) for i, actor in enumerate(plan.actors) for out in actor.outputs}
    readers = {port.channel: (port.free, i) for i, actor in enumerate(plan.actors) for port in actor.inputs}
    return [(writers.get(i), readers.get(i)) for i in range(len(plan.channels))]


def _first(series: Series, count: int) -> int:
    """The sum of the first values."""
    return replace(series, length=count).total()


def _arrivals(plan: Plan, trace: Trace, actor: int, departed: int) -> Ints:
    """When the outputs of the departed firings become readable."""
    latency = np.where(trace.void[actor][:departed], 0, plan.actors[actor].latency.array(0, departed))
    arrivals: Ints = np.maximum.accumulate(trace.end[actor][:departed] + latency)
    return arrivals


def _void_before(initial: int, out: Output, void: npt.NDArray[np.bool_], position: int) -> int:
    """How many of the first ``position`` tokens of a channel are void."""
    if not void.any():
        return 0
    put = out.put.array()
    after = initial + np.cumsum(put)
    return int(np.where(void, np.clip(position - (after - put), 0, put), 0).sum())


def _waits(plan: Plan, state: State) -> list[Wait]:
    """What every unfinished actor lacks: room for the firing that is served, else the conditions of the next start."""
    ports = _ports(plan)
    waits = []
    for index, actor in enumerate(plan.actors):
        departed, k = state.departed[index], state.started[index]
        in_flight = departed < k
        if k < actor.firings and k - departed < actor.concurrency:
            for port in actor.inputs:
                writer = ports[port.channel][0]
                if (lack := port.need[k] - state.readable[port.channel]) > 0:
                    waits.append(Wait(index, False, port.channel, lack, writer[1] if writer else None))
        for out in actor.outputs:
            early = plan.discipline_of(out.channel).claims_at_start
            firing = departed if not early else k
            if (in_flight if not early else k < actor.firings) and firing < actor.firings:
                capacity, reader = plan.channels[out.channel].capacity, ports[out.channel][1]
                lack = state.used[out.channel] + out.put[firing] - capacity if capacity is not None else 0
                if early and reader is not None and reader[1] == index:
                    lack -= reader[0][k] - (reader[0][k - 1] if k else 0)
                if lack > 0:
                    waits.append(Wait(index, True, out.channel, lack, reader[1] if reader else None))
    return waits


def _shortest_cycle(waits: list[Wait]) -> list[Wait]:
    """The shortest chain of waits that ends where it began; empty if there is none."""
    by_actor: dict[int, list[Wait]] = {}
    for wait in waits:
        by_actor.setdefault(wait.actor, []).append(wait)
    best: list[Wait] = []
    for root in by_actor:
        came: dict[int, Wait] = {}
        line = deque([root])
        while line and root not in came:
            for wait in by_actor.get(line.popleft(), ()):
                if wait.other is not None and wait.other not in came:
                    came[wait.other] = wait
                    line.append(wait.other)
        if root in came:
            chain = [came[root]]
            while chain[-1].actor != root:
                chain.append(came[chain[-1].actor])
            if not best or len(chain) < len(best):
                best = chain[::-1]
    return best


def _table(plan: Plan, state: State, waits: list[Wait]) -> list[str]:
    """One line a wait, in columns."""
    names = [plan.actors[wait.actor].name for wait in waits]
    channels = [plan.channels[wait.channel].name for wait in waits]
    wide, deep = max(map(len, names), default=0), max(map(len, channels), default=0)
    lines = []
    for wait, name, channel in zip(waits, names, channels, strict=True):
        capacity = plan.channels[wait.channel].capacity
        fill = f"{state.used[wait.channel]}/{'unbounded' if capacity is None else capacity} full"
        lines.append(f"  {name:<{wide}}  waits to {'write' if wait.writes else 'read ':5}  {channel:<{deep}}  ({fill})")
    return lines


def _advice(plan: Plan, waits: list[Wait], is_cycle: bool) -> str:
    """What to change. In a cycle a full FIFO whose reader waits to read is the one that is too short."""
    if not is_cycle:
        wait = waits[-1]
        channel = plan.channels[wait.channel].name
        if wait.other is None:
            return f"Nobody {'reads' if wait.writes else 'writes'} {channel!r}."
        other = plan.actors[wait.other].name
        if wait.writes:
            return (
                f"{other!r} has fired for the last time and keeps tokens of {channel!r}: let it free all that it reads."
            )
        return f"{other!r} has fired for the last time: let it write {wait.lack} more to {channel!r}."
    after = dict(zip((id(wait) for wait in waits), waits[1:] + waits[:1], strict=True))
    full = sorted((wait for wait in waits if wait.writes), key=lambda wait: after[id(wait)].writes)
    if not full:
        first = plan.channels[waits[0].channel].name
        return f"Give {first!r} initial tokens: each of these waits for the next one to write first."
    channel = plan.channels[full[0].channel].name
    depth = plan.labels.get(f"depth:{channel}", f"fifos.{channel}.depth")
    following = after[id(full[0])]
    reader, other = plan.actors[following.actor].name, plan.channels[following.channel].name
    if following.writes:
        return f"Raise {depth}: {reader!r} cannot free {channel!r} before it has written {other!r}."
    tokens = f"{following.lack} token{'s' if following.lack != 1 else ''}"
    return f"Raise {depth}: {reader!r} needs {tokens} from {other!r} before it frees {channel!r}."


def _time(plan: Plan, ticks: int) -> str:
    """An instant as people write it: in the plan's own unit of time if it names one, else in seconds."""
    if unit := plan.labels.get("time_unit"):
        return f"{ticks} {unit}"
    seconds = ticks * plan.tick
    unit, digits = next(((u, d) for u, d in _UNITS if seconds * 10**d >= 1), _UNITS[-1] if seconds else _UNITS[0])
    return f"{float(seconds * Fraction(10) ** digits):.6g} {unit}"
