"""When each frame arrives, enters and leaves, and which frames were dropped."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulator.analysis.tokens import departed, readable_times, started
from simulator.plan import Plan
from simulator.series import Ints
from simulator.trace import Trace

NEVER = -1


@dataclass(frozen=True, slots=True, eq=False)
class FrameTimes:
    """Ticks at which each frame's first firing began and its results could be read (-1: not yet), and which frames are
    void.
    """

    entry: Ints
    departure: Ints
    void: npt.NDArray[np.bool_]

    @property
    def delivered(self) -> npt.NDArray[np.bool_]:
        """Which frames have left the last sink with their work done."""
        return (self.departure >= 0) & ~self.void


def frame_times(plan: Plan, trace: Trace) -> FrameTimes:
    """Entry and departure of every frame of the plan.

    A frame departs when the last firing that serves it has departed at every sink that serves it, and the sink's own
    latency (the depth of its pipeline) is over.
    """
    frames = plan.frames
    void = np.zeros(frames, dtype=np.bool_)
    for index, actor in enumerate(plan.actors):
        dropped = np.flatnonzero(trace.void[index])
        if actor.drop and dropped.size:
            firing, frame = actor.frames_of(dropped)
            void[frame] = True
    entry = np.full(frames, np.iinfo(np.int64).max)
    for index in plan.sources():
        firing, frame = plan.actors[index].frames_of(np.arange(started(trace, index)))
        np.minimum.at(entry, frame, trace.start[index][firing])
    departure = np.full(frames, NEVER, dtype=np.int64)
    pending = frames
    for index in plan.sinks():
        actor, count = plan.actors[index], departed(trace, index)
        firing, frame = actor.frames_of(np.arange(count))
        np.maximum.at(departure, frame, readable_times(plan, trace, index)[firing])
        if count < actor.firings:
            pending = min(pending, actor.first_frame[count])
    departure[pending:] = NEVER
    return FrameTimes(np.where(entry == np.iinfo(np.int64).max, NEVER, entry), departure, void)
