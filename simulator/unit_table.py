"""The closed table of units, and the exact reading and writing of a number with its unit.

:mod:`simulator.units` has the types that configs use; this module knows only kinds, numbers and text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

from simulator.errors import UnitError, did_you_mean

_SI = {"f": -15, "p": -12, "n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12}
_BINARY = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30}

# What each base unit may be scaled by; the whole table of names follows from it.
_SCALES: dict[str, tuple[str, ...]] = {
    "s": ("", "m", "u", "n", "p"),
    "Hz": ("", "k", "M", "G"),
    "bit": ("", "k", "M", "G", "Ki", "Mi", "Gi"),
    "B": ("", "k", "M", "G", "T", "Ki", "Mi", "Gi"),
    "J": ("", "m", "u", "n", "p", "f"),
    "W": ("", "k", "m", "u", "n"),
    "MAC": ("", "G", "T"),
    "op": ("", "G", "T"),
    "cycle": ("",),
    "token": ("",),
    "spike": ("",),
    "%": ("",),
}
_BASES = {  # in pint's notation; a name in brackets is a dimension of its own
    "s": "[time]",
    "Hz": "1 / s",
    "bit": "[data]",
    "B": "8 * bit",
    "J": "[energy]",
    "W": "J / s",
    "MAC": "[mac]",
    "op": "[op]",
    "cycle": "[cycle]",
    "token": "[token]",
    "spike": "[spike]",
}

NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,2})?(?:/\d+)?"
_QUANTITY = re.compile(rf"(?P<number>{NUMBER})\s*(?P<unit>(?![eE][+-]?\d)[A-Za-zµ%].*)?", re.ASCII)
_LONGEST = 80  # characters: no quantity needs more, and a longer one is a mistake or an attack
_DECADES = 18  # no figure of hardware is so many powers of ten above or below its base unit


@cache
def _registry() -> Any:
    """pint's parser and dimensions over the closed table and nothing else; built when the first unit is read."""
    import pint  # slow to import, and not wanted for `headrace --help`

    registry: Any = pint.UnitRegistry(None, non_int_type=Fraction, case_sensitive=True)
    for base, meaning in _BASES.items():
        registry.define(f"{base} = {meaning}")
        for scale in _SCALES[base]:
            if scale:
                factor = _BINARY.get(scale) or Fraction(10) ** _SI[scale]
                numerator, denominator = Fraction(factor).as_integer_ratio()
                registry.define(f"{scale}{base} = {numerator} / {denominator} * {base}")
    return registry


def _names(base: str) -> tuple[str, ...]:
    return tuple(scale + base for scale in _SCALES[base])


_KNOWN = frozenset(name for base in _SCALES for name in _names(base))


