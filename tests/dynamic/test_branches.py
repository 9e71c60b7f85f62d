"""Branches taken or not: exits, skipped blocks, gated branches, heads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from simulator.engine import run
from simulator.lowering import lower
from simulator.mapping import LayerRule, MappingRules
from simulator.platform import load_platform
from simulator.simulation import simulate
from workloads.builder import NetworkBuilder
from workloads.dynamic.branches import branches, outputs
from workloads.errors import WorkloadError
from workloads.generators.branches import (
    early_exit_stream,
    heads_stream,
    hydra_stream,
    residual_blocks,
    skip_stream,
)
from workloads.loading import load_network
from workloads.network import Network

_FABRIC = """
format: platform/1
name: fabric
processing_elements:
  cpu: {model: cpu, cores: 1, clock: 1 GHz, rate: {int8: 1 MAC/cycle}, op_rate: 1 op/cycle}
"""


def _two_exits() -> Network:
    b = NetworkBuilder("exits", number="int", weight_bits=8, activation_bits=8)
    trunk = b.dense(b.input((8,)), 8, bias=False, name="trunk")
    b.dense(trunk, 2, bias=False, name="early")
    rest = b.dense(trunk, 10, bias=False, name="rest")
    b.dense(rest, 2, bias=False, name="late")
    return b.build()


def _heads() -> Network:
    b = NetworkBuilder("heads", number="int", weight_bits=8, activation_bits=8)
    trunk = b.dense(b.input((4,)), 4, bias=False, name="trunk")
    for name in ("a", "b"):
        b.dense(trunk, 2, bias=False, name=name)
    return b.build()


def _hydra(count: int) -> Network:
    b = NetworkBuilder("hydra", number="int", weight_bits=8, activation_bits=8)
    trunk = b.conv(b.input((4, 4, 4)), 4, 1, bias=False, name="trunk")
    ends = [b.conv(trunk, 2, 1, bias=False, name=f"branch{i}") for i in range(count)]
    b.concat(*ends, name="join")
    return b.build()


def test_exit_shares_lie_within_their_interval() -> None:
    shares = np.array([65.6, 25.2, 9.2])
    b = NetworkBuilder("three")
    x = b.dense(b.input((4,)), 4, name="s0")
    for i in (0, 1):
        b.dense(x, 2, name=f"exit{i}")
        x = b.dense(x, 4, name=f"s{i + 1}")
    b.dense(x, 2, name="exit2")
    frames = 20_000
    stream = early_exit_stream(b.build(), frames=frames, exits=tuple(shares), seed=11)
    reached = np.array([stream.work[f"exit{i}"].executed.mean() for i in range(3)])
    expected = 1 - np.concatenate([[0], np.cumsum(shares / shares.sum())[:-1]])
    for found, share in zip(reached[1:], expected[1:], strict=True):
        low, high = stats.binom.interval(0.999, frames, share)
        assert low <= found * frames <= high
    assert reached[0] == 1.0


def test_what_lies_behind_an_exit_waits_for_its_decision(tmp_path: Path) -> None:
    path = tmp_path / "platform.yaml"
    path.write_text(_FABRIC)
    network = _two_exits()
    stream = early_exit_stream(network, frames=50, exits=(0.5, 0.5), seed=1)
    assert stream.control == (("early", "rest"),)
    lowered = lower(load_platform(path), stream, MappingRules(layers=[LayerRule("*", element="cpu")]))
    trace = run(lowered.plan, engine="simpy")
    index = {actor.name: i for i, actor in enumerate(lowered.plan.actors)}
    late = stream.work["late"].executed
    assert 0 < late.sum() < 50
    assert len(trace.end[index["rest"]]) == int(late.sum())
    assert (trace.start[index["rest"]] >= trace.end[index["early"]][late]).all()


def test_all_exits_must_be_given() -> None:
    with pytest.raises(WorkloadError, match="has 2 outputs and exits lists 3 shares"):
        early_exit_stream(_two_exits(), frames=3)


def test_resnet_blocks_with_an_identity_can_be_skipped() -> None:
    network = load_network("resnet-18")
    blocks = residual_blocks(network)
    assert [block.groups for block in blocks][:2] == [
        ("layer1.0.conv1", "layer1.0.conv2"),
        ("layer1.1.conv1", "layer1.1.conv2"),
    ]
    assert len(blocks) == 5  # three of the eight shortcuts are convolutions


def test_the_mean_share_of_skipped_blocks_is_as_asked() -> None:
    stream = skip_stream(load_network("resnet-18"), frames=20_000, skipped=0.3, seed=2)
    blocks = residual_blocks(stream.network)
    skipped = [1 - stream.work[block.groups[0]].executed.mean() for block in blocks]
    assert abs(np.mean(skipped) - 0.3) < 0.01
    assert skipped[2] < skipped[0]


def test_nothing_skipped_is_the_static_network_and_its_gates() -> None:
    stream = skip_stream(load_network("resnet-18"), frames=4, skipped=0.0)
    assert all(bool(work.executed.all()) for work in stream.work.values())


def test_k_branches_run_for_every_input() -> None:
    network = _hydra(5)
    assert len(branches(network)) == 5
    stream = hydra_stream(network, frames=300, k=2, seed=4)
    runs = np.stack([stream.work[f"branch{i}"].executed for i in range(5)])
    assert (runs.sum(axis=0) == 2).all()
    assert (runs.mean(axis=1) > 0.2).all()
    with pytest.raises(WorkloadError, match="k is 6"):
        hydra_stream(network, frames=3, k=6)


def test_heads_run_at_their_own_rates() -> None:
    network = _heads()
    assert [g.name for g in outputs(network)] == ["a", "b"]
    stream = heads_stream(network, frames=6, every=(2, 3))
    assert stream.work["a"].executed.tolist() == [True, False, True, False, True, False]
    assert stream.work["b"].executed.tolist() == [True, False, False, True, False, False]
    assert stream.work["trunk"].executed.tolist() == [True, False, True, True, True, False]


def test_a_frame_departs_at_the_exit_that_it_takes(tmp_path: Path) -> None:
    path = tmp_path / "platform.yaml"
    path.write_text(_FABRIC)
    stream = early_exit_stream(_two_exits(), frames=40, exits=(0.5, 0.5), seed=1)
    result = simulate(load_platform(path), stream, MappingRules(element="cpu"))
    assert result.summary()["delivered"] == 40
    latency = result.frames["latency_us"].to_numpy()
    late = stream.work["late"].executed
    assert latency[~late].mean() < latency[late].mean()


def test_what_waits_for_a_decision_leaves_the_way_to_it_open(tmp_path: Path) -> None:
    path = tmp_path / "platform.yaml"
    path.write_text(_FABRIC.replace("{model: cpu, cores: 1,", "{model: fpga, multipliers: 64,").replace(
        ", rate: {int8: 1 MAC/cycle}, op_rate: 1 op/cycle", ""
    ).replace("  cpu:", "  fpga:"))  # fmt: skip
    network = load_network("branchy-lenet")
    stream = early_exit_stream(network, frames=20, exits=(0.9, 0.1), seed=3)
    assert simulate(load_platform(path), stream).summary()["delivered"] == 20
