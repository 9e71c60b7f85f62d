"""How long frames take, from their arrival to their last departure."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import numpy.typing as npt

from simulator.analysis.frames import FrameTimes
from simulator.lowered import Lowered

Floats = npt.NDArray[np.float64]

PICOSECONDS = 10**12
QUANTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}


def arrivals_ps(lowered: Lowered, frames: FrameTimes) -> Floats:
    """When each frame arrived, in picoseconds (NaN for frames that had not).

    In a saturated stream all frames wait from the start, so the time before a frame enters says nothing about the
    platform: there it arrives when its first firing begins.
    """
    if lowered.stream.is_saturated:
        entered = to_ps(lowered.plan.tick, frames.entry)
        return np.where(frames.entry >= 0, entered, np.nan)
    return lowered.stream.release_ps.astype(np.float64)


def latencies_ps(lowered: Lowered, frames: FrameTimes) -> Floats:
    """Arrival to departure of every frame, in picoseconds; NaN for void and unfinished frames."""
    took = to_ps(lowered.plan.tick, frames.departure) - arrivals_ps(lowered, frames)
    return np.where(frames.delivered, took, np.nan)


def latency_summary(latencies: Floats) -> dict[str, float | None]:
    """Mean, quantiles and maximum of the frames that were delivered, in the unit given; None where none was."""
    known = latencies[~np.isnan(latencies)]
    if not known.size:
        return dict.fromkeys(("mean", *QUANTILES, "max"))
    quantiles = {name: float(np.quantile(known, share)) for name, share in QUANTILES.items()}
    return {"mean": float(known.mean()), **quantiles, "max": float(known.max())}


def deadline_misses(lowered: Lowered, frames: FrameTimes) -> int | None:
    """Delivered frames that left later than their deadline after arrival; None where the stream has none."""
    deadline = lowered.stream.deadline_ps
    if deadline is None:
        return None
    late = latencies_ps(lowered, frames) > deadline
    return int(np.count_nonzero(late & frames.delivered))


def to_ps(tick: Fraction, ticks: npt.NDArray[np.int64]) -> Floats:
    """Ticks as picoseconds; exact as long as the result is an integer below 2**53."""
    scale = tick * PICOSECONDS
    found: Floats = ticks.astype(np.float64) * scale.numerator / scale.denominator
    return found
