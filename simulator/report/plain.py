"""Figures and tables in JSON's own types."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_COUNTS = ("macs", "cycles", "read_bytes", "write_bytes")


def plain(value: Any) -> Any:
    """A value in JSON's own types: no numpy, no NaN (None instead), whole floats as they are."""
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def records(table: pd.DataFrame, name: str) -> list[dict[str, Any]]:
    """The rows of a table with its first column called ``name``; counts that are whole are written as integers."""
    found = []
    for row in table.rename(columns={name: "name"}).astype(object).to_dict("records"):
        record = {str(key): None if _is_missing(value) else plain(value) for key, value in row.items()}
        for key in _COUNTS:
            count = record.get(key)
            if isinstance(count, float) and count.is_integer():
                record[key] = int(count)
        found.append(record)
    return found


def _is_missing(value: Any) -> bool:
    import pandas as pd

    return value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))
