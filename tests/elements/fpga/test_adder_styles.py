"""Adder trees in the resource and timing model: levels, popcounts of binary layers, and what a style changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from simulator import Result, simulate
from simulator.elements.streaming.adders import adder_tree_depth, adder_tree_luts
from simulator.elements.streaming.resources import MatrixUnit, matrix_dsps, matrix_luts
from simulator.mapping import LayerRule, MappingRules
from workloads.builder import NetworkBuilder
from workloads.network import Network
from workloads.transforms import binarise


@pytest.mark.parametrize(
    ("operands", "style", "levels"),
    [
        (9, "binary", 4),
        (9, "ternary", 2),
        (64, "binary", 6),
        (64, "ternary", 4),
        (576, "binary", 10),
        (3, "compressor", 1),
    ],
)
def test_a_tree_has_as_many_levels_as_its_adders_need(operands: int, style: str, levels: int) -> None:
    assert adder_tree_depth(operands, style, 2) == levels


def test_compressors_reduce_six_rows_to_three_and_a_ternary_adder_ends_them() -> None:
    assert adder_tree_depth(6, "compressor", 1) == 1
    assert adder_tree_depth(6, "compressor", 8) == 2
    assert adder_tree_depth(576, "compressor", 2) < adder_tree_depth(576, "binary", 2)


def test_a_popcount_of_128_bits_takes_what_finn_reports() -> None:
    """376 LUTs of a popcount over 128 bits (Umuroglu et al., FPGA 2017; recalled): within one percent."""
    assert adder_tree_luts(128, 1, "binary") == pytest.approx(376, rel=0.01)


def test_binary_operands_make_the_tree_a_popcount() -> None:
    unit = MatrixUnit(64, 128, 1, 128, 1, 1, adder="binary", accumulator_bits=8)
    # XNORs, popcount and an accumulator of 8 bits, beside the control.
    assert matrix_luts(unit) == int(300 + 1.1 * (128 + 374 + 8))
    wider = replace(unit, weight_bits=2, input_bits=2)
    assert matrix_luts(wider) > 2 * matrix_luts(unit) - 300
    assert matrix_dsps(unit) == 0


def _network() -> Network:
    made = NetworkBuilder("three", number="int", weight_bits=8, activation_bits=8)
    x = made.relu(made.conv(made.input((3, 16, 16)), 32, 3, pad=1, name="c1"))
    x = made.relu(made.conv(x, 64, 3, pad=1, name="c2"))
    made.dense(made.flatten(made.global_avg_pool(x)), 10, name="fc")
    return made.build()


def _run(folder: Path, network: Network, options: dict[str, object]) -> Result:
    platform = folder / "fabric.yaml"
    platform.write_text(
        "format: platform/1\nname: fabric\nprocessing_elements:\n  fpga: {model: fpga, clock: 100 MHz}\n"
    )
    rules = MappingRules([LayerRule("c2", options={"pe": 4, "simd": 32, **options})], element="fpga")
    return simulate(platform, network, rules, frames=3)


def _figure(layers: pd.DataFrame, layer: str, column: str) -> float:
    return float(layers[column].to_numpy()[layers["layer"] == layer][0])


def test_a_binarised_layer_leaves_the_dsp_slices_and_takes_an_eighth_of_the_weight_memory(tmp_path: Path) -> None:
    integers, binary = (_run(tmp_path, net, {}).layers for net in (_network(), binarise(_network())))
    assert (_figure(integers, "c2", "dsp"), _figure(binary, "c2", "dsp")) == (4 * 32, 0)
    assert _figure(binary, "c2", "lut") < _figure(integers, "c2", "lut")
    assert _figure(binary, "c2", "bram18") < _figure(integers, "c2", "bram18")
    assert _figure(binary, "c1", "dsp") > 0


def test_a_pipelined_tree_costs_latency_and_no_throughput(tmp_path: Path) -> None:
    plain, deep = (_run(tmp_path, _network(), {"adder": style}).summary() for style in ("finn-r", "binary"))
    assert deep["throughput_fps"] == plain["throughput_fps"]
    assert deep["latency_ms"]["mean"] - plain["latency_ms"]["mean"] == pytest.approx(5 / 100e3, rel=0.3)


@pytest.mark.parametrize("style", ["binary", "ternary", "compressor"])
def test_every_style_takes_fewer_luts_than_the_bound_of_the_estimate(tmp_path: Path, style: str) -> None:
    bound, tree = (_run(tmp_path, _network(), {"adder": each}).layers for each in ("finn-r", style))
    assert _figure(tree, "c2", "lut") < _figure(bound, "c2", "lut")
