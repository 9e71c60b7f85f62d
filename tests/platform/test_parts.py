"""DMA engines move whole bursts, at the rate that their requests in flight allow."""

from __future__ import annotations

from fractions import Fraction

import pytest
from pydantic import ValidationError

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
        bandwidth="32 B/cycle",
        clock="300 MHz",
        burst=f"{32 * beats} B",
        latency="214 ns",
        refresh="350 ns",
        outstanding=outstanding,
    )
    assert port.bandwidth is not None
    assert float(port.bandwidth) / 2**30 == pytest.approx(measured, rel=0.01)


@pytest.mark.parametrize(("outstanding", "lost"), [(4, 300), (5, 200), (6, 100), (7, 0), (8, 0)])
def test_requests_in_flight_cover_what_they_last_beyond_one_latency(outstanding: int, lost: int) -> None:
    """Bursts of 100 ns that come back 300 ns after they were asked for: four keep the port busy, and every further one
    covers 100 ns of a refresh of 300 ns, which comes every 3 us.
    """
    port = dma(
        bandwidth="1 GB/s",
        burst="100 B",
        latency="300 ns",
        outstanding=outstanding,
        refresh="300 ns",
        refresh_period="3 us",
    )
    assert port.bandwidth == 10**9 * (1 - Fraction(lost, 3000))


def test_a_memory_that_is_always_refreshed_is_refused() -> None:
    with pytest.raises(ValidationError) as raised:
        dma(bandwidth="1 GB/s", burst="100 B", refresh="8 us")
    assert raised.value.errors()[0]["loc"] == ("refresh",)
    assert "must be shorter than 'refresh_period', 0.0000078 s" in str(raised.value)


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
