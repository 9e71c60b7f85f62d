"""One analysed run: what several tables need, worked out once and kept as small arrays."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from simulator.analysis.breakdown import Breakdown, breakdown, edges_of
from simulator.analysis.energy import EnergyItem, energy_items
from simulator.analysis.frames import FrameTimes, frame_times
from simulator.analysis.latency import arrivals_ps, latencies_ps
from simulator.analysis.occupancy import ChannelSummary, summarise_channel
from simulator.analysis.steady import Steady, steady_state
from simulator.analysis.steps import Floats
from simulator.analysis.tokens import channel_ends, departed
from simulator.lowered import Lowered
from simulator.trace import Trace

BINS = 240
"""Bins of the timelines: what a figure of usual width shows."""

_MANY = 1_000_000
"""Firings from which on the levels of the channels are found once for all; for fewer, what is asked for is quicker."""


@dataclass(frozen=True, eq=False)
class Run:
    """A lowered run and its trace, with what follows from them; every part is worked out when it is first asked for."""

    lowered: Lowered
    trace: Trace

    @property
    def elapsed_s(self) -> float:
        """Simulated seconds."""
        return float(self.lowered.plan.tick * self.trace.now)

    @property
    def tick_us(self) -> float:
        """Microseconds a tick."""
        return float(self.lowered.plan.tick * 1_000_000)

    @cached_property
    def frames(self) -> FrameTimes:
        """When each frame entered and left."""
        return frame_times(self.lowered.plan, self.trace)

    @cached_property
    def steady(self) -> Steady:
        """The steady part of the run."""
        plan, areas = self.lowered.plan, None
        if plan.firings >= _MANY:
            areas = [(own.until, own.highest) for own in self.channels]
        return steady_state(plan, self.trace, self.frames, areas)

    @property
    def window(self) -> tuple[int, int]:
        """First and last tick of the steady part, within the simulated time."""
        now = self.trace.now
        return min(self.steady.first, now), min(self.steady.last, now)

    @cached_property
    def breakdown(self) -> Breakdown:
        """The time of every actor and resource by cause, at the edges of the bins and of the steady part."""
        return breakdown(self.lowered.plan, self.trace, edges_of(self.trace.now, BINS, *self.window))

    @cached_property
    def element_groups(self) -> dict[str, list[int]]:
        """The groups of the breakdown that make up each element: its resources, or where it has none, its actors.

        An actor without a resource on an element that has some is a delay, such as a link between cores: no slot of it.
        """
        found: dict[str, list[int]] = {}
        delays: dict[str, list[int]] = {}
        for number, group in enumerate(self.breakdown.members):
            if group.resource is not None:
                name = self.lowered.resources[group.resource].element
            else:
                name = self.lowered.actors[group.actors[0]].element
            if name is not None:
                (delays if group.resource is None else found).setdefault(name, []).append(number)
        return {**delays, **found}

    @cached_property
    def channels(self) -> tuple[ChannelSummary, ...]:
        """How every channel was used."""
        plan, ends = self.lowered.plan, channel_ends(self.lowered.plan)
        edges = edges_of(self.trace.now, BINS)
        instants = np.unique(self.frames.departure[self.frames.delivered])
        return tuple(
            summarise_channel(plan, self.trace, c, ends[c], edges, instants) for c in range(len(plan.channels))
        )

    @cached_property
    def energy(self) -> list[EnergyItem]:
        """Energy by part and cause."""
        return energy_items(self.lowered, self.trace)

    @cached_property
    def arrivals_ps(self) -> Floats:
        """When each frame arrived."""
        return arrivals_ps(self.lowered, self.frames)

    @cached_property
    def latencies_ps(self) -> Floats:
        """Arrival to departure of each frame; NaN where it was not delivered."""
        return latencies_ps(self.lowered, self.frames)

    def frames_done(self, actor: int) -> int:
        """How many frames an actor has finished its part of, void ones left out."""
        own, count = self.lowered.plan.actors[actor], departed(self.trace, actor)
        begun = self.frames.void.size if count == own.firings else own.first_frame[count]
        return int(begun - np.count_nonzero(self.frames.void[:begun]))
