"""Do our numbers meet published ones? One row a reference figure: reference, simulated, error, tolerance, source.

Each module of ``experiments/validation`` contributes the rows of one kind of hardware. A row that misses its tolerance
stays, with the reason. The figure shows simulated against published, both axes logarithmic: on the diagonal is right.

    python experiments/validate.py --out runs/validation
    python experiments/validate.py --group fpga
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

import experiments.validation
from experiments.common import folder, write_figure, write_table
from experiments.validation.rows import Row
from simulator.errors import UserError


def modules() -> list[str]:
    """Names of the modules that contribute rows, sorted: those that define ``rows``; the others help them."""
    folders = [Path(folder) for folder in experiments.validation.__path__]
    files = [file for folder in folders for file in folder.glob("*.py")]
    return sorted(file.stem for file in files if "\ndef rows(" in file.read_text(encoding="utf-8"))


def collect(names: Sequence[str]) -> list[Row]:
    """The rows of the named modules, in order."""
    rows: list[Row] = []
    for name in names:
        print(f"validating {name} ...", file=sys.stderr)
        rows += importlib.import_module(f"experiments.validation.{name}").rows()
    return rows


def show(rows: Sequence[Row]) -> None:
    """The table on the terminal: missed rows red, shown ones dim."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title="Simulated against published")
    for column in ("group", "case", "reference", "simulated", "error", "tolerance", "verdict"):
        table.add_column(column, justify="left" if column in ("group", "case", "verdict") else "right")
    style = {"met": "", "missed": "bold red", "shown": "dim"}
    for row in rows:
        table.add_row(
            row.group,
            row.case,
            f"{row.reference:.6g} {row.unit}",
            f"{row.simulated:.6g}",
            f"{100 * row.error:+.2f} %",
            "-" if row.tolerance is None else f"{100 * row.tolerance:g} %",
            row.verdict,
            style=style[row.verdict],
        )
    console = Console(width=150)
    console.print(table)
    judged = [row for row in rows if row.tolerance is not None]
    missed = [row for row in judged if row.verdict == "missed"]
    print(f"{len(judged) - len(missed)} of {len(judged)} judged figures met, {len(rows) - len(judged)} more shown.")
    for row in missed:
        print(f"missed: {row.group}, {row.case}: {100 * row.error:+.2f} %. {row.note}")


def save(rows: Sequence[Row], out: Path) -> None:
    """The table as CSV and the figure as PNG."""
    import pandas as pd

    out.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame(
        [
            {
                "group": row.group,
                "case": row.case,
                "unit": row.unit,
                "reference": row.reference,
                "simulated": row.simulated,
                "error_percent": 100 * row.error,
                "tolerance_percent": None if row.tolerance is None else 100 * row.tolerance,
                "verdict": row.verdict,
                "source": row.source,
                "note": row.note,
            }
            for row in rows
        ]
    )
    write_table(table, out / "validation.csv")
    _plot(rows, out / "validation.png")
    print(f"table and figure in {out}", file=sys.stderr)


def _plot(rows: Sequence[Row], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from simulator.report.style import PALETTE

    drawn = [row for row in rows if row.reference > 0 and row.simulated > 0]
    groups = list(dict.fromkeys(row.group for row in drawn))
    figure, axes = plt.subplots(figsize=(8, 7))
    markers = "osD^vP*Xph<>"
    for number, group in enumerate(groups):
        own = [row for row in drawn if row.group == group]
        axes.scatter(
            [row.reference for row in own],
            [row.simulated for row in own],
            s=22,
            marker=markers[number % len(markers)],
            color=PALETTE[number % len(PALETTE)],
            label=f"{group} ({len(own)})",
        )
    low = min(min(row.reference, row.simulated) for row in drawn)
    high = max(max(row.reference, row.simulated) for row in drawn)
    axes.plot([low, high], [low, high], color="0.3", linewidth=1)
    axes.set(xscale="log", yscale="log", xlabel="published (unit of the row)", ylabel="simulated (same unit)")
    errors = sorted(abs(row.error) for row in drawn)
    axes.set_title(f"{len(drawn)} published figures: median error {100 * errors[len(errors) // 2]:.1f} %")
    axes.legend(fontsize=8, loc="upper left")
    figure.tight_layout()
    write_figure(figure, path, dpi=140)
    plt.close(figure)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the groups asked for, print the table, and write it where ``--out`` says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--group", action="append", choices=modules(), help="only this module's rows; may be repeated")
    parser.add_argument("--out", type=folder, help="folder for validation.csv and validation.png")
    options = parser.parse_args(arguments)
    try:
        rows = collect(options.group or modules())
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    show(rows)
    if options.out is not None:
        save(rows, options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
