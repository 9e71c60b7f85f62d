"""Step times with the network in the way: packets queue at their sender, share links, and are served in order where
they arrive.

A semi-analytical schedule instead of a flit-level one (the 'detailed' timing of SANA-FE: Boyle et al., IEEE TCAD
44(8), 2025, doi:10.1109/TCAD.2025.3537971, rebuilt from the published rules and checked against its message records):

* a core sends in the order of its neuron walk, a packet leaving ``packet_out`` after the neuron or packet before it;
* a packet under way spreads an occupancy of 1/(hops+2) over its injection link and each hop; the last share is the
  ejection port's own;
* occupancy along a route above (hops+1) x buffer blocks the sender for the excess times the mean processing time of
  what is under way;
* the network delay is the larger of the hop delays and occupancy x that mean / (hops+1);
* the receiver serves in the order of sending; a packet counts as under way until its service starts.

Packets of equal time go by (time, core, position): the same in every process.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from simulator.elements.mesh import OUTSIDE, Mesh
from simulator.elements.spike_costs import SpikeCosts
from simulator.elements.spike_traffic import TrafficCounter
from workloads.spiking.simulation import Block

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Compiling takes seconds; so do some hundred thousand packets in plain Python.
_WORTH_COMPILING = 100_000


@dataclass(frozen=True, slots=True, eq=False)
class Packets:
    """All packets of a block, sorted by (step, source core, order of sending).

    ``generation`` is the time (s) a sender needs between its packet before and this one, ``processing`` what the
    receiver needs; ``tail`` (steps, cores + 1) is what a core still walks after its last packet, column 0 being the
    outside.
    """

    steps: int
    step: Ints
    source: Ints
    destination: Ints
    synapses: Ints
    generation: Floats
    processing: Floats
    tail: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Schedule:
    """When each packet was sent, received and processed within its step, and its time blocked and in the network (s).

    ``time`` is that of each step, barrier included.
    """

    sent: Floats
    received: Floats
    processed: Floats
    blocking: Floats
    network: Floats
    time: Floats


class PacketWalk:
    """Stamps the packets of a block by the position of their neuron in its core's walk.

    A neuron's packets leave by rising destination core, or in the order in which ``destinations`` lists the cores.
    """

    def __init__(self, counter: TrafficCounter, costs: SpikeCosts, destinations: Sequence[int] | None = None) -> None:
        self._counter, self._costs = counter, costs
        self._turn = np.arange(counter.placement.cores)
        if destinations is not None:
            self._turn[np.asarray(destinations, dtype=np.int64)] = np.sort(np.asarray(destinations, dtype=np.int64))
        placement = counter.placement
        self._cores = placement.cores
        names = [p.name for p in placement.network.populations]
        sizes = [placement.network[n].size for n in names]
        self._offset = dict(zip(names, np.cumsum([0, *sizes[:-1]]).tolist(), strict=True))
        self._size = sum(sizes)
        self._core_of = np.concatenate([placement.core_of[n] for n in names]) if names else np.empty(0, dtype=np.int64)
        self._walk = np.argsort(self._core_of, kind="stable")
        self._rank: Ints = np.empty(self._size, dtype=np.int64)
        self._rank[self._walk] = np.arange(self._size)
        self._first = np.searchsorted(self._core_of[self._walk], np.arange(OUTSIDE, self._cores))

    def packets(self, block: Block) -> Packets:
        """Every packet of the block; blocks need update masks where updates cost time."""
        steps = block.stop - block.start
        step, neuron, owner, column = self._firing(block, steps)
        walked, end = self._walked(block, steps, step, neuron)
        source = self._core_of[neuron]
        rows, target, synapses = self._expand(step, neuron, owner, column)
        out_time = np.where(source[rows] == OUTSIDE, self._costs.entry.time, self._costs.packet_out.time)
        # A neuron's first packet comes after the walk since the core's last firing neuron; the others follow at once.
        fresh = np.concatenate(([True], rows[1:] != rows[:-1])) if rows.size else np.empty(0, dtype=np.bool_)
        queue = step[rows] * (self._cores + 1) + source[rows] + 1
        opens = np.concatenate(([True], queue[1:] != queue[:-1])) if rows.size else fresh
        at = walked[rows]
        since = at - np.where(opens, 0.0, np.concatenate(([0.0], at[:-1])) if rows.size else 0.0)
        generation: Floats = np.where(fresh, since, 0.0) + out_time
        tail: Floats = end.copy()
        closes = np.concatenate((opens[1:], [True])) if rows.size else opens
        flat = tail.reshape(-1)
        flat[queue[closes]] -= at[closes]
        costs = self._costs
        each = costs.synapse.time + costs.dendrite.time
        processing = costs.packet_in.time + synapses.astype(np.float64) * each
        return Packets(steps, step[rows], source[rows], target, synapses, generation, processing, tail)

    def _firing(self, block: Block, steps: int) -> tuple[Ints, Ints, Ints, Ints]:
        """Firing neurons in sending order: step, global index, population number, index within it."""
        names = list(self._offset)
        parts = [
            (s - block.start, i + self._offset[n], np.full(i.size, names.index(n)), i)
            for n, (s, i) in block.spikes.items()
        ]
        step, neuron, owner, index = (
            np.concatenate(c) if parts else np.empty(0, dtype=np.int64) for c in zip(*parts, strict=True)
        )
        order = np.argsort(step * self._size + self._rank[neuron], kind="stable")
        return step[order], neuron[order], owner[order], index[order]

    def _walked(self, block: Block, steps: int, step: Ints, neuron: Ints) -> tuple[Floats, Floats]:
        """Time from the step's start until each firing neuron, and each core (steps, cores + 1), is through."""
        costs, rank = self._costs, self._rank[neuron]
        until = np.concatenate((self._first, [self._size]))
        core = self._core_of[neuron] + 1
        visits = rank + 1 - self._first[core]
        spikes = np.arange(step.size)
        bounds = np.searchsorted(
            step * self._size + rank, (np.arange(steps)[:, None] * self._size + until[None, :]).ravel()
        )
        bounds = bounds.reshape(steps, until.size)
        fired = spikes + 1 - bounds[step, core]
        updates, all_updates = self._updates(block, steps, step, rank, core, until)
        at = visits * costs.neuron_access.time + updates * costs.neuron_update.time + fired * costs.spike_out.time
        end = (
            np.diff(until)[None, :] * costs.neuron_access.time
            + all_updates * costs.neuron_update.time
            + np.diff(bounds, axis=1) * costs.spike_out.time
        )
        end[:, 0] = 0.0
        return np.where(core == 0, 0.0, at), end

    def _updates(self, block: Block, steps: int, step: Ints, rank: Ints, core: Ints, until: Ints) -> tuple[Ints, Ints]:
        before: Ints = np.zeros(step.size, dtype=np.int64)
        total: Ints = np.zeros((steps, until.size - 1), dtype=np.int64)
        line: Ints = np.zeros(self._size + 1, dtype=np.int64)
        mask = np.zeros(self._size, dtype=np.bool_)
        edges = np.searchsorted(step, np.arange(steps + 1))
        for row in range(steps if block.updated else 0):
            for name, seen in block.updated.items():
                mask[self._offset[name] : self._offset[name] + seen.shape[1]] = seen[row]
            np.cumsum(mask[self._walk], out=line[1:])
            mine = slice(edges[row], edges[row + 1])
            before[mine] = line[rank[mine] + 1] - line[self._first[core[mine]]]
            total[row] = np.diff(line[until])
        return before, total

    def _expand(self, step: Ints, neuron: Ints, owner: Ints, index: Ints) -> tuple[Ints, Ints, Ints]:
        """For every packet: its firing neuron's row, destination core and synapses; destinations of a neuron rising."""
        rows: list[Ints] = []
        targets: list[Ints] = []
        counts: list[Ints] = []
        for number, name in enumerate(self._offset):
            mine = np.flatnonzero(owner == number)
            cores, reached = self._counter.rows(name, index[mine])
            line, column = np.nonzero(reached)
            rows.append(mine[line])
            targets.append(cores[column])
            counts.append(reached[line, column])
        row, target, count = np.concatenate(rows), np.concatenate(targets), np.concatenate(counts)
        order = np.lexsort((self._turn[target], row))
        return row[order], target[order], count[order]


