"""What a batch gains from frames that each ask something else, and what gathering costs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simulator.elements.base import Assignment, Stage
from simulator.elements.batches import gathered, work_together
from simulator.platform import Platform, load_platform
from workloads.generators.channels import fbs_stream, pruned_stream, slimmable_stream
from workloads.generators.location import changes_stream
from workloads.generators.shapes import resolution_stream
from workloads.loading import load_network
from workloads.tokens import LayerWork
from workloads.transforms import prune_channels

_PLATFORM = """
format: platform/1
name: gpu
processing_elements:
  gpu: {model: gpu, clock: 1 GHz, rate: {fp32: 100 MAC/cycle}, launch: 10 us}
  array: {model: systolic, rows: 16, columns: 16, clock: 1 GHz, dataflow: ws}
memories:
  dram: {size: 4 GiB, bandwidth: 1000 GB/s}
"""


@pytest.fixture
def platform(tmp_path: Path) -> Platform:
    path = tmp_path / "gpu.yaml"
    path.write_text(_PLATFORM)
    return load_platform(path)


def _stages(platform: Platform, element: str, work: LayerWork, batch: int) -> Stage:
    return platform.processing_elements[element].stages(work, Assignment(element, batch=batch))[0]


def _total(work: LayerWork) -> float:
    return float(work.layer.macs)


def test_a_batch_keeps_what_any_of_its_frames_chose() -> None:
    work = pruned_stream(load_network("m-cifarnet"), 8, density=0.5, deviation=0.2, seed=1).work["conv0"]
    together = work_together(work, _total(work), 4)
    each = work.macs / _total(work)
    expected = [4 * _total(work) * (1 - np.prod(1 - each[i : i + 4])) for i in (0, 4)]
    assert together == pytest.approx(expected)
    assert together.sum() > work.macs.sum()


def test_a_batch_of_nested_widths_runs_at_the_widest() -> None:
    work = slimmable_stream(load_network("m-cifarnet"), 8, widths=(0.25, 1.0), seed=3).work["conv3"]
    together = work_together(work, _total(work), 4)
    assert together.tolist() == [4 * work.macs[i : i + 4].max() for i in (0, 4)]


def test_frames_pruned_alike_gain_in_a_batch_too(platform: Platform) -> None:
    network = load_network("m-cifarnet").with_precision(8, 8)
    work = pruned_stream(network, 8, density=0.5).work["conv3"]
    assert work_together(work, _total(work), 8).tolist() == [8 * work.macs[0]]
    alike = _stages(platform, "array", work, 8).cycles.sum()
    chosen = fbs_stream(network, 8, density=0.5).work["conv3"]
    assert alike < _stages(platform, "array", chosen, 8).cycles.sum()


def test_smaller_images_are_padded_to_the_largest_of_their_batch() -> None:
    work = resolution_stream(load_network("spp-net"), 8, sizes=(180, 224), seed=5).work["conv3"]
    together = work_together(work, _total(work), 4)
    assert together == pytest.approx([4 * work.macs[i : i + 4].max() for i in (0, 4)])
    assert work_together(work, _total(work), 1) == pytest.approx(work.macs)


def test_changed_positions_of_a_batch_add_up() -> None:
    work = changes_stream(load_network("m-cifarnet"), 8, seed=1, objects=1).work["conv3"]
    together = work_together(work, _total(work), 4)
    assert together == pytest.approx([work.macs[:4].sum(), work.macs[4:].sum()])


def test_gathering_moves_the_live_weights_and_launches_once_more(platform: Platform) -> None:
    work = pruned_stream(load_network("m-cifarnet"), 4, density=0.5, deviation=0.2, seed=1).work["conv3"]
    moved, kernels = gathered(work, 1)
    assert moved == pytest.approx(work.layer.weight_bytes * work.weight_kept)
    assert kernels.tolist() == [1, 1, 1, 1]
    plain = replace(work, extra={})
    with_gather, without = _stages(platform, "gpu", work, 1), _stages(platform, "gpu", plain, 1)
    assert (with_gather.cycles - without.cycles).ravel().tolist() == [10_000] * 4
    assert with_gather.read_bytes is not None
    assert without.read_bytes is not None
    assert (with_gather.read_bytes - without.read_bytes)[:, 0] == pytest.approx(moved)


def test_an_array_gains_whole_folds_only(platform: Platform) -> None:
    network = load_network("m-cifarnet").with_precision(8, 8)
    dense = pruned_stream(network, 1, density=1.0).work["conv1"]  # 64 channels: four folds of columns

    def cycles(outputs: int) -> int:
        kept = replace(dense, output_kept=np.array([outputs / 64]), fraction=np.array([outputs / 64]))
        return int(_stages(platform, "array", kept, 1).cycles.sum())

    assert cycles(64) == cycles(49)
    assert cycles(48) == cycles(33)
    assert cycles(48) == cycles(64) * 3 / 4


def test_an_array_takes_as_long_as_for_the_network_without_these_channels(platform: Platform) -> None:
    network = load_network("m-cifarnet").with_precision(8, 8)
    stream = pruned_stream(network, 4, density=0.5)
    smaller = prune_channels(network, 0.5, kinds=("conv",))
    for group in smaller.groups():
        if group.kind != "input":
            assert (
                _stages(platform, "array", LayerWork.static(group), 1).cycles.tolist()
                == _stages(platform, "array", stream.work[group.name], 1).cycles.tolist()
            ), group.name
