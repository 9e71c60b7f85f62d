"""Carrying out convolutions by another algorithm: a named one for some layers, or the quickest for each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from workloads.conv_algorithms import ALGORITHMS, AlgorithmCost, algorithm_cost, possible_costs
from workloads.errors import WorkloadError
from workloads.layers import Layer
from workloads.network import Network
from workloads.transforms.select import Patterns, chosen


def algorithm(
    network: Network,
    name: str,
    layers: Patterns = None,
    *,
    macs_per_second: float | None = None,
    elements_per_second: float | None = None,
    temporary_limit: int | None = None,
) -> Network:
    """Carry out convolutions by an algorithm such as im2col or winograd-4, or each by the quickest ('auto').

    ``auto`` takes the longer of computing at ``macs_per_second`` and moving ``elements_per_second``, and holds at most
    ``temporary_limit`` elements beside input, weights and output.
    """
    if name != "auto":
        return with_algorithm(network, name, _listed(layers))
    if macs_per_second is None or elements_per_second is None:
        raise WorkloadError("algorithm 'auto' needs macs_per_second and elements_per_second, e.g. 1e10 and 1e9")
    judge = roofline_seconds(macs_per_second, elements_per_second)
    return with_algorithm(network, "auto", _listed(layers), seconds=judge, temporary_limit=temporary_limit)


def _listed(layers: Patterns) -> str | list[str] | None:
    return layers if layers is None or isinstance(layers, str) else list(layers)


def roofline_seconds(
    operations_per_second: float, elements_per_second: float, add_weight: float = 0.5
) -> Callable[[AlgorithmCost], float]:
    """A judge for :func:`with_algorithm`: the longer of computing and moving.

    ``operations_per_second`` counts multiply-accumulates; a lone addition takes ``add_weight`` of one.
    """
    if operations_per_second <= 0 or elements_per_second <= 0:
        raise WorkloadError("roofline: write rates above 0")

    def seconds(cost: AlgorithmCost) -> float:
        compute = (cost.multiplies + add_weight * cost.adds) / operations_per_second
        return max(compute, cost.traffic / elements_per_second)

    return seconds


def with_algorithm(
    network: Network,
    algorithm: str = "auto",
    layers: str | list[str] | None = None,
    *,
    seconds: Callable[[AlgorithmCost], float] | None = None,
    temporary_limit: int | None = None,
) -> Network:
    """The network with its convolutions carried out by ``algorithm``, or each by the quickest under ``seconds``.

    ``auto`` takes, for each layer, the algorithm with the least ``seconds`` among those whose temporaries stay within
    ``temporary_limit`` elements; of equals the one with fewer temporaries. Direct convolution always qualifies. A named
    algorithm that cannot carry out a layer raises :class:`WorkloadError`.
    """
    picked = {
        layer.name for layer in chosen(network, layers, lambda found: found.kind == "conv", "only convolutions are")
    }
    if algorithm == "auto" and seconds is None:
        raise WorkloadError("algorithm 'auto' needs a judge; give seconds=roofline_seconds(...)")
    changed = []
    for layer in network.layers.values():
        if layer.name in picked:
            found = _quickest(layer, seconds, temporary_limit) if algorithm == "auto" and seconds else algorithm
            algorithm_cost(layer, found)
            changed.append(replace(layer, algorithm=found))
        else:
            changed.append(layer)
    return network.with_layers(changed, f"convolution algorithm: {algorithm} for {len(picked)} layers")


def _quickest(layer: Layer, seconds: Callable[[AlgorithmCost], float], limit: int | None) -> str:
    costs = [c for c in possible_costs(layer).values() if limit is None or c.temporary <= limit]
    return min(costs, key=lambda cost: (seconds(cost), cost.temporary, ALGORITHMS.index(cost.algorithm))).algorithm
