"""How should layers be cut into the stages of a pipeline, and does it pay to split the heavy ones?

A network runs on a row of equal processors with a common memory, each of which computes a stretch of its layers for one
frame while its neighbours work on the frames before and after. The slowest stage sets the pace. Three cuts are compared
for growing numbers of stages: the same number of layers each; the best contiguous cut by multiply-accumulates (dynamic
programming); and the same after the heaviest layers were split by their output channels, again and again, until none
holds more than a stage's fair share.

The figure shows throughput over the number of stages, beside the line of perfect balance, and the share of the time
that stages are busy. Accuracy does not change: splitting and cutting leave the function as it is. The table also tells
the energy of a frame: arithmetic and traffic are the same for every cut, what differs is how long the processors idle.
Energies are those of the catalogue's mpsoc-cpu-gpu (4.6 pJ a MAC, 8 pJ a bit of memory), a quarter of its CPU's idle
power a processor.

    python experiments/layer_balance.py --out runs/layer_balance
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.common import natural, options, script
from experiments.variants import MARKS, finish, panels, show
from simulator import load_network, simulate
from simulator.mapping import LayerRule, MappingRules
from simulator.report.style import GREY, PALETTE
from workloads.accuracy import accuracy_text
from workloads.network import Network
from workloads.transforms import balanced_stages, split_layer

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_PROCESSOR = (
    "{{model: cpu, cores: 1, clock: 1 GHz, rate: {{int8: {rate} MAC/cycle}}, overhead: {overhead},"
    " energy: {{mac: 4.6 pJ/MAC, idle: 22.5 mW}}}}"
)
_BOARD = """format: platform/1
name: row-of-processors
processing_elements:
{processors}
memories:
  dram: {{size: 4 GiB, bandwidth: {bandwidth}, energy: {{access: 8 pJ/bit, idle: 60 mW}}}}
