"""The networks of the ncnn benchmark, from its layer tables, or from their totals where no table is carried.

A table has kinds and shapes but no edges. A layer reads the latest tensor of its input shape; an addition the two
latest; a concatenation the latest unread ones that fill its channels. What has no such tensor enters from outside.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator
from pathlib import Path

from workloads.frozen import FrozenMap
from workloads.layers import Layer, Shape
from workloads.network import Network

FOLDER = Path(__file__).resolve().parents[2] / "tests" / "reference" / "hardware"
_KINDS = {
    "pooling": "max_pool",
    "eltwise": "add",
    "concat": "concat",
    "relu": "relu",
    "lrn": "lrn",
    "softmax": "softmax",
}
# Operations an output element beside multiply-accumulates, of the kinds that have any (Layer.ops counts the same).
_OPS = {"max_pool": 4, "add": 1, "relu": 1, "lrn": 8, "softmax": 4}


def read(name: str) -> list[dict[str, str]]:
    """The rows of a reference table; lines that begin with '#' are its source."""
    with open(FOLDER / name, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def networks() -> dict[str, Network]:
    """Every network of the benchmark that can be built, by the benchmark's name."""
    rows = read("ncnn_layers.csv")
    found: dict[str, Network] = {}
    for name in dict.fromkeys(row["network"] for row in rows):
        found[name] = _from_table(name, (row for row in rows if row["network"] == name))
    for row in read("ncnn_totals.csv"):
        if row["network"] not in found:
            found[row["network"]] = _from_totals(row["network"], {k: int(v) for k, v in row.items() if k != "network"})
    return found


def _shape(text: str) -> Shape:
    """``w x h x c`` of a table as (channels, height, width); a single number is a vector."""
    numbers = [int(part) for part in text.split("x")]
    return (numbers[0],) if len(numbers) == 1 else (numbers[2], numbers[1], numbers[0])


class _Tensors:
    """The tensors made so far, and which of them somebody has read."""

    def __init__(self) -> None:
        self.layers: dict[str, Layer] = {}
        self.unread: set[str] = set()

    def keep(self, layer: Layer) -> None:
        self.layers[layer.name] = layer
        self.unread.add(layer.name)

    def latest(self, shape: Shape, count: int = 1) -> list[str]:
        """The latest ``count`` tensors of a shape, or of as many elements for a vector; an input where one lacks."""
        found = [each.name for each in self._backwards() if _fits(each.out_shape, shape)][:count]
        while len(found) < count:
            source = Layer(f"input{len(self.layers)}", "input", (), (), shape)
            self.keep(source)
            found.append(source.name)
        return found

    def parts(self, shape: Shape) -> list[str]:
        """Unread tensors, the latest first, whose channels add up to those of ``shape``."""
        missing, found = shape[0], []
        for each in self._backwards():
            if each.name in self.unread and each.out_shape[1:] == shape[1:] and each.out_shape[0] <= missing:
                found.append(each.name)
                missing -= each.out_shape[0]
        return found[::-1] if missing == 0 else self.latest(shape)

    def _backwards(self) -> Iterator[Layer]:
        return reversed(list(self.layers.values()))


def _fits(found: Shape, wanted: Shape) -> bool:
    return found == wanted or (len(wanted) == 1 and math.prod(found) == wanted[0])


def _from_table(name: str, rows: Iterable[dict[str, str]]) -> Network:
    tensors = _Tensors()
    for row in rows:
        source, target = _shape(row["in"]), _shape(row["out"])
        kind = _KINDS.get(row["type"])
        if not tensors.layers:
            tensors.keep(Layer("input", "input", (), (), source))
        inputs = tensors.parts(target) if kind == "concat" else tensors.latest(source, 2 if kind == "add" else 1)
        shapes = tuple(tensors.layers[each].out_shape for each in inputs)
        if row["type"] == "conv":
            layer = _conv(row, tuple(inputs), shapes, target)
        elif row["type"] == "fc":
            weights = math.prod(source) * target[0]
            layer = Layer(row["layer"], "dense", tuple(inputs), shapes, target, weights=weights, macs=weights)
        else:
            kind = kind or "identity"
            ops = FrozenMap({kind: _OPS.get(kind, 0) * math.prod(target)})
            layer = Layer(row["layer"], kind, tuple(inputs), shapes, target, ops=ops)
        tensors.unread.difference_update(inputs)
        tensors.keep(layer)
    return Network(name, tensors.layers)


