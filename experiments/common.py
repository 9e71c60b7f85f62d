"""What the scripts of this folder share: their options, a line of progress, tables, and the pieces of their figures."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from simulator import files
from simulator.errors import UserError
from simulator.report.plots import written
from simulator.report.style import GREY, STATE_LOOK, element_colours, lighter

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    from simulator.result import Result

MAPPINGS = Path(__file__).with_name("mappings")


class Main(Protocol):
    """A script's main: what stands behind its name on the command line, unless given."""

    def __call__(self, arguments: Sequence[str] | None = None) -> None: ...


def options(doc: str | None, out: str) -> argparse.ArgumentParser:
    """The options that every script has: an output folder and a seed; ``doc`` is the script's own docstring."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=folder, default=Path(out), help=f"folder for tables and figures ({out})")
    parser.add_argument("--seed", type=seed, default=0, help="seed of everything random (0)")
    return parser


def folder(text: str) -> Path:
    """The type of options that name a folder to write to."""
    try:
        path = files.place(text)
    except UserError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if path.exists() and not path.is_dir():
        raise argparse.ArgumentTypeError(f"'{text}' is a file; name a folder")
    return path


def natural(text: str) -> int:
    """The type of options that count something: a whole number from 1."""
    return _whole(text, 1)


def seed(text: str) -> int:
    """The type of options that seed something random: a whole number from 0."""
    return _whole(text, 0)


def _whole(text: str, least: int) -> int:
    if not text.isdecimal() or int(text) < least:
        raise argparse.ArgumentTypeError(f"'{text}' is no whole number from {least} on")
    return int(text)


def script(main: Main) -> Main:
    """Makes a script's main tell the user's mistakes without a traceback, and leave with exit code 2 then."""

    @wraps(main)
    def told(arguments: Sequence[str] | None = None) -> None:
        try:
            main(arguments)
        except UserError as error:
            print(f"{Path(sys.argv[0]).name}: error: {error}", file=sys.stderr)
            raise SystemExit(2) from error

    return told


def conclude(out: Path, name: str, table: pd.DataFrame, answer: str) -> None:
    """Writes a script's table and its answer, and prints the answer."""
    write_table(table, out / f"{name}.csv")
    files.write_atomically(out / "answer.txt", f"{answer}\n".encode())
    print(answer)


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Writes a table as CSV, whole or not at all."""
    files.write_atomically(path, table.to_csv(index=False).encode())


def write_figure(figure: Figure, path: Path, dpi: int = 150) -> None:
    """Writes a figure in the format of the path's ending, whole or not at all."""
    written(figure, path, dpi)


@contextmanager
def step(text: str) -> Iterator[None]:
    """Tells on standard error what is being done and, when it is over, how long it took."""
    print(f"{text} ...", end="", file=sys.stderr, flush=True)
    began = time.perf_counter()
    try:
        yield
    finally:
        print(f" {time.perf_counter() - began:.1f} s", file=sys.stderr, flush=True)


def main_element(result: Result) -> str:
    """The element that was busiest in the steady part of a run."""
    elements = result.elements
    return str(elements["element"].iloc[int(elements["steady_busy_fraction"].to_numpy().argmax())])


def colours_of(result: Result) -> dict[str, str]:
    """The colour of each element, the same in every figure of the project."""
    elements = result.elements
    return element_colours(dict(zip(elements["element"], elements["model"], strict=True)))


def draw_states(axis: Axes, result: Result, *, gap: float = 0.2) -> Sequence[str]:
    """Draw what each used resource did over time in ms, one row each, and return the rows' names from top to bottom."""
    import numpy as np

    table, colours = result.timeline, colours_of(result)
    rows = {str(name): part for name, part in table[table["element"].notna()].groupby("resource", sort=False)}
    for place, part in enumerate(rows.values()):
        edges = np.append(part["from_us"], part["to_us"].iloc[-1]) * 1e-3
        _draw_row(axis, edges, part, len(rows) - 1 - place, 1 - gap, colours.get(part["element"].iloc[0], GREY))
    axis.set_ylim(-gap, len(rows))
    axis.margins(x=0)
    return list(rows)


def _draw_row(
    axis: Axes, edges: npt.NDArray[np.float64], part: pd.DataFrame, floor: int, height: float, colour: str
) -> None:
    base = part["compute_fraction"].to_numpy() * 0.0
    for state, (look, hatch, _) in STATE_LOOK.items():
        share = part[f"{state}_fraction"].to_numpy() * height
        if not share.any():
            continue
        face = look if isinstance(look, str) else lighter(colour, look)
        lines = (0, 0, 0, 0.35) if hatch else face
        axis.stairs(
            floor + base + share, edges, baseline=floor + base, fill=True,
            facecolor=face, edgecolor=lines, linewidth=0.0, hatch=hatch or None,
        )  # fmt: skip
        base = base + share


def state_legend(results: Sequence[Result]) -> list[Patch]:
    """Legend entries for the states that occur in any of the runs."""
    from matplotlib.patches import Patch

    handles = []
    for state, (look, hatch, words) in STATE_LOOK.items():
        if any((result.timeline[f"{state}_fraction"] > 0).any() for result in results):
            face = look if isinstance(look, str) else lighter(GREY, look)
            handles.append(Patch(facecolor=face, hatch=hatch, edgecolor=(0, 0, 0, 0.35), linewidth=0.0, label=words))
    return handles
