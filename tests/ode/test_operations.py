"""Operations of one step by kind: against the published table, and against the arithmetic the cells really do."""

from __future__ import annotations

from collections import Counter
from typing import Any, ClassVar

import numpy as np
import pytest

from workloads.errors import WorkloadError
from workloads.ode import (
    CfcCell,
    ConductanceLtc,
    Operations,
    Wiring,
    auto_ncp,
    cfc_operations,
    cfc_parameters,
    lane_keeping,
    ltc_derivative_operations,
    ltc_operations,
    ltc_sensory_operations,
    random_wiring,
    solver_operations,
    synapse_evaluations,
    wired_cfc_operations,
)

AUTO_28 = auto_ncp(inputs=20, units=28, outputs=4)
AUTO_64 = auto_ncp(inputs=32, units=64, outputs=8, sparsity=0.75)


@pytest.mark.parametrize(
    ("wiring", "sigmoid", "multiply", "add", "sum_inputs", "divide", "sparse"),
    [
        (lane_keeping(22222), 2774, 11357, 831, 5548, 133, 540),
        (lane_keeping(), 2774, 11357, 831, 5548, 133, 552),
        (AUTO_28, 5264, 21416, 1200, 10528, 196, 644),
        (AUTO_64, 26624, 107304, 2728, 53248, 448, 1588),
    ],
)
def test_dense_ltc_takes_the_operations_of_the_library(
    wiring: Wiring, sigmoid: int, multiply: int, add: int, sum_inputs: int, divide: int, sparse: int
) -> None:
    assert ltc_operations(wiring) == Operations(
        sigmoid=sigmoid, multiply=multiply, add=add, subtract=sigmoid, sum_inputs=sum_inputs, divide=divide
    )
    assert synapse_evaluations(wiring) == ltc_operations(wiring, dense=False).sigmoid == sparse


@pytest.mark.parametrize(("wiring", "macs"), [(lane_keeping(), 2572), (AUTO_28, 3172), (AUTO_64, 14864)])
def test_dense_wired_cfc_takes_the_macs_of_the_library(wiring: Wiring, macs: int) -> None:
    found = wired_cfc_operations(wiring)
    assert (found.mac, found.tanh, found.sigmoid) == (macs, 2 * wiring.neurons, wiring.neurons)


def test_cfc_with_a_backbone_has_the_macs_and_parameters_of_the_library() -> None:
    assert cfc_operations(20, 50, 128).mac == 34_560
    assert cfc_parameters(20, 50, 128) == 34_888


def test_two_backbone_layers_add_one_square() -> None:
    assert cfc_operations(20, 50, 128, layers=2).mac - cfc_operations(20, 50, 128).mac == 128 * 128
    assert cfc_parameters(20, 50, 128, layers=2) - cfc_parameters(20, 50, 128) == 129 * 128


def test_cfc_without_a_backbone_is_the_wired_cfc_of_one_layer() -> None:
    wiring = random_wiring(inputs=5, units=7, outputs=7, sparsity=0.5)
    assert wired_cfc_operations(wiring) == cfc_operations(5, 7, layers=0)
    assert cfc_parameters(5, 7, layers=0) == 4 * (12 * 7 + 7)


def test_sparse_wired_cfc_saves_the_masked_entries_of_both_heads() -> None:
    wiring = lane_keeping()
    masked = 32 * 12 + 12 * 6 + 6 * 1 - (192 + 48 + 6)
    assert wired_cfc_operations(wiring).mac - wired_cfc_operations(wiring, dense=False).mac == 2 * masked


def test_sparse_ltc_needs_a_fifth_of_the_dense_synapses_and_no_mask() -> None:
    sparse = ltc_operations(lane_keeping(), dense=False)
    assert round(sparse.sigmoid / ltc_operations(lane_keeping()).sigmoid, 2) == 0.2
    assert sparse.multiply == 33 + 3 * 552 + 2 * 6 * 19


class _Counting(np.ndarray[Any, Any]):
    """An array that counts the elements of every arithmetic operation done to it."""

    tally: ClassVar[Counter[str]] = Counter()

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        plain = [np.asarray(x) if isinstance(x, _Counting) else x for x in inputs]
        result = getattr(ufunc, method)(*plain, **kwargs)
        size = np.size(plain[0]) if method == "reduce" else np.size(result)
        self.tally[f"{ufunc.__name__}.{method}"] += size
        return np.asarray(result).view(_Counting)


