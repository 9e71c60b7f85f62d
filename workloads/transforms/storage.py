"""How weights lie in memory: sparse with relative indices, shared through a codebook, Huffman-coded.

What a layer computes with is not touched: a shared weight is looked up and multiplied at full width. Only the bits
that are stored and moved change (Han, Mao and Dally, ICLR 2016).
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from workloads.errors import WorkloadError
from workloads.frozen import FrozenMap
from workloads.layers import Layer
from workloads.network import Network
from workloads.transforms.select import by_layer, has_weights

CODEBOOK_ENTRY_BITS = 32
"""A codebook holds full-precision values (Han et al., section 3.2)."""


def filler_share(density: float, index_bits: int) -> float:
    """Padding zeros for each kept weight, because a gap may be too long for a relative index.

    Kept weights at random places leave geometric gaps, and every ``2 ** index_bits`` zeros in a row cost one filler:
    ``q^s / (1 - q^s)`` with ``q = 1 - density`` and ``s = 2 ** index_bits``.
    """
    overflow = math.pow(1 - density, 2**index_bits)
    return overflow / (1 - overflow)


def stored(layer: Layer) -> Layer:
    """The layer with ``stored_weight_bits`` counted from its density, widths, index, codebook and code lengths."""
    attributes = layer.attributes
    index_bits: int | None = attributes.get("index_bits")
    shared_bits: int | None = attributes.get("shared_bits")
    if index_bits is None and shared_bits is None:
        return layer if layer.stored_weight_bits is None else replace(layer, stored_weight_bits=None)
    entries, place_bits = float(layer.weights), 0.0
    if index_bits is not None:
        entries *= layer.weight_density
        place_bits = attributes.get("coded_index_bits", index_bits)
        if attributes.get("fillers"):
            entries *= 1 + filler_share(layer.weight_density, index_bits)
    value_bits = attributes.get("coded_weight_bits", shared_bits if shared_bits is not None else layer.weight_bits)
    codebook = 2**shared_bits * CODEBOOK_ENTRY_BITS if shared_bits is not None else 0
    return replace(layer, stored_weight_bits=round(entries * (value_bits + place_bits)) + codebook)


def _with_storage(network: Network, changes: Mapping[str, dict[str, Any]], note: str) -> Network:
    layers = [
        stored(replace(layer, attributes=FrozenMap({**layer.attributes, **changes[layer.name]})))
        if layer.name in changes
        else layer
        for layer in network.layers.values()
    ]
    return network.with_layers(layers, note)


def sparse_storage(network: Network, index_bits: int | Mapping[str, int] = 4, *, fillers: bool = True) -> Network:
    """Store pruned layers as kept weights with relative indices of ``index_bits``.

    ``fillers`` counts the zeros that stand in where a gap is too long. A layer that was not pruned is left alone when
    one width is given for all, and raises :class:`WorkloadError` when it is named.
    """
    table = by_layer(network, index_bits, has_weights, "only layers with weights are stored sparse")
    changes: dict[str, dict[str, Any]] = {}
    for name, bits in table.items():
        if not 1 <= bits <= 32:
            raise WorkloadError(f"layer '{name}': index_bits is {bits}; write 1 to 32")
        if network[name].weight_density < 1:
            changes[name] = {"index_bits": bits, "fillers": fillers}
        elif isinstance(index_bits, Mapping):
            raise WorkloadError(
                f"layer '{name}': keeps all its weights, an index would only add to them; prune it first"
            )
    return _with_storage(network, changes, f"sparse storage: {len(changes)} layers with relative indices")


def share_weights(network: Network, bits: int | Mapping[str, int]) -> Network:
    """Replace every weight by an index of ``bits`` into a codebook of ``2 ** bits`` full-precision values.

    Raises :class:`WorkloadError` for 0 bits, and for a codebook that takes more room than the weights it replaces.
    """
    table = by_layer(network, bits, has_weights, "only layers with weights share them")
    for name, width in table.items():
        layer = network[name]
        if not 1 <= width <= 16:
            raise WorkloadError(f"layer '{name}': a codebook index of {width} bits is not possible; write 1 to 16")
        if 2**width * CODEBOOK_ENTRY_BITS >= layer.weights * layer.weight_bits:
            raise WorkloadError(
                f"layer '{name}': a codebook of {2**width} values is larger than its {layer.weights} weights;"
                " write fewer bits"
            )
    return _with_storage(network, {name: {"shared_bits": width} for name, width in table.items()}, "weight sharing")


def huffman(
    network: Network,
    weight_bits: Mapping[str, float] | None = None,
    index_bits: Mapping[str, float] | None = None,
) -> Network:
    """Code shared weights and relative indices with Huffman codes.

    ``weight_bits`` and ``index_bits`` give mean code lengths by layer pattern, as a paper prints them. Where they do
    not, the mean length of the weights is computed from real weights, and that of the indices from the geometric gaps
    that a pruned layer has. Raises :class:`WorkloadError` for a layer with neither.
    """
    coded = [layer.name for layer in network.layers.values() if layer.attributes.get("shared_bits") is not None]
    if not coded:
        raise WorkloadError(f"network '{network.name}': nothing to code; share weights first")
    reason = "only layers that share weights are coded"

    def eligible(layer: Layer) -> bool:
        return layer.name in coded

    weight_table, index_table = dict(weight_bits or {}), dict(index_bits or {})
    given_weights: dict[str, float] = by_layer(network, weight_table, eligible, reason)
    given_indices: dict[str, float] = by_layer(network, index_table, eligible, reason)
    changes: dict[str, dict[str, Any]] = {}
    for name in coded:
        layer = network[name]
        change = {"coded_weight_bits": given_weights.get(name) or _coded_weight_bits(network, layer)}
        if "index_bits" in layer.attributes:
            width = int(layer.attributes["index_bits"])
            change["coded_index_bits"] = given_indices.get(name) or coded_gap_bits(layer.weight_density, width)
        changes[name] = change
    return _with_storage(network, changes, "Huffman coding")


def _coded_weight_bits(network: Network, layer: Layer) -> float:
    import numpy as np

    values = network.weights_of(layer.name)
    if values is None:
        raise WorkloadError(
            f"layer '{layer.name}': no real weights to take frequencies from; give weight_bits={{'{layer.name}': ...}}"
        )
    flat = np.sort(np.abs(values.reshape(-1)))[::-1][: round(layer.weights * layer.weight_density)]
    if flat.size == 0 or flat[0] == flat[-1]:
        return 1.0
    # A codebook that is spread evenly between the smallest and the largest weight (linear initialisation, Han et al.
    # section 3.2, which they found best): both signs share the bins.
    signed = np.sort(values.reshape(-1)[np.abs(values.reshape(-1)) >= flat[-1]])
    counts, _ = np.histogram(signed, bins=2 ** int(layer.attributes["shared_bits"]))
    return huffman_mean_bits([int(count) for count in counts])


def coded_gap_bits(density: float, index_bits: int) -> float:
    """Mean Huffman length of a relative index: gaps are geometric, the longest code stands for a filler."""
    span = 2**index_bits
    gaps = [density * (1 - density) ** gap for gap in range(span - 1)]
    gaps.append(max(0.0, 1 - math.fsum(gaps)))
    return huffman_mean_bits([round(share * 2**40) for share in gaps])


def huffman_mean_bits(counts: Sequence[int]) -> float:
    """Mean code length of a Huffman code over symbols that occur ``counts`` times; a lone one takes one bit."""
    weights = sorted(count for count in counts if count > 0)
    total = sum(weights)
    if len(weights) <= 1:
        return 1.0
    heapq.heapify(weights)
    spent = 0
    while len(weights) > 1:
        joined = heapq.heappop(weights) + heapq.heappop(weights)
        spent += joined
        heapq.heappush(weights, joined)
    return spent / total
