"""Cells as layers of a network: counts, parameters, the wiring they carry, and their state."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from workloads.builder import NetworkBuilder
from workloads.errors import WorkloadError
from workloads.inference import reinfer
from workloads.network import Network
from workloads.ode import (
    Operations,
    Rates,
    Wiring,
    auto_ncp,
    lane_keeping,
    ltc_derivative_operations,
    ltc_operations,
    ltc_sensory_operations,
    synapse_evaluations,
    wired_cfc_operations,
)
from workloads.ode.cells import Cell, Form, Solver, add_cell, layer_ops, multirate_operations
from workloads.recurrence import state_bytes, state_elements
from workloads.zoo import zoo_network
from workloads.zoo.ode import behind, ncp_lane


def test_the_lane_keeping_network_has_the_parameters_and_work_of_the_paper() -> None:
    network = zoo_network("ncp-lane")
    assert network["ncp"].params == 1065
    assert network.params - network["ncp"].params == 79_420
    assert network.macs == 40_580_000
    assert round(network.macs * 30 / 1e9, 3) == 1.217
    assert 30 * synapse_evaluations(lane_keeping()) == 16_560
    assert network["ncp"].out_shape == (1,)


def test_a_dense_layer_counts_what_the_library_computes() -> None:
    layer = ncp_lane()["ncp"]
    assert dict(layer.ops) == {"add": 831 + 5548 + 2774, "div": 133, "mul": 11357, "sigmoid": 2774}
    assert layer.macs == 0
    assert layer.weight_bytes == 4 * 4968


def test_a_sparse_layer_is_one_sigmoid_and_three_macs_a_synapse() -> None:
    layer = ncp_lane(form="sparse")["ncp"]
    assert (layer.macs, layer.ops["sigmoid"]) == (3 * 552, 552)
    assert layer.weight_bytes == 4 * 1065
    # What is left belongs to the 19 neurons and the affine maps.
    assert layer.ops["mul"] == 33 + 2 * 6 * 19
    assert layer.ops["add"] == 33 + 7 * 6 * 19


def test_fusing_loses_no_arithmetic() -> None:
    plain = ltc_operations(lane_keeping(), dense=False)
    fused = Cell(lane_keeping(), form="sparse").operations()
    assert plain.arithmetic == fused.arithmetic
    assert plain.transcendental == fused.transcendental


def test_a_cfc_layer_has_its_own_parameters() -> None:
    dense, sparse = ncp_lane("cfc")["ncp"], ncp_lane("cfc", "sparse")["ncp"]
    assert dense.macs == 2572
    assert dense.weight_bytes == 4 * (2572 + 4 * 19)
    assert sparse.macs == wired_cfc_operations(lane_keeping(), dense=False).mac
    assert sparse.params == sparse.macs + 4 * 19


@pytest.mark.parametrize(("solver", "evaluations"), [("euler", 6), ("rk4", 24)])
def test_fixed_steps_cost_their_right_hand_sides(solver: Solver, evaluations: int) -> None:
    cell = Cell(lane_keeping(), solver, steps=6)
    assert cell.evaluations() == evaluations
    wanted = ltc_sensory_operations(cell.wiring) + evaluations * ltc_derivative_operations(cell.wiring)
    extra = {"euler": Operations(mac=19 * 6, multiply=19 * 6), "rk4": Operations(mac=19 * 42, multiply=19 * 24)}
    assert cell.operations() == wanted + extra[solver]


def test_adaptive_work_grows_by_whole_attempts() -> None:
    cell = Cell(lane_keeping(), "rk45", form="sparse")
    two, three, four = (cell.operations(2 + 6 * n) for n in (2, 3, 4))
    assert dict(four)["mac"] - dict(three)["mac"] == dict(three)["mac"] - dict(two)["mac"] > 3 * 6 * 60
    assert three.sigmoid == synapse_evaluations(cell.wiring, 20)


@pytest.mark.parametrize(
    ("solver", "form", "kernels"),
    [("fused", "dense", 13 + 6 * 18), ("fused", "sparse", 1), ("cfc", "dense", 48), ("rk4", "dense", 13 + 24 * 18)],
)
def test_an_eager_library_launches_a_kernel_an_operation(solver: Solver, form: Form, kernels: int) -> None:
    assert Cell(lane_keeping(), solver, form=form).kernels() == kernels


def test_rates_of_their_own_cost_what_is_due() -> None:
    cell = Cell(lane_keeping(), form="sparse")

    every = np.ones(19, dtype=np.int64)
    every[0] = 2
    first, second = multirate_operations(cell, Rates(np.ones(19, dtype=np.int64), every), 2)
    assert second.sigmoid - first.sigmoid == 6
    assert second.divide - first.divide == 2
    together = Rates(np.full(19, 4), np.ones(19, dtype=np.int64))
    assert multirate_operations(cell, together, 1)[0] == Cell(cell.wiring, steps=4, form="sparse").operations()


def test_a_layer_carries_its_wiring() -> None:
    cell = Cell(auto_ncp(inputs=20, units=28, outputs=4), "rk45", form="sparse", rtol=1e-5, atol=1e-7)
    builder = NetworkBuilder("own")
    add_cell(builder, builder.dense(builder.input((5,)), 20), cell, name="ncp")
    layer = builder.build()["ncp"]
    again = Cell.from_attributes("ncp", layer.attributes)
    assert again.wiring == cell.wiring
    assert replace(again, wiring=cell.wiring) == cell
    assert layer.out_shape == (4,)


def test_wirings_survive_their_text() -> None:
    for wiring in (lane_keeping(), auto_ncp(inputs=20, units=28, outputs=4)):
        assert Wiring.from_text(wiring.to_text()) == wiring
    with pytest.raises(WorkloadError, match="is no wiring; write types"):
        Wiring.from_text("mci +-. +- ...")


def test_a_single_synapse_changes_the_fingerprint() -> None:
    wiring = lane_keeping()
    internal = wiring.internal.copy()
    internal[1, 0] *= -1
    other = Wiring("other", wiring.sensory, internal, wiring.types)
    head = zoo_network("ncp-conv-head")
    assert behind(head, Cell(wiring), "n").fingerprint() != behind(head, Cell(other), "n").fingerprint()
    assert behind(head, Cell(wiring), "n").fingerprint() == ncp_lane().fingerprint()


def test_precision_scales_what_is_stored() -> None:
    quantised = ncp_lane(form="sparse").with_precision(16, 16)
    assert quantised["ncp"].weight_bytes == 2 * 1065
    assert state_bytes(quantised["ncp"]) == 2 * 19


def _recurrent(cell: str, shape: tuple[int, ...]) -> Network:
    builder = NetworkBuilder("r")
    builder.recurrent(builder.input(shape), 7, cell, name="r")
    return builder.build()


def test_state_is_what_a_step_of_a_stream_hands_on() -> None:
    assert state_elements(ncp_lane()["ncp"]) == 19
    assert state_elements(ncp_lane()["conv1"]) == 0
    assert state_elements(_recurrent("lstm", (5,))["r"]) == 14
    assert state_elements(_recurrent("gru", (5,))["r"]) == 7
    assert state_elements(_recurrent("lstm", (10, 5))["r"]) == 0


def test_layer_names_of_operations_are_those_of_the_tables() -> None:
    assert layer_ops(Operations(sigmoid=1, add=2, sum_inputs=3, subtract=4, multiply=5, mac=6)) == {
        "sigmoid": 1,
        "add": 9,
        "mul": 5,
    }


def test_cells_that_do_not_fit_are_refused() -> None:
    cell = Cell(lane_keeping())
    builder = NetworkBuilder("n")
    x = builder.input((20,))
    with pytest.raises(WorkloadError, match="its wiring has 32 inputs, what it reads has the shape 20; wire it anew"):
        add_cell(builder, x, cell)
    with pytest.raises(WorkloadError, match="no recurrent cell 'ltx'; did you mean 'ltc'"):
        builder.recurrent(x, 3, "ltx")
    with pytest.raises(WorkloadError, match=r"a ltc cell needs a wiring; add it with add_cell\(\)"):
        builder.recurrent(x, 3, "ltc")
    with pytest.raises(WorkloadError, match="its wiring has 32 inputs"):
        reinfer(ncp_lane()["ncp"], ((16,),))
    with pytest.raises(WorkloadError, match="2 outputs asked for, its wiring has 1 motor neurons"):
        reinfer(ncp_lane()["ncp"], ((32,),), 2)
    for wrong, message in (
        ({"solver": "rk5"}, "no solver 'rk5'"),
        ({"form": "thin"}, "no form 'thin'"),
        ({"steps": 0}, "at least one"),
        ({"rtol": 0.0}, "above 0"),
    ):
        with pytest.raises(WorkloadError, match=message):
            replace(cell, **wrong)
