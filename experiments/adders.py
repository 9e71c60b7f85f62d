"""Which adder trees, and for which layers does a circuit of their own pay?

A streaming stage sums SIMD products a cycle in a tree of adders. The first panel counts the LUTs of that tree over the
number of operands: adders of two operands, of three (as cheap a bit on six-input LUTs, an assumption), 6:3 compressors,
and the bound that FINN-R's estimate uses. Marks: pipelined multi-operand adders as synthesised for an Intel FPGA
(SAMOS 2018, in ALMs), which are no LUTs of the same kind.

The second panel asks how often a layer's circuit uses each weight in a frame, over the weights that it must hold or
fetch. A convolution uses a weight for every pixel; a dense layer once, so its circuit is mostly storage, and if the
weights do not fit on chip it is as slow as their way from memory. The table adds what each layer takes of a board and
draws from its memory, and throughput with each style of tree and with the dense layers on the processor instead.

    python experiments/adders.py --out runs/adders
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from experiments.common import natural, options, script
from experiments.variants import MARKS, finish, measure, panels, show
from simulator import Platform, load_network, load_platform, simulate
from simulator.elements.streaming.adders import STYLES, adder_tree_depth, adder_tree_luts
from simulator.mapping import LayerRule, MappingRules
from simulator.report.style import GREY, PALETTE
from workloads.network import Network
from workloads.transforms import quantise

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OPERANDS = (3, 9, 18, 32, 64, 96, 144, 288, 576)
_SAMOS_ALMS = {2: 2, 4: 5, 8: 9, 16: 17, 32: 33, 64: 65, 128: 129}
"""Operands: ALMs of pipelined multi-operand adders, SAMOS 2018 (its table of results, Quartus 16.1). That parameter n
stands for 2^n operands is read off the growth of the figures."""


def trees(operands: Sequence[int], bits: int) -> pd.DataFrame:
    """LUTs and levels of every style."""
    import pandas as pd

    return pd.DataFrame(
        {
            "what": "tree", "name": style, "operands": count, "bits": bits,
            "lut": adder_tree_luts(count, bits, style), "levels": adder_tree_depth(count, style, bits),
        }
        for style in STYLES for count in operands
    )  # fmt: skip


def layers_of(platform: Platform, network: Network, element: str) -> pd.DataFrame:
    """What the circuit of each layer costs and does, folded so that the pipeline is balanced."""
    import pandas as pd

    result = simulate(platform, network, MappingRules(element=element), frames=2)
    table = {str(row["layer"]): row for row in result.layers.to_dict("records")}
    rows: list[dict[str, Any]] = []
    for group in network.groups():
        if group.main.is_compute and group.name in table:
            found = table[group.name]
            rows.append(
                {
                    "what": "layer", "name": group.name, "kind": group.kind, "weights": group.main.weights,
                    "macs_per_weight": group.macs / group.main.weights, "lut": float(found["lut"]),
                    "bram18": float(found["bram18"]), "dsp": float(found["dsp"]),
                    "memory_bytes": float(found["read_bytes"]) if found["read_bytes"] == found["read_bytes"] else 0.0,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def runs(platform: Platform, network: Network, element: str, other: str, frames: int) -> pd.DataFrame:
    """The whole network with each style of tree, and with its dense layers elsewhere."""
    import pandas as pd

    rows = []
    for style in STYLES:
        rules = MappingRules([LayerRule("*", options={"adder": style, "res_type": "lut"})], element=element)
        rows.append(
            {
                "what": "run",
                "name": f"all on {element}, {style} trees",
                **measure(platform, network, rules, frames=frames),
            }
        )
    rules = MappingRules([LayerRule("kind:dense", element=other)], element=element)
    rows.append({"what": "run", "name": f"dense layers on {other}", **measure(platform, network, rules, frames=frames)})
    return pd.DataFrame(rows)


def finding(table: pd.DataFrame) -> str:
    """Trees and layers in one sentence."""
    tree = table[table["what"] == "tree"]
    largest = tree[tree["operands"] == tree["operands"].max()].set_index("name")["lut"]
    layers = table[table["what"] == "layer"]
    macs = (layers["macs_per_weight"] * layers["weights"]).groupby(layers["kind"]).sum()
    weights, moved = (layers.groupby("kind")[name].sum() for name in ("weights", "memory_bytes"))
    saved = 1 - largest / largest["binary"]
    text = (
        f"Ternary trees save {saved['ternary']:.0%} and compressors {saved['compressor']:.0%} of the LUTs of binary"
        f" ones ({int(tree['operands'].max())} operands of {int(tree['bits'].iloc[0])} bits)"
    )
    if "dense" in weights.index:
        share = [each["dense"] / max(1.0, each.sum()) for each in (weights, macs, moved)]
        text += (
            f"; dense layers hold {share[0]:.0%} of the weights for {share[1]:.0%} of the work, and their circuits draw"
            f" {share[2]:.0%} of the traffic"
        )
    done = table[(table["what"] == "run") & table["throughput_fps"].notna()].set_index("name")["throughput_fps"]
    elsewhere = [name for name in done.index if name.startswith("dense")]
    if elsewhere and len(done) > 1:
        ratio = done[elsewhere[0]] / done.drop(elsewhere[0]).max()
        text += f", and moving the dense layers off the fabric makes {ratio:.2g} times the throughput"
        text += f" (limited by {table.loc[table['name'] == elsewhere[0], 'limited_by'].iloc[0]})"
    return text + "."


def plot(table: pd.DataFrame, network: str, bits: int) -> Figure:
    """LUTs of trees over operands; weights' use of each layer over the block RAM it takes."""
    figure, axes = panels(2, width=5.4)
    _draw_trees(axes[0], table[table["what"] == "tree"], bits)
    layers = table[table["what"] == "layer"]
    for place, (kind, part) in enumerate(layers.groupby("kind", sort=True)):
        axes[1].plot(part["weights"], part["macs_per_weight"], MARKS[place], color=PALETTE[place], label=kind)
    axes[1].set_xscale("log")
    axes[1].set_yscale("log")
    axes[1].set_xlabel("weights of the layer")
    axes[1].set_title(f"{network}: uses of each weight a frame", loc="left", fontsize="medium")
    axes[1].legend(frameon=False)
    return figure


