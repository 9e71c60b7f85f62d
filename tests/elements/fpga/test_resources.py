"""Estimates of the fabric: by hand, by FINN's formulas, and what is said where a device is too small."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from simulator.elements.streaming import resources
from simulator.elements.streaming.adders import STYLES, adder_tree_depth, adder_tree_luts
from simulator.elements.streaming.resources import MatrixUnit, Resources
from simulator.errors import MappingError, PlatformError
from simulator.mapping import LayerRule, MappingRules
from tests.elements.fpga.pipelines import integers, lowered_on, one_conv, rules_for

_UNIT = MatrixUnit(64, 576, 32, 32, 1, 1, signed_input=True)


def test_luts_of_a_binary_matrix_unit_by_hand() -> None:
    """Products 32 * 1 * 2, tree 2 * 63, and a sum of 11 bits: 300 + 1.1 * 32 * (64 + 126 + 11)."""
    assert _UNIT.bound == 11
    assert resources.matrix_luts(_UNIT) == int(300 + 35.2 * 201)


def test_a_sum_that_is_known_to_be_narrower_takes_less() -> None:
    assert resources.matrix_luts(replace(_UNIT, accumulator_bits=9)) == int(300 + 35.2 * 199)
    assert resources.matrix_luts(replace(_UNIT, accumulator_bits=32)) == resources.matrix_luts(_UNIT)


def test_thresholds_count_where_they_lie_in_luts() -> None:
    unit = replace(_UNIT, threshold_bits=2)
    assert resources.matrix_luts(unit) == resources.matrix_luts(_UNIT)
    stored = replace(unit, threshold_ram="distributed")
    assert resources.matrix_luts(stored) == int(300 + 35.2 * (201 + 3 * 11 * (1 + 1)))


def test_products_move_from_luts_to_dsp_slices() -> None:
    unit = replace(_UNIT, weight_bits=8, input_bits=8, multiplier="dsp")
    assert resources.matrix_dsps(unit) == 32 * 32
    assert resources.matrix_dsps(replace(unit, impl="rtl")) == 8 * 32
    assert resources.matrix_dsps(replace(unit, weight_bits=32, input_bits=32)) == 2 * 32 * 32
    assert resources.vector_dsps(16, 4, 4) == 16


@pytest.mark.parametrize(
    ("width", "depth", "blocks"),
    [(1, 16385, 2), (2, 8192, 1), (4, 4097, 2), (9, 2049, 2), (18, 1025, 2), (36, 512, 1), (36, 513, 2), (960, 80, 27)],
)
def test_weight_memories_fill_block_rams(width: int, depth: int, blocks: int) -> None:
    assert resources.ram_blocks(width, depth) == blocks


def test_memories_go_where_they_are_told() -> None:
    assert resources.matrix_unit(_UNIT).bram18 == resources.ram_blocks(1024, 36)
    assert resources.matrix_unit(replace(_UNIT, ram_style="ultra")) == Resources(7375, 0, 15, 0)
    assert resources.matrix_unit(replace(_UNIT, weights="streamed")).bram18 == 0
    assert resources.matrix_unit(replace(_UNIT, ram_style="distributed")).lut == 7375 + 1024


def test_window_buffers_by_the_depth_ladder() -> None:
    assert resources.window_buffer(36, 512, "block").bram18 == 1
    assert resources.window_buffer(36, 513, "block").bram18 == 2
    assert resources.window_buffer(4, 21504, "auto").bram18 == 8 - 2
    assert resources.window_buffer(72, 4097, "ultra").uram == 2
    assert resources.window_buffer(24, 67, "distributed").lut == 300 + 24 * 2
    assert resources.window_buffer(8, 30, "block", 2).bram18 == 2


def test_fifos_converters_and_thresholds() -> None:
    assert resources.fifo(32, 2) == Resources()
    assert resources.fifo(32, 128).lut == 14 + 64
    assert resources.fifo(36, 512, "block").bram18 == 1
    assert resources.fifo(72, 8192, "ultra").uram == 2
    assert resources.width_converter(8, 8) == Resources()
    assert resources.width_converter(8, 32).lut == 32 + 2
    assert resources.thresholding(128, 2, 16, 4).lut == 32 + 32


@pytest.mark.parametrize(
    ("operands", "bits", "binary", "ternary", "bound"),
    [
        (9, 2, 31, 18, 34),
        (9, 8, 79, 42, 136),
        (32, 2, 119, 83, 126),
        (64, 2, 246, 159, 254),
        (96, 8, 944, 539, 1528),
        (576, 2, 2293, 1439, 2302),
    ],
)
def test_adder_trees_by_style(operands: int, bits: int, binary: int, ternary: int, bound: int) -> None:
    """One LUT for each bit of a sum, worked level by level."""
    assert adder_tree_luts(operands, bits, "binary") == binary
    assert adder_tree_luts(operands, bits, "ternary") == ternary
    assert adder_tree_luts(operands, bits, "finn-r") == bound


@pytest.mark.parametrize("style", STYLES)
def test_more_operands_never_take_fewer_luts(style: str) -> None:
    found = [adder_tree_luts(operands, 4, style) for operands in (2, 4, 8, 16, 64, 256)]
    assert found == sorted(found)


def test_a_compressor_tree_reduces_columns_to_three_rows() -> None:
    """Six bits of one column: one 6:3 counter of three LUTs leaves three columns of a bit, and nothing to add."""
    assert adder_tree_luts(6, 1, "compressor") == 3
    assert adder_tree_depth(27, "ternary") == 3
    assert adder_tree_depth(27, "binary") == 5


def test_the_adder_style_is_an_option_of_a_layer(tmp_path: Path) -> None:
    luts = {}
    for style in STYLES:
        rules = rules_for("row", conv={"pe": 4, "simd": 18, "adder": style})
        lowered = lowered_on(tmp_path, one_conv(), rules, 1)
        luts[style] = float(lowered.actors[-1].detail["lut"])
    assert luts["ternary"] < luts["binary"] < luts["finn-r"]


def test_a_design_that_does_not_fit_is_refused_with_what_to_change(tmp_path: Path) -> None:
    b = integers()
    x = b.dense(b.input((64,)), 64, bias=False, name="large")
    b.dense(x, 8, bias=False, name="small")
    rules = rules_for("row", large={"pe": 64, "simd": 8}, small={"pe": 1, "simd": 1})
    with pytest.raises(PlatformError) as caught:
        lowered_on(tmp_path, b.build(), rules, 1, "device: {dsp: 500, lut: 100000, bram18: 114}")
    assert str(caught.value) == (
        "the layers on 'fabric' do not fit its device: 115 block RAMs of 18 Kb are needed and 114 are there; the"
        " largest layers are 'large' (114), 'small' (1): write ram_style: distributed (or ultra), weights: streamed,"
        " lower pe and simd, or use fewer weight bits; 513 DSP slices are needed and 500 are there; the largest layers"
        " are 'large' (512), 'small' (1): lower their pe or simd, or write res_type: lut"
    )


def test_an_automatic_folding_fits_its_device(tmp_path: Path) -> None:
    network = one_conv(size=16, channels=16, rows=32)
    free = lowered_on(tmp_path, network, MappingRules(), 1)
    tight = lowered_on(tmp_path, network, MappingRules(), 1, "device: {dsp: 40}")
    assert int(free.actors[-1].detail["dsp"]) > 40
    assert int(tight.actors[-1].detail["dsp"]) <= 40


_MEMORY = "memories:\n  dram: {size: 1 GiB, bandwidth: 100 MB/s}\n"


def test_weights_that_do_not_fit_are_streamed_once_for_each_vector(tmp_path: Path) -> None:
    b = integers()
    x = b.dense(b.input((256,)), 64, bias=False, name="wide")
    b.dense(x, 8, bias=False, name="narrow")
    more = "memory: dram, device: {bram18: 7}"
    lowered = lowered_on(tmp_path, b.build(), rules_for("row", all={"pe": 1, "simd": 1}), 1, more, _MEMORY)
    moved = {
        note.layer: sum(amounts.total(actor.firings) for amounts in note.memory_bytes.values())
        for actor, note in zip(lowered.plan.actors, lowered.actors, strict=True)
    }
    assert moved["wide"] == pytest.approx(256 * 64 + 256)
    assert moved["narrow"] == pytest.approx(64 * 8 + 8)


def test_streamed_weights_need_a_memory(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="'fabric' reaches no memory; write 'memory' for it in the platform"):
        lowered_on(tmp_path, one_conv(), rules_for("row", all={"weights": "streamed"}), 1)


def test_narrow_products_cost_less(tmp_path: Path) -> None:
    """An automatic folding may spend more binary products than products of 8 bits, and they take less energy."""
    assert resources.product_cost(8, 8) == 1
    assert resources.product_cost(16, 16) == 1
    assert resources.product_cost(1, 1) == pytest.approx(6 / 112)
    parallel = {}
    for bits in (1, 8):
        b = integers(bits=bits)
        b.dense(b.input((256,)), 256, bias=False, name="fc")
        rules = MappingRules(layers=[LayerRule("fc", precision=None)])
        detail = lowered_on(tmp_path, b.build(), rules, 1).actors[-1].detail
        parallel[bits] = int(detail["pe"]) * int(detail["simd"])
    assert parallel[8] == 256
    assert parallel[1] == 4096
