"""Spiking networks: real neuron dynamics, event-driven synapses with shared weights, input coding and statistics.

Public names are loaded when they are first used.
"""

from __future__ import annotations

import importlib
from typing import Any

_EXPORTS = {
    name: f"workloads.spiking.{module}"
    for module, names in {
        "spikes": ("Spikes", "make_spikes", "spikes_from_dense"),
        "neurons": ("Neuron", "lif_from_time_constants", "cuba_lif_from_time_constants"),
        "connections": ("Conv", "Dense", "OneToOne", "Pool"),
        "network": ("NetworkBuilder", "Population", "Projection", "SpikingNetwork"),
        "simulate": ("Block", "Simulation", "SpikingRun", "simulate", "synaptic_events"),
        "coding": ("bernoulli_rate", "burst", "latency", "matched_bernoulli", "poisson_rate", "regular_rate"),
        "scenes": ("camera_events", "moving_scene", "moving_shapes"),
        "aer": ("read_events_csv", "read_events_npy", "read_nir_spikes", "write_events_csv", "write_nir_spikes"),
        "conversion": ("CnnLayer", "Converted", "activations", "cnn_layers", "convert"),
        "activity": ("with_activity",),
        "statistics": ("StreamStatistics", "count_statistics", "run_statistics", "spike_statistics"),
    }.items()
    for name in names
}
_EXPORTS["import_nir"] = "workloads.importers.nir"

__all__ = sorted(_EXPORTS)


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        return getattr(importlib.import_module(_EXPORTS[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
