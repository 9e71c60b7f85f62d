"""A recurrent cell as it is deployed: which wiring, which solver, dense or sparse; its work a token and its layer.

The layer carries its wiring as text, so a network is complete without a file beside it, and its fingerprint changes
with a single synapse.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

import numpy as np
import numpy.typing as npt

from workloads.errors import WorkloadError, did_you_mean
from workloads.ode.multirate import Rates
from workloads.ode.operations import (
    DEFAULT_UNFOLDS,
    MACS_PER_SYNAPSE,
    Operations,
    library_parameters,
    ltc_derivative_operations,
    ltc_operations,
    ltc_sensory_operations,
    solver_operations,
    synapse_evaluations,
    wired_cfc_operations,
    wired_cfc_parameters,
)
from workloads.ode.solvers import STAGES, TABLEAU_WEIGHTS, check_tolerances
from workloads.ode.wiring import Wiring

Solver = Literal["fused", "euler", "rk4", "rk45", "cfc"]
Form = Literal["dense", "sparse"]
Floats = npt.NDArray[np.float64]

SOLVERS: tuple[str, ...] = get_args(Solver)
FORMS: tuple[str, ...] = get_args(Form)

#: Dormand-Prince 5(4): 20 non-zero weights of the stages (the last row is the new state) and 6 of the error estimate.
_RK45_WEIGHTS, _RK45_STAGES = 26, 6

#: Kernels an eager library launches for its elementwise graph. One unfold of the LTC in ``ncps``
#: (``torch/ltc_cell.py``): six on pairs of neurons, two sums, and ten on vectors; the sensory part has eight, c_m /
#: dt one, the affine maps four. A layer of the wired CfC (``torch/cfc_cell.py``): a concatenation, two masked
#: weights, four products, and nine on vectors.
_KERNELS = {"unfold": 18, "sensory": 13, "cfc": 16}


@dataclass(frozen=True)
class Cell:
    """A wiring with the solver that steps it.

    ``steps`` are the unfolds of the fused solver or the fixed steps a token; an adaptive solver (``rk45``) chooses
    its own and keeps to ``rtol`` and ``atol``, and ``cfc`` takes one pass. ``form`` dense evaluates every pair and
    masks it, as the libraries do with elementwise kernels; sparse evaluates the synapses of the wiring, three
    multiply-accumulates and a sigmoid each, as compiled code or a circuit does.
    """

    wiring: Wiring
    solver: Solver = "fused"
    steps: int = DEFAULT_UNFOLDS
    form: Form = "dense"
    rtol: float = 1e-3
    atol: float = 1e-6

    def __post_init__(self) -> None:
        if self.solver not in SOLVERS:
            raise WorkloadError(f"no solver '{self.solver}'{did_you_mean(self.solver, SOLVERS)}")
        if self.form not in FORMS:
            raise WorkloadError(f"no form '{self.form}' of a cell{did_you_mean(self.form, FORMS)}")
        if self.steps < 1:
            raise WorkloadError(f"a cell of {self.steps} steps a token; it takes at least one")
        check_tolerances(self.rtol, self.atol)

    @property
    def is_adaptive(self) -> bool:
        """Whether the work of a token depends on what the sensor sees."""
        return self.solver == "rk45"

    @property
    def is_dense(self) -> bool:
        """Whether absent synapses are computed too."""
        return self.form == "dense"

    def evaluations(self) -> int:
        """Right-hand sides a token, one after the other; for an adaptive solver those of two attempted steps."""
        if self.solver == "rk45":
            return 2 + 6 * 2
        if self.solver == "cfc":
            return len(self.wiring.layers())
        return self.steps * STAGES.get(self.solver, 1)

    def operations(self, evaluations: int | None = None) -> Operations:
        """One token; an adaptive solver's depend on the ``evaluations`` it took (2 + 6 an attempted step)."""
        count = self.evaluations() if evaluations is None else evaluations
        if self.solver == "cfc":
            return wired_cfc_operations(self.wiring, dense=self.is_dense)
        synapses = synapse_evaluations(self.wiring, count, dense=self.is_dense)
        if self.solver == "fused":
            total = ltc_operations(self.wiring, count, dense=self.is_dense)
        else:
            once = ltc_sensory_operations(self.wiring, dense=self.is_dense)
            total = once + count * ltc_derivative_operations(self.wiring, dense=self.is_dense)
            total += self._vector_operations(count)
        return total if self.is_dense else total.fused(synapses)

    def kernels(self, evaluations: int | None = None) -> int:
        """Kernels that a library launches for one token, one after the other; compiled code is one."""
        if not self.is_dense:
            return 1
        count = self.evaluations() if evaluations is None else evaluations
        if self.solver == "cfc":
            return _KERNELS["cfc"] * count
        return _KERNELS["sensory"] + _KERNELS["unfold"] * count

    def _vector_operations(self, evaluations: int) -> Operations:
        """What a Runge-Kutta method does to the state beside the right-hand sides."""
        neurons = self.wiring.neurons
        if self.solver != "rk45":
            return solver_operations(neurons, self.steps, STAGES[self.solver], weights=TABLEAU_WEIGHTS[self.solver])
        attempts = (evaluations - 2) // 6
        steps = solver_operations(neurons, attempts, _RK45_STAGES, weights=_RK45_WEIGHTS)
        # Error norm: scale by the tolerances, divide, square and sum.
        norm = Operations(multiply=2 * neurons, add=neurons, divide=neurons, sum_inputs=neurons)
        return steps + attempts * norm

    def attributes(self) -> dict[str, Any]:
        """What a layer must carry to be this cell."""
        kind = "cfc" if self.solver == "cfc" else "ltc"
        found: dict[str, Any] = {"cell": kind, "wiring": self.wiring.to_text(), "form": self.form}
        if kind == "ltc":
            found |= {"solver": self.solver, "steps": self.steps}
        if self.is_adaptive:
            found |= {"rtol": self.rtol, "atol": self.atol}
        return found

    @classmethod
    def from_attributes(cls, name: str, attributes: Mapping[str, Any]) -> Cell:
        """The cell of a layer; raises :class:`WorkloadError` where its wiring is missing."""
        if "wiring" not in attributes:
            raise WorkloadError(
                f"layer '{name}': a {attributes.get('cell')} cell needs a wiring; add it with add_cell()"
            )
        solver: Any = "cfc" if attributes["cell"] == "cfc" else attributes.get("solver", "fused")
        return cls(
            Wiring.from_text(str(attributes["wiring"]), name),
            solver,
            int(attributes.get("steps", DEFAULT_UNFOLDS)),
            attributes.get("form", "dense"),
            float(attributes.get("rtol", 1e-3)),
            float(attributes.get("atol", 1e-6)),
        )

    @property
    def parameters(self) -> int:
        """Numbers that define the cell: four a synapse and three a neuron of an LTC, the unmasked weights of a CfC."""
        return wired_cfc_parameters(self.wiring, dense=False) if self.solver == "cfc" else self.wiring.parameters

    @property
    def stored_parameters(self) -> int:
        """Numbers kept in memory: the dense matrices and masks of the library, or what the wiring needs."""
        if not self.is_dense:
            return self.parameters
        return wired_cfc_parameters(self.wiring) if self.solver == "cfc" else library_parameters(self.wiring)


