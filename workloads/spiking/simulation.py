"""Run a spiking network's dynamics: event-driven synapses, vectorised neurons, in blocks of steps.

A population without feedback takes its currents for a whole block at once and then walks its neurons step by step;
populations in a loop advance together, one step at a time. Memory follows the block, not the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from workloads.errors import WorkloadError, did_you_mean
from workloads.spiking.network import Projection, SpikingNetwork
from workloads.spiking.neurons import Integrator
from workloads.spiking.spikes import Index, Mask, Real, Spikes

_BLOCK_VALUES = 1 << 19


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Steps ``start`` to ``stop`` (exclusive) of a run.

    ``spikes`` holds (step, index) by population, the step counted from the run's start. ``updated`` (steps, neurons)
    says who had a potential, a bias or an arriving synapse, or fired; ``potential_sum`` (steps) adds a population's
    potentials. Both are empty unless asked for.
    """

    start: int
    stop: int
    spikes: Mapping[str, tuple[Index, Index]]
    updated: Mapping[str, Mask]
    potential_sum: Mapping[str, Real]


@dataclass(frozen=True, slots=True, eq=False)
class SpikingRun:
    """What a network did over ``steps`` steps.

    ``spikes`` by population (inputs too); ``synaptic_events`` (steps) by projection name, counted in the step they
    are sent; ``updated`` (steps) by population: neurons that had anything to do; ``potential_sum`` (steps) by
    population if recorded.
    """

    network: SpikingNetwork
    steps: int
    spikes: Mapping[str, Spikes]
    synaptic_events: Mapping[str, Index]
    updated: Mapping[str, Index]
    potential_sum: Mapping[str, Real]
    masks: Mapping[str, Mask] = field(default_factory=dict)


@dataclass(slots=True)
class _Flow:
    """One projection at work: spikes sent, not yet arrived."""

    projection: Projection
    step: Index = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    index: Index = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    def send(self, step: Index, index: Index) -> None:
        arrives = step + self.projection.delay
        own = self.projection.source_delay
        if own is not None:
            arrives = arrives + own.ravel()[index]
        self.step = np.concatenate((self.step, arrives)) if self.step.size else arrives
        self.index = np.concatenate((self.index, index)) if self.index.size else index
        if own is not None:
            order = np.argsort(self.step, kind="stable")
            self.step, self.index = self.step[order], self.index[order]

    def receive(self, start: int, stop: int, currents: Real, touched: Mask | None) -> None:
        """Deliver what arrives in steps ``start`` to ``stop`` and forget it."""
        cut = int(np.searchsorted(self.step, stop))
        if not cut:
            return
        events = self.projection.arrive(self.step[:cut] - start, self.index[:cut])
        self.step, self.index = self.step[cut:], self.index[cut:]
        if not events.index.size:
            return
        if self.projection.target_scale is None:
            self.projection.connection.deliver(events, currents)
        else:
            brought = np.zeros_like(currents)
            self.projection.connection.deliver(events, brought)
            currents += brought * self.projection.target_scale.ravel()
        if touched is not None:
            self.projection.connection.touch(events, touched)


