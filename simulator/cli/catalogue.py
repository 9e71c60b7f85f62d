"""``headrace list``, ``show`` and ``schema``: what there is to run, and on what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simulator.cli.options import JsonOption, PlatformArgument, SetOption, overrides
from workloads.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from simulator.platform import Platform


def list_names(
    what: Annotated[str, typer.Argument(metavar="WHAT", help="platforms, networks, transforms, workloads or models.")],
    as_json: JsonOption = False,
) -> None:
    """List the platforms, networks, transforms, workloads or element models that can be named."""
    if what not in _LISTS:
        raise UserError(f"nothing to list called '{what}'{did_you_mean(what, _LISTS)}")
    entries = _LISTS[what]()
    if as_json:
        from simulator.cli.console import print_json

        print_json({what: [{"name": name, **about} for name, about in entries.items()]})
        return
    from simulator.cli.console import console, table

    keys = list(next(iter(entries.values()), {}))
    rows = [(name, *(str(about[key]) for key in keys)) for name, about in entries.items()]
    console().print(table((what.removesuffix("s"), *keys), rows, text=1 + len(keys)))


def show_platform(
    platform: PlatformArgument,
    settings: SetOption = None,
    as_yaml: Annotated[
        bool, typer.Option("--yaml", help="Print it as one file, parents and changes merged in.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show a platform: its elements, memories, DMA engines and FIFOs, and where its figures come from."""
    from simulator.platform import load_platform

    found = load_platform(platform, overrides(settings))
    if as_json:
        from simulator.cli.console import print_json

        print_json({**found.document, "sha256": found.sha256, "header": list(found.header)})
    elif as_yaml:
        print(found.dump(), end="")
    else:
        _print_platform(found)


def print_schema() -> None:
    """Print the JSON Schema of platform files, for editors."""
    from simulator.cli.console import print_json
    from simulator.platform import platform_schema

    print_json(platform_schema())


def _print_platform(platform: Platform) -> None:
    from rich.markup import escape

    from simulator.cli.console import console, table

    out = console()
    out.print(f"[bold]{platform.name}[/]  {escape(platform.description)}")
    sections = {"processing_elements": "processing element", "memories": "memory", "dma": "DMA engine", "fifos": "FIFO"}
    for section, word in sections.items():
        parts: Mapping[str, Any] = platform.document.get(section) or {}
        rows = [(escape(name), escape(_inline(part))) for name, part in parts.items()]
        if rows:
            out.print(table((word, ""), rows, text=2))
    for line in platform.header:
        text = line.lstrip("# ").rstrip()
        if text and not text.startswith("yaml-language-server"):
            out.print(f"[dim]{escape(text)}[/]")


def _inline(value: object) -> str:
    """A part of a platform as its file would write it, on one line."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_nested(each)}" for key, each in value.items())
    return _nested(value)


def _nested(value: object) -> str:
    if isinstance(value, Mapping):
        return "{" + _inline(value) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_nested(each) for each in value) + "]"
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)


def _platforms() -> dict[str, dict[str, Any]]:
    import platforms
    from simulator.platform import load_platform

    loaded = {name: load_platform(name) for name in platforms.names()}
    return {
        name: {"elements": ", ".join(each.processing_elements), "description": each.description}
        for name, each in loaded.items()
    }


def _networks() -> dict[str, dict[str, Any]]:
    from workloads.zoo import network_summaries

    return {name: {"description": text} for name, text in network_summaries().items()}


def _workloads() -> dict[str, dict[str, Any]]:
    from workloads.generators import generator_names, load_generator

    found = {name: load_generator(name) for name in generator_names()}
    return {name: {"usage": each.usage, "description": each.summary} for name, each in found.items()}


def _transforms() -> dict[str, dict[str, Any]]:
    from workloads.transforms.registry import load_transform, transform_names

    found = {name: load_transform(name) for name in transform_names()}
    return {name: {"usage": each.usage, "description": each.summary} for name, each in found.items()}


def _models() -> dict[str, dict[str, Any]]:
    import inspect

    from simulator.platform import element_model, model_names

    return {
        name: {"description": (inspect.getdoc(element_model(name)) or "").partition("\n")[0].rstrip(".")}
        for name in model_names()
    }


_LISTS: dict[str, Callable[[], dict[str, dict[str, Any]]]] = {
    "platforms": _platforms,
    "networks": _networks,
    "transforms": _transforms,
    "workloads": _workloads,
    "models": _models,
}
