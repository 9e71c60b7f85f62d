"""When the tokens of a channel are claimed, written, readable and given back, out of plan and trace.

The rules are those of ARCHITECTURE.md, "The rules of the Plan". Tokens of void firings take part in the counts that a
reader waits for, and in nothing else: they occupy no room and free none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulator.analysis.steps import Steps
from simulator.plan import Plan
from simulator.reached import increments
from simulator.series import Ints, Series
from simulator.trace import Trace

Bools = npt.NDArray[np.bool_]

_NOTHING = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Ends:
    """Who writes a channel and who reads it, and how much a firing; None where nobody does."""

    writer: int | None = None
    put: Series | None = None
    reader: int | None = None
    need: Series | None = None
    free: Series | None = None

    @property
    def is_self_loop(self) -> bool:
        """Whether one actor writes and reads it: a state."""
        return self.writer is not None and self.writer == self.reader


def channel_ends(plan: Plan) -> tuple[Ends, ...]:
    """Writer and reader of every channel, parallel to ``plan.channels``."""
    writers: dict[int, tuple[int, Series]] = {}
    readers: dict[int, tuple[int, Series, Series]] = {}
    for index, actor in enumerate(plan.actors):
        for output in actor.outputs:
            writers[output.channel] = (index, output.put)
        for entry in actor.inputs:
            readers[entry.channel] = (index, entry.need, entry.free)
    nobody_writes, nobody_reads = (None, None), (None, None, None)
    return tuple(Ends(*writers.get(c, nobody_writes), *readers.get(c, nobody_reads)) for c in range(len(plan.channels)))


def started(trace: Trace, actor: int) -> int:
    """How many firings of an actor have begun."""
    return _reached(trace.start[actor])


def departed(trace: Trace, actor: int) -> int:
    """How many firings of an actor have ended."""
    return _reached(trace.end[actor])


def void_of(trace: Trace, actor: int, count: int) -> Bools:
    """Which of the first ``count`` firings are void."""
    void = trace.void[actor][:count]
    return void if void.size == count else np.zeros(count, dtype=np.bool_)


def readable_times(plan: Plan, trace: Trace, actor: int) -> Ints:
    """When what each departed firing wrote can be read: its end plus its latency, running maximum."""
    count, latency = departed(trace, actor), plan.actors[actor].latency
    void = void_of(trace, actor, count)
    if latency.maximum() == 0:
        return trace.end[actor][:count]
    if latency.period == 1 and latency.step == 0 and not void.any():
        return trace.end[actor][:count] + int(latency.pattern[0])
    found: Ints = np.maximum.accumulate(trace.end[actor][:count] + np.where(void, 0, latency.array(0, count)))
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Writes:
    """What the departed firings of a channel's writer have put: cumulative counts with the initial tokens in front.

    ``total`` counts every token, ``real`` those that are not void; ``readable`` is the tick from which they can be
    read.
    """

    initial: int
    total: Ints
    real: Ints
    readable: Ints

    def real_among(self, tokens: Ints) -> Ints:
        """How many of the channel's first ``tokens[i]`` tokens are not void."""
        beyond = np.minimum(tokens, int(self.total[-1]) if self.total.size else self.initial)
        firing = np.searchsorted(self.total, beyond, side="left")
        total_before = np.concatenate(([self.initial], self.total))[firing]
        real_before = np.concatenate(([self.initial], self.real))
        grows = np.append(np.diff(real_before), 0)[firing] > 0
        early = beyond <= self.initial
        found: Ints = np.where(early, beyond, real_before[firing] + (beyond - total_before) * grows)
        return found


def writes(plan: Plan, trace: Trace, channel: int, ends: Ends) -> Writes:
    """What has been written to a channel."""
    initial = plan.channels[channel].initial
    if ends.writer is None or ends.put is None:
        return Writes(initial, _NOTHING, _NOTHING, _NOTHING)
    count = departed(trace, ends.writer)
    put = ends.put.array(0, count)
    total = np.cumsum(put)
    total += initial
    void = void_of(trace, ends.writer, count)
    real = initial + np.cumsum(np.where(void, 0, put)) if void.any() else total
    return Writes(initial, total, real, readable_times(plan, trace, ends.writer))


