"""The neuromorphic chip beside a recorded SANA-FE run: counts, energy, simple and detailed step times."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.elements.mesh import DIRECTIONS, Mesh
from simulator.elements.mesh_timing import Packets, PacketWalk, Schedule, schedule
from simulator.elements.placement import Placement, place
from simulator.elements.spike_costs import StepCosts, step_costs
from simulator.elements.spike_traffic import Traffic, TrafficCounter, join
from tests.spiking.reference import figures, mesh_costs, mesh_network
from workloads.spiking import Simulation
from workloads.spiking.simulation import Block

REFERENCE = figures("sanafe_mesh.json")
COSTS = mesh_costs(REFERENCE["architecture"])
MESH = Mesh(width=3, height=2, cores_per_tile=2)


@pytest.fixture(scope="module")
def placement() -> Placement:
    return place(mesh_network(), MESH.cores, cores_per_layer={"source": 1, "conv1": 4, "conv2": 3, "dense": 1})


@pytest.fixture(scope="module")
def blocks(placement: Placement) -> list[Block]:
    return list(Simulation(placement.network, track_updates=True).blocks({}, 40, 16))


@pytest.fixture(scope="module")
def traffic(placement: Placement, blocks: list[Block]) -> Traffic:
    counter = TrafficCounter(placement)
    return join([counter.count(block) for block in blocks])


@pytest.fixture(scope="module")
def costs(traffic: Traffic) -> StepCosts:
    return step_costs(traffic, MESH, COSTS, tiles_used=5)


def test_every_count_of_every_step_is_equal(traffic: Traffic, costs: StepCosts, blocks: list[Block]) -> None:
    fired = np.zeros((40, 4), dtype=np.int64)
    for column, name in enumerate(("source", "conv1", "conv2", "dense")):
        for block in blocks:
            np.add.at(fired[:, column], block.spikes[name][0], 1)
    assert fired.tolist() == REFERENCE["fired_per_layer"]
    assert traffic.updated.sum(axis=1).tolist() == REFERENCE["neurons_updated"]
    assert traffic.per_step(traffic.synapses).tolist() == REFERENCE["synaptic_events"]
    assert traffic.per_step(traffic.packets).tolist() == REFERENCE["messages"]
    assert costs.hops.tolist() == REFERENCE["hops"]


def test_energy_of_every_unit_agrees_to_a_billionth(costs: StepCosts) -> None:
    for unit in ("synapse", "dendrite", "soma", "network"):
        np.testing.assert_allclose(costs.energy[unit], REFERENCE[f"{unit}_energy_J"], rtol=1e-9)
    assert costs.total_energy.sum() == pytest.approx(REFERENCE["total_energy_J"], rel=1e-9)


def test_simple_step_times_agree_to_ten_picoseconds(costs: StepCosts) -> None:
    np.testing.assert_allclose(costs.time, REFERENCE["step_time_simple_s"], rtol=0, atol=1e-11)


def detailed(
    placement: Placement, blocks: list[Block], order: list[int] | None
) -> tuple[list[Packets], list[Schedule]]:
    walk = PacketWalk(TrafficCounter(placement), COSTS, order)
    packets = [walk.packets(block) for block in blocks]
    return packets, [schedule(p, MESH, COSTS, buffer=4, tiles_used=5) for p in packets]


def test_detailed_time_of_the_run_agrees_within_a_percent(placement: Placement, blocks: list[Block]) -> None:
    times = np.concatenate([s.time for s in detailed(placement, blocks, None)[1]])
    assert times.sum() == pytest.approx(sum(REFERENCE["step_time_detailed_s"]), rel=1e-2)


def test_detailed_time_is_exact_in_the_recorded_order_of_destinations(
    placement: Placement, blocks: list[Block]
) -> None:
    packets, schedules = detailed(placement, blocks, [1, 4, 2, 3, 6, 7, 5])
    times = np.concatenate([s.time for s in schedules])
    np.testing.assert_allclose(times, REFERENCE["step_time_detailed_s"], rtol=1e-9)
    rows = np.flatnonzero(packets[0].step == 6)
    found = schedules[0]
    recorded = REFERENCE["messages_step_7"]
    assert [[r[1], r[2], r[3]] for r in recorded] == np.stack(
        [packets[0].source[rows], packets[0].destination[rows], packets[0].synapses[rows]], axis=1
    ).tolist()
    values = np.stack([found.blocking, found.sent, found.received, found.processed], axis=1)[rows] * 1e9
    np.testing.assert_allclose(values, [r[4:] for r in recorded], atol=2e-6)


def test_compiled_and_plain_schedules_are_equal(
    placement: Placement, blocks: list[Block], monkeypatch: pytest.MonkeyPatch
) -> None:
    packets, plain = detailed(placement, blocks, None)
    monkeypatch.setattr("simulator.elements.mesh_timing._WORTH_COMPILING", 1)
    for p, expected in zip(packets, plain, strict=True):
        compiled = schedule(p, MESH, COSTS, buffer=4, tiles_used=5)
        assert np.array_equal(compiled.time, expected.time)
        assert np.array_equal(compiled.processed, expected.processed)


def test_packets_travel_first_along_x_then_along_y() -> None:
    mesh = Mesh(3, 3)
    links, start = mesh.routes(np.array([0, 8, 4]), np.array([8, 0, 4]))

    def named(link: int) -> tuple[int, str]:
        return link // 4, DIRECTIONS[link % 4]

    assert [named(v) for v in links[start[0] + 1 : start[1]]] == [(0, "east"), (3, "east"), (6, "north"), (7, "north")]
    assert [named(v) for v in links[start[1] + 1 : start[2]]] == [(8, "west"), (5, "west"), (2, "south"), (1, "south")]
    assert start[3] - start[2] == 1
    assert mesh.hops(0, 8).tolist() == [2, 2, 0, 0]


def test_barrier_takes_the_largest_key_that_is_not_above_the_tiles() -> None:
    table = mesh_costs(REFERENCE["architecture"])
    assert table.barrier_time(5) == 2e-7
    from simulator.elements.spike_costs import SpikeCosts

    steps = SpikeCosts(barrier={1: 6e-7, 2: 1e-6, 29: 1.8e-6})
    assert [steps.barrier_time(n) for n in (0, 1, 5, 28, 29, 32)] == [0.0, 6e-7, 1e-6, 1e-6, 1.8e-6, 1.8e-6]
