"""How fast are spiking dynamics, packet counts, energy and step times?

Setup: a convolutional network of the DVS-Gesture kind (2x32x32 - 16C3s2 - 32C3 - 64C3 - 11C3 - FC11; 18,700 neurons,
3.5 million synapses) with seeded integer weights, tuned to about 2 % activity, on an 8x4 mesh of 4-core tiles.
Reported per step: CPU time of dynamics, counts, energy and simple step time together; apart from it the detailed
network timing; then how cost grows with cores and packets; peak memory at the end.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from experiments.common import folder, natural, script, seed
from simulator.elements.mesh import Mesh
from simulator.elements.mesh_timing import PacketWalk, schedule
from simulator.elements.placement import place
from simulator.elements.spike_costs import Cost, SpikeCosts, step_costs
from simulator.elements.spike_traffic import TrafficCounter
from simulator.files import write_atomically
from workloads.seeds import generator
from workloads.spiking.activity import with_activity
from workloads.spiking.network import NetworkBuilder, SpikingNetwork
from workloads.spiking.neurons import Neuron
from workloads.spiking.scenes import moving_scene
from workloads.spiking.simulation import Simulation
from workloads.spiking.spikes import Spikes, make_spikes

# Hop, packet, synapse and neuron costs of the order of published ones (Davies et al., IEEE Micro 38(1), 2018, Table 2).
COSTS = SpikeCosts(
    neuron_access=Cost(52e-12, 5.3e-9),
    neuron_update=Cost(29e-12, 3.1e-9),
    spike_out=Cost(69.3e-12, 30e-9),
    synapse=Cost(23.6e-12, 3.5e-9),
    packet_out=Cost(111e-12, 5.1e-9),
    packet_in=Cost(0.0, 16e-9),
    hops=(Cost(4.0e-12, 6.5e-9), Cost(3.0e-12, 4.1e-9), Cost(4.0e-12, 6.5e-9), Cost(3.0e-12, 4.1e-9)),
    barrier={1: 113e-9, 32: 465e-9},
)


def gesture_network(seed: int, steps: int, rate: float) -> tuple[SpikingNetwork, Spikes]:
    """The network with seeded integer weights, tuned to ``rate`` spikes a neuron and step on a seeded scene."""
    random = generator(seed, "benchmark.weights")

    def weights(*shape: int) -> np.ndarray[Any, np.dtype[np.int64]]:
        return random.integers(-6, 11, shape)

    neuron = Neuron(decay=0.875, resolution=1 / 64, reset="zero")
    builder = NetworkBuilder((2, 32, 32), delay=1, name="gesture")
    builder.conv(weights(16, 2, 3, 3), neuron, stride=2).conv(weights(32, 16, 3, 3), neuron)
    builder.conv(weights(64, 32, 3, 3), neuron).conv(weights(11, 64, 3, 3), neuron).dense(weights(11, 891), neuron)
    scene = moving_scene(32, 32, steps, seed, shapes=6, speed=0.4)
    head = scene.window(0, 100)
    return with_activity(builder.build(), make_spikes(scene.shape, min(steps, 100), *head), rate), scene


def measure(network: SpikingNetwork, scene: Spikes, steps: int, scale: int, detailed: bool) -> dict[str, float]:
    """CPU milliseconds and mean counts a step, each layer on ``scale`` times the cores it needs."""
    mesh = Mesh(8, 4 * scale, 4)
    needed = {p.name: -(-p.size // 1024) * scale for p in network.layers}
    placement = place(network, mesh.cores, cores_per_layer={n: min(k, network[n].size) for n, k in needed.items()})
    counter = TrafficCounter(placement)
    walk = PacketWalk(counter, COSTS)
    tiles = int(np.unique(mesh.tile(placement.used_cores())).size)
    trains = {network.inputs[0].name: scene}
    simple = timing = 0.0
    fired = packets = synapses = 0
    started = time.process_time()
    for block in Simulation(network, track_updates=True).blocks(trains, steps):
        traffic = counter.count(block)
        step_costs(traffic, mesh, COSTS, tiles)
        simple += time.process_time() - started
        fired += int(traffic.fired.sum()) + block.spikes[network.inputs[0].name][0].size
        packets += int(traffic.packets.sum())
        synapses += int(traffic.synapses.sum())
        started = time.process_time()
        if detailed:
            schedule(walk.packets(block), mesh, COSTS, 16, tiles)
            timing += time.process_time() - started
            started = time.process_time()
    return {
        "cores": float(placement.used_cores().size),
        "spikes_per_step": fired / steps,
        "packets_per_step": packets / steps,
        "synaptic_events_per_step": synapses / steps,
        "simple_ms_per_step": 1e3 * simple / steps,
        "detailed_ms_per_step": 1e3 * timing / steps,
    }


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@script
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=natural, default=500, help="time steps a run (500)")
    parser.add_argument("--rate", type=float, default=0.0195, help="spikes a neuron and step (0.0195)")
    parser.add_argument("--seed", type=seed, default=0, help="seed of everything random (0)")
    parser.add_argument("--repeats", type=natural, default=3, help="runs of which the quickest counts (3)")
    parser.add_argument("--out", type=folder, help="folder for benchmark_spiking.json")
    given = parser.parse_args(arguments)
    network, scene = gesture_network(given.seed, given.steps, given.rate)
    print(f"{network.neurons} neurons, {network.synapses} synapses, {given.steps} steps")
    measure(network, scene, given.steps, 1, False)
    simple_peak = _peak_mib()
    rows = []
    for scale in (1, 2, 4):
        runs = [measure(network, scene, given.steps, scale, scale == 1 or i == 0) for i in range(given.repeats)]
        best = {k: min(run[k] for run in runs if run[k] > 0) for k in runs[0]}
        rows.append(best)
        print("  ".join(f"{k}={v:.3f}" for k, v in best.items()))
    print(f"peak memory {simple_peak:.0f} MiB, with the compiled network timing {_peak_mib():.0f} MiB")
    if given.out is not None:
        text = json.dumps({"seed": given.seed, "steps": given.steps, "peak_mib": simple_peak, "rows": rows}, indent=1)
        write_atomically(given.out / "benchmark_spiking.json", text.encode())


if __name__ == "__main__":
    main()