def _instrumented(wiring: Wiring, monkeypatch: pytest.MonkeyPatch) -> tuple[ConductanceLtc, Counter[str], Any]:
    tally: Counter[str] = Counter()
    monkeypatch.setattr(_Counting, "tally", tally)

    def sigmoid(x: Any) -> Any:
        tally["sigmoid"] += np.size(x)
        return (0.5 * np.tanh(np.asarray(x) / 2) + 0.5).view(_Counting)

    monkeypatch.setattr("workloads.ode.ltc.sigmoid", sigmoid)
    plain = ConductanceLtc.seeded(wiring, seed=1)
    fields = {name: np.asarray(value).view(_Counting) for name, value in vars(plain).items() if name != "wiring"}
    return ConductanceLtc(wiring, **fields), tally, np.random.default_rng(0)


def _as_operations(tally: Counter[str]) -> Operations:
    return Operations(
        sigmoid=tally["sigmoid"],
        multiply=tally["multiply.__call__"],
        add=tally["add.__call__"],
        subtract=tally["subtract.__call__"],
        sum_inputs=tally["add.reduce"],
        divide=tally["divide.__call__"],
    )


@pytest.mark.parametrize("wiring", [lane_keeping(), AUTO_28], ids=["lane", "auto28"])
@pytest.mark.parametrize("unfolds", [1, 6])
def test_the_dense_count_is_what_the_arithmetic_does(
    wiring: Wiring, unfolds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell, tally, draw = _instrumented(wiring, monkeypatch)
    cell.step(np.zeros(wiring.neurons).view(_Counting), draw.random(wiring.inputs).view(_Counting), unfolds=unfolds)
    mapped = wiring.inputs + wiring.outputs
    assert _as_operations(tally) + Operations(multiply=mapped, add=mapped) == ltc_operations(wiring, unfolds)


def test_the_count_of_a_right_hand_side_is_what_the_arithmetic_does(monkeypatch: pytest.MonkeyPatch) -> None:
    wiring = lane_keeping()
    cell, tally, draw = _instrumented(wiring, monkeypatch)
    cell.derivative(np.zeros(wiring.neurons).view(_Counting), draw.random(wiring.inputs).view(_Counting))
    mapped = wiring.inputs + wiring.outputs
    wanted = ltc_derivative_operations(wiring) + ltc_sensory_operations(wiring)
    assert _as_operations(tally) + Operations(multiply=mapped, add=mapped) == wanted


@pytest.mark.parametrize("mode", ["default", "no_gate", "pure"])
def test_the_elementwise_count_of_a_cfc_is_what_the_arithmetic_does(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tally: Counter[str] = Counter()
    monkeypatch.setattr(_Counting, "tally", tally)
    monkeypatch.setattr("workloads.ode.cfc.sigmoid", lambda x: tally.update(sigmoid=np.size(x)) or x)
    plain = CfcCell.seeded(5, 7, seed=1, mode=mode)
    names = ("ff1", "ff2", "time_a", "time_b", "bias", "w_tau", "amplitude")
    fields = {name: getattr(plain, name).view(_Counting) for name in names}
    cell = CfcCell(**fields, mask=plain.mask, mode=mode)
    cell.step(np.zeros(7).view(_Counting), np.ones(5).view(_Counting), elapsed=0.5)
    heads = 1 if mode == "pure" else 4
    found = {
        "mac": tally["matmul.__call__"] // 7 * 12 * 7,
        "tanh": tally["tanh.__call__"],
        "exp": tally["exp.__call__"],
        "sigmoid": tally["sigmoid"],
        # Biases start the accumulators; thinning a head is done once, before the run; -t is folded into one factor.
        "multiply": tally["multiply.__call__"] - (heads > 1) * 2 * 84 - (heads == 1) * 84,
        "add": tally["add.__call__"] - heads * 7,
        "subtract": tally["subtract.__call__"],
    }
    assert {k: v for k, v in found.items() if v} == cfc_operations(5, 7, layers=0, mode=mode).by_kind()


def test_operations_add_and_scale_kind_by_kind() -> None:
    one = Operations(sigmoid=1, mac=2, divide=3)
    assert one + one == 2 * one == Operations(sigmoid=2, mac=4, divide=6)
    assert (2 * one).by_kind() == {"sigmoid": 2, "divide": 6, "mac": 4}
    assert (one.transcendental, one.arithmetic) == (1, 7)


def test_a_fixed_step_solver_adds_vector_work_beside_the_right_hand_side() -> None:
    assert solver_operations(19, steps=6, stages=4, weights=7) == Operations(mac=19 * 6 * 7, multiply=19 * 6 * 4)


def test_no_unfolds_and_unknown_modes_are_refused() -> None:
    with pytest.raises(WorkloadError, match="0 unfolds; the solver takes at least one step a token"):
        ltc_operations(lane_keeping(), 0)
    with pytest.raises(WorkloadError, match=r"'gated' is no CfC mode \(known: default, no_gate, pure\)"):
        wired_cfc_operations(lane_keeping(), mode="gated")
    with pytest.raises(WorkloadError, match="all must be at least 1"):
        cfc_operations(0, 3)
