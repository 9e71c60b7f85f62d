"""The figures of a run that kept totals instead of a trace.

They are those of the full run. Where the state recurred, the steady part is the longest stretch of whole periods, and
the throughput there is exact; else it is cut by the fill of the channels at some instants of the run, so that its
throughput is another sample of the same rate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

import numpy as np

from simulator.analysis.breakdown import Breakdown
from simulator.analysis.counted import counted_breakdown
from simulator.analysis.counted_frames import CountedFrames
from simulator.analysis.occupancy import (
    FINEST_BINS,
    ChannelFigures,
    MemoryUse,
    channels_inside,
    common_unit,
    histogram_edges,
)
from simulator.analysis.run import Figures, Span
from simulator.analysis.steady import FEWEST, Steady, measure, short_reason, stationary_from, too_short
from simulator.analysis.steps import Floats, exact_dot
from simulator.engine import Progress
from simulator.engine.aggregate import Aggregate, LevelTotals, run_aggregate
from simulator.engine.counters import Counters
from simulator.engine.tallies import Counting
from simulator.lowered import ActorNote, Amounts, Lowered
from simulator.plan import Actor
from simulator.series import Ints, Series

_LONGEST_PERIOD = 1_000_000


def count_run(lowered: Lowered, *, until: int | None = None, progress: Progress | None = None) -> TotalsRun:
    """Run a plan that ``check_plan`` has passed, keep totals only, and return their figures."""
    frames = CountedFrames(lowered)
    totals = run_aggregate(lowered.plan, until=until, progress=progress, counting=_counting(lowered), reader=frames.add)
    return TotalsRun(lowered, totals, frames)


@dataclass(frozen=True, eq=False)
class TotalsRun(Figures):
    """A lowered run and its totals, with what follows from them."""

    lowered: Lowered
    totals: Aggregate
    frames: CountedFrames

    @property
    def now(self) -> int:
        """As in :class:`Figures`."""
        return self.totals.now

    @property
    def complete(self) -> bool:
        """As in :class:`Figures`."""
        return self.totals.complete

    @cached_property
    def steady(self) -> Steady:
        """The steady part: whole periods where the state recurred."""
        stretch = self.totals.longest
        if stretch is not None and stretch.frames:
            rate = Fraction(stretch.frames, stretch.period)
            count = stretch.frames * (stretch.ticks // stretch.period)
            first, last = stretch.first.now, stretch.last.now
            return Steady(first, last, count, rate, float(rate), float(rate), stretch.frames, True, "")
        return self._sampled_steady()

    @cached_property
    def breakdown(self) -> Breakdown:
        """The time of every actor and resource by cause, at the ends of the steady part or samples near them."""
        return counted_breakdown(self.lowered.plan, [*self._edges, self.totals.counters])

    @property
    def window(self) -> tuple[int, int]:
        """First and last tick of the steady part, as far as the counters are known there."""
        if not self._edges:
            return 0, self.now
        return self._edges[0].now, self._edges[-1].now

    @cached_property
    def channels(self) -> tuple[ChannelFigures, ...]:
        """How every channel was used."""
        return tuple(self._channel(index) for index in range(len(self.lowered.plan.channels)))

    @property
    def delivered(self) -> int:
        """As in :class:`Figures`."""
        return self.frames.delivered

    @property
    def dropped(self) -> int:
        """As in :class:`Figures`."""
        return self.totals.log.void_among(self.lowered.plan.frames)

    @cached_property
    def latency_ms(self) -> dict[str, float | None]:
        """As in :class:`Figures`; quantiles are exact up to some hundred thousand different latencies."""
        return self.frames.summary_ms()

    @property
    def deadline_misses(self) -> int | None:
        """As in :class:`Figures`."""
        return None if self.lowered.stream.deadline_ps is None else self.frames.late

    @property
    def spans(self) -> Span | None:
        """As in :class:`Figures`."""
        return self.frames.spans()

    def departed(self, actor: int) -> int:
        """As in :class:`Figures`."""
        return self.totals.actors[actor].departed

    def void_firings(self, actor: int) -> int:
        """As in :class:`Figures`."""
        return self.totals.actors[actor].void

    def amount(self, actor: int, amounts: Amounts) -> float:
        """As in :class:`Figures`."""
        phases, voids = self._voids(actor)
        return amounts.total(self.departed(actor)) - float((amounts.at(phases) * voids).sum())

    def sum_of(self, actor: int, series: Series) -> float:
        """As in :class:`Figures`."""
        return float(self._sum(actor, series, self.departed(actor)))

    def frames_done(self, actor: int) -> int:
        """As in :class:`Figures`."""
        own, count = self.lowered.plan.actors[actor], self.departed(actor)
        begun = self.lowered.plan.frames if count == own.firings else own.first_frame[count]
        return begun - self.totals.log.void_among(begun)

    def in_service(self, actors: tuple[int, ...]) -> int:
        """As in :class:`Figures`."""
        if not actors:
            return 0
        party = _parties(self.lowered)[actors[0]]
        return int(self.totals.counters.parties[party]) if party >= 0 else 0

    def written(self, channel: int) -> int:
        """As in :class:`Figures`."""
        for index, actor in enumerate(self.lowered.plan.actors):
            for out in actor.outputs:
                if out.channel == channel:
                    return self._sum(index, out.put, self.departed(index))
        return 0

    def server_work(self, server: int, first: int, last: int) -> float:
        """As in :class:`Figures`; exact over the whole run and over whole periods."""
        known = {0: None, **{one.now: one for one in self._edges}, self.now: self.totals.counters}
        end, begin = known[last], known[max(first, 0)]
        return self._work_until(server, end) - self._work_until(server, begin)

    def memory(self, name: str) -> MemoryUse:
        """As in :class:`Figures`."""
        weights = self.lowered.weights_bytes.get(name, 0)
        inside = channels_inside(self.lowered.plan, name)
        unit = common_unit([self.lowered.plan.channels[c].token_bytes for c in inside])
        level = self.totals.pools[list(self.lowered.platform.memories).index(name)]
        levels, shares, mean = self._level(level)
        return MemoryUse(weights, unit, mean, level.highest, levels, shares)

    @cached_property
    def _edges(self) -> list[Counters]:
        """The counters at the ends of the steady part, or at the samples nearest to them."""
        stretch = self.totals.longest
        if stretch is not None and stretch.frames:
            return [stretch.first, stretch.last]
        found = [one for one in self.totals.samples if self.steady.first <= one.now <= self.steady.last]
        return [found[0], found[-1]] if len(found) > 1 else []

    def _sampled_steady(self) -> Steady:
        departures, every = self.frames.departures, self.frames.every
        if departures.size < 2 or departures[0] == departures[-1]:
            return too_short(self.now, departures)
        dry = self.totals.log.dry if self.complete and self.totals.log.dry is not None else self.now
        usable = int(np.searchsorted(departures, dry, side="right")) if self.complete else departures.size
        start, reason = 0, ""
        if usable < FEWEST or departures[0] == departures[usable - 1]:
            reason, usable = short_reason(int(departures.size), usable), departures.size
        else:
            begin, settled = self._warm_up(dry)
            start = int(np.searchsorted(departures[:usable], begin))
            reason = "" if settled else "the FIFOs have not stopped filling; run more frames"
            if usable - start < FEWEST or departures[start] == departures[usable - 1]:
                start = 0
        found = measure(departures[start:usable], reason)
        low, high = (None if rate is None else rate * every for rate in (found.low, found.high))
        period = found.period if every == 1 else None
        return replace(
            found, frames=found.frames * every, throughput=found.throughput * every, low=low, high=high, period=period
        )

    def _warm_up(self, dry: int) -> tuple[int, bool]:
        """From which tick on the mean fill of the channels is stationary between the samples, and whether it is."""
        samples = [one for one in self.totals.samples if 0 < one.now <= dry]
        samples = [one for i, one in enumerate(samples) if i == 0 or one.now > samples[i - 1].now]
        if len(samples) < FEWEST:
            return 0, True
        highest = np.array([channel.highest for channel in self.totals.channels], dtype=np.float64)
        areas = np.array([[0] * highest.size, *([float(a) for a in one.levels] for one in samples)])
        times = np.array([0, *(one.now for one in samples)])
        fill = np.diff(areas[:, highest > 0], axis=0) / np.diff(times)[:, None] / highest[highest > 0]
        start, settled = stationary_from(fill.mean(axis=1) if fill.size else np.zeros(len(samples)))
        return int(times[start]), settled

    def _channel(self, index: int) -> ChannelFigures:
        own = self.totals.channels[index]
        levels, shares, mean = self._level(own)
        still = self.lowered.plan.channels[index].initial
        waiting = own.lying / self.now if self.now else float(still)
        return ChannelFigures(own.highest, mean, waiting, own.lying, own.written, own.full, own.empty, levels, shares)

    def _level(self, own: LevelTotals) -> tuple[Ints, Floats, float]:
        """Edges of the bins of a level, the share of time in each, and its mean."""
        edges = histogram_edges(own.highest)
        places = np.searchsorted(edges, np.arange(own.histogram.size) * own.bin_width, side="right") - 1
        shares = np.zeros(edges.size - 1)
        np.add.at(shares, np.minimum(places, shares.size - 1), own.histogram)
        return edges, shares / max(self.now, 1), own.level / max(self.now, 1)

    def _voids(self, actor: int) -> tuple[Ints, Ints]:
        """Numbers of firings modulo the actor's period, and how many void ones had them."""
        voids = self.totals.void_phases[actor]
        return np.arange(voids.size, dtype=np.int64), voids

    def _sum(self, actor: int, series: Series, count: int) -> int:
        phases, voids = self._voids(actor)
        return replace(series, length=count).total() - exact_dot(series.at(phases), voids)

    def _work_until(self, server: int, counters: Counters | None) -> float:
        """Work of what was served up to an instant."""
        if counters is None:
            return 0.0
        served = counters.departed.copy()
        np.add.at(served, counters.under_way[:, 0], counters.under_way[:, 3] >= 0)
        total = 0.0
        for index, actor in enumerate(self.lowered.plan.actors):
            for flow in actor.flows:
                if flow.server == server:
                    total += self._work_of(index, flow.work, int(served[index]), int(counters.void[index]))
        return total

    def _work_of(self, actor: int, work: Series, served: int, void: int) -> float:
        """The void firings of a part of the run are taken to be like those of all of it."""
        whole = replace(work, length=served).total()
        all_void = self.totals.actors[actor].void
        if not all_void:
            return float(whole)
        phases, voids = self._voids(actor)
        return whole - exact_dot(work.at(phases), voids) * void / all_void


