"""A neuromorphic chip: cores that hold neurons and their synapses on a mesh that carries spikes as packets.

The prices are those of events: every neuron a core walks in a step, every neuron that has something to do, every
spike, packet, synaptic event and hop, each with an energy and a time and a word on where the figure comes from. How
the events become times stands in :mod:`simulator.lowering.chip`, the accounting without a simulation in
:mod:`simulator.elements.spike_costs`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import ClassVar, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from simulator.elements.base import Assignment, Element, ElementConfig, Stage
from simulator.elements.mesh import Mesh
from simulator.elements.pieces import windows_of
from simulator.elements.placement import CoreLimits
from simulator.elements.spike_costs import Cost, SpikeCosts
from simulator.errors import PlatformError
from simulator.units import Bandwidth, BitCount, Bytes, Duration, Energy, Frequency, Tokens
from workloads.spiking.streams import SpikingWork
from workloads.tokens import LayerWork
from workloads.windows import layer_window

Basis = Literal["measured", "simulated", "derived", "fitted", "chosen"]


class EventCost(BaseModel):
    """What one event costs; an energy that is not given is not modelled, a time that is not given is none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    energy: Energy | None = Field(None, description="Dynamic energy of one event")
    time: Duration = Field(Fraction(0), description="Time one event takes its unit")
    basis: Basis = Field(description="Where the figures come from: measured, simulated, derived, fitted or chosen")


_FREE = EventCost(basis="chosen")


class CostsConfig(BaseModel):
    """Costs by event; an event left out costs no time, and its energy is not modelled."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    neuron_access: EventCost = Field(_FREE, description="Every neuron of a core, every step")
    neuron_update: EventCost = Field(
        _FREE, description="A neuron with a potential, a bias, an arriving synapse or a spike"
    )
    spike_out: EventCost = Field(_FREE, description="A neuron that fires")
    synapse: EventCost = Field(_FREE, description="A synaptic event")
    dendrite: EventCost = Field(_FREE, description="The accumulation of a synaptic event")
    packet_out: EventCost = Field(_FREE, description="A packet that leaves a core")
    packet_in: EventCost = Field(_FREE, description="A packet that a core receives")
    entry: EventCost = Field(_FREE, description="A packet that enters the chip from outside")
    hop_north: EventCost = Field(_FREE, description="A packet on a link to the tile above")
    hop_east: EventCost = Field(_FREE, description="A packet on a link to the tile on the right")
    hop_south: EventCost = Field(_FREE, description="A packet on a link to the tile below")
    hop_west: EventCost = Field(_FREE, description="A packet on a link to the tile on the left")


class MeshConfig(BaseModel):
    """Tiles, their links and what they carry."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int = Field(1, ge=1, description="Tiles from west to east")
    height: int = Field(1, ge=1, description="Tiles from south to north")
    cores_per_tile: int = Field(1, ge=1, description="Cores that share a router")
    entry_tile: int = Field(0, ge=0, description="Tile at which packets from outside enter; tile x * height + y")
    packet: BitCount = Field(32, description="Size of a spike packet")
    link: Bandwidth | None = Field(None, description="Bandwidth of a link; unlimited where absent")
    buffer: Tokens | None = Field(
        None, description="Packets that wait at a core for each sender; unlimited where absent"
    )


