"""Where a run is steady: exact rates of short lines, the slow filling of FIFOs, and what too few frames can say."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from simulator.analysis.frames import frame_times
from simulator.analysis.steady import Steady, confidence_interval, mean_fill, repetition, stationary_from, steady_state
from simulator.engine import run
from simulator.plan import Plan
from tests.engine.small import AFTER, START, actor, plan
from workloads.seeds import generator


def _steady(of: Plan, until: int | None = None) -> Steady:
    trace = run(of, engine="simpy", until=until)
    return steady_state(of, trace, frame_times(of, trace))


def _line(frames: int, first: object, second: object, depth: int | None, **options: object) -> Plan:
    return plan(
        actor("first", frames, first, writes={0: 1}, **options),  # type: ignore[arg-type]
        actor("second", frames, second, reads={0: 1}),  # type: ignore[arg-type]
        channels=[depth],
        discipline=AFTER,
    )


def test_the_slower_stage_sets_an_exact_rate() -> None:
    found = _steady(_line(20, 3, 7, 2))
    assert found.throughput == Fraction(1, 7)
    assert (found.low, found.high, found.period, found.settled) == (1 / 7, 1 / 7, 1, True)


def test_a_rhythm_of_several_frames_is_counted_in_whole_periods() -> None:
    """Service of 2, 3, 10 in turn: 3 frames in 15 ticks, whichever frame the window begins with."""
    found = _steady(_line(25, 1, [(2, 3, 10)[k % 3] for k in range(25)], 2))
    assert (found.throughput, found.period, found.low) == (Fraction(3, 15), 3, 0.2)


def test_a_batch_counts_what_leaves_after_the_instant_it_begins_with() -> None:
    """Four frames leave at once every 8 ticks: half a frame a tick, also where the window cuts a batch."""
    batch = plan(
        actor("first", 40, 1, writes={0: 1}),
        actor("batch", 10, 8, reads={0: 4}, frames=[(4 * k, 4 * k + 3) for k in range(10)]),
        channels=[8],
    )
    assert _steady(batch).throughput == Fraction(1, 2)


def test_the_filling_of_a_deep_fifo_is_warm_up_though_the_sink_runs_evenly() -> None:
    """The sink departs every 10 ticks from its start; the FIFO of 8 gains one token in 90 ticks."""
    line = _line(400, 9, 10, 8)
    trace = run(line, engine="simpy")
    frames = frame_times(line, trace)
    found = steady_state(line, trace, frames)
    fill = mean_fill(line, trace, frames.departure[:100])
    assert fill[0] < 0.2
    assert fill[90] > 0.9
    assert 90 * 7 < found.first < 90 * 10
    assert (found.settled, found.throughput) == (True, Fraction(1, 10))


def test_a_run_that_only_fills_says_so() -> None:
    found = _steady(_line(60, 99, 100, 64))
    assert not found.settled
    assert found.reason == "the FIFOs have not stopped filling; run more frames"
    assert found.throughput == Fraction(1, 100)


def test_an_overloaded_queue_is_not_steady() -> None:
    assert not _steady(_line(200, 0, 5, None, release=[4 * k for k in range(200)])).settled


def test_what_came_through_is_the_rate_of_the_arrivals() -> None:
    found = _steady(_line(50, 0, 5, None, release=[30 * k for k in range(50)]))
    assert (found.throughput, found.settled) == (Fraction(1, 30), True)


def test_one_frame_is_told_as_what_it_is() -> None:
    found = _steady(_line(1, 3, 7, 2))
    assert (found.throughput, found.frames, found.low, found.settled) == (Fraction(1, 10), 1, None, False)
    assert found.reason == "only 1 frame departed, at one instant: this is frames over elapsed time"


def test_two_frames_give_one_interval() -> None:
    found = _steady(_line(2, 3, 7, 2))
    assert (found.throughput, found.frames, found.settled) == (Fraction(1, 7), 1, False)
    assert found.reason == "only 2 frames departed; run more frames"


def test_a_stream_shorter_than_the_line_says_so() -> None:
    found = _steady(_line(8, 1, 7, 20))
    assert found.reason == "only 0 of 8 frames departed before the source ran dry; run more frames"
    assert found.throughput == Fraction(1, 7)


def test_no_frame_is_no_throughput() -> None:
    found = _steady(_line(3, 3, 7, 2), until=5)
    assert (found.throughput, found.reason) == (Fraction(0), "no frame was delivered")


def test_an_interrupted_run_is_judged_by_what_departed() -> None:
    assert _steady(_line(1000, 3, 7, 2), until=700).throughput == Fraction(1, 7)


def test_a_closed_loop_counts_its_turns() -> None:
    """Two tokens circulate through stages of 3 and 5: the slower one is always busy."""
    ring = plan(
        actor("a", 30, 3, reads={1: 1}, writes={0: 1}),
        actor("b", 30, 5, reads={0: 1}, writes={1: 1}),
        channels=[None, (None, 2)],
    )
    assert ring.sources() == ring.sinks() == (0, 1)
    assert _steady(ring).throughput == Fraction(1, 5)


def test_dropped_frames_are_not_delivered() -> None:
    camera = actor("camera", 40, 0, release=[2 * k for k in range(40)], writes={0: 1}, drop=True)
    lossy = plan(camera, actor("stage", 40, 5, reads={0: 1}), channels=[1], discipline=START)
    trace = run(lossy, engine="simpy")
    frames = frame_times(lossy, trace)
    assert frames.delivered.sum() + frames.void.sum() == 40
    assert not frames.delivered[frames.void].any()
    found = steady_state(lossy, trace, frames)
    assert abs(float(found.throughput) - 1 / 5) < 0.02


def test_frames_leave_when_the_last_sink_and_its_pipeline_have_done_with_them() -> None:
    fork = plan(
        actor("fork", 2, 1, writes={0: 1, 1: 1}),
        actor("quick", 2, 1, reads={0: 1}),
        actor("slow", 2, 4, reads={1: 1}, latency=10),
        channels=[None, None],
    )
    trace = run(fork, engine="simpy")
    assert frame_times(fork, trace).departure.tolist() == [15, 19]
    assert frame_times(fork, trace).entry.tolist() == [0, 1]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_interval_of_a_random_line_covers_its_rate(seed: int) -> None:
    """Two saturated exponential stages of equal rate, one place between: n/(n+1) of a stage's rate, n = 3."""
    draw = generator(seed, "service")
    first, second = (draw.exponential(100_000, 6000).astype(np.int64) for _ in range(2))
    found = _steady(_line(6000, first, second, 1))
    assert found.low is not None
    assert found.high is not None
    assert found.low * 1e5 < 0.75 < found.high * 1e5
    assert found.period is None
    assert (found.high - found.low) * 1e5 < 0.05


