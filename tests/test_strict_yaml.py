"""YAML reads as people mean it, and what is dumped reads back the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.errors import FileProblems
from simulator.strict_yaml import Mark, dump_yaml, format_path, read_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e9", 1e9),
        ("1.5e-3", 1.5e-3),
        (".5", 0.5),
        ("010", 10),
        ("-3", -3),
        ("on", "on"),
        ("no", "no"),
        ("12:30", "12:30"),
        ("2024-01-02", "2024-01-02"),
        ("1_000", "1_000"),
        ("0x1F", "0x1F"),
        (".inf", ".inf"),
        ("true", True),
        ("~", None),
        ("'5'", "5"),
    ],
)
def test_scalars_follow_the_core_schema(text: str, value: object) -> None:
    found = read_yaml(f"key: {text}\n", "f.yaml").plain()["key"]
    assert found == value
    assert type(found) is type(value)


def test_keys_are_text_as_they_are_written() -> None:
    assert read_yaml("8: a\non: b\n~: c\n", "f.yaml").plain() == {"8": "a", "on": "b", "~": "c"}


def test_every_value_and_key_has_its_place() -> None:
    root = read_yaml("a:\n  b: [1, two]\n", "f.yaml")
    node, path = root.locate(("a", "b", 1))
    assert (node.mark, format_path(path)) == (Mark("f.yaml", 2, 10), "a.b[1]")
    assert root.children["a"].key_mark == Mark("f.yaml", 1, 1)


def test_a_path_that_leads_nowhere_stops_at_the_deepest_thing_there() -> None:
    root = read_yaml("a: {b: 1}\n", "f.yaml")
    node, path = root.locate(("a", "c", "d"))
    assert (node.plain(), path) == ({"b": 1}, ("a",))


def test_an_alias_stands_for_its_value() -> None:
    assert read_yaml("a: &x {b: 1}\nc: *x\n", "f.yaml").plain() == {"a": {"b": 1}, "c": {"b": 1}}


def test_all_duplicate_keys_are_told_at_once() -> None:
    with pytest.raises(FileProblems) as caught:
        read_yaml("a: 1\na: 2\nb: {c: 1, c: 2}\n", "f.yaml")
    assert str(caught.value) == (
        "f.yaml: 2 problems\n"
        "  2:1   a    the key 'a' is given twice; first in line 1\n"
        "  3:11  b.c  the key 'c' is given twice; first in line 3"
    )


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=12) | st.sampled_from(
    ["1e9", "on", "12:30", "null", "~", "true", "", "1", "-.5", "<<", "a: b", "# c", "- d", "*e", "&f", "!g"]
)
SCALARS = TEXTS | st.booleans() | st.none() | st.integers(-(10**15), 10**15) | st.floats(-1e100, 1e100)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=8
)


@given(st.dictionaries(TEXTS, VALUES, max_size=4))
def test_what_is_dumped_reads_back_the_same(data: dict[str, object]) -> None:
    again = read_yaml(dump_yaml(data), "f.yaml").plain()
    assert again == (data or {})
    assert repr(again) == repr(data)
