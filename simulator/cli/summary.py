"""The result of a run on one screen: the figures, what limits them, where the time went."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.cli.console import NOT_MODELLED, console, percent, si, table

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from simulator.result import Report

_LAYERS = 8
"""Layers told of, the slowest first; the saved tables hold them all."""


_SHARES = {
    "busy_fraction": "busy",
    "compute_fraction": "compute",
    "memory_bound_fraction": "memory",
    "stalled_fraction": "stalled",
    "contended_fraction": "contended",
    "blocked_fraction": "blocked",
    "starved_fraction": "starved",
    "not_released_fraction": "waiting",
    "idle_fraction": "idle",
}
"""Columns of the elements' table and how they are called; those in which nothing happened are left out."""


def print_result(result: Report, written: Sequence[Path]) -> None:
    """Print the figures of a run for people."""
    out, data = console(), result.summary()
    out.print(_headline(result, data))
    out.print(_grid(_figures(data)))
    _print_elements(out, result)
    _print_layers(out, result)
    _print_fifos(out, result)
    for path in written:
        out.print(f"written: {path}", soft_wrap=True)


def _headline(result: Report, data: dict[str, Any]) -> str:
    arrivals = result.lowered.stream.origin.get("arrivals")
    frames = f"{data['frames']} frames" + (f", {arrivals}" if arrivals else "")
    return f"[bold]{data['network']}[/] on [bold]{data['platform']}[/]  {frames}"


def _figures(data: dict[str, Any]) -> list[tuple[str, str]]:
    latency, limit = data["latency_ms"], data["bottleneck"]
    rows = [
        ("throughput", f"[bold]{si(data['throughput_fps'], 'frames/s', 4)}[/]{_interval(data)}"),
        ("latency", f"[bold]{_ms(latency['mean'])}[/] mean, {_quantiles(latency)}"),
        ("energy", _energy(data)),
        ("limited by", f"[bold]{limit['name']}[/]: {limit['reason']}"),
        ("", limit["advice"]),
        ("", f"[dim]{data['firings']:,} firings, {data['engine']} engine, {si(data['wall_s'], 's')}[/]"),
    ]
    if data["dropped"] or data["deadline_misses"] is not None:
        late = "" if data["deadline_misses"] is None else f", {data['deadline_misses']} later than the deadline"
        rows.insert(2, ("frames", f"{data['delivered']} delivered, {data['dropped']} dropped{late}"))
    if not data["complete"]:
        rows.insert(0, ("incomplete", f"[bold red]{data['delivered']} of {data['frames']} frames are through[/]"))
    return [(name, text) for name, text in rows if text]


def _grid(rows: list[tuple[str, str]]) -> Table:
    """Names and texts side by side; a long text goes on under itself."""
    from rich.table import Table

    made = Table.grid(padding=(0, 2, 0, 0))
    made.add_column(width=13, no_wrap=True)
    made.add_column()
    for name, text in rows:
        made.add_row(f"  {name}", text)
    return made


def _interval(data: dict[str, Any]) -> str:
    low, high = data["throughput_low_fps"], data["throughput_high_fps"]
    if low is not None and high is not None and high - low > 1e-3 * high:
        return f"  ({si(low, '', 4)} .. {si(high, '', 4)} with 95 % confidence)"
    return f"  (not settled: {data['steady_note']})" if not data["steady"] and data["steady_note"] else ""


def _energy(data: dict[str, Any]) -> str:
    if data["energy_mj"] is None:
        return NOT_MODELLED
    frame = data["energy_per_frame_mj"]
    text = f"[bold]{_mj(frame)}[/] a frame, {_mj(data['energy_mj'])} in all"
    missing = data["energy_not_modelled"]
    if missing:
        named = ", ".join(missing[:6]) + (f" and {len(missing) - 6} more" if len(missing) > 6 else "")
        text += f"  [dim]({NOT_MODELLED}: {named})[/]"
    return text


def _print_elements(out: Console, result: Report) -> None:
    everything = result.elements
    table_of = everything[everything["busy_fraction"] > 0]
    shown = [name for name in _SHARES if name == "busy_fraction" or bool((table_of[name] >= 0.005).any())]
    rows = [
        [
            str(row["element"]),
            str(row["model"]),
            str(row["slots"]),
            *(percent(row[name]) for name in shown),
            si(_joule(row["energy_mj"]), "J"),
        ]
        for row in table_of.to_dict("records")
    ]
    columns = ("element", "model", "slots", *(_SHARES[name] for name in shown), "energy")
    out.print(table(columns, rows, text=2, title="\nElements and DMA, shares of the run"))
    used = {note.element for note in result.lowered.actors}
    unused = [name for name in everything["element"] if name not in used]
    if len(unused):
        out.print(f"[dim]unused: {', '.join(unused)}[/]\n")


def _print_layers(out: Console, result: Report) -> None:
    layers = result.layers
    shown = layers.sort_values("time_us", ascending=False, kind="stable").head(_LAYERS)
    rows = [
        (
            str(row["layer"]),
            str(row["element"]),
            si(row["macs"], "MAC"),
            si(row["time_us"] * 1e-6, "s"),
            percent(row["busiest_fraction"]),
            si(row["compute_us"] * 1e-6, "s"),
            si(row["memory_bound_us"] * 1e-6, "s"),
            si(_known(row["read_bytes"], 0.0) + _known(row["write_bytes"], 0.0), "B"),
            si(_joule(row["energy_uj"], 1e-6), "J"),
        )
        for row in shown.to_dict("records")
    ]
    columns = ("layer", "element", "work", "time", "busy", "compute", "memory", "traffic", "energy")
    out.print(table(columns, rows, text=2, title=f"The {len(rows)} slowest of {len(layers)} layers, a frame"))


def _print_fifos(out: Console, result: Report) -> None:
    # The room at the entrance is full in every saturated run, which says nothing about the platform.
    inner = result.fifos[~result.fifos["producer"].isin(_entrances(result))]
    fifos = inner[inner["blocks_writer_us"] > 0]
    shown = fifos.sort_values("blocks_writer_us", ascending=False, kind="stable").head(5)
    if shown.empty:
        return
    rows = [
        (
            str(row["fifo"]),
            str(row["capacity_tokens"]),
            f"{row['mean_tokens']:.3g}",
            str(row["max_tokens"]),
            percent(row["full_fraction"]),
            si(row["blocks_writer_us"] * 1e-6, "s"),
        )
        for row in shown.to_dict("records")
    ]
    out.print(table(("FIFO", "capacity", "mean", "most", "full", "blocks its writer"), rows, title="FIFOs that block"))


def _entrances(result: Report) -> list[str]:
    return [layer.name for layer in result.lowered.stream.network.inputs]


def _quantiles(latency: dict[str, float | None]) -> str:
    return ", ".join(f"{name} {_ms(latency[name])}" for name in ("p50", "p95", "p99", "max"))


def _mj(value: float | None) -> str:
    return si(None if value is None else value * 1e-3, "J")


def _ms(value: float | None) -> str:
    return si(None if value is None else value * 1e-3, "s")


def _joule(value: float | None, scale: float = 1e-3) -> float | None:
    return None if value is None or value != value else value * scale


def _known(value: float | None, otherwise: float) -> float:
    """A cell of a table, which is empty where the model says nothing."""
    return otherwise if value is None or value != value else value
