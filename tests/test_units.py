"""Quantities are read exactly, from a closed table, and written so that they read back the same."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from simulator.errors import UnitError
from simulator.unit_table import BANDWIDTH, DURATION, ENERGY_PER_BIT, FREQUENCY, format_quantity, parse_quantity
from simulator.units import (
    BitCount,
    Bytes,
    ClockedBandwidth,
    ClockedDuration,
    Cycles,
    Energy,
    EnergyPerBit,
    EnergyPerMac,
    Power,
    Rate,
    Share,
    Tokens,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [("1.8 GHz", 1_800_000_000), ("921.6 MHz", 921_600_000), ("100/3 MHz", Fraction(10**8, 3)), ("1e3 kHz", 10**6)],
)
def test_frequencies_are_exact(text: str, value: Fraction) -> None:
    assert parse_quantity(text, FREQUENCY)[0] == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("90 ns", Fraction(9, 10**8)), ("0.1 ps", Fraction(1, 10**13)), ("8us", Fraction(8, 10**6)), ("0 s", 0)],
)
def test_durations_are_exact(text: str, value: Fraction) -> None:
    assert parse_quantity(text, DURATION)[0] == value


class Sample(BaseModel):
    """One field of each kind that is not plain."""

    size: Bytes = 0
    width: BitCount = 1
    cycles: Cycles = 0
    tokens: Tokens = 0
    rate: Rate | None = None
    energy: Energy | None = None
    per_bit: EnergyPerBit | None = None
    per_mac: EnergyPerMac | None = None
    power: Power | None = None
    share: Share = 1.0
    port: ClockedBandwidth | None = None
    wait: ClockedDuration | None = None


def test_each_kind_comes_in_its_base_unit() -> None:
    sample = Sample.model_validate(
        {
            "size": "36 Kibit",
            "width": "8 B",
            "cycles": "4 cycle",
            "tokens": "8 token",
            "rate": "2.5 MAC/cycle",
            "energy": "1 nJ",
            "per_bit": "32 pJ/B",
            "per_mac": "4.1 pJ/MAC",
            "power": "90 mW",
            "share": "75 %",
        }
    )
    assert (sample.size, sample.width, sample.cycles, sample.tokens) == (4608, 64, 4, 8)
    assert (sample.rate, sample.energy, sample.per_bit, sample.per_mac) == (Fraction(5, 2), 1000.0, 4.0, 4.1)
    assert (sample.power, sample.share) == (0.09, 0.75)


def test_a_width_per_cycle_becomes_a_bandwidth_with_a_clock() -> None:
    sample = Sample.model_validate({"port": "64 B/cycle", "wait": "3 cycle"})
    assert sample.port is not None
    assert sample.wait is not None
    assert sample.port.at(Fraction(10**9)) == 64 * 10**9
    assert sample.wait.at(Fraction(10**9)) == Fraction(3, 10**9)
    with pytest.raises(UnitError, match=r"^'64 B/cycle' needs a clock; give one, or write a bandwidth such as"):
        sample.port.at(None)


def test_a_value_in_seconds_needs_no_clock() -> None:
    sample = Sample.model_validate({"port": "12.8 GB/s", "wait": "90 ns"})
    assert sample.port is not None
    assert sample.wait is not None
    assert sample.port.at(None) == 12_800_000_000
    assert sample.wait.at(None) == Fraction(9, 10**8)


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (12.8, "12.8 has no unit; write e.g. '12.8 GB/s'"),
        ("12.8", "12.8 has no unit; write e.g. '12.8 GB/s'"),
        ("5 GHz", "'5 GHz' is a frequency; write a bandwidth such as '12.8 GB/s'"),
        ("2 %", "'2 %' is a share; write a bandwidth such as '12.8 GB/s'"),
        ("3 Gb/s", "unknown unit 'Gb/s'; write 'Gbit/s' for bits or 'GB/s' for bytes"),
        ("3 gb/s", "unknown unit 'gb/s'; did you mean 'GB/s'? (units are case-sensitive)"),
        ("0 GB/s", "'0 GB/s' is out of range; a bandwidth is more than 0"),
        ("fast", "'fast' is not a bandwidth; write a number and a unit such as '12.8 GB/s'"),
        ("1/0 GB/s", "'1/0 GB/s' divides by zero"),
        (None, "found nothing; write a bandwidth such as '12.8 GB/s'"),
        (True, "found true; write a bandwidth such as '12.8 GB/s'"),
        ({}, "found a map; write a bandwidth such as '12.8 GB/s'"),
    ],
)
def test_what_is_no_bandwidth_is_told_what_to_write(found: object, says: str) -> None:
    with pytest.raises(UnitError) as caught:
        parse_quantity(found, BANDWIDTH)
    assert str(caught.value) == says


def test_units_of_other_tables_are_unknown() -> None:
    """pint's own table would read these as an angle, an area, a mass and a temperature."""
    for text in ("1 rad/s", "4 Mb/s", "1 kg/s", "1 degC"):
        with pytest.raises(UnitError, match="unknown unit"):
            parse_quantity(text, BANDWIDTH)


def test_an_enormous_exponent_is_refused_at_once() -> None:
    with pytest.raises(UnitError, match="is not a frequency"):
        parse_quantity("1e999999999 GHz", FREQUENCY)


def test_a_fraction_of_a_byte_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"'1 bit' is 0\.125 B; it must be a whole number of B"):
        Sample.model_validate({"size": "1 bit"})


@pytest.mark.parametrize("share", [0, 1.5, "120 %", "-3 %"])
def test_a_share_lies_between_nothing_and_all(share: object) -> None:
    with pytest.raises(ValidationError, match="a share is more than 0"):
        Sample.model_validate({"share": share})


@pytest.mark.parametrize(
    ("found", "size"), [("1e30 MHz", "large"), ("2e9 GHz", "large"), ("1e-30 GHz", "small"), ("1e-80 Hz", "small")]
)
def test_a_figure_that_no_hardware_has_is_refused(found: str, size: str) -> None:
    with pytest.raises(UnitError) as caught:
        parse_quantity(found, FREQUENCY)
    said = f"'{found}' is out of all proportion, too {size} for a frequency; is its unit right?"
    assert str(caught.value) == said


@given(st.fractions(min_value=0, max_value=10**18, max_denominator=10**9))
def test_an_exact_value_reads_back_as_it_was_written(value: Fraction) -> None:
    assert parse_quantity(format_quantity(value, "s"), DURATION)[0] == value


@given(st.floats(min_value=0, max_value=1e18, allow_subnormal=False).filter(lambda x: x == 0 or x > 1e-17))
def test_an_energy_reads_back_as_it_was_written(value: float) -> None:
    assert float(parse_quantity(format_quantity(value, "pJ/bit"), ENERGY_PER_BIT)[0]) == value


def test_a_config_reads_back_from_its_own_json() -> None:
    sample = Sample.model_validate(
        {"size": "3 B", "rate": "1/3 MAC/cycle", "per_mac": "0.1 pJ/MAC", "port": "8 B/cycle", "share": "7 %"}
    )
    assert Sample.model_validate_json(sample.model_dump_json(exclude_none=True)) == sample
