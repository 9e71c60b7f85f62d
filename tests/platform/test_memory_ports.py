"""Read and write mix, ports and banks of a memory, gaps between bursts, and several initiators at once."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.mapping import MappingRules
from simulator.mapping.mapping import LayerRule
from simulator.platform import load_platform
from simulator.platform.parts import Dma, DmaConfig, Memory, MemoryConfig
from simulator.simulation import simulate
from workloads.builder import NetworkBuilder

_SHARED = """
format: platform/1
name: shared
processing_elements:
  one: {{model: gpu, clock: 1 GHz, rate: {{int8: 1000000 MAC/cycle}}}}
  two: {{model: gpu, clock: 1 GHz, rate: {{int8: 1000000 MAC/cycle}}}}
memories:
  dram: {{size: 1 GiB, bandwidth: 4 GB/s, {more}}}
"""


def memory(**config: Any) -> Memory:
    return Memory("m", MemoryConfig(**{"size": "1 GiB", "bandwidth": "4 GB/s", **config}))


def load(own: Memory, read: float, write: float) -> float:
    """Bytes of mixed traffic that a firing's reads and writes count as."""
    return float(own.port_bytes(np.array([read]), np.array([write]))[0])


def test_without_a_mix_every_byte_counts_once() -> None:
    assert load(memory(efficiency="75 %"), 300, 100) == 400


def test_reads_alone_are_quicker_than_reads_and_writes_in_turn() -> None:
    """The figures of a Zynq-7000's DDR3 (UG585): 97 % for reads, 90 % for writes, 87 % for both."""
    ddr = memory(efficiency="87 %", read_efficiency="97 %", write_efficiency="90 %")
    assert load(ddr, 970, 0) == pytest.approx(870)
    assert load(ddr, 0, 900) == pytest.approx(870)
    assert load(ddr, 435, 435) == pytest.approx(870)
    assert load(ddr, 435 + 97, 435) == pytest.approx(870 + 87)


def test_a_narrow_direction_costs_its_own_time() -> None:
    """Writes at 1 of 4 GB/s: each of their bytes takes the time of four."""
    own = memory(write_bandwidth="1 GB/s")
    assert load(own, 100, 0) == 100
    assert load(own, 0, 100) == 400
    assert load(own, 100, 100) == 500


def test_a_user_without_interleaving_reaches_one_bank() -> None:
    assert memory(banks=4).port_bandwidth is None
    assert memory(banks=4, interleaved=False).port_bandwidth == 10**9
    assert memory(banks=4, interleaved=False, port_bandwidth="600 MB/s").port_bandwidth == 6 * 10**8


def _elapsed_us(tmp_path: Path, more: str) -> float:
    """Two elements that each fetch 4 MB of weights at the same time."""
    path = tmp_path / "shared.yaml"
    path.write_text(_SHARED.format(more=more))
    b = NetworkBuilder("n", number="int", weight_bits=8, activation_bits=8)
    for name in ("a", "b"):
        b.dense(b.input((2000,)), 2000, bias=False, name=name)
    rules = MappingRules(layers=[LayerRule("a", element="one"), LayerRule("b", element="two")])
    return 1000 * float(simulate(load_platform(path), b.build(), rules, frames=1).summary()["elapsed_ms"])


def test_two_initiators_share_a_memory(tmp_path: Path) -> None:
    """4 MB and 4000 bytes of activations each, twice, at 4 GB/s together."""
    assert _elapsed_us(tmp_path, "efficiency: 100 %") == pytest.approx(2 * 4_004_000 / 4000, rel=1e-6)


def test_a_port_holds_its_user_back_and_not_the_others(tmp_path: Path) -> None:
    assert _elapsed_us(tmp_path, "port_bandwidth: 1 GB/s") == pytest.approx(4_004_000 / 1000, rel=1e-6)
    assert _elapsed_us(tmp_path, "port_bandwidth: 3 GB/s") == pytest.approx(2 * 4_004_000 / 4000, rel=1e-6)
    assert _elapsed_us(tmp_path, "banks: 4, interleaved: false") == pytest.approx(4_004_000 / 1000, rel=1e-6)


def test_a_gap_follows_each_burst() -> None:
    """100 ns of data, then 25 ns of nothing."""
    own = Dma("d", DmaConfig(moves=("a", "b"), bandwidth="1 GB/s", burst="100 B", gap="25 ns"))
    assert own.bandwidth == Fraction(100, 125) * 10**9


@given(st.integers(1, 64), st.integers(1, 400), st.integers(1, 16), st.integers(0, 50), st.integers(1, 64))
def test_longer_bursts_and_more_requests_in_flight_never_slow_an_engine(
    beats: int, latency: int, outstanding: int, gap: int, wider: int
) -> None:
    shared = {"moves": ("a", "b"), "bandwidth": "1 GB/s", "latency": f"{latency} ns", "gap": f"{gap} ns"}
    base = Dma("d", DmaConfig(**shared, burst=f"{8 * beats} B", outstanding=outstanding)).bandwidth
    longer = Dma("d", DmaConfig(**shared, burst=f"{8 * (beats + wider)} B", outstanding=outstanding)).bandwidth
    more = Dma("d", DmaConfig(**shared, burst=f"{8 * beats} B", outstanding=outstanding + 1)).bandwidth
    assert base is not None
    assert longer is not None
    assert more is not None
    assert base <= longer <= 10**9
    assert base <= more <= 10**9
