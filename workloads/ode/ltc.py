"""Liquid time-constant cells: the equation of the paper, and the conductance form the ``ncps`` libraries compute.

Both are real arithmetic on a state vector, so that adaptive solvers find the work they would find on hardware. States
are float64.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workloads.errors import WorkloadError
from workloads.ode.operations import DEFAULT_UNFOLDS
from workloads.ode.wiring import Wiring
from workloads.seeds import generator

Vector = npt.NDArray[np.float64]

#: Keeps the fused step of ``ncps`` away from 0 / 0.
_EPSILON = 1e-8


def sigmoid(x: Vector) -> Vector:
    """1 / (1 + exp(-x)), elementwise; far negative arguments give 0 without a warning."""
    with np.errstate(over="ignore"):
        return np.asarray(1.0 / (1.0 + np.exp(-x)))


@dataclass(frozen=True, eq=False)
class LtcCell:
    """The LTC of Hasani et al., AAAI 2021, equation 1: dx/dt = -(1/tau + f) x + f A, f = gain sigmoid(W x + U u + b).

    ``recurrent`` is W (neurons x neurons, row = target), ``inward`` U (neurons x inputs), ``tau`` in seconds.
    """

    recurrent: Vector
    inward: Vector
    bias: Vector
    reversal: Vector
    tau: Vector
    gain: float = 1.0

    def __post_init__(self) -> None:
        count = np.shape(self.tau)[0] if np.ndim(self.tau) == 1 else -1
        wanted = {"recurrent": (count, count), "bias": (count,), "reversal": (count,)}
        for name, shape in wanted.items():
            if count < 1 or np.shape(getattr(self, name)) != shape:
                raise WorkloadError(f"LTC cell: {name} has shape {np.shape(getattr(self, name))}, tau asks for {shape}")
        if np.ndim(self.inward) != 2 or np.shape(self.inward)[0] != count:
            raise WorkloadError(f"LTC cell: inward has shape {np.shape(self.inward)}; it must be {count} x inputs")
        if not (np.asarray(self.tau) > 0).all():
            raise WorkloadError("LTC cell: every time constant must be above 0 s")

    @classmethod
    def seeded(cls, inputs: int, neurons: int, *, seed: int, gain: float = 1.0) -> LtcCell:
        """A cell with standard normal weights, signs as reversal potentials and time constants from 0.05 to 1 s."""
        draw = generator(seed, "ltc-cell")
        return cls(
            recurrent=draw.standard_normal((neurons, neurons)),
            inward=draw.standard_normal((neurons, inputs)),
            bias=draw.standard_normal(neurons),
            reversal=draw.choice(np.array([-1.0, 1.0]), neurons),
            tau=draw.uniform(0.05, 1.0, neurons),
            gain=gain,
        )

    @property
    def neurons(self) -> int:
        """Length of the state."""
        return int(self.tau.shape[0])

    @property
    def inputs(self) -> int:
        """Length of the input."""
        return int(self.inward.shape[1])

    def activation(self, state: Vector, inputs: Vector) -> Vector:
        """f, the input- and state-dependent part of each neuron's conductance."""
        return self.gain * sigmoid(self.recurrent @ state + self.inward @ inputs + self.bias)

    def derivative(self, state: Vector, inputs: Vector) -> Vector:
        """dx/dt."""
        f = self.activation(state, inputs)
        return -(1 / self.tau + f) * state + f * self.reversal

    def fused_step(self, state: Vector, inputs: Vector, step: float) -> Vector:
        """One step of the fused solver (the paper's algorithm 1): implicit in x, explicit in f; never unstable."""
        f = self.activation(state, inputs)
        return (state + step * f * self.reversal) / (1 + step * (1 / self.tau + f))

    def fused(self, state: Vector, inputs: Vector, window: float, unfolds: int = DEFAULT_UNFOLDS) -> Vector:
        """The state ``window`` seconds later with the input held: ``unfolds`` fused steps."""
        for _ in range(unfolds):
            state = self.fused_step(state, inputs, window / unfolds)
        return state

    def time_constants(self, state: Vector, inputs: Vector) -> Vector:
        """The liquid time constants tau / (1 + tau f) at this state and input, in seconds."""
        return self.tau / (1 + self.tau * self.activation(state, inputs))


