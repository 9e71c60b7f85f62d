"""One analysed run: what several tables need, worked out once and kept as small arrays."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from simulator.analysis.breakdown import Breakdown, breakdown, edges_of, in_service
from simulator.analysis.energy import EnergyItem, actor_total, energy_items
from simulator.analysis.frames import FrameTimes, frame_times
from simulator.analysis.latency import PICOSECONDS, arrivals_ps, deadline_misses, latencies_ps, latency_summary
from simulator.analysis.occupancy import (
    ChannelFigures,
    ChannelSummary,
    MemoryUse,
    histogram_edges,
    memory_level,
    server_work,
    summarise_channel,
)
from simulator.analysis.steady import Steady, steady_state
from simulator.analysis.steps import Floats
from simulator.analysis.tokens import Ends, channel_ends, departed, void_of, writes
from simulator.lowered import Amounts, Lowered
from simulator.series import Series
from simulator.trace import Trace

BINS = 240
"""Bins of the timelines: what a figure of usual width shows."""

_MANY = 1_000_000
"""Firings from which on the levels of the channels are found once for all; for fewer, what is asked for is quicker."""

Span = tuple[int, float, float]


class Figures(ABC):
    """The figures of a run that tables and bottleneck read, wherever they come from: a trace, or totals."""

    lowered: Lowered

    @property
    @abstractmethod
    def now(self) -> int:
        """The last instant, in ticks."""

    @property
    @abstractmethod
    def complete(self) -> bool:
        """Whether the run came to its end."""

    @property
    @abstractmethod
    def steady(self) -> Steady:
        """The steady part of the run."""

    @property
    @abstractmethod
    def breakdown(self) -> Breakdown:
        """The time of every actor and resource by cause, at edges that include those of the steady part."""

    @property
    @abstractmethod
    def channels(self) -> tuple[ChannelFigures, ...]:
        """How every channel was used."""

    @property
    @abstractmethod
    def delivered(self) -> int:
        """Frames that have left with their work done."""

    @property
    @abstractmethod
    def dropped(self) -> int:
        """Frames that are void."""

    @property
    @abstractmethod
    def latency_ms(self) -> dict[str, float | None]:
        """Mean, quantiles and maximum of the latency of delivered frames."""

    @property
    @abstractmethod
    def deadline_misses(self) -> int | None:
        """Delivered frames that were late; None without a deadline."""

    @property
    @abstractmethod
    def spans(self) -> Span | None:
        """Delivered frames, from the first arrival of one to the last, and from the first departure to the last, both
        in picoseconds; None below two frames.
        """

    @abstractmethod
    def departed(self, actor: int) -> int:
        """How many firings of an actor have ended."""

    @abstractmethod
    def void_firings(self, actor: int) -> int:
        """How many of them are void."""

    @abstractmethod
    def amount(self, actor: int, amounts: Amounts) -> float:
        """The sum of an amount over the firings of an actor that departed and are not void."""

    @abstractmethod
    def sum_of(self, actor: int, series: Series) -> float:
        """The same of a series."""

    @abstractmethod
    def frames_done(self, actor: int) -> int:
        """How many frames an actor has finished its part of, void ones left out."""

    @abstractmethod
    def in_service(self, actors: tuple[int, ...]) -> int:
        """Ticks during which at least one of the actors of an element is in service."""

    @abstractmethod
    def written(self, channel: int) -> int:
        """Tokens that departed firings have put into a channel, void ones left out."""

    @abstractmethod
    def server_work(self, server: int, first: int, last: int) -> float:
        """Work units of the firings whose service ended after ``first`` up to ``last``."""

    @abstractmethod
    def memory(self, name: str) -> MemoryUse:
        """What lay in a memory."""

    @property
    def elapsed_s(self) -> float:
        """Simulated seconds."""
        return float(self.lowered.plan.tick * self.now)

    @property
    def tick_us(self) -> float:
        """Microseconds a tick."""
        return float(self.lowered.plan.tick * 1_000_000)

    @property
    def window(self) -> tuple[int, int]:
        """First and last tick of the steady part, within the simulated time."""
        return min(self.steady.first, self.now), min(self.steady.last, self.now)

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
    def energy(self) -> list[EnergyItem]:
        """Energy by part and cause."""
        return energy_items(self)

    @cached_property
    def moved(self) -> dict[tuple[int, str, str], float]:
        """Bytes by (actor, memory, 'read' or 'write')."""
        return {
            (index, memory, way): self.amount(index, amounts)
            for index, note in enumerate(self.lowered.actors)
            for (memory, way), amounts in note.memory_bytes.items()
        }


@dataclass(frozen=True, eq=False)
class Run(Figures):
    """A lowered run and its trace, with what follows from them; every part is worked out when it is first asked for."""

    lowered: Lowered
    trace: Trace

    @property
    def now(self) -> int:
        """As in :class:`Figures`."""
        return self.trace.now

    @property
    def complete(self) -> bool:
        """As in :class:`Figures`."""
        return self.trace.complete

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

    @cached_property
    def breakdown(self) -> Breakdown:
        """The time of every actor and resource by cause, at the edges of the bins and of the steady part."""
        return breakdown(self.lowered.plan, self.trace, edges_of(self.trace.now, BINS, *self.window))

    @cached_property
    def channels(self) -> tuple[ChannelSummary, ...]:
        """How every channel was used."""
        plan, ends = self.lowered.plan, self._ends
        edges = edges_of(self.trace.now, BINS)
        instants = np.unique(self.frames.departure[self.frames.delivered])
        return tuple(
            summarise_channel(plan, self.trace, c, ends[c], edges, instants) for c in range(len(plan.channels))
        )

    @cached_property
    def _ends(self) -> tuple[Ends, ...]:
        return channel_ends(self.lowered.plan)

    @cached_property
    def arrivals_ps(self) -> Floats:
        """When each frame arrived."""
        return arrivals_ps(self.lowered, self.frames)

    @cached_property
    def latencies_ps(self) -> Floats:
        """Arrival to departure of each frame; NaN where it was not delivered."""
        return latencies_ps(self.lowered, self.frames)

    @property
    def delivered(self) -> int:
        """As in :class:`Figures`."""
        return int(self.frames.delivered.sum())

    @property
    def dropped(self) -> int:
        """As in :class:`Figures`."""
        return int(self.frames.void.sum())

    @property
    def latency_ms(self) -> dict[str, float | None]:
        """As in :class:`Figures`."""
        return latency_summary(self.latencies_ps * 1e-9)

    @property
    def deadline_misses(self) -> int | None:
        """As in :class:`Figures`."""
        return deadline_misses(self.lowered, self.frames)

    @property
    def spans(self) -> Span | None:
        """As in :class:`Figures`."""
        chosen = self.arrivals_ps[self.frames.delivered]
        if chosen.size < 2:
            return None
        left = self.frames.departure[self.frames.delivered]
        passed = float(int(left.max() - left.min()) * self.lowered.plan.tick * PICOSECONDS)
        return int(chosen.size), float(chosen.max() - chosen.min()), passed

    def departed(self, actor: int) -> int:
        """As in :class:`Figures`."""
        return departed(self.trace, actor)

    def void_firings(self, actor: int) -> int:
        """As in :class:`Figures`."""
        return int(np.count_nonzero(void_of(self.trace, actor, self.departed(actor))))

    def amount(self, actor: int, amounts: Amounts) -> float:
        """As in :class:`Figures`."""
        return actor_total(self.trace, actor, amounts)

    def sum_of(self, actor: int, series: Series) -> float:
        """As in :class:`Figures`."""
        count = self.departed(actor)
        void = void_of(self.trace, actor, count)
        if count == series.length and not void.any():
            return float(series.total())
        return float(series.at(np.flatnonzero(~void)).sum())

    def frames_done(self, actor: int) -> int:
        """As in :class:`Figures`."""
        own, count = self.lowered.plan.actors[actor], self.departed(actor)
        begun = self.frames.void.size if count == own.firings else own.first_frame[count]
        return int(begun - np.count_nonzero(self.frames.void[:begun]))

    def in_service(self, actors: tuple[int, ...]) -> int:
        """As in :class:`Figures`."""
        return in_service(self.lowered.plan, self.trace, actors)

    def written(self, channel: int) -> int:
        """As in :class:`Figures`."""
        plan = self.lowered.plan
        found = writes(plan, self.trace, channel, self._ends[channel])
        return int(found.real[-1]) - found.initial if found.real.size else 0

    def server_work(self, server: int, first: int, last: int) -> float:
        """As in :class:`Figures`."""
        return server_work(self.lowered.plan, self.trace, server, first, last)

    def memory(self, name: str) -> MemoryUse:
        """As in :class:`Figures`."""
        weights, level, unit = memory_level(self.lowered, self.trace, name)
        levels = histogram_edges(level.maximum())
        return MemoryUse(weights, unit, level.mean(), level.maximum(), levels, level.histogram(levels))
