"""Read a SCALE-Sim topology: one convolution, or one matrix product, a row, each on its own.

A convolution has the columns layer name, input height, input width, filter height, filter width, channels, number of
filters and stride; a matrix product has layer name, M, N and K. Either may end with a sparsity such as ``2:4``. The
input of a convolution is given with its padding, and its output extent is ``ceil((h - fh + s) / s)`` (SCALE-Sim 3.0,
``topology_utils.py``), which rounds up where a stride does not divide.
"""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from pathlib import Path

from workloads.errors import FileProblems, Problem
from workloads.inference import infer
from workloads.layers import Layer
from workloads.network import Network

_CONV = ("ifmap height", "ifmap width", "filter height", "filter width", "channels", "num filter", "strides")
_PRODUCT = ("M", "N", "K")


def read_topology(path: str | Path) -> Network:
    """The topology at ``path``, called after the file; layers do not feed each other.

    Faults (a column that is missing, not a number, below 1, a filter larger than its input, a name given twice) raise
    :class:`FileProblems`, every row's at once.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise FileProblems(str(path), [Problem(0, 0, "file", "is not text; give a topology CSV")]) from None
    problems: list[Problem] = []
    layers: dict[str, Layer] = {}
    rows = csv.reader(text.splitlines())
    columns = _columns(next(rows, []))
    for row in rows:
        cells = [cell.strip() for cell in row]
        while cells and not cells[-1]:
            cells.pop()
        if not cells:
            continue
        read = _Row(cells, columns, rows.line_num)
        if cells[0] in layers:
            read.fault(0, cells[0], "is named twice; write another name")
        problems += read.problems
        if not read.problems:
            for layer in read.layers():
                layers[layer.name] = layer
    if not layers and not problems:
        problems.append(Problem(0, 0, "file", "has no layers; write one row each under the header line"))
    if problems:
        raise FileProblems(str(path), problems)
    return Network(path.stem, layers)


def _columns(header: list[str]) -> tuple[str, ...]:
    names = [cell.strip().upper() for cell in header]
    return _PRODUCT if names[1:4] == list(_PRODUCT) else _CONV


class _Row:
    """One line of a topology: its figures, or its faults."""

    def __init__(self, cells: list[str], columns: tuple[str, ...], line: int) -> None:
        self.name = cells[0]
        self.columns = columns
        self.line = line
        self.problems: list[Problem] = []
        self.density = 1.0
        figures = cells[1:]
        if figures and ":" in figures[-1]:
            self._sparsity(figures.pop(), len(cells))
        self.numbers: list[int] = []
        if not self.name:
            self.fault(0, "layer name", "is empty")
        elif len(figures) != len(columns):
            wanted = f"{len(columns) + 1}: layer name, {', '.join(columns)}"
            self.fault(0, self.name, f"has {len(figures) + 1} columns; write {wanted}")
        else:
            self._figures(figures)

    def fault(self, place: int, path: str, message: str) -> None:
        self.problems.append(Problem(self.line, place + 1, path, message))

    def _sparsity(self, text: str, place: int) -> None:
        found = re.fullmatch(r"(\d+):(\d+)", text)
        if found is None or not 1 <= int(found[1]) <= int(found[2]):
            self.fault(place - 1, f"{self.name}.sparsity", f"'{text}' is not kept:of; write e.g. 2:4")
        else:
            self.density = int(found[1]) / int(found[2])

    def _figures(self, figures: list[str]) -> None:
        for place, (column, cell) in enumerate(zip(self.columns, figures, strict=True), start=1):
            if not re.fullmatch(r"-?\d+", cell):
                self.fault(place, f"{self.name}.{column}", f"'{cell}' is not a whole number")
            elif int(cell) < 1:
                self.fault(place, f"{self.name}.{column}", f"is {cell}; write at least 1")
            else:
                self.numbers.append(int(cell))
        if self.problems or self.columns is not _CONV:
            return
        for place, side in ((0, "height"), (1, "width")):
            if self.numbers[place + 2] > self.numbers[place]:
                text = f"is {self.numbers[place + 2]}, larger than the input's {self.numbers[place]}"
                self.fault(place + 3, f"{self.name}.filter {side}", text)

    def layers(self) -> tuple[Layer, Layer]:
        """The layer with an input of its own."""
        frame, layer = self._product() if self.columns is _PRODUCT else self._conv()
        return frame, replace(layer, weight_density=self.density)

    def _product(self) -> tuple[Layer, Layer]:
        rows, columns, depth = self.numbers
        frame = infer(Layer(f"{self.name}.input", "input", (), (), (rows, depth)))
        return frame, infer(Layer(self.name, "dense", (frame.name,), (frame.out_shape,), ()), columns)

    def _conv(self) -> tuple[Layer, Layer]:
        height, width, down, across, channels, filters, stride = self.numbers
        frame = infer(Layer(f"{self.name}.input", "input", (), (), (channels, height, width)))
        # The last window may hang over the edge by the pixels that the stride leaves: padding below and to the right.
        over = (-(height - down) % stride, -(width - across) % stride)
        draft = Layer(
            self.name, "conv", (frame.name,), (frame.out_shape,), (), kernel=(down, across), stride=(stride, stride),
            pad=(0, 0, *over),
        )  # fmt: skip
        return frame, infer(draft, filters)
