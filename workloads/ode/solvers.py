"""Solvers that really integrate, restarted for every token, with their work counted.

A fixed-step solver does the same work for every token; an adaptive one does what its error estimate asks for, so its
tokens differ and have a tail. Work is counted in evaluations of the right-hand side, by counting the calls.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from workloads.errors import WorkloadError, did_you_mean

Vector = npt.NDArray[np.float64]
#: dx/dt as a function of the time in seconds and the state.
RightHandSide = Callable[[float, Vector], Vector]

FixedMethod = Literal["euler", "rk4"]
AdaptiveMethod = Literal["RK45", "DOP853", "Radau", "BDF", "LSODA"]

#: Evaluations a step of each fixed-step method, and the non-zero weights of its tableau.
STAGES: dict[str, int] = {"euler": 1, "rk4": 4}
TABLEAU_WEIGHTS: dict[str, int] = {"euler": 1, "rk4": 7}

#: Evaluations an attempted step takes (first same as last), and before the first one to choose its size:
#: Dormand-Prince 5(4) and 8(5,3) of ``scipy.integrate``.
EVALUATIONS_PER_ATTEMPT: dict[str, int] = {"RK45": 6, "DOP853": 12}
STARTING_EVALUATIONS = 2


@dataclass(frozen=True, eq=False)
class SolverTrace:
    """The work of a solver over tokens, arrays of one entry each: evaluations, accepted and rejected steps, end states.

    ``rejected`` is -1 for the implicit methods, which do not tell their failed Newton iterations apart.
    """

    evaluations: npt.NDArray[np.int64]
    accepted: npt.NDArray[np.int64]
    rejected: npt.NDArray[np.int64]
    states: Vector

    @property
    def tokens(self) -> int:
        """Tokens integrated."""
        return int(self.evaluations.shape[0])

    @property
    def attempted(self) -> npt.NDArray[np.int64]:
        """Steps tried, accepted or not; -1 where unknown."""
        return np.where(self.rejected < 0, -1, self.accepted + self.rejected)


def integrate_fixed(
    derivative: RightHandSide, start: Vector, *, window: float, tokens: int, steps: int, method: FixedMethod = "rk4"
) -> SolverTrace:
    """Integrate ``tokens`` windows of ``window`` seconds, ``steps`` equal steps in each."""
    _check(window, tokens)
    if method not in STAGES:
        raise WorkloadError(f"'{method}' is no fixed-step method{did_you_mean(method, STAGES)}")
    if steps < 1:
        raise WorkloadError(f"{steps} steps a token; a fixed-step solver takes at least one")
    advance = _euler if method == "euler" else _rk4
    counted = _Counted(derivative)
    state = np.array(start, dtype=np.float64)
    evaluations, states = np.zeros(tokens, dtype=np.int64), np.empty((tokens, state.size))
    for token in range(tokens):
        before, size = counted.calls, window / steps
        for step in range(steps):
            state = advance(counted, token * window + step * size, state, size)
        evaluations[token], states[token] = counted.calls - before, state
    taken = np.full(tokens, steps, dtype=np.int64)
    return SolverTrace(evaluations, taken, np.zeros_like(taken), states)


def integrate_adaptive(
    derivative: RightHandSide,
    start: Vector,
    *,
    window: float,
    tokens: int,
    rtol: float = 1e-3,
    atol: float = 1e-6,
    method: AdaptiveMethod = "RK45",
) -> SolverTrace:
    """Integrate ``tokens`` windows of ``window`` seconds with ``scipy.integrate.solve_ivp``, restarted at every token.

    Token k covers k * window to (k + 1) * window and starts from the state the one before ended in. Raises
    :class:`WorkloadError` when the solver gives up.
    """
    _check(window, tokens)
    _check_adaptive(method, rtol, atol)
    state = np.array(start, dtype=np.float64)
    counts, states = np.zeros((tokens, 3), dtype=np.int64), np.empty((tokens, state.size))
    for token in range(tokens):
        # Bounds by multiplication, not by a running sum: the last digit of a bound can move a step.
        span = (token * window, (token + 1) * window)
        counts[token], state = _solve(derivative, span, state, rtol, atol, method, token)
        states[token] = state
    return SolverTrace(counts[:, 0], counts[:, 1], counts[:, 2], states)


def integrate_held(
    derivative_of: Callable[[int], RightHandSide],
    start: Vector,
    windows: Vector,
    *,
    rtol: float = 1e-3,
    atol: float = 1e-6,
    method: AdaptiveMethod = "RK45",
) -> SolverTrace:
    """Integrate tokens of unequal windows, each with a right-hand side of its own: an input that is sampled and held.

    ``derivative_of(k)`` is the equation while token k's input holds; its time counts from 0 in each token.
    """
    _check_adaptive(method, rtol, atol)
    state = np.array(start, dtype=np.float64)
    counts, states = np.zeros((len(windows), 3), dtype=np.int64), np.empty((len(windows), state.size))
    for token, window in enumerate(windows.tolist()):
        _check(window, len(windows))
        counts[token], state = _solve(derivative_of(token), (0.0, window), state, rtol, atol, method, token)
        states[token] = state
    return SolverTrace(counts[:, 0], counts[:, 1], counts[:, 2], states)


def integrate_each(
    derivative: RightHandSide,
    starts: Vector,
    *,
    window: float,
    rtol: float = 1e-3,
    atol: float = 1e-6,
    method: AdaptiveMethod = "RK45",
    batch: int = 1,
) -> SolverTrace:
    """Integrate every row of ``starts`` from 0 to ``window`` seconds on its own: the rows are inputs, not successors.

    With ``batch`` above 1 so many rows are one state with one step size, as libraries integrate a batch: each of them
    takes the steps the batch takes. ``derivative`` then sees the rows of a batch one by one.
    """
    _check(window, len(starts))
    _check_adaptive(method, rtol, atol)
    if batch < 1:
        raise WorkloadError(f"a batch of {batch}; it holds at least one input")
    rows = np.array(starts, dtype=np.float64)
    counts, states = np.zeros((len(rows), 3), dtype=np.int64), np.empty_like(rows)
    width = rows.shape[1]

    def together(time: float, state: Vector) -> Vector:
        return np.concatenate([derivative(time, row) for row in state.reshape(-1, width)])

    for first in range(0, len(rows), batch):
        part = slice(first, first + batch)
        counts[part], end = _solve(together, (0.0, window), rows[part].ravel(), rtol, atol, method, first)
        states[part] = end.reshape(-1, width)
    return SolverTrace(counts[:, 0], counts[:, 1], counts[:, 2], states)


class _Counted:
    """The right-hand side with its calls counted, and how many of them repeated the time of the call before.

    An attempt of RK45 or DOP853 evaluates its last stage and the new state at the same instant, the end of the step,
    and no other two calls in a row share theirs: repeats are attempts, counted without asking the solver.
    """

    def __init__(self, derivative: RightHandSide) -> None:
        self._derivative = derivative
        self._last = float("nan")
        self.calls = 0
        self.repeats = 0

    def __call__(self, time: float, state: Vector) -> Vector:
        self.calls += 1
        # The two calls that choose the first step size belong to no attempt.
        if self.calls > STARTING_EVALUATIONS + 1 and time == self._last:
            self.repeats += 1
        self._last = time
        return self._derivative(time, state)


def _solve(
    derivative: RightHandSide,
    span: tuple[float, float],
    state: Vector,
    rtol: float,
    atol: float,
    method: AdaptiveMethod,
    token: int,
) -> tuple[tuple[int, int, int], Vector]:
    from scipy.integrate import solve_ivp

    counted = _Counted(derivative)
    solution = solve_ivp(counted, span, state, method=method, rtol=rtol, atol=atol)
    end = solution.y[:, -1]
    if not solution.success or not np.isfinite(end).all():
        raise WorkloadError(
            f"{method} gives up in token {token} ({span[0]:g} s to {span[1]:g} s): {solution.message} "
            "Loosen the tolerances, or take an implicit method (Radau, BDF) if the equation is stiff"
        )
    accepted = len(solution.t) - 1
    rejected = counted.repeats - accepted if method in EVALUATIONS_PER_ATTEMPT else -1
    return (counted.calls, accepted, rejected), end


def _euler(derivative: RightHandSide, time: float, state: Vector, step: float) -> Vector:
    return state + step * derivative(time, state)


def _rk4(derivative: RightHandSide, time: float, state: Vector, step: float) -> Vector:
    """The classical Runge-Kutta step of order 4."""
    first = derivative(time, state)
    second = derivative(time + step / 2, state + step / 2 * first)
    third = derivative(time + step / 2, state + step / 2 * second)
    fourth = derivative(time + step, state + step * third)
    return state + step / 6 * (first + 2 * (second + third) + fourth)


def _check(window: float, tokens: int) -> None:
    if not window > 0 or not np.isfinite(window):
        raise WorkloadError(
            f"a window of {window:g} s; a token covers a time above 0 s, e.g. 1/30 for 30 frames a second"
        )
    if tokens < 1:
        raise WorkloadError(f"{tokens} tokens; at least one is integrated")


def _check_adaptive(method: str, rtol: float, atol: float) -> None:
    known = get_args(AdaptiveMethod)
    if method not in known:
        raise WorkloadError(f"'{method}' is no adaptive method{did_you_mean(method, known)}")
    check_tolerances(rtol, atol)


def check_tolerances(rtol: float, atol: float) -> None:
    """Raises :class:`WorkloadError` for tolerances that no adaptive solver can keep to."""
    if not (rtol > 0 and atol > 0):
        raise WorkloadError(f"rtol {rtol:g} and atol {atol:g}: both tolerances must be above 0")
    if rtol >= 1:
        raise WorkloadError(f"rtol {rtol:g}: an error of the state's own size; write a share below 1")
