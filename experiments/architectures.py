"""What architecture to consider for a CNN?

The question of A. Honorat's talk "Optimizing implementation of CNN inferences" (INSA Rennes/IETR, 8 April 2021), which
rates CPU, GPU, FPGA, ASIC and MPSoC by hand. Here AlexNet, VGG-16, SqueezeNet 1.1 and MobileNet-v1 run on every
platform of the catalogue, one image after the other, mapped automatically; where a platform has an accelerator beside
other elements, the network also runs on that alone (on an FPGA with 4 bits, so that more of the weights stay on chip).

The figure shows throughput against energy a frame, a panel a network: up and to the left is better, and what nothing
else beats in both is ringed. Hardware without an energy model stands at the right edge. The table (CSV) has throughput,
latency, energy, what limits each run, and why a run was not possible where it was not.

    python experiments/architectures.py --out runs/architectures
"""

from __future__ import annotations

import math
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platforms
from experiments.common import natural, options, script, write_figure, write_table
from simulator import Platform, UserError, load_network, load_platform, simulate
from simulator.mapping import MappingRules
from simulator.report.style import GREY, blank_figure, element_colours

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

NETWORKS = ("alexnet", "vgg-16", "squeezenet-1.1", "mobilenet-v1")
ACCELERATORS = {"gpu": None, "fpga": "int4", "systolic": None}
"""Models that a network also runs on alone, and the precision it takes there (None: the element's own)."""


@dataclass(frozen=True)
class Candidate:
    """A platform, and the one element that runs everything (None: mapped automatically)."""

    platform: Platform
    element: str | None = None

    @property
    def label(self) -> str:
        """As it stands in table and figure."""
        return self.platform.name + (f" ({self.element} alone)" if self.element else "")

    @property
    def rules(self) -> MappingRules | None:
        """The mapping."""
        if self.element is None:
            return None
        return MappingRules(element=self.element, precision=ACCELERATORS[self._model(self.element)])

    def _model(self, element: str) -> str:
        return str(self.platform.element(element).config.model)


def candidates(names: Sequence[str]) -> list[Candidate]:
    """Every platform, mapped automatically and, where it is worth it, with an accelerator alone."""
    found = []
    for name in names:
        platform = load_platform(name)
        found.append(Candidate(platform))
        if len(platform.processing_elements) > 1:
            found += [
                Candidate(platform, element)
                for element, each in platform.processing_elements.items()
                if each.config.model in ACCELERATORS
            ]
    return found


def measure(candidate: Candidate, network: str, frames: int, seed: int) -> dict[str, Any]:
    """One row of the table; a run that is not possible has its reason in ``refused``."""
    row: dict[str, Any] = {"network": network, "candidate": candidate.label, "platform": candidate.platform.name}
    row["element"] = candidate.element or "automatic"
    try:
        result = simulate(candidate.platform, load_network(network), candidate.rules, frames=frames, seed=seed)
    except UserError as error:
        return {**row, "refused": str(error).partition("\n")[0]}
    data, elements = result.summary(), result.elements
    busiest = elements.iloc[int(elements["steady_busy_fraction"].to_numpy().argmax())]
    return {
        **row,
        "throughput_fps": data["throughput_fps"],
        "latency_mean_ms": data["latency_ms"]["mean"],
        "latency_p99_ms": data["latency_ms"]["p99"],
        "energy_per_frame_mj": data["energy_per_frame_mj"],
        "busiest_element": busiest["element"],
        "busiest_model": busiest["model"],
        "limited_by": data["bottleneck"]["name"],
        "reason": data["bottleneck"]["reason"],
        "firings": data["firings"],
        "refused": None,
    }


def table_of(names: Sequence[str], networks: Sequence[str], frames: int, seed: int) -> pd.DataFrame:
    """Every candidate on every network, with progress on standard error."""
    import pandas as pd
    from rich.console import Console
    from rich.progress import Progress

    todo = [(each, network) for network in networks for each in candidates(names)]
    rows = []
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("simulating", total=len(todo))
        for candidate, network in todo:
            bar.update(task, description=f"{network} on {candidate.label}")
            rows.append(measure(candidate, network, frames, seed))
            bar.advance(task)
    return _without_repetition(pd.DataFrame(rows))