def schedule(packets: Packets, mesh: Mesh, costs: SpikeCosts, buffer: int, tiles_used: int) -> Schedule:
    """Send, carry and serve all packets; each step starts with an empty network."""
    links, start = mesh.routes(packets.source, packets.destination)
    hop_time = np.tensordot([h.time for h in costs.hops], mesh.hops(packets.source, packets.destination), axes=1)
    cores = packets.tail.shape[1]
    queue = packets.step * cores + packets.source + 1
    bounds = np.searchsorted(queue, np.arange(packets.steps * cores + 1))
    size = packets.step.size
    results = [np.zeros(size) for _ in range(5)]
    ends: Floats = np.zeros(packets.steps)
    inputs = (
        bounds,
        packets.tail.ravel(),
        packets.destination,
        packets.generation,
        packets.processing,
        hop_time,
        links,
        start,
    )
    if size >= _WORTH_COMPILING:
        run = _compiled()
        run(cores, mesh.links, buffer, *inputs, *results, ends)
    else:
        # Plain lists are several times faster than arrays, element by element.
        plain = [a.tolist() for a in (*inputs, *results, ends)]
        _run(cores, mesh.links, buffer, *plain)
        results, ends = [np.asarray(r, dtype=np.float64) for r in plain[8:13]], np.asarray(plain[13])
    sent, received, processed, blocking, network = results
    return Schedule(sent, received, processed, blocking, network, ends + costs.barrier_time(tiles_used))


