"""Broken files of every kind end in exit code 2 and a text with places, never in a traceback."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import Command
from tests.platform.conftest import MODELS
from workloads import load_network
from workloads.generators import static_stream
from workloads.streamfile import save_stream

WRONG_PLATFORMS: dict[str, dict[str, str]] = yaml.safe_load(
    (Path(__file__).parents[1] / "platform" / "wrong_files.yaml").read_text()
)
TOPOLOGY = "Layer name,IFMAP Height,IFMAP Width,Filter Height,Filter Width,Channels,Num Filter,Strides,\n"


@pytest.mark.parametrize("case", WRONG_PLATFORMS)
def test_a_wrong_platform_file_exits_with_2(headrace: Command, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    monkeypatch.syspath_prepend(".")
    Path("lut_models.py").write_text(MODELS)
    Path("p.yaml").write_text(WRONG_PLATFORMS[case]["file"])
    for arguments in (("check", "p.yaml"), ("run", "p.yaml", "lenet-5"), ("show", "p.yaml")):
        said = headrace(*arguments)
        assert (said.code, said.out) == (2, ""), arguments
        assert said.err == WRONG_PLATFORMS[case]["says"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.onnx", b""),
        ("noise.onnx", b"\x08\x07\x12\xff\xff\xff\xff\x0fnoise"),
        ("text.onnx", b"this is no protobuf\n"),
        ("empty.csv", b""),
        ("noise.nir", b"\x89HDF\r\n\x1a\nnoise"),
        ("short.csv", TOPOLOGY.encode() + b"conv1,28,28,5\n"),
        ("words.csv", TOPOLOGY.encode() + b"conv1,28,wide,5,5,1,20,1,\n"),
        ("negative.csv", TOPOLOGY.encode() + b"conv1,28,28,5,5,1,-20,1,\n"),
        ("large-filter.csv", TOPOLOGY.encode() + b"conv1,8,8,50,50,1,20,1,\n"),
        ("binary.csv", b"\x00\xff\xfe\x00"),
    ],
)
def test_a_broken_network_file_exits_with_2(headrace: Command, name: str, content: bytes) -> None:
    Path(name).write_bytes(content)
    for arguments in (("inspect", name), ("inspect", name, "--json"), ("check", name), ("run", "mpsoc-cpu-gpu", name)):
        said = headrace(*arguments)
        assert (said.code, said.out) == (2, ""), (arguments, said)
        assert name in said.err
        assert "Traceback" not in said.err


@pytest.mark.parametrize(
    "name", ["absent.onnx", "absent.csv", "absent.yaml", "absent.txt", "folder.yaml", "folder.onnx"]
)
def test_a_file_that_is_not_there_exits_with_2(headrace: Command, name: str) -> None:
    if name.startswith("folder"):
        Path(name).mkdir()
    said = headrace("check", name)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(f"{name}: ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("format: mapping/1\nelment: cpu\n", "did you mean 'element'?"),
        ("format: mapping/2\nelement: cpu\n", "mapping/1"),
        ("format: mapping/1\nlayers: {match: conv1}\n", "layers"),
        (
            "format: mapping/1\nlayers:\n  - {match: conv1, cores: 0}\n",
            "3:27  layers[0].cores  found 0; write at least 1",
        ),
        ("format: mapping/1\nbatch: 99999999999999999999\n", "write at most 134217728"),
        ("format: mapping/1\nfifos:\n  - {from: conv1, depth: 64}\n", "64 has no unit"),
        ("format: mapping/1\nelement: cpu\nelement: gpu\n", "element"),
        ("format: mapping/1\nelement: [cpu\n", "m.yaml"),
        ("format: mapping/1\nelement: tpu\n", "no element 'tpu'"),
        ("format: mapping/1\nlayers:\n  - {match: conv9, element: cpu}\n", "conv9"),
        ("format: mapping/1\ngranularity: pixl\n", "pixl"),
        ("format: mapping/1\nprecision: int0\n", "int0"),
    ],
)
def test_a_broken_mapping_exits_with_2(headrace: Command, text: str, message: str) -> None:
    Path("m.yaml").write_text(text)
    said = headrace("run", "mpsoc-cpu-gpu", "lenet-5", "--mapping", "m.yaml")
    assert (said.code, said.out) == (2, ""), said
    assert message in said.err
    assert "Traceback" not in said.err


def test_good_files_of_every_kind_are_told_by_their_content(headrace: Command) -> None:
    Path("p.yaml").write_text("format: platform/1\nname: p\nextends: mpsoc-cpu-gpu\n")
    Path("m.yaml").write_text("format: mapping/1\nelement: cpu\nlayers:\n  - {match: conv1, element: gpu}\n")
    Path("g.yaml").write_text("actors:\n- {name: a, exec_time: 1}\nchannels: []\n")
    Path("a.csv").write_text("release_us\n0\n5\n")
    Path("s.csv").write_text("frame,layer,macs\n0,conv1,5\n1,conv1,6\n")
    Path("t.csv").write_text(TOPOLOGY + "conv1,28,28,5,5,1,20,1,\n")
    save_stream(static_stream(load_network("lenet-5"), 3), "s.parquet")
    said = headrace(
        "check", "p.yaml", "m.yaml", "g.yaml", "a.csv", "s.csv", "t.csv", "s.parquet", "--network", "lenet-5"
    )
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines() == [
        "p.yaml: platform, 2 elements, 1 memory",
        "m.yaml: mapping, 1 layer rule, 0 FIFO rules",
        "g.yaml: dataflow graph, 1 actor, 0 channels",
        "a.csv: arrivals, 2 arrivals",
        "s.csv: token stream, 2 frames, 1 layer of 6 with work that varies",
        said.out.splitlines()[5],
        "s.parquet: token stream, 3 frames, 0 layers of 6 with work that varies",
    ]
    assert said.out.splitlines()[5].startswith("t.csv: network, ")


def test_one_wrong_file_among_good_ones_is_told_and_the_others_are_checked(headrace: Command) -> None:
    Path("a.csv").write_text("release_us\n0\n5\n")
    Path("b.csv").write_text("release_us\n5\n0\n")
    said = headrace("check", "b.csv", "a.csv")
    assert said.code == 2
    assert said.out == "a.csv: arrivals, 2 arrivals\n"
    assert said.err == (
        "b.csv: 1 problem\n  3:1  release_us  '0' is earlier than the row before; sort the rows by arrival\n"
    )


def test_check_as_json_lists_every_problem_with_its_place(headrace: Command) -> None:
    Path("b.csv").write_text("release_us\n5\n0\n")
    said = headrace("check", "b.csv", "--json")
    data = json.loads(said.out)
    assert (said.code, data["ok"]) == (2, False)
    assert data["files"][0]["problems"] == [
        {
            "line": 3,
            "column": 1,
            "path": "release_us",
            "message": "'0' is earlier than the row before; sort the rows by arrival",
        }
    ]


def test_a_stream_that_names_no_network_asks_for_one(headrace: Command) -> None:
    Path("s.csv").write_text("frame,layer,macs\n0,conv1,5\n")
    said = headrace("check", "s.csv")
    assert said.code == 2
    assert said.err == "s.csv: whose layers are these? Name the network, e.g. --network mobilenet-v1\n"


@pytest.mark.parametrize("option", ["--out", "--trace"])
@pytest.mark.parametrize("text", ["", " "])
def test_a_run_that_would_write_to_no_name_is_refused_and_nothing_is_written(
    headrace: Command, option: str, text: str
) -> None:
    said = headrace("run", "mpsoc-cpu-gpu", "lenet-5", option, text)
    assert (said.code, said.out) == (2, "")
    assert option in said.err
    assert "names no place to write to" in " ".join(said.err.split())
    assert not list(Path().iterdir())


def test_a_trace_named_like_a_folder_is_refused_before_the_run(headrace: Command) -> None:
    Path("a.json").mkdir()
    said = headrace("run", "mpsoc-cpu-gpu", "lenet-5", "--trace", "a.json")
    assert (said.code, said.out) == (2, "")
    assert said.err == "a.json: is a folder; write the name of a file in it\n"
