"""Printing: one JSON object for programs, tables and figures with units for people."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

NOT_MODELLED = "not modelled"
_PREFIXES = (
    (1e12, "T"),
    (1e9, "G"),
    (1e6, "M"),
    (1e3, "k"),
    (1.0, ""),
    (1e-3, "m"),
    (1e-6, "µ"),
    (1e-9, "n"),
    (1e-12, "p"),
)


def print_json(value: Mapping[str, Any]) -> None:
    """The one object on standard output; a number that is not finite would be no JSON, so it is refused."""
    sys.stdout.write(json.dumps(value, indent=2, allow_nan=False) + "\n")


def console(least: int = 120) -> Console:
    """Standard output for people; as wide as the terminal, or ``least`` columns where there is none."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=False, width=None if sys.stdout.isatty() else least)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, text: int = 1, title: str | None = None) -> Table:
    """A plain table: the first ``text`` columns are names, the others figures that line up on the right."""
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), title=title, title_justify="left", title_style="bold")
    for position, name in enumerate(columns):
        # Text may go on in the next line; figures stay on one, since half a number is another number.
        stays = position >= text or (position == 0 and text == len(columns))
        made.add_column(name, justify="left" if position < text else "right", no_wrap=stays, overflow="fold")
    for row in rows:
        made.add_row(*row)
    return made


def si(value: float | None, unit: str, digits: int = 3) -> str:
    """A figure with the prefix that leaves one to three digits before the point (``12.3 ms``); a dash for none."""
    if value is None or not math.isfinite(value):
        return "-"
    if value == 0:
        return f"0 {unit}".rstrip()
    scale, prefix = next((each for each in _PREFIXES if abs(value) >= each[0] * (1 - 0.5 * 10**-digits)), _PREFIXES[-1])
    return f"{_rounded(value / scale, digits)} {prefix}{unit}".rstrip()


def percent(share: float | None) -> str:
    """A share as a percentage; an empty cell where it rounds to nothing."""
    if share is None or not math.isfinite(share):
        return "-"
    return f"{share * 100:.0f} %" if share >= 0.005 else "·"


def size(value: float | None) -> str:
    """Bytes in binary units: ``4 MiB``."""
    if value is None or not math.isfinite(value):
        return "-"
    for scale, name in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if value >= scale:
            return f"{_rounded(value / scale, 3)} {name}"
    return f"{value:g} B"


def shape(extents: Sequence[int]) -> str:
    """A shape as people write it: ``3x224x224``."""
    return "x".join(str(extent) for extent in extents)


def _rounded(value: float, digits: int) -> str:
    """So many significant digits, no exponent, no superfluous zeros."""
    whole = len(str(int(abs(value))))
    text = f"{value:.{max(digits - whole, 0)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
