"""What the scripts that change the model share: one measured row a variant, a grid of panels, and how they end."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.common import write_figure, write_table
from simulator import Platform, UserError, simulate
from simulator.mapping import MappingRules
from simulator.report.style import blank_figure
from workloads.network import Network

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKS = "osD^vP*X"


def measure(
    platform: str | Path | Platform,
    network: Network,
    rules: MappingRules | None = None,
    *,
    frames: int = 8,
    seed: int = 0,
) -> dict[str, Any]:
    """Figures of a run; where it is not possible, the reason stands in ``refused``."""
    counted = {"macs": network.macs, "weight_bytes": network.weight_bytes}
    try:
        result = simulate(platform, network, rules, frames=frames, seed=seed)
    except UserError as error:
        return {**counted, "refused": str(error).partition("\n")[0]}
    data, layers = result.summary(), result.layers
    return {
        **counted,
        "throughput_fps": data["throughput_fps"],
        "latency_ms": data["latency_ms"]["mean"],
        "energy_per_frame_mj": data["energy_per_frame_mj"],
        "memory_bytes": float(layers["read_bytes"].fillna(0).sum() + layers["write_bytes"].fillna(0).sum()),
        "limited_by": data["bottleneck"]["name"],
        "refused": None,
    }


def panels(columns: int, *, width: float = 4.4, height: float = 4.2) -> tuple[Figure, list[Axes]]:
    """A row of panels that a script may save without a display."""
    figure = blank_figure(width * columns, height)
    axes = list(figure.subplots(1, columns, squeeze=False)[0])
    for axis in axes:
        axis.grid(True, which="major", color="#E0E0E0", linewidth=0.5)
        axis.set_axisbelow(True)
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
    return figure, axes


def finish(figure: Figure, table: pd.DataFrame, finding: str, out: Path, name: str) -> None:
    """Writes table and figure, titled with the finding, and prints both sentence and places."""
    out.mkdir(parents=True, exist_ok=True)
    wide = int(figure.get_figwidth() * 11.5)
    figure.suptitle("\n".join(textwrap.wrap(finding, wide)), fontsize="medium", x=0.01, ha="left")
    write_table(table, out / f"{name}.csv")
    write_figure(figure, out / f"{name}.png", dpi=120)
    print(finding)
    print(f"Table and figure: {out}/{name}.csv, {out}/{name}.png")


def show(table: pd.DataFrame, columns: Sequence[str]) -> None:
    """The table on the screen, figures short."""
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD)
    for name in columns:
        numeric = table[name].dtype.kind in "if"
        made.add_column(name.replace("_", " "), justify="right" if numeric else "left", no_wrap=not numeric)
    for row in table[list(columns)].itertuples(index=False):
        made.add_row(*(escape(_cell(value)) for value in row))
    Console(width=140, highlight=False).print(made)


def _cell(value: Any) -> str:
    if value is None or value != value:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
