"""Tables whose columns have one kind of value each, so that they are the same after they were saved and loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_TEXT = (
    "layer",
    "element",
    "part",
    "platform_fifo",
    "memory",
    "cause",
    "fifo",
    "resource",
    "producer",
    "consumer",
    "kind",
)
"""Columns that hold text also where nothing is known."""


def tidy(table: pd.DataFrame) -> pd.DataFrame:
    """The table with columns of text or of numbers, and missing values of that kind; mixed figures become text."""
    import pandas as pd

    columns: dict[str, pd.Series[Any]] = {}
    for name in table.columns:
        column = table[name]
        if not pd.api.types.is_object_dtype(column):
            if pd.api.types.is_string_dtype(column):
                columns[name] = column.astype("string")
            continue
        known = [value for value in column if not _is_missing(value)]
        if any(isinstance(value, str) for value in known):
            columns[name] = column.map(lambda value: value if _is_missing(value) else str(value)).astype("string")
        elif not any(isinstance(value, bool) for value in known):
            columns[name] = column.astype("string" if name in _TEXT else "float64")
    return table.assign(**columns)


def _is_missing(value: object) -> bool:
    import pandas as pd

    return value is None or value is pd.NA or (isinstance(value, float) and value != value)
