"""Several time constants in one cell: fast neurons take several solver steps a token, slow ones one every few tokens.

Rates are powers of two, so that every step of a slow neuron ends where a step of every faster one ends. The work of a
token then depends on which neurons are due: it repeats with the slowest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workloads.errors import WorkloadError
from workloads.ode.ltc import LtcCell, Vector
from workloads.ode.wiring import Wiring

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Rates:
    """Per neuron: ``unfolds`` steps within a token, or one step ``every`` so many tokens (one of the two is 1)."""

    unfolds: Counts
    every: Counts

    def __post_init__(self) -> None:
        both = np.concatenate([self.unfolds, self.every])
        powers = (both > 0) & (both & (both - 1) == 0)
        if self.unfolds.shape != self.every.shape or not powers.all():
            raise WorkloadError("rates: unfolds and every must be powers of two, one of each a neuron")
        if (np.minimum(self.unfolds, self.every) > 1).any():
            raise WorkloadError("rates: a neuron takes several steps a token or skips tokens, not both")

    @classmethod
    def from_time_constants(cls, tau: Vector, window: float, *, resolution: float = 0.5, most: int = 64) -> Rates:
        """Steps of at most ``resolution`` time constants: the slowest power of two that keeps to it, up to ``most``."""
        if not (window > 0 and resolution > 0 and (np.asarray(tau) > 0).all()):
            raise WorkloadError("rates: time constants, window and resolution must be above 0")
        octaves = np.ceil(np.log2(window / (resolution * np.asarray(tau)))).astype(np.int64)
        limit = int(np.log2(most))
        octaves = np.clip(octaves, -limit, limit)
        return cls(2 ** np.maximum(octaves, 0), 2 ** np.maximum(-octaves, 0))

    @property
    def period(self) -> int:
        """Tokens after which the pattern of work repeats."""
        return int(self.every.max())

    def due(self, token: int) -> npt.NDArray[np.bool_]:
        """The neurons that take a step in this token; a slow one steps in the last token of its period."""
        return np.asarray((token + 1) % self.every == 0)

    def synapse_evaluations(self, wiring: Wiring, tokens: int) -> Counts:
        """Synapses evaluated in each of ``tokens`` tokens: those into the neurons due, the sensory ones once."""
        if wiring.neurons != len(self.unfolds):
            raise WorkloadError(f"rates of {len(self.unfolds)} neurons for a wiring of {wiring.neurons}")
        index = np.arange(1, tokens + 1, dtype=np.int64)[:, None]
        due = index % self.every == 0
        sensory = np.count_nonzero(wiring.sensory, axis=0)
        internal = np.count_nonzero(wiring.internal, axis=0)
        return np.asarray((due * (sensory + self.unfolds * internal)).sum(axis=1), dtype=np.int64)

    def advance(self, cell: LtcCell, state: Vector, inputs: Vector, *, window: float, token: int) -> Vector:
        """The state after this token: every due neuron by fused steps of its own size, the others held."""
        due, finest = self.due(token), int(self.unfolds.max())
        step = window * self.every / self.unfolds
        for part in range(1, finest + 1):
            moving = due & (part % (finest // self.unfolds) == 0)
            f = cell.activation(state, inputs)
            stepped = (state + step * f * cell.reversal) / (1 + step * (1 / cell.tau + f))
            state = np.where(moving, stepped, state)
        return state