def _draw_trees(axis: Axes, trees: pd.DataFrame, bits: int) -> None:
    for place, (style, part) in enumerate(trees.groupby("name", sort=False)):
        axis.plot(
            part["operands"],
            part["lut"],
            f"{MARKS[place]}-",
            color=PALETTE[place],
            label=style,
            markersize=4,
            linewidth=1,
        )
    axis.plot(list(_SAMOS_ALMS), list(_SAMOS_ALMS.values()), "x", color=GREY, label="synthesised, ALMs")
    axis.set_xscale("log", base=2)
    axis.set_yscale("log")
    axis.set_xlabel("operands")
    axis.set_title(f"LUTs of an adder tree, operands of {bits} bits", loc="left", fontsize="medium")
    axis.legend(frameon=False)


@script
def main(arguments: Sequence[str] | None = None) -> None:
    """Count, run, write the table and the figure, print the answer."""
    import pandas as pd

    parser = options(__doc__, "runs/adders")
    parser.add_argument("--operands", nargs="+", type=natural, default=OPERANDS, metavar="Q")
    parser.add_argument("--bits", type=natural, default=4, help="bits of an operand (4)")
    parser.add_argument("--platform", default="zcu104", help="with an 'fpga' and a 'cpu' (zcu104)")
    parser.add_argument("--network", default="alexnet", help="network of the zoo (alexnet)")
    parser.add_argument("--width", type=natural, default=4, help="bits of its weights and activations (4)")
    parser.add_argument("--frames", type=natural, default=3, help="frames a run (3)")
    given = parser.parse_args(arguments)
    platform = load_platform(given.platform)
    network = quantise(load_network(given.network), given.width, given.width)
    parts = [trees(given.operands, given.bits), layers_of(platform, network, "fpga")]
    table = pd.concat([*parts, runs(platform, network, "fpga", "cpu", given.frames)], ignore_index=True)
    show(
        table[table["what"] == "tree"].pivot(index="operands", columns="name", values="lut").reset_index(),
        ["operands", *STYLES],
    )
    show(table[table["what"] == "layer"], ["name", "kind", "macs_per_weight", "lut", "bram18", "dsp", "memory_bytes"])
    show(table[table["what"] == "run"], ["name", "throughput_fps", "energy_per_frame_mj", "limited_by", "refused"])
    finish(plot(table, given.network, given.bits), table, finding(table), given.out, "adders")


if __name__ == "__main__":
    main()
