"""Reading what somebody recorded: CSV rows with their line numbers, and exact arrival times out of text."""

from __future__ import annotations

import csv
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType

from workloads.errors import FileProblems, Problem, WorkloadError
from workloads.quantities import LAST_DAY, LAST_PS

RELEASE_COLUMNS = MappingProxyType(
    {
        "release_ps": 1,
        "release_ns": 10**3,
        "release_us": 10**6,
        "release_ms": 10**9,
        "release_s": 10**12,
    }
)
"""Names that a column of arrival times may have, and the picoseconds in its unit."""


def read_csv_rows(path: str | Path) -> list[tuple[int, list[str]]]:
    """The rows of a CSV file with their line numbers; empty lines and lines that begin with '#' are left out."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            return [(reader.line_num, row) for row in reader if row and not row[0].lstrip().startswith("#")]
    except FileNotFoundError:
        raise WorkloadError(f"no file '{path}'; name a CSV file that exists") from None
    except OSError as error:
        raise WorkloadError(f"'{path}' cannot be read: {(error.strerror or str(error)).lower()}") from None
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise WorkloadError(f"'{path}' is no CSV: byte 0x{byte:02x} is not UTF-8; save the file as UTF-8") from None
    except csv.Error as error:
        raise WorkloadError(f"'{path}' cannot be read as CSV: {error}") from None


def read_release_times(path: str | Path) -> list[int]:
    """Picoseconds out of a CSV with a header and a column ``release_ps``, ``_ns``, ``_us``, ``_ms`` or ``_s``.

    Other columns are ignored. A cell that is no time, is negative, falls behind the row before or lies beyond 64-bit
    picoseconds is told by line, all of them at once (:class:`FileProblems`).
    """
    rows = read_csv_rows(path)
    header = [name.strip() for name in rows[0][1]] if rows else []
    found = [name for name in header if name in RELEASE_COLUMNS]
    if len(found) != 1:
        raise FileProblems(str(path), [Problem(rows[0][0] if rows else 0, 1, "header", _column_fault(header, found))])
    column, scale = header.index(found[0]), RELEASE_COLUMNS[found[0]]
    times: list[int] = []
    problems: list[Problem] = []
    for line, row in rows[1:]:
        time, fault = release_cell(row[column] if column < len(row) else "", scale)
        if not fault and times and time < times[-1]:
            fault = f"'{row[column].strip()}' is earlier than the row before; sort the rows by arrival"
        if fault:
            problems.append(Problem(line, column + 1, found[0], fault))
        else:
            times.append(time)
    if not rows[1:]:
        problems.append(Problem(rows[0][0], 1, found[0], "no arrivals follow the header; write a row a frame"))
    if problems:
        raise FileProblems(str(path), problems)
    return times


def release_cell(cell: str, scale: int) -> tuple[int, str]:
    """The picoseconds in one cell, rounded from the exact value, and ''; or 0 and what is wrong with it."""
    text = cell.strip()
    try:
        # Fraction reads every digit, where a float would round 64-bit picoseconds; long cells and exponents are refused
        # before it spends memory on them.
        value = Fraction(text) * scale if len(text) <= 40 and not _has_huge_exponent(text) else None
    except (ValueError, ZeroDivisionError):
        value = None
    if value is None:
        return 0, f"'{text[:40]}' is no time; write a number that is not negative"
    if value < 0:
        return 0, f"'{text}' is negative; count from the start of the run"
    time = int(value + Fraction(1, 2))
    return (time, "") if time <= LAST_PS else (0, f"'{text}' is beyond the {LAST_DAY} days that a run can last")


def _has_huge_exponent(text: str) -> bool:
    _, mark, exponent = text.lower().partition("e")
    return bool(mark) and len(exponent.lstrip("+-")) > 2


def _column_fault(header: list[str], found: list[str]) -> str:
    if len(found) > 1:
        return f"{' and '.join(found)} both give the arrivals; keep one of them"
    return f"no column of arrival times in '{','.join(header)[:80]}'; name one {', '.join(RELEASE_COLUMNS)}"
