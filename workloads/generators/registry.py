"""Finding a generator by name, reading its options out of text, and running it."""

from __future__ import annotations

import inspect
import typing
from dataclasses import replace
from importlib import metadata
from typing import Any

from workloads.arrivals import Arrivals
from workloads.errors import WorkloadError, did_you_mean
from workloads.named import Named, import_function, split_name
from workloads.network import Network
from workloads.quantities import parse_time, to_ps
from workloads.tokens import TokenStream

GROUP = "headrace.workloads"
_COMMON = ("network", "frames", "arrivals", "seed")

Generator = Named[TokenStream]
"""A generator by its name; called with network, frames, arrivals, seed and its options."""


def generator_names() -> tuple[str, ...]:
    """Names of all registered generators, sorted."""
    return tuple(sorted({entry.name for entry in metadata.entry_points(group=GROUP)}))


def load_generator(name: str) -> Generator:
    """The generator registered as ``name``, or the function at ``package.module:function``.

    Raises :class:`WorkloadError` when there is none, when it cannot be imported, or when its signature is not that
    of a generator.
    """
    target = name
    if ":" not in name:
        found = [entry for entry in metadata.entry_points(group=GROUP) if entry.name == name]
        if not found:
            raise WorkloadError(f"no workload '{name}'{did_you_mean(name, generator_names())}")
        target = found[0].value
    return _checked(name, import_function("workload", name, target))


def parse_workload(text: str) -> tuple[Generator, dict[str, Any]]:
    """Generator and options out of ``name``, ``name:value`` or ``name:option=value,option=value``.

    A value without a name goes to the first option. Values are read as the signature says; a list is written
    ``[a,b]``.
    """
    name, rest = split_name(text, generator_names())
    found = load_generator(name)
    return found, found.read(rest, text)


def build_stream(
    network: Network,
    workload: str = "static",
    *,
    frames: int | None = None,
    arrivals: str | Arrivals | None = None,
    seed: int = 0,
    deadline: str | None = None,
    lossy: bool | None = None,
) -> TokenStream:
    """The stream that a workload text makes of a network.

    ``deadline`` ('33 ms', counted from each arrival) and ``lossy`` (a frame that finds the input full is dropped)
    replace what the generator chose. Raises :class:`WorkloadError` naming the option that is wrong or missing.
    """
    found, options = parse_workload(workload)
    found.require(options, workload)
    stream = found.call(TokenStream, network, frames, arrivals, seed, **options)
    if deadline is not None:
        stream = replace(stream, deadline_ps=to_ps(parse_time(deadline, "the deadline")))
    if lossy is not None:
        stream = replace(stream, lossy=lossy)
    return stream


def _checked(name: str, build: Any) -> Generator:
    shape = f"({', '.join(_COMMON)}, *, option=default, ...)"
    if not callable(build):
        raise WorkloadError(f"workload '{name}' is no function; write one with the parameters {shape}")
    parameters = list(inspect.signature(build).parameters.values())
    if tuple(p.name for p in parameters[:4]) != _COMMON or any(p.kind is not p.KEYWORD_ONLY for p in parameters[4:]):
        found = ", ".join(p.name for p in parameters)
        raise WorkloadError(f"workload '{name}' has the parameters ({found}); a generator has {shape}")
    hints = typing.get_type_hints(build)
    return Generator(
        "workload",
        name,
        build,
        {p.name: p for p in parameters[4:]},
        {p.name: hints.get(p.name, str) for p in parameters[4:]},
    )
