"""What a block of spikes means on a placed network: packets, synaptic events and updates by core, step by step.

Packets are batched per source core, destination core and step. One packet leaves for each firing neuron and each core
that holds at least one of its targets; there it is expanded to its synapses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulator.elements.mesh import OUTSIDE
from simulator.elements.placement import Placement
from workloads.spiking.connections import FanOut
from workloads.spiking.simulation import Block

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Traffic:
    """Counts of ``steps`` steps on ``cores`` cores.

    Batches (``step``, ``source``, ``destination``, ``packets``, ``synapses``) are sorted by the first three; source
    -1 is outside the chip. ``fired``, ``updated`` have the shape (steps, cores); ``mapped`` (cores) is how many
    neurons a core walks in every step.
    """

    steps: int
    cores: int
    step: Ints
    source: Ints
    destination: Ints
    packets: Ints
    synapses: Ints
    fired: Ints
    updated: Ints
    mapped: Ints

    def per_step(self, values: Ints) -> Ints:
        """A batch column (``packets`` or ``synapses``) summed by step."""
        return _count(self.step, values, self.steps)

    def sent(self) -> Ints:
        """Packets each core sends, (steps, cores); what comes from outside is nobody's."""
        inside = self.source != OUTSIDE
        key = self.step[inside] * self.cores + self.source[inside]
        return _count(key, self.packets[inside], self.steps * self.cores).reshape(self.steps, self.cores)

    def received(self, values: Ints) -> Ints:
        """A batch column summed by destination core, (steps, cores)."""
        key = self.step * self.cores + self.destination
        return _count(key, values, self.steps * self.cores).reshape(self.steps, self.cores)


class TrafficCounter:
    """Turns blocks of a simulation into :class:`Traffic`; the fan-out of every neuron is tabulated once."""

    def __init__(self, placement: Placement) -> None:
        self.placement = placement
        self._cores = placement.cores
        self._reach = {p.name: Reach(placement, p.name) for p in placement.network.populations}
        self._mapped = placement.neurons()

    def count(self, block: Block) -> Traffic:
        """The traffic of a block; a block without update masks counts every neuron that fired as updated."""
        steps = block.stop - block.start
        fired: Ints = np.zeros((steps, self._cores), dtype=np.int64)
        updated: Ints = np.zeros((steps, self._cores), dtype=np.int64)
        parts: list[Ints] = []
        for name, (step, index) in block.spikes.items():
            reach = self._reach[name]
            local = step - block.start
            if reach.on_chip:
                here = _count(local * self._cores + reach.part_of[index], None, steps * self._cores).reshape(
                    fired.shape
                )
                fired += here
                mask = block.updated.get(name)
                updated += here if mask is None else reach.by_part(mask, self._cores)
            parts.append(reach.batches(local, index))
        return _assemble(steps, self._cores, parts, fired, updated, self._mapped)

    def rows(self, name: str, index: Ints) -> tuple[Ints, Ints]:
        """Destination cores of a population, and the synapses (spikes, destinations) the given neurons reach there."""
        return self._reach[name].destinations, self._reach[name].rows(index)


