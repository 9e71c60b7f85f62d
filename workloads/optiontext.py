"""Options as text on the command line: ``name:option=value,option=value`` cut apart and read as a signature says."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def split_options(text: str) -> list[str]:
    """Parts between the commas that stand outside brackets."""
    parts, depth, start = [], 0, 0
    for i, char in enumerate(text):
        depth += (char in "[{") - (char in "]}")
        if char == "," and depth == 0:
            parts.append(text[start:i])
            start = i + 1
    parts.append(text[start:])
    return [part for part in parts if part.strip()]


def alternatives(hint: Any) -> tuple[Any, ...]:
    """The types that a hint allows, in the order in which a text is tried on them."""
    members = typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
    # A text alternative takes everything, so it is tried last.
    return tuple(sorted(members, key=lambda kind: kind in (str, Path)))


def read_as(kind: Any, text: str) -> Any:
    """The text as one kind; None where it is none of that kind."""
    origin = typing.get_origin(kind)
    if kind is bool:
        return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}.get(text.lower())
    if origin is typing.Literal:
        return next((value for value in typing.get_args(kind) if str(value) == text), None)
    if kind in (int, float, str, Path):
        try:
            return kind(text)
        except ValueError:
            return None
    if text[:1] in ("[", "{"):
        try:
            value = json.loads(text)
        except json.JSONDecodeError:
            return _collection(kind, text)
        return tuple(value) if origin is tuple else value
    return None


def _collection(kind: Any, text: str) -> Any:
    """A list ``[a,b]`` or a table ``{name=value,name=value}`` without the quotation marks of JSON; None for neither."""
    origin, inner = typing.get_origin(kind), text[1:-1]
    if origin is None or text[-1:] != {"[": "]", "{": "}"}[text[0]]:
        return None
    is_table = issubclass(origin, Mapping)
    if is_table != (text[0] == "{"):
        return None
    member = typing.get_args(kind)[-1 if is_table else 0]
    found: dict[str, Any] = {}
    for place, part in enumerate(split_options(inner)):
        name, equals, value = part.partition("=") if is_table else (str(place), "=", part)
        found[name.strip()] = read_as(member, value.strip()) if equals else None
    if any(value is None for value in found.values()):
        return None
    return found if is_table else list(found.values())


def kind_name(kind: Any) -> str:
    """What to write for a type, in words."""
    known = {
        int: "a whole number",
        float: "a number",
        bool: "true or false",
        str: "a text",
        Path: "a file",
        type(None): "none",
    }
    if typing.get_origin(kind) is typing.Literal:
        return " or ".join(f"'{value}'" for value in typing.get_args(kind))
    origin = typing.get_origin(kind)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return "a table such as {conv1=1,fc*=2}"
    return known.get(kind, "a list such as [1, 2]")


def plain(value: object) -> str:
    """A default value as it is written."""
    if isinstance(value, tuple | list):
        return json.dumps(list(value)).replace(" ", "")
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)
