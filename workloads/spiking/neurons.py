"""Spiking neurons in discrete time, with every convention that changes a spike train said out loud.

The same graph has several legitimate spike trains: reset to zero or by subtraction, at the firing or one step later,
a strict or a weak comparison, the leak before or after the input. One neuron, one step, in this order::

    i <- current_decay * i + current_gain * x          only CubaLIF; x is the sum of what the synapses deliver
    v <- decay * v + gain * (i or x) + bias            leak 'before'; 'after' is decay * (v + gain * x + bias)
    v <- v - threshold, or reset_value                 reset_at 'next_step', if it fired in the step before
    fire if v > threshold (strict) or v >= threshold (weak)
    v <- v - threshold, or reset_value                 reset_at 'firing'

``reset_at='next_step'`` is snnTorch's Leaky (Eshraghian et al. 2023, Proc. IEEE 111(9), eq. 4; reset_delay default);
'firing' is NIR's equation (Pedersen et al. 2024, doi:10.1038/s41467-024-52259-9) and Loihi-like cores.
A ``resolution`` of 1/64 truncates the leaked potential toward zero, as digital cores hold it in fixed point.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from workloads.errors import WorkloadError, did_you_mean
from workloads.spiking.spikes import Index, Mask, Real

Reset = Literal["zero", "subtract", "none"]
ResetAt = Literal["firing", "next_step"]
Comparison = Literal["strict", "weak"]
LeakOrder = Literal["before", "after"]
CurrentOrder = Literal["updated", "previous"]
Parameter = float | npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Neuron:
    """The dynamics of a population: IF (decay 1), LIF (decay below 1) or CubaLIF (``current_decay`` given).

    Parameters are numbers or arrays of the population's shape. ``refractory`` counts the steps after a firing in which
    input and bias are ignored (the leak goes on). ``current`` says which synaptic current a CubaLIF membrane sees:
    'updated' within the step, or that of the step 'previous' (plain forward Euler of both equations).
    ``fires`` false makes a leaky integrator that never spikes (a readout).
    """

    threshold: Parameter = 1.0
    decay: Parameter = 1.0
    gain: Parameter = 1.0
    bias: Parameter = 0.0
    current_decay: Parameter | None = None
    current_gain: Parameter = 1.0
    reset: Reset = "zero"
    reset_value: Parameter = 0.0
    reset_at: ResetAt = "firing"
    refractory: int = 0
    comparison: Comparison = "strict"
    leak: LeakOrder = "before"
    current: CurrentOrder = "updated"
    resolution: float = 0.0
    fires: bool = True

    def __post_init__(self) -> None:
        for name, allowed in (
            ("reset", get_args(Reset)),
            ("reset_at", get_args(ResetAt)),
            ("comparison", get_args(Comparison)),
            ("leak", get_args(LeakOrder)),
            ("current", get_args(CurrentOrder)),
        ):
            if getattr(self, name) not in allowed:
                raise WorkloadError(
                    f"neuron: {name} {getattr(self, name)!r} is not"
                    f" one{did_you_mean(str(getattr(self, name)), allowed)}"
                )
        if self.refractory < 0:
            raise WorkloadError(f"neuron: refractory is {self.refractory} steps; write 0 or more")
        if self.resolution < 0:
            raise WorkloadError(f"neuron: resolution is {self.resolution}; write 0 (none) or a step such as 1/64")

    @property
    def model(self) -> str:
        """The name of the dynamics: 'if', 'lif', 'cuba_lif' or their non-firing 'i', 'li', 'cuba_li'."""
        leaks = "li" if np.any(np.asarray(self.decay) != 1.0) else "i"
        base = leaks if self.current_decay is None else "cuba_li"
        return f"{base}f" if self.fires else base


def lif_from_time_constants(
    tau: Parameter, dt: float, resistance: Parameter = 1.0, leak_potential: Parameter = 0.0, **conventions: Any
) -> Neuron:
    """Forward Euler of ``tau dv/dt = (v_leak - v) + R I``: decay 1 - dt/tau, gain R dt/tau; ``tau`` and ``dt`` in
    seconds.

    The arithmetic stays in the precision ``tau`` comes in, so a float32 file with a dyadic decay gives that very decay.
    Raises :class:`WorkloadError` where dt is not below tau (the leak would overshoot).
    """
    rate = _euler_rate(tau, dt, "tau")
    return Neuron(
        decay=_wide(1 - rate),
        gain=_wide(np.asarray(resistance) * rate),
        bias=_wide(np.asarray(leak_potential) * rate),
        **conventions,
    )


def cuba_lif_from_time_constants(
    tau_membrane: Parameter,
    tau_synapse: Parameter,
    dt: float,
    resistance: Parameter = 1.0,
    leak_potential: Parameter = 0.0,
    input_weight: Parameter = 1.0,
    **conventions: Any,
) -> Neuron:
    """Forward Euler of NIR's CubaLIF: ``tau_syn dI/dt = -I + w_in S``, ``tau_mem dv/dt = (v_leak - v) + R I`` (s)."""
    membrane, synapse = _euler_rate(tau_membrane, dt, "tau_mem"), _euler_rate(tau_synapse, dt, "tau_syn")
    return Neuron(
        decay=_wide(1 - membrane),
        gain=_wide(np.asarray(resistance) * membrane),
        bias=_wide(np.asarray(leak_potential) * membrane),
        current_decay=_wide(1 - synapse),
        current_gain=_wide(np.asarray(input_weight) * synapse),
        **conventions,
    )