def _conv(row: dict[str, str], inputs: tuple[str, ...], shapes: tuple[Shape, ...], out: Shape) -> Layer:
    width, height = (int(part) for part in row["kernel"].split("x"))
    stride, groups, channels = int(row["stride"]), int(row["groups"]), shapes[0][0]
    weights = channels // groups * out[0] * height * width
    down = max(0, (out[1] - 1) * stride + height - shapes[0][1])
    across = max(0, (out[2] - 1) * stride + width - shapes[0][2])
    pad = (down // 2, across // 2, down - down // 2, across - across // 2)
    return Layer(
        row["layer"], "conv", inputs, shapes, out, kernel=(height, width), stride=(stride, stride), pad=pad,
        groups=groups, weights=weights, macs=weights * out[1] * out[2],
    )  # fmt: skip


def _from_totals(name: str, total: dict[str, int]) -> Network:
    """A chain of equal layers with the totals of a network whose table is not carried.

    A third of the convolutions of a network with depthwise ones is depthwise, 3 x 3; the others are 1 x 1 with the mean
    reduction. What is left of the layers are elementwise ones on the mean tensor.
    """
    dense, depthwise = int(total["fc_macs"] > 0), total["compute_layers"] // 3 if total["depthwise_macs"] else 0
    pointwise = total["compute_layers"] - depthwise - dense
    wide = total["depthwise_macs"] // 9
    outputs = total["conv_activation_elems"] - wide
    depth = (total["conv_macs"] - total["depthwise_macs"]) / outputs
    channels = max(1, round((total["weight_params"] - total["fc_macs"]) / pointwise / depth))
    pixels = max(1, round(math.sqrt(outputs / pointwise / channels)))
    tensors = _Tensors()
    plan = [
        ("pointwise", pointwise),
        ("depthwise", depthwise),
        ("other", total["all_layers"] - total["compute_layers"]),
    ]
    for kind, count in plan:
        for number in range(count):
            tensors.keep(
                _mean_layer(
                    tensors, f"{kind}{number + 1}", kind, (round(depth), channels, pixels), wide / max(1, depthwise)
                )
            )
    if dense:
        features = max(1, total["fc_macs"] // 1000)
        inputs = tensors.latest((features,))
        tensors.keep(
            Layer(
                "fc", "dense", tuple(inputs), ((features,),), (1000,), weights=total["fc_macs"], macs=total["fc_macs"]
            )
        )
    return Network(name, tensors.layers)


def _mean_layer(tensors: _Tensors, name: str, kind: str, size: tuple[int, int, int], wide: float) -> Layer:
    depth, channels, pixels = size
    if kind == "depthwise":
        maps = max(1, round(wide / pixels**2))
        shape = (maps, pixels, pixels)
        weights = 9 * maps
        return Layer(
            name, "conv", tuple(tensors.latest(shape)), (shape,), shape, kernel=(3, 3), pad=(1, 1, 1, 1), groups=maps,
            weights=weights, macs=weights * pixels**2,
        )  # fmt: skip
    shape = (channels, pixels, pixels)
    if kind == "pointwise":
        source = (depth, pixels, pixels)
        weights = depth * channels
        inputs = tuple(tensors.latest(source))
        return Layer(name, "conv", inputs, (source,), shape, kernel=(1, 1), weights=weights, macs=weights * pixels**2)
    return Layer(
        name, "sigmoid", tuple(tensors.latest(shape)), (shape,), shape, ops=FrozenMap({"sigmoid": 4 * math.prod(shape)})
    )
