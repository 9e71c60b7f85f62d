"""The circuit for one recurrent cell, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from simulator.elements.base import Assignment, Stage
from simulator.elements.circuit import Circuit, CircuitConfig
from simulator.errors import PlatformError
from workloads.builder import NetworkBuilder
from workloads.generators.ode import ncp_stream
from workloads.ode import lane_keeping
from workloads.ode.cells import Cell, Form, Solver, add_cell
from workloads.tokens import LayerWork


def _work(solver: Solver = "fused", form: Form = "sparse", steps: int = 6) -> LayerWork:
    builder = NetworkBuilder("n")
    add_cell(builder, builder.input((32,)), Cell(lane_keeping(), solver, steps, form), name="ncp")
    return ncp_stream(builder.build(), 3, "periodic:30Hz").work["ncp"]


def _stage(work: LayerWork, **changes: Any) -> Stage:
    config = {"model": "circuit", "clock": "100 MHz", "units": 8, "neuron_units": 3, "depth": "10 cycle"} | changes
    element = Circuit("c", CircuitConfig.model_validate(config))
    return element.stages(work, Assignment("c"))[0]


def test_a_frame_takes_its_sensory_synapses_and_then_step_by_step() -> None:
    # 192 / 8 sensory, then six times 60 / 8 synapses, the depth and 19 / 3 updates, each rounded up.
    assert _stage(_work()).cycles.tolist() == [[24 + 6 * (8 + 10 + 7)]]


def test_a_dense_cell_computes_what_the_wiring_does_not_need() -> None:
    assert _stage(_work(form="dense")).cycles.tolist() == [[608 // 8 + 6 * (46 + 10 + 7)]]


def test_a_barrier_is_paid_at_every_step() -> None:
    with_barrier = _stage(_work(), barrier="600 ns").cycles[0, 0]
    assert with_barrier - _stage(_work()).cycles[0, 0] == 6 * 60


def test_a_closed_form_cell_passes_its_three_layers_once() -> None:
    macs = 2140
    assert _stage(_work("cfc")).cycles.tolist() == [[-(-macs // 24) + 7 + 3 * 10]]


def test_the_runge_kutta_method_takes_four_evaluations_a_step() -> None:
    assert _stage(_work("rk4", steps=2)).cycles.tolist() == [[24 + 8 * (8 + 10 + 7)]]


def test_energy_is_that_of_its_synapses_and_neurons() -> None:
    stage = _stage(_work(), synapse="10 pJ/op", neuron="20 pJ/op")
    assert {k: v.tolist() for k, v in stage.energy_pj.items()} == {
        "synapse": [[552 * 10.0]],
        "neuron": [[6 * 19 * 20.0]],
    }
    assert _stage(_work()).energy_pj == {}


def test_the_table_tells_its_multipliers_and_latency() -> None:
    detail = _stage(_work()).detail
    assert detail["dsp"] == 3 * 8 + 2 * 3
    assert detail["latency_us"] == pytest.approx((24 + 6 * 25) / 100)


def test_more_units_never_make_it_slower() -> None:
    cycles = [int(_stage(_work(), units=n).cycles[0, 0]) for n in range(1, 64)]
    assert (np.diff(cycles) <= 0).all()
    assert cycles[-1] < cycles[0]


def test_other_layers_are_refused() -> None:
    element = Circuit(
        "c", CircuitConfig.model_validate({"model": "circuit", "clock": "1 MHz", "units": 1, "depth": "1 cycle"})
    )
    assert not element.supports("conv")
    builder = NetworkBuilder("n")
    builder.recurrent(builder.input((4,)), 3, "lstm", name="r")
    work = LayerWork.static(builder.build().groups()[1])
    with pytest.raises(
        PlatformError, match="'c' is a circuit for wired cells; layer 'r' is lstm, put it on a processor"
    ):
        element.stages(work, Assignment("c"))
    with pytest.raises(PlatformError, match=r"'c' knows no option 'intervall' .*did you mean 'interval'"):
        element.stages(_work(), Assignment("c", options={"intervall": 3}))
