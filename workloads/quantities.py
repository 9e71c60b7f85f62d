"""Times and rates as people write them ('30 Hz', '33.3 ms'), read exactly.

Platform files have the full unit table of the simulator; a workload needs only these two dimensions, and imports
nothing from the simulator.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction
from types import MappingProxyType

from workloads.errors import WorkloadError, did_you_mean

PS_PER_SECOND = 10**12
LAST_PS = 2**63 - 1
"""The last instant that 64-bit picoseconds can name."""

LAST_DAY = LAST_PS // (86400 * PS_PER_SECOND)
"""The same in whole days after the start."""

TIME_UNITS = MappingProxyType(
    {
        "ps": Fraction(1, 10**12),
        "ns": Fraction(1, 10**9),
        "us": Fraction(1, 10**6),
        "µs": Fraction(1, 10**6),
        "ms": Fraction(1, 1000),
        "s": Fraction(1),
        "min": Fraction(60),
    }
)
RATE_UNITS = MappingProxyType(
    {
        "Hz": Fraction(1),
        "kHz": Fraction(1000),
        "MHz": Fraction(10**6),
        "GHz": Fraction(10**9),
        "fps": Fraction(1),
    }
)

_QUANTITY = re.compile(r"\s*(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)\s*(?P<unit>\S*)\s*")


def parse_time(text: str, what: str) -> Fraction:
    """Seconds, exactly; ``what`` names the quantity in the error text. Negative times are refused."""
    return _parse(text, what, dict(TIME_UNITS), "10 ms")


def parse_rate(text: str, what: str) -> Fraction:
    """Events a second, exactly and above zero; a time ('33 ms') is taken as the period and turned over."""
    _, unit = _split(text, what, "30 Hz")
    if unit in TIME_UNITS:
        value = parse_time(text, what)
        rate = 1 / value if value else Fraction(0)
    else:
        rate = _parse(text, what, dict(RATE_UNITS), "30 Hz", also=dict(TIME_UNITS))
    if rate <= 0:
        raise WorkloadError(f"{what} is '{text.strip()}'; write one above zero, e.g. '30 Hz'")
    return rate


def to_ps(seconds: Fraction) -> int:
    """The nearest picosecond, halves up."""
    return math.floor(seconds * PS_PER_SECOND + Fraction(1, 2))


def _split(text: str, what: str, example: str) -> tuple[Fraction, str]:
    found = _QUANTITY.fullmatch(text)
    if found is None:
        fault = "negative" if _QUANTITY.fullmatch(text.strip().removeprefix("-")) else "no number with a unit"
        raise WorkloadError(f"{what} is '{text.strip()}', which is {fault}; write e.g. '{example}'")
    number, unit = found["number"], found["unit"]
    if "e" in number.lower() and abs(int(re.split("[eE]", number)[1])) > 30:
        raise WorkloadError(f"{what} is '{text.strip()}', which is out of all proportion; write e.g. '{example}'")
    return Fraction(number), unit


def _parse(
    text: str, what: str, units: dict[str, Fraction], example: str, also: dict[str, Fraction] | None = None
) -> Fraction:
    number, unit = _split(text, what, example)
    if not unit:
        plain = text.strip()
        raise WorkloadError(f"{what} is '{plain}', which has no unit; write e.g. '{plain} {example.split()[1]}'")
    if unit not in units:
        table = [*units, *(also or {})]
        cased = next((name for name in table if name.lower() == unit.lower()), None)
        known = f"; did you mean '{cased}'? (upper and lower case matter)" if cased else did_you_mean(unit, table)
        raise WorkloadError(f"{what} is '{text.strip()}': no unit '{unit}'{known}")
    return number * units[unit]
