"""Which firing of its neighbour each firing waits for, worked out from cumulative counts without running anything.

Counts of frames that are alike repeat with a step, and so do the firings that reach them: one period says all.
"""

from __future__ import annotations

import math

import numpy as np

from simulator.series import Ints, Series


def cumulated(put: Series, base: int) -> Series:
    """The totals after each firing that adds ``put[k]`` to ``base``."""
    if put.step == 0 and put.length:
        pattern = put.pattern[: put.length]
        if bool((pattern == pattern[0]).all()):
            pattern = pattern[:1]
        return Series(base + np.cumsum(pattern), int(pattern.sum()), put.length)
    return Series.full(base + np.cumsum(put.array()))


def shifted(counts: Series, by: int) -> Series:
    """All values moved by the same amount."""
    return Series(counts.pattern + by, counts.step, counts.length)


def increments(counts: Series, count: int) -> Ints:
    """How much totals that begin with 0 grow at each of the first firings."""
    if counts.period < counts.length and int(counts.pattern[-1]) == counts.step:
        return Series(np.diff(counts.pattern, prepend=0), 0, counts.length).array(0, count)
    return np.diff(counts.array(0, count), prepend=0)


def first_reaching(counts: Series, base: int, wanted: Series) -> Series:
    """The first firing of ``counts`` whose total is ``wanted[k]`` or more, for each k.

    Negative where ``base``, the total before the first firing, is enough; beyond the last firing where no total is.
    """
    repeats = 0 < counts.period < counts.length and counts.step > 0 and int(counts.pattern[-1]) - counts.step == base
    if not repeats:
        levels = wanted.array()
        reached = np.searchsorted(counts.array(), levels, side="left")
        return Series.full(np.where(levels <= base, -1, reached))
    if wanted.step > 0:
        rise = math.lcm(counts.step, wanted.step)
        period = rise // wanted.step * wanted.period
        if period < wanted.length:
            pattern = _reached(counts, wanted.array(0, period))
            return Series(pattern, rise // counts.step * counts.period, wanted.length)
    return Series.full(_reached(counts, wanted.array()))


def _reached(counts: Series, levels: Ints) -> Ints:
    """The same in endless repetition, backwards too, where every total is at most ``base``."""
    turns = -((counts.pattern[-1] - levels) // counts.step)
    found: Ints = turns * counts.period + np.searchsorted(counts.pattern, levels - turns * counts.step, side="left")
    return found
