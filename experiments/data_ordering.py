"""Does the best reordering of a convolution depend on its shape and symmetry?

A question that A. Honorat's talk (8 April 2021) leaves open. Convolutions of square and line kernels (3x3 to 7x7, and
1 x k beside k x 1), 16 to 256 channels, maps of 14 to 56 pixels and strides 1 and 2 run on the CPU of each platform
in every way that can carry them out: im2col, MEC, kn2row and its accumulating forms, Winograd, FFT. Each run pays for
what its way multiplies, adds, rearranges through the caches and holds. MEC shares patches along the height of a kernel,
as published; turned, it would share them along the width. Direct convolution is in the table for comparison and no
candidate: at equal efficiency it never loses to a pure reordering, which is done because kernels for matrix products
are better. Then three networks take the quickest way layer by layer, beside im2col everywhere.

The figure shows the winner of each shape, a panel a platform. The sentence counts how often the winner changes when one
property changes and all others stay.

    python experiments/data_ordering.py --out runs/data_ordering
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING

from experiments.common import natural, options, script, write_table
from experiments.variants import finish, panels, show
from simulator import Platform, UserError, load_network, load_platform
from simulator.algorithms import algorithm_times
from simulator.report.style import PALETTE
from workloads.builder import NetworkBuilder
from workloads.conv_algorithms import ALGORITHMS
from workloads.network import Network

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

KERNELS = ("3x3", "5x5", "7x7", "1x3", "3x1", "1x7", "7x1")
PROPERTIES = ("kernel", "channels", "map", "stride")


def shapes(kernels: Sequence[str], channels: Sequence[int], maps: Sequence[int], strides: Sequence[int]) -> Network:
    """Convolutions side by side, each with an input of its own, named by their shape."""
    made = NetworkBuilder("shapes")
    for kernel, count, side, stride in product(kernels, channels, maps, strides):
        high, wide = map(int, kernel.split("x"))
        x = made.input((count, side, side), name=f"in {kernel} {count} {side} {stride}")
        pad = (high // 2, wide // 2, high // 2, wide // 2)
        made.conv(x, count, (high, wide), stride=stride, pad=pad, name=f"{kernel} {count} {side} {stride}")
    return made.build()


def kernel(text: str) -> str:
    """The type of ``--kernels``: height and width, joined by an x."""
    if not re.fullmatch("[1-9][0-9]?x[1-9][0-9]?", text):
        raise argparse.ArgumentTypeError(f"'{text}' is no kernel; write its height and width, e.g. 3x5")
    return text


def cpu_of(name: str) -> tuple[Platform, str]:
    """A platform and its first CPU."""
    found = load_platform(name)
    element = next((key for key, each in found.processing_elements.items() if each.config.model == "cpu"), None)
    if element is None:
        raise UserError(f"platform '{name}' has no CPU; name one that has, e.g. raspberry-pi-4")
    return found, element


def table_of(names: Sequence[str], network: Network) -> pd.DataFrame:
    """Every shape in every way on every platform; ``wins``: quickest of all but direct."""
    import pandas as pd

    parts = []
    for name in names:
        platform, element = cpu_of(name)
        times = algorithm_times(platform, network, element)
        named = times["layer"].str.split(" ", expand=True).set_axis(list(PROPERTIES), axis=1)
        parts.append(pd.concat([named, times.drop(columns="layer")], axis=1).assign(platform=name))
    table = pd.concat(parts, ignore_index=True)
    for column in ("channels", "map", "stride"):
        table[column] = table[column].astype(int)
    ranked = table[table["algorithm"] != "direct"].sort_values(["time_us", "temporary"], kind="stable")
    winners = ranked.drop_duplicates(["platform", *PROPERTIES]).index
    table["wins"] = table.index.isin(winners)
    return table


def changes(table: pd.DataFrame) -> dict[str, float]:
    """For each property, the share of pairs of shapes that differ in it alone and have different winners.

    'symmetry' pairs a line kernel with its transpose, 'kernel' leaves such pairs out.
    """
    found: dict[str, list[bool]] = {name: [] for name in (*PROPERTIES, "symmetry")}
    winners = table[table["wins"]]
    for name in PROPERTIES:
        others = ["platform", *(each for each in PROPERTIES if each != name)]
        for _, part in winners.groupby(others):
            rows = list(zip(part[name], part["algorithm"], strict=True))
            for place, (one, way) in enumerate(rows):
                for other, another in rows[place + 1 :]:
                    turned = name == "kernel" and one == "x".join(reversed(other.split("x")))
                    found["symmetry" if turned else name].append(way != another)
    return {name: sum(pairs) / len(pairs) for name, pairs in found.items() if pairs}


def networks_of(names: Sequence[str], networks: Sequence[str]) -> pd.DataFrame:
    """Time of all convolutions of a network with im2col everywhere and with the quickest way for each layer."""
    import pandas as pd

    rows = []
    for name in names:
        platform, element = cpu_of(name)
        for network in networks:
            times = algorithm_times(platform, load_network(network), element)
            times = times[times["algorithm"] != "direct"]
            best = times.sort_values(["time_us", "temporary"], kind="stable").drop_duplicates("layer")
            patches = times[times["algorithm"] == "im2col"]["time_us"].sum()
            ways = best["algorithm"].value_counts()
            rows.append(
                {
                    "platform": name,
                    "network": network,
                    "im2col_ms": patches * 1e-3,
                    "quickest_ms": best["time_us"].sum() * 1e-3,
                    "gain": patches / best["time_us"].sum(),
                    "ways": ", ".join(f"{way} {count}" for way, count in ways.items()),
                }
            )
    return pd.DataFrame(rows)


def finding(table: pd.DataFrame, networks: pd.DataFrame) -> str:
    """Yes or no, and what it depends on."""
    shares = changes(table)
    if not shares:
        return "No two shapes differ in one property alone: name more kernels, channels, maps or strides."
    wins = table[table["wins"]]["algorithm"].value_counts(normalize=True)
    ranked = sorted(shares.items(), key=lambda item: -item[1])
    answer = "Yes" if max(shares.values()) > 0 else "No"
    leaders = ", ".join(f"{name} {share:.0%}" for name, share in wins.items())
    text = (
        f"{answer}: the quickest reordering ({leaders} of the shapes) is another one when one property changes alone,"
        " in"
        f" {', '.join(f'{share:.0%} of pairs for {name}' for name, share in ranked)}"
    )
    if len(networks):
        low, high = networks["gain"].min(), networks["gain"].max()
        text += (
            f"; choosing layer by layer makes convolutions {low:.3g} to {high:.3g} times as fast as im2col everywhere"
        )
    return text + "."


def plot(table: pd.DataFrame) -> Figure:
    """The winner of each shape as a coloured field with its name; a panel a platform."""
    from matplotlib.patches import Rectangle

    names = list(dict.fromkeys(table["platform"]))
    ways = [way for way in ALGORITHMS if way in set(table[table["wins"]]["algorithm"])]
    winners = table[table["wins"]]
    rows = list(dict.fromkeys(zip(table["kernel"], table["stride"], strict=True)))
    columns = sorted(set(zip(table["channels"], table["map"], strict=True)))
    figure, axes = panels(len(names), width=max(4.0, 0.5 * len(columns) + 1.5), height=max(3.5, 0.36 * len(rows) + 2))
    for axis, name in zip(axes, names, strict=True):
        axis.grid(False)
        for row in winners[winners["platform"] == name].itertuples():
            x, y = columns.index((row.channels, row.map)), rows.index((row.kernel, row.stride))
            colour = PALETTE[ways.index(row.algorithm) % len(PALETTE)]
            axis.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=colour, alpha=0.55, edgecolor="white"))
            axis.text(x, y, _SHORT[row.algorithm], ha="center", va="center", fontsize=7)
        axis.set_xlim(-0.5, len(columns) - 0.5)
        axis.set_ylim(len(rows) - 0.5, -0.5)
        axis.set_xticks(range(len(columns)), [f"{c}\n{side}" for c, side in columns], fontsize=7)
        axis.set_yticks(
            range(len(rows)),
            [f"{kernel}" + (f" /{stride}" if stride > 1 else "") for kernel, stride in rows],
            fontsize=8,
        )
        axis.set_xlabel("channels, and pixels of a side of the map")
        axis.set_title(name, loc="left", fontsize="medium")
    axes[0].set_ylabel("kernel (height x width) / stride")
    key = ", ".join(f"{_SHORT[way]} {way}" for way in ways)
    axes[-1].annotate(key, (1, 1.01), xycoords="axes fraction", ha="right", fontsize=7)
    return figure


_SHORT = {
    "direct": "d", "im2col": "i", "mec": "M", "kn2row": "k", "kn2row-acc": "ka", "k2r-aa": "kaa",
    "winograd-2": "W2", "winograd-4": "W4", "fft": "F",
}  # fmt: skip


@script
def main(arguments: Sequence[str] | None = None) -> None:
    """Run them all, write the tables and the figure, print the answer."""
    parser = options(__doc__, "runs/data_ordering")
    parser.add_argument("--platforms", nargs="+", default=["raspberry-pi-4", "server-2core-avx512"], metavar="NAME")
    parser.add_argument("--kernels", nargs="+", type=kernel, default=list(KERNELS), metavar="HxW")
    parser.add_argument("--channels", nargs="+", type=natural, default=[16, 64, 256], metavar="C")
    parser.add_argument("--maps", nargs="+", type=natural, default=[14, 28, 56], metavar="N")
    parser.add_argument("--strides", nargs="+", type=natural, default=[1, 2], metavar="S")
    parser.add_argument("--networks", nargs="*", default=["vgg-16", "resnet-18", "squeezenet-1.1"], metavar="NAME")
    given = parser.parse_args(arguments)
    table = table_of(given.platforms, shapes(given.kernels, given.channels, given.maps, given.strides))
    networks = networks_of(given.platforms, given.networks)
    given.out.mkdir(parents=True, exist_ok=True)
    if len(networks):
        show(networks, list(networks.columns))
        write_table(networks, given.out / "data_ordering_networks.csv")
    finish(plot(table), table, finding(table, networks), given.out, "data_ordering")


if __name__ == "__main__":
    main()
