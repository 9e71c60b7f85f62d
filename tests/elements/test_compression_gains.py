"""What hardware gains from a compressed model is decided by its element, never by the model."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator import Result, load_platform, simulate
from simulator.mapping import LayerRule, MappingRules
from workloads.builder import NetworkBuilder
from workloads.network import Network
from workloads.transforms import (
    prune_channels,
    prune_neurons,
    prune_weights,
    quantise,
    share_weights,
    sparse_storage,
)

_DENSE_HARDWARE = ("mpsoc-cpu-gpu", "systolic-32x32", "zcu104", "tpu-v1")


def _network() -> Network:
    made = NetworkBuilder("small")
    x = made.relu(made.conv(made.input((32, 14, 14)), 64, 3, pad=1, name="conv"))
    x = made.relu(made.conv(x, 64, 3, pad=1, name="conv2"))
    made.dense(made.flatten(made.global_avg_pool(x)), 32, name="fc")
    return made.build()


def _elements() -> list[tuple[str, str]]:
    return [
        (name, element)
        for name in _DENSE_HARDWARE
        for element, each in load_platform(name).processing_elements.items()
        if each.config.model in ("cpu", "gpu", "fpga", "systolic", "tpu")
    ]


def _time(platform: str | Path, element: str, network: Network) -> float:
    return 1 / float(_run(platform, element, network).summary()["throughput_fps"])


def _run(platform: str | Path, element: str, network: Network) -> Result:
    return simulate(platform, network, MappingRules(element=element), frames=4)


@pytest.mark.parametrize(("platform", "element"), _elements())
def test_dense_hardware_gains_nothing_from_unstructured_zeros(platform: str, element: str) -> None:
    network = quantise(_network(), 8, 8)
    plain, pruned = (_run(platform, element, net) for net in (network, prune_weights(network, 0.1)))
    assert pruned.summary()["throughput_fps"] == plain.summary()["throughput_fps"]
    assert pruned.summary()["energy_per_frame_mj"] == plain.summary()["energy_per_frame_mj"]


@pytest.mark.parametrize(("platform", "element"), _elements())
def test_all_hardware_gains_from_channels_that_are_gone(platform: str, element: str) -> None:
    network = quantise(_network(), 8, 8)
    assert _time(platform, element, prune_channels(network, 0.5)) < _time(platform, element, network)


def _vectors(density: float) -> Network:
    made = NetworkBuilder("vectors", number="int", weight_bits=16, activation_bits=16)
    made.dense(made.input((1024,)), 1024, name="fc")
    return prune_weights(made.build(), density)


def test_an_engine_that_skips_zeros_gains_what_is_pruned() -> None:
    times = {density: _time("eie-64pe", "eie", share_weights(_vectors(density), 4)) for density in (1.0, 0.1)}
    assert 5 < times[1.0] / times[0.1] <= 10.0


_BOARD = """format: platform/1
name: board
processing_elements:
  cpu: {model: cpu, clock: 1 GHz, rate: {int8: 64 MAC/cycle}, energy: {mac: 1 pJ/MAC}}
memories:
  dram: {size: 1 GiB, bandwidth: 1 GB/s, energy: {access: 4 pJ/bit}}
"""


@pytest.fixture
def board(tmp_path: Path) -> Path:
    path = tmp_path / "board.yaml"
    path.write_text(_BOARD)
    return path


def _fc(density: float = 1.0) -> Network:
    made = NetworkBuilder("fc", number="int", weight_bits=8, activation_bits=8)
    made.dense(made.input((4096,)), 1024, name="fc")
    return prune_weights(made.build(), density)


def test_zeros_are_worth_their_bytes_only_when_stored_sparse_and_the_index_is_paid(board: Path) -> None:
    dense, pruned, sparse = (
        _run(board, "cpu", net) for net in (_fc(), _fc(0.25), sparse_storage(_fc(0.25), 4, fillers=False))
    )
    assert pruned.layers["read_bytes"].iloc[0] == dense.layers["read_bytes"].iloc[0] == 4096 * 1024 + 4096
    # A kept weight takes 8 bits and 4 of index.
    assert sparse.layers["read_bytes"].iloc[0] == 4096 * 1024 * 0.25 * 1.5 + 4096
    assert sparse.summary()["energy_per_frame_mj"] < dense.summary()["energy_per_frame_mj"]
    # The layer waits for its weights alone, so time follows the bytes.
    ratio = dense.summary()["throughput_fps"] / sparse.summary()["throughput_fps"]
    assert ratio == pytest.approx((4096 * 1024 * 0.375 + 4096 + 1024) / (4096 * 1024 + 4096 + 1024), rel=1e-3)


def test_an_index_wider_than_what_it_saves_makes_a_network_slower(board: Path) -> None:
    assert _time(board, "cpu", sparse_storage(_fc(0.9), 4)) > _time(board, "cpu", _fc())


def test_fewer_bits_shorten_the_way_to_memory(board: Path) -> None:
    times = [_time(board, "cpu", quantise(_fc(), weights=bits)) for bits in (8, 4)]
    shared = _time(board, "cpu", share_weights(_fc(), 4))
    assert times[0] / times[1] == pytest.approx(2, rel=0.01)
    assert times[1] < shared < 1.01 * times[1]


def test_fewer_bits_shorten_dma(tmp_path: Path) -> None:
    path = tmp_path / "dma.yaml"
    path.write_text(
        """format: platform/1
name: dma
processing_elements:
  cpu: {model: cpu, clock: 1 GHz, rate: {int8: 1024 MAC/cycle}, memory: near}
  gpu: {model: gpu, clock: 1 GHz, rate: {int8: 1024 MAC/cycle}, memory: far}
memories:
  near: {size: 1 GiB, bandwidth: 1000 GB/s, serves: [cpu]}
  far: {size: 1 GiB, bandwidth: 1000 GB/s, serves: [gpu]}
dma:
  copy: {moves: [near, far], bandwidth: 1 GB/s}
"""
    )
    rules = MappingRules([LayerRule("fc*", element="gpu")], element="cpu")
    made = NetworkBuilder("two", number="int", weight_bits=8, activation_bits=8)
    x = made.conv(made.input((8, 64, 64)), 64, 1, name="c")
    made.conv(x, 8, 1, name="fc")
    network = made.build()
    spent = [
        1 / simulate(path, net, rules, frames=8).summary()["throughput_fps"]
        for net in (network, quantise(network, activations={"c": 4}))
    ]
    assert spent[0] / spent[1] == pytest.approx(2, rel=0.02)


def test_neurons_that_are_gone_take_their_columns_from_the_next_layer() -> None:
    made = NetworkBuilder("mlp")
    made.dense(made.relu(made.dense(made.input((512,)), 512, name="a")), 512, name="b")
    pruned = prune_neurons(made.build(), 0.5)
    assert (pruned["a"].macs, pruned["b"].macs) == (512 * 256, 256 * 512)


def test_a_codebook_index_does_not_shrink_with_the_precision_of_the_element(board: Path) -> None:
    made = NetworkBuilder("floats")
    made.dense(made.input((4096,)), 1024, name="fc")
    shared = share_weights(sparse_storage(prune_weights(made.build(), 0.25), 4, fillers=False), 4)
    weights = _run(board, "cpu", shared).layers["read_bytes"].iloc[0] - 4096
    # A quarter of the weights, four bits of codebook index and four of place, and 16 values of 32 bits.
    assert weights == 4096 * 1024 // 4 + 64
