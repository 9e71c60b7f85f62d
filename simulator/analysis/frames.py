"""When each frame arrives, enters and leaves, and which frames were dropped."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulator.analysis.tokens import departed, readable_times, started
from simulator.plan import Actor, Plan
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


def sources(plan: Plan) -> tuple[int, ...]:
    """Indices of the actors that read from no other actor; all actors where there are none (a closed loop)."""
    found = []
    for index, actor in enumerate(plan.actors):
        own = {output.channel for output in actor.outputs}
        if (
            all(entry.channel in own or plan.writer_of(entry.channel) is None for entry in actor.inputs)
            and actor.firings
        ):
            found.append(index)
    return tuple(found) or tuple(i for i, a in enumerate(plan.actors) if a.firings)


def sinks(plan: Plan) -> tuple[int, ...]:
    """Indices of the actors whose departures complete frames; all actors where there are none (a closed loop)."""
    found = tuple(i for i, actor in enumerate(plan.actors) if actor.firings and plan.is_sink(i))
    return found or tuple(i for i, a in enumerate(plan.actors) if a.firings)


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
            firing, frame = _served(actor, dropped)
            void[frame] = True
    entry = np.full(frames, np.iinfo(np.int64).max)
    for index in sources(plan):
        firing, frame = _served(plan.actors[index], np.arange(started(trace, index)))
        np.minimum.at(entry, frame, trace.start[index][firing])
    departure = np.full(frames, NEVER, dtype=np.int64)
    pending = frames
    for index in sinks(plan):
        actor, count = plan.actors[index], departed(trace, index)
        firing, frame = _served(actor, np.arange(count))
        np.maximum.at(departure, frame, readable_times(plan, trace, index)[firing])
        if count < actor.firings:
            pending = min(pending, actor.first_frame[count])
    departure[pending:] = NEVER
    return FrameTimes(np.where(entry == np.iinfo(np.int64).max, NEVER, entry), departure, void)


def _served(actor: Actor, firings: Ints) -> tuple[Ints, Ints]:
    """Pairs of a firing and a frame that it serves."""
    first, last = actor.first_frame.at(firings), actor.last_frame.at(firings)
    counts = last - first + 1
    if counts.size and int(counts.max()) == 1:
        return firings, first
    offsets = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(firings, counts), np.repeat(first, counts) + offsets
