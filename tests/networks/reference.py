"""Reading the layer tables of ``tests/reference/networks``."""

from __future__ import annotations

import csv
from pathlib import Path

from workloads.network import Layer, Network, shape_text

FOLDER = Path(__file__).parents[1] / "reference" / "networks"

KINDS = {
    "Input": "input",
    "Conv": "conv",
    "Linear": "dense",
    "ReLU": "relu",
    "BatchNorm": "batch_norm",
    "MaxPool": "max_pool",
    "AvgPool": "avg_pool",
    "GlobalAvgPool": "global_avg_pool",
    "AdaptiveAvgPool": "adaptive_avg_pool",
    "LRN": "lrn",
    "Dropout": "dropout",
    "Flatten": "flatten",
    "Add": "add",
    "Concat": "concat",
}


def rows(name: str) -> list[dict[str, str]]:
    """The rows of one table."""
    with (FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def unique_names(table: list[dict[str, str]]) -> list[str]:
    """Row names with a number added where a module runs more than once (``layer1.0.relu`` twice)."""
    seen: dict[str, int] = {}
    names = []
    for row in table:
        count = seen.get(row["name"], 0)
        seen[row["name"]] = count + 1
        names.append(f"{row['name']}_{count}" if count else row["name"])
    return names


def as_row(layer: Layer) -> dict[str, str]:
    """A layer in the columns of the tables."""
    windowed = layer.kind in ("conv", "max_pool", "avg_pool")
    return {
        "out_shape": shape_text(layer.out_shape),
        "kernel": shape_text(layer.kernel) if windowed and layer.kernel else "",
        "stride": shape_text(layer.stride) if windowed else "",
        "pad": shape_text(layer.pad[:2]) if windowed else "",
        "groups": str(layer.groups) if layer.kind == "conv" else "",
        "params": str(layer.params),
        "macs": str(layer.macs),
    }


def differences(network: Network, table: list[dict[str, str]], names: list[str]) -> list[str]:
    """What a network has otherwise than the table, layer by layer.

    Exporters leave out input names and dropout, and may write a pool that keeps its size as a window of one pixel.
    """
    found = []
    for name, row in zip(names, table, strict=True):
        if name not in network.layers and row["type"] in ("Input", "Dropout"):
            continue
        actual = as_row(network[name])
        if not row["kernel"]:
            actual |= {"kernel": "", "stride": "", "pad": ""}
        expected = {column: row[column] for column in actual}
        if actual != expected:
            found.append(f"{name}: {actual} instead of {expected}")
    return found