class CoreConfig(BaseModel):
    """What one core holds; a limit that is not given does not bind."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    neurons: int | None = Field(None, ge=1, description="Neurons of a core")
    synapses: int | None = Field(None, ge=1, description="Synapses of a core, counted one by one")
    weight_memory: Bytes | None = Field(None, description="Memory for weights")
    weight_bits: int = Field(8, ge=1, le=64, description="Bits of a stored weight, its address included")
    shared_weights: bool = Field(False, description="Whether a kernel is stored once, not once a synapse")
    axons_in: int | None = Field(None, ge=1, description="Source neurons that may reach a core")
    axons_out: int | None = Field(None, ge=1, description="(neuron, destination core) pairs that may leave a core")


class NeuromorphicConfig(ElementConfig):
    """A chip of cores on a mesh; times are asynchronous unless there is a ``tick``."""

    clock: Frequency = Field(
        Fraction(10**12), description="Resolution of its times; cores without a clock count picoseconds"
    )
    mesh: MeshConfig = Field(default_factory=MeshConfig, description="Tiles, links and packets")
    core: CoreConfig = Field(default_factory=CoreConfig, description="Limits of a core")
    costs: CostsConfig = Field(description="Energy and time by event")
    synchronisation: Literal["barrier", "free"] = Field(
        "barrier", description="Whether all cores end a step together, or each goes on when its own inputs are there"
    )
    barrier: Duration | Mapping[int, Duration] = Field(
        Fraction(0), description="Time of the barrier, or a table of it by tiles in use (the largest key not above)"
    )
    tick: Duration | None = Field(None, description="Fixed length of a step; a step begins no earlier")
    slices: int = Field(1, ge=1, description="Parts of a core's walk after which its packets leave, within a step")


class Neuromorphic(Element):
    """Runs spiking layers only; the mapping's ``cores`` says on how many cores a layer lies."""

    Config = NeuromorphicConfig
    config: NeuromorphicConfig
    granularities: ClassVar[tuple[str, ...]] = ("frame",)

    @property
    def chip(self) -> Neuromorphic:
        """Itself."""
        return self

    @property
    def mesh(self) -> Mesh:
        """The tiles and their routes."""
        mesh = self.config.mesh
        return Mesh(mesh.width, mesh.height, mesh.cores_per_tile, mesh.entry_tile)

    @property
    def limits(self) -> CoreLimits:
        """What one core holds."""
        core = self.config.core
        return CoreLimits(
            neurons=core.neurons,
            synapses=core.synapses,
            weight_bits=None if core.weight_memory is None else core.weight_memory * 8,
            bits_per_weight=core.weight_bits,
            shared_weights=core.shared_weights,
            axons_in=core.axons_in,
            axons_out=core.axons_out,
        )

    @property
    def costs(self) -> SpikeCosts:
        """The costs in joules and seconds; what is not modelled counts as none."""
        costs, barrier = self.config.costs, self.config.barrier
        table = {k: float(v) for k, v in barrier.items()} if isinstance(barrier, Mapping) else {1: float(barrier)}
        return SpikeCosts(
            neuron_access=_cost(costs.neuron_access),
            neuron_update=_cost(costs.neuron_update),
            spike_out=_cost(costs.spike_out),
            synapse=_cost(costs.synapse),
            dendrite=_cost(costs.dendrite),
            packet_out=_cost(costs.packet_out),
            packet_in=_cost(costs.packet_in),
            entry=_cost(costs.entry),
            hops=(_cost(costs.hop_north), _cost(costs.hop_east), _cost(costs.hop_south), _cost(costs.hop_west)),
            barrier=table,
        )

    def supports(self, kind: str) -> bool:
        return kind in ("conv", "dense", "avg_pool", "max_pool", "global_avg_pool")

    def stages(self, work: LayerWork, assignment: Assignment) -> Sequence[Stage]:
        """An estimate for the choice of an element: the layer's events spread evenly over its cores, step by step.

        The plan itself is made of cores and packets, see :mod:`simulator.lowering.chip`.
        """
        if not isinstance(work, SpikingWork):
            raise PlatformError(
                f"element '{self.name}' runs spiking layers only; layer '{work.layer.name}' comes as frames of values:"
                " use the workload 'spiking', or map the layer elsewhere"
            )
        geometry = layer_window(work.layer, "frame")
        return [
            Stage(
                name="",
                pieces=1,
                cycles=self._estimate(work, assignment),
                windows=windows_of(geometry),
                written=geometry.written[-1:],
            )
        ]

    def _estimate(self, work: SpikingWork, assignment: Assignment) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
        costs = self.costs
        if work.population is None or work.run is None:
            return np.zeros((1, 1), dtype=np.int64)
        size = work.run.network[work.population].size
        cores = assignment.cores or max(1, -(-size // (self.config.core.neurons or size)))
        walk = (
            size * (costs.neuron_access.time + costs.neuron_update.time)
            + work.extra["spikes_out"] * costs.spike_out.time
        )
        receive = work.extra["synaptic_events"] * (costs.synapse.time + costs.dendrite.time)
        seconds = np.maximum(walk, receive) / cores
        return np.ceil(seconds * float(self.clock_hz) - 1e-6).astype(np.int64)[:, None]


def _cost(cost: EventCost) -> Cost:
    return Cost((cost.energy or 0.0) * 1e-12, float(cost.time))
