"""Inputs of varying size, and networks that grow."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from workloads.errors import WorkloadError
from workloads.generators.growth import expandable_stream, progressive_stream
from workloads.generators.shapes import resolution_stream, sentences_stream
from workloads.inference import adaptive_bins
from workloads.loading import load_network
from workloads.transforms import scale_resolution
from workloads.zoo.dynamic import dcnn, dynamic_k

_DATA = Path(__file__).parent.parent / "reference" / "dynamic"


def _rows(name: str) -> list[dict[str, str]]:
    with (_DATA / name).open() as stream:
        return list(csv.DictReader(line for line in stream if not line.startswith("#")))


def test_k_of_dynamic_pooling_equals_the_table() -> None:
    for row in _rows("dcnn_k.csv"):
        found = dynamic_k(int(row["s"]), int(row["layer"]), int(row["L"]), int(row["k_top"]))
        assert found == int(row["k"]), row


def test_the_papers_example_of_three_layers() -> None:
    assert [dynamic_k(18, layer, 3, 3) for layer in (1, 2, 3)] == [12, 6, 3]


def test_pyramid_bins_equal_the_table() -> None:
    for row in _rows("spp_bins.csv"):
        bins = adaptive_bins(int(row["feature_side"]), int(row["n"]))
        assert "|".join(f"{first}-{last}" for first, last in bins) == row["adaptive_bins"]


def test_the_pyramid_has_fifty_bins_and_the_maps_of_the_paper() -> None:
    network = load_network("spp-net")
    assert network["spp"].out_shape == (50 * 256,)
    assert network["conv5"].out_shape == (256, 13, 13)
    assert scale_resolution(network, 180)["conv5"].out_shape == (256, 10, 10)


def test_convolutions_scale_with_the_image_and_dense_layers_do_not() -> None:
    stream = resolution_stream(load_network("spp-net"), frames=400, sizes=(180, 224), seed=5)
    small = stream.work["conv3"].macs.min() / stream.work["conv3"].macs.max()
    assert round(small, 3) == round(100 / 169, 3)
    assert np.ptp(stream.work["fc6"].macs) == 0
    assert abs((stream.work["conv3"].fraction == 1).mean() - 0.5) < 0.1


def test_a_single_size_is_the_static_network() -> None:
    stream = resolution_stream(load_network("spp-net"), frames=3, sizes=(224,))
    for work in stream.work.values():
        assert (work.macs == work.layer.macs).all()


def test_a_network_that_cannot_be_resized_is_told() -> None:
    with pytest.raises(WorkloadError, match="adaptive pool before its dense layers"):
        resolution_stream(load_network("lenet-5"), frames=3, sizes=(24, 28))


def test_a_wide_convolution_has_more_columns_than_words() -> None:
    network = dcnn(18, 4)
    assert network["conv1"].out_shape[2] == 18 + 7 - 1
    assert network["kmax1"].out_shape[2] == 9
    assert network["kmax2"].out_shape[2] == 4


def test_longer_sentences_ask_for_more_work() -> None:
    stream = sentences_stream(load_network("dcnn"), frames=500, mean=19.0, seed=2)
    work = stream.work["conv1"].macs
    length = work / (48 * 6 * 7) - 6  # one multiply-accumulate for each of the s + m - 1 columns
    assert np.allclose(length, np.round(length))
    assert 15 < length.mean() < 22
    assert length.min() >= 3
    assert length.max() <= 52


def test_columns_cost_themselves_and_their_adapters() -> None:
    base = load_network("m-cifarnet")
    stream = progressive_stream(base, frames=9, tasks=3)
    total = sum(work.macs * work.executed for work in stream.work.values())
    one = base.macs
    adapters = sum(
        layer.in_shape[0] * layer.in_shape[0] * layer.in_shape[1] * layer.in_shape[2]
        for layer in base.layers.values()
        if layer.kind == "conv" and layer.inputs[0] != "x"
    )
    assert np.asarray(total).tolist() == [one] * 3 + [2 * one + adapters] * 3 + [3 * one + 3 * adapters] * 3


def test_an_expanding_network_ends_at_its_full_width() -> None:
    stream = expandable_stream(load_network("m-cifarnet"), frames=8, tasks=2, first=0.5, at=(6,))
    assert stream.work["conv3"].fraction.tolist() == [0.25] * 6 + [1.0] * 2


def test_tasks_out_of_order_are_told() -> None:
    with pytest.raises(WorkloadError, match=r"tasks begin at frames \[0, 6, 3\] of 8"):
        progressive_stream(load_network("lenet-5"), frames=8, tasks=3, at=(6, 3))
