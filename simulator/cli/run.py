"""``headrace run``: a network on a platform."""

from __future__ import annotations

import shlex
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simulator.cli.failures import INTERRUPTED, say
from simulator.cli.options import (
    JsonOption,
    NetworkArgument,
    PlatformArgument,
    SetOption,
    TransformOption,
    changed_network,
    overrides,
    place_to_write,
)
from workloads.errors import UserError

if TYPE_CHECKING:
    from simulator.lowered import Lowered
    from simulator.result import Result, TotalsResult

_INPUT = "Input"
_RUN = "Run"
_OUTPUT = "Output"


def run_network(
    platform: PlatformArgument,
    network: NetworkArgument,
    transforms: TransformOption = None,
    frames: Annotated[
        int | None,
        typer.Option(
            "--frames", "-n", help="Frames to run; 64, or all of a trace, unless given.", rich_help_panel=_INPUT
        ),
    ] = None,
    arrivals: Annotated[
        str | None,
        typer.Option(
            "--arrivals",
            "-a",
            metavar="RULE",
            help="saturated (unless given), periodic:30Hz[,jitter=1ms], poisson:30Hz,"
            " bursty:100Hz,on=50ms,off=200ms or trace:FILE.",
            rich_help_panel=_INPUT,
        ),
    ] = None,
    workload: Annotated[
        str,
        typer.Option(
            "--workload",
            "-w",
            metavar="NAME[:OPTION=VALUE,...]",
            help="How much work each frame asks ([bold]headrace list workloads[/]);"
            " recorded:FILE runs a trace of your own.",
            rich_help_panel=_INPUT,
        ),
    ] = "static",
    deadline: Annotated[
        str | None,
        typer.Option(
            "--deadline", metavar="TIME", help="Count frames later than this, e.g. 33ms.", rich_help_panel=_INPUT
        ),
    ] = None,
    lossy: Annotated[
        bool,
        typer.Option("--lossy", help="Drop frames that find the input full, as a camera does.", rich_help_panel=_INPUT),
    ] = False,
    seed: Annotated[int, typer.Option("--seed", help="Seed of everything random.", rich_help_panel=_INPUT)] = 0,
    mapping: Annotated[
        Path | None,
        typer.Option(
            "--mapping", "-m", metavar="FILE", help="What runs where; automatic unless given.", rich_help_panel=_RUN
        ),
    ] = None,
    settings: SetOption = None,
    engine: Annotated[str, typer.Option("--engine", help="auto, simpy or compiled.", rich_help_panel=_RUN)] = "auto",
    until: Annotated[
        str | None,
        typer.Option(
            "--until", metavar="TIME", help="Stop after so much simulated time, e.g. 10ms.", rich_help_panel=_RUN
        ),
    ] = None,
    totals: Annotated[
        bool,
        typer.Option(
            "--totals",
            help="Keep totals and no trace: constant memory, and whole periods are skipped where the run repeats.",
            rich_help_panel=_RUN,
        ),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            parser=place_to_write,
            metavar="DIR",
            help="Save tables, manifest and pictures there.",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    trace: Annotated[
        Path | None,
        typer.Option(
            "--trace",
            parser=place_to_write,
            metavar="FILE",
            help="Write a timeline for ui.perfetto.dev (.json or .json.gz), or a row a firing (.parquet or .arrow).",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    as_json: JsonOption = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.", rich_help_panel=_OUTPUT)] = False,
) -> None:
    """Run a network on a platform: throughput, latency, occupancy, energy, and what limits them.

    An interrupted run (Ctrl-C) reports what was finished, marked incomplete, and exits with code 130.
    """
    from simulator.lowering import lower
    from simulator.mapping import load_mapping
    from simulator.platform import load_platform
    from workloads.generators import build_stream

    if totals and trace is not None:
        raise UserError("--trace needs what --totals leaves out; write one of the two")
    began = time.perf_counter()
    where = load_platform(platform, overrides(settings))
    rules = None if mapping is None else load_mapping(mapping)
    stream = build_stream(
        changed_network(network, transforms),
        workload,
        frames=frames,
        arrivals=arrivals,
        seed=seed,
        deadline=deadline,
        lossy=lossy or None,
    )
    lowered = lower(where, stream, rules)
    _make_room(out, trace)
    result = _simulated(lowered, engine, until, began, totals=totals, quiet=quiet or as_json)
    command = shlex.join(["headrace", *sys.argv[1:]])
    result = replace(
        result,
        origin={
            "command": command,
            "seed": seed,
            "workload": workload,
            "transforms": list(transforms or ()),
            "overrides": overrides(settings),
        },
    )
    stopped = not result.run.complete and until is None
    written = _write(result, out, trace)
    if as_json:
        from simulator.cli.console import print_json

        print_json(result.to_json())
    else:
        from simulator.cli.summary import print_result

        print_result(result, written)
    if stopped:
        say("interrupted: the figures are those of the part that was finished")
        raise typer.Exit(INTERRUPTED)


def _simulated(
    lowered: Lowered, engine: str, until: str | None, began: float, *, totals: bool, quiet: bool
) -> Result | TotalsResult:
    from simulator.cli.progress import watching
    from simulator.simulation import run_totals, run_traced
    from workloads.quantities import parse_time

    tick = lowered.plan.tick
    last = None if until is None else int(parse_time(until, "--until") / tick)
    with watching(tick, quiet=quiet) as progress:
        start = run_totals if totals else run_traced
        return start(lowered, engine=engine, until=last, progress=progress, began=began)


def _make_room(out: Path | None, trace: Path | None) -> None:
    """Makes the folders to write to before the run, so that a long one is not lost for want of them or of a name."""
    from simulator.files import make_folder, make_room

    if out is not None:
        make_folder(out)
    if trace is not None:
        from simulator.report.tracefile import trace_writer

        trace_writer(trace)
        make_room(trace)


def _write(result: Result | TotalsResult, out: Path | None, trace: Path | None) -> list[Path]:
    """Saves what was asked for and returns where it is."""
    from simulator.result import Result

    written = []
    if out is not None:
        result.save(out)
        if isinstance(result, Result):  # these follow the run over time
            result.plot_timeline(out / "timeline.png")
            result.plot_occupancy(out / "occupancy.png")
        result.plot_energy(out / "energy.png")
        result.plot_layers(out / "layers.png")
        written.append(out)
    if trace is not None and isinstance(result, Result):
        result.write_trace(trace)
        written.append(trace)
    return written
