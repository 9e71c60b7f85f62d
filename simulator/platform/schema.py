"""The shape of a platform file, and the JSON Schema that editors check it with; both come from the same models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import models_json_schema

from simulator.platform.models import element_model, model_names
from simulator.platform.parts import DmaConfig, FifoConfig, MemoryConfig

__all__ = ["FORMAT", "NAME_PATTERN", "SECTIONS", "PlatformFile", "platform_schema"]

FORMAT = "platform/1"
NAME_PATTERN = r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$"
SECTIONS = ("processing_elements", "memories", "dma", "fifos")


class PlatformFile(BaseModel):
    """A whole platform file after its parents are merged in; an element's own keys are checked by its model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["platform/1"] = Field(description="Version of the file format")
    name: str = Field(pattern=NAME_PATTERN, description="Name of the platform")
    description: str = Field("", description="One or two sentences for lists and reports")
    processing_elements: Mapping[str, Mapping[str, Any]] = Field(
        min_length=1, description="What computes: each names a model and gives its figures"
    )
    memories: Mapping[str, MemoryConfig] = Field({}, description="What stores")
    dma: Mapping[str, DmaConfig] = Field({}, description="What copies from one store to another")
    fifos: Mapping[str, FifoConfig] = Field({}, description="Bounded queues between processing elements")


def platform_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of platform files, with the keys of every registered element model.

    A file that ``extends`` another may leave any key to its parent, and remove one with null.
    """
    models = {name: element_model(name).Config for name in model_names()}
    configs = list(dict.fromkeys(models.values()))
    whole = PlatformFile.model_json_schema()
    references, shared = models_json_schema([(config, "validation") for config in configs])
    definitions = {**whole.pop("$defs", {}), **shared.get("$defs", {})}
    chosen = {name: references[(config, "validation")] for name, config in models.items()}
    whole["properties"]["processing_elements"] = {
        **whole["properties"]["processing_elements"],
        "additionalProperties": _element(chosen),
    }
    for section in SECTIONS:
        whole["properties"][section]["propertyNames"] = {"pattern": NAME_PATTERN}
    whole["properties"]["extends"] = {
        "type": "string",
        "description": "One parent: a platform of the catalogue, or a path relative to this file",
    }
    whole["patternProperties"] = {"^x-": {}}
    whole, definitions = _untitled(whole), _untitled(definitions, is_names=True)
    partial = _rename(_relax({"Whole": whole, **definitions}))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "headrace platform file",
        "if": {"required": ["extends"]},
        "then": {"$ref": "#/$defs/Partial.Whole"},
        "else": {"$ref": "#/$defs/Whole"},
        "$defs": {"Whole": whole, **definitions, **{f"Partial.{name}": value for name, value in partial.items()}},
    }


def _element(chosen: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The schema of one element: the keys follow from its ``model``; a class of the user's own may have any keys."""
    return {
        "type": "object",
        "required": ["model"],
        "properties": {"model": {"anyOf": [{"enum": list(chosen)}, {"pattern": r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$"}]}},
        "allOf": [
            {"if": {"properties": {"model": {"const": name}}, "required": ["model"]}, "then": reference}
            for name, reference in chosen.items()
        ],
    }


def _relax(schema: Any) -> Any:
    """The same schema where nothing is required and null, which removes a parent's key, may stand for any value."""
    if isinstance(schema, list):
        return [_relax(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    relaxed = {}
    for key, value in schema.items():
        if key == "if":  # still chooses by the model that the file names
            relaxed[key] = value
        elif key in ("required", "minProperties"):
            continue
        elif key == "properties":
            relaxed[key] = {name: _or_null(_relax(part)) for name, part in value.items()}
        elif key == "additionalProperties" and isinstance(value, dict):
            relaxed[key] = _or_null(_relax(value))
        else:
            relaxed[key] = _relax(value)
    return relaxed


def _or_null(schema: Any) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def _rename(schema: Any) -> Any:
    """References of the relaxed definitions lead to relaxed definitions."""
    if isinstance(schema, list):
        return [_rename(each) for each in schema]
    if isinstance(schema, dict):
        return {
            key: value.replace("#/$defs/", "#/$defs/Partial.") if key == "$ref" else _rename(value)
            for key, value in schema.items()
        }
    return schema


def _untitled(schema: Any, is_names: bool = False) -> Any:
    """Without the titles that pydantic makes out of key names; they say nothing new and double the file."""
    if isinstance(schema, list):
        return [_untitled(each) for each in schema]
    if isinstance(schema, dict):
        kept = (item for item in schema.items() if is_names or item[0] != "title")
        return {key: _untitled(value, key in ("properties", "$defs")) for key, value in kept}
    return schema
