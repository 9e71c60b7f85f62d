"""What do filters made for each input cost, and where?

Setup: Dynamic Filter Networks (De Brabandere et al., NIPS 2016). In M-CifarNet one convolution after the other gets a
small network that makes its filters anew for each input: all filters of the convolution from a pooled input ('sample'),
or one filter for every position ('position'). Weights become activations: they are made, written, moved and read once,
and no batch shares them. The work hardly grows; the traffic does.

The figure compares throughput with the plain network for several places of the convolution, and the bytes a frame that
the GPU and the ASIC move. The sentences printed at the end answer for each way: does it modify the balance of
computations between processing elements, and is it suitable for a GPU?

    python experiments/dynamic_filters.py --out runs/dynamic_filters
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from experiments.common import natural, options, script
from experiments.dynamic_common import (
    ASIC,
    COLOURS,
    GPU,
    GPU_BATCH,
    Method,
    answers,
    draw_gains,
    finish,
    new_figure,
    plain,
    run,
    study,
)
from simulator.result import Result
from workloads.generators.location import dynamic_filters_stream
from workloads.generators.static import static_stream
from workloads.loading import load_network
from workloads.network import Network

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

WAYS = (("conv0", "sample"), ("conv4", "sample"), ("conv4", "position"))


def methods(network: Network, frames: int, seed: int) -> list[Method]:
    """Every way, beside the network with filters of its own."""
    return [
        Method(
            f"filters of {layer} per {per}",
            network,
            dynamic_filters_stream(network, frames, seed=seed, layers=(layer,), per=per),
        )
        for layer, per in WAYS
    ]


def traffic(chosen: Sequence[Method], network: Network, frames: int) -> pd.DataFrame:
    """Bytes a frame between memory and each element, plain and with each way."""
    import pandas as pd

    rows = []
    for target in (GPU, GPU_BATCH, ASIC):
        before = _bytes_per_frame(run(target, static_stream(network, frames)))
        for method in chosen:
            moved = _bytes_per_frame(run(target, method.stream))
            rows.append({"method": method.name, "target": target.title, "plain_mb": before, "moved_mb": moved})
    return pd.DataFrame(rows)


def _bytes_per_frame(result: Result) -> float:
    layers = result.layers
    return float(layers["read_bytes"].sum() + layers["write_bytes"].sum()) * 1e-6


def draw_traffic(axis: Axes, table: pd.DataFrame) -> None:
    """Bytes beside those of the plain network."""
    ways = list(dict.fromkeys(table["method"]))
    targets = list(dict.fromkeys(table["target"]))
    for place, target in enumerate(targets):
        part = table[table["target"] == target]
        where = [i + (place - 1) * 0.27 for i in range(len(ways))]
        axis.bar(
            where, part["moved_mb"] / part["plain_mb"], 0.25, color=COLOURS[target], label=target, edgecolor="white"
        )
    axis.axhline(1.0, color="black", linewidth=0.6)
    axis.set_xticks(range(len(ways)), [way.replace(" per", "\nper") for way in ways], fontsize="small")
    axis.set_ylabel("bytes a frame beside the plain network")
    axis.legend(frameon=False, fontsize="small")
    plain(axis)


@script
def main(arguments: Sequence[str] | None = None) -> None:
    """Run every way, write tables and figure, print the answers."""
    parser = options(__doc__, "runs/dynamic_filters")
    parser.add_argument("--frames", type=natural, default=128, help="frames a run (128)")
    given = parser.parse_args(arguments)
    network = load_network("m-cifarnet")
    chosen = methods(network, given.frames, given.seed)
    table, moved = study(chosen), traffic(chosen, network, given.frames)
    said = answers(table)
    most = moved.assign(more=moved["moved_mb"] / moved["plain_mb"]).sort_values("more", kind="stable").iloc[-1]
    said.append(
        f"The most traffic is added by {most['method']} on the {most['target']}: {most['more']:.2f}x the bytes."
    )
    figure = new_figure(said)
    left, right = figure.subplots(1, 2)
    draw_gains(left, table.assign(method=table["method"].str.replace(" per", "\nper")))
    draw_traffic(right, moved)
    finish(given.out, "dynamic_filters", {"dynamic_filters": table, "traffic": moved}, figure, said)


if __name__ == "__main__":
    main()
