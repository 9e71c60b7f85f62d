"""Latency, energy, utilisation and work of a small lowered run, each figure worked out on paper."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.lowered import Lowered
from simulator.plan import Channel, Series
from simulator.result import Result
from tests.analysis.by_hand import PICOSECOND, lowered, platform, result, source, stage, stream
from tests.engine.small import actor, plan

FRAMES = 4


def _made(
    folder: Path, release: list[int] | None = None, deadline: int | None = None, *, drop: bool = False
) -> Lowered:
    """A source, 'first' on one of two cores for 1000 ps with 12 MACs, and 'second' on the GPU: two firings a frame of
    1500 ps and 3 MACs each.

    'first' moves 8 bytes a frame through a memory that takes 2000 ps for them: half its service is memory-bound.
    """
    times = release or [0] * FRAMES
    graph = plan(
        actor("input", FRAMES, 0, release=times, writes={0: 1}, drop=drop),
        actor("first", FRAMES, 1000, reads={0: 1}, writes={1: 2}, resource=0, flows=[(0, 8000, None)]),
        actor("second", 8, 1500, reads={1: 1}, resource=1, frames=[(k // 2, k // 2) for k in range(8)]),
        channels=[Channel("in", 1, 0, 4.0, "dram"), Channel("between", 4, 0, 1.5, "dram")],
        resources=[2, 1],
        servers=[4],
        tick=PICOSECOND,
    )
    notes = [
        source(),
        stage(
            "cpu", "first", cycles=Series.constant(1, FRAMES), macs=12, energy_pj={"mac": 24.0},
            moved={("dram", "read"): 6, ("dram", "write"): 2},
        ),
        stage("gpu", "second", cycles=Series.constant(3, 2 * FRAMES), macs=3),
    ]  # fmt: skip
    return lowered(
        graph, notes, platform(folder), stream(FRAMES, release, deadline),
        resources=["cpu", "gpu"], servers=["dram"], weights={"dram": 18},
    )  # fmt: skip


def _run(folder: Path, release: list[int] | None = None, deadline: int | None = None) -> Result:
    return result(_made(folder, release, deadline))


def test_latency_runs_from_arrival_to_the_last_departure(tmp_path: Path) -> None:
    """5000 ps alone; the second frame arrives 1000 ps later and waits for the GPU 2000 ps."""
    run = _run(tmp_path, release=[0, 1000, 20_000, 30_000], deadline=6000)
    assert run.frames["latency_us"].tolist() == pytest.approx([0.005, 0.007, 0.005, 0.005])
    assert run.frames["missed_deadline"].tolist() == [False, True, False, False]
    summary = run.summary()
    assert summary["latency_ms"]["mean"] == pytest.approx(5.5e-6)
    assert summary["latency_ms"]["max"] == pytest.approx(7e-6)
    assert summary["latency_ms"]["p50"] == pytest.approx(5e-6)
    assert (summary["deadline_misses"], summary["delivered"], summary["dropped"]) == (1, 4, 0)


def test_a_frame_of_a_saturated_stream_arrives_when_it_enters(tmp_path: Path) -> None:
    """The place at the entrance is free again when 'first' departs: at 2000, 4000 and 7000."""
    run = _run(tmp_path)
    assert run.frames["arrival_us"].tolist() == pytest.approx([0, 0.002, 0.004, 0.007])
    assert run.frames["departure_us"].tolist() == pytest.approx([0.005, 0.008, 0.011, 0.014])
    assert run.summary()["deadline_misses"] is None


def test_shares_of_an_element_count_all_its_slots(tmp_path: Path) -> None:
    """'first' takes one of two cores for 2000 of every frame's time, half of it computing; the run lasts 14000."""
    table = _run(tmp_path).elements.set_index("element")
    cpu = table.loc["cpu"]
    assert cpu["compute_fraction"] == pytest.approx(4 * 1000 / 28_000)
    assert cpu["memory_bound_fraction"] == pytest.approx(4 * 1000 / 28_000)
    assert cpu["busy_fraction"] == pytest.approx(8 * 1000 / 28_000)
    assert table.loc["gpu", "busy_fraction"] == pytest.approx(12 / 14)
    assert table.loc["gpu", "starved_fraction"] == pytest.approx(2 / 14)
    shares = [name for name in table.columns if name.endswith("_fraction") and "busy" not in name]
    assert table[shares].sum(axis=1).tolist() == pytest.approx([1, 1])
    assert table["slots"].tolist() == [2, 1]