class _Builder(Protocol):
    """What :func:`add_cell` asks of a :class:`workloads.builder.NetworkBuilder`, which rests on this module."""

    def add_layer(
        self, kind: str, inputs: tuple[str, ...], name: str | None = None, *,
        out_channels: int | None = None, attributes: Mapping[str, Any] | None = None, **fields: Any,
    ) -> str: ...  # fmt: skip


def add_cell(builder: _Builder, x: str, cell: Cell, name: str | None = None) -> str:
    """Add a cell behind layer ``x`` of a network being built; its output are the motor neurons."""
    return builder.add_layer(
        "recurrent", (x,), name, out_channels=cell.wiring.outputs, bias=False, attributes=cell.attributes()
    )


#: Names of the operations as layers and elements count them.
LAYER_OPS = {
    "sigmoid": "sigmoid",
    "tanh": "tanh",
    "exp": "exp",
    "multiply": "mul",
    "add": "add",
    "subtract": "add",
    "sum_inputs": "add",
    "divide": "div",
}


def layer_ops(operations: Operations) -> dict[str, int]:
    """The operations that are no multiply-accumulates, under the names of the layer tables; sums count as additions."""
    found: dict[str, int] = {}
    for kind, count in operations.by_kind().items():
        if kind != "mac":
            found[LAYER_OPS[kind]] = found.get(LAYER_OPS[kind], 0) + count
    return found


def multirate_operations(cell: Cell, rates: Rates, tokens: int) -> tuple[Operations, ...]:
    """The work of each of the first ``tokens`` tokens where neurons step at rates of their own, sparse and fused."""
    wiring = cell.wiring
    synapses = rates.synapse_evaluations(wiring, tokens)
    due = [rates.due(token) for token in range(tokens)]
    steps = [(int(rates.unfolds[moving].sum()), int(moving.sum())) for moving in due]
    mapped = wiring.inputs + wiring.outputs
    return tuple(
        Operations(
            sigmoid=int(s),
            mac=MACS_PER_SYNAPSE * int(s),
            multiply=mapped + 2 * taken,
            add=mapped + 7 * taken,
            divide=moving + taken,
        )
        for s, (taken, moving) in zip(synapses, steps, strict=True)
    )


def work_arrays(counted: Sequence[Operations]) -> tuple[Floats, dict[str, Floats]]:
    """Multiply-accumulates and other operations by kind, one entry a token."""
    by_kind = [layer_ops(operations) for operations in counted]
    kinds = sorted({kind for ops in by_kind for kind in ops})
    macs = np.array([float(operations.mac) for operations in counted])
    return macs, {kind: np.array([float(ops.get(kind, 0)) for ops in by_kind]) for kind in kinds}
