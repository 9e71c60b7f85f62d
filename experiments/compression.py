"""What does Deep Compression buy, and on which hardware?

LeNet-300-100, LeNet-5, AlexNet (Caffe) and VGG-16 run as they are, pruned (P: a relative index is stored for each kept
weight), with shared weights (PQ) and with Huffman codes (PQH), as Han, Mao and Dally published them (ICLR 2016), and
with half of the channels gone. CPU, GPU and systolic array compute every zero and gain only what the weights' bytes
take; EIE skips zeros, but runs dense layers only, so it gets the dense part of each network. Decoding is not modelled.
The platforms run in the precision that they list first in speed; codebook indices stay as wide as they are.

The figure shows, for each network, throughput relative to the uncompressed network on each platform, and the stored
size. The table has throughput, energy, size as predicted beside size as published, and the published accuracy.

    python experiments/compression.py --out runs/compression
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from experiments.common import natural, options, script
from experiments.variants import MARKS, finish, measure, panels, show
from simulator import load_network, load_platform
from simulator.mapping import MappingRules
from simulator.report.style import PALETTE
from workloads.accuracy import accuracy_text
from workloads.builder import NetworkBuilder
from workloads.network import Network
from workloads.transforms import compression_table, deep_compression, prune_channels

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

PLATFORMS = {"raspberry-pi-4": "cpu", "jetson-nano": "gpu", "systolic-32x32": "systolic", "eie-64pe": "eie"}
STAGES = ("dense", "P", "PQ", "PQH", "channels")


def variant(network: Network, stage: str) -> Network:
    """The network at one stage of compression, or with half of its channels."""
    if stage == "dense":
        return network
    if stage == "channels":
        return prune_channels(network, 0.5)
    return deep_compression(network, stage, fillers=True)


def dense_part(network: Network) -> Network:
    """The dense layers in a row, each as compressed as it is in the network."""
    from dataclasses import replace

    layers = [layer for layer in network.layers.values() if layer.kind == "dense"]
    made = NetworkBuilder(network.name)
    x = made.input(layers[0].in_shape)
    for layer in layers:
        x = made.dense(x, layer.out_channels, name=layer.name)
    plain = made.build()
    kept = [
        replace(network[layer.name], inputs=layer.inputs) if layer.kind == "dense" else layer
        for layer in plain.layers.values()
    ]
    return plain.with_layers(kept, "dense layers alone")


def table_of(names: Sequence[str], boards: dict[str, str], frames: int, seed: int) -> pd.DataFrame:
    """Every network at every stage on every platform."""
    import pandas as pd

    rows = []
    for name in names:
        network = load_network(name)
        sizes = compression_table(network)[-1]
        for stage in STAGES:
            found = variant(network, stage)
            about = {
                "size_percent": 100 * found.weight_bytes / network.weight_bytes,
                "published_percent": {"PQ": sizes["published_pq_percent"], "PQH": sizes["published_pqh_percent"]}.get(
                    stage
                ),
                "top1": accuracy_text(name, {"dense": "", "PQH": "deep-compression"}.get(stage, stage)),
            }
            for board, model in boards.items():
                platform = load_platform(board)
                element = next(key for key, each in platform.processing_elements.items() if each.config.model == model)
                part = dense_part(found) if model == "eie" else found
                run = measure(platform, part, MappingRules(element=element), frames=frames, seed=seed)
                rows.append({"network": name, "platform": board, "stage": stage, **run, **about})
    table = pd.DataFrame(rows)
    base = table[table["stage"] == "dense"].set_index(["network", "platform"])["throughput_fps"]
    table["speedup"] = table["throughput_fps"] / base.reindex(table.set_index(["network", "platform"]).index).to_numpy()
    return table


def finding(table: pd.DataFrame) -> str:
    """What the smallest form brings on each platform, and what half the channels do."""
    done = table[table["refused"].isna()]
    sizes = table[table["stage"] == "PQH"].groupby("network")["size_percent"].first()
    spread = {
        stage: done[done["stage"] == stage].groupby("platform", sort=False)["speedup"].agg(["min", "max"])
        for stage in ("PQH", "channels")
    }
    texts = {
        stage: ", ".join(f"{name} {row['min']:.3g} to {row['max']:.3g}" for name, row in rows.iterrows())
        for stage, rows in spread.items()
    }
    return (
        f"Compressed to {sizes.min():.1f} to {sizes.max():.1f} % of their size the networks run faster by a factor of"
        f" {texts['PQH']}; with half the channels, by {texts['channels']}."
    )


def plot(table: pd.DataFrame) -> Figure:
    """A panel a network: speed-up at each stage, a line a platform."""
    networks = list(dict.fromkeys(table["network"]))
    figure, axes = panels(len(networks), width=3.6)
    for axis, network in zip(axes, networks, strict=True):
        own = table[(table["network"] == network) & table["refused"].isna()]
        for place, (board, part) in enumerate(own.groupby("platform", sort=False)):
            rates = part.set_index("stage")["speedup"].reindex(list(STAGES))
            axis.plot(list(STAGES), rates, f"{MARKS[place]}-", color=PALETTE[place], label=board, alpha=0.85)
        sizes = own.groupby("stage")["size_percent"].first()
        axis.set_xticks(range(len(STAGES)), [f"{s}\n{sizes[s]:.3g} %" if s in sizes.index else s for s in STAGES])
        axis.set_yscale("log", base=2)
        axis.yaxis.set_major_formatter("{x:g}")
        axis.set_title(network, loc="left", fontsize="medium")
        axis.set_xlabel("stage, and size of the weights")
    axes[0].set_ylabel("throughput relative to the dense network")
    axes[0].legend(frameon=False, fontsize="small")
    return figure


@script
def main(arguments: Sequence[str] | None = None) -> None:
    """Run them all, write the table and the figure, print the answer."""
    parser = options(__doc__, "runs/compression")
    names = ["lenet-300-100", "lenet-5", "alexnet-caffe", "vgg-16"]
    parser.add_argument("--networks", nargs="+", default=names, metavar="NAME", help=" ".join(names))
    parser.add_argument(
        "--platforms",
        nargs="+",
        default=list(PLATFORMS),
        choices=list(PLATFORMS),
        metavar="NAME",
        help=" ".join(PLATFORMS),
    )
    parser.add_argument("--frames", type=natural, default=4, help="frames a run (4)")
    given = parser.parse_args(arguments)
    boards = {name: PLATFORMS[name] for name in given.platforms}
    table = table_of(given.networks, boards, given.frames, given.seed)
    columns = ["network", "platform", "stage", "size_percent", "published_percent", "speedup", "throughput_fps"]
    show(table, [*columns, "energy_per_frame_mj", "top1"])
    finish(plot(table), table, finding(table), given.out, "compression")


if __name__ == "__main__":
    main()
