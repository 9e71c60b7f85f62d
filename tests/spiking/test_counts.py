"""Spikes, packets and synaptic events side by side; and the same figures in every process."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import pytest

from simulator.elements.placement import Placement, place
from simulator.elements.spike_traffic import Reach
from tests.spiking.reference import figures, lif_conv_input, lif_conv_network, mesh_network
from workloads.spiking import SpikingRun, simulate, spike_statistics

PROGRAM = """
import hashlib, numpy as np
from simulator.elements.mesh import Mesh
from simulator.elements.mesh_timing import PacketWalk, schedule
from simulator.elements.placement import CoreLimits, place
from simulator.elements.spike_costs import step_costs
from simulator.elements.spike_traffic import TrafficCounter
from tests.spiking.reference import figures, lif_conv_input, lif_conv_network, mesh_costs
from workloads.spiking import Simulation, moving_scene
costs = mesh_costs(figures("sanafe_mesh.json")["architecture"])
mesh, placement = Mesh(4, 4), place(lif_conv_network(), 16, CoreLimits(neurons=256))
counter, digest = TrafficCounter(placement), hashlib.sha256()
for block in Simulation(lif_conv_network(), track_updates=True).blocks({"input": lif_conv_input()}, 32):
    traffic = counter.count(block)
    times = schedule(PacketWalk(counter, costs).packets(block), mesh, costs, 4, 16)
    for array in (traffic.packets, traffic.updated, step_costs(traffic, mesh, costs, 16).total_energy, times.time):
        digest.update(np.ascontiguousarray(array).tobytes())
digest.update(moving_scene(16, 16, 20, seed=1).index.tobytes())
print(digest.hexdigest())
"""


def _packets(run: SpikingRun, placement: Placement, name: str) -> dict[int, int]:
    """Packets that the spikes of a population send, by destination core."""
    batches = Reach(placement, name).batches(run.spikes[name].step, run.spikes[name].index)
    return {core: int(batches[3][batches[2] == core].sum()) for core in sorted(set(batches[2].tolist()))}


def test_three_counts_of_the_mesh_run_stay_apart() -> None:
    reference = figures("sanafe_mesh.json")
    run = simulate(mesh_network(), steps=40)
    placement = place(run.network, 12, cores_per_layer={"source": 1, "conv1": 4, "conv2": 3, "dense": 1})
    spikes = [spike_statistics(run.spikes[p.name]).total for p in run.network.populations]
    assert sum(spikes) == sum(map(sum, reference["fired_per_layer"])) == 1672
    packets = {p.name: _packets(run, placement, p.name) for p in run.network.populations}
    assert sum(sum(each.values()) for each in packets.values()) == sum(reference["messages"]) == 4465
    events = sum(int(each.sum()) for each in run.synaptic_events.values())
    assert events == sum(reference["synaptic_events"]) == 23704
    assert set(packets["conv1"]) == {5, 6, 7}


def test_rates_and_peaks_of_the_lif_run_are_those_published_with_it() -> None:
    run = simulate(lif_conv_network(), lif_conv_input())
    layers = [spike_statistics(run.spikes[p.name]) for p in run.network.layers]
    assert [each.total for each in layers] == [2280, 1606, 91]
    assert [each.rate for each in layers] == pytest.approx([0.03479, 0.065348, 0.284375], rel=1e-4)
    assert [each.peak_over_mean for each in layers] == pytest.approx([1.867, 1.694, 2.11], rel=1e-3)


def test_every_process_gives_the_same_bits() -> None:
    found = set()
    for seed in ("0", "1"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True, timeout=120
        )
        found.add(done.stdout.strip())
    assert len(found) == 1
    assert len(found.pop()) == 2 * hashlib.sha256().digest_size
