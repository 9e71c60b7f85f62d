"""The JSON Schema says of a file what the loader says, as far as a schema can."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

import platforms
from simulator.platform import model_names, platform_schema
from simulator.strict_yaml import read_yaml

SCHEMA = platform_schema()


def faults(document: Any) -> list[str]:
    """What a schema checker finds."""
    return [error.message for error in jsonschema.Draft202012Validator(SCHEMA).iter_errors(document)]


def read(name: str) -> Any:
    """A platform of the catalogue as plain data."""
    return read_yaml(platforms.path(name).read_text(), name).plain()


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", platforms.names())
def test_each_platform_of_the_catalogue_matches(name: str) -> None:
    assert faults(read(name)) == []


def test_the_shipped_schema_is_the_one_that_the_models_make() -> None:
    shipped = json.loads(platforms.path("jetson-nano").with_name("schema").joinpath("platform-1.json").read_text())
    assert shipped == SCHEMA, "write it again: headrace schema > platforms/schema/platform-1.json"


def test_every_registered_model_is_known() -> None:
    element = SCHEMA["$defs"]["Whole"]["properties"]["processing_elements"]["additionalProperties"]
    assert element["properties"]["model"]["anyOf"][0]["enum"] == model_names()


def test_a_misspelt_key_of_an_element_is_found() -> None:
    document = read("jetson-nano")
    document["processing_elements"]["gpu"]["lunch"] = "3 us"
    assert faults(document) == ["Additional properties are not allowed ('lunch' was unexpected)"]


def test_a_bare_number_for_a_quantity_is_found() -> None:
    document = read("jetson-nano")
    document["memories"]["dram"]["bandwidth"] = 25.6
    assert faults(document) == ["25.6 is not of type 'string'"]


def test_an_unknown_unit_is_found() -> None:
    document = read("jetson-nano")
    document["memories"]["dram"]["size"] = "4 Gigs"
    assert len(faults(document)) == 1


def test_a_child_may_leave_keys_to_its_parent_and_remove_them() -> None:
    child = {"format": "platform/1", "name": "c", "extends": "jetson-nano", "memories": {"dram": {"latency": None}}}
    assert faults(child) == []
    del child["extends"]
    assert faults(child) != []


def test_keys_that_begin_with_x_are_the_users_own() -> None:
    document = read("jetson-nano")
    assert faults({**document, "x-lab": [1, 2]}) == []
    assert faults({**document, "lab": [1, 2]}) != []
