"""Line buffers as simulated: of every layer of VGG-16, in raster order and tile by tile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simulator import Result, UserError, load_network, simulate
from simulator.mapping import LayerRule, MappingRules
from workloads.builder import NetworkBuilder
from workloads.layers import Layer
from workloads.network import Network
from workloads.tiling import tiling

_FABRIC = "fpga: {model: fpga, clock: 100 MHz, multipliers: 4096"
_MEMORY = "memories:\n  dram: {size: 4 GiB, bandwidth: 20 GB/s}\n"
_CONVS = [layer for layer in load_network("vgg-16").layers.values() if layer.kind == "conv"]


@pytest.fixture
def fabric(tmp_path: Path) -> Path:
    path = tmp_path / "fabric.yaml"
    path.write_text(f"format: platform/1\nname: fabric\nprocessing_elements:\n  {_FABRIC}}}\n")
    return path


@pytest.fixture
def board(tmp_path: Path) -> Path:
    path = tmp_path / "board.yaml"
    path.write_text(f"format: platform/1\nname: board\nprocessing_elements:\n  {_FABRIC}, memory: dram}}\n{_MEMORY}")
    return path


def _alone(layer: Layer) -> Network:
    made = NetworkBuilder("one", number="int", weight_bits=4, activation_bits=4)
    made.relu(made.conv(made.input(layer.in_shape), layer.out_channels, 3, pad=1, name="c"))
    return made.build()


def _run(
    platform: Path, network: Network, tile: dict[str, Any] | None, granularity: str = "pixel", frames: int = 2
) -> Result:
    layers = [] if tile is None else [LayerRule("c*", options={"tile": tile})]
    return simulate(platform, network, MappingRules(layers, granularity=granularity, element="fpga"), frames=frames)


def _peak(result: Result, layer: str = "c") -> int:
    """Tokens that the window unit's input held at most; a token is a pixel."""
    fifos = result.fifos
    return int(fifos.loc[fifos["fifo"].str.endswith(f"->{layer}.swg"), "max_tokens"].iloc[0])


@pytest.mark.parametrize("layer", _CONVS, ids=lambda layer: layer.name)
def test_a_window_of_vgg_holds_two_rows_of_the_padded_width_and_three_pixels(fabric: Path, layer: Layer) -> None:
    assert _peak(_run(fabric, _alone(layer), None, frames=1)) == 2 * (layer.in_shape[2] + 2) + 3


@pytest.mark.parametrize("columns", [7, 14])
@pytest.mark.parametrize("layer", _CONVS, ids=lambda layer: layer.name)
def test_a_tiled_window_of_vgg_holds_two_rows_of_the_tile_and_three_pixels(
    fabric: Path, layer: Layer, columns: int
) -> None:
    assert _peak(_run(fabric, _alone(layer), {"columns": columns}, frames=1)) == 2 * (columns + 2) + 3


def _pair() -> Network:
    made = NetworkBuilder("two", number="int", weight_bits=4, activation_bits=4)
    x = made.relu(made.conv(made.input((4, 24, 24)), 8, 3, pad=1, name="c1"))
    made.relu(made.conv(x, 8, 3, stride=2, pad=1, name="c2"))
    return made.build()


@pytest.mark.parametrize("granularity", ["frame", "row", "pixel", "word"])
@pytest.mark.parametrize("tile", [{"columns": 8}, {"columns": 5, "rows": 4}])
def test_tiled_layers_hand_on_whole_frames_at_every_granularity(
    board: Path, tile: dict[str, int], granularity: str
) -> None:
    result = _run(board, _pair(), tile, granularity, frames=3)
    assert result.summary()["delivered"] == 3


def test_the_frame_buffer_is_written_once_and_read_with_its_halo(board: Path) -> None:
    network = _pair()
    plain, tiled = (
        _run(board, network, tile, "row", frames=4).layers.set_index("layer") for tile in (None, {"columns": 8})
    )
    first, second = (tiling(network[name], 8) for name in ("c1", "c2"))
    map_bytes = 8 * 24 * 24 // 2
    assert plain.loc["c1", "read_bytes"] == 4 * 24 * 24 / 2
    # The input lies in the memory; what c1 computes is written strip by strip, and read in raster order.
    assert tiled.loc["c1", "read_bytes"] == pytest.approx(4 * 24 * 24 / 2 * first.reread + map_bytes)
    assert tiled.loc["c1", "write_bytes"] == pytest.approx(map_bytes)
    assert tiled.loc["c2", "read_bytes"] == pytest.approx(map_bytes * second.reread)
    assert tiled.loc["c2", "write_bytes"] == pytest.approx(map_bytes + 8 * 12 * 12 / 2)


def test_without_memory_the_frame_buffer_takes_block_ram_and_bands_take_less(fabric: Path) -> None:
    layer = next(layer for layer in _CONVS if layer.name == "features.2")
    strips, squares, plain = (
        _run(fabric, _alone(layer), tile, "row", frames=1).layers["bram18"].iloc[0]
        for tile in ({"columns": 14}, {"columns": 14, "rows": 14}, None)
    )
    assert strips > squares > plain


def test_the_halo_of_narrow_tiles_costs_throughput_where_the_input_sets_the_pace(board: Path) -> None:
    layer = next(layer for layer in _CONVS if layer.name == "features.24")
    paces = {}
    for columns in (2, 7):
        options = {"tile": {"columns": columns}, "padding_simd": 1}
        rules = MappingRules([LayerRule("c", options=options)], element="fpga", granularity="row")
        paces[columns] = 1 / simulate(board, _alone(layer), rules, frames=6).summary()["throughput_fps"]
    assert paces[2] / paces[7] == pytest.approx((7 * 4) / (2 * 9), rel=1e-6)


@pytest.mark.parametrize(
    ("kind", "tile", "said"),
    [
        ("dense", {"columns": 4}, "layer 'c' on 'fpga': tile is given, but a dense has no sliding window"),
        ("1x1", {"columns": 4}, "tile is given, but a 1x1 conv has no sliding window of a convolution; leave it out"),
        ("3x3", {"columns": 0}, "tile.columns is 0: input should be greater than or equal to 1"),
        (
            "3x3",
            {"columns": 4, "buffer": "memory"},
            "tile.buffer is 'memory', but the element has none; write buffer: fabric",
        ),
    ],
)
def test_what_cannot_be_tiled_is_told(fabric: Path, kind: str, tile: dict[str, Any], said: str) -> None:
    made = NetworkBuilder("one")
    x = made.input((4, 8, 8))
    if kind == "dense":
        made.dense(made.flatten(x), 4, name="c")
    else:
        made.conv(x, 4, int(kind[0]), name="c")
    with pytest.raises(UserError) as error:
        _run(fabric, made.build(), tile)
    assert said in str(error.value)
