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
            queue = heads[0][1] if len(heads) == 1 else min(heads, key=lambda one: one[0])[1]
            actor = queue.take()
            if not queue.fitting_head():
                del self.offered[queue]
            if self.offered:
                self.grants.ask()
            actor.resume(None)


class _Firing:
    """One firing: its values, and how many of its parts (compute time, flows) are still open."""

    __slots__ = ("compute", "frames", "frees", "k", "latency", "needs", "open", "puts", "release", "works")

    def __init__(
        self, k: int, release: int, compute: int, latency: int, frames: tuple[int, int],
        needs: Counts, frees: Counts, puts: Counts, works: Counts,
    ) -> None:  # fmt: skip
        self.k, self.release, self.compute, self.latency, self.frames = k, release, compute, latency, frames
        self.needs, self.frees, self.puts, self.works = needs, frees, puts, works
        self.open = 1


class RunningActor:
    """An actor in the course of a run: starts in order, serves up to ``concurrency`` firings, departs in order."""

    def __init__(self, world: World, index: int, record: Record) -> None:
        plan, own = world.plan, world.plan.actors[index]
        self.world, self.clock, self.index, self.record, self.own = world, world.clock, index, record, own
        self.slots, self.queue = own.slots, world.queues.get(-1 if own.resource is None else own.resource)
        self.inputs = [world.channels[port.channel] for port in own.inputs]
        self.outputs = [world.channels[port.channel] for port in own.outputs]
        early = [plan.discipline_of(port.channel).releases_at_start for port in own.inputs]
        claims = [plan.discipline_of(port.channel).claims_at_start for port in own.outputs]
        # Ports as (position, channel), by whether they claim or give back at the start or at the end.
        self.claims_early = [(i, queue) for i, queue in enumerate(self.outputs) if claims[i]]
        self.claims_late = [(i, queue) for i, queue in enumerate(self.outputs) if not claims[i]]
        self.gives_early = [(i, queue) for i, queue in enumerate(self.inputs) if early[i]]
        self.gives_late = [(i, queue) for i, queue in enumerate(self.inputs) if not early[i]]
        self.loops = {i: self.inputs.index(queue) for i, queue in enumerate(self.outputs) if queue in self.inputs}
        self.freed: Counts = (0,) * len(self.inputs)
        self.flight: deque[_Firing] = deque()
        self.departed = self.awaited = self.arrived = 0
        self.frames = (0, -1)
        self.waits_at: TokenQueue | Waiting | None = None
        self.resume: Resume

    def process(self) -> Generator[None, Any, None]:
        """Wait for each firing's conditions in turn, then serve it, or let it pass if its frames are void."""
        self.resume = yield
        self.alarm = Alarm(self.clock, self.resume)
        overlaps = min(self.own.concurrency, self.own.firings) > 1
        for firing in self._firings():
            self.firing, self.frames = firing, firing.frames
            yield from self._startable(firing)
            if self.world.void and self.world.is_void(firing.frames):
                if self.flight:
                    self.awaited = firing.k
                    yield
                self._pass(firing)
            elif overlaps:
                self._start(firing)
            else:
                yield from self._serve(firing)
        yield  # for ever

    def _startable(self, firing: _Firing) -> Generator[None, None, None]:
        """Wait until a firing may start, or its frames are void."""
        clock, world, resume, concurrency = self.clock, self.world, self.resume, self.own.concurrency
        if self.departed + concurrency <= firing.k:
            self.awaited = firing.k - concurrency + 1
            yield
        if firing.release > clock._now:
            self.alarm.after(firing.release - clock._now)
            yield
        for queue, need in zip(self.inputs, firing.needs, strict=False):
            if queue.readable < need:
                queue.wanted, queue.reader = need, resume
                yield
        if self.own.drop and not world.is_void(firing.frames):
            world.decide_later(self)
            yield
        for position, queue in self.claims_early:
            while (lack := self._lack(position)) > 0 and not world.is_void(firing.frames):
                queue.asked, queue.writer, self.waits_at = queue.room + lack, resume, queue
                yield
        if self.queue is not None and not world.is_void(firing.frames):
            self.queue.join((self.own.priority, clock._now, self.index), self)
            world.offer(self.queue)
            self.waits_at = self.queue
            yield
        self.waits_at = None

    def _serve(self, firing: _Firing) -> Generator[None, None, None]:
        """A firing from its start to its departure, where no other is under way: to wait is quicker than callbacks."""
        self._begin(firing, self._flow_through)
        if firing.compute:
            self.alarm.after(firing.compute)
        else:
            self.clock.woken.append(self.resume)
        yield
        firing.open -= 1
        if firing.open:
            yield  # until the last flow is through
        self._served(firing)
        for position, queue in self.claims_late:
            if queue.room < firing.puts[position]:
                queue.asked, queue.writer = firing.puts[position], self.resume
                yield
        self._go(firing)

    def _flow_through(self, _: object) -> None:
        """A flow of the only firing under way is through."""
        self.firing.open -= 1
        if not self.firing.open:
            self.clock.woken.append(self.resume)

    def _lack(self, position: int) -> int:
        """The room that an output lacks; tokens of a self-loop that this very firing will free count as given back."""
        queue, firing = self.outputs[position], self.firing
        lack = firing.puts[position] - queue.room
        if position in self.loops:
            loop = self.loops[position]
            lack -= queue.occupying(self.freed[loop], firing.frees[loop])
        return lack

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
        self.waits_at = None  # a second source that drops at this instant must not call it back again
        return True

    def _begin(self, firing: _Firing, flow_done: Resume) -> None:
        """Claim room, give back what is released at the start, and begin to push."""
        self.record.start[firing.k] = self.clock._now
        for position, queue in self.claims_early:
            queue.room -= firing.puts[position]
        for position, queue in self.gives_early:
            queue.give_back(firing.frees[position])
        self.freed = firing.frees
        for position, work in enumerate(firing.works):
            if work:
                firing.open += 1
                flow = self.own.flows[position]
                self.world.servers[flow.server].join((self.index, firing.k, position), work, flow.cap, flow_done)

    def _start(self, firing: _Firing) -> None:
        """Start a firing beside others that are under way."""
        self.flight.append(firing)
        part_done = partial(self._part_done, firing)
        self._begin(firing, part_done)
        if firing.compute:
            Alarm(self.clock, part_done).after(firing.compute)
        else:
            self.clock.woken.append(part_done)

    def _part_done(self, firing: _Firing, _: object) -> None:
        """The compute time has passed, or a flow is through; after the last part the slots are free."""
        firing.open -= 1
        if firing.open:
            return
        self._served(firing)
        if self.flight[0] is firing:
            self._depart(None)

    def _served(self, firing: _Firing) -> None:
        """Give the slots back."""
        self.record.served[firing.k] = self.clock._now
        if self.queue is not None:
            self.queue.left += self.slots
            if self.queue.line:
                self.world.offer(self.queue)

    def _depart(self, _: object) -> None:
        """Let served firings go, in order, as far as the outputs that block after service have room."""
        while self.flight and not self.flight[0].open:
            firing = self.flight[0]
            for position, queue in self.claims_late:
                if queue.room < firing.puts[position]:
                    queue.asked, queue.writer = firing.puts[position], self._depart
                    return
            self.flight.popleft()
            self._go(firing)
            if self.awaited and self.departed >= self.awaited:
                self.awaited = 0
                self.clock.woken.append(self.resume)

    def _go(self, firing: _Firing) -> None:
        """Depart: claim what is claimed only now, write, and give back what is released at the end."""
        for position, queue in self.claims_late:
            queue.room -= firing.puts[position]
        self._leave(firing, firing.latency, void=False)
        for position, queue in self.gives_late:
            queue.give_back(firing.frees[position])

    def _pass(self, firing: _Firing) -> None:
        """A firing of void frames: no time, no resource, no room."""
        self.record.start[firing.k] = self.record.served[firing.k] = self.clock._now
        self.record.void[firing.k] = True
        self._leave(firing, 0, void=True)
        for position, queue in (*self.gives_early, *self.gives_late):
            queue.give_back(firing.frees[position])
        self.freed = firing.frees

    def _leave(self, firing: _Firing, latency: int, *, void: bool) -> None:
        """Depart: write the outputs, which are readable after the latency, never before those of an earlier firing."""
        now = self.clock._now
        self.record.end[firing.k] = now
        self.departed += 1
        if self.world.void:
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
        return map(
            _Firing,
            range(own.firings), values(own.release), values(own.compute), values(own.latency),
            zip(values(own.first_frame), values(own.last_frame), strict=False),
            _side_by_side([port.need for port in own.inputs]), _side_by_side([port.free for port in own.inputs]),
            _side_by_side([port.put for port in own.outputs]), _side_by_side([flow.work for flow in own.flows]),
        )  # fmt: skip


def _side_by_side(several: Sequence[Series]) -> Iterator[Counts]:
    """The values of several series, a tuple a firing."""
    return zip(*map(values, several), strict=False) if several else repeat(())
