"""Options as text on the command line: ``name:option=value,option=value`` cut apart and read as a signature says."""

from __future__ import annotations

import json
import math
import types
import typing
from collections.abc import Iterable, Mapping
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
    """The text as one kind; None where it is none of that kind. A number is finite."""
    if kind is bool:
        return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}.get(text.lower())
    if typing.get_origin(kind) is typing.Literal:
        return next((value for value in typing.get_args(kind) if str(value) == text), None)
    if kind in (int, float, str, Path):
        try:
            value = kind(text)
        except ValueError:
            return None
        return value if _is_of(kind, value) else None
    if text[:1] not in ("[", "{"):
        return None
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        return _collection(kind, text)
    if not _is_of(kind, value):
        return None
    return tuple(value) if typing.get_origin(kind) is tuple else value


def _is_of(kind: Any, value: Any) -> bool:
    """Whether a value is of a kind, with all that it holds; a list stands for any sequence."""
    wanted, members = typing.get_origin(kind) or kind, typing.get_args(kind)
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if wanted is typing.Literal:
        return value in members
    if wanted in (typing.Union, types.UnionType):
        return any(_is_of(member, value) for member in members)
    if not isinstance(wanted, type):
        return True
    if isinstance(value, dict) and issubclass(wanted, Mapping):
        return all(_is_of(members[-1], each) for each in value.values()) if members else True
    if isinstance(value, list) and issubclass(wanted, Iterable) and not issubclass(wanted, str | Mapping):
        return all(_is_of(members[0], each) for each in value) if members else True
    return isinstance(value, wanted)


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
    of = known.get(next(iter(typing.get_args(kind)), int), "a whole number")
    return known.get(kind, f"a list in brackets, each member {of}")


def plain(value: object) -> str:
    """A default value as it is written."""
    if isinstance(value, tuple | list):
        return json.dumps(list(value)).replace(" ", "")
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)
