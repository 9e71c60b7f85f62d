"""The commands by name; a new one is a function in a module of its own and a line here."""

from __future__ import annotations

from typing import Annotated

import typer

from simulator.cli.calibrate import calibrate_platform
from simulator.cli.catalogue import list_names, print_schema, show_platform
from simulator.cli.check import check_files
from simulator.cli.graph import analyse
from simulator.cli.inspect import inspect_network
from simulator.cli.run import run_network

app = typer.Typer(
    name="headrace",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Begin with:  headrace run mpsoc-cpu-gpu mobilenet-v1",
)

app.command("run")(run_network)
app.command("graph")(analyse)
app.command("inspect")(inspect_network)
app.command("check")(check_files)
app.command("calibrate")(calibrate_platform)
app.command("list")(list_names)
app.command("show")(show_platform)
app.command("schema")(print_schema)


def _print_version(wanted: bool) -> None:
    if wanted:
        from simulator import __version__

        print(f"headrace {__version__}")
        raise typer.Exit


@app.callback()
def headrace(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error, anywhere on the line.")
    ] = False,
) -> None:
    """Change the model or the architecture? Simulate a neural network on CPUs, GPUs, FPGA pipelines and ASICs.

    Tells throughput, latency, buffer occupancy and energy, and what limits them.
    """
