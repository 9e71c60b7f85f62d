"""Both engines on what the shipped platforms make of shipped networks: the same trace, to the last picosecond."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import platforms
from simulator.engine.aggregate import run_aggregate
from simulator.engine.compiled import run_compiled
from simulator.engine.simpy_engine import run_simpy
from simulator.errors import UserError
from simulator.lowering import lower
from simulator.mapping.mapping import MappingRules
from simulator.platform import load_platform
from tests.engine.test_aggregate import figures
from workloads.generators import static_stream
from workloads.loading import load_network

NETWORKS = ("lenet-5", "tfc-w1a1", "alexnet-caffe")
MOST = 400_000


@pytest.mark.parametrize("name", platforms.names())
def test_both_engines_agree_on_every_platform(name: str) -> None:
    platform, compared = load_platform(name), 0
    refusals: list[str] = []
    for network in NETWORKS:
        for arrivals, lossy in ((None, False), ("poisson:900Hz", False), ("periodic:2kHz,jitter=100us", True)):
            stream = replace(static_stream(load_network(network), 4, arrivals, 3), lossy=lossy)
            try:
                plan = lower(platform, stream).plan
            except UserError as error:  # spiking chips run no layers of these networks
                refusals.append(str(error))
                continue
            if plan.firings > MOST:
                continue
            expected, found = run_simpy(plan), run_compiled(plan)
            for column in ("start", "served", "end", "void"):
                for a, b in zip(getattr(expected, column), getattr(found, column), strict=True):
                    assert np.array_equal(a, b), (network, arrivals, column)
            assert (found.now, found.complete) == (expected.now, True)
            compared += 1
    assert all("can run nowhere" in refusal for refusal in refusals)
    assert compared == 3 * len(NETWORKS) or name not in {"rk3399", "t4-server", "tpu-v1", "u250", "zcu104"}


@pytest.mark.parametrize("name", ["raspberry-pi-4", "tpu-v1", "u250", "zcu104"])
@pytest.mark.parametrize(("rate", "lossy"), [("30Hz", False), ("30Hz", True), ("1MHz", True)])
def test_a_camera_at_a_fixed_rate_is_fast_forwarded_exactly(name: str, rate: str, lossy: bool) -> None:
    stream = replace(static_stream(load_network("tfc-w1a1"), 3000, f"periodic:{rate}"), lossy=lossy)
    plan = lower(load_platform(name), stream).plan
    assert plan.actors[0].release.period <= 3
    skipped, whole = run_aggregate(plan), run_aggregate(plan, fast_forward=False)
    assert figures(skipped) == figures(whole)
    # A camera that is too fast meets a busy processor at the same picosecond again after more frames than these; the
    # U250's clock makes that 114 frames.
    if rate == "30Hz" or name in {"u250", "zcu104"}:
        assert skipped.skipped_periods > 0
    assert (skipped.actors[0].void > 0) == (rate == "1MHz" and name != "zcu104")


def test_batches_are_fast_forwarded_exactly() -> None:
    stream = static_stream(load_network("lenet-5"), 4000, None)
    plan = lower(load_platform("t4-server"), stream, MappingRules(batch=8)).plan
    skipped = run_aggregate(plan)
    assert skipped.skipped_periods > 100
    assert figures(skipped) == figures(run_aggregate(plan, fast_forward=False))
