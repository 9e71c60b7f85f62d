"""Work that depends on the place in the image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from simulator import simulate
from simulator.mapping import MappingRules
from workloads.builder import NetworkBuilder
from workloads.dynamic.filters import generate_filters
from workloads.dynamic.masks import moving_objects, spread_masks
from workloads.errors import WorkloadError
from workloads.generators.location import changes_stream, dynamic_filters_stream, gated_pass_stream
from workloads.loading import load_network
from workloads.network import Network
from workloads.windows import layer_window


def _stack(layers: int, size: int = 31) -> Network:
    b = NetworkBuilder("stack")
    x = b.input((1, size, size))
    for number in range(layers):
        x = b.conv(x, 1, 3, pad=1, bias=False, name=f"conv{number + 1}")
    return b.build()


def test_one_changed_pixel_reaches_a_square_that_grows_by_two_a_layer() -> None:
    changed = np.zeros((1, 31, 31), dtype=np.bool_)
    changed[0, 15, 15] = True
    masks = spread_masks(_stack(6), changed)
    assert [int(masks[f"conv{n}"].sum()) for n in range(1, 7)] == [(2 * n + 1) ** 2 for n in range(1, 7)]


def test_the_authors_example_saves_seven_and_a_half_times(tmp_path: Path) -> None:
    """15 x 15 image, four 3 x 3 filters: 8 100 multiplies dense, 1 080 for 30 points that must be updated."""
    b = NetworkBuilder("one")
    b.conv(b.input((1, 15, 15)), 4, 3, pad=1, bias=False, name="conv")
    mask = np.ones((2, 15, 15), dtype=np.bool_)
    mask[1] = False
    mask[1, 6:9, 3:11] = True  # 3 x 8 pixels reach 5 x 10 outputs; the rows of outputs are given as they are
    np.save(tmp_path / "mask.npy", mask)
    stream = changes_stream(b.build(), frames=2, mask=tmp_path / "mask.npy")
    assert stream.work["conv"].macs.tolist() == [8100.0, 9 * 4 * 50.0]


def test_strides_and_pools_shrink_a_change() -> None:
    b = NetworkBuilder("pool")
    x = b.conv(b.input((1, 8, 8)), 1, 3, 2, 1, bias=False, name="conv")
    b.max_pool(x, 2, name="pool")
    changed = np.zeros((1, 8, 8), dtype=np.bool_)
    changed[0, 4, 4] = True
    masks = spread_masks(b.build(), changed)
    assert np.argwhere(masks["conv"][0]).tolist() == [[2, 2]]
    assert np.argwhere(masks["pool"][0]).tolist() == [[1, 1]]


def test_a_dense_layer_changes_wholly() -> None:
    changed = np.zeros((2, 28, 28), dtype=np.bool_)
    changed[1, 3, 3] = True
    masks = spread_masks(load_network("lenet-5"), changed)
    assert masks["ip1"].reshape(2, -1).tolist() == [[False], [True]]


def test_objects_move_and_the_first_frame_is_new() -> None:
    video = moving_objects(40, 48, 64, seed=3, objects=2, size=0.2, speed=0.3)
    assert video[0].all()
    side = round(0.2 * 48)
    assert (video[1:].sum(axis=(1, 2)) <= 2 * 2 * side * side).all()
    assert (video[1:].sum(axis=(1, 2)) >= side * side).all()
    assert np.array_equal(video, moving_objects(40, 48, 64, seed=3, objects=2, size=0.2, speed=0.3))


def test_changed_rows_carry_the_work() -> None:
    stream = changes_stream(_stack(1), frames=3, seed=1, objects=1)
    work = stream.work["conv1"]
    assert work.piece_fraction is not None
    assert np.allclose(work.piece_fraction.sum(axis=1), 1.0)
    assert work.macs[0] == 31 * 31 * 9
    assert (work.macs[1:] < work.macs[0]).all()


def test_a_mask_that_is_none_is_told(tmp_path: Path) -> None:
    np.save(tmp_path / "mask.npy", np.zeros((2, 4, 4)))
    with pytest.raises(WorkloadError, match=r"holds float64 of shape \(2, 4, 4\); write booleans"):
        changes_stream(_stack(1), frames=2, mask=tmp_path / "mask.npy")
    with pytest.raises(WorkloadError, match="cannot be read as a NumPy array"):
        changes_stream(_stack(1), frames=2, mask=tmp_path / "none.npy")


def test_the_second_pass_adds_what_it_updates() -> None:
    network = load_network("fracbnn-imagenet")
    stream = gated_pass_stream(network, frames=3, updated=0.4, deviation=0.0)
    assert round(sum(float(w.macs[0]) for w in stream.work.values() if w.layer.kind == "conv")) == 7_090_470_912
    varied = gated_pass_stream(network, frames=3000, updated=0.4, deviation=0.1)
    gated = next(w for w in varied.work.values() if w.layer.attributes.get("precision_gated"))
    assert abs((gated.macs / gated.layer.macs).mean() - 1.4) < 0.01


def test_made_filters_are_activations_not_weights() -> None:
    network = generate_filters(load_network("m-cifarnet"), ["conv4"], hidden=16)
    layer = network["conv4"]
    assert layer.weights == 0
    assert layer.macs == 33_177_600
    assert layer.in_shapes[1] == (9 * 128 * 128,)
    window = layer_window(layer, "row")
    assert window.need[1].tolist() == [9 * 128 * 128] * 15
    local = generate_filters(load_network("m-cifarnet"), ["conv4"], per="position")
    assert local["conv4"].in_shapes[1] == (9 * 15 * 15,)
    stream = dynamic_filters_stream(load_network("m-cifarnet"), frames=2, layers=("conv4",))
    assert all(work.is_static for work in stream.work.values())
    with pytest.raises(WorkloadError, match="no convolution 'conv9'"):
        generate_filters(load_network("m-cifarnet"), ["conv9"])


@pytest.mark.parametrize("per", ["sample", "position"])
@pytest.mark.parametrize("layer", ["conv1", "conv4", "conv7"])
def test_a_pipeline_holds_the_frame_whose_filters_are_still_being_made(layer: str, per: str) -> None:
    """The convolution waits for filters that need the whole frame: its line buffer alone would fill up before."""
    network = load_network("m-cifarnet")
    stream = dynamic_filters_stream(network, 3, layers=(layer,), per=per)
    result = simulate("zynq-ultrascale-zcu102", stream, MappingRules(element="fpga"))
    assert result.summary()["delivered"] == 3