@cache
def _factor(unit: str, base: str) -> Fraction | None:
    """How many ``base`` are in one ``unit``; None where the two measure different things."""
    if unit == "%" or base == "1":
        return Fraction(1, 100) if (unit, base) == ("%", "1") else None
    registry = _registry()
    one = registry.Quantity(Fraction(1), registry.parse_units(unit))
    if not one.check(registry.parse_units(base).dimensionality):
        return None
    return Fraction(one.to(base).magnitude)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of quantity: its name in messages, the base unit of its values and the units it is written in.

    ``lowest`` is the smallest value allowed, and itself allowed only where ``includes_lowest``.
    """

    name: str
    base: str
    example: str
    units: tuple[str, ...]
    includes_lowest: bool = True
    lowest: int = 0

    @property
    def example_unit(self) -> str:
        return self.example.split(" ", 1)[1]

    def article(self) -> str:
        return f"{'an' if self.name[0] in 'aeiou' else 'a'} {self.name}"


def _ratios(above: str, below: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{name}/{each}" for each in below for name in _names(above))


FREQUENCY = Kind("frequency", "Hz", "1.8 GHz", _names("Hz"), includes_lowest=False)
DURATION = Kind("duration", "s", "90 ns", _names("s"))
CYCLES = Kind("number of cycles", "cycle", "4 cycle", _names("cycle"))
BYTES = Kind("size", "B", "4 MiB", _names("B") + _names("bit"))
BITS = Kind("width", "bit", "64 bit", _names("bit") + _names("B"), includes_lowest=False)
BANDWIDTH = Kind("bandwidth", "B/s", "12.8 GB/s", _ratios("B", ("s",)) + _ratios("bit", ("s",)), False)
CYCLE_BANDWIDTH = Kind("width per cycle", "B/cycle", "64 B/cycle", ("B/cycle", "bit/cycle"), includes_lowest=False)
RATE = Kind("rate of MACs", "MAC/cycle", "32 MAC/cycle", ("MAC/cycle",), includes_lowest=False)
OP_RATE = Kind("rate of operations", "op/cycle", "16 op/cycle", ("op/cycle",), includes_lowest=False)
TOKENS = Kind("number of tokens", "token", "8 token", ("token",))
ENERGY = Kind("energy", "pJ", "4.1 pJ", _names("J"))
POWER = Kind("power", "W", "90 mW", _names("W"))
ENERGY_PER_MAC = Kind("energy per MAC", "pJ/MAC", "4.1 pJ/MAC", _ratios("J", ("MAC",)))
ENERGY_PER_OP = Kind("energy per operation", "pJ/op", "0.9 pJ/op", _ratios("J", ("op",)))
ENERGY_PER_BIT = Kind("energy per bit", "pJ/bit", "4 pJ/bit", _ratios("J", ("bit", "B")))
ENERGY_PER_TOKEN = Kind("energy per token", "pJ/token", "20 pJ/token", _ratios("J", ("token",)))
ENERGY_PER_SPIKE = Kind("energy per spike", "pJ/spike", "23 pJ/spike", _ratios("J", ("spike",)))
SHARE = Kind("share", "1", "75 %", ("%",), includes_lowest=False)

_KINDS = (
    *(FREQUENCY, DURATION, CYCLES, BYTES, BANDWIDTH, CYCLE_BANDWIDTH, RATE, OP_RATE, TOKENS, ENERGY, POWER),
    *(ENERGY_PER_MAC, ENERGY_PER_OP, ENERGY_PER_BIT, ENERGY_PER_TOKEN, ENERGY_PER_SPIKE, SHARE),
)


def parse_quantity(found: object, *kinds: Kind) -> tuple[Fraction, Kind]:
    """The exact value of ``found`` in the base unit of the first of ``kinds`` that its unit measures, and that kind.

    Raises :class:`UnitError` for a bare number, an unknown unit, a unit of another kind or a value out of range; the
    text says what to write instead.
    """
    wanted = kinds[0]
    number, unit = _split(found, wanted)
    _check_unit(unit, kinds)
    for kind in kinds:
        factor = _factor(unit, kind.base)
        if factor is not None:
            value = number * factor
            check_range(value, found, kind)
            return value, kind
    other = next((f"{kind.article()}" for kind in _KINDS if _factor(unit, kind.base) is not None), "something else")
    needed = " or ".join(f"{kind.article()} such as '{kind.example}'" for kind in kinds)
    raise UnitError(f"'{found}' is {other}; write {needed}")


def _split(found: object, wanted: Kind) -> tuple[Fraction, str]:
    """The number and the unit as they are written."""
    if isinstance(found, bool) or not isinstance(found, int | float | str):
        raise UnitError(f"found {describe(found)}; write {wanted.article()} such as '{wanted.example}'")
    text = str(found).strip()
    match = _QUANTITY.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        shown = text if len(text) <= _LONGEST else text[:_LONGEST] + "..."
        raise UnitError(f"'{shown}' is not {wanted.article()}; write a number and a unit such as '{wanted.example}'")
    if match["unit"] is None:
        raise UnitError(f"{text} has no unit; write e.g. '{text} {wanted.example_unit}'")
    number, _, denominator = match["number"].partition("/")
    if denominator and not int(denominator):
        raise UnitError(f"'{text}' divides by zero")
    return Fraction(number) / int(denominator or 1), match["unit"].strip()


def _check_unit(unit: str, kinds: tuple[Kind, ...]) -> None:
    parts = unit.split("/")
    if len(parts) <= 2 and all(part in _KNOWN for part in parts) and not ("%" in parts and len(parts) > 1):
        return
    known = [name for kind in kinds for name in kind.units]
    if (bits := re.sub(r"b\b", "bit", unit)) in known and (octets := re.sub(r"b\b", "B", unit)) in known:
        raise UnitError(f"unknown unit '{unit}'; write '{bits}' for bits or '{octets}' for bytes")
    same = next((name for name in known if name.casefold() == unit.casefold()), None)
    if same is not None:  # a wrong capital is a nearer miss than any wrong letter
        raise UnitError(f"unknown unit '{unit}'; did you mean '{same}'? (units are case-sensitive)")
    raise UnitError(f"unknown unit '{unit}'{did_you_mean(unit, known)}")


def check_range(value: Fraction, found: object, kind: Kind) -> None:
    """Raise :class:`UnitError` where ``value``, written as ``found``, is smaller than its kind allows, or so large or
    small that only a wrong unit can be meant."""
    if value < kind.lowest or (value == kind.lowest and not kind.includes_lowest):
        bound = f"{kind.lowest} or more" if kind.includes_lowest else f"more than {kind.lowest}"
        raise UnitError(f"'{found}' is out of range; {kind.article()} is {bound}")
    if value and not Fraction(1, 10**_DECADES) <= value <= 10**_DECADES:
        size = "large" if value > 1 else "small"
        raise UnitError(f"'{found}' is out of all proportion, too {size} for {kind.article()}; is its unit right?")


def describe(found: object) -> str:
    """What a YAML value is, in the words of a message: ``a list``, ``a map``, ``nothing``, ``'text'`` or ``12.8``."""
    if found is None:
        return "nothing"
    if isinstance(found, bool):
        return str(found).lower()
    if isinstance(found, dict):
        return "a map"
    if isinstance(found, list | tuple):
        return "a list"
    return f"'{found}'" if isinstance(found, str) else str(found)


def format_quantity(value: Fraction | float | int, unit: str) -> str:
    """``value`` and its unit as a platform file writes them, exactly: a decimal where there is one, else a fraction."""
    if isinstance(value, float):
        return f"{value!r} {unit}"
    exact = Fraction(value)
    rest = exact.denominator
    twos, fives = 0, 0
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    digits = max(twos, fives)
    if rest != 1:
        return f"{exact.numerator}/{exact.denominator} {unit}"
    if digits == 0:
        return f"{exact.numerator} {unit}"
    scaled = abs(exact.numerator) * 10**digits // exact.denominator
    sign = "-" if exact < 0 else ""
    return f"{sign}{scaled // 10**digits}.{scaled % 10**digits:0{digits}d} {unit}"
