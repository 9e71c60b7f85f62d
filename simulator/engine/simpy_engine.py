"""The reference engine: the rules of the Plan on SimPy, plain enough to be read in one sitting.

Every actor is a generator that waits for its firing's conditions one after the other. All of them are monotone
(tokens are only added to what one reader waits for, room only to what one writer waits for), so a condition that was
met once stays met and none is looked at twice. SimPy keeps time: its queue orders events by (tick, priority), and the
rules' steps within an instant are priorities: (a) NORMAL, (a') DECIDE, (b) GRANT, (c) SHARE. An event is made only when
somebody must wait for time; an actor that waits for another one leaves its ``resume`` at the channel and is put on the
clock's list of woken ones when its turn has come.

``stage`` is the plain pipeline stage, written out for speed; :mod:`simulator.engine.simpy_actor` is everything else.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from functools import partial
from itertools import repeat
from typing import Any

import numpy as np
from simpy.events import NORMAL

from simulator.deadlock import can_move, deadlock_error
from simulator.engine.choice import contended_resources, is_stage
from simulator.engine.simpy_actor import World
from simulator.engine.simpy_clock import STOP, Alarm, Clock, Record, Stopped, TokenQueue, rises, values
from simulator.plan import Actor, Plan
from simulator.trace import Trace

Progress = Callable[[int, int, int], None]
_EVENTS_BETWEEN_PROGRESS = 20_000


def run_simpy(plan: Plan, *, until: int | None = None, progress: Progress | None = None) -> Trace:
    """Run a plan that ``check_plan`` has passed and return its Trace.

    ``until`` stops after that tick, ``progress(now, departed firings, all firings)`` is called now and then; an
    interrupt from the keyboard returns what has happened so far. Raises ``DeadlockError`` when nothing can move and
    firings remain.
    """
    clock, records = Clock(), [Record(actor.firings) for actor in plan.actors]
    _build(clock, plan, records)
    if until is not None:
        Alarm(clock, _stop).after(until, STOP)
    interrupted = False
    try:
        while clock.play(_EVENTS_BETWEEN_PROGRESS):
            if progress:
                progress(int(clock.now), sum(record.departed() for record in records), plan.firings)
    except Stopped:
        interrupted = can_move(plan, _trace(plan, records, int(clock.now)))
    except KeyboardInterrupt:
        interrupted = True
    trace = _trace(plan, records, int(clock.now))
    if not trace.complete and not interrupted:
        raise deadlock_error(plan, trace)
    if progress and trace.complete:
        progress(trace.now, trace.firings, plan.firings)
    return trace


def _build(clock: Clock, plan: Plan, records: list[Record]) -> None:
    """Bring every actor to its first wait."""
    channels = [TokenQueue(clock, channel) for channel in plan.channels]
    contended = contended_resources(plan)
    world = World(clock, plan, channels, contended)
    plain = not any(actor.drop for actor in plan.actors)
    processes = [
        stage(clock, plan, actor, record, channels)
        if plain and is_stage(actor, contended)
        else world.process(index, record)
        for index, (actor, record) in enumerate(zip(plan.actors, records, strict=True))
    ]
    for process in processes:
        next(process)
        process.send(process.send)


def _stop(_: object) -> None:
    raise Stopped


def _trace(plan: Plan, records: list[Record], now: int) -> Trace:
    """The records as arrays."""
    start, served, end = (
        (
            tuple(np.array(column, dtype=np.int64) for column in columns)
            for columns in zip(*((r.start, r.served, r.end) for r in records), strict=True)
        )
        if records
        else ((), (), ())
    )
    void = tuple(np.frombuffer(bytes(r.void), dtype=np.bool_).copy() for r in records)
    complete = all(record.departed() == actor.firings for record, actor in zip(records, plan.actors, strict=True))
    last = max((int(column[-1]) for column in end if column.size), default=0)
    return Trace(start, served, end, void, last if complete else now, complete, "simpy")


def _source(clock: Clock, plan: Plan, actor: Actor, channels: list[TokenQueue]) -> tuple[TokenQueue, bool]:
    """The channel that a stage reads, and whether it gives back at its start; one of its own if there is none."""
    for port in actor.inputs:
        return channels[port.channel], plan.discipline_of(port.channel).releases_at_start
    return TokenQueue(clock), True


def _sink(clock: Clock, plan: Plan, actor: Actor, channels: list[TokenQueue]) -> tuple[TokenQueue, bool]:
    """The channel that a stage writes, and whether it claims at its start; one of its own if there is none."""
    for out in actor.outputs:
        return channels[out.channel], plan.discipline_of(out.channel).claims_at_start
    return TokenQueue(clock), True


def _firings(actor: Actor) -> Iterator[tuple[int, ...]]:
    """Number, release, compute, latency, need, free and put of each firing of a stage."""
    needs: Iterator[int] = repeat(0)
    frees = puts = needs
    for port in actor.inputs:
        needs, frees = values(port.need), rises(port.free)
    for out in actor.outputs:
        puts = values(out.put)
    times = (values(actor.release), values(actor.compute), values(actor.latency))
    return zip(range(actor.firings), *times, needs, frees, puts, strict=False)


def stage(
    clock: Clock, plan: Plan, actor: Actor, record: Record, channels: list[TokenQueue]
) -> Generator[None, Any, None]:
    """An actor that fires once at a time, reads and writes at most one channel and shares nothing with others."""
    resume = yield
    woken, schedule, alarm = clock.woken.append, clock.schedule, Alarm(clock, resume)
    ring = alarm.ring
    source, releases_at_start = _source(clock, plan, actor, channels)
    sink, claims_at_start = _sink(clock, plan, actor, channels)
    start, served, end = record.start, record.served, record.end
    arrived = 0
    for k, release, compute, latency, need, free, put in _firings(actor):
        if release > clock._now:
            alarm.after(release - clock._now)
            yield
        if source.readable < need:
            source.wanted, source.reader = need, resume
            yield
        if claims_at_start:
            if sink.room < put:
                sink.asked, sink.writer = put, resume
                yield
            sink.room -= put
        start[k] = clock._now
        if releases_at_start:
            source.room += free
            if source.writer is not None and source.room >= source.asked:
                woken(source.writer)
                source.writer = None
        if compute:
            alarm.callbacks = ring
            schedule(alarm, NORMAL, compute)
            yield
        served[k] = clock._now
        if not claims_at_start:
            if sink.room < put:
                sink.asked, sink.writer = put, resume
                yield
            sink.room -= put
        end[k] = clock._now
        if latency or arrived > clock._now:
            arrived = max(arrived, clock._now + latency)
            Alarm(clock, partial(sink.arrive_later, put)).after(arrived - clock._now)
        else:
            sink.readable += put
            if sink.reader is not None and sink.readable >= sink.wanted:
                woken(sink.reader)
                sink.reader = None
        if not releases_at_start:
            source.room += free
            if source.writer is not None and source.room >= source.asked:
                woken(source.writer)
                source.writer = None
    yield  # for ever
