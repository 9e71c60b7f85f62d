"""Spiking networks: real neuron dynamics, event-driven synapses with shared weights, input coding and statistics.

Public names are loaded when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workloads.spiking.activity import with_activity
    from workloads.spiking.aer import (
        read_events_csv,
        read_events_npy,
        read_nir_spikes,
        write_events_csv,
        write_nir_spikes,
    )
    from workloads.spiking.coding import bernoulli_rate, burst, latency, matched_bernoulli, poisson_rate, regular_rate
    from workloads.spiking.connections import Conv, Dense, OneToOne, Pool
    from workloads.spiking.conversion import CnnLayer, Converted, activations, cnn_layers, convert
    from workloads.spiking.network import NetworkBuilder, Population, Projection, SpikingNetwork
    from workloads.spiking.neurons import Neuron, cuba_lif_from_time_constants, lif_from_time_constants
    from workloads.spiking.scenes import camera_events, moving_scene, moving_shapes
    from workloads.spiking.simulation import Block, Simulation, SpikingRun, simulate, synaptic_events
    from workloads.spiking.spikes import Spikes, make_spikes, spikes_from_dense
    from workloads.spiking.statistics import StreamStatistics, count_statistics, spike_statistics

_EXPORTS = {
    name: f"workloads.spiking.{module}"
    for module, names in {
        "spikes": ("Spikes", "make_spikes", "spikes_from_dense"),
        "neurons": ("Neuron", "lif_from_time_constants", "cuba_lif_from_time_constants"),
        "connections": ("Conv", "Dense", "OneToOne", "Pool"),
        "network": ("NetworkBuilder", "Population", "Projection", "SpikingNetwork"),
        "simulation": ("Block", "Simulation", "SpikingRun", "simulate", "synaptic_events"),
        "coding": ("bernoulli_rate", "burst", "latency", "matched_bernoulli", "poisson_rate", "regular_rate"),
        "scenes": ("camera_events", "moving_scene", "moving_shapes"),
        "aer": ("read_events_csv", "read_events_npy", "read_nir_spikes", "write_events_csv", "write_nir_spikes"),
        "conversion": ("CnnLayer", "Converted", "activations", "cnn_layers", "convert"),
        "activity": ("with_activity",),
        "statistics": ("StreamStatistics", "count_statistics", "spike_statistics"),
    }.items()
    for name in names
}

__all__ = [
    "Block",
    "CnnLayer",
    "Conv",
    "Converted",
    "Dense",
    "NetworkBuilder",
    "Neuron",
    "OneToOne",
    "Pool",
    "Population",
    "Projection",
    "Simulation",
    "Spikes",
    "SpikingNetwork",
    "SpikingRun",
    "StreamStatistics",
    "activations",
    "bernoulli_rate",
    "burst",
    "camera_events",
    "cnn_layers",
    "convert",
    "count_statistics",
    "cuba_lif_from_time_constants",
    "latency",
    "lif_from_time_constants",
    "make_spikes",
    "matched_bernoulli",
    "moving_scene",
    "moving_shapes",
    "poisson_rate",
    "read_events_csv",
    "read_events_npy",
    "read_nir_spikes",
    "regular_rate",
    "simulate",
    "spike_statistics",
    "spikes_from_dense",
    "synaptic_events",
    "with_activity",
    "write_events_csv",
    "write_nir_spikes",
]


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        return getattr(importlib.import_module(_EXPORTS[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
