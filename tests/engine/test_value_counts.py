"""Counts of values: exact while there are few, to a thousandth beyond, and quantiles as numpy's."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.engine import value_counts
from simulator.engine.value_counts import ROUNDING, ValueCounts


def test_quantiles_of_few_values_are_those_of_all_of_them() -> None:
    random = np.random.default_rng(4)
    values = random.integers(0, 50, 1000).astype(np.float64)
    counts = ValueCounts()
    for part in np.array_split(values, 7):
        counts.add(part)
    counts.add(np.array([7.0, 9.0]), 100)
    values = np.concatenate((values, np.repeat([7.0, 9.0], 100)))
    assert (counts.count, counts.least, counts.most) == (1200, values.min(), values.max())
    assert counts.total == values.sum()
    for share in (0.0, 0.013, 0.5, 0.95, 0.99, 1.0):
        assert counts.quantile(share) == pytest.approx(float(np.quantile(values, share)))
    assert counts.beyond(40) == int((values > 40).sum())


def test_many_values_are_told_to_a_thousandth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(value_counts, "MOST_VALUES", 100)
    values = np.random.default_rng(5).lognormal(10, 2, 20_000)
    counts = ValueCounts()
    for part in np.array_split(values, 9):
        counts.add(part)
    assert not counts.is_exact
    assert counts.values.size < 20_000
    assert (counts.count, counts.most) == (20_000, values.max())
    assert counts.total == pytest.approx(values.sum())
    for share in (0.5, 0.95, 0.99):
        assert counts.quantile(share) == pytest.approx(float(np.quantile(values, share)), rel=2 * ROUNDING)


def test_no_values_have_no_quantile() -> None:
    assert np.isnan(ValueCounts().quantile(0.5))
