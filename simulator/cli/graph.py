"""``headrace graph``: the exact throughput of a raw dataflow graph."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simulator.cli.failures import USERS_MISTAKE, say
from simulator.cli.options import JsonOption, capacities

if TYPE_CHECKING:
    from simulator.graph import GraphResult


def analyse(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A graph (SDF or CSDF) as YAML.")],
    bounds: Annotated[
        list[str] | None,
        typer.Option(
            "--capacities", "-c", metavar="alpha=4,beta=2", help="Tokens that channels hold; unbounded without."
        ),
    ] = None,
    discipline: Annotated[
        str,
        typer.Option(
            "--discipline",
            "-d",
            help="claim_start_release_end, claim_start_release_start or blocking_after_service.",
        ),
    ] = "claim_start_release_end",
    iterations: Annotated[
        int | None, typer.Option("--iterations", "-n", help="Iterations to run for starts, end times and occupancy.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Answer a dataflow graph with its exact throughput, its first starts and how full its channels get.

    A graph that deadlocks has throughput 0; who waits for whom goes to standard error, and the exit code is 2.
    """
    from simulator.graph import analyse_graph

    found = analyse_graph(file, capacities(bounds), discipline, iterations)
    if as_json:
        from simulator.cli.console import print_json

        print_json(found.to_json())
    else:
        _print(found)
    if found.deadlock is not None:
        say(found.deadlock)
        raise typer.Exit(USERS_MISTAKE)


def _print(found: GraphResult) -> None:
    from simulator.cli.console import console, table

    out = console()
    data: dict[str, Any] = found.to_json()
    unit = found.time_unit
    out.print(f"[bold]{found.name}[/]  {found.discipline.value.replace('_', ' ')}")
    out.print(f"  throughput  [bold]{data['throughput']}[/] iterations per {unit}")
    if found.period:
        out.print(f"  period      {data['period']} {unit} an iteration")
    if found.critical:
        out.print(f"  set by      {', '.join(found.critical)}")
    ends = f"end at {_list(found.sink_times)}" if found.sink_times else "none is completed"
    out.print(f"  iterations  {ends} (actor '{found.sink}')")
    starts = [(name, str(found.repetitions[name]), _list(times)) for name, times in found.first_starts.items()]
    out.print(table(("actor", "firings an iteration", "first starts"), starts, text=1))
    rows = [
        (name, "unbounded" if one.capacity is None else str(one.capacity), str(one.maximum), f"{one.mean:.3g}")
        for name, one in found.occupancy.items()
    ]
    out.print(table(("channel", "capacity", "most", "mean"), rows))


def _list(times: tuple[int, ...]) -> str:
    return ", ".join(map(str, times)) if times else "never"
