"""Test equations of the solver literature, for measuring how a solver's work varies from token to token."""

from __future__ import annotations

import numpy as np

from workloads.ode.ltc import LtcCell, Vector
from workloads.ode.solvers import RightHandSide


def decay(time: float, state: Vector) -> Vector:
    """y' = -y."""
    return -state


def van_der_pol(mu: float) -> RightHandSide:
    """x'' = mu (1 - x^2) x' - x: slow arcs and fast jumps; the larger ``mu``, the stiffer."""

    def derivative(time: float, state: Vector) -> Vector:
        x, v = state
        return np.array([v, mu * (1 - x**2) * v - x])

    return derivative


def cubic_spiral(time: float, state: Vector) -> Vector:
    """y' = A^T y^3, the demonstration of ``torchdiffeq`` (``examples/ode_demo.py``), started from (2, 0)."""
    return np.asarray(np.array([[-0.1, -2.0], [2.0, -0.1]]) @ state**3)


def three_waves(time: float) -> Vector:
    """The input of the LTC traces: a slow sine, a pulse of 0.3 s every second, and a fast sine, each from -1 to 1."""
    pulse = 1.0 if time % 1.0 < 0.3 else -1.0
    return np.array([np.sin(3 * np.pi * time), pulse, np.sin(18 * np.pi * time)])


def driven(cell: LtcCell, *, held_for: float | None = None) -> RightHandSide:
    """The equation of an LTC cell of three inputs under :func:`three_waves`.

    The input is followed continuously, or sampled every ``held_for`` seconds and held, as a camera would.
    """

    def derivative(time: float, state: Vector) -> Vector:
        instant = time if held_for is None else np.floor(time / held_for) * held_for
        return cell.derivative(state, three_waves(float(instant)))

    return derivative
