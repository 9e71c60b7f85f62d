"""What does a streamed convolution gain from tiles, and what does it pay?

A layer of VGG-16 runs as a streaming stage of an FPGA, pixel by pixel, once in raster order and then in column strips
and square tiles of falling width. The line buffer is not computed but read off the run: the most pixels that the
channel in front of the window unit ever held. Tiles shrink it to (k - 1)(T + k - 1) + k pixels; in exchange the map
waits in a memory to be reordered, and what lies under two tiles is read twice.
At a width of one a window takes whole rows of its tile: where the memory is slow, the pixel that completes it comes as
the window leaves with k of them, so that the channel holds one less than the formula says; with a quicker memory, all.

The figure shows, over the tile width: the line buffer as simulated and by formula, the traffic to memory a frame, and
throughput (the stage keeps the pace as long as input and memory do). Strips reread columns, squares rows too. The table
also tells the energy of a frame: 5 pJ a multiply-accumulate and 8 pJ a bit of memory, as on the catalogue's
ultra96-fpga, no idle power.

    python experiments/streamed_tiling.py --out runs/streamed_tiling
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.common import natural, options, script
from experiments.variants import finish, panels, show
from simulator import load_network, simulate
from simulator.mapping import LayerRule, MappingRules
from simulator.report.style import BLUE, GREY, ORANGE
from workloads.builder import NetworkBuilder
from workloads.layers import Layer
from workloads.network import Network
from workloads.tiling import tiling

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_BOARD = """format: platform/1
name: fabric-and-dram
processing_elements:
  fpga: {{model: fpga, clock: 200 MHz, multipliers: {multipliers}, memory: dram, energy: {{mac: 5 pJ/MAC}}}}
memories:
  dram: {{size: 2 GiB, bandwidth: {bandwidth}, energy: {{access: 8 pJ/bit}}}}