def _without_repetition(table: pd.DataFrame) -> pd.DataFrame:
    """The table without candidates of one element that the automatic mapping uses alone anyway, on every network."""
    figures = ["throughput_fps", "latency_mean_ms", "energy_per_frame_mj"]
    automatic = table[table["element"] == "automatic"].set_index(["network", "platform"])[figures]
    twins = table[["network", "platform"]].join(automatic, on=["network", "platform"])[figures]
    equal = ((table[figures] == twins) | (table[figures].isna() & twins.isna())).all(axis=1)
    repeated = equal.groupby(table["candidate"]).transform("all") & (table["element"] != "automatic")
    return table[~repeated].reset_index(drop=True)


def unbeaten(rows: pd.DataFrame) -> pd.Series[bool]:
    """For each run of one network: no other has both more throughput and less energy a frame (both known)."""
    costed = rows[rows["energy_per_frame_mj"].notna()].sort_values(
        ["energy_per_frame_mj", "throughput_fps"], ascending=[True, False], kind="stable"
    )
    best = costed["throughput_fps"].cummax().shift(fill_value=-1.0)
    front = costed.index[costed["throughput_fps"] > best]
    return rows.index.to_series().isin(front)


def finding(table: pd.DataFrame) -> str:
    """The answer in one sentence, counted over the networks."""
    done = table[table["refused"].isna()]
    networks = done["network"].nunique()
    counts: dict[str, int] = {}
    for _, rows in done.groupby("network", sort=False):
        for name in rows.loc[unbeaten(rows), "platform"].unique():
            counts[name] = counts.get(name, 0) + 1
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    winners = ", ".join(f"{name} ({count})" for name, count in ranked)
    spread = done.groupby("network")["throughput_fps"].agg(lambda rates: rates.max() / rates.min())
    refused = int(table.loc[table["platform"].isin(done["platform"]), "refused"].notna().sum())
    text = (
        f"Of {done['platform'].nunique()} platforms none beats these in both throughput and energy a frame"
        f" (for how many of {networks} networks): {winners}; between the fastest and the slowest lies a factor of up to"
        f" {spread.max():.0f} ({spread.idxmax()})"
    )
    return text + (f", and {refused} runs do not fit their hardware." if refused else ".")


