"""The networks of the reference runs, rebuilt from their formulas, and readers of tests/reference/spiking."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from simulator.elements.mesh import DIRECTIONS
from simulator.elements.spike_costs import Cost, SpikeCosts
from workloads.spiking import NetworkBuilder, Neuron, Spikes, SpikingNetwork, spikes_from_dense

_FOLDER = Path(__file__).parents[1] / "reference" / "spiking"
Real = npt.NDArray[np.float64]


def figures(name: str) -> dict[str, Any]:
    """One reference file."""
    found: dict[str, Any] = json.loads((_FOLDER / name).read_text(encoding="utf-8"))
    return found


def lif_conv_weights(outputs: int, inputs: int, layer: int) -> Real:
    o, i, ky, kx = np.ogrid[:outputs, :inputs, :3, :3]
    weights: Real = ((5 * o + 3 * i + 7 * ky + 11 * kx + 2 * layer) % 29 - 14) / 32
    return weights


def lif_dense_weights() -> Real:
    j, i = np.ogrid[:10, :192]
    weights: Real = ((5 * j + 3 * i + 6) % 29 - 14) / 32
    return weights


def lif_conv_network(delay: int = 0) -> SpikingNetwork:
    """8C3-SP2-12C3-SP2-FC10 on 2x16x16, LIF beta 0.875, snnTorch's delayed subtraction."""
    neuron = Neuron(threshold=1.0, decay=0.875, reset="subtract", reset_at="next_step")
    builder = NetworkBuilder((2, 16, 16), delay=delay)
    builder.conv(lif_conv_weights(8, 2, 1), neuron, padding=1).sum_pool(2)
    builder.conv(lif_conv_weights(12, 8, 2), neuron, padding=1).sum_pool(2)
    return builder.dense(lif_dense_weights(), neuron).build()


def lif_conv_input() -> Spikes:
    t, c, y, x = np.ogrid[:32, :2, :16, :16]
    return spikes_from_dense((5 * t + 7 * c + 3 * y + 11 * x + ((t * y) % 9)) % 23 < 4)


def mesh_network() -> SpikingNetwork:
    """The network of the mesh run: a biased input layer, two convolutions and a dense layer, one layer a step."""
    y, x = np.ogrid[:10, :10]
    i, j = np.ogrid[:72, :6]

    def neuron(threshold: float, bias: float | Real = 0.0) -> Neuron:
        return Neuron(threshold=threshold, decay=0.875, resolution=1 / 64, reset="zero", bias=bias)

    def conv(inputs: int, outputs: int, layer: int) -> npt.NDArray[np.int64]:
        ky, kx, ci, co = np.ogrid[:3, :3, :inputs, :outputs]
        weights: npt.NDArray[np.int64] = (7 * ky + 13 * kx + 5 * ci + 11 * co + 3 * layer) % 17 - 6
        return weights.transpose(3, 2, 0, 1)

    bias = ((5 * y + 3 * x) % 11).astype(np.float64)
    builder = NetworkBuilder((1, 10, 10), delay=1, neuron=neuron(20.0, bias), input_name="source")
    builder.conv(conv(1, 4, 1), neuron(24.0), name="conv1").conv(conv(4, 8, 2), neuron(30.0), stride=2, name="conv2")
    return builder.dense(((7 * i + 13 * j + 9) % 17 - 6).T, neuron(40.0), name="dense").build()


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
