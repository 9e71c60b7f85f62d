"""DMA engines move whole bursts, at the rate that their requests in flight allow."""

from __future__ import annotations

from fractions import Fraction

import pytest

from simulator.platform.parts import Dma, DmaConfig


def dma(**keys: object) -> Dma:
    """An engine between two memories called a and b."""
    return Dma("copy", DmaConfig.model_validate({"moves": ("a", "b"), **keys}))


@pytest.mark.parametrize(
    ("beats", "outstanding", "measured"),
    [(4, 4, 2.02206), (16, 4, 6.80909), (32, 4, 8.59958), (4, 32, 8.68773), (16, 32, 8.93942), (32, 32, 8.93942)],
)
def test_bursts_reach_what_an_alveo_card_measured(beats: int, outstanding: int, measured: float) -> None:
    """Reads of 256 bits at 300 MHz from DDR4 over AXI; Xilinx Vitis_Accel_Examples, performance/axi_burst_performance,
    hardware log in its README (GB there are 2**30 bytes). The port's peak is 9.6e9 B/s; one latency fits all six."""
    port = dma(
        bandwidth="32 B/cycle", clock="300 MHz", burst=f"{32 * beats} B", latency="223 ns", outstanding=outstanding
    )
    assert port.bandwidth is not None
    assert float(port.bandwidth) / 2**30 == pytest.approx(measured, rel=0.05)


def test_one_request_at_a_time_pays_the_latency_for_each_burst() -> None:
    port = dma(bandwidth="1 GB/s", burst="100 B", latency="300 ns")
    assert port.bandwidth == Fraction(100, 400) * 10**9


def test_requests_in_flight_never_exceed_the_peak() -> None:
    assert dma(bandwidth="1 GB/s", burst="100 B", latency="300 ns", outstanding=50).bandwidth == 10**9


def test_an_engine_without_a_bandwidth_is_bound_by_its_ends() -> None:
    assert dma().bandwidth is None


@pytest.mark.parametrize(("wanted", "moved"), [(0, 0), (1, 64), (64, 64), (65, 128)])
def test_a_transfer_is_whole_bursts(wanted: int, moved: int) -> None:
    assert dma(burst="64 B").moved_bytes(wanted) == moved


def test_without_bursts_a_transfer_is_its_bytes() -> None:
    assert dma().moved_bytes(65) == 65
