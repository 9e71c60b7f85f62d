"""What it costs that a library runs a cell as many small kernels, one after the other."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.elements.base import Assignment, Element
from simulator.elements.cpu import Cpu, CpuConfig
from simulator.elements.gpu import Gpu, GpuConfig
from workloads.builder import NetworkBuilder
from workloads.generators.ode import ncp_stream
from workloads.ode import lane_keeping
from workloads.ode.cells import Cell, Form, Solver, add_cell
from workloads.tokens import LayerWork


def _work(solver: Solver, form: Form) -> LayerWork:
    builder = NetworkBuilder("n")
    add_cell(builder, builder.input((32,)), Cell(lane_keeping(), solver, form=form), name="ncp")
    return ncp_stream(builder.build(), 6, "periodic:30Hz").work["ncp"]


def _gpu(**changes: Any) -> Gpu:
    free = {"rate": {"fp32": "1000000000 MAC/cycle"}, "op_rate": "1000000000 op/cycle"}
    return Gpu("gpu", GpuConfig.model_validate({"model": "gpu", "clock": "1 GHz", **free, **changes}))


def _microseconds(element: Element, work: LayerWork) -> list[float]:
    cycles = element.stages(work, Assignment(element.name))[0].cycles[:, 0]
    return [int(c) / 1000 for c in cycles]


def test_a_library_launches_each_unfold_operation_by_operation() -> None:
    kernels = 13 + 6 * 18
    assert _microseconds(_gpu(launch="8 us"), _work("fused", "dense")) == pytest.approx([8 * kernels], abs=0.01)


def test_one_kernel_pays_barriers_between_its_steps() -> None:
    found = _microseconds(_gpu(launch="8 us", barrier="2 us"), _work("fused", "sparse"))
    assert found == pytest.approx([8 + 5 * 2], abs=0.01)


def test_launches_are_barriers_already() -> None:
    gpu, free = _gpu(launch="8 us", barrier="2 us"), _gpu(launch="8 us")
    work = _work("fused", "dense")
    assert _microseconds(gpu, work) == _microseconds(free, work)


def test_launches_follow_the_evaluations_of_an_adaptive_solver() -> None:
    work = _work("rk45", "dense")
    wanted = [8 * (13 + 18 * n) for n in work.extra["evaluations"]]
    assert _microseconds(_gpu(launch="8 us"), work) == pytest.approx(wanted, abs=0.01)
    assert len(set(wanted)) > 1


def test_a_processor_pays_its_overhead_for_each_kernel_too() -> None:
    config = {"model": "cpu", "clock": "1 GHz", "rate": {"fp32": "1000000000 MAC/cycle"}, "overhead": "5 us"}
    cpu = Cpu("cpu", CpuConfig.model_validate({**config, "op_rate": "1000000000 op/cycle"}))
    assert _microseconds(cpu, _work("fused", "dense")) == pytest.approx([5 * 121], abs=0.01)
    assert _microseconds(cpu, _work("fused", "sparse")) == pytest.approx([5], abs=0.01)
