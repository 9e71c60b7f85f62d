"""Eyeriss: active elements and buffer accesses of AlexNet as published, zero gating."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.elements.spatial import Spatial, SpatialMapping, buffer_bytes, map_rows
from simulator.elements.systolic_folds import product_of
from tests.elements.accelerators import conv, cycles, element, only_stage
from workloads.loading import load_network


def eyeriss(**config: object) -> Spatial:
    return element(Spatial, **{"rows": 12, "columns": 14, **config})


@pytest.mark.parametrize(
    ("name", "published", "within"), [("conv1", 154, 0.02), ("conv2", 135, 0), ("conv3", 156, 0), ("conv5", 156, 0)]
)
def test_active_elements_are_those_of_the_chip(name: str, published: int, within: float) -> None:
    """JSSC 2017, table V; conv1's last strip has 13 of 14 columns, which the paper does not average."""
    layer = load_network("alexnet-caffe")[name]
    assert map_rows(layer, product_of(layer), eyeriss().config).active == pytest.approx(published, rel=within)


@pytest.mark.parametrize(
    ("name", "strips", "channels", "filters", "published"),
    [("conv1", 8, 1, 32, 18.5), ("conv2", 1, 2, 16, 77.6), ("conv3", 1, 6, 32, 50.2), ("conv5", 1, 6, 32, 24.9)],
)
def test_buffer_accesses_are_the_published_ones_under_mappings_inferred_from_them(
    name: str, strips: int, channels: int, filters: int, published: float
) -> None:
    """Four frames, in MB: JSSC 2017, table V. One law explains all layers with small whole numbers."""
    layer = load_network("alexnet-caffe").with_precision(16, 16)[name]
    mapping = SpatialMapping(strips, 1, 1, channels, filters, 1.0)
    assert 4 * buffer_bytes(layer, product_of(layer), mapping) / 1e6 == pytest.approx(published, abs=0.2)


def test_a_narrow_global_buffer_binds_on_large_maps() -> None:
    wide, narrow = eyeriss(), eyeriss(buffer_bandwidth="15 B/cycle")
    assert cycles(narrow, conv(64, 112, 64))[0] > 1.5 * cycles(wide, conv(64, 112, 64))[0]
    assert only_stage(narrow, conv(64, 112, 64)).detail["bound"] == "buffer"


def test_zeros_save_energy_and_no_time() -> None:
    work = conv(16, 14, 16)
    sparse = replace(work, input_density=np.array([0.25]))
    gated, plain = (eyeriss(zero_gating=on, energy={"mac": "4 pJ/MAC"}) for on in (True, False))
    dense_pj = work.layer.macs * 4.0
    assert float(only_stage(gated, sparse).energy_pj["mac"][0, 0]) == dense_pj / 4
    assert float(only_stage(plain, sparse).energy_pj["mac"][0, 0]) == dense_pj
    assert cycles(gated, sparse) == cycles(gated, work)


@given(st.integers(1, 64), st.integers(1, 64), st.integers(1, 64), st.sampled_from([1, 3, 5, 7, 11]))
def test_no_more_elements_are_active_than_there_are(channels: int, size: int, filters: int, kernel: int) -> None:
    layer = conv(channels, size, filters, kernel).layer
    mapping = map_rows(layer, product_of(layer), eyeriss().config)
    assert 0 < mapping.active <= 168


@given(st.integers(1, 32), st.integers(1, 32), st.integers(1, 32), st.integers(1, 30))
def test_more_buffer_bandwidth_never_takes_longer(channels: int, size: int, filters: int, wide: int) -> None:
    work = conv(channels, size, filters)
    slow, fast = eyeriss(buffer_bandwidth=f"{wide} B/cycle"), eyeriss(buffer_bandwidth=f"{wide + 1} B/cycle")
    assert cycles(fast, work)[0] <= cycles(slow, work)[0]
