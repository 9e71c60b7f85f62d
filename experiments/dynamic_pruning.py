"""What does pruning at run time do to a pipeline, a GPU and an ASIC?

Setup: M-CifarNet (Gao et al., ICLR 2019), whose convolutions keep a share of their channels that depends on the input:
mean 0.5, its deviation over inputs varied, layers correlated with each other but not alike. It runs on a streaming FPGA
pipeline (with FIFOs of several depths), on a GPU with one and with sixteen frames together, and on a systolic array.
Latencies are those at 80 % of what evenly spread work reaches. The pipeline is folded for the mean work.
Remedies against the imbalance are tried at the largest deviation: folding for a quantile, deeper FIFOs, two instances
of the slowest layer, neighbours merged on one engine, and the last layer moved to the CPU.

The figure shows throughput and p99 latency against FIFO depth for each deviation, what each hardware makes of the work
saved, and the remedies. The sentence printed at the end answers both questions: does the method modify the balance of
computations between processing elements, and is it suitable for a GPU?

    python experiments/dynamic_pruning.py --out runs/dynamic_pruning
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from experiments.common import natural, options, script, step
from experiments.dynamic_common import (
    COLOURS,
    FPGA,
    LOAD,
    answer,
    compare,
    draw_gains,
    even_pace,
    fifos_of,
    figures,
    finish,
    new_figure,
    paced,
    plain,
    run,
    throughput,
)
from simulator.mapping import LayerRule, MappingRules
from simulator.report.style import GREEN, lighter
from simulator.result import Result
from workloads.generators.channels import pruned_stream
from workloads.loading import load_network
from workloads.network import Network
from workloads.tokens import TokenStream

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DENSITY = 0.5
LAYER_CORRELATION = 0.3
DEVIATIONS = (0.0, 0.1, 0.2)
DEPTHS = (0.25, 1.0, 4.0)
"""Frames that each FIFO between two layers holds."""


def stream_of(network: Network, deviation: float, frames: int, seed: int) -> TokenStream:
    """Frames of which each keeps its own share of channels."""
    return pruned_stream(
        network, frames, seed=seed, density=DENSITY, deviation=deviation, layer_correlation=LAYER_CORRELATION
    )


def depths(network: Network, frames: int, seed: int) -> pd.DataFrame:
    """Throughput and latency on the pipeline for every deviation and depth."""
    import pandas as pd

    rows = []
    for deviation in DEVIATIONS:
        stream = stream_of(network, deviation, frames, seed)
        for depth in DEPTHS:
            row = figures(FPGA, stream, FPGA.rules(fifos=fifos_of(network, depth)))
            rows.append({"deviation": deviation, "fifo_frames": depth, **row})
    return pd.DataFrame(rows)


def hardware(network: Network, frames: int, seed: int) -> pd.DataFrame:
    """What each target makes of the work saved, at every deviation."""
    import pandas as pd

    rows = []
    for deviation in DEVIATIONS:
        stream = stream_of(network, deviation, frames, seed)
        rows += [{"deviation": deviation, **row} for row in compare(stream, network)]
    return pd.DataFrame(rows)


def remedies(network: Network, frames: int, seed: int) -> pd.DataFrame:
    """What each remedy gives at the largest deviation, and the multipliers that it takes."""
    import pandas as pd

    stream = stream_of(network, DEVIATIONS[-1], frames, seed)
    base = run(FPGA, stream)
    slowest, even = _slowest(base), even_pace(base)
    names = [group.name for group in network.groups() if group.main.is_compute]
    pairs = [LayerRule(name, options={"engine": f"engine{place // 2}"}) for place, name in enumerate(names[:-1])]
    tried: dict[str, MappingRules] = {
        "folded for the mean": FPGA.rules(),
        "folded for dense work": FPGA.rules([LayerRule("*", options={"load": "dense"})]),
        "folded for 95 % of frames": FPGA.rules([LayerRule("*", options={"load": 0.95})]),
        "FIFOs of 4 frames": FPGA.rules(fifos=fifos_of(network, DEPTHS[-1])),
        f"two instances of {slowest}": FPGA.rules([LayerRule(slowest, options={"instances": 2})]),
        "neighbours merged": FPGA.rules(pairs),
        f"{names[-1]} on the CPU": MappingRules(
            element=FPGA.element,
            layers=[*(LayerRule(name, options={"load": "mean"}) for name in names[:-1]), LayerRule(names[-1], "cpu")],
        ),
    }
    rows = []
    for name, rules in tried.items():
        full = run(FPGA, stream, rules)
        latency = run(FPGA, paced(stream, LOAD * even), rules).summary()["latency_ms"]
        used = multipliers(full)
        rows.append(
            {
                "remedy": name,
                "throughput_fps": throughput(full),
                "latency_p99_ms": latency["p99"],
                "multipliers": used,
                "fps_per_multiplier": throughput(full) / used,
            }
        )
    return pd.DataFrame(rows)


def _slowest(result: Result) -> str:
    """The layer whose stage is busiest."""
    table = result.stages[result.stages["role"] == "stage"]
    return str(table["layer"].iloc[int(table["steady_busy_fraction"].to_numpy().argmax())])


def multipliers(result: Result) -> int:
    """Parallel multipliers of all matrix units of a pipeline; layers of one engine count once."""
    used: dict[str, int] = {}
    resources, plan = result.lowered.resources, result.lowered.plan
    for actor, note in zip(plan.actors, result.lowered.actors, strict=True):
        if note.macs is None or actor.resource is None or resources[actor.resource].element != FPGA.element:
            continue
        unit = plan.resources[actor.resource]
        own = int(note.detail["pe"]) * int(note.detail["simd"]) * unit.slots
        used[unit.name] = max(own, used.get(unit.name, 0))
    return sum(used.values())


def draw(depth: pd.DataFrame, targets: pd.DataFrame, tried: pd.DataFrame, title: str) -> Figure:
    """Throughput and p99 against depth, gains by hardware, remedies."""
    figure = new_figure([title], height=8.2)
    axes = figure.subplots(2, 2)
    _lines(axes[0][0], depth, "throughput_fps", "FPGA throughput [frames/s]")
    _lines(axes[0][1], depth, "latency_p99_ms", f"FPGA p99 latency at {LOAD:.0%} load [ms]")
    draw_gains(axes[1][0], targets, "deviation")
    axes[1][0].set_xlabel("deviation of the share of channels that is kept")
    _remedies(axes[1][1], tried)
    return figure


def _lines(axis: Axes, table: pd.DataFrame, column: str, label: str) -> None:
    shades = (lighter(GREEN, 0.6), lighter(GREEN, 0.25), "#00422F")
    for (deviation, part), shade, mark in zip(table.groupby("deviation"), shades, "os^", strict=False):
        axis.plot(part["fifo_frames"], part[column], color=shade, marker=mark, label=f"deviation {deviation:g}")
    axis.set_xscale("log", base=2)
    axis.set_xticks(DEPTHS, [f"{depth:g}" for depth in DEPTHS])
    axis.set_ylim(0, 1.08 * float(table[column].max()))
    axis.set_xlabel("depth of each FIFO [frames]")
    axis.set_ylabel(label)
    axis.legend(frameon=False, fontsize="small")
    plain(axis)


def _remedies(axis: Axes, table: pd.DataFrame) -> None:
    places = range(len(table))
    axis.barh(places, table["throughput_fps"], color=COLOURS[FPGA.title], height=0.7)
    for place, row in zip(places, table.to_dict("records"), strict=True):
        text = f" p99 {row['latency_p99_ms']:.2f} ms, {row['multipliers']} multipliers"
        axis.text(row["throughput_fps"], place, text, va="center", fontsize="x-small")
    axis.set_yticks(places, table["remedy"], fontsize="small")
    axis.invert_yaxis()
    axis.set_xlim(0, 1.7 * float(table["throughput_fps"].max()))
    axis.set_xlabel(f"FPGA throughput at deviation {DEVIATIONS[-1]:g} [frames/s]")
    plain(axis)


def finding(targets: pd.DataFrame, tried: pd.DataFrame) -> str:
    """Both answers at the largest deviation, and the remedy that helps most."""
    rows: list[dict[str, Any]] = [
        {str(key): value for key, value in row.items()}
        for row in targets[targets["deviation"] == DEVIATIONS[-1]].to_dict("records")
    ]
    said = answer(f"run-time pruning ({DENSITY:g} +- {DEVIATIONS[-1]:g})", rows)
    best = tried.sort_values("throughput_fps", kind="stable").iloc[-1]
    gained = best["throughput_fps"] / tried["throughput_fps"].iloc[0] - 1
    return f"{said[:-1]}; of the remedies '{best['remedy']}' helps most ({gained:+.0%})."


@script
def main(arguments: Sequence[str] | None = None) -> None:
    """Run everything, write tables and figure, print the answer."""
    parser = options(__doc__, "runs/dynamic_pruning")
    parser.add_argument("--frames", type=natural, default=384, help="frames a run (384)")
    parser.add_argument("--network", default="m-cifarnet", help="a network of the zoo (m-cifarnet)")
    given = parser.parse_args(arguments)
    network = load_network(given.network)
    with step("deviations and depths on the pipeline"):
        depth = depths(network, given.frames, given.seed)
    with step("pipeline, GPU and ASIC"):
        targets = hardware(network, given.frames, given.seed)
    with step("remedies"):
        tried = remedies(network, given.frames, given.seed)
    said = finding(targets, tried)
    tables = {"depths": depth, "hardware": targets, "remedies": tried}
    finish(given.out, "dynamic_pruning", tables, draw(depth, targets, tried, said), [said])


if __name__ == "__main__":
    main()