def _euler_rate(tau: Parameter, dt: float, name: str) -> npt.NDArray[np.floating[Any]]:
    values = np.asarray(tau)
    if values.dtype.kind != "f":
        values = values.astype(np.float64)
    if dt <= 0:
        raise WorkloadError(f"neuron: dt is {dt} s; write a positive step such as 1e-4")
    rate: npt.NDArray[np.floating[Any]] = np.asarray(values.dtype.type(dt) / values)
    if np.any(rate > 1) or np.any(rate < 0):
        raise WorkloadError(
            f"neuron: dt = {dt:g} s exceeds {name} = {float(values.min()):g} s; forward Euler needs dt <="
            f" {name}, take a smaller dt"
        )
    return rate


def _wide(value: npt.NDArray[Any]) -> Parameter:
    wide = np.asarray(value, dtype=np.float64)
    return float(wide) if wide.ndim == 0 else wide


@dataclass(slots=True, eq=False)
class NeuronState:
    """What a population keeps from step to step: potential, current, steps left refractory, who fired last."""

    potential: Real
    current: Real
    blocked: Index
    fired: Index = field(default_factory=lambda: np.empty(0, dtype=np.int64))


def initial_state(size: int) -> NeuronState:
    """All potentials and currents at zero, nobody refractory."""
    return NeuronState(np.zeros(size), np.zeros(size), np.zeros(size, dtype=np.int64))


class Integrator:
    """Steps one population through blocks of input: its parameters flattened once, its state kept between blocks."""

    def __init__(self, neuron: Neuron, size: int) -> None:
        self.neuron = neuron
        self.state = initial_state(size)
        self._size = size
        flat = {
            name: _flat(getattr(neuron, name), size, name)
            for name in ("threshold", "decay", "gain", "bias", "reset_value", "current_gain")
        }
        self._threshold, self._decay, self._gain, self._bias = (flat[k] for k in ("threshold", "decay", "gain", "bias"))
        self._reset_value, self._current_gain = flat["reset_value"], flat["current_gain"]
        self._current_decay: Parameter = (
            1.0 if neuron.current_decay is None else _flat(neuron.current_decay, size, "current_decay")
        )
        self._leaks = bool(np.any(np.asarray(self._decay) != 1.0))
        self._scales = bool(np.any(np.asarray(self._gain) != 1.0))
        self._biased = bool(np.any(np.asarray(self._bias) != 0.0))
        self._scratch = np.empty(size)

    def advance(
        self, drive: Real, updated: Mask | None = None, potential_sum: Real | None = None
    ) -> tuple[Index, Index]:
        """Run the rows of ``drive`` (steps, neurons; overwritten) in order; return (step, index) of the spikes.

        ``updated`` (same shape; holding who received a synapse) is completed to: who did, or had a potential, or fires.
        ``potential_sum`` receives the sum of all potentials at the end of each step.
        """
        steps: list[Index] = []
        indices: list[Index] = []
        for row in range(drive.shape[0]):
            if updated is not None:
                updated[row] |= self.state.potential != 0
            self._integrate(drive[row])
            fired = self._fire()
            if updated is not None:
                updated[row, fired] = True
            if potential_sum is not None:
                potential_sum[row] = self.state.potential.sum()
            if fired.size:
                steps.append(np.full(fired.size, row, dtype=np.int64))
                indices.append(fired)
        if updated is not None and self._biased:
            updated |= self._bias != 0
        if not steps:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
        return np.concatenate(steps), np.concatenate(indices)

    def _integrate(self, drive: Real) -> None:
        state, v = self.state, self.state.potential
        if self.neuron.current_decay is not None:
            drive = self._filter(drive)
        if self._scales:
            drive *= self._gain
        if self._biased:
            drive += self._bias
        if self.neuron.refractory:
            drive[state.blocked > 0] = 0.0
            np.maximum(state.blocked - 1, 0, out=state.blocked)
        if self.neuron.leak == "before":
            self._leak(v)
            v += drive
        else:
            v += drive
            self._leak(v)

    def _filter(self, drive: Real) -> Real:
        seen = self.state.current.copy() if self.neuron.current == "previous" else None
        self.state.current *= self._current_decay
        drive *= self._current_gain
        self.state.current += drive
        return self.state.current.copy() if seen is None else seen

    def _leak(self, v: Real) -> None:
        if self._leaks:
            v *= self._decay
        if self.neuron.resolution:
            np.divide(v, self.neuron.resolution, out=self._scratch)
            np.trunc(self._scratch, out=self._scratch)
            np.multiply(self._scratch, self.neuron.resolution, out=v)

    def _fire(self) -> Index:
        neuron, state = self.neuron, self.state
        if not neuron.fires:
            return state.fired[:0]
        if neuron.reset_at == "next_step":
            self._reset(state.fired)
        compare = np.greater if neuron.comparison == "strict" else np.greater_equal
        fired = np.flatnonzero(compare(state.potential, self._threshold))
        state.fired = fired
        if fired.size:
            if neuron.reset_at == "firing":
                self._reset(fired)
            if neuron.refractory:
                state.blocked[fired] = neuron.refractory
        return fired

    def _reset(self, fired: Index) -> None:
        if self.neuron.reset == "subtract":
            self.state.potential[fired] -= _pick(self._threshold, fired)
        elif self.neuron.reset == "zero":
            self.state.potential[fired] = _pick(self._reset_value, fired)


def _flat(value: Parameter, size: int, name: str) -> Parameter:
    array = np.asarray(value, dtype=np.float64)
    if array.size and np.all(array == array.flat[0]):
        return float(array.flat[0])
    if array.size != size:
        raise WorkloadError(
            f"neuron: {name} has {array.size} values for {size} neurons; give one number or one a neuron"
        )
    return array.ravel()


def _pick(value: Parameter, where: Index) -> Parameter:
    return value[where] if isinstance(value, np.ndarray) else value
