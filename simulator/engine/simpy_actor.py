"""Any actor on SimPy: several channels, latency, concurrency, gangs, shared servers, lossy sources.

``World`` holds what actors share and settles, when the rest of an instant is quiet, what needs an overview: which lossy
source is decided and who is granted a contended resource.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from functools import partial
from itertools import repeat
from typing import Any

from simulator.engine.simpy_clock import DECIDE, GRANT, Alarm, Clock, Record, Resume, TokenQueue, values
from simulator.engine.simpy_sharing import SharedServer, Turn, Waiting
from simulator.plan import Plan, Series

Counts = tuple[int, ...]


class World:
    """Channels, contended resources, servers and the frames that have become void."""

    def __init__(self, clock: Clock, plan: Plan, channels: list[TokenQueue], contended: set[int]) -> None:
        self.clock, self.plan, self.channels = clock, plan, channels
        self.queues = {i: Waiting(plan.resources[i].slots) for i in sorted(contended)}
        self.servers = [SharedServer(clock, server) for server in plan.servers]
        self.void = bytearray(plan.frames if any(actor.drop for actor in plan.actors) else 0)
        self.actors: list[RunningActor] = []
        self.pending: list[RunningActor] = []
        self.offered: dict[Waiting, None] = {}
        self.decisions = Turn(clock, DECIDE, self._decide)
        self.grants = Turn(clock, GRANT, self._grant)

    def process(self, index: int, record: Record) -> Generator[None, Any, None]:
        """The process of an actor."""
        self.actors.append(RunningActor(self, index, record))
        return self.actors[-1].process()

    def is_void(self, frames: tuple[int, int]) -> bool:
        """Whether all the frames from the first to the last are void."""
        return bool(self.void) and all(self.void[frames[0] : frames[1] + 1])

    def decide_later(self, actor: RunningActor) -> None:
        """A lossy source could start if there is room: decide when nothing else changes any more."""
        self.pending.append(actor)
        self.decisions.ask()

    def _decide(self) -> None:
        """Step (a'): each pending source once, in actor order; only a start takes effect before the next is decided."""
        pending, self.pending = sorted(self.pending, key=lambda actor: actor.index), []
        for actor in pending:
            if not self.is_void(actor.frames) and not actor.has_room():
                self._drop(actor.frames)
            if self.is_void(actor.frames):
                self.clock.woken.append(actor.resume)
            else:
                actor.resume(None)

    def _drop(self, frames: tuple[int, int]) -> None:
        """Make frames void, and call those back that wait for room or a grant only to serve them."""
        first, last = frames
        self.void[first : last + 1] = b"\1" * (last + 1 - first)
        for actor in self.actors:
            if actor.waits_at is not None and self.is_void(actor.frames) and actor.stop_waiting():
                self.clock.woken.append(actor.resume)

    def offer(self, queue: Waiting) -> None:
        """A contended resource has a new contender, or slots to give."""
        self.offered[queue] = None
        self.grants.ask()

    def _grant(self) -> None:
        """Step (b): of the heads that fit the first one goes; a head that does not fit lets nobody pass."""
        heads = [(head, queue) for queue in self.offered if (head := queue.fitting_head())]
        self.offered = {queue: None for _, queue in heads}
        if heads:
            self.grants.ask()
            _, queue = min(heads, key=lambda one: one[0])
            queue.take().resume(None)


class _Firing:
    """One firing: its values, and how many of its parts (compute time, flows) are still open."""

    __slots__ = ("actor", "compute", "frames", "frees", "k", "latency", "needs", "open", "puts", "release", "works")

    def __init__(
        self, actor: RunningActor, k: int, release: int, compute: int, latency: int, frames: tuple[int, int],
        needs: Counts, frees: Counts, puts: Counts, works: Counts,
    ) -> None:  # fmt: skip
        self.actor, self.k, self.release, self.compute, self.latency = actor, k, release, compute, latency
        self.frames, self.needs, self.frees, self.puts, self.works = frames, needs, frees, puts, works
        self.open = 1

    def part_done(self, _: object) -> None:
        """The compute time has passed, or a flow is through."""
        self.open -= 1
        if not self.open:
            self.actor.serve(self)


class RunningActor:
    """An actor in the course of a run: starts in order, serves up to ``concurrency`` firings, departs in order."""

    def __init__(self, world: World, index: int, record: Record) -> None:
        plan = world.plan
        self.world, self.clock, self.index, self.record = world, world.clock, index, record
        self.own = own = plan.actors[index]
        self.slots, self.queue = own.slots, world.queues.get(-1 if own.resource is None else own.resource)
        self.inputs = [world.channels[port.channel] for port in own.inputs]
        self.outputs = [world.channels[port.channel] for port in own.outputs]
        self.early = [plan.discipline_of(port.channel).releases_at_start for port in own.inputs]
        self.claims = [plan.discipline_of(port.channel).claims_at_start for port in own.outputs]
        self.loops = [self.inputs.index(queue) if queue in self.inputs else None for queue in self.outputs]
        self.freed: Counts = (0,) * len(self.inputs)
        self.flight: deque[_Firing] = deque()
        self.departed = self.awaited = self.arrived = 0
        self.frames = (0, -1)
        self.waits_at: TokenQueue | Waiting | None = None
        self.resume: Resume

    def process(self) -> Generator[None, Any, None]:
        """Wait for each firing's conditions in turn, then start it, or let it pass if its frames are void."""
        self.resume = yield
        clock, alarm = self.clock, Alarm(self.clock, self.resume)
        for firing in self._firings():
            self.firing, self.frames = firing, firing.frames
            if self.departed + self.own.concurrency <= firing.k:
                self.awaited = firing.k - self.own.concurrency + 1
                yield
            if firing.release > clock.now:
                alarm.after(firing.release - int(clock.now))
                yield
            for queue, need in zip(self.inputs, firing.needs, strict=True):
                if queue.readable < need:
                    queue.wanted, queue.reader = need, self.resume
                    yield
            if self.own.drop and not self.world.is_void(self.frames):
                self.world.decide_later(self)
                yield
            yield from self._claim_and_grant()
            if self.world.is_void(self.frames):
                if self.flight:
                    self.awaited = firing.k
                    yield
                self._pass(firing)
            else:
                self._start(firing)
        yield  # for ever

    def _claim_and_grant(self) -> Generator[None, Any, None]:
        """Wait for room and for the resource, for as long as the frames are not void."""
        for position, queue in enumerate(self.outputs):
            while self.claims[position] and (lack := self._lack(position)) > 0 and not self.world.is_void(self.frames):
                queue.asked, queue.writer, self.waits_at = queue.room + lack, self.resume, queue
                yield
        if self.queue is not None and not self.world.is_void(self.frames):
            self.queue.join((self.own.priority, int(self.clock.now), self.index), self)
            self.world.offer(self.queue)
            self.waits_at = self.queue
            yield
        self.waits_at = None

    def _lack(self, position: int) -> int:
        """The room that an output lacks; tokens of a self-loop that this very firing will free count as given back."""
        queue, loop = self.outputs[position], self.loops[position]
        credit = 0 if loop is None else queue.occupying(self.freed[loop], self.firing.frees[loop])
        return self.firing.puts[position] - queue.room - credit

    def has_room(self) -> bool:
        """Whether all outputs have room for the next firing."""
        return all(self._lack(position) <= 0 for position in range(len(self.outputs)))

    def stop_waiting(self) -> bool:
        """Leave the line of a channel or a resource; False if it is this actor's turn already."""
        if isinstance(self.waits_at, Waiting):
            self.waits_at.withdraw(self)
            self.world.offer(self.waits_at)
        elif self.waits_at is not None:
            if self.waits_at.writer is None:
                return False
            self.waits_at.writer = None
        return True

    def _start(self, firing: _Firing) -> None:
        """Claim room, give back what is released at the start, begin to compute and to push."""
        self.record.start[firing.k] = int(self.clock.now)
        self.flight.append(firing)
        self._claim(firing, at_start=True)
        self._give_back(firing, early=True)
        self.freed = firing.frees
        for position, (flow, work) in enumerate(zip(self.own.flows, firing.works, strict=True)):
            if work:
                firing.open += 1
                server = self.world.servers[flow.server]
                server.join((self.index, firing.k, position), work, flow.cap, firing.part_done)
        if firing.compute:
            Alarm(self.clock, firing.part_done).after(firing.compute)
        else:
            self.clock.woken.append(firing.part_done)

    def serve(self, firing: _Firing) -> None:
        """The firing is served: its slots are free, whether or not it can depart."""
        self.record.served[firing.k] = int(self.clock.now)
        if self.queue is not None:
            self.queue.left += self.slots
            self.world.offer(self.queue)
        if self.flight[0] is firing:
            self._depart(None)

    def _depart(self, _: object) -> None:
        """Let served firings go, in order, as far as the outputs that block after service have room."""
        while self.flight and not self.flight[0].open:
            firing = self.flight[0]
            for queue, put, early in zip(self.outputs, firing.puts, self.claims, strict=True):
                if not early and queue.room < put:
                    queue.asked, queue.writer = put, self._depart
                    return
            self.flight.popleft()
            self._claim(firing, at_start=False)
            self._leave(firing, firing.latency, void=False)
            self._give_back(firing, early=False)
            if self.awaited and self.departed >= self.awaited:
                self.awaited = 0
                self.clock.woken.append(self.resume)

    def _pass(self, firing: _Firing) -> None:
        """A firing of void frames: no time, no resource, no room."""
        self.record.start[firing.k] = self.record.served[firing.k] = int(self.clock.now)
        self.record.void[firing.k] = True
        self._give_back(firing, early=True)
        self._leave(firing, 0, void=True)
        self._give_back(firing, early=False)
        self.freed = firing.frees

    def _claim(self, firing: _Firing, *, at_start: bool) -> None:
        for queue, put, early in zip(self.outputs, firing.puts, self.claims, strict=True):
            if early is at_start:
                queue.room -= put

    def _give_back(self, firing: _Firing, *, early: bool) -> None:
        for queue, total, at_start in zip(self.inputs, firing.frees, self.early, strict=True):
            if at_start is early:
                queue.give_back(total)

    def _leave(self, firing: _Firing, latency: int, *, void: bool) -> None:
        """Depart: write the outputs, which are readable after the latency, never before those of an earlier firing."""
        now = int(self.clock.now)
        self.record.end[firing.k] = now
        self.departed += 1
        for queue, put in zip(self.outputs, firing.puts, strict=True):
            queue.write(put, void)
        self.arrived = max(self.arrived, now + latency)
        if self.arrived == now:
            self._arrive(firing.puts, None)
        else:
            Alarm(self.clock, partial(self._arrive, firing.puts)).after(self.arrived - now)

    def _arrive(self, puts: Counts, _: object) -> None:
        for queue, put in zip(self.outputs, puts, strict=True):
            queue.arrive(put)

    def _firings(self) -> Iterator[_Firing]:
        """The actor's firings with their values."""
        own = self.own
        columns = zip(
            values(own.release), values(own.compute), values(own.latency),
            zip(values(own.first_frame), values(own.last_frame), strict=False),
            _side_by_side([port.need for port in own.inputs]), _side_by_side([port.free for port in own.inputs]),
            _side_by_side([port.put for port in own.outputs]), _side_by_side([flow.work for flow in own.flows]),
            strict=False,
        )  # fmt: skip
        return (_Firing(self, k, *row) for k, row in zip(range(own.firings), columns, strict=False))


def _side_by_side(several: Sequence[Series]) -> Iterator[Counts]:
    """The values of several series, a tuple a firing."""
    return zip(*map(values, several), strict=False) if several else repeat(())
