"""Options that several commands share, and how their text is read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simulator.files import place
from workloads.errors import UserError

if TYPE_CHECKING:
    from workloads.network import Network

PlatformArgument = Annotated[
    str,
    typer.Argument(
        metavar="PLATFORM", help="A name of the catalogue ([bold]headrace list platforms[/]) or a YAML file."
    ),
]
NetworkArgument = Annotated[
    str,
    typer.Argument(
        metavar="NETWORK",
        help="A name of the zoo ([bold]headrace list networks[/]), an ONNX, a NIR or a topology CSV file.",
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="Change a value of the platform, e.g. processing_elements.gpu.clock='1 GHz'; repeatable.",
    ),
]
TransformOption = Annotated[
    list[str] | None,
    typer.Option(
        "--transform",
        "-t",
        metavar="NAME[:OPTION=VALUE,...]",
        help="Change the network first, e.g. prune_channels:keep=0.5"
        " ([bold]headrace list transforms[/]); repeatable, in this order.",
    ),
]


def place_to_write(text: str) -> Path:
    """The parser of options that name a file or folder to write to."""
    try:
        return place(text)
    except UserError as error:
        raise typer.BadParameter(str(error)) from error


JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


def assignments(texts: Sequence[str] | None, option: str, example: str) -> dict[str, str]:
    """``name=value`` texts as a dictionary; raises :class:`UserError` where one has no '=' or a name comes twice."""
    found: dict[str, str] = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        name = name.strip()
        if not equals or not name:
            raise UserError(f"{option} '{text}' sets nothing; write {option} {example}")
        if name in found:
            raise UserError(f"{option} sets '{name}' twice; write it once")
        found[name] = value.strip()
    return found


def overrides(texts: Sequence[str] | None) -> dict[str, str]:
    """What ``--set`` changes on a platform, by dotted path."""
    return assignments(texts, "--set", "memories.dram.bandwidth='12.8 GB/s'")


def capacities(texts: Sequence[str] | None) -> dict[str, int]:
    """Tokens by channel out of ``alpha=4,beta=2``, given once or several times."""
    parts = [part for text in texts or () for part in text.split(",") if part.strip()]
    found = {}
    for name, value in assignments(parts, "--capacities", "alpha=4,beta=2").items():
        if not value.isdecimal():
            raise UserError(f"--capacities: {name} is '{value}'; write a whole number of tokens, e.g. {name}=4")
        found[name] = int(value)
    return found


def changed_network(network: str, transforms: Sequence[str] | None) -> Network:
    """The network of that name or file after what ``--transform`` asks for."""
    from workloads import load_network

    loaded = load_network(network)
    if not transforms:
        return loaded
    from workloads.transforms.registry import apply_transforms

    return apply_transforms(loaded, transforms)
