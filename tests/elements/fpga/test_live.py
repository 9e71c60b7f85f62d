"""What a streaming stage gains from pruned channels and changed positions, and what mappings do against imbalance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simulator.elements.base import Assignment, Stage
from simulator.elements.fpga import Fpga
from simulator.errors import PlatformError
from simulator.mapping import LayerRule, MappingRules
from simulator.platform import Platform, load_platform
from simulator.simulation import simulate
from workloads.builder import NetworkBuilder
from workloads.dynamic.structured import structured_work
from workloads.generators.branches import early_exit_stream
from workloads.generators.channels import fbs_stream
from workloads.generators.static import static_stream
from workloads.loading import load_network
from workloads.network import Network
from workloads.tokens import LayerWork, TokenStream

_FABRIC = """
format: platform/1
name: fabric
processing_elements:
  fpga: {model: fpga, clock: 100 MHz, multipliers: 64, memory: dram}
memories:
  dram: {size: 1 GiB, bandwidth: 1 GB/s}
dma: {}
"""


@pytest.fixture
def fabric(tmp_path: Path) -> Platform:
    path = tmp_path / "fabric.yaml"
    path.write_text(_FABRIC.replace("dma: {}\n", ""))
    return load_platform(path)


def _pair(middle: int = 16) -> Network:
    b = NetworkBuilder("pair", number="int", weight_bits=8, activation_bits=8)
    x = b.conv(b.input((4, 10, 10)), middle, 3, bias=False, name="one")
    b.conv(x, 8, 3, bias=False, name="two")
    return b.build()


def _work(name: str = "two", **changes: float) -> LayerWork:
    group = next(g for g in _pair().groups() if g.name == name)
    arrays: dict[str, Any] = {key: np.array([value]) for key, value in changes.items()}
    return replace(LayerWork.static(group), **arrays)


def _stages(
    fabric: Platform, work: LayerWork, options: Mapping[str, Any], granularity: str = "row"
) -> dict[str, Stage]:
    element = fabric.processing_elements["fpga"]
    assert isinstance(element, Fpga)
    found = element.stages(work, Assignment("fpga", granularity, options=options))
    return {stage.name: stage for stage in found}


def test_a_unit_skips_whole_folds_of_rows_and_columns(fabric: Platform) -> None:
    options = {"pe": 4, "simd": 8}
    dense = _stages(fabric, _work(), options)["mvau"].cycles.sum()
    assert dense == 36 * (8 // 4) * (9 * 16 // 8)
    # Three of eight outputs need one of two folds, nine of sixteen inputs both of theirs.
    pruned = _work(output_kept=3 / 8, input_kept=9 / 16, fraction=27 / 128)
    assert _stages(fabric, pruned, options)["mvau"].cycles.sum() == dense / 2
    # The eighth input is the last of its word.
    pruned = _work(output_kept=3 / 8, input_kept=8 / 16, fraction=24 / 128)
    assert _stages(fabric, pruned, options)["mvau"].cycles.sum() == dense / 4


def test_windows_in_front_leave_out_dead_words(fabric: Platform) -> None:
    dense = _stages(fabric, _work(), {"swg_simd": 4})["swg"].cycles.sum()
    pruned = _stages(fabric, _work(input_kept=5 / 16, fraction=5 / 16), {"swg_simd": 4})["swg"].cycles.sum()
    assert pruned == np.ceil(dense / 2)


def test_scattered_changes_save_products_but_no_windows(fabric: Platform) -> None:
    dense = _stages(fabric, _work(), {})
    some = replace(
        _work(input_positions=0.5, output_positions=0.5, fraction=0.5), piece_fraction=np.full((1, 6), 1 / 6)
    )
    scattered = _stages(fabric, some, {})
    assert scattered["mvau"].cycles.sum() == dense["mvau"].cycles.sum() / 2
    assert scattered["swg"].cycles.sum() == dense["swg"].cycles.sum()
    small = _stages(fabric, replace(some, piece_fraction=None), {})
    assert small["swg"].cycles.sum() == np.ceil(dense["swg"].cycles.sum() / 2)


def test_a_second_pass_takes_the_time_again(fabric: Platform) -> None:
    dense = _stages(fabric, _work(), {})["mvau"].cycles.sum()
    assert _stages(fabric, _work(fraction=1.5), {})["mvau"].cycles.sum() == 1.5 * dense


def test_streamed_weights_are_those_of_live_channels_and_cached_ones_those_that_are_new(fabric: Platform) -> None:
    network = load_network("m-cifarnet").with_precision(8, 8)
    work = fbs_stream(network, 50, density=0.5, seed=4).work["conv3"]
    pixels = work.layer.out_shape[1] * work.layer.out_shape[2]
    streamed = _stages(fabric, work, {"weights": "streamed"})["mvau"].weight_bytes
    assert streamed is not None
    assert (streamed.sum(axis=1) * 15).tolist() == [work.layer.weight_bytes * pixels * 0.25]
    cached = _stages(fabric, work, {"weights": "cached"})["mvau"].weight_bytes
    assert cached is not None
    assert cached.shape[0] == 50
    assert np.allclose(cached[:, 0] * 15, work.layer.weight_bytes * work.extra["new_weights"])


def _throughput(platform: Platform, stream: TokenStream, rules: MappingRules) -> float:
    return float(simulate(platform, stream, rules, engine="simpy").summary()["throughput_fps"])


def test_two_instances_of_the_slowest_layer_double_the_pace(fabric: Platform) -> None:
    folding = LayerRule("*", "fpga", "frame", options={"pe": 1, "simd": 1})
    quick = LayerRule("one", options={"pe": 16, "simd": 36})
    stream = static_stream(_pair(), 40)
    once = _throughput(fabric, stream, MappingRules([folding, quick]))
    twice = _throughput(fabric, stream, MappingRules([folding, quick, LayerRule("two", options={"instances": 2})]))
    assert twice == pytest.approx(2 * once)


def test_layers_of_one_engine_take_turns(fabric: Platform) -> None:
    """Pace alone: the longer of both; on one engine: both one after the other."""
    folding = LayerRule("*", "fpga", "frame", options={"pe": 2, "simd": 4})
    stream = static_stream(_pair(), 40)
    cycles = [64 * 8 * 9, 36 * 4 * 36]
    apart = _throughput(fabric, stream, MappingRules([folding]))
    shared = _throughput(fabric, stream, MappingRules([folding, LayerRule("*", options={"engine": "both"})]))
    assert apart == pytest.approx(100e6 / max(cycles))
    assert shared == pytest.approx(100e6 / sum(cycles))


def test_automatic_folding_gives_a_merged_layer_all_multipliers_of_its_engine(fabric: Platform) -> None:
    element = fabric.processing_elements["fpga"]
    works = [LayerWork.static(g) for g in _pair().groups() if g.kind != "input"]
    alone = element.arrange(works, [Assignment("fpga", "row")] * 2)
    both = element.arrange(works, [Assignment("fpga", "row", options={"engine": "both"})] * 2)
    spent = sum(each["pe"] * each["simd"] for each in alone)
    for own, merged in zip(alone, both, strict=True):
        assert own["pe"] * own["simd"] < merged["pe"] * merged["simd"] <= spent


def test_folding_for_the_mean_gives_what_is_seldom_used_less(fabric: Platform) -> None:
    network = load_network("branchy-alexnet").with_precision(4, 4)
    stream = early_exit_stream(network, 500, seed=1)
    element = fabric.processing_elements["fpga"]
    works = list(stream.work.values())

    def parallel(load: object) -> dict[str, int]:
        options = {} if load is None else {"load": load}
        found = element.arrange(works, [Assignment("fpga", "row", options=options)] * len(works))
        return {w.group.name: o["pe"] * o["simd"] for w, o in zip(works, found, strict=True) if "pe" in o}

    dense, mean, tail = parallel(None), parallel("mean"), parallel(0.99)
    assert mean["conv5"] < dense["conv5"]  # only one input in eleven comes so far
    assert mean["conv1"] > dense["conv1"]  # every input does
    assert tail == dense  # more than one in a hundred runs it all


def test_options_against_imbalance_are_checked(fabric: Platform) -> None:
    with pytest.raises(PlatformError, match="instances is 0"):
        _stages(fabric, _work(), {"instances": 0})
    with pytest.raises(PlatformError, match=r"load is 1\.5"):
        _stages(fabric, _work(), {"load": 1.5})


def test_pruned_work_reaches_the_stage_from_a_network(fabric: Platform) -> None:
    work = structured_work(_pair(), {"one": np.array([0.5, 1.0])})
    stages = _stages(fabric, work["two"], {"pe": 8, "simd": 4})
    dense = 36 * 36
    assert stages["mvau"].cycles.sum(axis=1).tolist() == [dense / 2, dense]
