"""What happens to one network on three kinds of hardware?

MobileNet-v1 (224 x 224, 569 million multiply-accumulates a frame) runs on
  * an MPSoC whose CPU and GPU share the layers and one memory,
  * an FPGA pipeline in which every layer has hardware of its own, at 4 bits so that the weights stay on chip,
  * a 32 x 32 systolic array, one layer at a time,
all of them with frames waiting at the door, so that each shows its own pace.

The figure compares throughput, latency and energy a frame, and shows over time what every element, pipeline stage and
array was doing. Each run is saved with its tables, its timeline and a trace that opens in ui.perfetto.dev.

    python experiments/demo.py --out runs/demo
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.common import (
    MAPPINGS,
    colours_of,
    draw_states,
    main_element,
    natural,
    options,
    script,
    state_legend,
    step,
    write_figure,
    write_table,
)
from simulator import Result, load_network, simulate
from simulator.report.style import blank_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NETWORK = "mobilenet-v1"


@dataclass(frozen=True)
class Contender:
    """A platform of the comparison, how it is called in the figure, and what runs where on it."""

    platform: str
    title: str
    mapping: Path | None = None


CONTENDERS = (
    Contender("mpsoc-cpu-gpu", "CPU + GPU"),
    Contender("zynq-ultrascale-zcu102", "FPGA pipeline", MAPPINGS / "fpga-int4.yaml"),
    Contender("systolic-32x32", "systolic ASIC"),
)


@script
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the three, save everything, print the table and the finding."""
    parser = options(__doc__, "runs/demo")
    parser.add_argument("--frames", type=natural, default=32, help="frames to run on each platform (32)")
    given = parser.parse_args(arguments)
    network = load_network(NETWORK)
    results: dict[str, Result] = {}
    for each in CONTENDERS:
        with step(f"simulating {NETWORK} on {each.platform}"):
            results[each.title] = simulate(each.platform, network, each.mapping, frames=given.frames, seed=given.seed)
    for each in CONTENDERS:
        with step(f"saving {given.out / each.platform}"):
            results[each.title].save(given.out / each.platform)
            results[each.title].plot_timeline(given.out / each.platform / "timeline.png")
            results[each.title].write_trace(given.out / each.platform / "trace.json.gz")
    with step(f"drawing {given.out / 'comparison.png'}"):
        plot(results, given.out / "comparison.png")
    write_comparison(results, given.out / "comparison.csv")
    print_table(results)
    print(finding(results))
    print(f"Pictures: {given.out}/comparison.png and {given.out}/*/timeline.png")
    print(f"Timelines: open {given.out}/*/trace.json.gz in https://ui.perfetto.dev")


def finding(results: dict[str, Result]) -> str:
    """The comparison in one sentence, out of the figures."""
    data = {title: result.summary() for title, result in results.items()}
    fast = max(data, key=lambda title: float(data[title]["throughput_fps"]))
    quick = min(data, key=lambda title: float(data[title]["latency_ms"]["mean"]))
    frugal = min(data, key=lambda title: float(data[title]["energy_per_frame_mj"] or float("inf")))
    praise: dict[str, list[str]] = {}
    praise.setdefault(fast, []).append(f"gives most frames ({data[fast]['throughput_fps']:.0f}/s)")
    praise.setdefault(quick, []).append(f"answers soonest ({data[quick]['latency_ms']['mean']:.1f} ms)")
    energy = data[frugal]["energy_per_frame_mj"]
    if energy is not None:
        praise.setdefault(frugal, []).append(f"costs least ({energy:.2f} mJ a frame)")
    return "MobileNet-v1: " + "; ".join(f"the {title} {' and '.join(said)}" for title, said in praise.items()) + "."


def write_comparison(results: dict[str, Result], path: Path) -> None:
    """The figures of the comparison as CSV, a row a platform."""
    import pandas as pd

    rows = []
    for title, result in results.items():
        data = result.summary()
        rows.append(
            {
                "contender": title,
                "platform": data["platform"],
                "throughput_fps": data["throughput_fps"],
                "latency_mean_ms": data["latency_ms"]["mean"],
                "latency_p99_ms": data["latency_ms"]["p99"],
                "energy_per_frame_mj": data["energy_per_frame_mj"],
                "limited_by": data["bottleneck"]["name"],
                "reason": data["bottleneck"]["reason"],
                "firings": data["firings"],
                "wall_s": data["wall_s"],
            }
        )
    write_table(pd.DataFrame(rows), path)