def plot(table: pd.DataFrame, path: Path) -> None:
    """A panel a network: throughput over energy a frame, a numbered mark a candidate."""
    from matplotlib.lines import Line2D

    networks = list(dict.fromkeys(table["network"]))
    done = table[table["refused"].isna()]
    numbers = {name: k for k, name in enumerate(dict.fromkeys(done["candidate"]), start=1)}
    figure = blank_figure(12, 4.2 * ((len(networks) + 1) // 2))
    grid = figure.add_gridspec(1, 2, width_ratios=(4, 1.2))
    panels, key = figure.add_subfigure(grid[0]), figure.add_subfigure(grid[1])
    axes = panels.subplots((len(networks) + 1) // 2, 2, squeeze=False, sharex=True, sharey=True)
    models = sorted(set(table["busiest_model"].dropna()))
    looks = {
        model: (element_colours({model: model})[model], mark) for model, mark in zip(models, "osD^vP*X", strict=False)
    }
    for axis, network in zip(axes.flat, networks, strict=False):
        _draw_network(axis, done[done["network"] == network], looks, numbers)
        axis.set_title(network, loc="left", fontsize="medium")
    for axis in axes[-1]:
        axis.set_xlabel("energy a frame [mJ]")
    for axis in axes[:, 0]:
        axis.set_ylabel("throughput [frames/s]")
    for axis in axes.flat[len(networks) :]:
        axis.set_visible(False)
    marks = [Line2D([], [], color=c, marker=m, linestyle="", label=model) for model, (c, m) in looks.items()]
    key.legend(handles=marks, loc="upper left", frameon=False, title="busiest element", alignment="left")
    names = "\n".join(f"{number:>2}  {name}" for name, number in numbers.items())
    fitting_size = min(8.0, 0.7 * figure.get_figheight() * 72 / (1.5 * len(numbers)))
    key.text(0.03, 0.80, names, va="top", fontsize=fitting_size, linespacing=1.5)
    figure.suptitle("\n".join(textwrap.wrap(finding(table), 130)), fontsize="medium", x=0.01, ha="left")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_figure(figure, path, dpi=120)


def _draw_network(axis: Axes, rows: pd.DataFrame, looks: dict[str, tuple[str, str]], numbers: dict[str, int]) -> None:
    known = rows["energy_per_frame_mj"].dropna()
    edge = 3 * float(known.max()) if len(known) else 1.0
    front = unbeaten(rows)
    labels: dict[tuple[float, float], list[int]] = {}
    for (_, row), is_front in zip(rows.iterrows(), front, strict=True):
        energy = row["energy_per_frame_mj"]
        place = (float(energy) if energy == energy and energy is not None else edge, float(row["throughput_fps"]))
        colour, mark = looks.get(str(row["busiest_model"]), (GREY, "o"))
        axis.plot(*place, mark, color=colour, markersize=6, markeredgecolor="white")
        if is_front:
            axis.plot(*place, "o", markersize=12, fillstyle="none", color="black", markeredgewidth=0.9)
        near = next((known for known in labels if _is_near(known, place)), place)
        labels.setdefault(near, []).append(numbers[str(row["candidate"])])
    for place, group in labels.items():
        axis.annotate(", ".join(map(str, group)), place, (6, 4), textcoords="offset points", fontsize=7)
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.grid(True, which="major", color="#E0E0E0", linewidth=0.5)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)


def _is_near(one: tuple[float, float], other: tuple[float, float]) -> bool:
    """Whether labels at two places of a log-log panel would cover each other."""
    return all(abs(math.log10(a / b)) < limit for a, b, limit in zip(one, other, (0.15, 0.1), strict=True))


@script
def main(arguments: Sequence[str] | None = None) -> None:
    """Run them all, write the table and the figure, print the answer."""
    parser = options(__doc__, "runs/architectures")
    parser.add_argument("--frames", type=natural, default=24, help="frames a run (24)")
    parser.add_argument(
        "--platforms", nargs="+", default=platforms.names(), metavar="NAME", help="all of the catalogue"
    )
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), metavar="NAME", help=" ".join(NETWORKS))
    given = parser.parse_args(arguments)
    for name in given.networks:
        load_network(name)  # a name that is wrong is no hardware that cannot run it
    table = table_of(given.platforms, given.networks, given.frames, given.seed)
    given.out.mkdir(parents=True, exist_ok=True)
    write_table(table, given.out / "architectures.csv")
    plot(table, given.out / "architectures.png")
    print_table(table)
    print(finding(table))
    print(f"Table and figure: {given.out}/architectures.csv, {given.out}/architectures.png")


def print_table(table: pd.DataFrame) -> None:
    """Frames a second and energy a frame, a row a candidate and a column a network."""
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    networks = list(dict.fromkeys(table["network"]))
    made = Table(box=box.SIMPLE_HEAD, title="frames/s | mJ a frame", title_justify="left")
    made.add_column("hardware", no_wrap=True)
    for network in networks:
        made.add_column(network, justify="right", no_wrap=True)
    runs = table.groupby("candidate", sort=False)["refused"].apply(lambda reasons: bool(reasons.isna().any()))
    impossible = [str(name) for name, ran in runs.items() if not ran]
    for candidate in [name for name, ran in runs.items() if ran]:
        own = table[table["candidate"] == candidate].set_index("network")
        made.add_row(str(candidate), *(_cell(own.loc[network].to_dict()) for network in networks))
    out = Console(width=140, highlight=False)
    out.print(made)
    if impossible:
        out.print(f"[dim]run none of them (the table says why): {escape(', '.join(impossible))}[/]")


def _cell(row: dict[Any, Any]) -> str:
    if row["refused"] is not None and row["refused"] == row["refused"]:
        return "does not fit"
    energy = row["energy_per_frame_mj"]
    return f"{row['throughput_fps']:.4g} | " + (f"{energy:.3g}" if energy is not None and energy == energy else "-")


if __name__ == "__main__":
    main()
