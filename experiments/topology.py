"""Another topology instead of faster hardware: fire modules, MobileNet's dials, factorised VGG.

AlexNet and VGG-16 are compared with what was proposed in their place: SqueezeNet 1.0 and 1.1, MobileNet-v1 at widths
1 to 0.25 and resolutions 224 to 128, and VGG-16 factorised: low-rank pairs and triples (Zhang et al. 2016) for 2 to 5
times fewer operations in all convolutions but the first (the published losses are for ranks chosen layer by layer),
depthwise separable convolutions, and fire modules. Fewer multiply-accumulates are not as many
times less time: factors are memory-bound, depthwise layers have no reuse.

The figure shows published top-1 accuracy over simulated throughput, a panel a platform; what has no published accuracy
stands on the lower edge, hollow. The table says 'none published' there.

    python experiments/topology.py --out runs/topology
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from experiments.common import natural, options, script
from experiments.variants import MARKS, finish, measure, panels, show
from simulator import load_network
from simulator.report.style import PALETTE
from workloads.accuracy import accuracy_text, published_accuracy
from workloads.network import Network
from workloads.transforms import fire, low_rank, scale_resolution, scale_width, separable

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

WIDTHS = (1.0, 0.75, 0.5, 0.25)
RESOLUTIONS = (224, 192, 160, 128)
SPEEDUPS = (2, 3, 4, 5)


Candidate = tuple[str, str, tuple[str, str], Callable[[], Network]]
"""Family, name, the key of its published accuracy, and how it is made."""


def candidates(base: str = "vgg-16") -> list[Candidate]:
    """All networks that are compared."""
    found: list[Candidate] = []
    for name in dict.fromkeys(("alexnet", base, "squeezenet-1.0", "squeezenet-1.1")):
        family = "squeezenet" if "squeeze" in name else "plain"
        found.append((family, name, (name, ""), partial(load_network, name)))
    for width in WIDTHS:
        for pixels in RESOLUTIONS:
            name = "mobilenet-v1" if (width, pixels) == (1, 224) else f"mobilenet-v1-{width:g}-{pixels}"
            found.append(
                ("mobilenet", f"mobilenet {width:g}, {pixels}", (name, ""), partial(_mobilenet, width, pixels))
            )
    for speedup in SPEEDUPS:
        for scheme in ("asymmetric", "3d"):
            key = (base, f"low-rank-{scheme}-{speedup}x")
            found.append(("factorised", f"{base} {scheme} {speedup}x", key, partial(_low_rank, base, speedup, scheme)))
    found.append(("factorised", f"{base} separable", (base, "separable"), lambda: separable(load_network(base))))
    found.append(("factorised", f"{base} fire", (base, "fire"), lambda: fire(load_network(base))))
    return found


def _low_rank(base: str, speedup: float, scheme: str) -> Network:
    """All convolutions but the first, which has too few channels for a factor."""
    network = load_network(base)
    names = [layer.name for layer in network.layers.values() if layer.kind == "conv" and layer.kernel != (1, 1)]
    return low_rank(network, speedup, names[1:], scheme=scheme)


def _mobilenet(width: float, pixels: int) -> Network:
    network = load_network("mobilenet-v1")
    network = network if width == 1 else scale_width(network, width)
    return network if pixels == 224 else scale_resolution(network, pixels)


def table_of(boards: Sequence[str], base: str, frames: int, seed: int) -> pd.DataFrame:
    """Every candidate on every platform."""
    import pandas as pd

    rows = []
    for family, name, key, make in candidates(base):
        network = make()
        known = published_accuracy(*key)
        top1 = None if known is None else known.top1_percent
        for board in boards:
            run = measure(board, network, frames=frames, seed=seed)
            rows.append(
                {
                    "family": family,
                    "network": name,
                    "platform": board,
                    **run,
                    "top1_percent": top1,
                    "top1": accuracy_text(*key),
                }
            )
    return pd.DataFrame(rows).astype({"top1_percent": float})


def finding(table: pd.DataFrame, base: str) -> str:
    """How much of the fewer operations arrives as speed, and the fastest network that stays as accurate as the base."""
    parts = []
    for board, part in table[table["refused"].isna()].groupby("platform", sort=False):
        rows = {str(row["network"]): row for row in part.to_dict("records")}
        start = rows[base]
        factor = part[part["family"] == "factorised"]
        arrives = ((factor["throughput_fps"] / start["throughput_fps"]) / (start["macs"] / factor["macs"])).median()
        near = [row for row in rows.values() if row["top1_percent"] >= start["top1_percent"] - 3]
        best = max(near, key=lambda row: row["throughput_fps"], default=start)
        parts.append(
            f"on {board} {arrives:.0%} of what factorising saves in operations arrives as speed (median), and"
            f" {best['network']} is {best['throughput_fps'] / start['throughput_fps']:.3g} times as fast for"
            f" {start['macs'] / best['macs']:.3g} times fewer operations"
        )
    return f"Beside {base}: {'; '.join(parts)}. (Within 3 points of published top-1.)"


def plot(table: pd.DataFrame) -> Figure:
    """Accuracy over throughput, a panel a platform."""
    boards = list(dict.fromkeys(table["platform"]))
    figure, axes = panels(len(boards), width=5.2, height=4.6)
    floor = float(table["top1_percent"].min()) - 4
    for axis, board in zip(axes, boards, strict=True):
        own = table[(table["platform"] == board) & table["refused"].isna()]
        for place, (family, part) in enumerate(own.groupby("family", sort=False)):
            known = part["top1_percent"].notna()
            axis.plot(
                part.loc[known, "throughput_fps"], part.loc[known, "top1_percent"], MARKS[place],
                color=PALETTE[place], label=family,
            )  # fmt: skip
            axis.plot(
                part.loc[~known, "throughput_fps"], [floor] * int((~known).sum()), MARKS[place],
                color=PALETTE[place], fillstyle="none", label=None if known.any() else f"{family} (none published)",
            )  # fmt: skip
        for row in own[own["top1_percent"].notna()].itertuples():
            axis.annotate(
                str(row.network), (row.throughput_fps, row.top1_percent), (4, 4), textcoords="offset points", fontsize=6
            )
        axis.set_xscale("log")
        axis.set_xlabel("throughput [frames/s]")
        axis.set_title(f"{board} (lower edge: no published accuracy)", loc="left", fontsize="medium")
    axes[0].set_ylabel("published ImageNet top-1 [%]")
    axes[0].legend(frameon=False, fontsize="small", loc="center left")
    return figure


@script
def main(arguments: Sequence[str] | None = None) -> None:
    """Run them all, write the table and the figure, print the answer."""
    parser = options(__doc__, "runs/topology")
    parser.add_argument("--platforms", nargs="+", default=["raspberry-pi-4", "jetson-nano"], metavar="NAME")
    parser.add_argument("--base", default="vgg-16", help="network that is factorised (vgg-16)")
    parser.add_argument("--frames", type=natural, default=3, help="frames a run (3)")
    given = parser.parse_args(arguments)
    table = table_of(given.platforms, given.base, given.frames, given.seed)
    show(table, ["platform", "network", "macs", "throughput_fps", "energy_per_frame_mj", "top1"])
    finish(plot(table), table, finding(table, given.base), given.out, "topology")


if __name__ == "__main__":
    main()