@lru_cache(maxsize=1)
def _compiled() -> Callable[..., None]:
    import numba

    compiled: Callable[..., None] = numba.njit(cache=True)(_run)
    return compiled


def _run(
    cores: int,
    links_total: int,
    buffer: int,
    bounds: Any,
    tail: Any,
    destination: Any,
    generation: Any,
    processing: Any,
    hop_time: Any,
    links: Any,
    start: Any,
    sent: Any,
    received: Any,
    processed: Any,
    blocking: Any,
    network: Any,
    ends: Any,
) -> None:
    """The schedule of every step; one function of plain loops, so that it also compiles."""
    for step in range(len(ends)):
        occupancy = [0.0] * links_total
        free_at = [0.0] * cores
        under_way = [(0.0, 0)]
        under_way.pop()
        mean = 0.0
        end = 0.0
        ready = [(0.0, 0, 0)]
        ready.pop()
        for core in range(cores):
            first = bounds[step * cores + core]
            if first < bounds[step * cores + core + 1]:
                heapq.heappush(ready, (generation[first], core, first))
            else:
                end = max(end, tail[step * cores + core])
        while len(ready) > 0:
            now, core, packet = heapq.heappop(ready)
            while len(under_way) > 0 and under_way[0][0] <= now:
                _, gone = heapq.heappop(under_way)
                share = 1.0 / (start[gone + 1] - start[gone] + 1)
                for link in range(start[gone], start[gone + 1]):
                    occupancy[links[link]] -= share
                left = len(under_way)
                mean = mean + (mean - processing[gone]) / left if left > 0 else 0.0
            hops = start[packet + 1] - start[packet] - 1
            along = 0.0
            for link in range(start[packet], start[packet + 1]):
                along += occupancy[links[link]]
            excess = along - (hops + 1) * buffer
            blocked = excess * mean if excess > 0 else 0.0
            leaves = now + blocked
            delay = max(hop_time[packet], along * mean / (hops + 1))
            target = destination[packet] + 1
            arrives = max(free_at[target], leaves + delay)
            free_at[target] = arrives + processing[packet]
            share = 1.0 / (hops + 2)
            for link in range(start[packet], start[packet + 1]):
                occupancy[links[link]] += share
            heapq.heappush(under_way, (arrives, packet))
            mean += (processing[packet] - mean) / len(under_way)
            sent[packet] = leaves
            received[packet] = arrives
            processed[packet] = free_at[target]
            blocking[packet] = blocked
            network[packet] = delay
            end = max(end, free_at[target])
            if packet + 1 < bounds[step * cores + core + 1]:
                heapq.heappush(ready, (leaves + generation[packet + 1], core, packet + 1))
            else:
                end = max(end, leaves + tail[step * cores + core])
        ends[step] = end
