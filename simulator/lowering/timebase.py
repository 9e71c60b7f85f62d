"""Time in ticks: cycles of any clock, seconds and bytes as the whole numbers that an engine adds up."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from simulator.errors import PlanError
from simulator.series import Ints, Series

PICOSECOND = Fraction(1, 10**12)
_COARSEST = Fraction(1000)
"""Bytes a second: what one unit of a server's rate stands for, unless the server is slow."""
_LARGEST = 2.0**62


@dataclass(frozen=True, slots=True)
class TimeBase:
    """The plan's tick, in seconds."""

    tick: Fraction

    @classmethod
    def choose(cls, clocks_hz: Iterable[Fraction], *, other_times: bool) -> TimeBase:
        """One cycle where a single clock is all there is, else a picosecond."""
        clocks = set(clocks_hz)
        if len(clocks) == 1 and not other_times:
            return cls(1 / clocks.pop())
        return cls(PICOSECOND)

    def from_seconds(self, seconds: Fraction) -> int:
        """Whole ticks that cover a duration."""
        return math.ceil(seconds / self.tick)

    def from_picoseconds(self, times: Ints) -> Ints:
        """Instants in picoseconds as ticks, rounded up."""
        ratio = PICOSECOND / self.tick
        return -(-times * ratio.numerator // ratio.denominator) if ratio != 1 else times

    def from_cycles(self, cycles: Ints, clock_hz: Fraction, firings: int) -> Series:
        """Durations of ``firings`` firings, given one period of whole cycles.

        The running sum is rounded, not each firing, so that no time is gained or lost however many firings there are.
        Where a period is no whole number of ticks, as many periods as make one are stored, or all there are. Raises
        ``PlanError`` where the firings together last longer than 64 bits of ticks.
        """
        ratio = 1 / (clock_hz * self.tick)
        turns = -(-firings // max(1, cycles.size))
        _check_fits(float(cycles.sum(dtype=np.float64)) * turns * float(ratio), "time")
        if cycles.size and bool((cycles == cycles[0]).all()):
            cycles = cycles[:1]
        if ratio.denominator == 1:
            return Series.periodic(cycles * int(ratio), firings)
        turns = (int(cycles.sum()) * ratio).denominator
        if turns * cycles.size < firings:
            return Series.periodic(_rounded(np.tile(cycles, turns), ratio), firings)
        repeated = np.resize(cycles, firings)
        return Series.full(_rounded(repeated, ratio))

    def server_units(self, slowest: Fraction) -> ServerUnits:
        """Units in which a server counts whose slowest rate is ``slowest`` bytes a second: whole units that miss no
        rate by more than a thousandth.
        """
        unit = _COARSEST
        while slowest < 1000 * unit:
            unit /= 10
        return ServerUnits(self.tick, unit)


@dataclass(frozen=True, slots=True)
class ServerUnits:
    """How a server counts: rates in whole units of ``unit`` bytes a second, work in what such a rate carries in a
    tick of so many seconds.
    """

    tick: Fraction
    unit: Fraction

    def rate(self, bytes_per_second: Fraction) -> int:
        """Work units a tick of a bandwidth."""
        return int(bytes_per_second / self.unit)

    def work(self, amounts: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Ints:
        """Bytes as work units, rounded up; raises ``PlanError`` where they do not fit 64 bits."""
        scale = float(1 / (self.unit * self.tick))
        _check_fits(float(np.abs(amounts).max(initial=0.0)) * scale, "traffic")
        units: Ints = np.ceil(amounts * scale).astype(np.int64)
        return units

    def carried(self, seconds: Fraction, rate: int) -> int:
        """Work units that a server of ``rate`` carries meanwhile; ``PlanError`` where they do not fit 64 bits."""
        units = math.ceil(seconds / self.tick) * rate
        _check_fits(float(units), "traffic")
        return units


def _check_fits(amount: float, what: str) -> None:
    if not amount < _LARGEST:  # NaN is no amount either
        raise PlanError(
            f"one of the platform's figures makes a {what} of {amount:.3g} units, which does not fit 64 bits;"
            " look for a clock, rate, bandwidth or latency with a wrong unit, or run fewer frames"
        )


def _rounded(cycles: Ints, ratio: Fraction) -> Ints:
    """Differences of the rounded running sum of ``cycles * ratio``; divmod keeps the products within int64."""
    edges = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(cycles)])
    top, bottom = ratio.numerator, ratio.denominator
    if top * bottom >= 2**62:
        exact = [int(edge) * top // bottom for edge in edges]
        ticks = np.array(exact, dtype=np.int64)
    else:
        whole, rest = np.divmod(edges, bottom)
        ticks = whole * top + rest * top // bottom
    durations: Ints = ticks[1:] - ticks[:-1]
    return durations