@dataclass(frozen=True, eq=False)
class ConductanceLtc:
    """The LTC of the ``ncps`` libraries: leak and synaptic conductances on a wiring.

    c_m dv/dt = g (v_leak - v) + sum_j w s(v_j) (E - v), s = sigmoid(sigma (v_j - mu)), sensory synapses alike.
    Synapse arrays are inputs x neurons and neurons x neurons; they count only where the wiring has a synapse.
    """

    wiring: Wiring
    capacitance: Vector
    leak: Vector
    resting: Vector
    weight: Vector
    mu: Vector
    sigma: Vector
    sensory_weight: Vector
    sensory_mu: Vector
    sensory_sigma: Vector

    @classmethod
    def seeded(cls, wiring: Wiring, *, seed: int) -> ConductanceLtc:
        """A cell drawn from the starting ranges of ``ncps`` (``torch/ltc_cell.py``, ``_init_ranges``)."""
        draw = generator(seed, "conductance-ltc")
        count, inner, outer = wiring.neurons, (wiring.neurons,) * 2, (wiring.inputs, wiring.neurons)
        return cls(
            wiring,
            capacitance=draw.uniform(0.4, 0.6, count),
            leak=draw.uniform(0.001, 1.0, count),
            resting=draw.uniform(-0.2, 0.2, count),
            weight=draw.uniform(0.001, 1.0, inner),
            mu=draw.uniform(0.3, 0.8, inner),
            sigma=draw.uniform(3.0, 8.0, inner),
            sensory_weight=draw.uniform(0.001, 1.0, outer),
            sensory_mu=draw.uniform(0.3, 0.8, outer),
            sensory_sigma=draw.uniform(3.0, 8.0, outer),
        )

    def sensory_sums(self, inputs: Vector, *, dense: bool = True) -> tuple[Vector, Vector]:
        """Sums of w s E and of w s over the inputs: constant while the input is held."""
        return _sums(self.sensory_weight, self.sensory_mu, self.sensory_sigma, self.wiring.sensory, inputs, dense)

    def synaptic_sums(self, state: Vector, *, dense: bool = True) -> tuple[Vector, Vector]:
        """Sums of w s E and of w s over the neurons."""
        return _sums(self.weight, self.mu, self.sigma, self.wiring.internal, state, dense)

    def step(
        self, state: Vector, inputs: Vector, *, elapsed: float = 1.0, unfolds: int = DEFAULT_UNFOLDS, dense: bool = True
    ) -> Vector:
        """The state one token later by the fused solver, exactly in the order of operations of ``ncps``."""
        driven, conducted = self.sensory_sums(inputs, dense=dense)
        held = self.capacitance / (elapsed / unfolds)
        for _ in range(unfolds):
            numerator, denominator = self.synaptic_sums(state, dense=dense)
            numerator, denominator = numerator + driven, denominator + conducted
            top = held * state + self.leak * self.resting + numerator
            state = top / (held + self.leak + denominator + _EPSILON)
        return state

    def derivative(self, state: Vector, inputs: Vector, *, dense: bool = True) -> Vector:
        """dv/dt with the input held at ``inputs``."""
        driven, conducted = self.sensory_sums(inputs, dense=dense)
        return self.slope(state, driven, conducted, dense=dense)

    def slope(self, state: Vector, driven: Vector, conducted: Vector, *, dense: bool = False) -> Vector:
        """dv/dt with the sums over the held input already done."""
        numerator, denominator = self.synaptic_sums(state, dense=dense)
        current = self.leak * (self.resting - state) + (numerator + driven) - state * (denominator + conducted)
        return current / self.capacitance

    def outputs(self, state: Vector) -> Vector:
        """The motor neurons' part of the state, without the trained affine map."""
        return state[: self.wiring.outputs]


def _sums(
    weight: Vector, mu: Vector, sigma: Vector, signs: npt.NDArray[np.int8], source: Vector, dense: bool
) -> tuple[Vector, Vector]:
    if dense:
        active = weight * sigmoid(sigma * (source[:, None] - mu)) * np.abs(signs)
        return (active * signs).sum(axis=0), active.sum(axis=0)
    row, column = np.nonzero(signs)
    active = weight[row, column] * sigmoid(sigma[row, column] * (source[row] - mu[row, column]))
    reversed_ = active * signs[row, column]
    size = signs.shape[1]
    return _by_target(column, reversed_, size), _by_target(column, active, size)


def _by_target(column: npt.NDArray[np.intp], values: Vector, size: int) -> Vector:
    return np.asarray(np.bincount(column, values, size), dtype=np.float64)