def test_energy_is_work_times_its_price_and_power_times_its_time(tmp_path: Path) -> None:
    """2 pJ x 12 MACs x 4; 10 mW over 14 ns; 30 mW while in service for 8 ns; bits read and written at 4 and 5 pJ."""
    items = {(i.part, i.cause): i.energy_pj for i in _run(tmp_path).run.energy}
    assert items["cpu", "mac"] == pytest.approx(96)
    assert items["cpu", "idle"] == pytest.approx(10e-3 * 14e-9 * 1e12)
    assert items["cpu", "active"] == pytest.approx(30e-3 * 8e-9 * 1e12)
    assert items["dram", "read"] == pytest.approx(4 * 6 * 8 * 4)
    assert items["dram", "write"] == pytest.approx(5 * 2 * 8 * 4)


def test_what_is_not_modelled_is_missing_and_never_zero(tmp_path: Path) -> None:
    run = _run(tmp_path)
    table = run.energy.set_index(["part", "cause"])
    assert table["energy_mj"].isna().tolist() == [not known for known in table["modelled"]]
    assert not table.loc[("gpu", "all"), "modelled"]
    assert not table.loc[("cpu", "op"), "modelled"]
    assert not table.loc[("dram", "idle"), "modelled"]
    summary = run.summary()
    assert summary["energy_not_modelled"] == ["cpu.op", "gpu.all", "dram.idle"]
    known = 96 + 140 + 240 + 768 + 320
    assert summary["energy_mj"] == pytest.approx(known * 1e-9)
    assert summary["energy_per_frame_mj"] == pytest.approx(known * 1e-9 / 4)
    elements = run.to_json()["elements"]
    assert [e["energy_mj"] for e in elements][1] is None


def test_only_gaps_are_called_not_modelled(tmp_path: Path) -> None:
    """A chip that prices its own causes lacks no price for MACs, and an element that ran nothing none for work."""
    text = """
format: platform/1
name: chips
processing_elements:
  chip: {model: cpu, cores: 1, clock: 1 GHz, rate: {int8: 1 MAC/cycle}, energy: {idle: 5 mW}}
  spare: {model: cpu, cores: 1, clock: 1 GHz, rate: {int8: 1 MAC/cycle}, energy: {active: 9 mW}}
"""
    graph = plan(actor("only", 2, 500, resource=0), resources=[1], tick=PICOSECOND)
    note = stage("chip", "only", energy_pj={"synapse": 7.0})
    run = result(lowered(graph, [note], platform(tmp_path, text), stream(2), resources=["chip"]))
    assert run.energy[["part", "cause"]].to_numpy().tolist() == [
        ["chip", "idle"],
        ["chip", "synapse"],
        ["spare", "idle"],
        ["spare", "active"],
    ]
    assert run.summary()["energy_not_modelled"] == ["spare.idle"]
    assert run.summary()["energy_mj"] == pytest.approx((5e-3 * 1e-9 * 1e12 + 14) * 1e-9)


def test_a_platform_without_energy_has_none(tmp_path: Path) -> None:
    text = """
format: platform/1
name: bare
processing_elements:
  cpu: {model: cpu, cores: 2, clock: 1 GHz, rate: {int8: 1 MAC/cycle}}
"""
    graph = plan(actor("only", 1, 10, resource=0), resources=[2], tick=PICOSECOND)
    run = result(lowered(graph, [stage("cpu", "only")], platform(tmp_path, text), stream(1), resources=["cpu"]))
    assert run.summary()["energy_mj"] is None
    assert run.summary()["energy_per_frame_mj"] is None


def test_layers_are_told_per_frame(tmp_path: Path) -> None:
    layers = {row["name"]: row for row in _run(tmp_path).to_json()["layers"]}
    assert (layers["first"]["macs"], layers["first"]["cycles"], layers["first"]["element"]) == (12, 1, "cpu")
    assert (layers["second"]["macs"], layers["second"]["cycles"]) == (6, 6)
    assert isinstance(layers["second"]["macs"], int)
    assert layers["first"]["read_bytes"] == 6
    assert layers["first"]["energy_uj"] == pytest.approx((24 + 192 + 80) * 1e-6)
    assert layers["second"]["energy_uj"] is None
    assert layers["second"]["time_us"] == pytest.approx(0.003)


