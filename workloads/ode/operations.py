"""How many operations of each kind one step of a recurrent cell takes, dense as libraries compute it or sparse.

The libraries evaluate every pair of neurons and multiply by a mask; a circuit or an event-driven core evaluates the
synapses there are. Counts follow the operations of ``ncps`` 1.0.1 (``torch/ltc_cell.py``, ``torch/cfc_cell.py``) one by
one. The cells are those of Hasani et al., AAAI 2021 (LTC) and Nature Machine Intelligence 4, 992 (2022) (CfC).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

from workloads.errors import WorkloadError
from workloads.ode.wiring import Wiring

#: Solver steps the ``ncps`` LTC cell takes inside one step of the network.
DEFAULT_UNFOLDS = 6

#: A synapse on hardware: sigma * (v - mu) with mu folded in, and one accumulation each into the numerator and the
#: denominator of the fused step, beside one sigmoid.
MACS_PER_SYNAPSE = 3

CFC_MODES = ("default", "no_gate", "pure")


@dataclass(frozen=True, slots=True)
class Operations:
    """Scalar operations by kind.

    ``sum_inputs`` counts the operands of reductions (a sum of n numbers has n), ``add`` the additions outside of them,
    ``mac`` the multiply-accumulates of matrix products (not counted again under ``multiply`` and ``add``).
    """

    sigmoid: int = 0
    tanh: int = 0
    exp: int = 0
    multiply: int = 0
    add: int = 0
    subtract: int = 0
    sum_inputs: int = 0
    divide: int = 0
    mac: int = 0

    def __add__(self, other: Operations) -> Operations:
        return Operations(*(a + b for (_, a), (_, b) in zip(self, other, strict=True)))

    def __mul__(self, times: int) -> Operations:
        return Operations(*(times * count for _, count in self))

    __rmul__ = __mul__

    def __iter__(self) -> Iterator[tuple[str, int]]:
        """Pairs of kind and count, every kind, in a fixed order."""
        return ((f.name, getattr(self, f.name)) for f in fields(self))

    def by_kind(self) -> dict[str, int]:
        """The kinds that occur, with their counts."""
        return {kind: count for kind, count in self if count}

    def fused(self, synapses: int) -> Operations:
        """The same with the arithmetic of ``synapses`` synapse evaluations as three multiply-accumulates each.

        That is how compiled code and hardware compute a synapse: sigma v - sigma mu, and one accumulation each into the
        numerator and the denominator of the step. The count must be that of a sparse cell, without masks.
        """
        return Operations(
            sigmoid=self.sigmoid,
            tanh=self.tanh,
            exp=self.exp,
            multiply=self.multiply - 3 * synapses,
            add=self.add,
            subtract=self.subtract - synapses,
            sum_inputs=self.sum_inputs - 2 * synapses,
            divide=self.divide,
            mac=self.mac + MACS_PER_SYNAPSE * synapses,
        )

    @property
    def transcendental(self) -> int:
        """Sigmoid, tanh and exp together: what a lookup table or a special-function unit serves."""
        return self.sigmoid + self.tanh + self.exp

    @property
    def arithmetic(self) -> int:
        """Every operation that is no transcendental function; a multiply-accumulate counts as two."""
        return self.multiply + self.add + self.subtract + self.sum_inputs + self.divide + 2 * self.mac


def synapse_evaluations(wiring: Wiring, unfolds: int = DEFAULT_UNFOLDS, *, dense: bool = False) -> int:
    """Synapses evaluated in one step: the sensory ones once (the input is held), the internal ones every unfold."""
    _check_unfolds(unfolds)
    sensory, internal = _pairs(wiring, dense)
    return sensory + unfolds * internal


def ltc_operations(wiring: Wiring, unfolds: int = DEFAULT_UNFOLDS, *, dense: bool = True) -> Operations:
    """One step of the LTC cell of ``ncps`` with its fused solver.

    Dense is what the library computes: every pair, then times the mask. Sparse evaluates the synapses of the wiring and
    needs no mask, which saves one multiplication a synapse too.
    """
    _check_unfolds(unfolds)
    sensory, internal = _pairs(wiring, dense)
    pairs = sensory + unfolds * internal
    neuron_steps = unfolds * wiring.neurons
    mapped = wiring.inputs + wiring.outputs  # affine maps of inputs and outputs, one multiply and one add each
    return Operations(
        sigmoid=pairs,
        subtract=pairs,
        multiply=mapped + (4 if dense else 3) * pairs + 2 * neuron_steps,
        sum_inputs=2 * pairs,
        add=mapped + 7 * neuron_steps,
        divide=wiring.neurons + neuron_steps,
    )


def ltc_derivative_operations(wiring: Wiring, *, dense: bool = True) -> Operations:
    """One evaluation of the right-hand side of the conductance LTC, which is what a non-fused solver repeats.

    dv/dt = (g (v_leak - v) + sum w s E - v sum w s) / c_m. The sensory sums are held over a token and are counted by
    :func:`ltc_sensory_operations`.
    """
    _, internal = _pairs(wiring, dense)
    count = wiring.neurons
    return Operations(
        sigmoid=internal,
        subtract=internal + 2 * count,
        multiply=(4 if dense else 3) * internal + 2 * count,
        sum_inputs=2 * internal,
        add=3 * count,
        divide=count,
    )


def ltc_sensory_operations(wiring: Wiring, *, dense: bool = True) -> Operations:
    """What the LTC does once a token whatever the solver: the sensory sums and the affine maps of input and output."""
    sensory, _ = _pairs(wiring, dense)
    mapped = wiring.inputs + wiring.outputs
    return Operations(
        sigmoid=sensory,
        subtract=sensory,
        multiply=mapped + (4 if dense else 3) * sensory,
        sum_inputs=2 * sensory,
        add=mapped,
    )


def solver_operations(neurons: int, steps: int, stages: int, *, weights: int) -> Operations:
    """Vector arithmetic of ``steps`` explicit Runge-Kutta steps beside the evaluations of the right-hand side.

    ``weights`` counts the non-zero entries of the tableau (Euler 1, RK4 7): each is one multiply-accumulate a neuron,
    and every stage but the first scales by the step once more.
    """
    return Operations(mac=neurons * steps * weights, multiply=neurons * steps * stages)


def wired_cfc_operations(wiring: Wiring, *, dense: bool = True, mode: str = "default") -> Operations:
    """One step of the wired closed-form cell: one small CfC per layer of the wiring, fed by the layer before.

    Sparse skips the masked entries of the two heads; the time gates have no mask in ``ncps`` and stay dense. Within a
    layer the state is fully connected, whatever the recurrent synapses of the wiring say.
    """
    _check_mode(mode)
    total = Operations()
    for width, masked, full in _cfc_layers(wiring, dense):
        total += _cfc_heads(width, masked, full, mode)
    return total


def cfc_operations(
    inputs: int, neurons: int, backbone: int = 128, *, layers: int = 1, mode: str = "default"
) -> Operations:
    """One step of the closed-form cell behind a dense backbone: ``layers`` layers of ``backbone`` LeCun-tanh units."""
    _check_mode(mode)
    if min(inputs, neurons, backbone) < 1 or layers < 0:
        raise WorkloadError(
            f"a CfC of {inputs} inputs, {neurons} neurons and {layers} backbone layers of {backbone} units cannot be; "
            "all must be at least 1, layers at least 0"
        )
    if layers == 0:
        full = (inputs + neurons) * neurons
        return _cfc_heads(neurons, full, full, mode)
    units = layers * backbone
    # LeCun tanh is 1.7159 tanh(0.666 x): two multiplications beside the tanh.
    body = Operations(tanh=units, multiply=2 * units, mac=(inputs + neurons + (layers - 1) * backbone) * backbone)
    return body + _cfc_heads(neurons, backbone * neurons, backbone * neurons, mode)


def cfc_parameters(inputs: int, neurons: int, backbone: int = 128, *, layers: int = 1) -> int:
    """Parameters of the closed-form cell in its default mode, biases included."""
    if layers == 0:
        return 4 * (inputs + neurons + 1) * neurons
    body = (inputs + neurons + 1) * backbone + (layers - 1) * (backbone + 1) * backbone
    return body + 4 * (backbone + 1) * neurons


def wired_cfc_parameters(wiring: Wiring, *, dense: bool = True) -> int:
    """Weights and biases of the wired closed-form cell in its default mode; sparse leaves out the masked ones."""
    return sum(2 * masked + 2 * full + 4 * width for width, masked, full in _cfc_layers(wiring, dense))


def library_parameters(wiring: Wiring) -> int:
    """Numbers the ``ncps`` LTC cell allocates, its masks included: five dense matrices and eight vectors' worth."""
    pairs = (wiring.inputs + wiring.neurons) * wiring.neurons
    return 5 * pairs + 3 * wiring.neurons + 2 * (wiring.inputs + wiring.outputs)


