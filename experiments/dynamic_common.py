"""What the scripts on dynamic networks share: the hardware they run on, their baselines, and their two questions.

The two questions are those asked of every method: does it modify the balance of computations between processing
elements (P1), and is it suitable for a GPU (P2)? Both are answered by runs. P1 compares a pipeline that is folded for
the mean work with the pace it would have if every frame asked the mean: what is lost is lost to imbalance alone. P2
compares the speed gained over the dense network with the work saved.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.common import step, write_figure, write_table
from simulator.mapping import FifoRule, LayerRule, MappingRules
from simulator.report.style import GREEN, ORANGE, VERMILION, blank_figure, lighter
from simulator.result import Result
from simulator.simulation import simulate
from workloads.generators.static import static_stream
from workloads.network import Network
from workloads.tokens import TokenStream
from workloads.windows import extent

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LOAD = 0.8
"""Latencies are those at this share of the pace that evenly spread work would have in a pipeline, or that is reached
elsewhere."""

KEPT_GAIN = 0.5
"""A method suits an element that turns at least this share of the work saved into speed."""

SHAKEN = 0.05
"""A method modifies the balance where it loses more throughput than this to imbalance."""


@dataclass(frozen=True)
class Target:
    """An element that a network runs on whole, and how many frames it takes together."""

    title: str
    platform: str
    element: str
    batch: int = 1
    layers: tuple[LayerRule, ...] = ()

    def rules(self, layers: Sequence[LayerRule] = (), fifos: Sequence[FifoRule] = ()) -> MappingRules:
        """The mapping that puts everything there."""
        batch = self.batch if self.batch > 1 else None
        return MappingRules(element=self.element, batch=batch, layers=[*self.layers, *layers], fifos=fifos)


FPGA = Target("FPGA pipeline", "zynq-ultrascale-zcu102", "fpga", layers=(LayerRule("*", options={"load": "mean"}),))
"""Folded for the mean work of the frames: what is lost then is lost to their variance."""
GPU = Target("GPU, batch 1", "jetson-nano", "gpu")
GPU_BATCH = Target("GPU, batch 16", "jetson-nano", "gpu", 16)
ASIC = Target("systolic ASIC", "systolic-32x32", "array")
TARGETS = (FPGA, GPU, GPU_BATCH, ASIC)
COLOURS = dict(
    zip([target.title for target in TARGETS], (GREEN, ORANGE, lighter(ORANGE, 0.55), VERMILION), strict=True)
)


def run(target: Target, stream: TokenStream, rules: MappingRules | None = None) -> Result:
    """One simulation of a stream on a target."""
    return simulate(target.platform, stream, rules or target.rules())


def even_pace(result: Result) -> float:
    """Frames a second if every frame asked the mean work of all: the pace of the resource that is busiest in sum.

    With FIFOs without end a pipeline would reach it, whatever its frames ask.
    """
    plan = result.lowered.plan
    busy: dict[int, float] = {}
    for actor in plan.actors:
        if actor.resource is not None:
            spent = actor.compute.total() * actor.slots / plan.resources[actor.resource].slots
            busy[actor.resource] = busy.get(actor.resource, 0.0) + spent
    return result.lowered.stream.frames / (max(busy.values()) * float(plan.tick))


def paced(stream: TokenStream, frames_per_second: float) -> TokenStream:
    """The same frames arriving one by one at this rate."""
    period = 1e12 / frames_per_second
    return replace(stream, release_ps=np.rint(np.arange(stream.frames) * period).astype(np.int64))


def throughput(result: Result) -> float:
    """Frames a second in the steady part."""
    return float(result.summary()["throughput_fps"])


def work_saved(stream: TokenStream, network: Network) -> float:
    """How many times less multiply-accumulates the mean frame asks than a dense one."""
    asked = sum(float(np.mean(work.macs * work.executed)) for work in stream.work.values())
    return network.macs / asked


def figures(target: Target, stream: TokenStream, rules: MappingRules | None = None) -> dict[str, Any]:
    """Throughput, latency at a common load, occupancy, and what is lost to imbalance."""
    full = run(target, stream, rules)
    even = even_pace(full)
    reached = even if target.element == FPGA.element else throughput(full)  # others may be bound by their memory
    loaded = run(target, paced(stream, LOAD * reached), rules)
    latency = loaded.summary()["latency_ms"]
    busy = full.elements[full.elements["element"] == target.element]
    fifos = full.fifos
    return {
        "target": target.title,
        "throughput_fps": throughput(full),
        "even_throughput_fps": even,
        "lost_to_imbalance": max(0.0, 1 - throughput(full) / even),
        "latency_p50_ms": latency["p50"],
        "latency_p99_ms": latency["p99"],
        "busy_fraction": float(busy["steady_busy_fraction"].iloc[0]),
        "fifo_fill_fraction": float(fifos["fill_fraction"].mean()),
    }


def compare(stream: TokenStream, network: Network, targets: Sequence[Target] = TARGETS) -> list[dict[str, Any]]:
    """Figures of each target beside the dense network on it, a row each."""
    plain = static_stream(network, stream.frames)
    saved = work_saved(stream, network)
    rows = []
    for target in targets:
        before = throughput(run(target, plain))
        row = figures(target, stream)
        rows.append({**row, "dense_fps": before, "gain": row["throughput_fps"] / before, "work_saved": saved})
    return rows


def fifos_of(network: Network, frames: float) -> list[FifoRule]:
    """FIFOs behind each layer that hold so many frames of rows, and at least three rows."""
    return [
        FifoRule(group.name, "*", max(3, round(frames * extent(group.out_shape)[0])))
        for group in network.groups()
        if group.kind != "input"
    ]


def answer(method: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """P1 and P2 of a method in one sentence, out of the rows of :func:`compare`."""
    by = {row["target"]: row for row in rows}
    pipe, one, many, chip = (by[target.title] for target in TARGETS)
    saved = float(one["work_saved"])
    lost = float(pipe["lost_to_imbalance"])
    shaken = "yes" if lost > SHAKEN else "hardly"
    suits = [row for row in (one, many) if row["gain"] >= 1 + KEPT_GAIN * (saved - 1) or 1 > saved <= row["gain"]]
    verdict = "no" if not suits else "yes" if len(suits) == 2 else f"only at {suits[0]['target'].partition(', ')[2]}"
    return (
        f"{method}: P1, does it modify the balance between elements? {shaken}: the pipeline makes"
        f" {pipe['throughput_fps']:.0f} frames/s where the same work spread evenly makes"
        f" {pipe['even_throughput_fps']:.0f} ({lost:.0%} lost); P2, suitable for a GPU? {verdict}:"
        f" {_saving(saved)} makes the GPU {one['gain']:.2f}x as fast at batch 1 and {many['gain']:.2f}x at"
        f" batch 16, beside {pipe['gain']:.2f}x on the FPGA and {chip['gain']:.2f}x on the ASIC."
    )


def _saving(saved: float) -> str:
    return f"{saved:.2f}x less work" if saved > 1.005 else f"{1 / saved:.2f}x the work"


@dataclass(frozen=True)
class Method:
    """A way to make a network dynamic: what it is called, the network as it is, and the frames that it makes of it."""

    name: str
    network: Network
    stream: TokenStream


def study(methods: Sequence[Method], targets: Sequence[Target] = TARGETS) -> pd.DataFrame:
    """The figures of every method on every target, a row each."""
    import pandas as pd

    rows = []
    for method in methods:
        with step(f"{method.name} of {method.network.name}"):
            found = compare(method.stream, method.network, targets)
        rows += [{"method": method.name, "network": method.network.name, **row} for row in found]
    return pd.DataFrame(rows)


def answers(table: pd.DataFrame) -> list[str]:
    """Both questions answered for each method, a sentence each."""
    found = []
    for name, part in table.groupby("method", sort=False):
        found.append(answer(str(name), [{str(k): v for k, v in row.items()} for row in part.to_dict("records")]))
    return found


def draw_gains(axis: Axes, table: pd.DataFrame, column: str = "method") -> None:
    """Bars of throughput beside the dense network, a group a value of ``column``, and the work saved as a line."""
    groups = list(dict.fromkeys(table[column]))
    width = 0.8 / len(TARGETS)
    for place, (target, hatch) in enumerate(zip(TARGETS, ("", "//", "xx", ".."), strict=True)):
        part = table[table["target"] == target.title].set_index(column)
        where = [i + (place - (len(TARGETS) - 1) / 2) * width for i in range(len(groups))]
        heights = [float(part["gain"].get(group, float("nan"))) for group in groups]
        axis.bar(where, heights, width, color=COLOURS[target.title], hatch=hatch, edgecolor="white", label=target.title)
    for i, group in enumerate(groups):
        saved = float(table[table[column] == group]["work_saved"].iloc[0])
        axis.hlines(saved, i - 0.45, i + 0.45, "black", "--", linewidth=1, label="" if i else "work saved")
    axis.axhline(1.0, color="black", linewidth=0.6)
    axis.set_xticks(range(len(groups)), [str(group) for group in groups], fontsize="small")
    axis.set_ylabel("throughput beside the dense network")
    axis.set_ylim(0, 1.3 * max(float(table["gain"].max()), float(table["work_saved"].max())))
    axis.legend(frameon=False, fontsize="small", ncols=2)
    plain(axis)


def draw_latencies(axis: Axes, table: pd.DataFrame, column: str = "method") -> None:
    """From p50 to p99 of every group and target, in ms on a logarithmic axis."""
    groups = list(dict.fromkeys(table[column]))
    for i, group in enumerate(groups):
        for place, target in enumerate(TARGETS):
            part = table[(table[column] == group) & (table["target"] == target.title)]
            if part.empty:
                continue
            low, high = float(part["latency_p50_ms"].iloc[0]), float(part["latency_p99_ms"].iloc[0])
            where = i + (place - (len(TARGETS) - 1) / 2) * 0.2
            axis.plot([where, where], [low, high], color=COLOURS[target.title], linewidth=5, solid_capstyle="butt")
            axis.plot([where], [high], "v", color=COLOURS[target.title], markeredgecolor="black", markersize=6)
    axis.set_yscale("log")
    axis.set_xticks(range(len(groups)), [str(group) for group in groups], fontsize="small")
    axis.set_ylabel(f"latency p50 to p99 at {LOAD:.0%} load [ms]")
    plain(axis)


def plain(axis: Axes) -> None:
    """Leave out the lines above and right of the figure."""
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)


def new_figure(title: Sequence[str], width: float = 11.5, height: float = 5.4) -> Figure:
    """A figure whose title states what was found."""
    figure = blank_figure(width, height)
    lines = [line for sentence in title for line in textwrap.wrap(sentence, int(width * 11.5))]
    figure.suptitle("\n".join(lines), fontsize="small", x=0.01, ha="left")
    return figure


def finish(out: Path, name: str, tables: Mapping[str, pd.DataFrame], figure: Figure, sentences: Sequence[str]) -> None:
    """Write tables and figure, print them and the answers."""
    out.mkdir(parents=True, exist_ok=True)
    for title, table in tables.items():
        write_table(table, out / f"{title}.csv")
        print(table.to_string(index=False, float_format="{:.4g}".format))
    write_figure(figure, out / f"{name}.png", dpi=110)
    for sentence in sentences:
        print(sentence)
    print(f"Tables and figure: {out}")
