"""The named bottleneck is the part that really limits: each advice is tried out by changing that part."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from simulator.lowered import Lowered
from simulator.plan import Channel, Discipline, Plan
from simulator.result import Result
from tests.analysis.by_hand import PICOSECOND, lowered, platform, result, source, stage, stream
from tests.engine.small import AFTER, actor, plan

FRAMES = 60


def _two(folder: Path, first: int, second: int, **options: object) -> Result:
    """A source, 'first' on the CPU, 'second' on the GPU."""
    graph = _graph(first, second, **options)  # type: ignore[arg-type]
    release = options.get("release")
    return result(_note(graph, folder, list(release) if isinstance(release, list) else None))


def _graph(
    first: int, second: int, depth: int = 4, flow: int = 0, release: list[int] | None = None, drop: bool = False
) -> Plan:
    return plan(
        actor("input", FRAMES, 0, release=release or 0, writes={0: 1}, drop=drop),
        actor("first", FRAMES, first, reads={0: 1}, writes={1: 1}, resource=0),
        actor("second", FRAMES, second, reads={1: 1}, resource=1, flows=[(0, flow, None)] if flow else ()),
        channels=[Channel("in", None if release and not drop else 1), Channel("between", depth)],
        resources=[1, 1],
        servers=[1] if flow else [],
        tick=PICOSECOND,
    )


def _note(graph: Plan, folder: Path, release: list[int] | None = None) -> Lowered:
    servers = ["dram"] * len(graph.servers)
    notes = [source(), stage("cpu", "first"), stage("gpu", "second")]
    return lowered(graph, notes, platform(folder), stream(FRAMES, release), resources=["cpu", "gpu"], servers=servers)


def test_the_busy_element_is_named_with_what_a_faster_one_buys(tmp_path: Path) -> None:
    found = _two(tmp_path, 700, 1000).bottleneck
    assert (found.kind, found.name, found.layer) == ("element", "gpu", "second")
    assert found.busy_fraction is not None
    assert found.busy_fraction > 0.99
    assert found.gain_at_most is not None
    assert 1.40 < found.gain_at_most < 1.46
    assert found.reason == "'gpu' is in service 100 % of the steady time with layer 'second'"
    assert found.advice == (
        "a faster 'gpu', or less work in layer 'second', buys at most 1.43x, then 'cpu' limits (70 % busy)"
    )


def test_a_faster_element_buys_what_was_said_and_no_more(tmp_path: Path) -> None:
    before, after = _two(tmp_path, 700, 1000), _two(tmp_path, 700, 1)
    gain = float(after.run.steady.throughput / before.run.steady.throughput)
    assert before.bottleneck.gain_at_most is not None
    assert abs(gain - before.bottleneck.gain_at_most) < 0.03


def test_an_element_that_waits_for_its_memory_names_the_memory(tmp_path: Path) -> None:
    """'second' computes 300 and moves 1000 units at a rate of 1."""
    found = _two(tmp_path, 200, 300, flow=1000).bottleneck
    assert (found.kind, found.name, found.layer) == ("memory", "dram", "second")
    assert found.reason == "'gpu' is in service 100 % of the time, most of it waiting for 'dram'"
    assert found.advice.startswith("more bandwidth of 'dram', or fewer bytes (precision, tiling, on-chip weights)")


def test_a_shallow_fifo_is_named_and_a_deeper_one_helps(tmp_path: Path) -> None:
    """Depth 1 under the default makes the stages take turns: neither is busy all the time."""
    found = _two(tmp_path, 1000, 1000, depth=1)
    limit = found.bottleneck
    assert (limit.kind, limit.name) == ("fifo", "between")
    assert limit.gain_at_most is not None
    assert 1.9 < limit.gain_at_most < 2.1
    assert "'first' waits 49 % of the time for room in 'between'" in limit.reason
    assert limit.advice == "a deeper FIFO than 1 token buys at most 2x, then 'cpu' limits"
    gain = _two(tmp_path, 1000, 1000, depth=2).run.steady.throughput / found.run.steady.throughput
    assert gain == 2


def test_slow_arrivals_are_named_with_the_room_that_is_left(tmp_path: Path) -> None:
    found = _two(tmp_path, 700, 1000, release=[4000 * k for k in range(FRAMES)]).bottleneck
    assert (found.kind, found.busy_fraction) == ("arrivals", 0.25)
    assert found.reason == "frames arrive at 250,000,000 a second and all come through"
    assert found.gain_at_most == 4


def test_overload_is_no_matter_of_arrivals(tmp_path: Path) -> None:
    found = _two(tmp_path, 700, 1000, release=[900 * k for k in range(FRAMES)]).bottleneck
    assert (found.kind, found.name) == ("element", "gpu")


def test_parts_that_wait_for_a_loop_are_told_apart_from_fifos(tmp_path: Path) -> None:
    """One credit: the next frame enters when the last one has left, whatever the FIFOs hold."""
    graph = plan(
        actor("first", FRAMES, 300, reads={1: 1}, writes={0: 1}, resource=0),
        actor("second", FRAMES, 500, reads={0: 1}, writes={1: 1}, resource=1),
        channels=[None, (None, 1)],
        resources=[1, 1],
        discipline=AFTER,
        tick=PICOSECOND,
    )
    notes = [stage("cpu", "first"), stage("gpu", "second")]
    found = result(lowered(graph, notes, platform(tmp_path), stream(FRAMES), resources=["cpu", "gpu"])).bottleneck
    assert (found.kind, found.name) == ("dependency", "gpu")
    assert found.reason.startswith("no part is busy more than 62 % of the steady time ('gpu')")


def test_one_busy_lane_of_a_wide_element_asks_for_more_slots(tmp_path: Path) -> None:
    graph = replace(_graph(1000, 300), discipline=Discipline.BLOCKING_AFTER_SERVICE)
    wide = replace(graph, resources=(replace(graph.resources[0], slots=4), graph.resources[1]))
    found = result(_note(wide, tmp_path)).bottleneck
    assert (found.kind, found.name, found.layer) == ("element", "cpu", "first")
    assert "layer 'first' always runs, on fewer slots than 'cpu' has" in found.reason
    assert found.advice.startswith("more slots for layer 'first', or a finer granularity,")


def test_a_run_too_short_to_be_steady_still_names_the_slowest_stage(tmp_path: Path) -> None:
    """Three frames through six stages fill and drain most of the time; at the pace of the slowest it has no rest."""
    pace = (300, 300, 300, 1000, 300, 300)
    stages = [
        actor(f"stage{k}", 3, ticks, reads={k: 1}, writes={k + 1: 1} if k < 5 else {}, resource=k)
        for k, ticks in enumerate(pace)
    ]
    graph = plan(
        actor("input", 3, 0, writes={0: 1}), *stages, channels=[1, *[2] * 5], resources=[1] * 6,
        discipline=AFTER, tick=PICOSECOND,
    )  # fmt: skip
    notes = [source(), *(stage("gpu", own.name) for own in stages)]
    found = result(lowered(graph, notes, platform(tmp_path), stream(3), resources=["gpu"] * 6)).bottleneck
    assert (found.kind, found.name, found.layer, found.busy_fraction) == ("element", "gpu", "stage3", 1.0)
    assert found.reason == "'gpu' is in service 100 % of the time at this pace with layer 'stage3'"
    assert found.advice.endswith("buys at most 3.33x, then the next stage of it limits (30 % busy)")


def test_a_single_frame_tells_what_its_time_went_to(tmp_path: Path) -> None:
    graph = plan(
        actor("first", 1, 300, writes={0: 1}, resource=0),
        actor("second", 1, 700, reads={0: 1}, resource=1),
        channels=[1], resources=[1, 1], tick=PICOSECOND,
    )  # fmt: skip
    notes = [stage("cpu", "first"), stage("gpu", "second")]
    made = result(lowered(graph, notes, platform(tmp_path), stream(1), resources=["cpu", "gpu"]))
    assert made.bottleneck.reason == "'gpu' is at work 70 % of the time that the only departure took"
    assert made.run.steady.throughput == Fraction(1, 1000)


@pytest.mark.parametrize("seed", range(8))
def test_random_arrivals_that_come_through_are_what_limits(tmp_path: Path, seed: int) -> None:
    """The rate of random arrivals differs between windows of a run; that alone is no reason to blame an element."""
    gaps = np.random.default_rng(seed).exponential(2000, size=FRAMES)
    found = _two(tmp_path, 700, 1000, release=np.cumsum(gaps).astype(int).tolist()).bottleneck
    assert found.kind == "arrivals"
