"""Readers of tests/reference/spiking; the networks of the runs are those of the validation table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from experiments.validation.spiking import (
    lif_conv_input,
    lif_conv_network,
    lif_conv_weights,
    lif_dense_weights,
    mesh_network,
)
from simulator.elements.mesh import DIRECTIONS
from simulator.elements.spike_costs import Cost, SpikeCosts

_FOLDER = Path(__file__).parents[1] / "reference" / "spiking"

__all__ = [
    "figures",
    "lif_conv_input",
    "lif_conv_network",
    "lif_conv_weights",
    "lif_dense_weights",
    "mesh_costs",
    "mesh_network",
]


def figures(name: str) -> dict[str, Any]:
    """One reference file."""
    found: dict[str, Any] = json.loads((_FOLDER / name).read_text(encoding="utf-8"))
    return found


def mesh_costs(architecture: dict[str, float]) -> SpikeCosts:
    def cost(key: str) -> Cost:
        return Cost(architecture[f"energy_{key}"], architecture[f"latency_{key}"])

    north, east, south, west = (cost(f"{direction}_hop") for direction in DIRECTIONS)
    return SpikeCosts(
        neuron_access=cost("access_neuron"),
        neuron_update=cost("update_neuron"),
        spike_out=cost("spike_out"),
        synapse=cost("process_spike"),
        dendrite=cost("dendrite_update"),
        packet_out=cost("message_out"),
        packet_in=cost("message_in"),
        hops=(north, east, south, west),
        barrier={1: 2e-7},
    )
