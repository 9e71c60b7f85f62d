"""SCALE-Sim topology files."""

from __future__ import annotations

from pathlib import Path

import pytest

from workloads import load_network
from workloads.errors import FileProblems

HEADER = "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,\n"


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_rows_become_independent_convolutions_and_the_output_rounds_up(tmp_path: Path) -> None:
    # AlexNet as SCALE-Sim ships it: 224 is not 227, and its rounding still gives 55 columns.
    text = HEADER + "Conv1, 224, 224, 11, 11, 3, 96, 4,\nConv2, 27, 27, 5, 5, 96, 256, 1,\n"
    network = load_network(write(tmp_path / "alexnet.csv", text))
    assert network.name == "alexnet"
    assert network["Conv1"].out_shape == (96, 55, 55)
    assert network["Conv1"].macs == 105415200
    assert network["Conv2"].out_shape == (256, 23, 23)
    assert network["Conv2"].macs == 325017600
    assert network["Conv2"].inputs == ("Conv2.input",)
    assert len(network.inputs) == 2


def test_matrix_products_and_sparsity_are_read(tmp_path: Path) -> None:
    text = "Layer, M, N, K, Sparsity\nfc, 16, 10, 64, 2:4,\n"
    layer = load_network(write(tmp_path / "gemm.csv", text))["fc"]
    assert (layer.kind, layer.macs, layer.weight_density) == ("dense", 16 * 10 * 64, 0.5)


def test_all_faults_are_told_with_their_rows(tmp_path: Path) -> None:
    text = HEADER + (
        "a, 8, 8, 3, 3, 4, 8, 1,\n"
        "a, 8, 8, 3, 3, 4, 8, 1,\n"
        "b, 8, x, 3, 3, 4, 0, 1,\n"
        "c, 8, 8, 3,\n"
        "\n"
        "d, 4, 4, 5, 3, 1, 1, 1,\n"
        "e, 4, 4, 3, 3, 1, 1, 1, 5:4\n"
    )
    path = write(tmp_path / "wrong.csv", text)
    with pytest.raises(FileProblems) as caught:
        load_network(path)
    assert str(caught.value) == (
        f"{path}: 6 problems\n"
        "  3:1  a                is named twice; write another name\n"
        "  4:3  b.ifmap width    'x' is not a whole number\n"
        "  4:7  b.num filter     is 0; write at least 1\n"
        "  5:1  c                has 4 columns; write 8: layer name, ifmap height, ifmap width, filter height,"
        " filter width, channels, num filter, strides\n"
        "  7:4  d.filter height  is 5, larger than the input's 4\n"
        "  8:9  e.sparsity       '5:4' is not kept:of; write e.g. 2:4"
    )


def test_file_without_layers_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "none.csv", HEADER)
    with pytest.raises(FileProblems) as caught:
        load_network(path)
    assert str(caught.value) == f"{path}: 1 problem\n  -  file  has no layers; write one row each under the header line"


def test_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "binary.csv"
    path.write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(FileProblems) as caught:
        load_network(path)
    assert str(caught.value) == f"{path}: 1 problem\n  -  file  is not text; give a topology CSV"
