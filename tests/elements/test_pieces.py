"""Cycles of a frame as whole numbers."""

from __future__ import annotations

import warnings

import numpy as np

from simulator.elements.pieces import whole_cycles


def test_a_started_cycle_is_a_cycle_and_a_rounding_error_is_none() -> None:
    assert whole_cycles(np.array([0.0, 2.0, 2.0 + 1e-9, 2.1])).tolist() == [0, 2, 2, 3]


def test_cycles_beyond_64_bits_stay_too_many_and_do_not_wrap_round() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert whole_cycles(np.array([1e30, np.inf, np.nan])).tolist() == [2**62] * 3
