"""Thresholds that give a feed-forward network a wanted activity, layer by layer, on the input it will see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from workloads.errors import WorkloadError
from workloads.spiking.network import Population, SpikingNetwork
from workloads.spiking.neurons import Integrator, Neuron
from workloads.spiking.spikes import Real, Spikes, make_spikes

# Halvings of the bracket: thresholds end within 2**-20 of their scale.
_HALVINGS = 20
_HIGHEST_RATE = 1


def with_activity(
    network: SpikingNetwork, inputs: Mapping[str, Spikes] | Spikes, rate: float | Mapping[str, float]
) -> SpikingNetwork:
    """The same network with thresholds under which each layer fires about ``rate`` spikes a neuron and step on
    ``inputs``.

    ``rate`` is one number or one a layer. Each layer is tuned on the spikes of the tuned layers before it. Raises
    :class:`WorkloadError` for rates that no neuron has, networks with feedback, and layers whose input is too weak
    ever to fire.
    """
    for each in rate.values() if isinstance(rate, Mapping) else (rate,):
        if not 0 < each <= _HIGHEST_RATE:
            raise WorkloadError(
                f"network {network.name}: an activity of {each:g}; write spikes a neuron and step, above 0 and at most"
                f" {_HIGHEST_RATE}"
            )
    if any(len(group) > 1 for group in network.order) or any(p.source == p.target for p in network.projections):
        raise WorkloadError(
            f"network {network.name}: it has feedback; activity can be tuned layer by layer only without"
        )
    trains = dict(inputs) if isinstance(inputs, Mapping) else {network.inputs[0].name: inputs}
    steps = max(train.steps for train in trains.values())
    tuned: dict[str, Population] = {p.name: p for p in network.inputs}
    for group in network.order:
        population = network[group[0]]
        if population.neuron is None:
            continue
        wanted = rate if isinstance(rate, int | float) else rate.get(population.name)
        neuron = population.neuron
        drive = _drive(network, population.name, trains, steps)
        if wanted is not None:
            neuron = _tune(neuron, drive, float(wanted), population.name)
        tuned[population.name] = replace(population, neuron=neuron)
        step, index = Integrator(neuron, population.size).advance(drive.copy())
        trains[population.name] = make_spikes(population.shape, steps, step, index)
    return SpikingNetwork(tuple(tuned[p.name] for p in network.populations), network.projections, network.name)


def _drive(network: SpikingNetwork, name: str, trains: Mapping[str, Spikes], steps: int) -> Real:
    drive = np.zeros((steps, network[name].size))
    for projection in network.into(name):
        step = trains[projection.source].step + projection.delay
        inside = step < steps
        events = projection.arrive(step[inside], trains[projection.source].index[inside])
        brought = np.zeros_like(drive)
        if events.index.size:
            projection.connection.deliver(events, brought)
        drive += brought if projection.target_scale is None else brought * projection.target_scale.ravel()
        if projection.bias is not None:
            drive += projection.bias.ravel()
    return drive


def _tune(neuron: Neuron, drive: Real, wanted: float, name: str) -> Neuron:
    def fires(threshold: float) -> float:
        trial = replace(neuron, threshold=threshold)
        return Integrator(trial, drive.shape[1]).advance(drive.copy())[0].size / drive.size

    high = float(np.abs(drive).max(initial=0.0))
    if high == 0:
        raise WorkloadError(f"network: layer {name!r} receives nothing on this input; it cannot be tuned to fire")
    while fires(high) > wanted:
        high *= 2
    low = 0.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if fires(middle) > wanted:
            low = middle
        else:
            high = middle
    return replace(neuron, threshold=high)
