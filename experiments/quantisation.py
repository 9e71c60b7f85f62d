"""What do fewer bits buy, and on which hardware?

Networks run with weights and activations of 32 (float), 16, 8, 4, 2 and 1 bits on a CPU and a GPU, and from integers of
16 bits down on a systolic array and an FPGA. Nothing but the platform decides what is gained: an element computes in
the narrowest format that it lists and that holds the operands, so below its narrowest one only bytes become fewer; the
fabric of an FPGA builds narrower multipliers (in LUTs below 5 bits), so more of them and more of the weights fit, and
the folding is as fast as the device allows. One bit means XNOR and popcount there, with the first and last layer left
at 8 bits.

The figure shows throughput and energy a frame over bits, a line a platform; energy that a platform does not model is
absent. Accuracy is not simulated: the table has the published top-1 where there is one for the variant.

    python experiments/quantisation.py --out runs/quantisation
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from experiments.common import natural, options, script
from experiments.variants import MARKS, finish, measure, panels, show
from simulator import Platform, UserError, load_network, load_platform
from simulator.mapping import MappingRules
from simulator.report.style import PALETTE
from workloads.accuracy import accuracy_text
from workloads.network import Network
from workloads.transforms import binarise, quantise

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

PLATFORMS = {"raspberry-pi-4": "cpu", "jetson-nano": "gpu", "systolic-32x32": "systolic", "zcu104": "fpga"}
"""Platforms, and the model of the element that runs everything."""

_ROOM = {"fpga": {"multipliers": "65536"}}
"""More multipliers than any device holds, so that the device decides how many there are."""


_FLOATS = ("cpu", "gpu")
"""Models that compute in floats; the others begin at integers of 16 bits."""


def narrowed(network: Network, bits: int, number: str = "int") -> Network:
    """The network at that width, in ``number`` above 8 bits; one bit leaves the first and the last layer at eight."""
    if bits == 32:
        return network
    if bits == 1:
        return binarise(quantise(network, 8, 8))
    return quantise(network, bits, bits, number if bits > 8 else "int")


def board(name: str, model: str) -> tuple[Platform, str]:
    """A platform, and its element of that model."""
    found = load_platform(name)
    element = next((key for key, each in found.processing_elements.items() if each.config.model == model), None)
    if element is None:
        raise UserError(f"platform '{name}' has no element of model '{model}'; write NAME=MODEL with one that it has")
    changes = {f"processing_elements.{element}.{key}": value for key, value in _ROOM.get(model, {}).items()}
    return load_platform(name, changes), element


def table_of(
    boards: dict[str, str], networks: Sequence[str], widths: Sequence[int], frames: int, seed: int
) -> pd.DataFrame:
    """Every network at every width on every platform."""
    import pandas as pd

    rows = []
    for name, model in boards.items():
        platform, element = board(name, model)
        for network in networks:
            for bits in widths:
                if bits == 32 and model not in _FLOATS:
                    continue
                found = narrowed(load_network(network), bits, "float" if model in _FLOATS else "int")
                rules = MappingRules(element=element, precision="fp32" if bits == 32 else None)
                variant = "" if bits == 32 else f"w{bits}a{bits}"
                run = measure(platform, found, rules, frames=frames, seed=seed)
                rows.append(
                    {"network": network, "platform": name, "bits": bits, **run, "top1": accuracy_text(network, variant)}
                )
    return pd.DataFrame(rows)


def finding(table: pd.DataFrame) -> str:
    """The gain from 8 bits to the narrowest width that runs, by platform, as the geometric mean over networks."""
    import numpy as np

    parts = []
    for platform, part in table[table["refused"].isna()].groupby("platform", sort=False):
        rates = part.pivot(index="network", columns="bits", values="throughput_fps")
        narrow = min(rates.columns)
        start = 8 if 8 in rates.columns else max(rates.columns)
        gain = float(np.exp(np.nanmean(np.log((rates[narrow] / rates[start]).dropna())))) if narrow != start else 1.0
        parts.append(f"{gain:.2g} on {platform}")
    variants = table[table["bits"] < 32].groupby(["network", "bits"])["top1"].first()
    known = f"accuracy is published for {int(variants.str.contains('%').sum())} of {len(variants)} narrow variants"
    return f"From 8 bits down throughput grows by a factor of {', '.join(parts)}; {known}."


def plot(table: pd.DataFrame) -> Figure:
    """Throughput and energy over bits, a line a platform and a mark a network."""
    done = table[table["refused"].isna()]
    networks = list(dict.fromkeys(table["network"]))
    figure, axes = panels(2, width=5.6)
    for colour, (platform, part) in zip(PALETTE, done.groupby("platform", sort=False), strict=False):
        for mark, network in zip(MARKS, networks, strict=False):
            own = part[part["network"] == network].sort_values("bits")
            label = platform if network == networks[0] else None
            axes[0].plot(own["bits"], own["throughput_fps"], f"{mark}-", color=colour, label=label, markersize=5)
            axes[1].plot(own["bits"], own["energy_per_frame_mj"].astype(float), f"{mark}-", color=colour, markersize=5)
    for axis, title in zip(axes, ("throughput [frames/s]", "energy a frame [mJ]"), strict=True):
        axis.set_xscale("log", base=2)
        axis.set_yscale("log")
        axis.set_xticks(sorted(set(table["bits"])), [str(bits) for bits in sorted(set(table["bits"]))])
        axis.set_xlabel("bits of weights and activations")
        axis.set_title(title, loc="left", fontsize="medium")
    for mark, network in zip(MARKS, networks, strict=False):
        axes[1].plot([], [], mark, color="black", label=network)
    axes[0].legend(frameon=False, fontsize="small")
    axes[1].legend(frameon=False, fontsize="small")
    return figure


@script
def main(arguments: Sequence[str] | None = None) -> None:
    """Run them all, write the table and the figure, print the answer."""
    parser = options(__doc__, "runs/quantisation")
    parser.add_argument(
        "--platforms", nargs="+", default=[f"{name}={model}" for name, model in PLATFORMS.items()], metavar="NAME=MODEL"
    )
    parser.add_argument("--networks", nargs="+", default=["mobilenet-v1", "resnet-18"], metavar="NAME")
    parser.add_argument("--bits", nargs="+", type=natural, default=[32, 16, 8, 4, 2, 1], metavar="B")
    parser.add_argument("--frames", type=natural, default=4, help="frames a run (4)")
    given = parser.parse_args(arguments)
    boards = dict(text.split("=", 1) if "=" in text else (text, "cpu") for text in given.platforms)
    table = table_of(boards, given.networks, given.bits, given.frames, given.seed)
    show(
        table,
        ["network", "platform", "bits", "throughput_fps", "energy_per_frame_mj", "weight_bytes", "limited_by", "top1"],
    )
    finish(plot(table), table, finding(table), given.out, "quantisation")


if __name__ == "__main__":
    main()
