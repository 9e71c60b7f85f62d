"""CNN on the GPU and the neural circuit policy elsewhere?

Setup: the lane-keeping network of Lechner et al. (Nature MI 2, 642, 2020), a camera head of 40.58 M
multiply-accumulates and 19 liquid time-constant neurons with state from frame to frame, on an automotive SoC, a Zynq
UltraScale+ and a Jetson with a microcontroller. Every element that can run the head is combined with every element that
can run the neurons and has a way to it, at 30 and 120 frames a second with 1 ms of sensor jitter and a deadline of one
period, and once saturated to see what limits. CPU and GPU run the cell as an eager library does, densely, a kernel an
operation; cores, microcontrollers and circuits run the synapses there are, and so does the GPU where the whole cell is
one kernel written for it. The cell is solved with fixed (fused) or
adaptive steps (RK45, really integrated).

The figure shows each split's latency from p50 to p99 at the higher rate against the deadlines; what is printed at the
end answers the question for each platform in one sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.common import natural, options, script, write_figure, write_table
from simulator.mapping import LayerRule, MappingRules
from simulator.platform import Platform, load_platform
from simulator.platform.routes import dma_between
from simulator.result import Result
from simulator.simulation import simulate
from workloads.generators.ode import ncp_stream
from workloads.ode.cells import Form, Solver
from workloads.tokens import TokenStream
from workloads.zoo.ode import ncp_lane

if TYPE_CHECKING:
    import pandas as pd

PLATFORMS = ("automotive-soc", "zynq-ultrascale-zcu102", "jetson-nano-mcu")
RATES = (30, 120)
SOLVERS: tuple[Solver, ...] = ("fused", "rk45")

#: Models that can run the camera head, and the recurrent cell; libraries compute it densely.
HEADS = ("gpu", "fpga", "systolic", "cpu", "scalar")
CELLS = ("gpu", "cpu", "scalar", "circuit")
LIBRARIES = ("gpu", "cpu")

#: A split with a longer median is one whose backlog grows with every frame; its latency says nothing more.
_LONGEST_MS = 200.0


@dataclass(frozen=True)
class Split:
    """Where the two parts of the network run."""

    platform: Platform
    head: str
    cell: str
    form: Form

    @property
    def cell_name(self) -> str:
        """Where the cell runs; a GPU can run it as one kernel of its own instead of the library's many."""
        own = self.form == "sparse" and _model(self.platform, self.cell) in LIBRARIES
        return f"{self.cell} (one kernel)" if own else self.cell

    @property
    def rules(self) -> MappingRules:
        """The mapping."""
        return MappingRules(layers=[LayerRule("*", self.head), LayerRule("ncp", self.cell)])

    def run(self, solver: Solver, arrivals: str, frames: int, seed: int) -> Result:
        """One simulation."""
        return simulate(self.platform, ticks(solver, self.form, arrivals, frames, seed), self.rules)


@cache
def ticks(solver: Solver, form: Form, arrivals: str, frames: int, seed: int) -> TokenStream:
    """The control ticks, which are the same for every split."""
    return ncp_stream(ncp_lane(solver, form), frames, arrivals, seed)


def splits(platform: Platform) -> list[Split]:
    """Every pair of elements that can run the head and the cell, and have a memory or a DMA engine between them."""
    names = platform.processing_elements
    heads = [n for kind in HEADS for n in names if _model(platform, n) == kind]
    cells = [n for kind in CELLS for n in names if _model(platform, n) == kind]
    found = []
    for head, cell in product(heads, cells):
        if _joined(platform, head, cell):
            model = _model(platform, cell)
            forms: tuple[Form, ...] = ("dense", "sparse") if model == "gpu" else ("dense",)
            found += [Split(platform, head, cell, f) for f in (forms if model in LIBRARIES else ("sparse",))]
    return found


def _joined(platform: Platform, head: str, cell: str) -> bool:
    first, second = ({m.name for m in platform.memories_of(name)} for name in (head, cell))
    in_fabric = not first and not second
    return head == cell or in_fabric or bool(first & second) or dma_between(platform, head, cell) is not None


