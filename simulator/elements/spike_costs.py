"""Energy and step time of neuromorphic cores from their traffic: what each event costs, and who waits for whom.

Step: every core walks its neurons (neuron phase) and sends packets; then what arrived is expanded to synapses
(message phase). The simple step time is that of the slowest core plus the barrier; the network is free. It is the
model of SANA-FE's 'simple' timing (Boyle et al., IEEE TCAD 44(8):3165-3178, 2025, doi:10.1109/TCAD.2025.3537971),
here with static power beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from simulator.elements.mesh import DIRECTIONS, Mesh
from simulator.elements.spike_traffic import Traffic

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Cost:
    """What one event costs: ``energy`` in joules, ``time`` in seconds."""

    energy: float = 0.0
    time: float = 0.0


@dataclass(frozen=True, slots=True)
class SpikeCosts:
    """Costs by event.

    ``neuron_access``: every mapped neuron, every step; ``neuron_update``: neurons with something to do;
    ``spike_out``: neurons that fire. ``synapse`` and ``dendrite``: each synaptic event; ``packet_out`` and
    ``packet_in``: each packet; ``entry``: each packet from outside the chip; ``hops`` by direction (north, east,
    south, west). ``barrier`` seconds a step, by the number of tiles in use (the largest key not above it holds).
    """

    neuron_access: Cost = Cost()
    neuron_update: Cost = Cost()
    spike_out: Cost = Cost()
    synapse: Cost = Cost()
    dendrite: Cost = Cost()
    packet_out: Cost = Cost()
    packet_in: Cost = Cost()
    entry: Cost = Cost()
    hops: tuple[Cost, Cost, Cost, Cost] = (Cost(), Cost(), Cost(), Cost())
    barrier: Mapping[int, float] = field(default_factory=dict)

    def barrier_time(self, tiles: int) -> float:
        """Seconds of the barrier when this many tiles hold neurons; 0 where no key is small enough."""
        keys = [k for k in self.barrier if k <= tiles]
        return self.barrier[max(keys)] if keys else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class StepCosts:
    """Per step: dynamic energy by unit (joules), hops, and the phases of every core (seconds).

    ``energy`` has the keys soma, synapse, dendrite, network; ``neuron_phase`` and ``message_phase`` the shape (steps,
    cores); ``time`` is the simple step time, barrier included.
    """

    energy: Mapping[str, Floats]
    hops: Ints
    neuron_phase: Floats
    message_phase: Floats
    time: Floats

    @property
    def total_energy(self) -> Floats:
        """Dynamic energy of each step over all units, joules."""
        total: Floats = np.sum(list(self.energy.values()), axis=0)
        return total


def step_costs(traffic: Traffic, mesh: Mesh, costs: SpikeCosts, tiles_used: int) -> StepCosts:
    """Energy and simple time of every step of ``traffic``."""
    sent, packets_in, synapses_in = (
        traffic.sent(),
        traffic.received(traffic.packets),
        traffic.received(traffic.synapses),
    )
    fired, updated = traffic.fired.sum(axis=1), traffic.updated.sum(axis=1)
    packets, synapses = traffic.per_step(traffic.packets), traffic.per_step(traffic.synapses)
    by_direction = hops_per_step(traffic, mesh)
    energy = {
        "soma": int(traffic.mapped.sum()) * costs.neuron_access.energy
        + updated * costs.neuron_update.energy
        + fired * costs.spike_out.energy,
        "synapse": synapses * costs.synapse.energy,
        "dendrite": synapses * costs.dendrite.energy,
        "network": sent.sum(axis=1) * costs.packet_out.energy
        + (packets - sent.sum(axis=1)) * costs.entry.energy
        + packets * costs.packet_in.energy
        + sum(count * hop.energy for count, hop in zip(by_direction, costs.hops, strict=True)),
    }
    neuron_phase = (
        traffic.mapped * costs.neuron_access.time
        + traffic.updated * costs.neuron_update.time
        + traffic.fired * costs.spike_out.time
        + sent * costs.packet_out.time
    )
    message_phase = packets_in * costs.packet_in.time + synapses_in * (costs.synapse.time + costs.dendrite.time)
    time = np.maximum(neuron_phase, message_phase).max(axis=1, initial=0.0) + costs.barrier_time(tiles_used)
    return StepCosts(energy, by_direction.sum(axis=0), neuron_phase, message_phase, time)


def hops_per_step(traffic: Traffic, mesh: Mesh) -> Ints:
    """Hops taken by all packets of a step, (4, steps) in the order of the mesh's directions."""
    each = mesh.hops(traffic.source, traffic.destination) * traffic.packets
    counts = [np.bincount(traffic.step, row, minlength=traffic.steps) for row in each]
    return np.asarray(counts).astype(np.int64).reshape(len(DIRECTIONS), traffic.steps)
