"""What must hold of any pipeline: more parallel hardware and a faster clock never cost throughput."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulator.mapping import MappingRules
from simulator.platform import Platform, load_platform
from simulator.simulation import simulate
from tests.elements.fpga.pipelines import integers, rules_for
from workloads.network import Network

_TEXT = """
format: platform/1
name: f
processing_elements:
  f: {{model: fpga, clock: {clock} MHz, multipliers: {spent}}}
"""


def _platform(folder: Path, clock: int = 100, spent: int = 64) -> Platform:
    path = folder / "f.yaml"
    path.write_text(_TEXT.format(clock=clock, spent=spent))
    return load_platform(path)


def _network() -> Network:
    b = integers()
    x = b.conv(b.input((4, 10, 10)), 8, 3, pad=1, bias=False, name="a")
    x = b.max_pool(b.relu(x), 2, name="p")
    b.dense(b.flatten(b.conv(x, 8, 3, bias=False, name="b")), 16, bias=False, name="fc")
    return b.build()


def _rate(platform: Platform, rules: MappingRules) -> float:
    found = simulate(platform, _network(), rules, frames=6).summary()["throughput_fps"]
    return float(found)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pe=st.sampled_from([1, 2, 4]), simd=st.sampled_from([1, 2, 6, 12]), granularity=st.sampled_from(["row", "pixel"])
)
def test_more_parallel_rows_or_columns_never_lower_the_throughput(
    tmp_path: Path, pe: int, simd: int, granularity: str
) -> None:
    platform = _platform(tmp_path)

    def folded(rows: int, columns: int) -> MappingRules:
        rest = {"pe": 4, "simd": 12}
        return rules_for(granularity, a={"pe": rows, "simd": columns, "swg_simd": 4}, b=rest, fc={"pe": 4, "simd": 8})

    base = _rate(platform, folded(pe, simd))
    assert _rate(platform, folded(2 * pe, simd)) >= base * (1 - 1e-9)
    assert _rate(platform, folded(pe, 3 * simd)) >= base * (1 - 1e-9)


def test_twice_the_clock_is_twice_the_throughput(tmp_path: Path) -> None:
    slow = _rate(_platform(tmp_path, clock=100), MappingRules())
    assert _rate(_platform(tmp_path, clock=200), MappingRules()) == pytest.approx(2 * slow)


def test_a_larger_budget_never_lowers_the_throughput(tmp_path: Path) -> None:
    rates = [_rate(_platform(tmp_path, spent=spent), MappingRules()) for spent in (3, 8, 32, 128, 512)]
    assert rates == sorted(rates)


def test_no_operator_is_busy_more_than_always(tmp_path: Path) -> None:
    result = simulate(_platform(tmp_path), _network(), MappingRules(), frames=8)
    assert float(result.stages["steady_busy_fraction"].max()) <= 1.0
