"""How a layer lies on a systolic array: folds, cycles and accesses to the buffers, in closed form.

Sources: A. Samajdar et al., "SCALE-Sim: Systolic CNN Accelerator Simulator", arXiv 1811.02883, section 3, and "A
systematic methodology for characterizing scalability of DNN accelerators using SCALE-Sim", ISPASS 2020, equations 1 to
6; the SRAM counts follow SCALE-Sim v3.0.0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from simulator.elements.dense_work import channels_in
from workloads.layers import Layer

Dataflow = Literal["os", "ws", "is"]


@dataclass(frozen=True, slots=True)
class Product:
    """A layer as ``groups`` matrix products one after the other, each ``pixels`` x ``window`` x ``filters``."""

    pixels: int
    window: int
    filters: int
    groups: int

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all groups."""
        return self.pixels * self.window * self.filters * self.groups


@dataclass(frozen=True, slots=True)
class Folds:
    """How a matrix product lies on the array: ``row_folds * column_folds`` folds of ``fold_cycles``, one product a
    group. Reads and writes are words of the buffers beside the array, over all groups. A fold whose stream is cut into
    ``tiles`` pays ``fill`` cycles for each.
    """

    pixels: int
    window: int
    filters: int
    groups: int
    row_folds: int
    column_folds: int
    fold_cycles: int
    input_reads: int
    weight_reads: int
    output_writes: int
    fill: int = 0
    tiles: int = 1

    @property
    def cycles(self) -> int:
        """Cycles of the layer: SCALE-Sim prints one less, the index of its last cycle."""
        fold = self.fold_cycles + (self.tiles - 1) * self.fill
        return self.groups * self.row_folds * self.column_folds * fold

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all groups."""
        return self.groups * self.pixels * self.window * self.filters


def product_of(layer: Layer, input_channels: int | None = None, output_channels: int | None = None) -> Product:
    """The matrix product of a layer; fewer channels than it has are those left by pruning.

    A grouped convolution is a product a group, a depthwise one a product a channel; pruning its channels leaves fewer
    groups. A recurrent layer is a product of one pixel for each step of its sequence, as each step waits for the last.
    """
    filters = layer.out_channels
    if layer.kind in ("conv", "conv_transpose") and layer.kernel is not None:
        pixels = layer.output_elements // filters
        area = layer.kernel[0] * layer.kernel[1]
        ins = layer.in_shape[0] if input_channels is None else input_channels
        outs = filters if output_channels is None else output_channels
        if layer.is_depthwise:
            left = min(ins, -(-outs * layer.groups // filters))
            return Product(pixels, area, filters // layer.groups, left)
        return Product(pixels, area * -(-ins // layer.groups), -(-outs // layer.groups), layer.groups)
    if layer.kind == "recurrent":
        steps = max(1, layer.output_elements // filters)
        window = layer.in_shape[-1] + filters
        return Product(1, window, max(1, layer.macs // (steps * window)), steps)
    pixels = max(1, layer.output_elements // filters)
    window = max(1, layer.macs // (pixels * filters))
    if input_channels is not None:
        window = -(-window * input_channels // channels_in(layer))
    return Product(pixels, window, filters if output_channels is None else output_channels, 1)


def fold_product(product: Product, rows: int, columns: int, dataflow: Dataflow) -> Folds:
    """Folds, cycles and buffer accesses of a product on ``rows`` x ``columns`` cells.

    Every fold pays full fill and drain, and an edge fold costs as much as a full one.
    """
    pixels, window, filters, groups = product.pixels, product.window, product.filters, product.groups
    if dataflow == "os":
        high, wide, length, fill = pixels, filters, window, rows + columns - 2
    elif dataflow == "ws":
        high, wide, length, fill = window, filters, pixels, 2 * rows + columns - 2
    else:
        high, wide, length, fill = window, pixels, filters, 2 * rows + columns - 2
    row_folds, column_folds = -(-high // rows), -(-wide // columns)
    reads_again = {
        "os": (column_folds, row_folds, 1),
        "ws": (column_folds, 1, row_folds),
        "is": (1, column_folds, row_folds),
    }
    inputs, weights, outputs = reads_again[dataflow]
    return Folds(
        pixels=pixels,
        window=window,
        filters=filters,
        groups=groups,
        row_folds=row_folds,
        column_folds=column_folds,
        fold_cycles=length + fill,
        input_reads=groups * inputs * pixels * window,
        weight_reads=groups * weights * window * filters,
        output_writes=groups * outputs * pixels * filters,
        fill=fill,
    )


def fold_layer(layer: Layer, rows: int, columns: int, dataflow: Dataflow) -> Folds:
    """The folds of a whole layer; see :func:`fold_product`."""
    return fold_product(product_of(layer), rows, columns, dataflow)
