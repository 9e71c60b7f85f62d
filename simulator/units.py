"""Quantities with units: how ``1.8 GHz`` in a platform file becomes an exact number of hertz.

The unit table is closed and case-sensitive: pint reads it on an empty registry, because its own table takes ``1 cycle``
for 2π rad and ``4 Mb`` for megabarn. Numbers are kept as fractions until the last step, so that ``921.6 MHz`` and
``90 ns`` are exact; kinds that only ever feed a sum of energies are floats.

Each kind is an annotated type for a pydantic field::

    class Config(ElementConfig):
        clock: Frequency            # Fraction, hertz
        launch: Duration            # Fraction, seconds
        energy: EnergyPerMac | None = None   # float, pJ per MAC; None is "not modelled"
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from simulator.errors import UnitError
from simulator.unit_table import (
    BANDWIDTH,
    BITS,
    BYTES,
    CYCLE_BANDWIDTH,
    CYCLES,
    DURATION,
    ENERGY,
    ENERGY_PER_BIT,
    ENERGY_PER_MAC,
    ENERGY_PER_OP,
    ENERGY_PER_SPIKE,
    ENERGY_PER_TOKEN,
    FREQUENCY,
    NUMBER,
    OP_RATE,
    POWER,
    RATE,
    SHARE,
    TOKENS,
    Kind,
    check_range,
    format_quantity,
    parse_quantity,
)

__all__ = [
    "Bandwidth",
    "BitCount",
    "Bytes",
    "ClockedBandwidth",
    "ClockedDuration",
    "Cycles",
    "DataRate",
    "Duration",
    "Energy",
    "EnergyPerBit",
    "EnergyPerMac",
    "EnergyPerOp",
    "EnergyPerSpike",
    "EnergyPerToken",
    "Frequency",
    "Kind",
    "OpRate",
    "Power",
    "Rate",
    "Share",
    "Span",
    "Tokens",
    "format_quantity",
    "parse_quantity",
]


@dataclass(frozen=True, slots=True)
class DataRate:
    """A bandwidth in bytes per second, or in bytes per cycle of a clock that the model knows."""

    amount: Fraction
    per_cycle: bool

    def at(self, clock: Fraction | None) -> Fraction:
        """Bytes per second when ``clock`` ticks that many times a second; a rate per second needs no clock."""
        return self.amount * _needed(clock, self, BANDWIDTH) if self.per_cycle else self.amount

    def __str__(self) -> str:
        return format_quantity(self.amount, "B/cycle" if self.per_cycle else "B/s")


@dataclass(frozen=True, slots=True)
class Span:
    """A duration in seconds, or in cycles of a clock that the model knows."""

    amount: Fraction
    in_cycles: bool

    def at(self, clock: Fraction | None) -> Fraction:
        """Seconds when ``clock`` ticks that many times a second; a span in seconds needs no clock."""
        return self.amount / _needed(clock, self, DURATION) if self.in_cycles else self.amount

    def __str__(self) -> str:
        return format_quantity(self.amount, "cycle" if self.in_cycles else "s")


def _needed(clock: Fraction | None, found: DataRate | Span, kind: Kind) -> Fraction:
    if clock is None:
        raise UnitError(f"'{found}' needs a clock; give one, or write {kind.article()} such as '{kind.example}'")
    return clock


def _schema(*kinds: Kind) -> WithJsonSchema:
    units = "|".join(re.escape(unit).replace("/", "\\/") for kind in kinds for unit in kind.units)
    names = " or ".join(kind.article() for kind in kinds)
    return WithJsonSchema(
        {
            "type": "string",
            "pattern": rf"^\s*{NUMBER}\s*({units})\s*$".replace("(?:", "("),
            "examples": [kind.example for kind in kinds],
            "title": names,
        }
    )


def _as_value_error(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """pydantic gathers ValueErrors, so that all faults of a file come together; ours is a plain exception."""

    def validate(found: Any) -> Any:
        try:
            return read(found)
        except UnitError as error:
            raise ValueError(str(error)) from error

    return validate


def _quantity(kind: Kind, read: Callable[[Any], Any]) -> tuple[Any, ...]:
    """The annotations of a type whose values are numbers in the base unit of ``kind``."""

    def write(value: Fraction | float) -> str:
        return format_quantity(value, kind.base)

    return kind, BeforeValidator(_as_value_error(read)), PlainSerializer(write, when_used="json"), _schema(kind)


def _exact(kind: Kind) -> tuple[Any, ...]:
    def read(found: Any) -> Fraction:
        if isinstance(found, Fraction):  # already in the base unit: a value handed over in Python
            check_range(found, found, kind)
            return found
        return parse_quantity(found, kind)[0]

    return _quantity(kind, read)


def _whole(kind: Kind) -> tuple[Any, ...]:
    def read(found: Any) -> int:
        value, _ = parse_quantity(found, kind)
        if value.denominator != 1:
            raise UnitError(
                f"'{found}' is {format_quantity(value, kind.base)}; it must be a whole number of {kind.base}"
            )
        return int(value)

    return _quantity(kind, read)


def _real(kind: Kind) -> tuple[Any, ...]:
    return _quantity(kind, lambda found: float(parse_quantity(found, kind)[0]))


def _read_rate(found: Any) -> DataRate:
    if isinstance(found, DataRate):
        return found
    value, kind = parse_quantity(found, BANDWIDTH, CYCLE_BANDWIDTH)
    return DataRate(value, kind is CYCLE_BANDWIDTH)


def _read_span(found: Any) -> Span:
    if isinstance(found, Span):
        return found
    value, kind = parse_quantity(found, DURATION, CYCLES)
    return Span(value, kind is CYCLES)


def _read_share(found: Any) -> float:
    bare = isinstance(found, int | float) and not isinstance(found, bool)
    value = Fraction(str(found)) if bare else parse_quantity(found, SHARE)[0]
    if not 0 < value <= 1:
        raise UnitError(f"'{found}' is out of range; a share is more than 0 and at most 1 (100 %)")
    check_range(value, found, SHARE)
    return float(value)


Frequency: TypeAlias = Annotated[Fraction, *_exact(FREQUENCY)]
"""Hertz, exact, more than 0."""
Duration: TypeAlias = Annotated[Fraction, *_exact(DURATION)]
"""Seconds, exact, 0 or more."""
Bandwidth: TypeAlias = Annotated[Fraction, *_exact(BANDWIDTH)]
"""Bytes per second, exact, more than 0."""
Rate: TypeAlias = Annotated[Fraction, *_exact(RATE)]
"""Multiply-accumulates per cycle, exact, more than 0."""
OpRate: TypeAlias = Annotated[Fraction, *_exact(OP_RATE)]
"""Other operations per cycle, exact, more than 0."""
Bytes: TypeAlias = Annotated[int, *_whole(BYTES)]
"""A whole number of bytes, 0 or more; ``36 Kibit`` is 4608 B."""
BitCount: TypeAlias = Annotated[int, *_whole(BITS)]
"""A whole number of bits, more than 0: the width of a port or of a token."""
Cycles: TypeAlias = Annotated[int, *_whole(CYCLES)]
"""A whole number of clock cycles, 0 or more."""
Tokens: TypeAlias = Annotated[int, *_whole(TOKENS)]
"""A whole number of tokens, 0 or more."""
Energy: TypeAlias = Annotated[float, *_real(ENERGY)]
"""Picojoules for one event."""
Power: TypeAlias = Annotated[float, *_real(POWER)]
"""Watts."""
EnergyPerMac: TypeAlias = Annotated[float, *_real(ENERGY_PER_MAC)]
"""Picojoules per multiply-accumulate."""
EnergyPerOp: TypeAlias = Annotated[float, *_real(ENERGY_PER_OP)]
"""Picojoules per other operation."""
EnergyPerBit: TypeAlias = Annotated[float, *_real(ENERGY_PER_BIT)]
"""Picojoules per bit moved; ``32 pJ/B`` is 4 pJ per bit."""
EnergyPerToken: TypeAlias = Annotated[float, *_real(ENERGY_PER_TOKEN)]
"""Picojoules per token."""
EnergyPerSpike: TypeAlias = Annotated[float, *_real(ENERGY_PER_SPIKE)]
"""Picojoules per spike."""
ClockedBandwidth: TypeAlias = Annotated[
    DataRate,
    BANDWIDTH,
    BeforeValidator(_as_value_error(_read_rate)),
    PlainSerializer(str, when_used="json"),
    _schema(BANDWIDTH, CYCLE_BANDWIDTH),
]
"""``12.8 GB/s``, or ``64 B/cycle`` where the model has a clock; ``.at(clock)`` gives bytes per second."""
ClockedDuration: TypeAlias = Annotated[
    Span,
    DURATION,
    BeforeValidator(_as_value_error(_read_span)),
    PlainSerializer(str, when_used="json"),
    _schema(DURATION, CYCLES),
]
"""``90 ns``, or ``12 cycle`` where the model has a clock; ``.at(clock)`` gives seconds."""
Share: TypeAlias = Annotated[
    float,
    SHARE,
    BeforeValidator(_as_value_error(_read_share)),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
                {"type": "string", "pattern": rf"^\s*{NUMBER}\s*%\s*$".replace("(?:", "(")},
            ],
            "examples": ["75 %", 0.75],
        }
    ),
]
"""A fraction of the whole, more than 0 and at most 1, written ``0.75`` or ``75 %``."""
