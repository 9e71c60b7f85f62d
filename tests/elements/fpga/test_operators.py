"""Streaming operators as stages: their pieces by hand, and what a pipeline of them does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simulator.elements.base import Assignment
from simulator.elements.fpga import Fpga, FpgaConfig
from simulator.elements.streaming import pieces
from simulator.elements.streaming.formulas import Sliding, swg
from simulator.errors import PlatformError
from simulator.mapping import FifoRule, LayerRule, MappingRules
from tests.elements.fpga.pipelines import ends, integers, lowered_on, one_conv, rules_for, traced
from workloads.network import Network
from workloads.tokens import LayerWork


def names(network: Network, rules: MappingRules, tmp_path: Path, more: str = "") -> list[str]:
    return [actor.name for actor in lowered_on(tmp_path, network, rules, 1, more).plan.actors][1:]


def test_a_vector_is_read_in_words_and_then_replayed() -> None:
    """SF = 3 words in, NF = 2 folds out: three cycles that read, the last of which ends a fold, and one fold of 3."""
    made = pieces.matrix_vectors(1, 1, 12, 4, 3, 2)("word")
    assert made.need[0].tolist() == [4, 8, 12, 12]
    assert made.written.tolist() == [0, 0, 2, 4]
    assert made.cycles.tolist() == [1, 1, 1, 3]


def test_one_output_fold_passes_through() -> None:
    made = pieces.matrix_vectors(1, 2, 12, 4, 3, 1)("word")
    assert made.written.tolist() == [0, 0, 4, 4, 4, 8]
    assert made.cycles.tolist() == [1] * 6


@pytest.mark.parametrize("granularity", ["frame", "row", "pixel", "word"])
@pytest.mark.parametrize("depthwise", [False, True])
@pytest.mark.parametrize("stride", [1, 2])
def test_a_window_unit_takes_its_cycles_and_its_frame(granularity: str, depthwise: bool, stride: int) -> None:
    out = (9 - 3) // stride + 1
    shape = Sliding(9, 9, 4, out, out, (3, 3), (stride, stride))
    total = swg(shape, 2, depthwise=depthwise)
    made = pieces.window(shape, 2, total, total // 3, depthwise=depthwise)(granularity)
    assert made.cycles.sum() == total
    assert made.need[0][-1] == made.free[0][-1] == 9 * 9 * 4
    assert made.written[-1] == out * out * 9 * 4
    assert (np.diff(made.need[0]) >= 0).all()
    assert (np.diff(made.free[0]) >= 0).all()
    assert (made.free[0] <= made.need[0]).all()


def test_words_of_a_window_need_the_pixel_that_they_are_of() -> None:
    """A 2 x 2 window over a map of 3 pixels a row and 2 channels, a channel a word."""
    shape = Sliding(3, 3, 2, 2, 2, (2, 2))
    made = pieces.window(shape, 2, 40, 8)("word")
    assert made.need[0].tolist()[1:9] == [1, 2, 3, 4, 7, 8, 9, 10]


def test_a_layer_is_a_chain_of_operators(tmp_path: Path) -> None:
    b = integers()
    x = b.conv(b.input((4, 8, 8)), 4, 3, pad=1, bias=False, name="conv")
    x = b.max_pool(b.activation(x, "threshold", name="t"), 2, name="pool")
    x = b.conv(x, 8, 1, bias=False, name="point")
    y = b.depthwise(x, 3, 1, 1, bias=False, name="depth")
    x = b.add(x, y, name="sum")
    b.arg_max(b.dense(b.flatten(b.global_avg_pool(x, name="mean")), 4, bias=False, name="fc"), name="best")
    network = b.build()
    assert names(network, MappingRules(granularity="row"), tmp_path) == [
        "conv.padding", "conv.swg", "conv.mvau", "pool", "point.mvau", "point.duplicate",
        "depth.padding", "depth.swg", "depth.vvau", "sum", "mean", "fc", "best",
    ]  # fmt: skip


def test_what_surrounds_a_convolution_follows_its_options(tmp_path: Path) -> None:
    b = integers()
    x = b.conv(b.input((4, 8, 8)), 4, 3, bias=False, name="conv")
    b.max_pool(b.activation(x, "threshold", name="t"), 2, name="pool")
    network = b.build()
    rules = rules_for("row", conv={"impl": "rtl"}, pool={"pool": "window"})
    assert names(network, rules, tmp_path) == [
        "conv.fifo", "conv.swg", "conv.mvau", "conv.threshold", "pool.fifo", "pool.swg", "pool.pool",
    ]  # fmt: skip


def test_width_converters_join_streams_of_other_widths(tmp_path: Path) -> None:
    b = integers()
    x = b.dense(b.input((8,)), 8, bias=False, name="first")
    b.dense(x, 4, bias=False, name="second")
    rules = rules_for("word", first={"pe": 2, "simd": 2}, second={"pe": 1, "simd": 4})
    assert names(b.build(), rules, tmp_path) == ["first", "second.mvau_dwc", "second.mvau"]
    lowered = lowered_on(tmp_path, b.build(), rules, 1)
    converter = lowered.plan.actors[2]
    assert converter.firings == 4
    assert lowered.actors[2].detail["in_width_bits"] == 16
    assert lowered.actors[2].detail["out_width_bits"] == 32
    row = rules_for("row", first={"pe": 2, "simd": 2}, second={"pe": 1, "simd": 4})
    coarse = lowered_on(tmp_path, b.build(), row, 1)
    assert names(b.build(), row, tmp_path) == ["first", "second"]
    assert float(coarse.actors[2].detail["lut"]) > float(lowered.actors[3].detail["lut"])


def test_widths_that_do_not_divide_go_through_their_common_multiple() -> None:
    made = pieces.conversion(12, 1, 4, 6)("word")
    assert made.need[0][-1] == made.written[-1] == 12
    assert made.count == 3


def test_dense_layers_overlap_as_words_do(tmp_path: Path) -> None:
    """TFC behind a thresholding of a pixel a cycle: 784 + 868 + 504 + 504 + 576 cycles of replay, one for the last word
    of each of the four layers and of the label select, and two for each converter and the register behind it."""
    b = integers(bits=1)
    x = b.activation(b.input((784,), bits=8), "threshold", name="in", bits=1)
    for number in range(3):
        x = b.activation(b.dense(x, 64, bias=False, name=f"fc{number}"), "threshold", bits=1)
    b.arg_max(b.dense(x, 10, bias=False, name="fc3"), name="best")
    folds = {"fc0": (2, 28), "fc1": (1, 8), "fc2": (1, 8), "fc3": (1, 1)}
    layers = {name: {"pe": pe, "simd": simd} for name, (pe, simd) in folds.items()}
    rules = rules_for("word", **layers, **{"in": {"pe": 1}, "best": {"pe": 1}})
    lowered = lowered_on(tmp_path, b.build(), rules, 1)
    converters = sum(actor.name.endswith("_dwc") for actor in lowered.plan.actors)
    trace = traced(lowered)
    assert ends(lowered, trace, lowered.plan.actors[-1].name, 1) == [784 + 868 + 504 + 504 + 576 + 5 + 2 * converters]


@pytest.mark.parametrize("granularity", ["row", "pixel", "word"])
def test_the_slowest_operator_sets_the_pace(tmp_path: Path, granularity: str) -> None:
    network = one_conv(rows=4)
    rules = rules_for(granularity, conv={"pe": 1, "simd": 1, "swg_simd": 2})
    lowered = lowered_on(tmp_path, network, rules, 5)
    assert np.diff(ends(lowered, traced(lowered), "conv.mvau", 5))[-1] == 36 * 4 * 18


def test_no_frame_is_begun_in_a_window_unit_before_the_last_window_has_left(tmp_path: Path) -> None:
    """The unit is slowest here, so a frame takes all of its cycles, the fill included: (2 * 8 + 3) + 36 * 9."""
    rules = rules_for("pixel", conv={"pe": 4, "simd": 18, "swg_simd": 2})
    lowered = lowered_on(tmp_path, one_conv(), rules, 5)
    assert np.diff(ends(lowered, traced(lowered), "conv.mvau", 5))[-1] == 19 + 36 * 9


def test_an_hls_window_unit_waits_for_the_next_row(tmp_path: Path) -> None:
    """Behind a slow layer of 100 cycles a pixel, rows of windows leave a row of input later than from the RTL unit."""
    b = integers()
    x = b.conv(b.input((10, 8, 8)), 10, 1, bias=False, name="slow")
    b.conv(x, 4, 3, bias=False, name="conv")
    times = {}
    for style in ("rtl", "hls"):
        folds: dict[str, dict[str, Any]] = {"slow": {"pe": 1, "simd": 1}}
        folds["conv"] = {"pe": 4, "simd": 90, "swg": style, "swg_simd": 10}
        lowered = lowered_on(tmp_path, b.build(), rules_for("pixel", **folds), 1)
        index = [actor.name for actor in lowered.plan.actors].index("conv.mvau")
        times[style] = int(traced(lowered).start[index][0])
    # RTL: two rows and three pixels; HLS: three rows, and of the next one a pixel for each of the nine of a window.
    assert times == {"rtl": (2 * 8 + 3) * 100 + 9, "hls": (3 * 8 + 8) * 100 + 9}


def test_the_rtl_unit_prefetches_the_next_vector(tmp_path: Path) -> None:
    """Its replay buffer takes 2^ceil(log2 SF) words while a vector is replayed; an HLS unit has a stream of two."""
    rooms = {}
    for impl in ("hls", "rtl"):
        rules = rules_for("word", conv={"pe": 1, "simd": 2, "swg_simd": 2, "impl": impl})
        plan = lowered_on(tmp_path, one_conv(), rules, 1).plan
        rooms[impl] = next(each.capacity for each in plan.channels if each.name == "conv.swg->conv.mvau")
    assert rooms == {"hls": 1 + 2, "rtl": 1 + 16}


@pytest.mark.parametrize("granularity", ["row", "pixel", "word"])
def test_every_kind_of_layer_streams_at_every_granularity(tmp_path: Path, granularity: str) -> None:
    b = integers()
    x = b.conv(b.input((4, 12, 12)), 4, 3, 2, 1, bias=False, name="strided")
    y = b.conv_transpose(x, 4, 4, 2, 1, bias=False, name="up")
    y = b.avg_pool(b.relu(y), 3, 2, 1, name="avg")
    y = b.max_pool(y, 3, 2, 1, name="max")
    x = b.conv(x, 4, 1, 2, bias=False, name="down")
    z = b.upsample(b.concat(x, y, name="cat"), 2, name="bigger")
    z = b.conv(z, 8, 3, 1, 2, groups=2, bias=False, name="grouped", dilation=2)
    z = b.batch_norm(b.lrn(z, name="lrn"), name="bn")
    b.softmax(b.dense(b.flatten(b.adaptive_avg_pool(z, 2, name="bins")), 3, name="fc"), name="soft")
    lowered = lowered_on(tmp_path, b.build(), MappingRules(granularity=granularity), 3)
    trace = traced(lowered)
    assert trace.complete
    kinds = {actor.name.rpartition(".")[2] for actor in lowered.plan.actors}
    assert {"padding", "swg", "mvau", "fifo", "pool"} <= kinds


def test_a_depthwise_unit_unrolls_channels_before_its_window() -> None:
    b = integers()
    b.depthwise(b.input((4, 8, 8)), 3, bias=False, name="depth")
    fpga = Fpga("fabric", FpgaConfig(model="fpga", clock="100 MHz"))
    work = LayerWork.static(b.build().groups()[1])
    with pytest.raises(PlatformError, match="unrolls its 4 channels first: write pe: 4, or simd: 1"):
        fpga.stages(work, Assignment("fabric", "row", options={"pe": 2, "simd": 3}))


def test_rules_for_stages_name_them(tmp_path: Path) -> None:
    """'*' to '*' speaks of channels between layers; the one from the window unit is reached by the stage's name."""
    rules = MappingRules(
        layers=[LayerRule("*", options={"swg_simd": 2})],
        granularity="pixel",
        fifos=[FifoRule("*", "*", 77), FifoRule("conv.swg", "conv.mvau", 5)],
    )
    b = integers()
    b.conv(b.conv(b.input((2, 8, 8)), 2, 1, bias=False, name="head"), 4, 3, bias=False, name="conv")
    channels = {each.name: each.capacity for each in lowered_on(tmp_path, b.build(), rules, 1).plan.channels}
    assert channels["head->conv.fifo"] == 77
    assert channels["conv.swg->conv.mvau"] == 5
    assert channels["conv.fifo->conv.swg"] == 2 * 8 + 3
