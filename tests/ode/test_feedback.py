"""State between frames: a recurrent stage runs at one over its latency, to the tick, and cannot be pipelined."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from simulator.elements.base import Assignment, Element, ElementConfig, Stage, Window
from simulator.engine import run
from simulator.errors import MappingError
from simulator.lowered import Lowered
from simulator.lowering import lower
from simulator.mapping import LayerRule, MappingRules
from simulator.platform import Platform, load_platform
from workloads.builder import NetworkBuilder
from workloads.generators import static_stream
from workloads.generators.ode import ncp_stream
from workloads.network import Network
from workloads.ode import lane_keeping
from workloads.ode.cells import Cell, Solver, add_cell
from workloads.tokens import LayerWork


class Piped(Element):
    """A stage of ``service`` cycles whose result is readable ``depth`` cycles later; two stages if asked."""

    class Config(ElementConfig):
        service: int = 7
        depth: int = 0
        frames_at_once: int = 1
        parts: int = 1

    config: Config

    def stages(self, work: LayerWork, assignment: Assignment) -> Sequence[Stage]:
        config, found = self.config, []
        for part in range(config.parts):
            count = work.layer.input_elements if part == 0 else work.layer.output_elements
            window = Window(np.array([count]), np.array([count]), 0 if part == 0 else -1)
            found.append(
                Stage(
                    name=f"part{part}" if config.parts > 1 else "",
                    pieces=1,
                    cycles=np.array([[config.service]]),
                    windows=(window,),
                    written=np.array([work.layer.output_elements]),
                    latency_cycles=config.depth,
                    resource=f"part{part}",
                    concurrency=config.frames_at_once,
                )
            )
        return found


def _platform(tmp_path: Any, model: str, **config: Any) -> Platform:
    lines = "\n".join(f"    {key}: {value}" for key, value in config.items())
    file = tmp_path / "p.yaml"
    file.write_text(
        f"format: platform/1\nname: p\nprocessing_elements:\n  pe:\n    model: {model}\n    clock: 1 MHz\n{lines}\n"
    )
    return load_platform(file)


def _network(cell: str | Cell = "lstm") -> Network:
    builder = NetworkBuilder("n")
    x = builder.input((32,))
    if isinstance(cell, Cell):
        add_cell(builder, x, cell, name="cell")
    else:
        builder.recurrent(x, 5, cell, name="cell")
    return builder.build()


def _times(lowered: Lowered, actor: str) -> tuple[Any, Any]:
    trace = run(lowered.plan, engine="simpy")
    index = next(i for i, a in enumerate(lowered.plan.actors) if a.name == actor)
    return trace.start[index], trace.end[index]


HERE = f"{__name__}:Piped"


@pytest.mark.parametrize(("service", "depth"), [(7, 0), (7, 5), (1, 40)])
def test_with_inputs_ready_a_recurrent_stage_starts_a_frame_every_latency(
    tmp_path: Any, service: int, depth: int
) -> None:
    platform = _platform(tmp_path, HERE, service=service, depth=depth)
    start, end = _times(lower(platform, static_stream(_network(), 50)), "cell")
    assert np.diff(start).tolist() == [service + depth] * 49
    assert (end - start).tolist() == [service] * 50


def test_a_layer_without_state_hides_its_pipeline_depth(tmp_path: Any) -> None:
    builder = NetworkBuilder("n")
    builder.dense(builder.input((32,)), 5, name="cell")
    platform = _platform(tmp_path, HERE, service=7, depth=5)
    start, _ = _times(lower(platform, static_stream(builder.build(), 20)), "cell")
    assert np.diff(start).tolist() == [7] * 19


def test_a_recurrent_layer_of_two_stages_takes_both_and_their_depths(tmp_path: Any) -> None:
    platform = _platform(tmp_path, HERE, service=7, depth=5, parts=2)
    lowered = lower(platform, static_stream(_network(), 20))
    start, _ = _times(lowered, "cell.part0")
    assert np.diff(start).tolist() == [2 * (7 + 5)] * 19


def test_a_sequence_carries_no_state_to_the_next_frame(tmp_path: Any) -> None:
    builder = NetworkBuilder("n")
    builder.recurrent(builder.input((4, 8)), 5, name="cell")
    platform = _platform(tmp_path, HERE, service=7, depth=5)
    lowered = lower(platform, static_stream(builder.build(), 20))
    assert not any(note.kind == "state" for note in lowered.channels)
    assert np.diff(_times(lowered, "cell")[0]).tolist() == [7] * 19


def test_the_state_channel_holds_the_state_from_the_start(tmp_path: Any) -> None:
    lowered = lower(_platform(tmp_path, HERE), static_stream(_network(), 4))
    index = next(i for i, note in enumerate(lowered.channels) if note.kind == "state")
    channel = lowered.plan.channels[index]
    assert (channel.capacity, channel.initial) == (1, 1)
    assert channel.token_bytes == 2 * 5 * 4
    assert lowered.plan.writer_of(index) == lowered.plan.reader_of(index)


def test_overlapping_frames_of_a_recurrent_layer_is_refused_with_the_reason(tmp_path: Any) -> None:
    platform = _platform(tmp_path, HERE, frames_at_once=3)
    with pytest.raises(MappingError) as caught:
        lower(platform, static_stream(_network(), 4))
    assert str(caught.value) == (
        "layer 'cell' on 'pe' cannot be pipelined (3 frames at once): frame n + 1 begins with the 10 values of state"
        " that frame n leaves, so its throughput is one over its latency; take fewer solver steps, more parallel units"
        " or a higher clock, or run independent streams on copies of it"
    )


def test_a_batch_of_a_recurrent_layer_is_refused(tmp_path: Any) -> None:
    rules = MappingRules(layers=[LayerRule("cell", batch=2)])
    with pytest.raises(MappingError, match="recurrent: frame n \\+ 1 needs the state that frame n leaves"):
        lower(_platform(tmp_path, HERE), static_stream(_network(), 4), rules)


CIRCUIT: dict[str, Any] = {"units": 4, "neuron_units": 2, "depth": "12 cycle"}


def _latency(steps: int, sensory: int = 192, internal: int = 60, neurons: int = 19) -> int:
    """The closed form of the circuit, for 4 synapse units, 2 neuron units and a depth of 12."""
    return -(-sensory // 4) + steps * (-(-internal // 4) + 12 + -(-neurons // 2))


@pytest.mark.parametrize(
    ("solver", "steps", "evaluations"), [("fused", 6, 6), ("fused", 1, 1), ("euler", 5, 5), ("rk4", 3, 12)]
)
def test_the_period_of_the_circuit_is_its_closed_form_exactly(
    tmp_path: Any, solver: Solver, steps: int, evaluations: int
) -> None:
    network = _network(Cell(lane_keeping(), solver, steps, "sparse"))
    lowered = lower(_platform(tmp_path, "circuit", **CIRCUIT), ncp_stream(network, 30, "saturated"))
    start, end = _times(lowered, "cell")
    period = _latency(evaluations)
    assert lowered.plan.tick == Fraction(1, 10**6)
    assert np.diff(start).tolist() == [period] * 29
    assert end.tolist() == [period * (k + 1) for k in range(30)]


def test_adaptive_frames_follow_one_another_without_a_gap(tmp_path: Any) -> None:
    network = _network(Cell(lane_keeping(), "rk45", form="sparse"))
    stream = ncp_stream(network, 40, "saturated", seed=5)
    lowered = lower(_platform(tmp_path, "circuit", **CIRCUIT), stream)
    start, end = _times(lowered, "cell")
    wanted = [_latency(int(n)) for n in stream.work["cell"].extra["evaluations"]]
    assert (end - start).tolist() == wanted
    assert start.tolist() == [0, *np.cumsum(wanted)[:-1].tolist()]
    assert len(set(wanted)) > 1


def test_both_engines_agree_on_the_feedback_loop(tmp_path: Any) -> None:
    network = _network(Cell(lane_keeping(), "rk45", form="sparse"))
    lowered = lower(_platform(tmp_path, "circuit", **CIRCUIT), ncp_stream(network, 60, seed=5))
    one, two = run(lowered.plan, engine="simpy"), run(lowered.plan, engine="compiled")
    for a, b in zip((*one.start, *one.end), (*two.start, *two.end), strict=True):
        assert np.array_equal(a, b)


def test_an_interval_below_the_latency_is_refused(tmp_path: Any) -> None:
    network = _network(Cell(lane_keeping(), form="sparse"))
    platform = _platform(tmp_path, "circuit", **CIRCUIT)
    stream = ncp_stream(network, 5)

    def ask(interval: int) -> Lowered:
        return lower(platform, stream, MappingRules(layers=[LayerRule("cell", options={"interval": interval})]))

    latency = _latency(6)
    assert _times(ask(latency), "cell")[1].tolist() == _times(ask(10**6), "cell")[1].tolist()
    asked = rf"cannot be pipelined \(a frame every {latency - 1} cycles, its latency is {latency}\)"
    with pytest.raises(MappingError, match=asked):
        ask(latency - 1)


def test_ticks_that_come_too_fast_miss_their_deadlines(tmp_path: Any) -> None:
    from simulator.simulation import simulate

    network = _network(Cell(lane_keeping(), form="sparse"))
    platform = _platform(tmp_path, "circuit", **CIRCUIT)
    slow = simulate(platform, ncp_stream(network, 20, f"periodic:{_latency(6)}us"))
    assert slow.summary()["deadline_misses"] == 0
    stream = dataclasses.replace(
        ncp_stream(network, 20, f"periodic:{_latency(6)}us"), deadline_ps=(_latency(6) - 1) * 10**6
    )
    assert simulate(platform, stream).summary()["deadline_misses"] == 20