def library_trainable_parameters(wiring: Wiring) -> int:
    """Numbers the ``ncps`` LTC cell trains: as allocated, without the two masks."""
    return library_parameters(wiring) - (wiring.inputs + wiring.neurons) * wiring.neurons


def _cfc_layers(wiring: Wiring, dense: bool) -> Iterator[tuple[int, int, int]]:
    """Of each layer of a wired CfC: its neurons, the entries of a head that are computed, and all entries of a
    matrix.
    """
    before = None
    for ids in wiring.layers():
        block = wiring.sensory[:, ids] if before is None else wiring.internal[before][:, ids]
        width = len(ids)
        full = (block.shape[0] + width) * width
        yield width, full if dense else int((block != 0).sum()) + width * width, full
        before = ids


def _cfc_heads(width: int, masked: int, full: int, mode: str) -> Operations:
    """The heads of one CfC; biases start the accumulators and cost nothing beside the MACs."""
    if mode == "pure":
        # -A exp(-t (|w_tau| + |ff1|)) ff1 + A, the absolute values being sign bits
        return Operations(exp=width, multiply=3 * width, add=2 * width, mac=masked)
    gates = Operations(tanh=2 * width, sigmoid=width, multiply=width, add=width, mac=2 * masked + 2 * full)
    if mode == "no_gate":
        return gates + Operations(multiply=width, add=width)
    return gates + Operations(multiply=2 * width, add=width, subtract=width)


def _pairs(wiring: Wiring, dense: bool) -> tuple[int, int]:
    if dense:
        return wiring.inputs * wiring.neurons, wiring.neurons**2
    return wiring.sensory_synapses, wiring.internal_synapses


def _check_unfolds(unfolds: int) -> None:
    if unfolds < 1:
        raise WorkloadError(f"{unfolds} unfolds; the solver takes at least one step a token")


def _check_mode(mode: str) -> None:
    if mode not in CFC_MODES:
        raise WorkloadError(f"'{mode}' is no CfC mode (known: {', '.join(CFC_MODES)})")
