"""Wirings made by the ``ncps`` package, built exactly once, and the lane-keeping circuit of Lechner et al. (2020).

``ncps`` builds an NCP in place and a second ``build()`` silently *adds* synapses (250 become 378 for the lane-keeping
circuit), which is what ``LTCCell(wiring, in_features)`` does to a wiring built before. Here a wiring is built on a
copy, and one that shows the marks of a second build is refused.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from workloads.errors import WorkloadError
from workloads.ode.wiring import Wiring

if TYPE_CHECKING:
    from collections.abc import Callable

#: ``ncps`` draws with this seed unless told otherwise.
DEFAULT_SEED = 22222
#: The seed that gives 252 distinct synapses and with them the 1,065 parameters of Lechner et al. (2020), Table 2;
#: the default seed draws two of the six recurrent synapses twice and ends at 250.
LANE_SEED = 1


def ncp(
    *,
    inputs: int,
    inter: int,
    command: int,
    motor: int,
    sensory_fanout: int,
    inter_fanout: int,
    recurrent: int,
    motor_fanin: int,
    seed: int = DEFAULT_SEED,
) -> Wiring:
    """A four-layer neural circuit policy; ``recurrent`` counts draws among the command neurons, repeats included."""

    def make(wirings: Any) -> Any:
        return wirings.NCP(inter, command, motor, sensory_fanout, inter_fanout, recurrent, motor_fanin, seed=seed)

    return _make(f"ncp-{inter}-{command}-{motor}", make, inputs)


def auto_ncp(*, inputs: int, units: int, outputs: int, sparsity: float = 0.5, seed: int = DEFAULT_SEED) -> Wiring:
    """An NCP of ``units`` neurons whose fan-outs follow from one sparsity between 0.1 and 1.0."""
    return _make(f"autoncp-{units}-{outputs}", lambda w: w.AutoNCP(units, outputs, sparsity, seed), inputs)


def fully_connected(*, inputs: int, units: int, outputs: int, seed: int = 1111) -> Wiring:
    """Every input and every neuron drives every neuron, two signs in three positive."""
    return _make(f"full-{units}", lambda w: w.FullyConnected(units, outputs, erev_init_seed=seed), inputs)


def random_wiring(*, inputs: int, units: int, outputs: int, sparsity: float, seed: int = 1111) -> Wiring:
    """A wiring whose synapses are drawn without structure, a fraction ``1 - sparsity`` of all pairs."""
    return _make(f"random-{units}", lambda w: w.Random(units, outputs, sparsity, random_seed=seed), inputs)


def lane_keeping(seed: int = LANE_SEED) -> Wiring:
    """The lane-keeping circuit: 32 inputs, 12 inter, 6 command and 1 motor neuron.

    Fan-outs 6 and 4, six recurrent synapses and motor fan-in 6 are reconstructed from the totals of Lechner et al.,
    Nature Machine Intelligence 2, 642 (2020), Table 2 (1,065 parameters) and Fig. 6.
    """
    built = ncp(
        inputs=32, inter=12, command=6, motor=1, sensory_fanout=6, inter_fanout=4, recurrent=6, motor_fanin=6, seed=seed
    )
    return Wiring("lane-keeping", built.sensory, built.internal, built.types)


def from_ncps(wiring: Any, inputs: int | None = None, name: str = "ncps") -> Wiring:
    """Take over a wiring object of the ``ncps`` package, which is left as it was.

    An unbuilt one is built on a copy and needs ``inputs``; a built one is taken as it stands. Raises
    :class:`WorkloadError` when it was built twice, or built for another number of inputs.
    """
    if wiring.is_built():
        if inputs is not None and wiring.input_dim != inputs:
            raise WorkloadError(f"wiring {name} is built for {wiring.input_dim} inputs, not {inputs}; pass it unbuilt")
        _check_built_once(name, wiring)
    elif inputs is None:
        raise WorkloadError(f"wiring {name} is not built and its number of inputs is not given; pass inputs=...")
    else:
        wiring = copy.deepcopy(wiring)
        wiring.build(inputs)
    types = tuple(wiring.get_type_of_neuron(i) for i in range(wiring.units))
    return Wiring(name, wiring.sensory_adjacency_matrix, wiring.adjacency_matrix, types)


def _make(name: str, make: Callable[[Any], Any], inputs: int) -> Wiring:
    from ncps import wirings

    if inputs < 1:
        raise WorkloadError(f"wiring {name}: inputs is {inputs}; it must be at least 1")
    try:
        return from_ncps(make(wirings), inputs, name)
    except ValueError as error:
        raise WorkloadError(f"wiring {name}: {error}") from error


def _check_built_once(name: str, wiring: Any) -> None:
    """Refuse what a single build cannot have made.

    One build gives each input exactly its fan-out, and beyond that only fills inter neurons nobody reached, each
    with the mean fan-in. A random wiring has an exact number of synapses. A full one only redraws its signs, which
    cannot be seen and changes no count.
    """
    from ncps import wirings

    matrix = np.abs(wiring.sensory_adjacency_matrix)
    found = int(matrix.sum())
    if isinstance(wiring, wirings.NCP):
        once = _ncp_sensory_is_single(wiring, matrix)
        expected = f"{wiring.input_dim} inputs x fan-out {wiring._sensory_fanout}"
    elif isinstance(wiring, wirings.Random):
        nominal = round(wiring.input_dim * wiring.units * (1 - wiring.sparsity_level))
        once, expected = found == nominal, f"exactly {nominal}"
    else:
        return
    if not once:
        raise WorkloadError(
            f"wiring {name} has {found} sensory synapses where one build makes {expected}: it was built twice, and a "
            "second build() in ncps adds synapses to the first; pass it unbuilt, with inputs=..., or give the matrices "
            "to Wiring(...) if they are meant"
        )


def _ncp_sensory_is_single(wiring: Any, matrix: Any) -> bool:
    fanout, inter = wiring._sensory_fanout, wiring._num_inter_neurons
    mean = min(max(int(wiring.input_dim * fanout / inter), 1), wiring.input_dim)
    forgotten, rest = divmod(int(matrix.sum()) - wiring.input_dim * fanout, mean)
    filled = matrix.sum(axis=0) == mean
    if rest or forgotten < 0 or forgotten > min(inter - fanout, int(filled.sum())):
        return False
    # Without the neurons that may have been filled afterwards no input can have more than its fan-out.
    drawn = matrix[:, ~filled] if forgotten else matrix
    return bool((drawn.sum(axis=1) <= fanout).all())
