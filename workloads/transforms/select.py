"""Which layers a transform is meant for: names, patterns such as ``layer3.*``, or a table of values by pattern."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import TypeVar

from workloads.errors import WorkloadError, did_you_mean
from workloads.layers import Layer
from workloads.network import Network

Value = TypeVar("Value")
Patterns = str | Iterable[str] | None
Test = Callable[[Layer], bool]


def chosen(network: Network, patterns: Patterns, eligible: Test, what: str) -> tuple[Layer, ...]:
    """The layers that ``patterns`` name, in order; all eligible ones for ``None``.

    A pattern that names no eligible layer raises :class:`WorkloadError` with the nearest one that would do.
    """
    candidates = [layer for layer in network.layers.values() if eligible(layer)]
    if patterns is None:
        return tuple(candidates)
    listed = [patterns] if isinstance(patterns, str) else list(patterns)
    for pattern in listed:
        check_pattern(network, pattern, candidates, what)
    return tuple(layer for layer in candidates if any(fnmatchcase(layer.name, pattern) for pattern in listed))


def by_layer(network: Network, values: Value | Mapping[str, Value], eligible: Test, what: str) -> dict[str, Value]:
    """A value for each layer: the same for all eligible ones, or by pattern, where the first that matches counts."""
    candidates = [layer for layer in network.layers.values() if eligible(layer)]
    if not isinstance(values, Mapping):
        return {layer.name: values for layer in candidates}
    for pattern in values:
        check_pattern(network, pattern, candidates, what)
    found: dict[str, Value] = {}
    for layer in candidates:
        for pattern, value in values.items():
            if fnmatchcase(layer.name, pattern):
                found[layer.name] = value
                break
    return found


def check_pattern(network: Network, pattern: str, candidates: Collection[Layer], what: str) -> None:
    """Raise when ``pattern`` names nothing that the transform could change."""
    if any(fnmatchcase(layer.name, pattern) for layer in candidates):
        return
    if pattern in network.layers:
        layer = network[pattern]
        size = f"{layer.kernel[0]}x{layer.kernel[1]} " if layer.kernel else ""
        raise WorkloadError(f"layer '{pattern}': is a {size}{layer.kind}; {what}")
    names = [layer.name for layer in candidates]
    raise WorkloadError(f"network '{network.name}': no layer '{pattern}' to change{did_you_mean(pattern, names)}")


def has_weights(layer: Layer) -> bool:
    return layer.weights > 0


def classifiers(network: Network) -> frozenset[str]:
    """The last layers with weights before each output: the number of their outputs is the number of classes."""
    found: set[str] = set()
    open_names = [layer.name for layer in network.outputs]
    seen: set[str] = set()
    while open_names:
        name = open_names.pop()
        if name in seen:
            continue
        seen.add(name)
        if network[name].weights:
            found.add(name)
        else:
            open_names.extend(network[name].inputs)
    return frozenset(found)
