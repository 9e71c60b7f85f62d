"""A core that pays for every operation by its kind."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from simulator.elements.base import Assignment
from simulator.elements.scalar import Scalar, ScalarConfig
from simulator.errors import PlatformError
from workloads.builder import NetworkBuilder
from workloads.ode import lane_keeping
from workloads.ode.cells import Cell, add_cell
from workloads.tokens import LayerWork


def _work() -> LayerWork:
    builder = NetworkBuilder("n")
    add_cell(builder, builder.input((32,)), Cell(lane_keeping(), form="sparse"), name="ncp")
    return LayerWork.static(builder.build().groups()[1])


def _cycles(**changes: Any) -> int:
    config = {"model": "scalar", "clock": "480 MHz", "cycles": {"mac": "4 cycle", "sigmoid": "110 cycle"}} | changes
    stage = Scalar("mcu", ScalarConfig.model_validate(config)).stages(_work(), Assignment("mcu"))[0]
    return int(stage.cycles[0, 0])


def test_every_kind_has_its_price() -> None:
    # 552 synapses: a sigmoid and three multiply-accumulates each; 831 additions, 261 products, 133 divisions besides.
    assert _cycles() == 552 * (110 + 12) + 831 + 261 + 133
    assert _cycles(other="2 cycle") == 552 * (110 + 12) + 2 * (831 + 261 + 133)
    prices = {"mac": "4 cycle", "sigmoid": "110 cycle", "div": "14 cycle"}
    assert _cycles(cycles=prices) - _cycles() == 13 * 133


def test_vector_lanes_share_the_work_and_not_the_overhead() -> None:
    assert _cycles(lanes=4, overhead="2 us") == -(-_cycles() // 4) + 960


def test_prices_of_unknown_kinds_are_refused() -> None:
    with pytest.raises(ValidationError, match="no kind of operation 'sigmoit'; did you mean 'sigmoid'"):
        _cycles(cycles={"mac": "1 cycle", "sigmoit": "9 cycle"})
    with pytest.raises(ValidationError, match="has no price of a multiply-accumulate"):
        _cycles(cycles={"sigmoid": "9 cycle"})


def test_options_are_refused() -> None:
    element = Scalar(
        "mcu", ScalarConfig.model_validate({"model": "scalar", "clock": "1 MHz", "cycles": {"mac": "1 cycle"}})
    )
    with pytest.raises(PlatformError, match="'mcu' takes no options; found 'pe'"):
        element.stages(_work(), Assignment("mcu", options={"pe": 2}))
