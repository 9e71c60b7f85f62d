"""Measured times out of a CSV file, and a platform file out of what was fitted to them.

A row is a run of a network, or of one of its layers. ``network`` and one of ``latency_ms`` (of a batch) and
``throughput_fps`` (with one batch after another) are needed; ``element``, ``layer``, ``batch``, ``cores`` and
``precision`` say what they say in a mapping, and may be left out or empty::

    network,element,cores,latency_ms
    squeezenet-1.1,cpu,1,73.4
    mobilenet-v1,cpu,4,60.7
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from simulator.calibration import Calibration, Measurement
from simulator.elements.precision import parse_precision
from simulator.errors import FileProblems, Problem, UserError, did_you_mean
from simulator.platform import Platform
from workloads.loading import load_network
from workloads.network import Network
from workloads.recorded import read_csv_rows

__all__ = ["platform_text", "read_measurements"]

_COLUMNS = ("network", "latency_ms", "throughput_fps", "element", "layer", "batch", "cores", "precision")
_TIMES = ("latency_ms", "throughput_fps")
_LARGEST_COUNT = 10**6


def read_measurements(path: str | Path, platform: Platform) -> list[Measurement]:
    """The rows of a file; raises :class:`FileProblems` with every fault of every row."""
    rows = read_csv_rows(path)
    header = [name.strip() for name in rows[0][1]] if rows else []
    problems = [
        Problem(rows[0][0] if rows else 1, column + 1, name, f"no such column{did_you_mean(name, _COLUMNS)}")
        for column, name in enumerate(header)
        if name not in _COLUMNS
    ]
    line = rows[0][0] if rows else 1
    times = [name for name in _TIMES if name in header]
    if "network" not in header:
        problems.append(Problem(line, 1, "header", "has no column 'network'; begin e.g. 'network,latency_ms'"))
    if len(times) != 1:
        found = "both" if times else "neither"
        problems.append(Problem(line, 1, "header", f"has {found} of latency_ms and throughput_fps; give one of them"))
    if problems:
        raise FileProblems(str(path), problems)
    reader = _Reader(str(path), header, platform)
    found_rows = [reader.read(number, cells) for number, cells in rows[1:]]
    if not rows[1:]:
        reader.problems.append(Problem(line, 1, "header", "no measurements follow it; write a row a run"))
    if reader.problems:
        raise FileProblems(str(path), reader.problems)
    return [row for row in found_rows if row is not None]


class _Reader:
    """Reads rows and gathers what is wrong with them; each network is loaded once."""

    def __init__(self, shown: str, header: list[str], platform: Platform) -> None:
        self.shown, self.header, self.platform = shown, header, platform
        self.problems: list[Problem] = []
        self.networks: dict[str, Network | None] = {}
        self.line = 0

    def read(self, line: int, cells: list[str]) -> Measurement | None:
        """A row as a measurement; None, with its faults noted, where it has any."""
        self.line, before = line, len(self.problems)
        row = {name: cells[i].strip() if i < len(cells) else "" for i, name in enumerate(self.header)}
        if len(cells) > len(self.header):
            self._fault(self.header[-1], f"{len(cells)} cells under {len(self.header)} columns; take the rest out")
        network = self._network(row["network"])
        batch = self._count(row, "batch") or 1
        time = self._positive(row, "latency_ms" if "latency_ms" in row else "throughput_fps")
        cores, element = self._count(row, "cores"), self._element(row.get("element", ""))
        precision, layer = self._precision(row.get("precision", "")), self._layer(row.get("layer", ""), network)
        if len(self.problems) > before or network is None:
            return None
        seconds = time / 1e3 if "latency_ms" in row else batch / time
        return Measurement(network, seconds, element, layer, batch, cores, precision, f"{self.shown}:{line}: ")

    def _fault(self, column: str, message: str) -> None:
        self.problems.append(Problem(self.line, self.header.index(column) + 1, column, message))

    def _network(self, name: str) -> Network | None:
        if not name:
            self._fault("network", "is empty; write a name of the zoo or a path")
            return None
        if name not in self.networks:
            try:
                self.networks[name] = load_network(name)
            except UserError as error:
                self._fault("network", str(error))
                self.networks[name] = None
        elif self.networks[name] is None:
            self._fault("network", f"'{name}' cannot be loaded, see above")
        return self.networks[name]

    def _positive(self, row: Mapping[str, str], column: str) -> float:
        try:
            value = float(row[column])
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and value > 0):
            self._fault(column, f"'{row[column]}' is no positive number")
            return 1.0
        return value

    def _count(self, row: Mapping[str, str], column: str) -> int | None:
        text = row.get(column, "")
        if not text:
            return None
        if not text.isdecimal() or not 1 <= int(text) <= _LARGEST_COUNT:
            self._fault(column, f"'{text}' is no count; write a whole number from 1")
            return None
        return int(text)

    def _element(self, name: str) -> str | None:
        elements = self.platform.processing_elements
        if name and name not in elements:
            self._fault("element", f"no element '{name}' on '{self.platform.name}'{did_you_mean(name, elements)}")
        return name or (next(iter(elements)) if len(elements) == 1 else None)

    def _precision(self, text: str) -> str | None:
        if text:
            try:
                parse_precision(text)
            except UserError as error:
                self._fault("precision", str(error))
        return text or None

    def _layer(self, name: str, network: Network | None) -> str | None:
        if name and network is not None:
            groups = [group.name for group in network.groups()]
            if name not in groups:
                self._fault("layer", f"'{network.name}' runs no layer '{name}'{did_you_mean(name, groups)}")
        return name or None


def platform_text(
    calibration: Calibration, parent: str | Path, out: Path, source: str, settings: Mapping[str, str] | None = None
) -> str:
    """A platform file that extends ``parent`` with ``settings`` and the fitted values.

    ``source`` names what they were fitted to.
    """
    tree: dict[str, Any] = {}
    for path, value in {**(settings or {}), **calibration.values}.items():
        *sections, key = path.split(".")
        place = tree
        for section in sections:
            place = place.setdefault(section, {})
        place[key] = value
    count = len(calibration.measurements)
    lines = [
        f"# {calibration.platform}, fitted to {count} measured times in {source}.",
        f"# Mean error of the rows that were fitted: {100 * calibration.mean_error:.1f} %.",
    ]
    left_out = calibration.left_out_error
    if left_out is not None:
        lines.append(f"# Mean error of each row when the fit did not see it: {100 * left_out:.1f} %.")
    lines += ["format: platform/1", f"name: {out.stem}", f"extends: {_reference(parent, out)}", *_nested(tree, 0)]
    return "\n".join(lines) + "\n"


def _reference(parent: str | Path, out: Path) -> str:
    """How the new file names its parent: by name in the catalogue, else by the path from its own folder."""
    text = str(parent)
    if not (text.endswith((".yaml", ".yml")) or "/" in text):
        return text
    relative = os.path.relpath(Path(parent).resolve(), out.resolve().parent)
    return relative if "/" in relative else f"./{relative}"


def _nested(tree: Mapping[str, Any], depth: int) -> list[str]:
    lines: list[str] = []
    for key, value in tree.items():
        indent = "  " * depth
        if isinstance(value, Mapping):
            lines += [f"{indent}{key}:", *_nested(value, depth + 1)]
        else:
            lines.append(f"{indent}{key}: {value}")
    return lines
