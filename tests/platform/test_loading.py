"""Loading, dumping and overriding platforms, and what a loaded platform answers."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

import platforms
from simulator.errors import PlatformError
from simulator.platform import Platform, load_platform

Write = Callable[..., Path]
TEXT = """
    # Source: nowhere.
    # Decision: none.
    format: platform/1
    name: two-luts
    description: "on: 12:30"
    processing_elements:
      one: {model: 'lut_models:Lut', clock: 1 GHz, interval: 2 cycle, memory: sram}
      two: {model: 'lut_models:Lut', clock: 100/3 MHz, interval: 4 cycle, efficiency: 0.5}
    memories:
      dram: {size: 1 GiB, bandwidth: 8 GB/s, efficiency: 75 %, energy: {access: 4 pJ/bit, read: 3 pJ/bit, idle: 60 mW}}
      sram: {size: 64 KiB, clock: 500 MHz, bandwidth: 16 B/cycle, latency: 3 cycle, serves: [one]}
    dma:
      copy: {moves: [dram, sram], channels: 2, setup: 400 ns}
    fifos:
      link: {from: one, to: two, depth: 8 token, lives_in: dram, width: 64 bit}
    x-anything: [goes, here]
    """


@pytest.fixture
def two_luts(write: Write) -> Platform:
    return load_platform(write(TEXT))


def test_every_part_has_its_exact_figures(two_luts: Platform) -> None:
    dram, sram = two_luts.memories["dram"], two_luts.memories["sram"]
    assert two_luts.processing_elements["two"].config.clock == Fraction(100_000_000, 3)
    assert (dram.size, dram.bandwidth, dram.latency) == (1 << 30, Fraction(6_000_000_000), Fraction(0))
    assert (dram.read_energy, dram.write_energy, dram.idle_power) == (3.0, 4.0, 0.06)
    assert (sram.bandwidth, sram.latency) == (Fraction(8_000_000_000), Fraction(6, 10**9))
    assert two_luts.dma["copy"].setup == Fraction(4, 10**7)
    link = two_luts.fifos["link"]
    assert (link.writer, link.reader, link.depth, link.config.width) == ("one", "two", 8, 64)


def test_energy_that_is_not_given_is_not_modelled(two_luts: Platform) -> None:
    sram = two_luts.memories["sram"]
    assert (sram.read_energy, sram.write_energy, sram.idle_power) == (None, None, None)


def test_a_memory_is_reached_by_all_unless_it_says_whom_it_serves(two_luts: Platform) -> None:
    assert [memory.name for memory in two_luts.memories_of("one")] == ["sram", "dram"]
    assert [memory.name for memory in two_luts.memories_of("two")] == ["dram"]
    assert [memory.name for memory in two_luts.common_memories("one", "two")] == ["dram"]


def test_an_unknown_element_is_told_the_nearest(two_luts: Platform) -> None:
    with pytest.raises(PlatformError) as caught:
        two_luts.memories_of("tow")
    assert str(caught.value) == (
        "platform 'two-luts' has no processing element 'tow'; did you mean 'two'? (known: one, two)"
    )


def test_the_header_and_the_source_are_kept(two_luts: Platform) -> None:
    assert two_luts.header == ("# Source: nowhere.", "# Decision: none.")
    assert two_luts.source == Path("p.yaml").read_text()


def test_load_dump_load_gives_an_equal_platform(two_luts: Platform, write: Write) -> None:
    again = load_platform(write(two_luts.dump(), "again.yaml"))
    assert again == two_luts
    assert again.dump() == two_luts.dump()
    assert again.sha256 == two_luts.sha256
    assert again.description == "on: 12:30"


@pytest.mark.parametrize("name", platforms.names())
def test_each_platform_of_the_catalogue_survives_load_dump_load(name: str, write: Write) -> None:
    platform = load_platform(name)
    assert platform.name == name
    assert load_platform(write(platform.dump(), "again.yaml")) == platform


@pytest.mark.parametrize("name", platforms.names())
def test_each_platform_of_the_catalogue_names_its_sources_and_decisions(name: str) -> None:
    header = "\n".join(load_platform(name).header)
    assert header.startswith("# yaml-language-server: $schema=./schema/platform-1.json\n")
    assert "\n# Source" in header
    assert "\n# Decisions:" in header
    assert load_platform(name).description


def test_the_digest_follows_what_a_platform_says_and_not_its_comments(two_luts: Platform, write: Write) -> None:
    same = load_platform(write(TEXT.replace("nowhere", "elsewhere"), "same.yaml"))
    other = load_platform(write(TEXT.replace("8 GB/s", "9 GB/s"), "other.yaml"))
    assert same.sha256 == two_luts.sha256
    assert same == two_luts
    assert other.sha256 != two_luts.sha256
    assert other != two_luts


def test_a_catalogue_platform_can_be_sent_to_another_process() -> None:
    platform = load_platform("jetson-nano")
    assert pickle.loads(pickle.dumps(platform)) == platform


def test_an_override_replaces_a_value(write: Write) -> None:
    path = write(TEXT)
    platform = load_platform(path, {"processing_elements.one.clock": "2.5 GHz", "memories.dram.energy.read": "null"})
    assert platform.processing_elements["one"].config.clock == 2_500_000_000
    assert platform.memories["dram"].read_energy == 4.0
    assert load_platform(write(platform.dump(), "again.yaml")) == platform


def test_an_override_may_add_a_whole_part(write: Write) -> None:
    platform = load_platform(write(TEXT), {"memories.rom": "{size: 1 MiB, bandwidth: 1 GB/s}"})
    assert platform.memories["rom"].size == 1 << 20


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("processing_elements.one.clock", "2", "2 has no unit; write e.g. '2 GHz' (given with --set)"),
        ("memories.dram.sise", "2 B", "unknown key 'sise'; did you mean 'size'? (known: "),
        ("processing_elements.on.clock", "2 GHz", "--set processing_elements.on.clock: nothing in processing_elements"),
        ("memory.dram.size", "2 B", "--set memory.dram.size: no section 'memory'; did you mean 'memories'? (known: "),
        ("clock = 3", "2 B", "--set 'clock = 3' is no path; write e.g. 'processing_elements.cpu.clock=1.2 GHz'"),
        ("memories.dram.banks", "", "--set memories.dram.banks=: there is nothing to remove; write a value"),
        ("memories.dram.banks", "[", "--set memories.dram.banks: 1 problem\n  1:2  (file)  is not valid YAML: "),
        ("fifos.link.to", "three", "no processing element 'three' (known: one, two) (given with --set)"),
    ],
)
def test_a_wrong_override_says_what_to_write(path: str, value: str, says: str, write: Write) -> None:
    file = write(TEXT)
    with pytest.raises(PlatformError) as caught:
        load_platform(file, {path: value})
    assert says in str(caught.value)
