"""Transforms by name, as text: ``prune_channels:keep=0.5`` stands for ``prune_channels(network, keep=0.5)``.

A table of values by layer pattern is written ``{conv*=0.5,fc=0.1}``, a list ``[a,b]``. Besides the names listed here,
``package.module:function`` runs a function of the user's own whose first parameter is a network.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from workloads import transforms
from workloads.errors import WorkloadError, did_you_mean
from workloads.named import Named, import_function, split_name
from workloads.network import Network
from workloads.transforms.algorithm import algorithm

_NAMED: Mapping[str, Callable[..., Network]] = {
    "algorithm": algorithm,
    "binarise": transforms.binarise,
    "deep_compression": transforms.deep_compression,
    "fire": transforms.fire,
    "fractional": transforms.fractional,
    "huffman": transforms.huffman,
    "low_rank": transforms.low_rank,
    "merge_layers": transforms.merge_layers,
    "prune_by_magnitude": transforms.prune_by_magnitude,
    "prune_channels": transforms.prune_channels,
    "prune_layers": transforms.prune_layers,
    "prune_neurons": transforms.prune_neurons,
    "prune_weights": transforms.prune_weights,
    "quantise": transforms.quantise,
    "scale_resolution": transforms.scale_resolution,
    "scale_width": transforms.scale_width,
    "separable": transforms.separable,
    "share_weights": transforms.share_weights,
    "sparse_storage": transforms.sparse_storage,
    "split_layer": transforms.split_layer,
}


Transform = Named[Network]
"""A transform by its name; called with a network and its options."""


def transform_names() -> tuple[str, ...]:
    """Names of all transforms, sorted."""
    return tuple(_NAMED)


def load_transform(name: str) -> Transform:
    """The transform of that name, or the function at ``package.module:function``; :class:`WorkloadError` for none."""
    change = _NAMED.get(name) or (_import(name) if ":" in name else None)
    if change is None:
        raise WorkloadError(f"no transform '{name}'{did_you_mean(name, transform_names())}")
    parameters = list(inspect.signature(change).parameters.values())
    if not parameters:
        raise WorkloadError(f"transform '{name}' has no parameters; its first one must be the network")
    hints = typing.get_type_hints(change)
    options = {p.name: p for p in parameters[1:]}
    return Transform(
        "transform", name, change, options, {key: hints.get(key, _kind_of(p.default)) for key, p in options.items()}
    )


def _kind_of(default: object) -> type:
    """The type of an option without annotation: that of its default."""
    return type(default) if isinstance(default, bool | int | float) else str


def apply_transforms(network: Network, texts: Sequence[str]) -> Network:
    """The network after the transforms written in ``texts``, one after the other.

    Raises :class:`WorkloadError` naming the transform and the option that is wrong or missing, or the layer that cannot
    be changed so and why.
    """
    for text in texts:
        found, options = parse_transform(text)
        network = found.call(Network, network, **options)
    return network


def parse_transform(text: str) -> tuple[Transform, dict[str, Any]]:
    """Transform and options out of ``name``, ``name:value`` or ``name:option=value,option=value``.

    A value without a name goes to the first option.
    """
    name, rest = split_name(text, _NAMED)
    found = load_transform(name)
    options = found.read(rest, text)
    found.require(options, text)
    return found, options


def _import(name: str) -> Callable[..., Network]:
    found: Callable[..., Network] = import_function("transform", name, name)
    if not callable(found):
        raise WorkloadError(f"transform '{name}' is no function; write one whose first parameter is the network")
    return found
