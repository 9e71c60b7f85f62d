"""Time in ticks: nothing is gained or lost by rounding."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.errors import PlanError
from simulator.lowering.timebase import PICOSECOND, TimeBase

_COARSE = TimeBase(PICOSECOND).server_units(Fraction(10**9))


def test_a_single_clock_is_its_own_tick() -> None:
    base = TimeBase.choose([Fraction(300_000_000)], other_times=False)
    assert base.tick == Fraction(1, 300_000_000)
    assert base.from_cycles(np.array([3, 5]), Fraction(300_000_000), 4).array().tolist() == [3, 5, 3, 5]


def test_two_clocks_tick_in_picoseconds() -> None:
    assert TimeBase.choose([Fraction(300_000_000), Fraction(800_000_000)], other_times=False).tick == PICOSECOND


def test_a_third_of_a_picosecond_is_not_lost() -> None:
    """One cycle at 300 MHz is 3333 1/3 ps: three of them are 10 ns exactly."""
    ticks = TimeBase(PICOSECOND).from_cycles(np.array([1]), Fraction(300_000_000), 300)
    assert ticks.array().sum() == 1_000_000
    assert ticks.period == 3


def test_equal_cycles_and_long_frames_are_stored_by_their_period() -> None:
    base, clock = TimeBase(PICOSECOND), Fraction(185_000_000)
    assert base.from_cycles(np.full(50_000, 1), clock, 10**9).period == 37  # 37 cycles are 200 ns
    cycles = np.ones(50_000, dtype=np.int64)
    cycles[0] = 2
    long = base.from_cycles(cycles, clock, 10**7)
    assert long.period == 37 * 50_000
    assert long.array(0, 50_000).sum() == 50_001 * 10**12 // 185_000_000


@given(
    cycles=st.lists(st.integers(0, 10**6), min_size=1, max_size=8),
    clock=st.integers(10**6, 3 * 10**9),
    firings=st.integers(1, 50),
)
def test_the_running_sum_is_the_floor_of_the_exact_time(cycles: list[int], clock: int, firings: int) -> None:
    ticks = TimeBase(PICOSECOND).from_cycles(np.array(cycles), Fraction(clock), firings).array()
    exact = 0
    for k, total in enumerate(np.cumsum(ticks)):
        exact += cycles[k % len(cycles)]
        assert int(total) == exact * 10**12 // clock


def test_bytes_become_work_of_a_server() -> None:
    """25.6 GB/s are 25 600 000 units a picosecond of a billionth of a byte: a megabyte takes 39.0625 us."""
    units = TimeBase(PICOSECOND).server_units(Fraction(25_600_000_000))
    rate = units.rate(Fraction(25_600_000_000))
    work = int(units.work(np.array([1e6]))[0])
    assert Fraction(work, rate) * PICOSECOND == Fraction(1_000_000, 25_600_000_000)


@pytest.mark.parametrize("rate", [Fraction(14_400), Fraction(11_520), Fraction(75, 2), Fraction(1, 3), Fraction(10**6)])
def test_a_slow_link_keeps_its_rate(rate: Fraction) -> None:
    """A serial line of 115.2 kbit/s carries 14.4 kB/s, not 14."""
    units = TimeBase(PICOSECOND).server_units(rate)
    seconds = Fraction(int(units.work(np.array([12.0]))[0]), units.rate(rate)) * PICOSECOND
    assert float(seconds) == pytest.approx(float(12 / rate), rel=1e-3)


@pytest.mark.parametrize(("cycles", "clock"), [(10**12, Fraction(1, 10**5)), (4, Fraction(1, 10**30))])
def test_a_clock_too_slow_for_64_bits_is_refused_and_does_not_wrap_round(cycles: int, clock: Fraction) -> None:
    with pytest.raises(PlanError, match=r"makes a time of .* units, which does not fit 64 bits; look for a clock"):
        TimeBase(PICOSECOND).from_cycles(np.array([cycles]), clock, 4)


def test_traffic_beyond_64_bits_is_refused() -> None:
    with pytest.raises(PlanError, match=r"makes a traffic of 1e\+29 units"):
        _COARSE.work(np.array([1.0, 1e20]))
    with pytest.raises(PlanError, match="makes a traffic of inf units"):
        _COARSE.work(np.array([np.inf]))
    with pytest.raises(PlanError, match=r"makes a traffic of 2.56e\+21 units"):
        _COARSE.carried(Fraction(100), 25_600_000)
