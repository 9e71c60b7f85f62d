"""``headrace list``, ``show``, ``schema`` and ``inspect``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

import platforms
from simulator import load_network, load_platform, platform_schema
from tests.cli.conftest import Command
from workloads.zoo import network_names


def test_every_list_names_everything_there_is(headrace: Command) -> None:
    expected = {"platforms": set(platforms.names()), "networks": set(network_names())}
    for what in ("platforms", "networks", "workloads", "models"):
        said = headrace("list", what, "--json")
        assert (said.code, said.err) == (0, "")
        (key, entries), *more = json.loads(said.out).items()
        assert (key, more) == (what, [])
        names = {entry["name"] for entry in entries}
        assert names >= expected.get(what, {"static"} if what == "workloads" else {"cpu", "gpu", "fpga", "systolic"})
        assert all(entry["description"] for entry in entries)
        printed = headrace("list", what).out
        assert all(name in printed for name in names)


def test_an_unknown_list_says_which_there_are(headrace: Command) -> None:
    said = headrace("list", "platform")
    assert (said.code, said.out) == (2, "")
    assert said.err == (
        "nothing to list called 'platform'; did you mean 'platforms'?"
        " (known: models, networks, platforms, transforms, workloads)\n"
    )


@pytest.mark.parametrize("name", platforms.names())
def test_every_platform_can_be_shown(headrace: Command, name: str) -> None:
    said = headrace("show", name)
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"{name}  ")
    for element in load_platform(name).processing_elements:
        assert element in said.out


def test_show_as_yaml_is_a_file_that_loads_to_the_same_platform(headrace: Command) -> None:
    said = headrace("show", "mpsoc-cpu-gpu", "--set", "memories.dram.bandwidth=1 GB/s", "--yaml")
    Path("copy.yaml").write_text(said.out)
    assert load_platform("copy.yaml") == load_platform("mpsoc-cpu-gpu", {"memories.dram.bandwidth": "1 GB/s"})


def test_show_as_json_has_the_document_and_its_digest(headrace: Command) -> None:
    data = json.loads(headrace("show", "mpsoc-cpu-gpu", "--json").out)
    assert data["name"] == "mpsoc-cpu-gpu"
    assert data["sha256"] == load_platform("mpsoc-cpu-gpu").sha256
    assert yaml.safe_dump(data["processing_elements"])


def test_schema_is_the_schema(headrace: Command) -> None:
    assert json.loads(headrace("schema").out) == platform_schema()


def test_inspect_as_json_has_totals_and_every_layer(headrace: Command) -> None:
    said = headrace("inspect", "alexnet-caffe", "--json")
    assert (said.code, said.err) == (0, "")
    data, network = json.loads(said.out), load_network("alexnet-caffe")
    assert (data["macs"], data["params"]) == (network.macs, network.params)
    assert [layer["name"] for layer in data["layers"]] == list(network.layers)
    assert sum(layer["macs"] for layer in data["layers"]) == data["macs"]


def test_inspect_shows_people_each_layer_and_the_total(headrace: Command) -> None:
    said = headrace("inspect", "lenet-5")
    assert said.code == 0
    assert "1,600,000" in said.out
    assert said.out.splitlines()[-1] == (
        "lenet-5  9 layers, 2.293 MMAC a frame (2,293,000), 431,080 parameters, 1.64 MiB of weights"
    )


def test_a_name_with_brackets_is_not_taken_for_markup(headrace: Command) -> None:
    Path("p.yaml").write_text(
        "format: platform/1\nname: p\ndescription: 'a [bold]plain[/] text'\nextends: mpsoc-cpu-gpu\n"
    )
    assert "a [bold]plain[/] text" in headrace("show", "p.yaml").out


def test_inspect_cuts_no_figure_short_and_counts_inputs_that_are_alike(headrace: Command) -> None:
    assert "64x112x112  7x7/2        9,408  118,013,952  36.8 KiB  3.06 MiB" in headrace("inspect", "densenet-121").out
    assert "20 of 32x8x8  640x8x8" in headrace("inspect", "hydranet").out
