"""What became of the frames of a run that kept no trace: latencies, and departures for the throughput."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from simulator.analysis.latency import PICOSECONDS, QUANTILES, to_ps
from simulator.analysis.steps import Floats
from simulator.engine.frame_log import FrameBlock
from simulator.engine.value_counts import ValueCounts
from simulator.lowered import Lowered
from simulator.series import Ints

_MOST_DEPARTURES = 1 << 13
_AT_ONCE = 1 << 16


@dataclass(eq=False)
class CountedFrames:
    """Collects frames block by block, in memory that does not grow with their number.

    ``latencies`` are picoseconds from a frame's arrival (in a saturated stream from its entry). ``departures`` are
    those of every ``every``-th delivered frame.
    """

    lowered: Lowered
    delivered: int = 0
    late: int = 0
    latencies: ValueCounts = field(default_factory=ValueCounts)
    every: int = 1
    first_arrival: float = np.inf
    last_arrival: float = -np.inf
    first_departure: int = -1
    last_departure: int = -1
    _departures: list[Ints] = field(default_factory=list)
    _kept: int = 0

    def add(self, block: FrameBlock) -> None:
        """Take frames that are through."""
        chosen = np.flatnonzero(block.delivered)
        if not chosen.size:
            return
        entry, departure = block.entry[chosen], block.departure[chosen]
        self._add_departures(departure, block)
        first, last = int(departure.min()), int(departure.max()) + (block.turns - 1) * block.passed
        self.first_departure = first if self.first_departure < 0 else min(self.first_departure, first)
        self.last_departure = max(self.last_departure, last)
        tick = self.lowered.plan.tick
        if self.lowered.stream.is_saturated:
            self._add_latencies(to_ps(tick, departure - entry), block.turns)
            ends = to_ps(tick, np.array([int(entry.min()), int(entry.max()) + (block.turns - 1) * block.passed]))
            self._add_arrivals(ends)
        else:
            at_once = max(1, _AT_ONCE // chosen.size)
            for begin in range(0, block.turns, at_once):
                turns = np.arange(begin, min(begin + at_once, block.turns))[:, None]
                frames = (block.first + chosen + turns * block.entry.size).ravel()
                arrivals = self.lowered.stream.release_ps[frames].astype(np.float64)
                self._add_arrivals(arrivals)
                self._add_latencies(to_ps(tick, (departure + turns * block.passed).ravel()) - arrivals, 1)

    @property
    def departures(self) -> Ints:
        """Departures of every ``every``-th delivered frame, in order."""
        found: Ints = np.sort(np.concatenate(self._departures)) if self._departures else np.zeros(0, dtype=np.int64)
        return found

    def summary_ms(self) -> dict[str, float | None]:
        """Mean, quantiles and maximum of the latencies."""
        known = self.latencies
        if not known.count:
            return dict.fromkeys(("mean", *QUANTILES, "max"))
        quantiles = {name: known.quantile(share) * 1e-9 for name, share in QUANTILES.items()}
        return {"mean": known.total / known.count * 1e-9, **quantiles, "max": known.most * 1e-9}

    def spans(self) -> tuple[int, float, float] | None:
        """Delivered frames, and how far their first and last arrival and departure lie apart, in picoseconds."""
        if self.delivered < 2:
            return None
        passed = float((self.last_departure - self.first_departure) * self.lowered.plan.tick * PICOSECONDS)
        return self.delivered, self.last_arrival - self.first_arrival, passed

    def _add_arrivals(self, arrivals: Floats) -> None:
        self.first_arrival = min(self.first_arrival, float(arrivals.min()))
        self.last_arrival = max(self.last_arrival, float(arrivals.max()))

    def _add_latencies(self, latencies: Floats, turns: int) -> None:
        self.latencies.add(latencies, turns)
        deadline = self.lowered.stream.deadline_ps
        if deadline is not None:
            self.late += int(np.count_nonzero(latencies > deadline)) * turns

    def _add_departures(self, departure: Ints, block: FrameBlock) -> None:
        """Keep every so many, fewer as they grow too many."""
        count = departure.size * block.turns
        while True:
            first = -self.delivered % self.every
            more = len(range(first, count, self.every))
            if self._kept + more <= _MOST_DEPARTURES:
                break
            kept = self.departures[::2]
            self._departures, self._kept, self.every = [kept], kept.size, 2 * self.every
        numbers = np.arange(first, count, self.every)
        self._departures.append(departure[numbers % departure.size] + numbers // departure.size * block.passed)
        self._kept += more
        self.delivered += count
