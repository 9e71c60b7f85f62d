"""The closed-form cell."""

from __future__ import annotations

import numpy as np
import pytest

from workloads.errors import WorkloadError
from workloads.ode import CfcCell, WiredCfc, lane_keeping


def _by_hand(mode: str) -> CfcCell:
    """One neuron, one input, no old state: ff1 = 1, ff2 = 2, gate = sigmoid(0 t + 0) = 1/2 whatever the input."""
    zero = np.zeros((1, 2))
    bias = np.array([[1.0], [2.0], [0.0], [0.0]])
    return CfcCell(zero, zero, zero, zero, bias, np.array([0.5]), np.array([3.0]), np.ones((1, 2)), mode)


@pytest.mark.parametrize(
    ("mode", "wanted"),
    [
        ("default", 0.5 * np.tanh(1) + 0.5 * np.tanh(2)),
        ("no_gate", np.tanh(1) + 0.5 * np.tanh(2)),
        ("pure", 3 - 3 * np.exp(-2 * (0.5 + 1)) * 1),
    ],
)
def test_one_neuron_by_hand(mode: str, wanted: float) -> None:
    assert _by_hand(mode).step(np.zeros(1), np.ones(1), elapsed=2.0) == pytest.approx([wanted])


def test_the_wired_cell_feeds_each_layer_from_the_one_before() -> None:
    wiring = lane_keeping()
    cell = WiredCfc.seeded(wiring, seed=5)
    assert [c.ff1.shape for c in cell.cells] == [(12, 44), (6, 18), (1, 7)]
    state = cell.step(np.zeros(19), np.ones(32))
    # A change of one input reaches exactly the inter neurons it is wired to through the heads, and others by the gates.
    inter = wiring.layers()[0]
    alone = cell.cells[0].step(np.zeros(12), np.ones(32))
    assert np.array_equal(state[inter], alone)
    command = cell.cells[1].step(np.zeros(6), alone)
    assert np.array_equal(state[wiring.layers()[1]], command)
    assert np.array_equal(state[:1], cell.cells[2].step(np.zeros(1), command))


def test_masked_head_entries_do_not_matter() -> None:
    cell = WiredCfc.seeded(lane_keeping(), seed=5).cells[0]
    assert int((cell.mask == 0).sum()) == 32 * 12 - 192
    other = CfcCell(**{**vars(cell), "ff1": np.where(cell.mask == 0, 9.0, cell.ff1)})
    assert np.array_equal(cell.step(np.zeros(12), np.ones(32)), other.step(np.zeros(12), np.ones(32)))


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(WorkloadError, match="'gated' is no CfC mode"):
        CfcCell.seeded(2, 3, seed=1, mode="gated")