def test_a_layer_whose_stages_have_hardware_of_their_own_takes_the_slowest(tmp_path: Path) -> None:
    """Window generator of 5 cycles and matrix unit of 8 on hardware of their own: 8 cycles; on shared slots: 13."""
    graph = plan(
        actor("conv.window", 2, 5, writes={0: 1}, resource=0),
        actor("conv.unit", 2, 8, reads={0: 1}, resource=1),
        channels=[2], resources=[1, 1], tick=PICOSECOND,
    )  # fmt: skip
    notes = [
        stage("cpu", "conv", cycles=Series.constant(5, 2), name="window"),
        stage("cpu", "conv", cycles=Series.constant(8, 2), name="unit", macs=9),
    ]
    made = lowered(graph, notes, platform(tmp_path), stream(2), resources=["cpu", "cpu"])
    assert result(made).layers["cycles"].tolist() == [8]
    shared = plan(
        actor("conv.window", 2, 5, writes={0: 1}, resource=0),
        actor("conv.unit", 2, 8, reads={0: 1}, resource=0),
        channels=[2], resources=[1], tick=PICOSECOND,
    )  # fmt: skip
    made = lowered(shared, notes, platform(tmp_path), stream(2), resources=["cpu"])
    assert result(made).layers["cycles"].tolist() == [13]


def test_memories_tell_what_lies_in_them_and_how_busy_their_port_is(tmp_path: Path) -> None:
    row = _run(tmp_path).memories.iloc[0]
    assert (row["weights_bytes"], row["size_bytes"], row["read_bytes"], row["write_bytes"]) == (18, 1024, 24, 8)
    assert row["max_bytes"] == 18 + 4 + 4 * 1.5
    assert row["busy_fraction"] == pytest.approx(4 * 8000 / (4 * 14_000))


def test_fifos_tell_their_fill_and_whom_they_made_wait(tmp_path: Path) -> None:
    table = _run(tmp_path).fifos.set_index("fifo")
    row = table.loc["between"]
    assert (row["producer"], row["consumer"]) == ("first", "second")
    assert (row["capacity_tokens"], row["written_tokens"]) == (4, 8)
    assert (row["max_tokens"], row["max_bytes"]) == (4, 6.0)
    assert row["starves_reader_us"] == pytest.approx(0.002)
    # 'first' starts at 0, 2000, 5000 (when two places are free again) and 8000: it waits 1000 twice.
    assert row["blocks_writer_us"] == pytest.approx(0.002)


def test_dropped_frames_cost_no_energy_and_have_no_latency(tmp_path: Path) -> None:
    """Frames at 0, 10, 20 and 2000 ps: the place at the entrance is taken until 2000, so two frames are lost."""
    run = result(_made(tmp_path, release=[0, 10, 20, 2000], drop=True))
    assert run.frames["dropped"].tolist() == [False, True, True, False]
    assert run.frames["latency_us"].isna().tolist() == [False, True, True, False]
    summary = run.summary()
    assert (summary["frames"], summary["delivered"], summary["dropped"]) == (4, 2, 2)
    energy = run.energy.set_index(["part", "cause"])["energy_mj"]
    assert energy["cpu", "mac"] == pytest.approx(48e-9)
    assert run.to_json()["layers"][0]["macs"] == 12


def test_the_table_of_firings_has_a_row_each(tmp_path: Path) -> None:
    table = _run(tmp_path).firings
    assert len(table) == 4 + 4 + 8
    second = table[table["stage"] == "second"]
    assert second["start_us"].tolist() == pytest.approx([0.002 + 0.0015 * k for k in range(8)])
    assert second["starved_us"].tolist() == pytest.approx([0.002] + [0] * 7)
    assert second["last_frame"].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


def test_a_stopped_run_keeps_what_is_finished_and_says_so(tmp_path: Path) -> None:
    run = result(_made(tmp_path), until=9000)
    summary = run.summary()
    assert (summary["complete"], summary["delivered"], summary["dropped"]) == (False, 2, 0)
    assert run.frames["delivered"].tolist() == [True, True, False, False]
    assert run.elements["busy_fraction"].max() <= 1
    assert {row["name"]: row["macs"] for row in run.to_json()["layers"]} == {"first": 12, "second": 6}