class Simulation:
    """A network with its state, stepped block by block.

    ``track_updates`` and ``track_potentials`` fill the corresponding fields of each :class:`Block`.
    """

    def __init__(self, network: SpikingNetwork, track_updates: bool = False, track_potentials: bool = False) -> None:
        self.network = network
        self._updates, self._potentials = track_updates, track_potentials
        self._integrators = {p.name: Integrator(p.neuron, p.size) for p in network.layers if p.neuron is not None}
        self._flows = [_Flow(p) for p in network.projections]
        self._size = {p.name: p.size for p in network.populations}
        self._bias = {name: self._projected_bias(name) for name in self._integrators}
        self._out = {n: [f for f in self._flows if f.projection.source == n] for n in self._size}
        self._in = {n: [f for f in self._flows if f.projection.target == n] for n in self._size}

    def _projected_bias(self, name: str) -> Real | None:
        biases = [p.bias.ravel() for p in self.network.into(name) if p.bias is not None]
        return np.sum(biases, axis=0) if biases else None

    def blocks(self, inputs: Mapping[str, Spikes], steps: int, block: int | None = None) -> Iterator[Block]:
        """Run ``steps`` steps, handing out each block as soon as it is done; ``block`` steps at a time.

        Raises :class:`WorkloadError` where an input population has no train, or one of another shape.
        """
        self._check_inputs(inputs)
        largest = max((p.size for p in self.network.populations), default=1)
        length = block or int(np.clip(_BLOCK_VALUES // largest, 1, 256))
        for start in range(0, steps, length):
            yield self._block(inputs, start, min(start + length, steps))

    def _check_inputs(self, inputs: Mapping[str, Spikes]) -> None:
        expected = {p.name: p for p in self.network.inputs}
        for name in inputs:
            if name not in expected:
                raise WorkloadError(f"network {self.network.name}: no input {name!r}{did_you_mean(name, expected)}")
        for name, population in expected.items():
            if name not in inputs:
                raise WorkloadError(
                    f"network {self.network.name}: input {name!r} has no spikes; give a train of shape"
                    f" {population.shape}"
                )
            if inputs[name].neurons != population.size:
                raise WorkloadError(
                    f"network {self.network.name}: input {name!r} has shape {population.shape}, its spikes"
                    f" have {inputs[name].shape}"
                )

    def _block(self, inputs: Mapping[str, Spikes], start: int, stop: int) -> Block:
        done: dict[str, tuple[Index, Index]] = {}
        updated: dict[str, Mask] = {}
        potentials: dict[str, Real] = {}
        for group in self.network.order:
            if group[0] in inputs:
                done[group[0]] = inputs[group[0]].window(start, stop)
                self._send(group[0], *done[group[0]])
                continue
            if self._updates:
                updated |= {n: np.zeros((stop - start, self._size[n]), dtype=np.bool_) for n in group}
            if self._potentials:
                potentials |= {n: np.zeros(stop - start) for n in group}
            loops = len(group) > 1 or any(f.projection.target == group[0] for f in self._out[group[0]])
            done |= (self._loop if loops else self._straight)(group, start, stop, updated, potentials)
        return Block(start, stop, done, updated, potentials)

    def _straight(
        self, group: tuple[str, ...], start: int, stop: int, updated: dict[str, Mask], potentials: dict[str, Real]
    ) -> dict[str, tuple[Index, Index]]:
        name = group[0]
        currents = self._currents(name, stop - start)
        for flow in self._in[name]:
            flow.receive(start, stop, currents, updated.get(name))
        return {name: self._advance(name, start, currents, updated.get(name), potentials.get(name))}

    def _loop(
        self, group: tuple[str, ...], start: int, stop: int, updated: dict[str, Mask], potentials: dict[str, Real]
    ) -> dict[str, tuple[Index, Index]]:
        """Populations of one feedback loop: what comes from outside at once, the rest step by step."""
        currents = {n: self._currents(n, stop - start) for n in group}
        inner = {n: [f for f in self._in[n] if f.projection.source in group] for n in group}
        for name in group:
            for flow in self._in[name]:
                if flow.projection.source not in group:
                    flow.receive(start, stop, currents[name], updated.get(name))
        parts: dict[str, list[tuple[Index, Index]]] = {n: [] for n in group}
        for step in range(start, stop):
            row = slice(step - start, step - start + 1)
            for name in group:
                seen = updated[name][row] if name in updated else None
                for flow in inner[name]:
                    flow.receive(step, step + 1, currents[name][row], seen)
                total = potentials[name][row] if name in potentials else None
                parts[name].append(self._advance(name, step, currents[name][row], seen, total))
        return {n: (np.concatenate([p[0] for p in parts[n]]), np.concatenate([p[1] for p in parts[n]])) for n in group}

    def _currents(self, name: str, steps: int) -> Real:
        currents = np.zeros((steps, self._size[name]))
        bias = self._bias[name]
        if bias is not None:
            currents += bias
        return currents

    def _advance(
        self, name: str, start: int, currents: Real, updated: Mask | None, potential_sum: Real | None
    ) -> tuple[Index, Index]:
        bias = self._bias[name]
        if updated is not None and bias is not None:
            updated |= bias != 0
        step, index = self._integrators[name].advance(currents, updated, potential_sum)
        step += start
        self._send(name, step, index)
        return step, index

    def _send(self, name: str, step: Index, index: Index) -> None:
        for flow in self._out[name]:
            flow.send(step, index)


def simulate(
    network: SpikingNetwork,
    inputs: Mapping[str, Spikes] | Spikes | None = None,
    steps: int | None = None,
    track_updates: bool = False,
    track_potentials: bool = False,
    keep_masks: bool = False,
) -> SpikingRun:
    """Run a network over its input spikes and keep everything: spikes, synaptic events, updates.

    A single train stands for the only input; ``steps`` defaults to the longest train's. Raises :class:`WorkloadError`
    for missing or misshapen inputs, or a network driven by biases alone without ``steps``.
    """
    trains = _named_inputs(network, inputs)
    length = steps if steps is not None else max((t.steps for t in trains.values()), default=0)
    if length < 1:
        raise WorkloadError(f"network {network.name}: nothing says how long to run; give steps=")
    found: dict[str, list[tuple[Index, Index]]] = {p.name: [] for p in network.populations}
    updated: dict[str, list[Index]] = {p.name: [] for p in network.layers}
    potentials: dict[str, list[Real]] = {p.name: [] for p in network.layers}
    masks: dict[str, list[Mask]] = {p.name: [] for p in network.layers}
    for block in Simulation(network, track_updates or keep_masks, track_potentials).blocks(trains, length):
        for name, pair in block.spikes.items():
            found[name].append(pair)
        for name, mask in block.updated.items():
            updated[name].append(mask.sum(axis=1))
            if keep_masks:
                masks[name].append(mask)
        for name, sums in block.potential_sum.items():
            potentials[name].append(sums)
    spikes = {
        n: Spikes(network[n].shape, length, *(np.concatenate(c) for c in zip(*p, strict=True)))
        for n, p in found.items()
    }
    return SpikingRun(
        network,
        length,
        spikes,
        {p.name or f"{p.source}->{p.target}": synaptic_events(p, spikes[p.source]) for p in network.projections},
        {n: np.concatenate(m) for n, m in updated.items() if m},
        {n: np.concatenate(v) for n, v in potentials.items() if v},
        {n: np.concatenate(m) for n, m in masks.items() if m},
    )


def synaptic_events(projection: Projection, spikes: Spikes) -> Index:
    """Synapses reached in each step by the spikes sent in it: kernel positions inside the map times output channels."""
    reached = projection.fan_out(np.zeros(int(np.prod(projection.connection.out_shape)), dtype=np.int64), 1)
    each = np.where(reached.class_of < 0, 0, reached.table[reached.class_of, 0])
    return np.bincount(spikes.step, each[spikes.index], minlength=spikes.steps).astype(np.int64)


def _named_inputs(network: SpikingNetwork, inputs: Mapping[str, Spikes] | Spikes | None) -> dict[str, Spikes]:
    if inputs is None:
        return {}
    if isinstance(inputs, Spikes):
        if len(network.inputs) != 1:
            raise WorkloadError(
                f"network {network.name}: {len(network.inputs)} inputs"
                f" ({', '.join(p.name for p in network.inputs)}); give a train for each by name"
            )
        return {network.inputs[0].name: inputs}
    return dict(inputs)
