"""Deep Compression (Han, Mao and Dally, ICLR 2016): pruning, weight sharing and Huffman coding as published.

The tables are those of the paper (2 to 5), a row a layer with weights: kept percent, bits of a shared weight, mean bits
of its Huffman code, mean bits of the coded index, and the published share of the original size after pruning and
quantisation (P+Q) and after coding (P+Q+H), in percent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from workloads.errors import WorkloadError, did_you_mean
from workloads.layers import Layer
from workloads.network import Network
from workloads.transforms.prune import prune_weights
from workloads.transforms.storage import huffman, share_weights, sparse_storage

_REFERENCE_BITS = 32


class Row(NamedTuple):
    """One layer of a published table."""

    kept_percent: int
    weight_bits: int
    coded_weight_bits: float
    coded_index_bits: float
    published_pq_percent: float
    published_pqh_percent: float


class Preset(NamedTuple):
    """One network of the paper, with its relative index width and its published total sizes in percent."""

    index_bits: int
    published_pq_percent: float
    published_pqh_percent: float
    rows: tuple[Row, ...]


PRESETS: dict[str, Preset] = {
    "lenet-300-100": Preset(
        5, 3.1, 2.49,
        (Row(8, 6, 4.4, 3.7, 3.1, 2.32), Row(9, 6, 4.4, 4.3, 3.8, 3.04), Row(26, 6, 4.3, 3.2, 15.7, 12.70)),
    ),
    "lenet-5": Preset(
        5, 3.05, 2.55,
        (
            Row(66, 8, 7.2, 1.5, 78.5, 67.45), Row(12, 8, 7.2, 3.9, 6.0, 5.28), Row(8, 5, 4.5, 4.5, 2.7, 2.45),
            Row(19, 5, 5.2, 3.7, 6.9, 6.13),
        ),
    ),
    "alexnet": Preset(
        4, 3.7, 2.88,
        (
            Row(84, 8, 6.3, 1.2, 32.6, 20.53), Row(38, 8, 5.5, 2.3, 14.5, 9.43), Row(35, 8, 5.1, 2.6, 13.1, 8.44),
            Row(37, 8, 5.2, 2.5, 14.1, 9.11), Row(37, 8, 5.6, 2.5, 14.0, 9.43), Row(9, 5, 3.9, 3.2, 3.0, 2.39),
            Row(9, 5, 3.6, 3.7, 3.0, 2.46), Row(25, 5, 4.0, 3.2, 7.3, 5.85),
        ),
    ),
    "vgg-16": Preset(
        5, 3.2, 2.05,
        (
            Row(58, 8, 6.8, 1.7, 40.0, 29.97), Row(22, 8, 6.5, 2.6, 9.8, 6.99), Row(34, 8, 5.6, 2.4, 14.3, 8.91),
            Row(36, 8, 5.9, 2.3, 14.7, 9.31), Row(53, 8, 4.8, 1.8, 21.7, 11.15), Row(24, 8, 4.6, 2.9, 9.7, 5.67),
            Row(42, 8, 4.6, 2.2, 17.0, 8.96), Row(32, 8, 4.6, 2.6, 13.1, 7.29), Row(27, 8, 4.2, 2.9, 10.9, 5.93),
            Row(34, 8, 4.4, 2.5, 14.0, 7.47), Row(35, 8, 4.7, 2.5, 14.3, 8.00), Row(29, 8, 4.6, 2.7, 11.7, 6.52),
            Row(36, 8, 4.6, 2.3, 14.8, 7.79), Row(4, 5, 3.6, 3.5, 1.6, 1.10), Row(4, 5, 4.0, 4.3, 1.5, 1.25),
            Row(23, 5, 4.0, 3.4, 7.1, 5.24),
        ),
    ),
}  # fmt: skip
_STAGES = ("P", "PQ", "PQH")


def deep_compression(
    network: Network, stage: str = "PQH", *, preset: str | None = None, fillers: bool = False
) -> Network:
    """The published compression of LeNet-300-100, LeNet-5, AlexNet or VGG-16, layer by layer.

    ``stage`` stops after pruning (``P``), weight sharing (``PQ``) or Huffman coding (``PQH``). The preset is found by
    the network's name. ``fillers`` counts the zeros that relative indices need for long gaps; without them a layer
    takes ``(kept * n * (weight_bits + index_bits) + 2 ** weight_bits * 32) / (32 n)`` of its size. Raises
    :class:`WorkloadError` when the network has other layers than the preset.
    """
    if stage not in _STAGES:
        raise WorkloadError(f"deep compression: no stage '{stage}'{did_you_mean(stage, _STAGES)}")
    chosen, layers = _rows(network, preset)
    rows = dict(zip((layer.name for layer in layers), chosen.rows, strict=True))
    pruned = prune_weights(network, {name: row.kept_percent / 100 for name, row in rows.items()})
    sparse = sparse_storage(pruned, dict.fromkeys(rows, chosen.index_bits), fillers=fillers)
    if stage == "P":
        return sparse
    shared = share_weights(sparse, {name: row.weight_bits for name, row in rows.items()})
    if stage == "PQ":
        return shared
    return huffman(
        shared,
        {name: row.coded_weight_bits for name, row in rows.items()},
        {name: row.coded_index_bits for name, row in rows.items()},
    )


def compression_table(network: Network, *, preset: str | None = None) -> list[dict[str, Any]]:
    """Predicted and published sizes, a record a layer and a total, in percent of 32-bit weights.

    Published columns are ``None`` where the paper prints nothing.
    """
    chosen, layers = _rows(network, preset)
    plain = deep_compression(network, "PQ", preset=preset)
    filled = deep_compression(network, "PQ", preset=preset, fillers=True)
    coded = deep_compression(network, "PQH", preset=preset, fillers=True)
    records = []
    for layer, row in zip(layers, chosen.rows, strict=True):
        found = _sizes((layer,), plain, filled, coded)
        published = {
            "published_pq_percent": row.published_pq_percent,
            "published_pqh_percent": row.published_pqh_percent,
        }
        records.append(
            {"layer": layer.name, "weights": layer.weights, "kept_percent": row.kept_percent, **found, **published}
        )
    total = _sizes(layers, plain, filled, coded)
    weights = sum(layer.weights for layer in layers)
    kept = sum(plain[layer.name].weight_density * layer.weights for layer in layers)
    published = {
        "published_pq_percent": chosen.published_pq_percent,
        "published_pqh_percent": chosen.published_pqh_percent,
    }
    records.append({"layer": "total", "weights": weights, "kept_percent": 100 * kept / weights, **total, **published})
    return records


def _sizes(layers: tuple[Layer, ...], plain: Network, filled: Network, coded: Network) -> dict[str, float]:
    dense = sum(layer.weights for layer in layers) * _REFERENCE_BITS
    named: Mapping[str, Network] = {
        "predicted_pq_percent": plain, "predicted_pq_with_fillers_percent": filled, "predicted_pqh_percent": coded,
    }  # fmt: skip
    return {key: 100 * sum(found[layer.name].stored_bits for layer in layers) / dense for key, found in named.items()}


def _rows(network: Network, preset: str | None) -> tuple[Preset, tuple[Layer, ...]]:
    name = preset or next((key for key in PRESETS if network.name.startswith(key)), None)
    if name not in PRESETS:
        raise WorkloadError(
            f"deep compression: no preset for '{preset or network.name}'{did_you_mean(str(name), PRESETS)}"
        )
    layers = tuple(layer for layer in network.layers.values() if layer.weights)
    expected = len(PRESETS[name].rows)
    if len(layers) != expected:
        raise WorkloadError(
            f"deep compression: network '{network.name}' has {len(layers)} layers with weights, the preset '{name}' "
            f"describes {expected}"
        )
    return PRESETS[name], layers