def test_repetition_needs_three_turns_and_allows_for_rounding() -> None:
    assert repetition(np.array([3, 5, 3, 5, 3, 5]), 0) == 2
    assert repetition(np.array([3, 5, 3, 5]), 0) is None
    assert repetition(np.array([300, 500, 301, 500, 300, 499]), 0) is None
    assert repetition(np.array([300, 500, 301, 500, 300, 499]), 1) == 2


def test_too_few_intervals_have_no_confidence() -> None:
    assert confidence_interval(np.array([3, 9, 4, 7, 5, 1, 2, 8, 6])) == (None, None)
    low, high = confidence_interval(np.array([3, 9, 4, 7, 5, 1, 2, 8, 6, 5]))
    assert low is not None
    assert high is not None
    assert low < 1 / 5 < high


def test_the_marginal_standard_error_rule_cuts_a_ramp_and_keeps_noise() -> None:
    ramp = np.concatenate((np.linspace(0, 1, 20), np.ones(80)))
    assert stationary_from(ramp) == (19, True)
    assert stationary_from(np.linspace(0, 1, 100))[1] is False
    noise = generator(7, "noise").normal(1, 0.1, 400)
    start, settled = stationary_from(noise)
    assert settled
    assert start < 100
    assert stationary_from(np.full(50, 0.3)) == (0, True)