"""


def alone(layer: Layer, bits: int) -> Network:
    """A convolution with its activation as a network of its own."""
    made = NetworkBuilder(layer.name, number="int", weight_bits=bits, activation_bits=bits)
    x = made.conv(
        made.input(layer.in_shape), layer.out_channels, layer.kernel or 1, stride=layer.stride, pad=layer.pad, name="c"
    )
    made.relu(x)
    return made.build()


def measure(board: Path, network: Network, tile: dict[str, int] | None, frames: int) -> dict[str, Any]:
    """One row of the table."""
    rules = MappingRules([LayerRule("c", options={"tile": tile} if tile else {})], element="fpga", granularity="pixel")
    result = simulate(board, network, rules, frames=frames)
    data, layer, fifos, row = result.summary(), network["c"], result.fifos, result.layers.iloc[0]
    found = tiling(layer, (tile or {}).get("columns", layer.out_shape[2]), (tile or {}).get("rows"))
    return {
        "order": "raster" if tile is None else "squares" if "rows" in tile else "strips",
        "tile_columns": layer.out_shape[2] if tile is None else tile["columns"],
        "line_buffer_pixels": int(fifos.loc[fifos["fifo"].str.endswith("->c.swg"), "max_tokens"].iloc[0]),
        "formula_pixels": found.line_buffer,
        "reread": found.reread,
        "memory_bytes": float(row["read_bytes"] + row["write_bytes"]),
        "throughput_fps": data["throughput_fps"],
        "energy_per_frame_mj": data["energy_per_frame_mj"],
        "bram18": float(row["bram18"]),
    }


def table_of(board: Path, network: Network, widths: Sequence[int], frames: int) -> pd.DataFrame:
    """Raster order, then strips and squares of every width."""
    import pandas as pd

    rows = [measure(board, network, None, frames)]
    rows += [measure(board, network, {"columns": width}, frames) for width in widths]
    rows += [measure(board, network, {"columns": width, "rows": width}, frames) for width in widths]
    return pd.DataFrame(rows)


def finding(table: pd.DataFrame) -> str:
    """The trade in one sentence, at the narrowest strips that lose less than a tenth of the throughput."""
    raster, strips = table[table["order"] == "raster"].iloc[0], table[table["order"] == "strips"]
    kept = strips[strips["throughput_fps"] > 0.9 * raster["throughput_fps"]]
    best = (kept if len(kept) else strips).sort_values("line_buffer_pixels").iloc[0]
    agree = int((table["line_buffer_pixels"] == table["formula_pixels"]).sum())
    return (
        f"Strips of {best['tile_columns']} columns shrink the line buffer from {raster['line_buffer_pixels']} to"
        f" {best['line_buffer_pixels']} pixels (the formula's figure in {agree} of {len(table)} runs), read"
        f" the input {best['reread']:.2f} times, move {best['memory_bytes'] / raster['memory_bytes']:.1f} times the"
        f" bytes, keep {best['throughput_fps'] / raster['throughput_fps']:.0%} of the throughput"
        f" and take {best['energy_per_frame_mj'] / raster['energy_per_frame_mj']:.2f} times the energy."
    )


def plot(table: pd.DataFrame) -> Figure:
    """Line buffer, traffic and throughput over the width of tiles."""
    figure, axes = panels(3)
    raster = table[table["order"] == "raster"].iloc[0]
    columns = ("line_buffer_pixels", "memory_bytes", "throughput_fps")
    titles = ("line buffer as simulated [pixels]", "memory traffic a frame [MB]", "throughput [frames/s]")
    for axis, column, title in zip(axes, columns, titles, strict=True):
        scale = 1e-6 if column == "memory_bytes" else 1
        for order, colour, mark in (("strips", BLUE, "o"), ("squares", ORANGE, "s")):
            part = table[table["order"] == order]
            line = "" if column == "line_buffer_pixels" else "-"
            size = 7 if order == "strips" else 4
            heights = part[column] * scale
            axis.plot(part["tile_columns"], heights, mark, color=colour, label=order, linestyle=line, markersize=size)
        axis.axhline(raster[column] * scale, color=GREY, linestyle="--", label="raster order")
        axis.set_xscale("log", base=2)
        axis.set_xlabel("tile width [output columns]")
        axis.set_title(title, loc="left", fontsize="medium")
        axis.set_ylim(bottom=0)
    part = table[table["order"] == "strips"]
    axes[0].plot(part["tile_columns"], part["formula_pixels"], color="black", linewidth=0.8, label="formula")
    axes[0].legend(frameon=False)
    return figure


@script
def main(arguments: Sequence[str] | None = None) -> None:
    """Run them all, write the table and the figure, print the answer."""
    parser = options(__doc__, "runs/streamed_tiling")
    parser.add_argument("--network", default="vgg-16", help="network of the zoo (vgg-16)")
    parser.add_argument("--layer", default="features.5", help="its convolution (features.5: 64 channels of 112x112)")
    parser.add_argument("--widths", nargs="+", type=natural, default=[1, 2, 4, 7, 14, 28, 56], metavar="T")
    parser.add_argument("--bits", type=natural, default=4, help="bits of weights and activations (4)")
    parser.add_argument("--bandwidth", default="1 GB/s", help="of the memory in which maps wait (1 GB/s)")
    parser.add_argument("--multipliers", type=natural, default=4608, help="multiply-accumulates a cycle (4608)")
    parser.add_argument("--frames", type=natural, default=2, help="frames a run (2)")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        board = Path(folder) / "board.yaml"
        board.write_text(_BOARD.format(multipliers=given.multipliers, bandwidth=given.bandwidth))
        network = alone(load_network(given.network)[given.layer], given.bits)
        table = table_of(board, network, given.widths, given.frames)
    show(table, list(table.columns))
    finish(plot(table), table, finding(table), given.out, "streamed_tiling")


if __name__ == "__main__":
    main()
