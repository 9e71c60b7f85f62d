"""Lowering by hand: small networks on small platforms, with times that a person can check."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from simulator import simulate
from simulator.engine import run
from simulator.errors import MappingError, PlanError
from simulator.lowered import Role
from simulator.lowering import lower
from simulator.mapping import FifoRule, LayerRule, MappingRules
from simulator.platform import Platform, load_platform
from workloads.builder import NetworkBuilder
from workloads.generators import static_stream
from workloads.network import Network

_FPGA = """
format: platform/1
name: fabric
processing_elements:
  fabric: {model: "tests.lowering.pipeline:Pipeline", clock: 100 MHz}
"""
_TWO = """
format: platform/1
name: two
processing_elements:
  cpu: {model: cpu, cores: 1, clock: 1 GHz, rate: {int8: 1 MAC/cycle}, op_rate: 1 op/cycle}
  gpu: {model: gpu, clock: 1 GHz, rate: {int8: 10 MAC/cycle}, op_rate: 10 op/cycle}
memories:
  dram: {size: 1 MiB, bandwidth: 1 GB/s, serves: [cpu]}
  vram: {size: 1 MiB, bandwidth: 10 GB/s, serves: [gpu]}
dma:
  copy: {moves: [dram, vram], setup: 100 ns}
"""


def _platform(tmp_path: Path, text: str) -> Platform:
    path = tmp_path / "platform.yaml"
    path.write_text(text)
    return load_platform(path)


def _two_dense() -> Network:
    b = NetworkBuilder("two", number="int", weight_bits=8, activation_bits=8)
    x = b.dense(b.input((4,)), 3, bias=False, name="first")
    b.dense(x, 2, bias=False, name="second")
    return b.build()


def test_three_frames_through_two_stages(tmp_path: Path) -> None:
    """12 and 6 cycles: the first stage sets the pace."""
    lowered = lower(_platform(tmp_path, _FPGA), static_stream(_two_dense(), 3))
    trace = run(lowered.plan, engine="simpy")
    assert lowered.plan.tick == Fraction(1, 100_000_000)
    assert [actor.name for actor in lowered.plan.actors][1:] == ["first", "second"]
    assert trace.end[1].tolist() == [12, 24, 36]
    assert trace.end[2].tolist() == [18, 30, 42]


def test_a_change_of_element_without_common_memory_goes_through_dma(tmp_path: Path) -> None:
    rules = MappingRules(layers=[LayerRule("first", element="cpu"), LayerRule("second", element="gpu")])
    lowered = lower(_platform(tmp_path, _TWO), static_stream(_two_dense(), 1), rules)
    assert [note.role for note in lowered.actors] == [Role.SOURCE, Role.STAGE, Role.DMA, Role.STAGE]
    trace = run(lowered.plan, engine="simpy")
    # first: 12 cycles of compute against 4 + 12 + 3 bytes at 1 GB/s; copy: 100 ns and 3 bytes at 1 GB/s; second: 1
    # cycle (6 MACs, 10 a cycle) against 3 + 6 + 2 bytes at 10 GB/s.
    assert [int(end[0]) for end in trace.end] == [0, 19_000, 122_000, 123_100]


def test_layers_with_inputs_of_their_own_take_turns(tmp_path: Path) -> None:
    """12 and 6 cycles on one core, joined nowhere: a frame is both of them, so one leaves every 18 cycles."""
    b = NetworkBuilder("list", number="int", weight_bits=8, activation_bits=8)
    b.dense(b.input((4,)), 3, bias=False, name="first")
    b.dense(b.input((3,)), 2, bias=False, name="second")
    core = "{model: cpu, clock: 1 GHz, rate: {int8: 1 MAC/cycle}}"
    platform = _platform(tmp_path, f"format: platform/1\nname: one\nprocessing_elements:\n  core: {core}\n")
    for engine in ("simpy", "compiled"):
        departure = simulate(platform, b.build(), frames=12, engine=engine).run.frames.departure
        assert (np.diff(departure)[1:-1] == 18).all()


@pytest.mark.parametrize("batches", [(4, 1), (1, 4), (4, 2)])
def test_inputs_that_meet_again_may_be_gathered_in_different_batches(tmp_path: Path, batches: tuple[int, int]) -> None:
    b = NetworkBuilder("meet", number="int", weight_bits=8, activation_bits=8)
    first = b.dense(b.input((4,)), 3, bias=False, name="first")
    second = b.dense(b.input((5,)), 3, bias=False, name="second")
    b.add(first, second, name="sum")
    layers = [LayerRule(name, batch=batch) for name, batch in zip(("first", "second"), batches, strict=True)]
    lowered = lower(_platform(tmp_path, _TWO), static_stream(b.build(), 8), MappingRules(element="gpu", layers=layers))
    assert run(lowered.plan, engine="simpy").complete


def test_a_batch_runs_once_for_all_its_frames(tmp_path: Path) -> None:
    rules = MappingRules(element="gpu", batch=2)
    lowered = lower(_platform(tmp_path, _TWO), static_stream(_two_dense(), 4), rules)
    assert [actor.firings for actor in lowered.plan.actors] == [4, 2, 2]
    trace = run(lowered.plan, engine="simpy")
    assert trace.complete


def test_a_layer_without_a_way_to_its_input_is_refused(tmp_path: Path) -> None:
    text = _TWO[: _TWO.index("dma:")]
    rules = MappingRules(layers=[LayerRule("first", element="cpu"), LayerRule("second", element="gpu")])
    with pytest.raises(MappingError, match="share no memory"):
        lower(_platform(tmp_path, text), static_stream(_two_dense(), 1), rules)


def test_weights_that_do_not_fit_are_told(tmp_path: Path) -> None:
    b = NetworkBuilder("wide", number="int", weight_bits=8, activation_bits=8)
    b.dense(b.input((2048,)), 2048, bias=False, name="fc")
    with pytest.raises(MappingError, match="the weights take 4194304 B of memory 'dram', which holds 1048576 B"):
        lower(_platform(tmp_path, _TWO), static_stream(b.build(), 1), MappingRules(element="cpu"))


def test_a_rule_that_names_nothing_is_told(tmp_path: Path) -> None:
    rules = MappingRules(layers=[LayerRule("frist", element="cpu"), LayerRule("second", element="npu")])
    with pytest.raises(MappingError) as caught:
        lower(_platform(tmp_path, _TWO), static_stream(_two_dense(), 1), rules)
    text = str(caught.value)
    assert "no element 'npu'; did you mean 'gpu'? (known: cpu, gpu)" in text
    assert "no layer matches; did you mean 'first'? (known: first, second)" in text


@pytest.mark.parametrize("granularity", ["row", "pixel"])
def test_a_window_channel_holds_its_rows_and_no_more(tmp_path: Path, granularity: str) -> None:
    """A pipeline of 3 x 3 convolutions runs with just the line buffer; one token less is an error before the run."""
    b = NetworkBuilder("rows", number="int", weight_bits=8, activation_bits=8)
    x = b.conv(b.input((1, 8, 8)), 1, 1, bias=False, name="head")
    b.conv(x, 1, 3, bias=False, name="window")
    network = b.build()
    buffer = 3 if granularity == "row" else 2 * 8 + 3
    rules = MappingRules(granularity=granularity, fifos=[FifoRule("head", "window", buffer)])
    lowered = lower(_platform(tmp_path, _FPGA), static_stream(network, 2), rules)
    assert run(lowered.plan, engine="simpy").complete
    tight = MappingRules(granularity=granularity, fifos=[FifoRule("head", "window", buffer - 1)])
    lowered = lower(_platform(tmp_path, _FPGA), static_stream(network, 2), tight)
    with pytest.raises(Exception, match="head->window"):
        run(lowered.plan, engine="simpy")


def test_granularity_changes_no_throughput_of_a_balanced_pipeline(tmp_path: Path) -> None:
    b = NetworkBuilder("chain", number="int", weight_bits=8, activation_bits=8)
    x = b.input((2, 16, 16))
    for number in range(3):
        x = b.conv(x, 2, 3, pad=1, bias=False, name=f"conv{number}")
    network = b.build()
    periods = []
    for granularity in ("row", "pixel"):
        rules = MappingRules(granularity=granularity)
        trace = run(lower(_platform(tmp_path, _FPGA), static_stream(network, 6), rules).plan, engine="simpy")
        periods.append(np.diff(trace.end[-1].reshape(6, -1)[:, -1])[-1])
    assert periods == [16 * 16 * 2 * 18] * 2


@pytest.mark.parametrize("bandwidth", ["11.52 kB/s", "115.2 kbit/s", "75 bit/s"])
def test_a_copy_over_a_serial_line_takes_its_bytes_over_its_rate(tmp_path: Path, bandwidth: str) -> None:
    """What the first layer hands to the second is three bytes."""
    text = _TWO.replace("setup: 100 ns", f"bandwidth: {bandwidth}")
    rules = MappingRules(layers=[LayerRule("first", "cpu"), LayerRule("second", "gpu")], precision="int8")
    result = simulate(_platform(tmp_path, text), static_stream(_two_dense(), 1), rules)
    (copy,) = (k for k, note in enumerate(result.lowered.actors) if note.role is Role.DMA)
    trace = result.trace
    taken = (trace.end[copy] - trace.start[copy]).sum() * result.lowered.plan.tick
    line = result.lowered.platform.dma["copy"].bandwidth
    assert line is not None
    assert float(taken) == pytest.approx(float(3 / line), rel=1e-3)


def test_a_bandwidth_so_low_that_its_traffic_does_not_fit_is_refused(tmp_path: Path) -> None:
    text = _TWO.replace("bandwidth: 1 GB/s", "bandwidth: 1e-15 B/s")
    with pytest.raises(PlanError, match="makes a traffic of"):
        lower(_platform(tmp_path, text), static_stream(_two_dense(), 1), MappingRules(element="cpu"))