def claims(plan: Plan, trace: Trace, channel: int, ends: Ends) -> tuple[Ints, Ints]:
    """Ticks and tokens of every claim of room: at starts, or at departures under blocking after service."""
    if ends.writer is None or ends.put is None:
        return _NOTHING, _NOTHING
    at_start = plan.discipline_of(channel).claims_at_start
    count = started(trace, ends.writer) if at_start else departed(trace, ends.writer)
    times = (trace.start if at_start else trace.end)[ends.writer][:count]
    put, void = ends.put.array(0, count), void_of(trace, ends.writer, count)
    return times, np.where(void, 0, put) if void.any() else put


def times_at(times: Ints, firings: Series, count: int, never: int) -> Ints:
    """The times of ``count`` rising firings; 0 in front of the first one there is, ``never`` beyond the last."""
    if firings.period == 1 and firings.step == 1:
        first = int(firings.pattern[0])
        lead = min(max(0, -first), count)
        there = times[max(first, 0) : max(first + count, 0)]
        rest = np.full(count - lead - there.size, never, dtype=np.int64)
        return np.concatenate((np.zeros(lead, dtype=np.int64), there, rest))
    index = firings.array(0, count)
    found = times.take(index, mode="clip") if times.size else np.empty(count, dtype=np.int64)
    found[: np.searchsorted(index, 0)] = 0
    found[np.searchsorted(index, times.size) :] = never
    return found


def give_times(plan: Plan, trace: Trace, channel: int, ends: Ends, at_start: bool | None = None) -> Ints:
    """When each firing of the reader that has got that far gave tokens back: at its start, or at its departure."""
    if ends.reader is None:
        return _NOTHING
    if at_start is None:
        at_start = plan.discipline_of(channel).releases_at_start
    count = started(trace, ends.reader) if at_start else departed(trace, ends.reader)
    return (trace.start if at_start else trace.end)[ends.reader][:count]


def given_back(plan: Plan, trace: Trace, channel: int, ends: Ends, at_start: bool | None = None) -> tuple[Ints, Ints]:
    """Ticks, and real tokens given back in total, after each firing of the reader that has got that far."""
    times = give_times(plan, trace, channel, ends, at_start)
    if ends.free is None:
        return _NOTHING, _NOTHING
    freed = ends.free.array(0, times.size)
    if ends.writer is None or not trace.void[ends.writer].any():
        return times, freed
    return times, writes(plan, trace, channel, ends).real_among(freed)


def occupied(plan: Plan, trace: Trace, channel: int, ends: Ends) -> Steps:
    """The room of a channel that is taken, in tokens, over time.

    A state that its own actor rewrites never holds the old and the new value side by side: its old tokens leave at the
    claim.
    """
    own = ends.is_self_loop and plan.discipline_of(channel).claims_at_start
    losses = _given(plan, trace, channel, ends, at_start=True if own else None)
    return Steps.merged(plan.channels[channel].initial, claims(plan, trace, channel, ends), losses, trace.now)


def filled(plan: Plan, trace: Trace, channel: int, ends: Ends) -> Steps:
    """The tokens of a channel that can be read and have not been given back, over time."""
    initial, losses = plan.channels[channel].initial, _given(plan, trace, channel, ends)
    if ends.writer is None or ends.put is None or trace.void[ends.writer].any():
        written = writes(plan, trace, channel, ends)
        gains = written.readable, np.diff(written.real, prepend=written.initial)
    else:
        readable = readable_times(plan, trace, ends.writer)
        gains = readable, ends.put.array(0, readable.size)
    return Steps.merged(initial, gains, losses, trace.now)


def _given(plan: Plan, trace: Trace, channel: int, ends: Ends, at_start: bool | None = None) -> tuple[Ints, Ints]:
    """Ticks, and real tokens given back then, of each firing of the reader that has got that far."""
    if ends.free is None or (ends.writer is not None and trace.void[ends.writer].any()):
        times, given = given_back(plan, trace, channel, ends, at_start)
        return times, np.diff(given, prepend=0)
    times = give_times(plan, trace, channel, ends, at_start)
    return times, increments(ends.free, times.size)


def _reached(times: Ints) -> int:
    """Length of the prefix that is not -1; firings start and depart in order."""
    return int(np.searchsorted(times < 0, True)) if times.size and times[-1] < 0 else int(times.size)
