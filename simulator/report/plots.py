"""The figures of a result: utilisation over time, FIFO fill over time, energy by cause, time by layer.

Each title states what the figure shows; axes carry units. Nothing but the result's tables is read.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.files import write_atomically
from simulator.report.style import (
    GREY,
    STATE_LOOK,
    cause_looks,
    element_colours,
    fitting,
    lighter,
    new_figure,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from simulator.report.tables import HasTables

_MOST_ROWS = 24
_MOST_FIFOS = 6
_MOST_LAYERS = 60
_WIDTH = 9.0
_LINE = "#B0B0B0"


def written(figure: Figure, path: str | Path | None, dpi: int = 150) -> Figure:
    """The figure itself; where ``path`` is given it is written there, in the format of its ending (PNG, PDF, SVG)."""
    if path is not None:
        where = Path(path)
        buffer = io.BytesIO()
        figure.savefig(buffer, format=where.suffix.lstrip(".") or "png", dpi=dpi)
        write_atomically(where, buffer.getvalue())
    return figure


def plot_timeline(result: HasTables) -> Figure:
    """A row a resource (an element, where there are many): how many of its slots were in which state, over time."""
    table = result.timeline[result.timeline["element"].notna()]
    rows, note = _rows_of(table)
    colours = _colours(result)
    figure, (axis,) = new_figure(_WIDTH, 1.9 + 0.42 * max(len(rows), 2))
    factor, unit = fitting(float(table["to_us"].max()) * 1e-6 if len(table) else 0.0, "s")
    for place, part in enumerate(rows.values()):
        edges = np.append(part["from_us"], part["to_us"].iloc[-1]) * 1e-6 * factor
        _draw_states(axis, edges, part, len(rows) - 1 - place, colours.get(part["element"].iloc[0], GREY))
    axis.set_yticks([len(rows) - 1 - i + 0.4 for i in range(len(rows))], list(rows))
    axis.set_ylim(-0.15, max(len(rows), 1))
    axis.margins(x=0.005)
    axis.set_xlabel(f"simulated time [{unit}]")
    axis.set_ylabel(note)
    _state_legend(figure, table)
    return _titled(figure, _headline(result.summary()))


def plot_occupancy(result: HasTables) -> Figure:
    """The fullest FIFOs over time: mean level, the range within each bin, and the capacity."""
    table = _inner_fifos(result)
    ranked = table.sort_values(["full_fraction", "fill_fraction", "max_tokens"], ascending=False, kind="stable")
    chosen = ranked.head(_MOST_FIFOS) if len(table) else table
    figure, axes = new_figure(_WIDTH, 1.2 + 1.15 * max(len(chosen), 1), rows=max(len(chosen), 1))
    colours, stages = _colours(result), result.stages
    places = dict(zip(stages["stage"], stages["element"], strict=True))
    places |= dict(zip(result.layers["layer"], result.layers["element"], strict=True))
    levels = result.levels
    factor, unit = fitting(float(levels["to_us"].max()) * 1e-6 if len(levels) else 0.0, "s")
    for axis, row in zip(axes, chosen.to_dict("records"), strict=False):
        own = levels[levels["fifo"] == row["fifo"]]
        colour = colours.get(places.get(row["consumer"], ""), GREY)
        _draw_level(axis, own, row, colour, factor)
    axes[-1].set_xlabel(f"simulated time [{unit}]")
    if not len(chosen):
        axes[0].text(0.5, 0.5, "this run has no FIFOs", ha="center", transform=axes[0].transAxes)
    figure.supylabel("room taken [token]", fontsize="medium")
    return _titled(figure, _fullest(chosen))


def plot_energy(result: HasTables) -> Figure:
    """A bar a part of the platform, divided by cause; what the platform does not model is named, not drawn as zero."""
    table, summary = result.energy, result.summary()
    frames = max(int(summary["delivered"]), 1)
    parts = list(dict.fromkeys(table["part"]))
    figure, (axis,) = new_figure(_WIDTH, 1.8 + 0.42 * max(len(parts), 2))
    colours, looks = _colours(result), cause_looks(dict.fromkeys(table["cause"][table["modelled"]]))
    sums = table.groupby("part", sort=False)["energy_mj"].sum(min_count=1) * 1e-3 / frames
    factor, unit = fitting(float(sums.max()) if sums.notna().any() else 0.0, "J")
    for place, name in enumerate(parts):
        _draw_energy(axis, table[table["part"] == name], place, colours.get(name, GREY), looks, factor / frames, unit)
    axis.set_yticks(range(len(parts)), parts)
    axis.set_ylim(len(parts) - 0.4, -0.6)
    axis.set_xlim(0, (float(sums.max()) if sums.notna().any() else 1.0) * factor * 1.5 or 1.0)
    axis.set_xlabel(f"energy per frame [{unit}]")
    if looks:
        handles = [_patch(lighter(GREY, light), hatch, cause) for cause, (light, hatch) in looks.items()]
        figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 7), frameon=False)
    return _titled(figure, _energy_finding(table, summary))


def plot_layers(result: HasTables) -> Figure:
    """A bar a layer in the order of the network: its time in service a frame, by what it was doing."""
    table = result.layers
    shown = table
    if len(table) > _MOST_LAYERS:
        shown = table.loc[table["time_us"].nlargest(_MOST_LAYERS).sort_index().index]
    figure, (axis,) = new_figure(_WIDTH, 1.9 + 0.24 * max(len(shown), 3))
    colours = _colours(result)
    factor, unit = fitting(float(shown["time_us"].max()) * 1e-6 if len(shown) else 0.0, "s")
    states = [
        state for state in ("compute", "memory_bound", "stalled") if len(shown) and shown[f"{state}_us"].max() > 0
    ]
    place, left = np.arange(len(shown)), np.zeros(len(shown))
    for state in states:
        width = shown[f"{state}_us"].to_numpy() * 1e-6 * factor
        light, hatch, _ = STATE_LOOK[state]
        faces = [lighter(colours.get(e, GREY), float(light)) for e in shown["element"]]
        axis.barh(place, width, left=left, color=faces, hatch=hatch, edgecolor="white", linewidth=0.4, height=0.8)
        left += width
    axis.set_yticks(place, list(shown["layer"]), fontsize="small")
    axis.invert_yaxis()
    axis.margins(y=0.01)
    axis.set_xlabel(f"time in service per frame [{unit}]")
    if len(shown) < len(table):
        axis.set_ylabel(f"the {len(shown)} slowest of {len(table)} layers")
    used = list(dict.fromkeys(shown["element"])) if len(shown) else []
    handles = [_patch(colours.get(e, GREY), "", f"on {e}") for e in used]
    handles += [_patch(lighter(GREY, float(STATE_LOOK[s][0])), STATE_LOOK[s][1], STATE_LOOK[s][2]) for s in states]
    if handles:
        figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 4), frameon=False)
    return _titled(figure, _slowest(table, result.summary()))


def _rows_of(table: pd.DataFrame) -> tuple[dict[str, pd.DataFrame], str]:
    """The rows of a timeline: all resources, or where they are many, their elements, or the busiest of one element."""
    resources = {str(name): part for name, part in table.groupby("resource", sort=False)}
    if len(resources) <= _MOST_ROWS:
        return resources, ""
    elements = {str(name): _merged(part) for name, part in table.groupby("element", sort=False)}
    if len(elements) > 1:
        return elements, "mean of all stages"
    busy = {name: float(part["compute_fraction"].mean()) for name, part in resources.items()}
    chosen = sorted(sorted(resources, key=lambda name: -busy[name])[:_MOST_ROWS], key=list(resources).index)
    return {name: resources[name] for name in chosen}, f"the {_MOST_ROWS} busiest of {len(resources)} stages"


def _merged(part: pd.DataFrame) -> pd.DataFrame:
    """The mean of several resources in each bin, each counted with its slots."""
    shares = [f"{state}_fraction" for state in STATE_LOOK]
    weighted = part[shares].mul(part["slots"], axis=0).assign(slots=part["slots"], from_us=part["from_us"])
    sums = weighted.groupby("from_us", sort=True).sum()
    merged = sums[shares].div(sums["slots"], axis=0).reset_index()
    ends = part.drop_duplicates("from_us").sort_values("from_us")["to_us"].to_numpy()
    return merged.assign(element=part["element"].iloc[0], to_us=ends)


def _draw_states(axis: Axes, edges: np.ndarray[Any, Any], part: pd.DataFrame, floor: float, colour: str) -> None:
    base = np.zeros(len(part))
    for state, (look, hatch, _) in STATE_LOOK.items():
        share = part[f"{state}_fraction"].to_numpy() * 0.8
        if not share.any():
            continue
        face = look if isinstance(look, str) else lighter(colour, look)
        axis.stairs(
            floor + base + share, edges, baseline=floor + base, fill=True, facecolor=face,
            edgecolor=(0, 0, 0, 0.35) if hatch else face, linewidth=0.0, hatch=hatch or None,
        )  # fmt: skip
        base = base + share
    axis.hlines([floor, floor + 0.8], edges[0], edges[-1], color=_LINE, linewidth=0.4)


def _state_legend(figure: Figure, table: pd.DataFrame) -> None:
    handles = []
    for state, (look, hatch, words) in STATE_LOOK.items():
        if len(table) and (table[f"{state}_fraction"] > 0).any():
            handles.append(_patch(look if isinstance(look, str) else lighter(GREY, look), hatch, words))
    if handles:
        figure.legend(
            handles=handles, loc="outside lower center", ncols=min(len(handles), 4), frameon=False, fontsize="small"
        )


def _draw_level(axis: Axes, level: pd.DataFrame, row: Mapping[Any, Any], colour: str, factor: float) -> None:
    edges = np.append(level["from_us"], level["to_us"].iloc[-1]) * 1e-6 * factor
    if len(edges) > 1 and edges[-1] > edges[0]:
        axis.stairs(level["max_tokens"], edges, baseline=level["min_tokens"], fill=True, color=lighter(colour, 0.6))
        axis.stairs(level["mean_tokens"], edges, baseline=None, color=colour, linewidth=1.2)
    capacity = row["capacity_tokens"]
    known = isinstance(capacity, int | np.integer)
    top = float(capacity) if known else float(row["max_tokens"])
    if known:
        axis.axhline(top, color="black", linestyle="--", linewidth=0.8)
    axis.set_ylim(0, max(top, 1.0) * 1.12)
    axis.margins(x=0.005)
    words = f"capacity {int(capacity)}, full {100 * row['full_fraction']:.0f} % of the time" if known else "unbounded"
    axis.set_title(f"{row['fifo']}   ({words})", fontsize="small", loc="left", pad=2)


def _inner_fifos(result: HasTables) -> pd.DataFrame:
    """FIFOs between layers, if any: a saturated stream keeps those at the entrance full whatever happens."""
    table = result.fifos
    inner = table[table["producer"].isin(result.layers["layer"])] if len(table) else table
    return inner if len(inner) else table


def _draw_energy(
    axis: Axes,
    part: pd.DataFrame,
    place: int,
    colour: str,
    looks: Mapping[str, tuple[float, str]],
    factor: float,
    unit: str,
) -> None:
    left, missing = 0.0, []
    for row in part.to_dict("records"):
        if not row["modelled"]:
            missing.append(str(row["cause"]))
            continue
        light, hatch = looks[str(row["cause"])]
        width = float(row["energy_mj"]) * 1e-3 * factor
        axis.barh(place, width, left=left, color=lighter(colour, light), hatch=hatch, edgecolor="white", linewidth=0.4)
        left += width
    words = f" {left:.3g} {unit}" if len(missing) < len(part) else ""
    if missing:
        words += " energy not modelled" if len(missing) == len(part) else f"  (not modelled: {', '.join(missing)})"
    axis.text(left, place, words, va="center", fontsize="small")


def _colours(result: HasTables) -> dict[str, str]:
    return element_colours(dict(zip(result.elements["element"], result.elements["model"], strict=True)))


def _patch(colour: str, hatch: str, label: str) -> Any:
    from matplotlib.patches import Patch

    return Patch(facecolor=colour, hatch=hatch, edgecolor=(0, 0, 0, 0.35), linewidth=0.0, label=label)


def _headline(summary: Mapping[str, Any]) -> str:
    found, rate = summary["bottleneck"], float(summary["throughput_fps"])
    shown = f"{rate:,.0f}" if rate >= 1000 else f"{rate:.4g}"
    where = f"{summary['network']} on {summary['platform']}: {shown} frames/s"
    return f"{where}; {found['reason']}"


def _fullest(table: pd.DataFrame) -> str:
    if not len(table):
        return "No FIFO is used"
    first = table.iloc[0]
    if float(first["full_fraction"]) > 0:
        return f"'{first['fifo']}' is full {100 * float(first['full_fraction']):.0f} % of the time"
    return "No FIFO is ever full"


def _energy_finding(table: pd.DataFrame, summary: Mapping[str, Any]) -> str:
    known = table[table["modelled"]]
    total = float(known["energy_mj"].sum())
    if not total > 0:
        return f"The energy of {summary['platform']} is not modelled"
    first = known.iloc[int(known["energy_mj"].to_numpy().argmax())]
    per_frame = total * 1e-3 / max(int(summary["delivered"]), 1)
    factor, unit = fitting(per_frame, "J")
    share = 100 * float(first["energy_mj"]) / total
    return (
        f"{summary['network']} on {summary['platform']}: {per_frame * factor:.3g} {unit} a frame,"
        f" {share:.0f} % of it for '{first['part']}' {first['cause']}"
    )


def _slowest(table: pd.DataFrame, summary: Mapping[str, Any]) -> str:
    if not len(table):
        return "No layer was run"
    first = table.iloc[int(table["time_us"].to_numpy().argmax())]
    share = 100 * float(first["share_of_time"])
    where = f"{summary['network']} on {summary['platform']}"
    return f"{where}: '{first['layer']}' on '{first['element']}' takes {share:.0f} % of the time in service"


def _titled(figure: Figure, title: str) -> Figure:
    title = title.replace(" %", "\u00a0%")  # textwrap breaks lines at plain spaces only
    figure.suptitle("\n".join(textwrap.wrap(title, 115)), fontsize="medium", x=0.01, ha="left")
    return figure
