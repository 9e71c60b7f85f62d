"""Reading the tables of ``tests/reference`` that transforms are compared with."""

from __future__ import annotations

import csv
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "reference"


def rows(folder: str, name: str) -> list[dict[str, str]]:
    """The rows of one table."""
    with (FOLDER / folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
