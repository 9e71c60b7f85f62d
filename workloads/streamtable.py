"""The table of a stored token stream: columns of cells with their places in the file, read from CSV or Parquet.

Cells are checked column by column; every fault keeps the line (CSV) or row (Parquet) it was found in.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from workloads.errors import FileProblems, Problem, WorkloadError
from workloads.recorded import read_csv_rows

Floats = npt.NDArray[np.float64]

FORMAT = "headrace stream/1"
_SHOWN = 50


@dataclass(slots=True)
class StreamTable:
    """Cells by column as text, the file's own place of each row, and the notes that a saved stream carries.

    ``written`` is what the file calls a column that goes by another name here.
    """

    file: str
    columns: dict[str, list[str]]
    lines: list[int]
    notes: dict[str, Any]
    header_line: int = 1
    problems: list[Problem] = field(default_factory=list)
    written: dict[str, str] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.lines)

    def fault(self, row: int, column: str, message: str) -> None:
        """Note what is wrong with a cell, or with the column itself where ``row`` is -1."""
        place = list(self.columns).index(column) + 1 if column in self.columns else 0
        line = self.lines[row] if row >= 0 else self.header_line
        self.problems.append(Problem(line, place, self.written.get(column, column), message))

    def check(self) -> None:
        """Raise all faults noted so far, if any; beyond fifty they are counted only."""
        if not self.problems:
            return
        shown = sorted(self.problems)
        if len(shown) > _SHOWN:
            more = Problem(2**31, 0, "...", f"and {len(shown) - _SHOWN} more")
            raise FileProblems(self.file, [*shown[:_SHOWN], more])
        raise FileProblems(self.file, shown)

    def numbers(self, column: str, low: float, high: float, write: str) -> Floats:
        """A column as numbers, NaN where a cell is empty; faults are noted where a cell is none or lies outside."""
        cells = self.columns[column]
        filled = np.array([bool(cell) for cell in cells], dtype=np.bool_)
        values = np.full(self.rows, np.nan)
        try:
            values[filled] = np.array([cell for cell in cells if cell], dtype=np.str_).astype(np.float64)
        except ValueError:
            for row in np.flatnonzero(filled):
                values[row] = self._number(int(row), column, write)
        told = {problem.line for problem in self.problems if problem.path == self.written.get(column, column)}
        for row in np.flatnonzero(filled & ~((values >= low) & (values <= high))):
            if self.lines[row] not in told:
                self.fault(int(row), column, f"{cells[row]} is outside {_range(low, high)}; write {write}")
        return values

    def _number(self, row: int, column: str, write: str) -> float:
        try:
            return float(self.columns[column][row])
        except ValueError:
            self.fault(row, column, f"'{self.columns[column][row][:40]}' is no number; write {write}")
            return math.nan


def read_table(path: str | Path) -> StreamTable:
    """The table in a ``.csv`` or ``.parquet`` file; raises :class:`WorkloadError` where it is neither."""
    suffix = Path(path).suffix.lower()
    if suffix == ".csv":
        return _read_csv(path)
    if suffix == ".parquet":
        return _read_parquet(path)
    raise WorkloadError(f"'{path}' ends in '{suffix}'; a token stream is a .csv or .parquet file")


def write_table(
    path: str | Path, columns: Mapping[str, Sequence[Any]], kinds: Mapping[str, str], notes: Mapping[str, Any]
) -> None:
    """Write columns of 'int', 'float' or 'text' (by ``kinds``; None: an empty cell), the notes in the file's head."""
    suffix = Path(path).suffix.lower()
    head = json.dumps(notes, sort_keys=True, default=str)
    if suffix == ".csv":
        _write_csv(path, columns, head)
    elif suffix == ".parquet":
        _write_parquet(path, columns, kinds, head)
    else:
        raise WorkloadError(f"'{path}' ends in '{suffix}'; name a .csv or .parquet file")


def _read_csv(path: str | Path) -> StreamTable:
    rows = read_csv_rows(path)
    if not rows:
        raise FileProblems(
            str(path), [Problem(1, 1, "header", "the file is empty; write a header and a row for each frame and layer")]
        )
    (first, header), *body = rows
    names = [name.strip() for name in header]
    table = StreamTable(str(path), {}, [line for line, _ in body], _csv_notes(path), first)
    for line, row in body:
        if len(row) != len(names):
            message = f"{len(row)} cells, and the header names {len(names)} columns"
            table.problems.append(Problem(line, 0, "row", message))
    doubled = {name for name in names if names.count(name) > 1}
    for name in sorted(doubled):
        table.problems.append(
            Problem(first, names.index(name) + 1, name, "is named twice; keep one column of that name")
        )
    table.check()
    table.columns.update({name: [row[i].strip() for _, row in body] for i, name in enumerate(names)})
    return table


def _csv_notes(path: str | Path) -> dict[str, Any]:
    with open(path, encoding="utf-8-sig") as file:
        first = file.readline()
    mark = f"# {FORMAT} "
    if not first.startswith(mark):
        return {}
    return _notes(path, first[len(mark) :])


def _read_parquet(path: str | Path) -> StreamTable:
    import pyarrow
    import pyarrow.parquet

    try:
        data = pyarrow.parquet.read_table(path)
    except FileNotFoundError:
        raise WorkloadError(f"no file '{path}'; name a Parquet file that exists") from None
    except (OSError, pyarrow.ArrowException) as error:
        raise WorkloadError(f"'{path}' cannot be read as Parquet: {error}") from None
    metadata = data.schema.metadata or {}
    notes = _notes(path, metadata[FORMAT.encode()].decode()) if FORMAT.encode() in metadata else {}
    columns = {name: [_cell(value) for value in data.column(name).to_pylist()] for name in data.column_names}
    return StreamTable(str(path), columns, list(range(1, data.num_rows + 1)), notes)


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value) if isinstance(value, list) else str(value)


def _notes(path: str | Path, text: str) -> dict[str, Any]:
    try:
        notes = json.loads(text)
    except json.JSONDecodeError as error:
        raise WorkloadError(f"'{path}': its head is no JSON ({error}); save the stream again") from None
    if not isinstance(notes, dict):
        raise WorkloadError(f"'{path}': its head is no JSON object; save the stream again")
    return notes


def _write_csv(path: str | Path, columns: Mapping[str, Sequence[Any]], head: str) -> None:
    import csv

    with open(path, "w", newline="", encoding="utf-8") as file:
        file.write(f"# {FORMAT} {head}\n")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for row in zip(*columns.values(), strict=True):
            writer.writerow(["" if cell is None else _shortest(cell) for cell in row])


def _shortest(cell: object) -> str:
    """A float with the fewest digits that read back to the same value."""
    return repr(cell).removesuffix(".0") if isinstance(cell, float) else str(cell)


def _write_parquet(path: str | Path, columns: Mapping[str, Sequence[Any]], kinds: Mapping[str, str], head: str) -> None:
    import pyarrow
    import pyarrow.parquet

    types = {"int": pyarrow.int64(), "float": pyarrow.float64(), "text": pyarrow.string()}
    arrays = [pyarrow.array(list(values), type=types[kinds[name]]) for name, values in columns.items()]
    data = pyarrow.table(arrays, names=list(columns)).replace_schema_metadata({FORMAT: head})
    pyarrow.parquet.write_table(data, path, compression="zstd")


def _range(low: float, high: float) -> str:
    return f"{low:g} .. {high:g}" if math.isfinite(high) else f"the numbers from {low:g} up"
