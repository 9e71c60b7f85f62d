"""An operand buffer that walks round its operand by halves, and what that costs.

One half feeds the array while the other is filled. What is fetched is fixed in advance: the operand in the order of
:mod:`simulator.elements.systolic_streams`, from the beginning again after the end. A word that the active half does
not hold makes the halves change places until it does; each change fetches a whole half. Words that are asked for in
another order than they are stored in, at the seams of folds or in a second pass over an operand that does not fit, can
so send the buffer once round the operand.

This is the read buffer of SCALE-Sim v3.0.0 in its USER bandwidth mode (A. Samajdar et al., arXiv 1811.02883, section 3:
double buffered SRAMs; R. Raj et al., "SCALE-Sim v3", arXiv 2504.15377), with its lines of a hundredth of the buffer and
its port, which fetches half after half without pause. The DRAM reads of 180 of its runs are met to the word.
Two faults of the tool are not copied: a wait for the DRAM that is added twice (its issue 130), and a drain that gives
its room free before it is done.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from simulator.elements.systolic_streams import Demand, Ints, Stream

_LINES = 100  # lines of a buffer, in which the tool keeps track of it
_PORT_LATENCY = 1  # cycles from a request to its word
_SIMULATED_WORDS = 1 << 19
_SIMULATED_MISSES = 1 << 11
_LOOK_AHEAD = 256
_SUSPECTS = 16


@dataclass(frozen=True, slots=True)
class Refills:
    """How often a buffer was refilled: ``first`` words before the layer begins and ``half`` words at each of ``count``
    changes. By cycle ``when[i]`` of an array that never waits there were ``changes[i]``; of a long layer only the first
    ``simulated`` cycles are known, as the rest goes on like them.
    """

    first: int
    half: int
    count: int
    when: Ints
    changes: Ints
    simulated: int

    @property
    def words(self) -> int:
        """All words fetched."""
        return self.first + self.count * self.half

    def waits(self, cycles: int, words_per_cycle: Fraction) -> tuple[Ints, Ints]:
        """Cycles at which the array may wait for this buffer, and how long it has waited in total by then."""
        each = -((-self.half * words_per_cycle.denominator) // words_per_cycle.numerator) + _PORT_LATENCY
        when, changes = self.when, self.changes
        if self.simulated < cycles:
            when, changes = np.append(when, cycles), np.append(changes, self.count)
        waited: Ints = np.maximum.accumulate(np.maximum(0, changes * each - when))
        return when, waited


def walk(stream: Stream, capacity: int, beat: int = 1) -> Refills:
    """The refills of a buffer of ``capacity`` words behind a port that moves whole beats of so many words."""
    ring = _Ring(stream, capacity)
    half = -(-capacity // 2)
    first = -(-min(half, stream.cells) // beat) * beat
    full = stream.folds * stream.fold_cycles
    simulated = ring.run() if ring.turns else full
    when, changes = np.array(ring.when, dtype=np.int64), np.cumsum(np.array(ring.times, dtype=np.int64))
    count = -(-sum(ring.times) * full // simulated)
    return Refills(first, -(-(capacity - half) // beat) * beat, count, when, changes, simulated)


class _Ring:
    """The lines of an operand in a ring, of which ``active`` from ``start`` on can be read."""

    def __init__(self, stream: Stream, capacity: int) -> None:
        self.stream = stream
        self.line = -(-capacity // _LINES)
        before, self.words = stream.words_before()
        self.line_of = None if before is None else before // self.line
        self.lines = self.words // self.line + 1
        half = -(-capacity // 2)
        self.active = min(self.lines, -(-half // self.line))
        self.step = min(self.lines - self.active, -(-(capacity - half) // self.line))
        self.start = 0
        self.when: list[int] = []
        self.times: list[int] = []

    @property
    def turns(self) -> bool:
        """The operand does not fit the active half."""
        return self.step > 0

    def run(self) -> int:
        """Serves the folds, or as many as are simulated, and returns the cycles that they take."""
        for demand in self.stream.demand(_SIMULATED_WORDS):
            stopped = self._serve(demand)
            if stopped is not None:
                return max(1, stopped)
        return self.stream.covered(_SIMULATED_WORDS)

    def _serve(self, demand: Demand) -> int | None:
        """The cycle at which enough misses were simulated, or None when all words are served."""
        lines, at, reach, most = self._line(demand.rows, demand.lanes), 0, _LOOK_AHEAD, _SUSPECTS
        while at < lines.size:
            ahead = lines[at : at + reach] - self.start
            outside = (ahead >= self.active) | ((ahead < 0) & (ahead >= self.active - self.lines))
            suspects = at + np.flatnonzero(outside)[:most]
            missing = self._missing(demand, suspects)
            if missing is None:
                at = int(suspects[-1]) + 1 if suspects.size == most else at + reach
                reach, most = 4 * reach, 4 * most
                continue
            at, turns = missing
            reach, most = _LOOK_AHEAD, _SUSPECTS
            self.start = (self.start + turns * self.step) % self.lines
            self.when.append(int(demand.cycles[at]))
            self.times.append(turns)
            if len(self.when) >= _SIMULATED_MISSES:
                return self.when[-1]
        return None

    def _missing(self, demand: Demand, suspects: Ints) -> tuple[int, int] | None:
        """The first of some words that no active line holds, and the turns until one does."""
        if suspects.size == 0:
            return None
        rows, lanes = self.stream.copies(demand.rows[suspects], demand.lanes[suspects])
        ahead = (self._line(rows, lanes) - self.start) % self.lines
        turns = -(-(ahead.min(axis=1) - self.active + 1) // self.step)
        first = np.flatnonzero(turns > 0)
        return (int(suspects[first[0]]), int(turns[first[0]])) if first.size else None

    def _line(self, rows: Ints, lanes: Ints) -> Ints:
        stored = self.stream.stored(rows, lanes)
        if self.line_of is not None:
            return np.asarray(self.line_of[stored])
        return stored * self.words // (self.stream.cells * self.line)
