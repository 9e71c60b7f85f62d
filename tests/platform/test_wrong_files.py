"""Every mistake in a platform file has its text, with line and column; the cases are in wrong_files.yaml."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from simulator.errors import PlatformError, PlatformProblems, UserError
from simulator.platform import element_model, load_platform, model_names

CASES: dict[str, dict[str, str]] = yaml.safe_load(Path(__file__).with_name("wrong_files.yaml").read_text())
GOOD = """format: platform/1
name: p
processing_elements:
  lut: {model: 'lut_models:Lut', clock: 1 GHz, interval: 2 cycle}
"""
Write = Callable[..., Path]


def message(path: Path | str) -> str:
    """What loading the file says."""
    with pytest.raises(PlatformError) as caught:
        load_platform(path)
    return str(caught.value)


@pytest.mark.parametrize("case", CASES)
def test_each_wrong_file_says_what_to_write_instead(case: str, write: Write) -> None:
    path = write(CASES[case]["file"])
    assert message(path) == CASES[case]["says"].rstrip("\n")


def test_the_file_that_the_cases_vary_is_right(write: Write) -> None:
    load_platform(write(GOOD))


def test_an_empty_file_says_how_to_begin(write: Write) -> None:
    assert (
        message(write(""))
        == "p.yaml: 1 problem\n  1:1  (file)  is empty; begin with 'format: platform/1' and 'name: ...'"
    )


def test_aliases_that_multiply_are_stopped(write: Write) -> None:
    letters = "abcdefghi"
    bomb = "x-a: &a [x, x, x, x, x, x, x, x, x, x]\n"
    for before, this in pairwise(letters):
        bomb += f"x-{this}: &{this} [{', '.join([f'*{before}'] * 10)}]\n"
    text = message(write(GOOD + bomb))
    assert text == "p.yaml: 1 problem\n  5:13  x-e[3][3][8][8][1]  expands to more than 50000 values; use fewer aliases"


def test_deep_nesting_is_stopped(write: Write) -> None:
    text = message(write(GOOD + "x-a: " + "[" * 5000 + "]" * 5000 + "\n"))
    assert text == "p.yaml: 1 problem\n  5:29  (file)  is nested more than 24 levels deep"


def test_a_large_file_is_not_read(write: Write) -> None:
    text = message(write(GOOD + "# " + "x" * 300_000))
    assert text == "p.yaml: 1 problem\n  -  (file)  is too large; at most 256 KiB are read"


def test_a_byte_that_is_not_utf8_is_shown_with_its_place(write: Write) -> None:
    text = message(write(GOOD.encode() + b"description: caf\xe9\n"))
    assert text == "p.yaml: 1 problem\n  5:17  (file)  byte 0xe9 is not UTF-8; save the file as UTF-8"


def test_a_control_character_is_shown_with_its_place(write: Write) -> None:
    text = message(write(GOOD + "# bell \x07\n"))
    assert text == "p.yaml: 1 problem\n  5:8  (file)  the character U+0007 is not allowed in YAML"


def test_a_missing_file_is_no_traceback(write: Write) -> None:
    write(GOOD)
    assert message("q.yaml") == "q.yaml: 1 problem\n  -  (file)  cannot be read: no such file or directory"


def test_a_folder_is_no_platform_file(write: Write) -> None:
    Path("folder.yaml").mkdir()
    assert message("folder.yaml") == "folder.yaml: 1 problem\n  -  (file)  cannot be read: is a directory"


def test_an_unknown_catalogue_name_is_told_the_nearest(write: Write) -> None:
    text = message("jetson-nanoo")
    assert text.startswith("no platform 'jetson-nanoo'; did you mean 'jetson-nano'? (known: ")
    assert text.endswith("); a file of your own is written with its ending, 'jetson-nanoo.yaml'")


def test_an_unknown_model_is_told_the_nearest(write: Write) -> None:
    path = write(GOOD.replace("'lut_models:Lut'", "cpuu"))
    known = ", ".join(model_names())
    assert message(path) == (
        "p.yaml: 1 problem\n  4:16  processing_elements.lut.model  no model 'cpuu'; did you mean 'cpu'?"
        f" (known: {known}); a class of your own is written 'package.module:Class'"
    )


def test_a_module_that_fails_while_it_is_imported_is_the_users_mistake(write: Write) -> None:
    write("raise RuntimeError('no licence')\n", "broken_models.py")
    with pytest.raises(PlatformError) as caught:
        element_model("broken_models:Lut")
    assert str(caught.value) == "cannot import 'broken_models' of 'broken_models:Lut': RuntimeError: no licence"


def test_faults_are_caught_as_platform_errors_and_keep_their_parts(write: Write) -> None:
    path = write(CASES["several faults at once"]["file"])
    with pytest.raises(PlatformProblems) as caught:
        load_platform(path)
    error = caught.value
    assert isinstance(error, UserError)
    assert [(problem.line, problem.path) for problem in error.problems] == [
        (4, "processing_elements.lut.interval"),
        (4, "processing_elements.lut.clock"),
        (4, "processing_elements.lut.intervall"),
        (6, "memories.dram.bandwidth"),
        (8, "fifos.f1.to"),
    ]
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error)
