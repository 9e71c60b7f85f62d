"""Results without a trace: the same tables and figures as from the full trace, on shipped platforms."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import platforms
from simulator.analysis.totals import count_run
from simulator.engine import run
from simulator.errors import UserError
from simulator.lowered import Lowered
from simulator.lowering import lower
from simulator.platform import load_platform
from simulator.result import Result, TotalsResult, load_result
from simulator.simulation import simulate
from workloads.generators import static_stream
from workloads.loading import load_network

TABLES = ("elements", "stages", "layers", "fifos", "fifo_histograms", "memories", "memory_histograms", "energy")
OF_THE_WINDOW = ["steady_busy_fraction", "busiest_fraction"]
OF_THE_ENGINE = {"engine", "engine_reason", "wall_s", "steady_frames"}
ESTIMATES = {"throughput_fps", "throughput_low_fps", "throughput_high_fps", "steady", "steady_note", "bottleneck"}


def lowered(platform: str, network: str, frames: int, arrivals: str | None, lossy: bool = False) -> Lowered:
    """A network on a platform, ready to run."""
    stream = replace(static_stream(load_network(network), frames, arrivals, 3), lossy=lossy)
    return lower(load_platform(platform), stream)


def both(of: Lowered) -> tuple[Result, TotalsResult]:
    """A run with its trace, and one without."""
    return Result(of, run(of.plan)), TotalsResult(of, count_run(of))


def assert_same(traced: Result, counted: TotalsResult) -> None:
    """All tables and figures agree; an estimate of the full run holds the exact figure, or is one of another window."""
    recurs = counted.run.totals.longest is not None
    for name in TABLES:
        expected, found = getattr(traced, name), getattr(counted, name)
        left_out = [column for column in OF_THE_WINDOW if column in expected]
        if recurs:  # departures that repeat but for ticks of rounding may give the full run no whole periods
            pd.testing.assert_frame_equal(found[left_out], expected[left_out], rtol=1e-4, check_dtype=False, obj=name)
        pd.testing.assert_frame_equal(
            found.drop(columns=left_out), expected.drop(columns=left_out), rtol=1e-9, check_dtype=False, obj=name
        )
    full, own = traced.summary(), counted.summary()
    low, high = full["throughput_low_fps"], full["throughput_high_fps"]
    is_exact = recurs and low == high
    for key in full.keys() - OF_THE_ENGINE - (set() if is_exact else ESTIMATES):
        assert own[key] == alike(full[key]), key
    if recurs and low is not None:
        assert low * (1 - 1e-9) <= own["throughput_fps"] <= high * (1 + 1e-9)


def alike(value: Any) -> Any:
    """A figure but for the order in which it was summed."""
    if isinstance(value, dict):
        return {key: alike(one) for key, one in value.items()}
    return pytest.approx(value, rel=1e-9) if isinstance(value, float) else value


@pytest.mark.parametrize(
    ("platform", "network", "frames", "arrivals", "lossy"),
    [
        ("u250", "lenet-5", 200, None, False),
        ("u250", "tfc-w1a1", 150, "poisson:9kHz", False),
        ("rk3399", "alexnet-caffe", 80, None, False),
        ("rk3399", "lenet-5", 300, "periodic:100Hz", False),
        ("t4-server", "resnet-18", 64, None, False),
        ("tpu-v1", "lenet-5", 400, None, False),
        ("eyeriss", "alexnet-caffe", 40, "bursty:100Hz,on=50ms,off=200ms", False),
        ("rk3399", "alexnet-caffe", 120, "periodic:200Hz", True),
        ("u250", "lenet-5", 120, "poisson:20kHz", True),
    ],
)
def test_totals_tell_what_the_trace_tells(
    platform: str, network: str, frames: int, arrivals: str | None, lossy: bool
) -> None:
    assert_same(*both(lowered(platform, network, frames, arrivals, lossy)))


@pytest.mark.slow
@pytest.mark.parametrize("platform", platforms.names())
def test_totals_tell_what_the_trace_tells_on_every_platform(platform: str) -> None:
    refusals = []
    for network in ("lenet-5", "tfc-w1a1", "alexnet-caffe"):
        for arrivals, lossy in ((None, False), ("poisson:900Hz", False), ("periodic:2kHz", True)):
            try:
                own = lowered(platform, network, 40, arrivals, lossy)
            except UserError as error:
                refusals.append(str(error))
                continue
            if own.plan.firings <= 150_000:
                assert_same(*both(own))
    assert all("can run nowhere" in refusal for refusal in refusals)


def test_a_sampled_throughput_lies_in_the_interval_of_the_full_run() -> None:
    traced, counted = both(lowered("u250", "lenet-5", 2000, "poisson:9kHz"))
    assert counted.run.totals.longest is None
    full = traced.summary()
    assert full["throughput_low_fps"] < counted.summary()["throughput_fps"] < full["throughput_high_fps"]


def test_a_million_frames_are_those_of_a_hundred_for_all_shares() -> None:
    few = simulate("u250", "lenet-5", frames=2000)
    many = simulate("u250", "lenet-5", frames=1_000_000, totals=True)
    assert many.summary()["throughput_fps"] == few.summary()["throughput_fps"]
    assert many.summary()["delivered"] == 1_000_000
    assert many.run.totals.skipped_ticks > 0.99 * many.run.totals.now
    assert many.run.totals.log.entry.size < 1000
    assert many.summary()["latency_ms"]["max"] == pytest.approx(few.summary()["latency_ms"]["max"])
    assert np.allclose(many.elements["busy_fraction"], few.elements["busy_fraction"], atol=2e-3)


def test_what_needs_a_trace_says_so_and_what_to_do(tmp_path: Path) -> None:
    counted = simulate("rk3399", "lenet-5", frames=20, totals=True)
    for name in ("frames", "timeline", "levels", "firings", "trace"):
        with pytest.raises(UserError, match="needs a trace, and this run kept totals; run it without totals"):
            getattr(counted, name)
    with pytest.raises(UserError, match="totals are kept by the compiled engine alone"):
        simulate("rk3399", "lenet-5", frames=2, totals=True, engine="simpy")


def test_totals_are_saved_with_their_tables_and_read_back(tmp_path: Path) -> None:
    counted = simulate("rk3399", "lenet-5", frames=20, totals=True)
    saved = load_result(counted.save(tmp_path / "totals"))
    assert saved.summary()["delivered"] == 20
    assert saved.manifest["kept"] == "totals"
    assert int(saved.latencies["frames"].sum()) == 20
    for name in TABLES:
        pd.testing.assert_frame_equal(getattr(saved, name), getattr(counted, name), check_dtype=False)
    with pytest.raises(UserError, match="run kept totals; run it without --totals"):
        _ = saved.timeline
    with pytest.raises(UserError, match="run kept totals; run it without --totals"):
        _ = saved.trace
    assert saved.plan.firings == counted.lowered.plan.firings
