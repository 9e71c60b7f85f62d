"""Finding a generator by name, reading its options out of text, and running it."""

from __future__ import annotations

import importlib
import inspect
import re
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import metadata
from typing import Any

from workloads.arrivals import Arrivals
from workloads.errors import WorkloadError, did_you_mean
from workloads.network import Network
from workloads.optiontext import alternatives, kind_name, plain, read_as, split_options
from workloads.quantities import parse_time, to_ps
from workloads.tokens import TokenStream

GROUP = "headrace.workloads"
_COMMON = ("network", "frames", "arrivals", "seed")


@dataclass(frozen=True, slots=True)
class Generator:
    """A registered generator: its name, the function, and what its signature says about its options."""

    name: str
    build: Callable[..., TokenStream]
    options: Mapping[str, inspect.Parameter]
    types: Mapping[str, Any]

    @property
    def summary(self) -> str:
        """The first sentence of its docstring."""
        first = " ".join((inspect.getdoc(self.build) or "").partition("\n\n")[0].split())
        return re.split(r"\. (?=[A-Z])", first)[0].rstrip(".").replace("``", "")

    @property
    def usage(self) -> str:
        """How it is written on the command line, every option with its default."""
        parts = [f"{o.name}={'...' if o.default is o.empty else plain(o.default)}" for o in self.options.values()]
        return self.name + (":" + ",".join(parts) if parts else "")


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
    return _checked(name, _import(name, target))


def parse_workload(text: str) -> tuple[Generator, dict[str, Any]]:
    """Generator and options out of ``name``, ``name:value`` or ``name:option=value,option=value``.

    A value without a name goes to the first option. Values are read as the signature says; a list is written
    ``[a,b]``.
    """
    name, _, rest = text.partition(":")
    function, _, more = rest.partition(":")
    if name not in generator_names() and function.isidentifier():  # package.module:function[:options]
        name, rest = f"{name}:{function}", more
    found = load_generator(name.strip())
    options: dict[str, Any] = {}
    for position, part in enumerate(split_options(rest)):
        key, equals, value = part.partition("=")
        if not equals:
            key, value = _first_option(found, position, part), part
        key = key.strip()
        if key in options:
            raise WorkloadError(f"workload '{text}': '{key}' is given twice; write it once")
        options[key] = _coerced(found, key, value.strip())
    return found, options


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
    missing = [o.name for o in found.options.values() if o.default is o.empty and o.name not in options]
    if missing:
        raise WorkloadError(f"workload '{workload}' needs {' and '.join(missing)}; write it as {found.usage}")
    stream = found.build(network, frames, arrivals, seed, **options)
    if deadline is not None:
        stream = replace(stream, deadline_ps=to_ps(parse_time(deadline, "the deadline")))
    if lossy is not None:
        stream = replace(stream, lossy=lossy)
    return stream


def _import(name: str, target: str) -> Any:
    module, _, attribute = target.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as error:
        raise WorkloadError(
            f"workload '{name}' cannot be loaded from '{target}': {error}; write package.module:function"
        ) from None
    return found


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
        name, build, {p.name: p for p in parameters[4:]}, {p.name: hints.get(p.name, str) for p in parameters[4:]}
    )


def _first_option(found: Generator, position: int, part: str) -> str:
    if position or not found.options:
        raise WorkloadError(
            f"workload '{found.name}': '{part}' names no option; write option=value as in {found.usage}"
        )
    return next(iter(found.options))


def _coerced(found: Generator, key: str, text: str) -> Any:
    if key not in found.options:
        allowed = did_you_mean(key, found.options) if found.options else "; it takes no options"
        raise WorkloadError(f"workload '{found.name}' has no option '{key}'{allowed}")
    wanted = alternatives(found.types[key])
    if type(None) in wanted and text.lower() in ("none", "null", ""):
        return None
    for kind in wanted:
        value = read_as(kind, text)
        if value is not None:
            return value
    names = " or ".join(kind_name(kind) for kind in wanted)
    raise WorkloadError(f"workload '{found.name}': {key} is '{text}'; write {names}, e.g. {found.usage}")
