"""Token streams of ODE networks: control ticks with jitter and deadlines, and work that really varies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from workloads.errors import WorkloadError
from workloads.generators.ode import ncp_stream, neural_ode_stream
from workloads.ode import ConductanceLtc, lane_keeping
from workloads.ode.cells import Cell
from workloads.ode.sensing import adaptive_work, features
from workloads.streamfile import load_stream, save_stream
from workloads.tokens import TokenStream
from workloads.zoo import zoo_network
from workloads.zoo.ode import behind, ncp_lane


@pytest.fixture(scope="module")
def adaptive() -> TokenStream:
    return ncp_stream(zoo_network("ncp-lane-rk45"), 60, seed=3)


def test_ticks_come_at_30_frames_a_second_within_their_jitter() -> None:
    stream = ncp_stream(zoo_network("ncp-lane"), 300)
    late = stream.release_ps - np.round(np.arange(300) * 1e12 / 30)
    assert late.min() >= 0
    assert 0.9e9 < late.max() <= 1e9
    assert stream.deadline_ps == 33_333_333_333


def test_the_deadline_is_one_period_of_the_sensor() -> None:
    assert ncp_stream(zoo_network("ncp-lane"), 5, "periodic:120Hz").deadline_ps == 8_333_333_333
    assert ncp_stream(zoo_network("ncp-lane"), 5, "saturated").deadline_ps is None


def test_fixed_solvers_ask_the_same_of_every_tick() -> None:
    for solver, steps, evaluations in (("fused", 6, 6), ("euler", 4, 4), ("rk4", 4, 16)):
        stream = ncp_stream(ncp_lane(solver, "sparse", steps), 10)  # type: ignore[arg-type]
        work = stream.work["ncp"]
        assert work.is_static
        assert work.extra["evaluations"].tolist() == [evaluations]
        assert work.macs.tolist() == [stream.network["ncp"].macs]
        assert work.total_ops[0] == sum(stream.network["ncp"].ops.values())


def test_adaptive_work_is_that_of_the_solver_token_by_token(adaptive: TokenStream) -> None:
    work, cell = adaptive.work["ncp"], Cell(lane_keeping(), "rk45", form="sparse")
    evaluations = work.extra["evaluations"].astype(int)
    assert len(set(evaluations.tolist())) > 2
    assert ((evaluations - 2) % 6 == 0).all()
    assert work.macs.tolist() == [cell.operations(int(n)).mac for n in evaluations]
    assert work.ops["sigmoid"].tolist() == [cell.operations(int(n)).sigmoid for n in evaluations]
    layer = adaptive.network["ncp"]
    static = layer.macs + sum(layer.ops.values())
    assert work.fraction * static == pytest.approx(work.macs + work.total_ops)


def test_the_windows_of_the_solver_are_the_gaps_between_arrivals(adaptive: TokenStream) -> None:
    gaps = np.append(np.diff(adaptive.release_ps), 1e12 / 30) * 30 / 1e12
    assert gaps.std() > 0.005
    cell = ConductanceLtc.seeded(lane_keeping(), seed=3)
    trace = adaptive_work(cell, features(60, 32, seed=3), gaps, rtol=1e-3, atol=1e-6)
    assert adaptive.work["ncp"].extra["evaluations"].tolist() == trace.evaluations.tolist()
    assert np.array_equal(trace.evaluations, 2 + 6 * trace.attempted)


def test_scene_changes_make_the_tail() -> None:
    network = zoo_network("ncp-lane-rk45")
    calm = ncp_stream(network, 80, seed=1, changes=0.0).work["ncp"].extra["evaluations"]
    wild = ncp_stream(network, 80, seed=1, changes=0.5).work["ncp"].extra["evaluations"]
    assert wild.mean() > calm[1:].mean()
    assert wild.max() >= calm[1:].max()


def test_only_the_recurrent_layer_varies(adaptive: TokenStream) -> None:
    assert [name for name, work in adaptive.work.items() if not work.is_static] == ["ncp"]
    assert set(adaptive.work) == {g.name for g in adaptive.network.groups() if g.kind != "input"}


def test_equal_seeds_give_equal_streams_and_more_frames_only_add(adaptive: TokenStream) -> None:
    network = zoo_network("ncp-lane-rk45")
    again, shorter = ncp_stream(network, 60, seed=3), ncp_stream(network, 20, seed=3)
    assert np.array_equal(again.work["ncp"].macs, adaptive.work["ncp"].macs)
    # The last tick of the shorter stream does not know its successor's arrival.
    assert np.array_equal(shorter.work["ncp"].macs[:19], adaptive.work["ncp"].macs[:19])
    other = ncp_stream(network, 60, seed=4)
    assert not np.array_equal(other.work["ncp"].macs, adaptive.work["ncp"].macs)


def test_neurons_with_rates_of_their_own_make_a_repeating_pattern() -> None:
    work = ncp_stream(zoo_network("ncp-lane-sparse"), 64, resolution=0.25).work["ncp"]
    assert not work.is_static
    pattern = work.macs[:32]
    assert np.array_equal(work.macs[32:], pattern)
    assert len(set(pattern.tolist())) > 1


def test_rates_need_the_sparse_fused_cell() -> None:
    with pytest.raises(WorkloadError, match="in a sparse fused cell only, this one is dense and fused"):
        ncp_stream(zoo_network("ncp-lane"), 4, resolution=0.5)


def test_a_network_without_a_cell_is_refused() -> None:
    with pytest.raises(WorkloadError, match=r"'lenet-5' has no LTC or CfC layer; take e.g. 'ncp-lane'"):
        ncp_stream(zoo_network("lenet-5"))
    with pytest.raises(WorkloadError, match=r"no layer with the attribute 'ode_block'; take e.g. 'ode-net'"):
        neural_ode_stream(zoo_network("lenet-5"))


def test_features_have_unit_variance_and_the_memory_asked_for() -> None:
    seen = features(4000, 8, seed=1, memory=10.0, changes=0.0)
    assert seen.var() == pytest.approx(1.0, abs=0.1)
    assert (seen[1:] * seen[:-1]).mean() == pytest.approx(np.exp(-0.1), abs=0.1)


def test_features_that_cannot_be_are_refused() -> None:
    with pytest.raises(WorkloadError, match="changes a probability"):
        features(3, 3, seed=1, changes=1.5)


def test_an_ode_block_costs_its_evaluations_for_each_image() -> None:
    from workloads.zoo.ode import ode_net

    network = ode_net(channels=8)
    stream = neural_ode_stream(network, 10, seed=2, gain=4.0)
    evaluations = stream.work["ode.conv1"].extra["evaluations"]
    assert len(set(evaluations.tolist())) > 1
    for layer in ("ode.conv1", "ode.conv2"):
        assert np.array_equal(stream.work[layer].macs, evaluations * network[layer].macs)
    assert stream.work["conv1"].is_static
    batch = neural_ode_stream(network, 10, seed=2, gain=4.0, batch=10)
    assert len(set(batch.work["ode.conv1"].macs.tolist())) == 1


def test_a_cell_behind_another_head() -> None:
    network = behind(zoo_network("ncp-conv-head"), Cell(lane_keeping(), "cfc", form="sparse"), "own")
    assert ncp_stream(network, 3).work["ncp"].extra["sequential_steps"].tolist() == [3]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_saved_stream_of_solver_work_comes_back_equal(adaptive: TokenStream, tmp_path: Path, ending: str) -> None:
    save_stream(adaptive, tmp_path / f"ticks.{ending}")
    again = load_stream(tmp_path / f"ticks.{ending}", adaptive.network)
    one, two = adaptive.work["ncp"], again.work["ncp"]
    assert np.array_equal(one.macs, two.macs)
    assert np.array_equal(one.fraction, two.fraction)
    assert {kind: values.tolist() for kind, values in one.ops.items()} == {k: v.tolist() for k, v in two.ops.items()}
    assert np.array_equal(one.extra["evaluations"], two.extra["evaluations"])
    assert (again.deadline_ps, again.release_ps.tolist()) == (adaptive.deadline_ps, adaptive.release_ps.tolist())
