"""The accelerators and links meet the published figures they are judged by, but for the misses named here."""

from __future__ import annotations

import importlib

import pytest

from experiments.validation.rows import Row

KNOWN_MISSES = {"writes, bursts of 16, 4 in flight"}


@pytest.mark.parametrize("module", ["asic", "links", "scale_sim"])
def test_every_judged_figure_is_met_but_for_known_misses(module: str) -> None:
    rows: list[Row] = importlib.import_module(f"experiments.validation.{module}").rows()
    missed = {row.case for row in rows if row.verdict == "missed"}
    assert missed == {row.case for row in rows} & KNOWN_MISSES
    assert all(row.source for row in rows)
    assert sum(row.verdict == "met" for row in rows) >= {"asic": 90, "links": 15, "scale_sim": 8}[module]


def test_a_missed_figure_gives_its_reason() -> None:
    rows: list[Row] = importlib.import_module("experiments.validation.links").rows()
    assert all(row.note for row in rows if row.verdict == "missed")
