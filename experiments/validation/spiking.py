"""Spiking networks and a neuromorphic mesh beside runs of other tools, on networks that are defined by formulas."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

from experiments.validation.rows import Row
from simulator.elements.mesh import DIRECTIONS, Mesh
from simulator.elements.mesh_timing import PacketWalk, schedule
from simulator.elements.placement import Placement, place
from simulator.elements.spike_costs import Cost, SpikeCosts, step_costs
from simulator.elements.spike_traffic import TrafficCounter, join
from simulator.engine import run
from simulator.lowering import lower
from simulator.mapping import LayerRule, MappingRules
from simulator.platform import load_platform
from workloads.builder import NetworkBuilder as LayerBuilder
from workloads.spiking import (
    NetworkBuilder,
    Neuron,
    Simulation,
    Spikes,
    SpikingNetwork,
    lif_from_time_constants,
    make_spikes,
    simulate,
    spikes_from_dense,
)
from workloads.spiking.streams import stream_of

Real = npt.NDArray[np.float64]

SANAFE = "SANA-FE 2.2.9, run on a 3x2 mesh of 2-core tiles (Boyle et al., IEEE TCAD 44(8), 2025)"
SNNTORCH = "snnTorch 1.0.0 Leaky with torch 2.13.0, float32 and float64 alike"
NIR_PAPER = "NIR paper, task 1 (Pedersen et al. 2024, doi:10.1038/s41467-024-52259-9); snnTorch, Norse, Nengo"

CORES = {"source": 1, "conv1": 4, "conv2": 3, "dense": 1}
PICOJOULES = {
    "neuron_access": 30, "neuron_update": 15, "spike_out": 50, "synapse": 20, "dendrite": 0.5, "packet_out": 80,
    "packet_in": 1, "hop_north": 2, "hop_east": 3, "hop_south": 2.5, "hop_west": 3.5,
}  # fmt: skip
NANOSECONDS = {
    "neuron_access": 5, "neuron_update": 3, "spike_out": 20, "synapse": 4, "dendrite": 1, "packet_out": 6,
    "packet_in": 10, "hop_north": 5, "hop_east": 4, "hop_south": 6, "hop_west": 4.5,
}  # fmt: skip
"""Costs of the mesh run, in pJ and ns."""

# Input spikes of the single neuron of the NIR paper, in steps of 0.1 ms.
SINGLE_LIF_INPUT: tuple[int, ...] = (
    60, 220, 270, 310, 320, 350, 370, 400, 410, 430, 440, 450, 460, 470, 480, 490, 500, 510, 520, 530, 670, 680,
    690, 700, 710, 720, 730, 740, 750, 760, 770, 780, 840, 850,
)  # fmt: skip


def lif_conv_weights(outputs: int, inputs: int, layer: int) -> Real:
    """Dyadic 3x3 kernels of the LIF network."""
    o, i, ky, kx = np.ogrid[:outputs, :inputs, :3, :3]
    weights: Real = ((5 * o + 3 * i + 7 * ky + 11 * kx + 2 * layer) % 29 - 14) / 32
    return weights


def lif_dense_weights() -> Real:
    """Dyadic weights of its last layer."""
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
    """Its input, 32 steps."""
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


def mesh_costs() -> SpikeCosts:
    """The costs of the mesh run."""
    each = {name: Cost(pj * 1e-12, NANOSECONDS[name] * 1e-9) for name, pj in PICOJOULES.items()}
    north, east, south, west = (each[f"hop_{direction}"] for direction in DIRECTIONS)
    return SpikeCosts(
        neuron_access=each["neuron_access"],
        neuron_update=each["neuron_update"],
        spike_out=each["spike_out"],
        synapse=each["synapse"],
        dendrite=each["dendrite"],
        packet_out=each["packet_out"],
        packet_in=each["packet_in"],
        hops=(north, east, south, west),
        barrier={1: 2e-7},
    )


def mesh_platform(slices: int, extra: str = "") -> str:
    """The mesh as a platform file."""
    costs = "".join(
        f"      {name}: {{energy: {pj} pJ, time: {NANOSECONDS[name]} ns, basis: chosen}}\n"
        for name, pj in PICOJOULES.items()
    )
    return (
        "# Sources: constants of the run itself.\nformat: platform/1\nname: mesh\nprocessing_elements:\n  chip:\n"
        f"    model: neuromorphic\n    mesh: {{width: 3, height: 2, cores_per_tile: 2{extra}}}\n"
        f"    slices: {slices}\n    barrier: 200 ns\n    costs:\n{costs}"
    )


def rows() -> list[Row]:
    """Counts and times of the three reference runs."""
    return [*_single_neuron(), *_lif_network(), *_mesh()]


def _single_neuron() -> list[Row]:
    neuron = lif_from_time_constants(0.0025, 1e-4, 1.0, threshold=0.1)
    network = NetworkBuilder((1,)).dense([[1.0]], neuron, name="lif").build()
    spikes = make_spikes((1,), 1000, SINGLE_LIF_INPUT, np.zeros(len(SINGLE_LIF_INPUT)))
    found = simulate(network, spikes).spikes["lif"].step.tolist()
    return [
        Row("spiking", f"single LIF, spike {n}", "step", step, found[n - 1] if n <= len(found) else -1, 0.0, NIR_PAPER)
        for n, step in enumerate((460, 510, 710, 760), start=1)
    ]


def _lif_network() -> list[Row]:
    result = simulate(lif_conv_network(), lif_conv_input())
    expected = {"conv1": (2280, 186928), "conv2": (1606, 213324), "dense3": (91, 16060)}
    found = []
    for name, (spikes, events) in expected.items():
        counted = int(result.synaptic_events[name].sum())
        found.append(Row("spiking", f"LIF network, {name}", "spike", spikes, result.spikes[name].count, 0.0, SNNTORCH))
        found.append(Row("spiking", f"LIF network, into {name}", "event", events, counted, 0.0, SNNTORCH))
    return found


def _mesh() -> list[Row]:
    mesh, costs = Mesh(3, 2, 2), mesh_costs()
    placement = place(mesh_network(), mesh.cores, cores_per_layer=CORES)
    counter = TrafficCounter(placement)
    blocks = list(Simulation(placement.network, track_updates=True).blocks({}, 40))
    traffic = join([counter.count(block) for block in blocks])
    each = step_costs(traffic, mesh, costs, tiles_used=5)
    walk = PacketWalk(counter, costs)
    detailed = sum(float(schedule(walk.packets(b), mesh, costs, 4, 5).time.sum()) for b in blocks)
    given = (
        ("packets", "packet", 4465, float(traffic.packets.sum()), 0.0, ""),
        ("synaptic events", "event", 23704, float(traffic.synapses.sum()), 0.0, ""),
        ("neurons updated", "update", 14754, float(traffic.updated.sum()), 0.0, ""),
        ("energy", "uJ", 1.684298, float(each.total_energy.sum()) * 1e6, 1e-9, ""),
        ("time, simple model", "us", 72.855, float(each.time.sum()) * 1e6, 1e-9, ""),
        ("time, detailed model", "us", 73.68954338048891, detailed * 1e6, 0.01, "the peer's own runs differ by 0.35 %"),
        ("time, as a plan of 64 slices", "us", 73.68954338048891, _plan_us(placement), 0.01, "event-driven, no fit"),
    )
    return [
        Row("spiking", f"mesh, {case}", unit, ref, sim, tol, SANAFE, note) for case, unit, ref, sim, tol, note in given
    ]


def mesh_layers() -> LayerBuilder:
    """The mesh run's network as layers."""
    builder = LayerBuilder("mesh", number="int", weight_bits=8, activation_bits=1)
    x = builder.conv(builder.input((1, 10, 10), "source"), 4, 3, bias=False, name="conv1")
    x = builder.conv(x, 8, 3, 2, bias=False, name="conv2")
    builder.dense(builder.flatten(x), 6, bias=False, name="dense")
    return builder


def _plan_us(placement: Placement) -> float:
    result = simulate(placement.network, steps=40, keep_masks=True)
    stream = stream_of(result, mesh_layers().build(), np.zeros(40, dtype=np.int64))
    rules = MappingRules([LayerRule(name, cores=cores) for name, cores in CORES.items() if name != "source"])
    with TemporaryDirectory() as folder:
        file = Path(folder) / "mesh.yaml"
        file.write_text(mesh_platform(64), encoding="utf-8")
        plan = lower(load_platform(file), stream, rules).plan
    return run(plan).now * float(plan.tick) * 1e6
