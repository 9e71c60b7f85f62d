"""A neuromorphic chip as actors: cores that walk their neurons, packets on the mesh, synapses where they arrive.

For each time step and each part of a layer on a core:

* ``layer@core`` walks the neurons of the part on the core's soma, in as many slices as the element says; at the end
  of each slice its packets leave;
* ``layer@core~>d`` carries one batch, all packets of a slice to core d: hop delays, and flows on every link of the XY
  route;
* ``layer@core->d`` expands the batch to its synapses on core d, batches of all senders in the order they arrive;
* with a barrier, ``chip.barrier`` ends the step when every walk and every batch is through.

A walk of step t waits for the batches whose spikes act in t. A batch is a token of as many packets; the buffers count
packets. A gate takes the frames of an input: no step begins before its frame is there. What leaves the chip is read
out by ``layer``, an actor that takes no time; with delays between layers, once the frame's spikes can have come that
far.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulator.elements.base import Assignment
from simulator.elements.neuromorphic import Neuromorphic
from simulator.elements.placement import place
from simulator.errors import MappingError
from simulator.lowered import ActorNote, ChannelNote, Role
from simulator.lowering.chip_actors import Chip
from simulator.lowering.copies import Port
from simulator.lowering.counts import Firings
from simulator.lowering.drafts import ActorDraft, PlanDraft
from simulator.series import Series
from workloads.network import LayerGroup
from workloads.spiking.simulation import SpikingRun
from workloads.spiking.streams import SpikingWork


@dataclass(slots=True)
class _Layer:
    """A group on the chip: its work, how many cores it asks for, its entrances from outside and its read-out."""

    work: SpikingWork
    cores: int | None
    entrances: list[Port]
    readout: ActorDraft
    is_read: bool


class ChipLowering:
    """Collects the layers placed on one chip; :meth:`finish` adds their actors to the plan."""

    def __init__(self, draft: PlanDraft, element: Neuromorphic, frames: int, waiting: int | None) -> None:
        self._draft, self._element, self._frames = draft, element, frames
        self._layers: dict[str, _Layer] = {}
        self._run: SpikingRun | None = None
        self._waiting = waiting

    def add_layer(
        self, group: LayerGroup, work: object, assignment: Assignment, sources: Sequence[Port], is_read: bool
    ) -> Port:
        """Take a layer (or pool) onto the chip; ``is_read`` says whether anything outside reads its output.

        Raises :class:`MappingError` where the work is no spiking work, or a layer reads off the chip what its neurons
        get on it.
        """
        if not isinstance(work, SpikingWork) or work.run is None:
            raise MappingError(
                f"layer '{group.name}' on '{self._element.name}': the stream carries no spikes; use a spiking workload"
            )
        self._run = work.run
        entrances = [port for source in sources for port in self._entrances_of(source)]
        readout = ActorDraft(
            name=group.name,
            resource=None,
            firings=Firings(1, self._frames),
            compute=Series.constant(0, self._frames),
            written=np.array([group.last.output_elements], dtype=np.int64),
            note=ActorNote(Role.STAGE, self._element.name, group.name, "readout"),
        )
        if work.population is None and is_read:
            self._pass_on(sources[0], readout)
        self._layers[group.name] = _Layer(work, assignment.cores, entrances, readout, is_read)
        return Port(readout, self._element.name, None, group.name, float(group.output_bytes))

    def _pass_on(self, port: Port, readout: ActorDraft) -> None:
        """A pool that is read outside hands on what its layer's read-out says."""
        tokens = np.array([port.actor.token_edges.size], dtype=np.int64)
        self._draft.connect(
            port.actor,
            readout,
            tokens,
            tokens,
            capacity=None,
            note=ChannelNote(port.layer, readout.name, "buffer"),
            token_bytes=port.frame_bytes / int(tokens[0]),
            memory=port.memory,
            discipline=None,
        )

    def _entrances_of(self, port: Port) -> list[Port]:
        """Where spikes of this port enter the chip; none if they are on it, a pool hands on its own."""
        below = self._layers.get(port.layer)
        if below is None or port.actor is not below.readout:  # a copy that ends here starts outside
            return [port]
        return below.entrances if below.work.population is None else []

    def finish(self) -> None:
        """Place the layers and add cores, packets, synapses, barrier and read-outs to the plan."""
        if self._run is None:
            return
        run, network = self._run, self._run.network
        own = {layer.work.population for layer in self._layers.values()}
        sources = {p.name for p in network.layers if not network.into(p.name)}
        outside = [p.name for p in network.layers if p.name not in own | sources]
        wanted = {n: layer.cores for n, layer in self._layers.items() if layer.cores and layer.work.population}
        placement = place(network, self._element.mesh.cores, self._element.limits, wanted, outside=outside)
        Chip(self._draft, self._element, placement, run, self._frames, self._waiting).build(
            {n: layer.entrances for n, layer in self._layers.items()},
            {n: layer.readout for n, layer in self._layers.items() if layer.is_read or layer.readout.outputs},
        )
