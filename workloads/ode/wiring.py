"""Who is connected to whom in a recurrent cell: the adjacency of a neural circuit policy, with signs.

A wiring is what a sparse implementation must compute and what a dense one masks. Neuron ids follow the ``ncps``
package: motor neurons first (they are the outputs), then command, then inter neurons.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from workloads.errors import WorkloadError

#: The layers of a neural circuit policy, in the order of their neuron ids.
NEURON_TYPES = ("motor", "command", "inter")

#: Parameters of one synapse (weight, mu, sigma, reversal potential) and of one neuron (capacitance, leak conductance,
#: leak potential): Lechner et al., Nature Machine Intelligence 2, 642 (2020), Methods.
PARAMETERS_PER_SYNAPSE, PARAMETERS_PER_NEURON = 4, 3


_SIGNS = {1: "+", -1: "-", 0: "."}


class Synapse(NamedTuple):
    """One signed connection; ``source`` is an input if ``kind`` is ``sensory``, a neuron if it is ``internal``."""

    kind: str
    source: int
    target: int
    polarity: int


@dataclass(frozen=True, eq=False)
class Wiring:
    """A signed adjacency: ``sensory`` is inputs x neurons, ``internal`` neurons x neurons, entries -1, 0 or +1.

    ``types`` names each neuron's layer. Raises :class:`WorkloadError` where shapes, signs or types do not fit together.
    """

    name: str
    sensory: npt.NDArray[np.int8]
    internal: npt.NDArray[np.int8]
    types: tuple[str, ...]

    def __post_init__(self) -> None:
        _check(self.name, self.sensory, self.internal, self.types)
        for field in ("sensory", "internal"):
            matrix = np.array(getattr(self, field), dtype=np.int8)
            matrix.setflags(write=False)
            object.__setattr__(self, field, matrix)

    def __eq__(self, other: object) -> bool:
        """Equal wirings connect the same neurons with the same signs, whatever they are called."""
        if not isinstance(other, Wiring):
            return NotImplemented
        return (
            self.types == other.types
            and np.array_equal(self.sensory, other.sensory)
            and np.array_equal(self.internal, other.internal)
        )

    def __hash__(self) -> int:
        return hash((self.types, self.sensory.tobytes(), self.internal.tobytes()))

    @property
    def inputs(self) -> int:
        """Sensory inputs."""
        return int(self.sensory.shape[0])

    @property
    def neurons(self) -> int:
        """Neurons, which is also the length of the state."""
        return len(self.types)

    @property
    def outputs(self) -> int:
        """Motor neurons: the first so many of the state are the output."""
        return self.types.count("motor")

    @property
    def sensory_synapses(self) -> int:
        """Distinct synapses from an input."""
        return int(np.count_nonzero(self.sensory))

    @property
    def internal_synapses(self) -> int:
        """Distinct synapses between neurons."""
        return int(np.count_nonzero(self.internal))

    @property
    def synapses(self) -> int:
        """All distinct synapses; a pair drawn twice counts once."""
        return self.sensory_synapses + self.internal_synapses

    @property
    def excitatory(self) -> int:
        """Synapses of polarity +1."""
        return int((self.sensory > 0).sum() + (self.internal > 0).sum())

    @property
    def parameters(self) -> int:
        """What a sparse circuit must store: four numbers a synapse, three a neuron."""
        return PARAMETERS_PER_SYNAPSE * self.synapses + PARAMETERS_PER_NEURON * self.neurons

    def neurons_of(self, kind: str) -> npt.NDArray[np.int64]:
        """The ids of the neurons of one layer, ascending."""
        return np.flatnonzero(np.array(self.types) == kind)

    def between(self, source: str, target: str) -> int:
        """Synapses from the neurons of one layer to those of another (or the same)."""
        block = self.internal[np.ix_(self.neurons_of(source), self.neurons_of(target))]
        return int(np.count_nonzero(block))

    def layers(self) -> tuple[npt.NDArray[np.int64], ...]:
        """Neuron ids layer by layer, as a signal passes them: inter, command, motor; empty layers left out."""
        found = (self.neurons_of(kind) for kind in reversed(NEURON_TYPES))
        return tuple(ids for ids in found if ids.size)

    def list_synapses(self) -> Iterator[Synapse]:
        """Every synapse: the sensory ones first, each kind by source and then by target."""
        for kind, matrix in (("sensory", self.sensory), ("internal", self.internal)):
            for source, target in np.argwhere(matrix).tolist():
                yield Synapse(kind, source, target, int(matrix[source, target]))

    def to_text(self) -> str:
        """The wiring as one short line: types, sensory rows and internal rows, one character a neuron.

        ``m``, ``c`` and ``i`` are the types; ``+``, ``-`` and ``.`` an excitatory, an inhibitory and no synapse.
        """
        rows = ["".join(_SIGNS[int(sign)] for sign in row) for row in (*self.sensory, *self.internal)]
        return " ".join(["".join(kind[0] for kind in self.types), *rows])

    @classmethod
    def from_text(cls, text: str, name: str = "wiring") -> Wiring:
        """The wiring that :meth:`to_text` wrote; raises :class:`WorkloadError` where it is none."""
        first, *rows = text.split()
        count, letters = len(first), {kind[0]: kind for kind in NEURON_TYPES}
        if set(first) - set(letters) or any(len(row) != count or set(row) - set("+-.") for row in rows):
            raise WorkloadError(
                f"wiring {name}: '{text[:40]}...' is no wiring; write types (m, c, i) and rows of +, - and . as "
                "Wiring.to_text() does"
            )
        signs = np.array([["-.+".index(sign) - 1 for sign in row] for row in rows], dtype=np.int8).reshape(-1, count)
        return cls(name, signs[:-count], signs[-count:], tuple(letters[letter] for letter in first))

    def type_of_source(self, synapse: Synapse) -> str:
        """The layer a synapse comes from; ``sensory`` for an input."""
        return "sensory" if synapse.kind == "sensory" else self.types[synapse.source]


def _check(name: str, sensory: npt.NDArray[np.int8], internal: npt.NDArray[np.int8], types: tuple[str, ...]) -> None:
    count = len(types)
    if np.ndim(internal) != 2 or np.shape(internal) != (count, count):
        raise WorkloadError(
            f"wiring {name}: the internal adjacency has shape {np.shape(internal)}, but {count} neurons have types; "
            f"it must be {count} x {count}"
        )
    if np.ndim(sensory) != 2 or np.shape(sensory)[1] != count or np.shape(sensory)[0] < 1:
        raise WorkloadError(
            f"wiring {name}: the sensory adjacency has shape {np.shape(sensory)}; "
            f"it must be inputs x {count}, with at least one input"
        )
    for label, matrix in (("sensory", sensory), ("internal", internal)):
        odd = np.argwhere(~np.isin(matrix, (-1, 0, 1)))
        if odd.size:
            source, target = odd[0].tolist()
            raise WorkloadError(
                f"wiring {name}: {label} synapse {source} -> {target} has polarity {matrix[source, target]}; "
                "a synapse is +1 or -1, and 0 means none"
            )
    unknown = sorted(set(types) - set(NEURON_TYPES))
    if unknown:
        raise WorkloadError(f"wiring {name}: unknown neuron type '{unknown[0]}' (known: {', '.join(NEURON_TYPES)})")
    if "motor" not in types:
        raise WorkloadError(f"wiring {name}: no neuron is 'motor', so the cell has no output; mark at least one")
    if any(kind != "motor" for kind in types[: types.count("motor")]):
        raise WorkloadError(
            f"wiring {name}: motor neurons must have the lowest ids, because the first {types.count('motor')} "
            "of the state are the output"
        )
