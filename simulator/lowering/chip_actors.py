"""One run on one placed network as actors: cores, packets, synapses; see :mod:`simulator.lowering.chip`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simulator.elements.mesh import DIRECTIONS, OUTSIDE
from simulator.elements.neuromorphic import EventCost, Neuromorphic
from simulator.elements.placement import Placement
from simulator.elements.spike_traffic import Reach
from simulator.errors import MappingError
from simulator.lowered import ActorNote, Amounts, ChannelNote, Role
from simulator.lowering.chip_parts import BatchDraft, Sender, after, before, energy_of, with_energy
from simulator.lowering.copies import Port
from simulator.lowering.counts import Firings
from simulator.lowering.drafts import ActorDraft, PlanDraft
from simulator.plan import Channel, Flow, Input, Output
from simulator.series import Ints, Series
from workloads.spiking.simulation import SpikingRun


class Chip:
    """One run on one placed network, as actors."""

    def __init__(
        self,
        draft: PlanDraft,
        element: Neuromorphic,
        placement: Placement,
        run: SpikingRun,
        frames: int,
        waiting: int | None,
    ) -> None:
        self._draft, self._base, self._element = draft, draft.base, element
        self._placement, self._run, self._frames, self._waiting = placement, run, frames, waiting
        self._costs, self._mesh = element.costs, element.mesh
        self._slices = element.config.slices
        self._walks: dict[tuple[str, int], ActorDraft] = {}
        self._gates: dict[str, ActorDraft] = {}
        self._barrier: ActorDraft | None = None

    def build(self, entrances: dict[str, list[Port]], readouts: dict[str, ActorDraft]) -> None:
        """Add all actors, given by layer where spikes come from outside and the read-outs somebody needs."""
        network = self._placement.network
        if self._element.config.synchronisation == "barrier":
            self._barrier = self._add_barrier()
        senders: list[tuple[Sender, Ints]] = []
        for population in network.populations:
            reach = Reach(self._placement, population.name, self._slices)
            batches = reach.batches(self._run.spikes[population.name].step, self._run.spikes[population.name].index)
            if reach.on_chip:
                senders += self._add_walks(population.name, reach, batches)
            elif reach.destinations.size:
                port = self._entrance(population.name, entrances)
                senders.append((self._add_entry(population.name, port, batches), batches))
        for name, gate in self._gates.items():
            self._open(name, gate)
        for sender, batches in senders:
            self._order(sender)
            for destination in np.unique(batches[2]).tolist():
                self._add_batches(sender, batches[:, batches[2] == destination], destination)
        if self._barrier is not None:
            self._close_barrier([sender for sender, _ in senders])
        self._read_out(readouts)

    def _add_barrier(self) -> ActorDraft:
        tiles = np.unique(self._mesh.tile(self._placement.used_cores())).size
        ticks = round(self._costs.barrier_time(tiles) / float(self._base.tick))
        barrier = self._actor(
            "barrier", None, Firings(1, self._frames), Series.constant(ticks, self._frames), None, "barrier"
        )
        barrier.release = self._beginnings(1)
        return barrier

    def _add_walks(self, name: str, reach: Reach, batches: Ints) -> list[tuple[Sender, Ints]]:
        """One actor a core of the layer, ``slices`` firings a step; with the batches each of them sends."""
        slices, frames, costs = self._slices, self._frames, self._element.config.costs
        parts = self._placement.cores * slices
        spikes = self._run.spikes[name]
        fired = np.bincount(spikes.step * parts + reach.part_of[spikes.index], minlength=frames * parts)
        fired = fired.reshape(frames, parts)
        mask = self._run.masks.get(name)
        updated = fired if mask is None else reach.by_part(mask, parts)
        sent = np.bincount(batches[0] * parts + batches[1], batches[3], minlength=frames * parts).reshape(frames, parts)
        mapped = np.broadcast_to(np.bincount(reach.part_of, minlength=parts), (frames, parts))
        found: list[tuple[Sender, Ints]] = []
        for core in np.unique(reach.part_of // slices).tolist():
            own = slice(core * slices, (core + 1) * slices)
            counts = [a[:, own].ravel().astype(np.float64) for a in (mapped, updated, fired, sent)]
            events = (costs.neuron_access, costs.neuron_update, costs.spike_out, costs.packet_out)
            causes = ("neuron_access", "neuron_update", "spike_out", "packet_out")
            actor = self._actor(
                f"{name}@{core}",
                self._resource(f"core {core} soma"),
                Firings(slices, frames),
                self._ticks(counts, events),
                name,
                f"core {core}",
                energy_of(causes, counts, events),
            )
            actor.release = self._beginnings(slices)
            self._walks[name, core] = actor
            mine = batches[:, batches[1] // slices == core]
            found.append((Sender(name, core, actor, slices), np.vstack((mine[:1], mine[1:2] % slices, mine[2:]))))
        return found

    def _beginnings(self, firings: int) -> Series | None:
        """When the steps begin at the earliest, for an actor of so many firings a step; None without a tick."""
        if self._element.config.tick is None:
            return None
        step = self._base.from_seconds(self._element.config.tick)
        return Series.periodic(np.zeros(firings, dtype=np.int64), self._frames * firings, step)

    def _entrance(self, name: str, entrances: dict[str, list[Port]]) -> Port:
        """The port through which a population outside sends its spikes: that of its first reader on the chip."""
        network = self._placement.network
        for projection in self._placement.projections(name):
            external = [p.source for p in network.into(projection.target) if not self._placement.holds(p.source)]
            ports = entrances.get(projection.target, [])
            if name in external and external.index(name) < len(ports):
                return ports[external.index(name)]
        raise MappingError(
            f"element '{self._element.name}': the spikes of '{name}' reach it through no layer outside the chip;"
            " put a pool on the chip together with the layer that reads it"
        )

    def _add_entry(self, name: str, port: Port, batches: Ints) -> Sender:
        """The actor that hands a population's spikes to the mesh, a firing a step, behind a gate that takes frames."""
        packets = np.bincount(batches[0], batches[3], minlength=self._frames)
        cost = self._element.config.costs.entry
        counts = [packets.astype(np.float64)]
        actor = self._actor(
            f"{name}@entry",
            self._resource("entry"),
            Firings(1, self._frames),
            self._ticks(counts, [cost]),
            name,
            "entry",
            energy_of(("entry",), counts, [cost]),
        )
        gate = self._actor(
            f"{name}@gate", None, Firings(1, self._frames), Series.constant(0, self._frames), name, "gate"
        )
        self._gates[name] = gate
        tokens = np.array([port.actor.token_edges.size], dtype=np.int64)
        self._draft.connect(
            port.actor,
            gate,
            tokens,
            tokens,
            capacity=self._waiting if port.element is None else 2 * int(tokens[0]),
            note=ChannelNote(port.layer, name, "buffer"),
            token_bytes=port.frame_bytes / int(tokens[0]),
            memory=port.memory,
            discipline=None,
        )
        each = Series.constant(1, self._frames)
        self._channel(gate, each, actor, Series.counting(self._frames), name, name, self._ahead)
        batches[1] = 0
        return Sender(name, OUTSIDE, actor, 1)

    def _add_batches(self, sender: Sender, batches: Ints, destination: int) -> None:
        """The two actors that carry a sender's packets to one core and expand them there."""
        step, part, _, packets, synapses = batches
        arrived = Series.full(np.cumsum(packets))
        costs, label = self._element.config.costs, f"{sender.actor.name}"
        hops = self._mesh.hops(sender.core, destination)
        events = [getattr(costs, f"hop_{d}") for d in DIRECTIONS]
        each = [packets * float(count) for count in hops]
        known = [(c, e) for c, e in zip(each, events, strict=True) if e.energy is not None]
        carry = self._batch_actor(f"{label}~>{destination}", None, sender, step, f"hops to core {destination}")
        seconds = sum(int(n) * float(e.time) for n, e in zip(hops, events, strict=True))
        carry.latency = round(seconds / float(self._base.tick))
        carry.flows = self._link_flows(sender.core, destination, packets)
        if known:
            carry.note = with_energy(carry.note, {"hop": Amounts(np.sum([c * e.energy for c, e in known], axis=0))})
        expand = self._batch_actor(
            f"{label}->{destination}",
            self._resource(f"core {destination} synapses"),
            sender,
            step,
            f"synapses on core {destination}",
        )
        counts = [packets.astype(np.float64), synapses.astype(np.float64), synapses.astype(np.float64)]
        prices = (costs.packet_in, costs.synapse, costs.dendrite)
        expand.compute = self._ticks(counts, prices)
        expand.note = with_energy(expand.note, energy_of(("packet_in", "synapse", "dendrite"), counts, prices))
        put = np.zeros(self._frames * sender.slices, dtype=np.int64)
        put[step * sender.slices + part] = packets
        buffer = self._element.config.mesh.buffer
        room = None if buffer is None else max(buffer, int(packets.max()))
        self._channel(
            sender.actor, Series.full(put), carry, arrived, sender.population, f"core {destination}", room, "fifo"
        )
        self._channel(
            carry, Series.full(packets), expand, arrived, sender.population, f"core {destination}", room, "fifo"
        )
        self._deliver(sender, expand, step, destination)

    def _deliver(self, sender: Sender, expand: ActorDraft, step: Ints, destination: int) -> None:
        """Who waits for these batches: every layer on the core that the sender's layer projects to; the barrier."""
        one = Series.constant(1, step.size)
        frame = np.arange(self._frames)
        for (name, core), walk in self._walks.items():
            delays = [p.delay for p in self._placement.projections(sender.population) if p.target == name]
            if core == destination and delays:
                served = np.searchsorted(step, frame - min(delays), side="right").astype(np.int64)
                need = Series.full(np.repeat(served, self._slices))
                self._channel(expand, one, walk, need, sender.population, name)
        if self._barrier is not None:
            done = Series.full(np.searchsorted(step, frame, side="right").astype(np.int64))
            self._channel(expand, one, self._barrier, done, sender.population, "barrier")

    @property
    def _ahead(self) -> int:
        """Steps that the input may run ahead: none behind a barrier, else what the layers in a row can work on."""
        return 1 if self._barrier is not None else 1 + len({name for name, _ in self._walks})

    def _open(self, name: str, gate: ActorDraft) -> None:
        """No step begins before its input is there, in all layers that the input leads to.

        An input that itself depends on layers of the chip (computed elsewhere in between) holds back none of them.
        """
        network = self._placement.network
        if any(self._placement.holds(n) for n in before(network, name)):
            return
        reached = after(network, name)
        begun = Series.full(np.repeat(np.arange(1, self._frames + 1), self._slices))
        for (layer, _), walk in self._walks.items():
            if layer in reached:
                self._channel(gate, Series.constant(1, self._frames), walk, begun, name, layer, self._ahead)

    def _order(self, sender: Sender) -> None:
        """A walk follows its sources: by the barrier where a spike takes a step, else by a token a source and step."""
        frame = np.arange(self._frames)
        for (name, _), walk in self._walks.items():
            delays = [p.delay for p in self._placement.projections(sender.population) if p.target == name]
            if not delays or (self._barrier is not None and min(delays) > 0):
                continue
            done = np.maximum(frame + 1 - min(delays), 0) * sender.slices
            put = Series.constant(1, self._frames * sender.slices)
            self._channel(sender.actor, put, walk, Series.full(np.repeat(done, self._slices)), sender.population, name)

    def _close_barrier(self, senders: list[Sender]) -> None:
        barrier = self._barrier
        if barrier is None:
            return
        frame = np.arange(self._frames)
        for sender in senders:
            count = self._frames * sender.slices
            done = Series.full((frame + 1) * sender.slices)
            self._channel(sender.actor, Series.constant(1, count), barrier, done, sender.population, "barrier")
            begun = Series.full(np.repeat(frame, sender.slices))
            self._channel(barrier, Series.constant(1, self._frames), sender.actor, begun, "barrier", sender.population)

    def _read_out(self, readouts: dict[str, ActorDraft]) -> None:
        """Read-outs wait for every part of their layer; a pool's reads that of the layer before it."""
        frame = np.arange(1, self._frames + 1)
        for name, readout in readouts.items():
            self._draft.actors.append(readout)
            for (layer, _), walk in self._walks.items():
                if layer == name:
                    put = Series.constant(1, self._frames * self._slices)
                    seen = np.minimum(frame + self._depth(name), self._frames) * self._slices
                    self._channel(walk, put, readout, Series.full(seen), name, "readout")

    def _depth(self, name: str) -> int:
        """Steps from an input's spike to the first that it can cause in a layer: a frame's result is read out then.

        0 where the result comes back to the chip through other elements: they are handed each step as it ends.
        """
        network, holds = self._placement.network, self._placement.holds
        outside = [n for n in after(network, name) if not holds(n)]
        if any(holds(n) for other in outside for n in after(network, other)):
            return 0
        steps = {p.name: 0 for p in network.inputs}
        waiting = list(steps)
        while waiting:
            here = waiting.pop(0)
            for projection in network.out_of(here):
                late = steps[here] + projection.delay
                if late < steps.get(projection.target, self._frames):
                    steps[projection.target] = late
                    waiting.append(projection.target)
        return steps.get(name, 0)

    def _link_flows(self, source: int, destination: int, packets: Ints) -> list[Flow]:
        """Flows on the links of the route, none where links are unlimited; the injection link is the core's own."""
        mesh = self._element.config.mesh
        if mesh.link is None:
            return []
        links, _ = self._mesh.routes(np.array([source]), np.array([destination]))
        units = self._base.server_units(mesh.link)
        work = Series.full(units.work(packets.astype(np.float64) * (mesh.packet / 8)))
        rate = units.rate(mesh.link)
        name = self._element.name
        return [Flow(self._draft.server(f"{name}.{self._link_name(int(link))}", rate), work) for link in links[1:]]

    def _link_name(self, link: int) -> str:
        tile, direction = divmod(link, len(DIRECTIONS))
        return f"link {tile} {DIRECTIONS[direction]}"

    def _ticks(
        self, counts: Sequence[np.ndarray[tuple[int, ...], np.dtype[np.float64]]], events: Sequence[EventCost]
    ) -> Series:
        """Durations of firings that do so many of each event."""
        seconds = sum(count * float(event.time) for count, event in zip(counts, events, strict=True))
        return Series.full(np.rint(np.asarray(seconds) / float(self._base.tick)).astype(np.int64))

    def _resource(self, name: str) -> int:
        return self._draft.resource(f"{self._element.name}.{name}", 1, self._element.name)

    def _actor(
        self,
        name: str,
        resource: int | None,
        firings: Firings,
        compute: Series,
        layer: str | None,
        stage: str,
        energy: dict[str, Amounts] | None = None,
    ) -> ActorDraft:
        actor = ActorDraft(
            name=f"{self._element.name}.{name}",
            resource=resource,
            firings=firings,
            compute=compute,
            written=np.ones(1, dtype=np.int64),
            note=ActorNote(Role.STAGE, self._element.name, layer, stage, energy_pj=energy or {}),
        )
        self._draft.actors.append(actor)
        return actor

    def _batch_actor(self, name: str, resource: int | None, sender: Sender, step: Ints, stage: str) -> BatchDraft:
        actor = BatchDraft(
            name=name,
            resource=resource,
            firings=Firings(1, step.size),
            compute=Series.constant(0, step.size),
            written=np.ones(1, dtype=np.int64),
            note=ActorNote(Role.STAGE, self._element.name, sender.population, stage),
            step=step,
        )
        self._draft.actors.append(actor)
        return actor

    def _channel(
        self,
        writer: ActorDraft,
        put: Series,
        reader: ActorDraft,
        need: Series,
        producer: str,
        consumer: str,
        room: int | None = None,
        kind: str = "state",
    ) -> None:
        """A channel whose reader frees what it needed: packets ('fifo'), or marks of progress that take no space."""
        index = len(self._draft.channels)
        size = self._element.config.mesh.packet / 8 if kind == "fifo" else 0.0
        self._draft.channels.append(Channel(f"{writer.name}=>{reader.name}", room, 0, size, None, None))
        self._draft.channel_notes.append(ChannelNote(producer, consumer, kind))
        writer.outputs.append(Output(index, put))
        reader.inputs.append(Input(index, need, need))