def print_table(results: dict[str, Result]) -> None:
    """The comparison for people."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, title=f"\n{NETWORK}, one frame after the other", title_justify="left")
    for name, side in (
        ("", "left"),
        ("platform", "left"),
        ("frames/s", "right"),
        ("latency", "right"),
        ("p99", "right"),
    ):
        table.add_column(name, justify="left" if side == "left" else "right", no_wrap=True)
    table.add_column("energy a frame", justify="right")
    table.add_column("limited by")
    for title, result in results.items():
        data = result.summary()
        latency, energy = data["latency_ms"], data["energy_per_frame_mj"]
        table.add_row(
            title,
            data["platform"],
            f"{data['throughput_fps']:.1f}",
            f"{latency['mean']:.2f} ms",
            f"{latency['p99']:.2f} ms",
            "not modelled" if energy is None else f"{energy:.2f} mJ",
            data["bottleneck"]["reason"],
        )
    Console(width=140, highlight=False).print(table)


def plot(results: dict[str, Result], path: Path) -> None:
    """Three bars for each figure of merit above; below, what every resource did over time, on one time axis."""
    figure = blank_figure(9, 6.6)
    grid = figure.add_gridspec(2, 1, height_ratios=(1, 2.4))
    upper, lower = figure.add_subfigure(grid[0]), figure.add_subfigure(grid[1])
    looks = {title: colours_of(result)[main_element(result)] for title, result in results.items()}
    merits = (
        ("throughput [frames/s], more is better", "throughput_fps", None),
        ("latency [ms], less is better", "latency_ms", "mean"),
        ("energy a frame [mJ], less is better", "energy_per_frame_mj", None),
    )
    for axis, (label, key, part) in zip(upper.subplots(1, 3, sharey=True), merits, strict=True):
        values = [result.summary()[key][part] if part else result.summary()[key] for result in results.values()]
        _draw_bars(axis, label, list(results), values, list(looks.values()))
    counts = [len(result.timeline["resource"].unique()) for result in results.values()]
    axes = lower.subplots(len(results), 1, sharex=True, height_ratios=[1.2 + count**0.5 for count in counts])
    for axis, (title, result) in zip(axes, results.items(), strict=True):
        _draw_lane(axis, title, result)
    axes[-1].set_xlabel("simulated time [ms]")
    handles = state_legend(list(results.values()))
    lower.legend(handles=handles, loc="outside lower center", ncols=5, frameon=False, fontsize="small")
    figure.suptitle("\n".join(textwrap.wrap(finding(results), 105)), fontsize="medium", x=0.01, ha="left")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_figure(figure, path, dpi=110)


def _draw_bars(axis: Axes, label: str, titles: list[str], values: list[float | None], colours: list[str]) -> None:
    places = range(len(titles))
    axis.barh(places, [value or 0.0 for value in values], color=colours, height=0.7)
    for place, value in zip(places, values, strict=True):
        text = "not modelled" if value is None else f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
        axis.text((value or 0.0), place, f" {text}", va="center", fontsize="small")
    axis.set_yticks(places, titles)
    axis.set_ylim(len(titles) - 0.5, -0.5)
    axis.set_xlim(0, 1.25 * max(value or 0.0 for value in values) or 1.0)
    axis.set_title(label, fontsize="small", loc="left")
    axis.tick_params(labelsize="small")
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)


def _draw_lane(axis: Axes, title: str, result: Result) -> None:
    names = draw_states(axis, result, gap=0.15)
    if len(names) <= 4:
        axis.set_yticks([len(names) - 1 - place + 0.42 for place in range(len(names))], names, fontsize="small")
    else:
        axis.set_yticks([])
        axis.set_ylabel(f"{len(names)} stages,\nfirst above", fontsize="small")
    axis.set_title(f"{title} ({result.summary()['platform']})", fontsize="small", loc="left")
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)


if __name__ == "__main__":
    main()
