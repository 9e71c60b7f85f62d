"""Parts of a plan while it is being built: actors and channels by name, frozen at the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from simulator.lowered import ActorNote, ChannelNote, ResourceNote
from simulator.lowering.counts import Firings, puts, takes
from simulator.lowering.timebase import TimeBase
from simulator.plan import Actor, Channel, Discipline, Flow, Input, Output, Plan, Resource, Server
from simulator.series import Ints, Series


@dataclass(slots=True)
class ActorDraft:
    """An actor to be; ``written`` is its cumulative output in elements after each piece of a frame."""

    name: str
    resource: int | None
    firings: Firings
    compute: Series
    written: Ints
    note: ActorNote
    release: Series | None = None
    latency: int = 0
    slots: int = 1
    priority: int = 0
    concurrency: int = 1
    drop: bool = False
    flows: list[Flow] = field(default_factory=list)
    inputs: list[Input] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)

    @property
    def token_edges(self) -> Ints:
        """Cumulative elements at the end of each token of a frame: a firing that writes nothing makes no token."""
        return self.written[np.diff(self.written, prepend=0) > 0]

    def freeze(self) -> Actor:
        """The finished actor."""
        return Actor(
            name=self.name,
            resource=self.resource,
            release=self.release or Series.constant(0, self.firings.count),
            compute=self.compute,
            latency=Series.constant(self.latency, self.firings.count),
            first_frame=self.firings.first_frame(),
            last_frame=self.firings.last_frame(),
            inputs=tuple(self.inputs),
            outputs=tuple(self.outputs),
            flows=tuple(self.flows),
            slots=self.slots,
            priority=self.priority,
            concurrency=self.concurrency,
            drop=self.drop,
        )


class PlanDraft:
    """Collects the parts of a plan and the notes beside them."""

    def __init__(self, base: TimeBase) -> None:
        self.base = base
        self.actors: list[ActorDraft] = []
        self.channels: list[Channel] = []
        self.channel_notes: list[ChannelNote] = []
        self.resources: list[Resource] = []
        self.resource_notes: list[ResourceNote] = []
        self.servers: list[Server] = []
        self._resource_index: dict[str, int] = {}
        self._server_index: dict[str, int] = {}

    def resource(self, name: str, slots: int, element: str | None) -> int:
        """Index of the resource called ``name``, made at first use."""
        if name not in self._resource_index:
            self._resource_index[name] = len(self.resources)
            self.resources.append(Resource(name, slots))
            self.resource_notes.append(ResourceNote(element))
        return self._resource_index[name]

    def server(self, name: str, rate: int) -> int:
        """Index of the server called ``name``, made at first use."""
        if name not in self._server_index:
            self._server_index[name] = len(self.servers)
            self.servers.append(Server(name, (0,), (rate,)))
        return self._server_index[name]

    def connect(
        self,
        producer: ActorDraft,
        consumer: ActorDraft,
        need: Ints,
        free: Ints,
        *,
        capacity: int | None,
        note: ChannelNote,
        token_bytes: float,
        memory: str | None,
        discipline: Discipline | None,
        initial: int = 0,
    ) -> None:
        """A channel from producer to consumer; ``need`` and ``free`` are in tokens, one a piece of the consumer."""
        index = len(self.channels)
        tokens = producer.token_edges.size
        name = f"{producer.name}->{consumer.name}"
        taken = sum(1 for channel in self.channels if channel.name == name or channel.name.startswith(f"{name}#"))
        self.channels.append(
            Channel(f"{name}#{taken + 1}" if taken else name, capacity, initial, token_bytes, memory, discipline)
        )
        self.channel_notes.append(note)
        makes_token = (np.diff(producer.written, prepend=0) > 0).astype(np.int64)
        writer, reader = producer.firings, consumer.firings
        producer.outputs.append(Output(index, puts(writer, reader, makes_token)))
        consumer.inputs.append(Input(index, takes(reader, writer, need, tokens), takes(reader, writer, free, tokens)))

    def feed_back(self, last: ActorDraft, first: ActorDraft, note: ChannelNote, token_bytes: float) -> None:
        """State that the last actor of a layer hands to the first for the next frame: one token, there from the
        start.

        So frame n + 1 cannot start before frame n is done, and a recurrent layer's throughput is one over its
        latency.
        """
        self._one_a_frame(last, first, Channel(f"{last.name}~>{first.name}", 1, 1, token_bytes, None, None), note)

    def signal(self, decides: ActorDraft, waits: ActorDraft, note: ChannelNote, *, capacity: int | None = None) -> None:
        """A token without bytes a frame that both do: the second starts it only when the first is done with it.

        With a ``capacity`` the first may be so many frames ahead of the second.
        """
        channel = Channel(f"{decides.name}=>{waits.name}", capacity, 0, 0.0, None, None, signal=True)
        self._one_a_frame(decides, waits, channel, note)

    def _one_a_frame(self, producer: ActorDraft, consumer: ActorDraft, channel: Channel, note: ChannelNote) -> None:
        """A channel of one token a frame: the producer's last piece writes it, every piece of the consumer asks for it
        and the last one gives it back.
        """
        index = len(self.channels)
        self.channels.append(channel)
        self.channel_notes.append(note)
        writer, reader = producer.firings, consumer.firings
        producer.outputs.append(Output(index, puts(writer, reader, _last_of(writer.pieces))))
        asked = np.ones(reader.pieces, dtype=np.int64)
        freed = takes(reader, writer, _last_of(reader.pieces), 1)
        consumer.inputs.append(Input(index, takes(reader, writer, asked, 1), freed))

    def freeze(self, discipline: Discipline, labels: Mapping[str, str]) -> Plan:
        """The finished plan."""
        return Plan(
            tick=self.base.tick,
            actors=tuple(actor.freeze() for actor in self.actors),
            channels=tuple(self.channels),
            resources=tuple(self.resources),
            servers=tuple(self.servers),
            discipline=discipline,
            labels=labels,
        )


def _last_of(pieces: int) -> Ints:
    """1 for the last piece of a frame, 0 for the others."""
    only = np.zeros(pieces, dtype=np.int64)
    only[-1] = 1
    return only