"""
CUTS = ("equal counts", "best cut", "best cut, heavy layers split")


def board(stages: int, rate: int, overhead: str, bandwidth: str) -> str:
    """A platform file of that many equal processors."""
    one = _PROCESSOR.format(rate=rate, overhead=overhead)
    lines = "\n".join(f"  p{place}: {one}" for place in range(stages))
    return _BOARD.format(processors=lines, bandwidth=bandwidth)


def equal_counts(network: Network, stages: int) -> tuple[tuple[str, ...], ...]:
    """The same number of layers to each stage, the first ones one more."""
    names = [group.name for group in network.groups() if group.kind != "input"]
    edges = [len(names) * place // stages for place in range(stages + 1)]
    return tuple(tuple(names[low:high]) for low, high in pairwise(edges))


def split_heavy(network: Network, stages: int) -> Network:
    """The network with its heaviest layer split, until none has more work than a stage's fair share."""
    share = network.macs / stages
    while True:
        heaviest = max(network.layers.values(), key=lambda layer: layer.macs)
        parts = min(heaviest.out_channels, -(-heaviest.macs // max(1, int(share))))
        if heaviest.macs <= share * 1.001 or parts < 2 or heaviest.kind not in ("conv", "dense") or heaviest.groups > 1:
            return network
        network = split_layer(network, heaviest.name, parts)


def measure(
    folder: Path, network: Network, stages: int, cut: str, frames: int, hardware: dict[str, Any]
) -> dict[str, Any]:
    """One row of the table."""
    path = folder / f"row-{stages}.yaml"
    path.write_text(board(stages, **hardware))
    changed = split_heavy(network, stages) if cut == CUTS[2] else network
    runs = equal_counts(changed, stages) if cut == CUTS[0] else balanced_stages(changed, stages)
    rules = MappingRules(
        [LayerRule(name, element=f"p{place}") for place, names in enumerate(runs) for name in names], element="p0"
    )
    result = simulate(path, changed, rules, frames=frames)
    data = result.summary()
    work = [sum(group.macs for group in changed.groups() if group.name in names) for names in runs]
    return {
        "network": network.name,
        "stages": stages,
        "cut": cut,
        "layers": len(changed.groups()) - 1,
        "heaviest_share": max(work) / max(1, sum(work)),
        "throughput_fps": data["throughput_fps"],
        "latency_ms": data["latency_ms"]["mean"],
        "energy_per_frame_mj": data["energy_per_frame_mj"],
        "busy_fraction": float(result.elements["steady_busy_fraction"].head(stages).mean()),
        "limited_by": data["bottleneck"]["name"],
        "top1": accuracy_text(network.name),
    }


def table_of(network: Network, counts: Sequence[int], frames: int, hardware: dict[str, Any]) -> pd.DataFrame:
    """Every cut for every number of stages."""
    import pandas as pd

    with tempfile.TemporaryDirectory() as folder:
        rows = [
            measure(Path(folder), network, count, cut, frames, hardware)
            for count in dict.fromkeys((1, *counts))
            for cut in CUTS
        ]
    return pd.DataFrame(rows)


def finding(table: pd.DataFrame) -> str:
    """What each cut reaches of perfect balance with the most stages."""
    most, first = int(table["stages"].max()), table[table["stages"] == 1].iloc[0]
    last = {str(row["cut"]): row for row in table[table["stages"] == most].to_dict("records")}
    equal, best, split = (last[cut] for cut in CUTS)
    speed = {cut: row["throughput_fps"] / first["throughput_fps"] for cut, row in last.items()}
    return (
        f"{most} stages make {best['network']} {speed[CUTS[0]]:.3g} times as fast with equal counts of layers"
        f" (heaviest stage {equal['heaviest_share']:.0%} of the work), {speed[CUTS[1]]:.3g} times with the best cut"
        f" ({best['heaviest_share']:.0%}), and {speed[CUTS[2]]:.3g} times once heavy layers are split"
        f" ({best['layers']} layers become {split['layers']}; {split['heaviest_share']:.0%}, limited by"
        f" {split['limited_by']}). A frame takes {first['energy_per_frame_mj']:.3g} mJ on one processor and"
        f" {split['energy_per_frame_mj']:.3g} mJ then."
    )


def plot(table: pd.DataFrame) -> Figure:
    """Throughput and busy share over the number of stages."""
    figure, axes = panels(2, width=5.2)
    alone = table[table["stages"] == 1]["throughput_fps"].iloc[0]
    counts = sorted(set(table["stages"]))
    axes[0].plot(counts, [alone * count for count in counts], "--", color=GREY, label="perfect balance")
    for place, (cut, part) in enumerate(table.groupby("cut", sort=False)):
        look: dict[str, Any] = {"marker": MARKS[place], "color": PALETTE[place], "label": cut}
        axes[0].plot(part["stages"], part["throughput_fps"], **look)
        axes[1].plot(part["stages"], 100 * part["busy_fraction"], **look)
    for axis, title in zip(axes, ("throughput [frames/s]", "stages busy, mean [%]"), strict=True):
        axis.set_xlabel("pipeline stages, a processor each")
        axis.set_title(title, loc="left", fontsize="medium")
        axis.set_ylim(bottom=0)
    axes[0].legend(frameon=False)
    return figure


@script
def main(arguments: Sequence[str] | None = None) -> None:
    """Run them all, write the table and the figure, print the answer."""
    parser = options(__doc__, "runs/layer_balance")
    parser.add_argument("--network", default="alexnet", help="network of the zoo (alexnet)")
    parser.add_argument("--stages", nargs="+", type=natural, default=[2, 3, 4, 6, 8, 12], metavar="N")
    parser.add_argument("--rate", type=natural, default=8, help="multiply-accumulates a cycle of a processor (8)")
    parser.add_argument("--overhead", default="20 us", help="of a processor before each layer (20 us)")
    parser.add_argument("--bandwidth", default="12.8 GB/s", help="of the common memory (12.8 GB/s)")
    parser.add_argument("--frames", type=natural, default=32, help="frames a run (32)")
    given = parser.parse_args(arguments)
    hardware = {"rate": given.rate, "overhead": given.overhead, "bandwidth": given.bandwidth}
    table = table_of(load_network(given.network), given.stages, given.frames, hardware)
    show(table, list(table.columns))
    finish(plot(table), table, finding(table), given.out, "layer_balance")


if __name__ == "__main__":
    main()
