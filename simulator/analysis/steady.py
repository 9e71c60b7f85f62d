"""Where a run is steady, and the throughput there with its confidence interval.

The warm-up is cut by whole frames at the sink *and* where the fill of all channels has become stationary: behind the
slowest stage the sink runs evenly from its first departure on, while the FIFOs in front of it are still filling. The
fill is judged by the marginal standard error rule: K. P. White, "An effective truncation heuristic for bias reduction
in simulation output", Simulation 69(6), 1997. The end is cut where the sources have run dry, since from there on the
platform only drains.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from simulator.analysis.frames import FrameTimes
from simulator.analysis.tokens import channel_ends, occupied
from simulator.plan import Plan
from simulator.series import Ints
from simulator.trace import Trace

Floats = npt.NDArray[np.float64]

CONFIDENCE = 0.95
FEWEST = 4  # departures in a window that is judged; fewer say nothing about steadiness
_BATCHES = 20  # of departures, for the interval; Schmeiser (1982) finds little to gain beyond 30
_LONGEST_PERIOD = 2000  # frames
_ROUNDING = 1e-7  # of an interval


@dataclass(frozen=True, slots=True)
class Steady:
    """The steady part of a run, from one frame's departure to another's, and the throughput there.

    ``first`` and ``last`` are ticks, ``frames`` the frames that departed after ``first`` up to ``last``. ``throughput``
    is exact, in frames a tick; ``low`` and ``high`` bound it with 95 % confidence (None: too few frames to say; equal:
    it repeats exactly). ``period`` is the number of frames after which the departures repeat, if they do (but for
    rounding to ticks). ``settled`` False: the figure holds for this run, but may not be that of a long one; ``reason``
    says why.
    """

    first: int
    last: int
    frames: int
    throughput: Fraction
    low: float | None
    high: float | None
    period: int | None
    settled: bool
    reason: str


Areas = Iterable[tuple[Floats, int]]
"""For each channel, the integral of its level up to each instant at which a frame departs, and its highest level."""


def steady_state(plan: Plan, trace: Trace, frames: FrameTimes, areas: Areas | None = None) -> Steady:
    """Finds the steady part of a run; never raises, however short the run was.

    ``areas`` tells the levels of the channels where they are known already.
    """
    departures = np.sort(frames.departure[frames.delivered])
    if departures.size < 2 or departures[0] == departures[-1]:
        return too_short(trace.now, departures)
    dry = source_end(plan, trace)
    usable = int(np.searchsorted(departures, dry, side="right")) if trace.complete else departures.size
    if usable < FEWEST or departures[0] == departures[usable - 1]:
        start, reason = 0, short_reason(departures.size, usable)
        usable = departures.size
    else:
        start, reason = _warm_up(plan, trace, departures[:usable], areas)
        if departures[start] == departures[usable - 1]:
            start = 0
    return measure(departures[start:usable], reason)


def source_end(plan: Plan, trace: Trace) -> int:
    """The tick at which the first of the sources began its last firing: from here on nothing new enters."""
    ends = [int(trace.start[i][-1]) if trace.start[i][-1] >= 0 else trace.now for i in plan.sources()]
    return min(ends, default=trace.now)


def too_short(now: int, departures: Ints) -> Steady:
    """One frame, or one batch: all that can be said is how long it took from the start."""
    count = int(departures.size)
    last = int(departures[-1]) if count else now
    if not count:
        reason = "no frame was delivered"
    else:
        reason = (
            f"only {count} frame{'s' if count > 1 else ''} departed, at one instant: this is frames over elapsed time"
        )
    rate = Fraction(count, last) if last else Fraction(0)
    return Steady(0, last, count, rate, None, None, None, False, reason)


def short_reason(departures: int, usable: int) -> str:
    if departures < FEWEST:
        return f"only {departures} frames departed; run more frames"
    return f"only {usable} of {departures} frames departed before the source ran dry; run more frames"


def _warm_up(plan: Plan, trace: Trace, departures: Ints, areas: Areas | None) -> tuple[int, str]:
    """How many departures to leave out in front, and why the rest may not be steady ('' if it is)."""
    fill = mean_fill(plan, trace, departures, areas)
    start, settled = stationary_from(fill)
    if settled:
        return start, ""
    return start, "the FIFOs have not stopped filling; run more frames"


def mean_fill(plan: Plan, trace: Trace, departures: Ints, areas: Areas | None = None) -> Floats:
    """The mean fill of all channels between consecutive departures, each channel as a share of the highest level it
    reached.

    ``departures`` are the first ones of the run, or any where ``areas`` are not given.
    """
    times = np.unique(departures)
    fill = np.zeros(times.size - 1)
    count = 0
    for until, highest in areas if areas is not None else _areas(plan, trace, times):
        if highest > 0:
            fill += np.diff(until[: times.size]) / np.diff(times) / highest
            count += 1
    spread = np.searchsorted(times, departures[1:], side="left") - 1  # departures at one instant share an interval
    found: Floats = (fill / max(count, 1))[np.maximum(spread, 0)]
    return found


def _areas(plan: Plan, trace: Trace, times: Ints) -> Iterator[tuple[Floats, int]]:
    for channel, ends in enumerate(channel_ends(plan)):
        level = occupied(plan, trace, channel, ends)
        yield level.until(times), level.maximum()


def stationary_from(values: Floats) -> tuple[int, bool]:
    """The first index from which the values are stationary by the marginal standard error rule, and whether there is
    one.

    The rule picks the cut that makes the standard error of the mean of the rest smallest; when that is the middle of
    the run or later, the values are still on the move.
    """
    count = values.size
    if count < 2:
        return 0, True
    centred = values - values.mean()
    left = np.arange(count, 0, -1)
    sums, squares = np.cumsum(centred[::-1])[::-1], np.cumsum((centred**2)[::-1])[::-1]
    error = np.maximum(squares / left - (sums / left) ** 2, 0.0) / left
    half = max(count // 2, 1)
    floor = (1e-9 * max(float(np.abs(values).max()), 1e-300)) ** 2  # rounding of the integrals
    start = int(np.argmax(error[: half + 1] <= max(float(error[: half + 1].min()), floor)))
    return start, start < half or float(np.ptp(values[start:])) <= 1e-9 * max(float(np.abs(values).max()), 1e-300)


def measure(departures: Ints, reason: str) -> Steady:
    """The throughput between the first and last instant of these departures, over whole periods where they repeat."""
    first = int(np.searchsorted(departures, departures[0], side="right")) - 1  # count what leaves after this instant
    inside = departures[first:]
    if inside.size < 2:
        inside = departures
    intervals = np.diff(inside)
    period = repetition(intervals, 0)
    exact = period is not None
    if period is None:  # cycles of a clock rounded to ticks come back as they were but for a few ticks
        period = repetition(intervals, int(intervals.mean() * _ROUNDING))
    if period is not None:
        whole = intervals.size // period * period
        inside, intervals = inside[inside.size - 1 - whole :], intervals[intervals.size - whole :]
    count, ticks = int(intervals.size), int(inside[-1] - inside[0])
    rate = Fraction(count, ticks) if ticks else Fraction(0)
    low, high = (float(rate), float(rate)) if exact else confidence_interval(intervals, period)
    return Steady(int(inside[0]), int(inside[-1]), count, rate, low, high, period, not reason, reason)


def repetition(intervals: Ints, tolerance: int) -> int | None:
    """After how many frames the intervals repeat, at least three times, to within ``tolerance`` ticks; None: never."""
    count = intervals.size
    for period in range(1, min(count // 3, _LONGEST_PERIOD) + 1):
        if abs(int(intervals[-1] - intervals[-1 - period])) > tolerance:
            continue
        if bool((np.abs(intervals[period:] - intervals[:-period]) <= tolerance).all()):
            return period
    return None


def confidence_interval(intervals: Ints, period: int | None = None) -> tuple[float | None, float | None]:
    """Bounds on frames a tick by batch means with Student's t at 95 %; (None, None) below ten intervals that do not
    repeat.

    Batches are runs of equally many frames (whole periods where the intervals repeat), so that departures that depend
    on their neighbours fall into one batch.
    """
    if period is not None:
        batches = intervals.size // period
    elif intervals.size >= 10:
        batches = min(_BATCHES, max(5, intervals.size // 10))
    else:
        return None, None
    from scipy.special import stdtrit  # the quantile of Student's t; scipy.stats is slow to import

    size = intervals.size // batches
    used = intervals[intervals.size - size * batches :].reshape(batches, size)
    means = used.sum(axis=1) / size
    half = float(stdtrit(batches - 1, (1 + CONFIDENCE) / 2)) * float(means.std(ddof=1)) / math.sqrt(batches)
    mean = float(intervals.mean())
    slowest, quickest = mean + half, mean - half
    return 1 / slowest, 1 / quickest if quickest > 0 else math.inf
