"""``extends`` takes one parent: maps merge, lists and scalars replace, null removes, and faults keep their places."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from simulator.errors import PlatformError
from simulator.platform import load_platform

Write = Callable[..., Path]
PARENT = """
    format: platform/1
    name: parent
    description: of the parent
    processing_elements:
      one: {model: 'lut_models:Lut', clock: 1 GHz, interval: 2 cycle}
      two: {model: 'lut_models:Lut', clock: 1 GHz, interval: 4 cycle, lanes: 2}
    memories:
      dram: {size: 1 GiB, bandwidth: 8 GB/s, latency: 90 ns, serves: [one, two]}
    x-note: not inherited
    """


def message(path: Path | str) -> str:
    """What loading the file says."""
    with pytest.raises(PlatformError) as caught:
        load_platform(path)
    return str(caught.value)


def test_maps_merge_and_scalars_and_lists_replace(write: Write) -> None:
    write(PARENT, "parent.yaml")
    path = write("""
        format: platform/1
        name: child
        extends: ./parent.yaml
        processing_elements:
          one: {clock: 2 GHz}
        memories:
          dram: {serves: [two]}
          sram: {size: 1 MiB, bandwidth: 64 GB/s}
        """)
    platform = load_platform(path)
    one = platform.processing_elements["one"].config
    assert one.clock == 2_000_000_000
    assert one.model_dump()["interval"] == 2
    assert platform.memories["dram"].config.serves == ("two",)
    assert platform.memories["dram"].bandwidth == 8_000_000_000
    assert list(platform.memories) == ["dram", "sram"]
    assert (platform.name, platform.description) == ("child", "")


def test_null_removes_what_the_parent_has(write: Write) -> None:
    write(PARENT, "parent.yaml")
    path = write("""
        format: platform/1
        name: child
        extends: ./parent.yaml
        processing_elements: {one: null}
        memories: {dram: {latency: null, serves: null}}
        """)
    platform = load_platform(path)
    assert list(platform.processing_elements) == ["two"]
    assert platform.memories["dram"].latency == 0
    assert platform.memories["dram"].config.serves is None


def test_null_without_anything_to_remove_is_a_fault(write: Write) -> None:
    write(PARENT, "parent.yaml")
    path = write("""
        format: platform/1
        name: child
        extends: ./parent.yaml
        memories: {dram: {banks: null}}
        """)
    assert message(path) == (
        "p.yaml: 1 problem\n"
        "  4:26  memories.dram.banks  has no value, and there is none of a parent to remove; write one"
    )


def test_a_platform_of_the_catalogue_can_be_a_parent(write: Write) -> None:
    path = write("""
        format: platform/1
        name: fast-nano
        extends: jetson-nano
        processing_elements: {gpu: {clock: 1.2 GHz}}
        """)
    parent, child = load_platform("jetson-nano"), load_platform(path)
    assert child.processing_elements["gpu"].config.clock == 1_200_000_000
    assert child.processing_elements["cpu"].config == parent.processing_elements["cpu"].config


def test_a_fault_of_the_parent_is_told_at_extends_with_its_own_place(write: Write) -> None:
    write(PARENT.replace("8 GB/s", "8"), "parent.yaml")
    path = write("format: platform/1\nname: child\nextends: ./parent.yaml\nmemories: {dram: {size: 1}}\n")
    assert message(path) == (
        "p.yaml: 2 problems\n"
        "  3:10  memories.dram.bandwidth  8 has no unit; write e.g. '8 GB/s' (in parent.yaml:8:34)\n"
        "  4:25  memories.dram.size       1 has no unit; write e.g. '1 MiB'"
    )


def test_broken_yaml_in_the_parent_names_the_parent(write: Write) -> None:
    write("format: platform/1\nname: [\n", "parent.yaml")
    path = write("format: platform/1\nname: child\nextends: ./parent.yaml\n")
    assert message(path).startswith("parent.yaml: 1 problem\n  3:1  (file)  is not valid YAML: ")


def test_a_cycle_is_named(write: Write) -> None:
    write("format: platform/1\nname: a\nextends: ./b.yaml\n", "a.yaml")
    write("format: platform/1\nname: b\nextends: ./c.yaml\n", "b.yaml")
    write("format: platform/1\nname: c\nextends: ./a.yaml\n", "c.yaml")
    assert message("a.yaml") == (
        "c.yaml: 1 problem\n"
        "  3:10  extends  makes a cycle: a.yaml -> b.yaml -> c.yaml -> a.yaml; take one 'extends' out"
    )


def test_a_file_that_extends_itself_is_a_cycle(write: Write) -> None:
    write("format: platform/1\nname: a\nextends: ./a.yaml\n", "a.yaml")
    assert message("a.yaml") == (
        "a.yaml: 1 problem\n  3:10  extends  makes a cycle: a.yaml -> a.yaml; take one 'extends' out"
    )


def test_a_long_chain_is_stopped(write: Write) -> None:
    for number in range(12):
        write(f"format: platform/1\nname: n\nextends: ./f{number + 1}.yaml\n", f"f{number}.yaml")
    chain = " -> ".join(f"f{number}.yaml" for number in range(10))
    assert message("f0.yaml") == (f"f8.yaml: 1 problem\n  3:10  extends  makes a chain of more than 8 parents: {chain}")


@pytest.mark.parametrize(
    ("extends", "says"),
    [
        ("[a, b]", "found a list; write one parent, a name or a path, as text"),
        ("./none.yaml", "no file 'none.yaml'; a path is relative to the file that extends"),
    ],
)
def test_a_parent_that_is_not_there_is_told(extends: str, says: str, write: Write) -> None:
    path = write(f"format: platform/1\nname: child\nextends: {extends}\n")
    assert message(path) == f"p.yaml: 1 problem\n  3:10  extends  {says}"


def test_an_unknown_parent_is_told_the_nearest(write: Write) -> None:
    path = write("format: platform/1\nname: child\nextends: jetson-nanno\n")
    start = "p.yaml: 1 problem\n  3:10  extends  no platform 'jetson-nanno'; did you mean 'jetson-nano'? (known: "
    assert message(path).startswith(start)


def test_a_path_is_relative_to_the_file_that_extends(write: Write) -> None:
    Path("parts").mkdir()
    write(PARENT, "parts/parent.yaml")
    write("format: platform/1\nname: child\nextends: ./parent.yaml\n", "parts/child.yaml")
    assert list(load_platform("parts/child.yaml").processing_elements) == ["one", "two"]
