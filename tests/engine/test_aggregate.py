"""Totals without a trace, and whole periods skipped: the same figures as from the full trace."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TypeVar

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from experiments.benchmark_plans import pipeline, service_times
from simulator.analysis.occupancy import channel_use
from simulator.analysis.waits import waits_of
from simulator.engine import arrays
from simulator.engine.aggregate import Aggregate, run_aggregate
from simulator.engine.compiled import run_compiled
from simulator.engine.tallies import Counting
from simulator.errors import DeadlockError
from simulator.plan import Actor, Channel, Discipline, Input, Output, Plan, Series, Server
from simulator.trace import Trace
from tests.engine.mobilenet import mobilenet
from tests.engine.periodic_plans import periodic_plans
from tests.engine.small import actor, plan
from tests.strategies import plans

UNHURRIED = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)
Result = TypeVar("Result")
AFTER = Discipline.BLOCKING_AFTER_SERVICE


def outcome(run: Callable[[Plan], Result], drawn: Plan) -> tuple[Result | None, str]:
    """What a run returns, or the text of its deadlock."""
    try:
        return run(drawn), ""
    except DeadlockError as error:
        return None, str(error)


def figures(totals: Aggregate) -> tuple[object, ...]:
    """All figures of the totals, comparable."""
    channels = [
        (c.level, c.highest, c.full, c.lying, c.empty, c.written, c.starves, c.blocks, c.bin_width, *c.histogram)
        for c in totals.channels
    ]
    return totals.actors, channels, totals.now, totals.complete


def assert_totals(drawn: Plan, trace: Trace, totals: Aggregate) -> None:
    """The totals are those that the analysis finds in the trace."""
    assert (totals.now, totals.complete, totals.firings) == (trace.now, trace.complete, trace.firings)
    lossy = any(a.drop for a in drawn.actors)
    for index, own in enumerate(totals.actors):
        start, served, end = trace.start[index], trace.served[index], trace.end[index]
        assert own.departed == end.size
        assert own.void == int(trace.void[index].sum())
        assert own.busy == int((served - start).sum())
        assert own.held == int((end - served).sum())
        assert own.compute == int(drawn.actors[index].compute.array()[~trace.void[index]].sum())
        if end.size:
            assert (own.first_start, own.first_end, own.last_end) == (start[0], end[0], end[-1])
        if drawn.actors[index].concurrency == 1 and not lossy:
            waits = waits_of(drawn, trace, index).totals()
            assert own.not_released == waits["not_released"]
            assert own.starved == waits["starved"]
            assert own.contended == waits["contended"]
            assert own.blocked + own.held == waits["blocked"]
    for index, used in enumerate(totals.channels):
        use = channel_use(drawn, trace, index)
        assert (used.level, used.highest) == (use.level.integral(), use.level.maximum())
        assert (used.lying, used.written) == (use.waiting.integral(), use.written)
        assert (used.full, used.empty) == (use.full, use.empty)
        assert int(used.histogram.sum()) == trace.now


@settings(max_examples=200, suppress_health_check=UNHURRIED)
@given(plans(max_actors=7, max_firings=11))
def test_totals_are_those_of_the_trace(drawn: Plan) -> None:
    trace, deadlock = outcome(run_compiled, drawn)
    totals, own_deadlock = outcome(run_aggregate, drawn)
    assert own_deadlock == deadlock
    if trace is not None and totals is not None and trace.now:
        assert_totals(drawn, trace, totals)


@settings(max_examples=200, suppress_health_check=UNHURRIED)
@given(st.one_of(periodic_plans(iterations=80), periodic_plans(iterations=80, lossy=True)))
def test_skipped_periods_change_no_figure(drawn: Plan) -> None:
    whole, deadlock = outcome(lambda one: run_aggregate(one, fast_forward=False), drawn)
    skipped, own_deadlock = outcome(run_aggregate, drawn)
    assert own_deadlock == deadlock
    if whole is not None and skipped is not None:
        assert figures(skipped) == figures(whole)


@pytest.mark.slow
@settings(max_examples=3000, suppress_health_check=UNHURRIED)
@given(st.one_of(periodic_plans(iterations=150), periodic_plans(iterations=150, lossy=True)))
def test_skipped_periods_change_no_figure_of_thousands_of_plans(drawn: Plan) -> None:
    test_skipped_periods_change_no_figure.hypothesis.inner_test(drawn)  # type: ignore[attr-defined]


@settings(max_examples=100, suppress_health_check=UNHURRIED)
@given(periodic_plans(iterations=80, lossy=True))
def test_void_marks_are_shifted_in_rings_that_have_grown(drawn: Plan) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrays, "_MARKED", 2)
        skipped, deadlock = outcome(run_aggregate, drawn)
    whole, own_deadlock = outcome(lambda one: run_aggregate(one, fast_forward=False), drawn)
    assert own_deadlock == deadlock
    if whole is not None and skipped is not None:
        assert figures(skipped) == figures(whole)


def camera(frames: int, pace: int, stages: Sequence[int]) -> Plan:
    """A camera with a frame every ``pace`` ticks in front of stages with a FIFO of one each."""
    number, count = Series.counting(frames, first=0), Series.counting(frames)
    nothing, one = Series.constant(0, frames), Series.constant(1, frames)
    source = Actor(
        "camera", None, Series.counting(frames, by=pace, first=0), nothing, nothing, number, number,
        outputs=(Output(0, one),), drop=True,
    )  # fmt: skip
    workers = [
        Actor(
            f"stage{i}", None, nothing, Series.constant(ticks, frames), nothing, number, number,
            (Input(i, count, count),), (Output(i + 1, one),) if i + 1 < len(stages) else (),
        )
        for i, ticks in enumerate(stages)
    ]  # fmt: skip
    return Plan(Fraction(1), (source, *workers), tuple(Channel(f"c{i}", 1) for i in range(len(stages))))


def test_a_camera_in_front_of_a_slow_stage_loses_every_second_frame_for_ever() -> None:
    # Frame 0 is served from 0 to 7, frame 1 finds the FIFO taken at 5, frame 2 is served from 10 to 17.
    totals = run_aggregate(camera(1_000_000, 5, [7]))
    source, stage = totals.actors
    assert totals.skipped_periods > 499_990
    assert (source.void, stage.void, stage.busy) == (500_000, 500_000, 3_500_000)
    # The last frame is lost while the one before it is served, and passes behind it.
    assert (stage.starved, stage.last_end) == (4_999_997 - 3_500_000, 4_999_997)
    (fifo,) = totals.channels
    assert (fifo.level, fifo.written, fifo.full) == (3_500_000, 500_000, 3_500_000)


def test_a_camera_in_front_of_two_stages_loses_eight_frames_of_eleven() -> None:
    # The first stage claims the second FIFO from its start until the second stage ends, so one frame every 4 + 7 ticks
    # gets through; camera and stages come together again every 33 ticks, 11 frames.
    few, many = (run_aggregate(camera(11 * periods, 3, [4, 7])) for periods in (100, 1_000_000))
    assert many.skipped_periods > 999_000
    added = 1_000_000 - 100
    assert many.now - few.now == 33 * added
    for index, busy in enumerate((0, 3 * 4, 3 * 7)):
        assert many.actors[index].void - few.actors[index].void == 8 * added
        assert many.actors[index].busy - few.actors[index].busy == busy * added
    assert few.skipped_periods > 90
    assert figures(few) == figures(run_aggregate(camera(1100, 3, [4, 7]), fast_forward=False))


def test_three_frames_of_which_one_is_lost_are_too_few_to_skip() -> None:
    totals = run_aggregate(camera(3, 2, [3, 1]))
    assert totals.skipped_periods == 0
    # Frame 0: 0 to 3 and 3 to 4; frame 1 is lost at 2; frame 2: 4 to 7 and 7 to 8.
    assert [a.void for a in totals.actors] == [1, 1, 1]
    assert [(a.busy, a.starved, a.last_end) for a in totals.actors[1:]] == [(6, 1, 7), (2, 6, 8)]


def test_void_frames_take_no_more_memory_in_a_longer_run() -> None:
    few, many = (arrays.flatten(camera(frames, 5, [7]), Counting()).memory.size for frames in (1000, 10_000_000))
    assert few == many


@pytest.mark.parametrize("behind", range(600, 1400, 100))
def test_frames_lost_earlier_that_an_actor_has_still_to_come_to_are_part_of_the_state(behind: int) -> None:
    # The FIFO of 8 is full after some 28 frames, and from then on 2 of 7 are lost. `late` comes to each frame so many
    # ticks after the camera: tokens, times and phases recur before it meets the first frame that is lost.
    line = camera(3000, 5, [7])
    late = replace(line.actors[0], name="late", drop=False, outputs=(), compute=Series.constant(3, 3000),
                   release=Series.counting(3000, by=5, first=behind))  # fmt: skip
    line = replace(line, actors=(*line.actors, late), channels=(Channel("c0", 8),))
    skipped, whole = run_aggregate(line), run_aggregate(line, fast_forward=False)
    assert figures(skipped) == figures(whole)
    assert skipped.skipped_periods > 70
    assert [actor.void for actor in skipped.actors] == [whole.actors[0].void] * 3


@pytest.mark.slow
def test_millions_of_firings_with_losses_have_the_same_figures_when_skipped() -> None:
    drawn = camera(2_000_000, 30_011, [22_013, 17_000, 41_017, 9_001])
    skipped = run_aggregate(drawn)
    assert skipped.skipped_ticks > 0.5 * skipped.now
    assert figures(skipped) == figures(run_aggregate(drawn, fast_forward=False))


def test_an_unused_server_whose_rate_changes_hinders_no_skipping() -> None:
    line = replace(camera(1000, 5, [7]), servers=(Server("idle", (0, 50), (2, 7)),))
    assert run_aggregate(line).skipped_periods > 480


@pytest.mark.parametrize("depth", [2, 8, 64])
def test_a_million_frames_through_ten_stages_are_skipped_exactly(depth: int) -> None:
    line = pipeline(service_times(10, 1, "fixed", 3), depth)
    few, many = (repeated(line, frames) for frames in (20_000, 1_000_000))
    skipped = run_aggregate(few)
    assert skipped.skipped_periods > 10_000
    assert figures(skipped) == figures(run_aggregate(few, fast_forward=False))
    totals = run_aggregate(many)
    assert totals.firings == 10_000_000
    assert totals.skipped_ticks > 0.98 * totals.now
    # What the last 980,000 frames add is what any frame adds in the steady state.
    slowest = max(a.compute.maximum() for a in line.actors)
    assert totals.now - skipped.now == 980_000 * slowest


def repeated(line: Plan, frames: int) -> Plan:
    """A pipeline of one frame, for many frames."""
    count, number = Series.counting(frames), Series.counting(frames, first=0)
    nothing, one = Series.constant(0, frames), Series.constant(1, frames)
    return replace(
        line,
        actors=tuple(
            replace(
                a, release=nothing, latency=nothing, compute=Series.constant(a.compute[0], frames), first_frame=number,
                last_frame=number, inputs=tuple(replace(p, need=count, free=count) for p in a.inputs),
                outputs=tuple(replace(o, put=one) for o in a.outputs),
            )
            for a in line.actors
        ),
    )  # fmt: skip


def test_a_convolutional_pipeline_by_pixels_is_skipped_frame_by_frame() -> None:
    net = mobilenet(12, "pixel", side=32)
    trace = run_compiled(net)
    totals = run_aggregate(net)
    assert totals.skipped_periods >= 5
    assert_totals(net, trace, totals)


def test_what_does_not_repeat_is_not_skipped_and_the_reason_is_told() -> None:
    varied = pipeline(service_times(3, 500, "random", 5), 2)
    totals = run_aggregate(varied)
    assert totals.skipped_periods == 0
    assert totals.reason == "event loop, totals only; fast-forward: the firings of 'stage0' do not repeat"
    assert run_aggregate(varied, fast_forward=False).reason.endswith("fast-forward: not asked for")


def test_a_source_that_falls_behind_is_skipped_and_one_that_catches_up_is_not_mistaken() -> None:
    for spacing in (1, 5, 7, 9):
        line = plan(
            actor("a", 400, 3, writes={0: 1}, release=[400 + k * spacing for k in range(400)]),
            actor("b", 400, 7, reads={0: 1}),
            channels=[3],
        )
        assert figures(run_aggregate(line)) == figures(run_aggregate(line, fast_forward=False))


@pytest.mark.parametrize("kind", ["pipeline", "camera"])
def test_totals_stop_at_a_given_tick_also_in_a_skipped_period(kind: str) -> None:
    line = repeated(pipeline(service_times(4, 1, "fixed", 3), 4), 5000)
    if kind == "camera":
        line = camera(50_000, 3, [4, 7])
    for until in (0, 77, 12_345, 100_001):
        skipped = run_aggregate(line, until=until)
        assert figures(skipped) == figures(run_aggregate(line, until=until, fast_forward=False))
        assert (skipped.now, skipped.complete) == (until, False)


def test_a_histogram_holds_the_time_at_each_level() -> None:
    line = plan(actor("a", 3, 2, writes={0: 1}), actor("b", 3, 5, reads={0: 1}), channels=[2], discipline=AFTER)
    (fifo,) = run_aggregate(line).channels
    # a puts at 2, 4 and 6; b takes at 2, 7 and 12.
    assert fifo.histogram.tolist() == [2 + 2 + 5, 2 + 5, 1]
    assert (fifo.level, fifo.highest, fifo.full, fifo.empty) == (9, 2, 1, 9)


def test_integrals_beyond_64_bits_are_exact() -> None:
    late = 1 << 61
    line = plan(actor("a", 2, 1, writes={0: 1000}), actor("b", 1, 3, reads={0: 2000}, release=late), channels=[2000])
    (fifo,) = run_aggregate(line).channels
    assert fifo.level == 2000 * (late + 3) - 1000


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read the Linux way")
def test_a_hundred_million_firings_take_no_more_memory_than_a_thousand() -> None:
    random = np.random.default_rng(1)

    def line(frames: int) -> Plan:
        one = repeated(pipeline(service_times(10, 1, "fixed", 3), 8), frames)
        ticks = [Series.periodic(random.integers(5, 100, 997), frames) for _ in one.actors]
        return replace(one, actors=tuple(replace(a, compute=t) for a, t in zip(one.actors, ticks, strict=True)))

    run_aggregate(line(100), fast_forward=False)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert run_aggregate(line(10_000_000), fast_forward=False).firings == 100_000_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 8 * 1024