def measure(split: Split, solver: Solver, frames: int, seed: int) -> list[dict[str, Any]]:
    """A row for each frame rate, with what limits the split when frames are always ready."""
    full = split.run(solver, "saturated", frames, seed)
    limit, most = full.bottleneck, full.summary()["throughput_fps"]
    rows = []
    for rate in RATES:
        result = split.run(solver, f"periodic:{rate}Hz,jitter=1ms", frames, seed)
        summary = result.summary()
        head_ms, link_ms, cell_ms = parts_ms(result)
        rows.append(
            {
                "platform": split.platform.name,
                "head": split.head,
                "cell": split.cell_name,
                "form": split.form,
                "solver": solver,
                "rate_fps": rate,
                "latency_p50_ms": summary["latency_ms"]["p50"],
                "latency_p99_ms": summary["latency_ms"]["p99"],
                "head_ms": head_ms,
                "link_ms": link_ms,
                "cell_ms": cell_ms,
                "deadline_misses": summary["deadline_misses"],
                "frames": summary["delivered"],
                "energy_per_frame_mj": summary["energy_per_frame_mj"],
                "working_energy_per_frame_mj": working_energy(result),
                "throughput_fps": most,
                "limit": limit.name,
                "limit_layer": limit.layer or "",
            }
        )
    return rows


def parts_ms(result: Result) -> tuple[float, float, float]:
    """Mean milliseconds a frame spends in the head, between the parts (copies and waiting), and in the cell."""
    notes, trace = result.lowered.actors, result.trace
    index = {note.layer: i for i, note in enumerate(notes) if note.role.value == "stage"}
    release = result.lowered.stream.release_ps.astype(np.float64)
    scale = float(result.lowered.plan.tick) * 1e3
    cell_start, cell_end = (times[index["ncp"]].astype(np.float64) * scale for times in (trace.start, trace.end))
    head_end = trace.end[index["latent"]].astype(np.float64).reshape(len(release), -1)[:, -1] * scale
    return (
        float((head_end - release * 1e-9).mean()),
        float((cell_start - head_end).mean()),
        float((cell_end - cell_start).mean()),
    )


def working_energy(result: Result) -> float:
    """Millijoules a frame of all that is modelled but idle power, which a split does not change."""
    table = result.energy
    counted = table[table["modelled"] & (table["cause"] != "idle")]
    return float(counted["energy_mj"].sum()) / int(result.summary()["delivered"])


def answer(table: pd.DataFrame, platform: str, solver: str) -> str:
    """The question answered for one platform in one sentence, out of the runs at the higher rate."""
    rows = table[(table["platform"] == platform) & (table["solver"] == solver) & (table["rate_fps"] == max(RATES))]
    vision = "gpu" if (rows["head"] == "gpu").any() else "fpga"
    together = "gpu" if vision == "gpu" else "cpu"
    here = rows[rows["head"] == vision]
    same = here[here["cell"] == together].iloc[0]
    elsewhere = _best(here[~here["cell"].str.startswith(together)])
    kernel = here[here["cell"] == f"{together} (one kernel)"]
    best = _best(rows)
    gain = same["latency_p99_ms"] / elsewhere["latency_p99_ms"]
    one = float(kernel["latency_p99_ms"].iloc[0]) if len(kernel) else np.inf
    verdict = "no" if gain <= 1 else "yes" if one > elsewhere["latency_p99_ms"] else "only if the GPU runs it eagerly"
    beside = "" if vision == "gpu" else f" (no GPU that computes: CNN on the fabric, library NCP on {together})"
    saved = same["working_energy_per_frame_mj"] - elsewhere["working_energy_per_frame_mj"]
    text = (
        f"{platform}, {solver}: {verdict}{beside} - with the CNN on {vision}, moving the NCP from {together} to"
        f" {elsewhere['cell']} takes p99 latency from {same['latency_p99_ms']:.3f} to"
        f" {elsewhere['latency_p99_ms']:.3f} ms ({gain:.1f}x), saves {saved:.3g} mJ a frame beside idle power, and"
        f" leaves {elsewhere['deadline_misses']} instead of {same['deadline_misses']} of {same['frames']}"
        f" deadlines missed at {max(RATES)} fps; {elsewhere['limit']} then limits, at"
        f" {elsewhere['throughput_fps']:.0f} fps"
    )
    if len(kernel):
        text += f"; the whole cell as one kernel on the {together} takes {one:.3f} ms"
    if best["head"] != vision:
        text += (
            f"; quickest of all is CNN on {best['head']} with NCP on {best['cell']}, {best['latency_p99_ms']:.3f} ms"
        )
    return text + "."