def _parties(lowered: Lowered) -> tuple[int, ...]:
    """The number of each actor's element; -1 for none."""
    names = {name: i for i, name in enumerate(dict.fromkeys(note.element for note in lowered.actors if note.element))}
    return tuple(names[note.element] if note.element else -1 for note in lowered.actors)


def _counting(lowered: Lowered) -> Counting:
    """What is to be counted: elements in service, levels of memories, and void firings by what they would have done."""
    plan = lowered.plan
    pools = [(-1, 0)] * len(plan.channels)
    for number, name in enumerate(lowered.platform.memories):
        inside = channels_inside(plan, name)
        unit = common_unit([plan.channels[c].token_bytes for c in inside])
        for c in inside:
            pools[c] = (number, round(plan.channels[c].token_bytes / unit))
    periods = tuple(_period(actor, note) for actor, note in zip(plan.actors, lowered.actors, strict=True))
    return Counting(
        bins=FINEST_BINS,
        parties=_parties(lowered),
        pools=tuple(pools),
        pool_count=len(lowered.platform.memories),
        periods=periods,
    )


def _period(actor: Actor, note: ActorNote) -> int:
    """After how many firings all that a firing does comes again."""
    amounts = [*note.energy_pj.values(), *note.memory_bytes.values(), *([note.macs] if note.macs else [])]
    series = [*(flow.work for flow in actor.flows), *(out.put for out in actor.outputs)]
    series += [note.cycles] if note.cycles else []
    period = math.lcm(*(a.pattern.size for a in amounts), *(s.period for s in series if s.step == 0))
    return period if period <= _LONGEST_PERIOD else max(actor.firings, 1)


__all__ = ["TotalsRun", "count_run"]
