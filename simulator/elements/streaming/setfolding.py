"""Folding to a target, as FINN's SetFolding does it (``transformation/fpgadataflow/set_folding.py``)."""

from __future__ import annotations

from collections.abc import Callable

from simulator.elements.folding import divisors
from simulator.elements.streaming.matrix import Unit

WEIGHT_WIDTH_LIMIT = 36
"""Bits of weights that one row may read in a cycle while SIMD grows (FINN's ``mvau_wwidth_max``)."""


def fold_unit(unit: Unit, weight_bits: int, target: int, width_limit: int = WEIGHT_WIDTH_LIMIT) -> tuple[int, int]:
    """(PE, SIMD) of a matrix unit so that a frame takes fewer than ``target`` cycles, or the fastest there is.

    SIMD grows through the divisors of the columns until the target is met or a row reads more than ``width_limit``
    bits of weights a cycle, which is then taken back by a step; then PE grows. A depthwise unit unrolls its channels
    first and its window last.
    """
    if unit.depthwise:
        pe = _grow(unit.rows, lambda value: unit.cycles(value, 1) < target)
        return pe, _grow(unit.columns, lambda value: unit.cycles(pe, value) < target) if pe == unit.rows else 1
    simd = 1
    for value in divisors(unit.columns):
        before, simd = simd, value
        if unit.cycles(1, simd) < target:
            break
        if weight_bits * simd > width_limit:
            simd = before
            break
    return _grow(unit.rows, lambda value: unit.cycles(value, simd) < target), simd


def lightest(channels: int, cycles_of: Callable[[int], int], pace: int | None) -> int:
    """The smallest divisor of the channels whose cycles keep the pace; 1 where there is none to keep."""
    if pace is None:
        return 1
    for parallel in divisors(channels):
        if cycles_of(channels // parallel) <= pace:
            return parallel
    return channels


def target_cycles(clock_hz: float, frames_per_second: float) -> int:
    """The target that a frame rate asks for."""
    return int(clock_hz / frames_per_second)


def _grow(whole: int, meets: Callable[[int], bool]) -> int:
    for value in divisors(whole):
        if meets(value):
            return value
    return whole
