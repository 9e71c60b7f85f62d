"""The host in front of a pipeline, the fill of its operators, and hls4ml's reuse factor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simulator.errors import UserError
from simulator.mapping import MappingRules
from simulator.simulation import simulate
from tests.elements.fpga.pipelines import ends, integers, lowered_on, one_conv, rules_for, traced
from workloads.network import Network


def _dense(inputs: int = 784, outputs: int = 10) -> Network:
    b = integers()
    b.dense(b.input((inputs,)), outputs, bias=False, name="fc")
    return b.build()


def _host(tmp_path: Path, host: str, frames: int = 6) -> tuple[list[int], list[str]]:
    rules = rules_for("word", fc={"pe": 10, "simd": 784})
    lowered = lowered_on(tmp_path, _dense(), rules, frames, f"host: {host}")
    names = [actor.name for actor in lowered.plan.actors]
    trace = traced(lowered)
    return [int(end * float(lowered.plan.tick) * 1e8) for end in ends(lowered, trace, names[-1], frames)], names


def test_frames_come_and_go_through_ports(tmp_path: Path) -> None:
    """784 bytes at 16 a cycle and 36 cycles of the host stack: 85 cycles a frame, whatever the pipeline could do."""
    times, names = _host(tmp_path, "{bandwidth: 16 B/cycle, frame: 360 ns}")
    assert names[1] == "fc.dma_in"
    assert names[-1] == "fc.dma_out"
    assert set(np.diff(times)) == {49 + 36}


def test_a_call_delays_each_frame_and_holds_up_none(tmp_path: Path) -> None:
    rules = rules_for("word", fc={"pe": 10, "simd": 784})
    lowered = lowered_on(tmp_path, _dense(), rules, 3, "host: {bandwidth: 16 B/cycle, call: 50 us}")
    last = lowered.plan.actors[-1]
    assert last.latency[0] == 5000
    assert set(np.diff(ends(lowered, traced(lowered), last.name, 3))) == {49}


def test_what_is_in_a_pipeline_takes_no_room_of_the_fifo_behind_it(tmp_path: Path) -> None:
    """A word a cycle through operators of five cycles' depth: without room for five words a word would take six."""
    b = integers()
    x = b.activation(b.input((512,)), "threshold", name="a")
    for name in ("b", "c"):
        x = b.batch_norm(x, name=name) if name == "b" else b.softmax(x, name=name)
    path = tmp_path / "deep.yaml"
    path.write_text("format: platform/1\nname: deep\nprocessing_elements:\n  f: {model: fpga, clock: 100 MHz}\n")
    result = simulate(path, b.build(), rules_for("word", all={"pe": 1}), frames=6)
    assert result.summary()["throughput_fps"] == pytest.approx(1e8 / 512)


def _reused(
    tmp_path: Path, granularity: str, network: Network, frames: int = 4, **options: Any
) -> tuple[int, dict[str, Any]]:
    rules = rules_for(granularity, all=options)
    lowered = lowered_on(tmp_path, network, rules, frames, "style: hls4ml")
    times = ends(lowered, traced(lowered), lowered.plan.actors[-1].name, frames)
    return int(np.diff(times)[-1]), dict(lowered.actors[-1].detail)


def test_a_dense_layer_takes_its_reuse_factor(tmp_path: Path) -> None:
    period, detail = _reused(tmp_path, "row", _dense(16, 8), reuse=4, io="parallel")
    assert period == 4
    assert detail["multipliers"] == 16 * 8 / 4


def test_a_stream_convolution_takes_its_reuse_for_each_output_pixel(tmp_path: Path) -> None:
    period, _ = _reused(tmp_path, "pixel", one_conv(size=10), reuse=6)
    assert period == 8 * 8 * 6
    period, _ = _reused(tmp_path, "pixel", one_conv(size=10), reuse=1)
    assert period == 10 * 10


def test_a_reuse_of_more_products_than_there_are_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="reuse is 1000, but its matrix has 128 products; write at most that"):
        _reused(tmp_path, "row", _dense(16, 8), reuse=1000)


def test_a_faulty_mapping_of_another_element_does_no_harm(tmp_path: Path) -> None:
    """Options that only a CPU knows keep a layer off the fabric and are told where it has nowhere else to go."""
    with pytest.raises(UserError, match="no option 'algorithm'"):
        lowered_on(tmp_path, _dense(), rules_for("row", all={"algorithm": "winograd"}), 1)
    rest = "  cpu: {model: cpu, cores: 1, clock: 1 GHz, rate: {int8: 1 MAC/cycle}}"
    lowered = lowered_on(tmp_path, _dense(), MappingRules(element="fabric"), 1, "", rest)
    assert {note.element for note in lowered.actors} == {None, "fabric"}
