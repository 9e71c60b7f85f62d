"""``headrace calibrate``: measurements in, a platform file out."""

from __future__ import annotations

import json
from pathlib import Path

from simulator.platform import load_platform
from tests.cli.conftest import Command

ROWS = "network,element,cores,latency_ms\nlenet-5,cpu,1,1.1\nlenet-5,cpu,4,0.7\nsqueezenet-1.1,cpu,1,80\n"


def test_a_platform_is_written_and_its_error_told(headrace: Command) -> None:
    Path("t.csv").write_text(ROWS)
    said = headrace("calibrate", "raspberry-pi-4", "t.csv", "-o", "mine.yaml")
    assert said.code == 0
    assert "for a row that it did not see" in said.out
    assert load_platform(Path("mine.yaml")).name == "mine"


def test_json_holds_every_row(headrace: Command) -> None:
    Path("t.csv").write_text(ROWS)
    arguments = ["--fit", "processing_elements.cpu.efficiency", "--set", "processing_elements.cpu.overhead=20 us"]
    said = headrace("calibrate", "raspberry-pi-4", "t.csv", "-o", "mine.yaml", *arguments, "--json")
    record = json.loads(said.out)
    assert len(record["rows"]) == 3
    assert list(record["values"]) == ["processing_elements.cpu.efficiency"]
    written = load_platform(Path("mine.yaml")).document["processing_elements"]["cpu"]
    assert written["overhead"] == "20 us"


def test_mistakes_leave_with_code_2_and_no_file(headrace: Command) -> None:
    Path("t.csv").write_text(ROWS.replace("80", "-80"))
    said = headrace("calibrate", "raspberry-pi-4", "t.csv", "-o", "mine.yaml")
    assert said.code == 2
    assert "4:4  latency_ms  '-80' is no positive number" in said.err
    assert not Path("mine.yaml").exists()
    said = headrace("calibrate", "raspberry-pi-4", "t.csv", "-o", "mine.yml.txt")
    assert said.code == 2
    assert "a platform file ends in .yaml" in said.err


def test_where_the_platform_cannot_go_is_told_before_the_fit(headrace: Command) -> None:
    Path("t.csv").write_text(ROWS)
    Path("folder.yaml").mkdir()
    for out, message in (
        ("", "'' names no place to write to"),
        ("folder.yaml", "--out folder.yaml: is a folder; write the name of a file in it"),
        ("t.csv/mine.yaml", "t.csv: cannot be written"),
    ):
        said = headrace("calibrate", "raspberry-pi-4", "t.csv", "-o", out)
        assert (said.code, said.out) == (2, "")
        assert message in " ".join(said.err.split())
    assert headrace("calibrate", "raspberry-pi-4", "t.csv", "-o", "new/mine.yaml").code == 0
    assert load_platform(Path("new/mine.yaml")).name == "mine"