class Reach:
    """Where the spikes of one population go: a table of synapses by class of source neuron and destination core.

    Each core's part of the population can be cut into ``slices`` of its walk; part ``core * slices + slice`` then
    stands for the source core. Outside the chip the only part is -1.
    """

    def __init__(self, placement: Placement, name: str, slices: int = 1) -> None:
        core_of = placement.core_of[name]
        self.on_chip = placement.holds(name)
        self.part_of = core_of if slices == 1 or not self.on_chip else core_of * slices + _slice_of(core_of, slices)
        self._low = int(self.part_of.min(initial=0))
        self._span = int(self.part_of.max(initial=0)) - self._low + 1
        self._ordered = bool(np.all(np.diff(self.part_of) >= 0))
        self._cuts = np.flatnonzero(np.diff(self.part_of)) + 1
        projections = placement.projections(name)
        cores = [placement.core_of[p.target] for p in projections]
        self.destinations = np.unique(np.concatenate(cores)) if cores else np.empty(0, dtype=np.int64)
        groups = self.destinations.size
        columns = [np.searchsorted(self.destinations, c) for c in cores]
        found = [p.fan_out(column, groups) for p, column in zip(projections, columns, strict=True)]
        self._fan_out = _merge(found, core_of.size)

    def rows(self, index: Ints) -> Ints:
        """Synapses (spikes, destinations)."""
        return self._fan_out.rows(index)

    def by_part(self, mask: npt.NDArray[np.bool_], parts: int) -> Ints:
        """How many of the marked neurons lie in each part, (steps, parts)."""
        counts: Ints = np.zeros((mask.shape[0], parts), dtype=np.int64)
        if self._ordered:
            starts = np.concatenate(([0], self._cuts))
            for low, high in zip(starts, [*self._cuts, self.part_of.size], strict=True):
                counts[:, self.part_of[low]] = np.count_nonzero(mask[:, low:high], axis=1)
            return counts
        step, index = np.nonzero(mask)
        return _count(step * parts + self.part_of[index], None, counts.size).reshape(counts.shape)

    def batches(self, step: Ints, index: Ints) -> Ints:
        """Rows (step, source part, destination, packets, synapses) of these spikes, sorted by step and part."""
        if not step.size or not self.destinations.size:
            return np.empty((5, 0), dtype=np.int64)
        key = step * self._span + (self.part_of[index] - self._low)
        if not self._ordered:
            order = np.argsort(key, kind="stable")
            key, index = key[order], index[order]
        rows = self.rows(index)
        starts = np.concatenate(([0], np.flatnonzero(np.diff(key)) + 1))
        synapses = np.add.reduceat(rows, starts, axis=0)
        packets = np.add.reduceat((rows > 0).astype(np.int64), starts, axis=0)
        group, column = np.nonzero(packets)
        when, who = np.divmod(key[starts][group], self._span)
        where = (group, column)
        return np.stack([when, who + self._low, self.destinations[column], packets[where], synapses[where]])


def _slice_of(core_of: Ints, slices: int) -> Ints:
    """The slice of its core's walk in which each neuron comes: equal shares of the neurons of this population there."""
    order = np.argsort(core_of, kind="stable")
    held = np.bincount(core_of)
    rank: Ints = np.empty(core_of.size, dtype=np.int64)
    rank[order] = np.arange(core_of.size) - np.repeat(np.cumsum(held) - held, held)
    return rank * slices // held[core_of]


def _merge(found: Sequence[FanOut], size: int) -> FanOut:
    """One table for all projections of a population: a core reached by two of them still gets one packet."""
    if not found:
        return FanOut(np.full(size, -1, dtype=np.int64), np.zeros((1, 0), dtype=np.int64))
    if len(found) == 1:
        return found[0]
    everyone = np.arange(size)
    return FanOut(everyone, np.sum([f.rows(everyone) for f in found], axis=0))


def _assemble(steps: int, cores: int, parts: Sequence[Ints], fired: Ints, updated: Ints, mapped: Ints) -> Traffic:
    columns = np.concatenate(parts, axis=1) if parts else np.empty((5, 0), dtype=np.int64)
    step, source, destination, packets, synapses = columns
    key = (step * (cores + 1) + source + 1) * cores + destination
    order = np.argsort(key, kind="stable")
    key = key[order]
    starts = np.flatnonzero(np.concatenate(([True], np.diff(key) != 0))) if key.size else np.empty(0, dtype=np.int64)
    if starts.size < key.size:
        packets, synapses = (np.add.reduceat(v[order], starts) for v in (packets, synapses))
        order = order[starts]
    else:
        packets, synapses = packets[order], synapses[order]
    return Traffic(
        steps, cores, step[order], source[order], destination[order], packets, synapses, fired, updated, mapped
    )


def join(blocks: Sequence[Traffic]) -> Traffic:
    """The traffic of consecutive blocks as one."""
    before = np.cumsum([0, *(b.steps for b in blocks)])
    step = np.concatenate([b.step + start for b, start in zip(blocks, before, strict=False)])
    return Traffic(
        steps=int(before[-1]),
        cores=blocks[0].cores,
        step=step,
        source=np.concatenate([b.source for b in blocks]),
        destination=np.concatenate([b.destination for b in blocks]),
        packets=np.concatenate([b.packets for b in blocks]),
        synapses=np.concatenate([b.synapses for b in blocks]),
        fired=np.concatenate([b.fired for b in blocks]),
        updated=np.concatenate([b.updated for b in blocks]),
        mapped=blocks[0].mapped,
    )


def _count(key: Ints, weights: Ints | None, length: int) -> Ints:
    if weights is None:
        return np.bincount(key, minlength=length)
    return np.bincount(key, weights, minlength=length).astype(np.int64)
