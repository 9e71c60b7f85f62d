"""From pydantic's findings to problems a user can act on: place, what was found, what is allowed, what to write.

A file is read with :mod:`simulator.strict_yaml`, checked here against a pydantic model, and all faults are raised
together. Checks that need more than one part of a file (references) add their own :class:`Fault`.
"""

from __future__ import annotations

import json
import types
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from simulator.errors import Problem, did_you_mean
from simulator.strict_yaml import KeyPath, Mark, Node, format_path
from simulator.unit_table import Kind, describe

__all__ = ["Fault", "check_model", "to_problems"]

ModelT = TypeVar("ModelT", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong at ``path``; ``at_key`` says that the key is at fault and not its value.

    A path that leads nowhere, as for a missing key, is placed at the deepest thing that is there.
    """

    path: KeyPath
    message: str
    at_key: bool = False


def check_model(model: type[ModelT], node: Node, path: KeyPath = ()) -> tuple[ModelT | None, list[Fault]]:
    """An instance of ``model`` from the map at ``node``, or None and every fault, under ``path`` of the file.

    Types are strict as in JSON: ``"4"`` and ``true`` are no numbers, a list may become a tuple.
    """
    try:
        return model.model_validate_json(json.dumps(node.plain()), strict=True), []
    except ValidationError as error:
        return None, [_fault(model, node, path, detail) for detail in error.errors(include_url=False)]


def to_problems(faults: Iterable[Fault], root: Node, shown: str, entry: Mark | None = None) -> list[Problem]:
    """Faults with their places in the file that the user named.

    A fault in another file (a parent that is extended) stands at ``entry``, the key that brings the other file in, and
    says where it really is.
    """
    problems = []
    for fault in faults:
        node, found = root.locate(fault.path)
        is_absent = len(found) < len(fault.path)
        mark = (node.key_mark or node.mark) if fault.at_key or is_absent else node.mark
        message = fault.message
        if not mark.line:
            message = f"{message} (given with {mark.file})"
        elif mark.file != shown:
            message = f"{message} (in {mark.file}:{mark.line}:{mark.column})"
            mark = entry or Mark(shown, 0, 0)
        problems.append(Problem(mark.line, mark.column, format_path(fault.path), message))
    return sorted(set(problems))


def _fault(model: type[BaseModel], node: Node, path: KeyPath, detail: ErrorDetails) -> Fault:
    steps: KeyPath = tuple(step for step in detail["loc"] if step != "[key]")
    kind = detail["type"]
    is_absent = kind == "missing"
    holder, found = node.locate(steps[:-1] if is_absent or kind == "extra_forbidden" else steps)
    if is_absent:
        return Fault((*path, *found, steps[-1]), _missing(_model_at(model, steps[:-1]), str(steps[-1])))
    if kind == "extra_forbidden":
        keys = _keys(_model_at(model, steps[:-1]))
        return Fault((*path, *found, steps[-1]), f"unknown key '{steps[-1]}'{did_you_mean(str(steps[-1]), keys)}", True)
    at_key = detail["loc"][-1:] == ("[key]",)
    return Fault((*path, *found), _message(detail, holder.plain()), at_key)


_EXPECTED = {
    "dict_type": "a map",
    "model_type": "a map",
    "model_attributes_type": "a map",
    "list_type": "a list",
    "tuple_type": "a list",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "string_type": "text",
    "bool_type": "true or false",
}
_BOUNDS = {
    "greater_than": ("more than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
    "multiple_of": ("a multiple of", "multiple_of"),
}


def _message(detail: ErrorDetails, found: Any) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind in ("value_error", "assertion_error"):  # a validator's own text
        return str(context.get("error", detail["msg"]))
    if kind in _EXPECTED:
        return f"found {describe(found)}; write {_EXPECTED[kind]}"
    if kind in _BOUNDS:
        words, key = _BOUNDS[kind]
        return f"found {describe(found)}; write {words} {context.get(key)}"
    if kind in ("literal_error", "enum"):
        return f"found {describe(found)}; write {context.get('expected')}"
    if kind in ("too_short", "too_long"):
        wanted = context.get("min_length", context.get("max_length"))
        bound = "at least" if kind == "too_short" else "at most"
        return f"found {context.get('actual_length')} entries; write {bound} {wanted}"
    text = detail["msg"]
    return f"found {describe(found)}; {text[:1].lower()}{text[1:]}"


def _missing(model: type[BaseModel] | None, key: str) -> str:
    field = _fields(model).get(key)
    if field is None:
        return "is missing"
    kind = next((each for each in field.metadata if isinstance(each, Kind)), None)
    if kind is not None:
        return f"is missing; write e.g. '{key}: {kind.example}'"
    return f"is missing ({field.description})" if field.description else "is missing"


def _fields(model: type[BaseModel] | None) -> dict[str, FieldInfo]:
    if model is None:
        return {}
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _keys(model: type[BaseModel] | None) -> Sequence[str]:
    return list(_fields(model))


def _model_at(annotation: Any, steps: KeyPath) -> type[BaseModel] | None:
    """The pydantic model that describes the value at ``steps`` below ``annotation``; None where there is none."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _model_at(get_args(annotation)[0], steps)
    if origin in (Union, types.UnionType):
        found = (_model_at(each, steps) for each in get_args(annotation))
        return next((model for model in found if model is not None), None)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if not steps:
            return annotation
        field = _fields(annotation).get(str(steps[0]))
        return _model_at(field.annotation, steps[1:]) if field is not None else None
    if isinstance(origin, type) and steps and get_args(annotation):  # Mapping[str, X], list[X], tuple[X, ...]
        arguments = get_args(annotation)
        return _model_at(arguments[1] if issubclass(origin, Mapping) else arguments[0], steps[1:])
    return None