def _best(rows: pd.DataFrame) -> pd.Series[Any]:
    """The split that misses fewest deadlines, and of those the one with the shortest p99."""
    return rows.sort_values(["deadline_misses", "latency_p99_ms"], kind="stable").iloc[0]


def plot(table: pd.DataFrame, solver: str, path: Path) -> None:
    """Latency of every split, p50 to p99, a panel a platform."""
    from simulator.report.style import blank_figure, element_colours

    names = list(dict.fromkeys(table["platform"]))
    figure = blank_figure(13.0, 7.5)
    panels = figure.subplots(1, len(names), squeeze=False)[0]
    for panel, name in zip(panels, names, strict=True):
        platform = load_platform(name)
        colours = element_colours({n: _model(platform, n) for n in platform.processing_elements})
        rows = table[(table["platform"] == name) & (table["solver"] == solver) & (table["rate_fps"] == max(RATES))]
        off_scale = rows["latency_p50_ms"] > _LONGEST_MS
        rows = rows[~off_scale].sort_values("latency_p99_ms", ascending=False, kind="stable")
        for place, row in enumerate(rows.to_dict("records")):
            low, high, missed = row["latency_p50_ms"], row["latency_p99_ms"], row["deadline_misses"] > 0
            colour = colours[row["cell"].split()[0]]
            panel.plot([low, high], [place, place], color=colours[row["head"]], linewidth=4, solid_capstyle="round")
            panel.plot(
                [high], [place], color=colour, marker="X" if missed else "o", markersize=8, markeredgecolor="black"
            )
        panel.set_yticks(range(len(rows)), [f"{r.head} + {r.cell}" for r in rows.itertuples()], fontsize=8)
        for rate in RATES:
            panel.axvline(1e3 / rate, color="black", linestyle="--", linewidth=0.8)
            where = panel.get_xaxis_transform()
            panel.text(
                0.96e3 / rate, 0.02, f"deadline {rate} fps", fontsize=7, ha="right", rotation=90, transform=where
            )
        panel.set_xscale("log")
        panel.set_xlabel("latency, p50 to p99 (ms)")
        panel.set_title(f"{name}\n({int(off_scale.sum())} splits fall behind for good)", fontsize=10)
    figure.suptitle(
        f"{_finding(table, solver)} ({solver} solver, {max(RATES)} fps)\n"
        "line: CNN's element, end: NCP's element, cross: deadlines missed",
        fontsize=11,
    )
    write_figure(figure, path)


def _finding(table: pd.DataFrame, solver: str) -> str:
    """The title: where the NCP runs in the quickest split of each platform."""
    rows = table[(table["solver"] == solver) & (table["rate_fps"] == max(RATES))]
    best = [_best(part) for _, part in rows.groupby("platform", sort=False)]
    return "Quickest: " + ", ".join(f"CNN on {row['head']} + NCP on {row['cell']}" for row in best)


def _model(platform: Platform, element: str) -> str:
    return platform.processing_elements[element].config.model


@script
def main(arguments: Sequence[str] | None = None) -> None:
    """Run every split and write table, figure and answers."""
    parser = options(__doc__, "runs/cnn_ncp_split")
    parser.add_argument("--frames", type=natural, default=240, help="frames of each run (240)")
    parser.add_argument("--platform", action="append", choices=PLATFORMS, help="only this one; may be repeated")
    given = parser.parse_args(arguments)
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for name in given.platform or PLATFORMS:
        platform = load_platform(name)
        for split, solver in product(splits(platform), SOLVERS):
            rows += measure(split, solver, given.frames, given.seed)
    table = pd.DataFrame(rows)
    given.out.mkdir(parents=True, exist_ok=True)
    write_table(table, given.out / "splits.csv")
    shown = ["head", "cell", "solver", "rate_fps", "latency_p50_ms", "latency_p99_ms", "deadline_misses"]
    shown += ["energy_per_frame_mj", "throughput_fps", "limit"]
    for name in dict.fromkeys(table["platform"]):
        part = table[table["platform"] == name]
        print(f"\n{name}\n{part[shown].to_string(index=False, float_format='{:.3f}'.format)}")
    for solver in SOLVERS:
        plot(table, solver, given.out / f"splits_{solver}.png")
    sentences = [answer(table, name, solver) for name in dict.fromkeys(table["platform"]) for solver in SOLVERS]
    (given.out / "answers.txt").write_text("\n".join(sentences) + "\n", encoding="utf-8")
    print("\n" + "\n".join(sentences))


if __name__ == "__main__":
    main()
