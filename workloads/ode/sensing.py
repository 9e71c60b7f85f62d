"""What a recurrent cell sees: the feature vector of the convolution head, frame by frame, as a drive would give it.

Features follow slow Ornstein-Uhlenbeck processes (the road), and jump when the scene changes (a shadow, a junction),
which is what makes an adaptive solver reject steps.
"""

from __future__ import annotations

import numpy as np

from workloads.errors import WorkloadError
from workloads.ode.ltc import ConductanceLtc, Vector
from workloads.ode.solvers import RightHandSide, SolverTrace, integrate_held
from workloads.seeds import generator


def features(tokens: int, inputs: int, *, seed: int, memory: float = 20.0, changes: float = 0.02) -> Vector:
    """Feature vectors of ``tokens`` frames, shape (tokens, inputs), of unit variance.

    ``memory`` is the correlation length in frames, ``changes`` the probability that the scene changes at a frame.
    """
    if tokens < 1 or inputs < 1 or memory <= 0 or not 0 <= changes <= 1:
        raise WorkloadError(
            f"features of {tokens} tokens and {inputs} inputs, memory {memory:g} frames, changes {changes:g}: "
            "counts must be at least 1, the memory above 0 and changes a probability"
        )
    noise = generator(seed, "sensing/noise").standard_normal((tokens, inputs))
    cut = generator(seed, "sensing/changes").random(tokens) < changes
    keep = float(np.exp(-1 / memory))
    seen, state = np.empty((tokens, inputs)), noise[0]
    for token in range(tokens):
        state = noise[token] if token == 0 or cut[token] else keep * state + np.sqrt(1 - keep**2) * noise[token]
        seen[token] = state
    return seen


def adaptive_work(cell: ConductanceLtc, seen: Vector, windows: Vector, *, rtol: float, atol: float) -> SolverTrace:
    """Integrate the cell over the frames seen, each held for its window (in nominal frame periods), by RK45.

    The solver is restarted at every frame; the trace has the evaluations each took.
    """

    def held(token: int) -> RightHandSide:
        driven, conducted = cell.sensory_sums(seen[token], dense=False)
        return lambda time, state: cell.slope(state, driven, conducted)

    return integrate_held(held, np.zeros(cell.wiring.neurons), windows, rtol=rtol, atol=atol)
