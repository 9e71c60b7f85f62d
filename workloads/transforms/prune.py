"""Pruning: single weights, channels and neurons, whole layers.

Unstructured pruning changes only the density of a layer; whether an element gains from that is its model's affair.
Structured pruning makes smaller layers, which every element gains from.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workloads.errors import WorkloadError
from workloads.layers import Layer, Shape
from workloads.network import Network
from workloads.seeds import generator
from workloads.transforms.rebuild import Step, rebuild, unchanged
from workloads.transforms.select import Patterns, by_layer, chosen, classifiers, has_weights
from workloads.transforms.storage import stored

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Scores are drawn for at most so many weights of a layer without real ones; more would not change a density visibly.
_SAMPLE = 200_000


def prune_weights(network: Network, density: float | Mapping[str, float]) -> Network:
    """Keep a fraction of each layer's weights, the same for all layers or by pattern: a density table.

    Raises :class:`WorkloadError` for a density that is not above 0 and at most 1.
    """
    table = by_layer(network, density, has_weights, "only layers with weights are pruned")
    for name, kept in table.items():
        _check_share(name, "density", kept)
    return _with_densities(network, table, "table")


def prune_by_magnitude(
    network: Network, density: float, layers: Patterns = None, *, seed: int | None = None
) -> Network:
    """Keep the largest ``density`` of all weights together: one threshold for the network, so layers differ.

    Real weights are used where the network has them. A layer without takes normal weights of the scale that training
    starts from (standard deviation ``sqrt(2 / fan-in)``, He et al., ICCV 2015), drawn with ``seed``; without a seed
    such a layer raises :class:`WorkloadError`.
    """
    import numpy as np

    _check_share(network.name, "density", density)
    picked = chosen(network, layers, has_weights, "only layers with weights are pruned")
    magnitudes = {layer.name: _magnitudes(network, layer, seed) for layer in picked}
    values = np.concatenate(list(magnitudes.values()))
    shares = np.concatenate([np.full(m.size, network[name].weights / m.size) for name, m in magnitudes.items()])
    order = np.argsort(-values, kind="stable")
    within = np.cumsum(shares[order]) <= density * shares.sum() + 0.5
    threshold = values[order][max(0, int(within.sum()) - 1)]
    kept = {name: float(np.count_nonzero(m >= threshold)) / m.size for name, m in magnitudes.items()}
    empty = next((name for name, share in kept.items() if share == 0), None)
    if empty is not None:
        raise WorkloadError(
            f"layer '{empty}': no weight reaches the threshold of density {density}; write a higher density"
        )
    return _with_densities(network, kept, "magnitude")


def _magnitudes(network: Network, layer: Layer, seed: int | None) -> NDArray[np.floating[Any]]:
    import numpy as np

    values = network.weights_of(layer.name)
    if values is not None:
        magnitudes: NDArray[np.floating[Any]] = np.abs(values.reshape(-1))
        return magnitudes
    if seed is None:
        raise WorkloadError(f"layer '{layer.name}': has no real weights to rank; give a density table or a seed")
    fan_in = layer.weights / layer.out_channels
    draws = generator(seed, f"prune.{layer.name}").standard_normal(min(layer.weights, _SAMPLE))
    scaled: NDArray[np.floating[Any]] = np.abs(draws) * math.sqrt(2 / fan_in)
    return scaled


def _with_densities(network: Network, densities: Mapping[str, float], how: str) -> Network:
    layers = [
        stored(replace(layer, weight_density=layer.weight_density * densities.get(layer.name, 1.0)))
        for layer in network.layers.values()
    ]
    kept = sum(layer.weights * layer.weight_density for layer in layers)
    total = sum(layer.weights for layer in layers)
    return network.with_layers(layers, f"prune weights by {how}: {kept / total:.1%} kept")


def prune_channels(
    network: Network,
    keep: float | Mapping[str, float],
    *,
    multiple: int = 1,
    kinds: tuple[str, ...] = ("conv", "dense"),
) -> Network:
    """Remove output channels of convolutions and neurons of dense layers; their readers shrink with them.

    ``keep`` is a share for all layers, or by pattern; counts are rounded up to a ``multiple``. Depthwise layers follow
    what they read, and classifiers keep their classes unless named. Layers whose results are added must be pruned
    alike, or the addition is named in a :class:`WorkloadError`.
    """
    if multiple < 1:
        raise WorkloadError(f"network '{network.name}': multiple is {multiple}; write at least 1")
    last = classifiers(network)

    def eligible(layer: Layer) -> bool:
        named = isinstance(keep, Mapping) and layer.name in keep
        return layer.kind in kinds and not layer.is_depthwise and (named or layer.name not in last)

    text = " and ".join(kinds)
    table = by_layer(network, keep, eligible, f"channels are pruned in {text} layers that are not depthwise")
    for name, share in table.items():
        _check_share(name, "keep", share)

    def edit(layer: Layer, in_shapes: tuple[Shape, ...]) -> list[Step]:
        if layer.name not in table:
            return unchanged(layer, in_shapes)
        wanted = max(1, math.ceil(round(layer.out_channels * table[layer.name], 9)))
        step = math.lcm(multiple, layer.groups)
        return [Step(layer, out_channels=min(layer.out_channels, -(-wanted // step) * step))]

    try:
        return rebuild(network, edit, f"prune channels of {len(table)} layers")
    except WorkloadError as error:
        raise WorkloadError(f"{error} (layers that meet in an addition must keep the same channels)") from None


def prune_neurons(network: Network, keep: float | Mapping[str, float]) -> Network:
    """Remove neurons of dense layers, and with them the weights of the next layer that read them."""
    return prune_channels(network, keep, kinds=("dense",))


def prune_layers(network: Network, layers: Patterns) -> Network:
    """Leave whole layers out; what they made must have the shape of what they read, as in a residual block.

    A layer that changes the shape, or joins two branches of which one stays, raises :class:`WorkloadError`.
    """
    removed = {layer.name for layer in chosen(network, layers, lambda layer: layer.kind != "input", "inputs stay")}
    if not removed:
        raise WorkloadError(f"network '{network.name}': no layer to leave out is named")

    def edit(layer: Layer, in_shapes: tuple[Shape, ...]) -> list[Step]:
        if layer.name not in removed:
            for source, shape, before in zip(layer.inputs, in_shapes, layer.in_shapes, strict=True):
                if shape != before:
                    old, new = "x".join(map(str, before)), "x".join(map(str, shape))
                    raise WorkloadError(
                        f"layer '{source}': turns {new} into {old}, which '{layer.name}' needs; only layers that keep "
                        "the shape can be left out"
                    )
            return unchanged(layer, in_shapes)
        return []

    return rebuild(network, edit, f"leave out {len(removed)} layers")


def _check_share(name: str, what: str, share: float) -> None:
    if not 0 < share <= 1:
        raise WorkloadError(f"layer '{name}': {what} is {share}; write a share above 0 and at most 1")
