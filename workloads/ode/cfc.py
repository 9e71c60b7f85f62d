"""The closed-form continuous-time cell: one pass, no solver, the same work for every token.

Hasani et al., Nature Machine Intelligence 4, 992 (2022), equation 10 and the gated form of ``ncps``
(``torch/cfc_cell.py``, ``torch/wired_cfc_cell.py``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workloads.errors import WorkloadError
from workloads.ode.ltc import Vector, sigmoid
from workloads.ode.operations import CFC_MODES
from workloads.ode.wiring import Wiring
from workloads.seeds import generator


@dataclass(frozen=True, eq=False)
class CfcCell:
    """One closed-form layer without a backbone: (1 - g) tanh(ff1) + g tanh(ff2), g = sigmoid(time_a t + time_b).

    Matrices are neurons x (inputs + neurons), applied to the input with the old state behind it; ``mask`` (same shape,
    0 or 1) thins the two heads and leaves the gates dense. ``no_gate`` drops the factor 1 - g; ``pure`` is the
    closed-form solution itself, with ``ff2`` and the gates unused and a time constant of ``w_tau``.
    """

    ff1: Vector
    ff2: Vector
    time_a: Vector
    time_b: Vector
    bias: Vector  # four rows: ff1, ff2, time_a, time_b
    w_tau: Vector
    amplitude: Vector
    mask: Vector
    mode: str = "default"

    def __post_init__(self) -> None:
        if self.mode not in CFC_MODES:
            raise WorkloadError(f"'{self.mode}' is no CfC mode (known: {', '.join(CFC_MODES)})")

    @classmethod
    def seeded(
        cls, inputs: int, neurons: int, *, seed: int, mask: Vector | None = None, mode: str = "default"
    ) -> CfcCell:
        """Glorot-uniform matrices, small biases and unit amplitude."""
        draw = generator(seed, f"cfc-cell-{inputs}-{neurons}")
        shape, limit = (neurons, inputs + neurons), float(np.sqrt(6.0 / (inputs + 2 * neurons)))
        heads = [draw.uniform(-limit, limit, shape) for _ in range(4)]
        bias, w_tau = draw.uniform(-0.1, 0.1, (4, neurons)), draw.uniform(0.0, 1.0, neurons)
        thinned = np.ones(shape) if mask is None else mask
        return cls(heads[0], heads[1], heads[2], heads[3], bias, w_tau, np.ones(neurons), thinned, mode)

    def step(self, state: Vector, inputs: Vector, *, elapsed: float = 1.0) -> Vector:
        """The state ``elapsed`` later."""
        joined = np.concatenate([inputs, state])
        head = (self.ff1 * self.mask) @ joined + self.bias[0]
        if self.mode == "pure":
            decay = np.exp(-elapsed * (np.abs(self.w_tau) + np.abs(head)))
            return np.asarray(-self.amplitude * decay * head + self.amplitude)
        other = np.tanh((self.ff2 * self.mask) @ joined + self.bias[1])
        gate = sigmoid((self.time_a @ joined + self.bias[2]) * elapsed + self.time_b @ joined + self.bias[3])
        kept = np.tanh(head) if self.mode == "no_gate" else np.tanh(head) * (1.0 - gate)
        return np.asarray(kept + gate * other)


@dataclass(frozen=True, eq=False)
class WiredCfc:
    """A CfC on a wiring: one cell per layer, inter then command then motor, each fed by the layer before it."""

    wiring: Wiring
    cells: tuple[CfcCell, ...]

    @classmethod
    def seeded(cls, wiring: Wiring, *, seed: int, mode: str = "default") -> WiredCfc:
        """A cell per layer with the wiring's synapses as mask; inside a layer every neuron sees every other."""
        cells, before = [], None
        for ids in wiring.layers():
            block = wiring.sensory[:, ids] if before is None else wiring.internal[before][:, ids]
            mask = np.concatenate([np.abs(block), np.ones((len(ids), len(ids)))]).T
            cells.append(CfcCell.seeded(block.shape[0], len(ids), seed=seed, mask=mask, mode=mode))
            before = ids
        return cls(wiring, tuple(cells))

    def step(self, state: Vector, inputs: Vector, *, elapsed: float = 1.0) -> Vector:
        """The state one token later; ``state`` is ordered by neuron id, as everywhere."""
        new, signal = np.empty_like(state), inputs
        for ids, cell in zip(self.wiring.layers(), self.cells, strict=True):
            signal = cell.step(state[ids], signal, elapsed=elapsed)
            new[ids] = signal
        return new
