"""The way to carry out each convolution is chosen by what it costs on the platform."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator import load_network, simulate
from simulator.algorithms import algorithm_times, quickest, with_quickest
from simulator.mapping import MappingRules
from workloads.builder import NetworkBuilder
from workloads.network import Network


@pytest.fixture
def board(tmp_path: Path) -> Path:
    path = tmp_path / "board.yaml"
    path.write_text(
        "format: platform/1\nname: board\nprocessing_elements:\n"
        "  cpu: {model: cpu, clock: 1 GHz, rate: {fp32: 4 MAC/cycle}}\n"
        "memories:\n  dram: {size: 1 GiB, bandwidth: 100 GB/s}\n"
    )
    return path


def _two() -> Network:
    made = NetworkBuilder("two")
    x = made.conv(made.input((64, 28, 28)), 64, 3, pad=1, name="square")
    made.conv(x, 64, (1, 7), pad=(0, 3, 0, 3), name="line")
    return made.build()


def test_times_are_those_of_a_run_with_that_algorithm(board: Path) -> None:
    times = algorithm_times(board, _two(), "cpu").set_index(["layer", "algorithm"])["time_us"]
    alone = simulate(board, with_quickest(board, _two(), "cpu"), MappingRules(element="cpu"), frames=1)
    chosen = quickest(algorithm_times(board, _two(), "cpu"))
    for layer, algorithm in chosen.items():
        assert alone.layers.set_index("layer").loc[layer, "time_us"] == pytest.approx(times[layer, algorithm])
        assert times[layer, algorithm] == times[layer].min()


def test_what_cannot_carry_out_a_layer_is_not_tried(board: Path) -> None:
    times = algorithm_times(board, _two(), "cpu")
    assert "winograd-4" in set(times[times["layer"] == "square"]["algorithm"])
    assert "winograd-4" not in set(times[times["layer"] == "line"]["algorithm"])


def test_winograd_wins_where_it_can_and_memory_for_temporaries_decides_otherwise(board: Path) -> None:
    times = algorithm_times(board, _two(), "cpu")
    assert quickest(times)["square"] == "winograd-4"
    assert quickest(times, temporary_limit=0) == {"square": "direct", "line": "direct"}


def test_a_chosen_network_is_never_slower(board: Path) -> None:
    network = load_network("squeezenet-1.1")
    plain, chosen = (
        simulate(board, net, MappingRules(element="cpu"), frames=2).summary()["throughput_fps"]
        for net in (network, with_quickest(board, network, "cpu"))
    )
    assert chosen >= plain
