"""Wirings as CSV, one row a synapse: ``kind,src,dst,polarity`` and, if wanted, ``src_type,dst_type``."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from workloads.errors import FileProblems, Problem, did_you_mean
from workloads.ode.wiring import NEURON_TYPES, Wiring

_REQUIRED = ("kind", "src", "dst", "polarity")
_TYPED = ("src_type", "dst_type")
_KINDS = ("sensory", "internal")
#: A wiring larger than this is a mistake in the file: the matrices are dense (neurons x neurons bytes).
_MOST = 65_536


def write_wiring(wiring: Wiring, path: str | Path) -> None:
    """Write a wiring as CSV; :func:`read_wiring` gives it back, if its last input and its last neuron have synapses."""
    Path(path).write_text(format_wiring(wiring), encoding="utf-8", newline="")


def format_wiring(wiring: Wiring) -> str:
    """The CSV text of a wiring, sensory synapses first, by source and target."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(_REQUIRED + _TYPED)
    for synapse in wiring.list_synapses():
        rows.writerow((*synapse, wiring.type_of_source(synapse), wiring.types[synapse.target]))
    return out.getvalue()


def read_wiring(
    path: str | Path, *, inputs: int | None = None, neurons: int | None = None, outputs: int | None = None
) -> Wiring:
    """Read a wiring from CSV.

    ``inputs`` and ``neurons`` are needed only when the last ones have no synapse. Without the type columns the first
    ``outputs`` neurons (1 unless given) are motor and the others inter. Raises :class:`FileProblems` with every faulty
    row at once.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise FileProblems(str(path), [Problem(0, 0, "file", f"cannot be read as UTF-8 text: {reason}")]) from error
    reader = _Reader(str(path), inputs, neurons, outputs)
    reader.read(text)
    return reader.wiring(file.stem)


@dataclass
class _Reader:
    """Rows of one file, their faults, and where each synapse and each neuron's type was first seen."""

    path: str
    inputs: int | None
    neurons: int | None
    outputs: int | None
    problems: list[Problem] = field(default_factory=list)
    seen: dict[tuple[str, int, int], int] = field(default_factory=dict)
    polarity: dict[tuple[str, int, int], int] = field(default_factory=dict)
    types: dict[int, tuple[str, int]] = field(default_factory=dict)
    typed: bool = False

    def read(self, text: str) -> None:
        lines = text.splitlines()
        names = [n.strip() for n in lines[0].split(",")] if lines else []
        if not self._header(names):
            raise FileProblems(self.path, self.problems)
        for number, line in enumerate(lines[1:], start=2):
            if line.strip():
                self._row(number, names, line.split(","))

    def _header(self, names: list[str]) -> bool:
        known = _REQUIRED + _TYPED
        column = 1
        for name in names:
            if name not in known:
                self._fault(1, column, "header", f"unknown column '{name}'{did_you_mean(name, known)}")
            elif names.count(name) > 1:
                self._fault(1, column, "header", f"column '{name}' stands {names.count(name)} times; once is allowed")
            column += len(name) + 1
        missing = [name for name in _REQUIRED if name not in names]
        half = [name for name in _TYPED if name in names]
        if missing:
            self._fault(1, 1, "header", f"no column {', '.join(missing)}; the first line is '{','.join(_REQUIRED)}'")
        if len(half) == 1:
            self._fault(1, 1, "header", f"only {half[0]} is given; give both of {', '.join(_TYPED)} or neither")
        self.typed = len(half) == len(_TYPED)
        return not self.problems

    def _row(self, line: int, names: list[str], cells: list[str]) -> None:
        if len(cells) != len(names):
            self._fault(line, 1, "row", f"{len(cells)} cells, the header has {len(names)}: {','.join(names)}")
            return
        starts = np.cumsum([1, *(len(c) + 1 for c in cells)]).tolist()
        at = {name: starts[i] for i, name in enumerate(names)}
        cell = {name: cells[i].strip() for i, name in enumerate(names)}
        before = len(self.problems)
        if cell["kind"] not in _KINDS:
            hint = did_you_mean(cell["kind"], _KINDS)
            self._fault(line, at["kind"], "kind", f"'{cell['kind']}' is no kind of synapse{hint}")
        # What an unknown kind counts is unknown too: one fault, not three that follow from it.
        source_most = {"sensory": self.inputs, "internal": self.neurons}.get(cell["kind"])
        source_label = "inputs" if cell["kind"] == "sensory" else "neurons"
        source = self._index(line, at["src"], "src", cell["src"], source_most, source_label)
        target = self._index(line, at["dst"], "dst", cell["dst"], self.neurons, "neurons")
        if cell["polarity"] not in ("1", "+1", "-1"):
            self._fault(line, at["polarity"], "polarity", f"'{cell['polarity']}' is not +1 or -1")
        if self.typed and cell["kind"] in _KINDS and source is not None and target is not None:
            self._types(line, at, cell, source, target)
        if len(self.problems) == before and source is not None and target is not None:
            self._synapse(line, (cell["kind"], source, target), int(cell["polarity"]))

    def _index(self, line: int, column: int, name: str, text: str, most: int | None, label: str) -> int | None:
        if not (text.isascii() and text.isdigit()):
            self._fault(line, column, name, f"'{text}' is not an index; indices are integers from 0")
            return None
        value = int(text)
        if most is not None and value >= most:
            self._fault(line, column, name, f"{value} is beyond the {most} {label}; allowed are 0 to {most - 1}")
            return None
        if value >= _MOST:
            self._fault(line, column, name, f"{value} is more than a wiring can have; allowed are 0 to {_MOST - 1}")
            return None
        return value

    def _types(self, line: int, at: dict[str, int], cell: dict[str, str], source: int, target: int) -> None:
        if cell["kind"] == "sensory":
            if cell["src_type"] != "sensory":
                found = cell["src_type"]
                self._fault(line, at["src_type"], "src_type", f"'{found}': a sensory synapse comes from 'sensory'")
        else:
            self._type(line, at["src_type"], "src_type", source, cell["src_type"])
        self._type(line, at["dst_type"], "dst_type", target, cell["dst_type"])

    def _type(self, line: int, column: int, name: str, neuron: int, found: str) -> None:
        if found not in NEURON_TYPES:
            self._fault(line, column, name, f"'{found}' is no type of neuron{did_you_mean(found, NEURON_TYPES)}")
            return
        known, first = self.types.setdefault(neuron, (found, line))
        if known != found:
            self._fault(line, column, name, f"neuron {neuron} is '{found}' here but '{known}' in line {first}")

    def _synapse(self, line: int, key: tuple[str, int, int], polarity: int) -> None:
        first = self.seen.setdefault(key, line)
        if first != line:
            self._fault(
                line, 1, "row", f"{key[0]} synapse {key[1]} -> {key[2]} stands in line {first} too; give it once"
            )
        self.polarity[key] = polarity

    def _fault(self, line: int, column: int, path: str, message: str) -> None:
        self.problems.append(Problem(line, column, path, message))

    def wiring(self, name: str) -> Wiring:
        """The wiring of the rows read; raises :class:`FileProblems` when any was faulty."""
        keys = list(self.polarity)
        if not keys and not self.problems:
            self._fault(0, 0, "file", "holds no synapse; write one row for each, e.g. 'sensory,0,3,1'")
        neurons = self.neurons or 1 + max((max(k[2], k[1] if k[0] == "internal" else 0) for k in keys), default=0)
        inputs = self.inputs or 1 + max((k[1] for k in keys if k[0] == "sensory"), default=0)
        types = self._all_types(neurons)
        if self.problems:
            raise FileProblems(self.path, self.problems)
        sensory = np.zeros((inputs, neurons), dtype=np.int8)
        internal = np.zeros((neurons, neurons), dtype=np.int8)
        for kind, source, target in keys:
            matrix = sensory if kind == "sensory" else internal
            matrix[source, target] = self.polarity[kind, source, target]
        return Wiring(name, sensory, internal, types)

    def _all_types(self, neurons: int) -> tuple[str, ...]:
        if not self.typed:
            outputs = self.outputs or 1
            if outputs > neurons:
                self._fault(0, 0, "outputs", f"{outputs} outputs, but the file has {neurons} neurons")
            return ("motor",) * min(outputs, neurons) + ("inter",) * (neurons - outputs)
        types = tuple(self.types.get(i, ("inter", 0))[0] for i in range(neurons))
        motors = types.count("motor")
        if not self.problems and (not motors or set(types[:motors]) != {"motor"}):
            self._fault(
                0, 0, "types", "the neurons of the lowest ids, and no others, must be 'motor': they are the output"
            )
        if not self.problems and self.outputs is not None and self.outputs != motors:
            self._fault(0, 0, "outputs", f"{self.outputs} outputs asked for, but the file marks {motors} motor neurons")
        return types
