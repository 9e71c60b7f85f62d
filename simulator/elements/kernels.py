"""What a layer's kernel does, before a processor says how long it takes: multiplies, adds, temporaries and operands.

The counts follow the algorithm (see :mod:`workloads.conv_algorithms`): Winograd multiplies less and moves more, im2col
writes its patches and reads them back. They are those of a dense frame; what a frame prunes scales them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

from simulator.elements.libraries import Library, checked_algorithm, refuse_algorithm
from workloads.conv_algorithms import algorithm_cost
from workloads.errors import WorkloadError
from workloads.layers import Layer


@dataclass(frozen=True, slots=True)
class Kernel:
    """The work of one layer, dense, for one frame.

    ``name`` is the algorithm of a convolution, or 'depthwise', 'grouped', 'dense', 'recurrent', 'stream' (no
    multiply-accumulates). The product has ``columns`` outputs (channels of a group) by ``rows`` (pixels) over a
    reduction of ``depth``, ``products`` times over. ``multiplies`` counts its multiply-accumulates, ``adds`` the
    additions on top (transforms, shift-adds), ``rearranged`` the elements written and read between its phases,
    ``weights`` the elements of weights as the algorithm stores them.
    """

    name: str
    multiplies: int
    adds: int
    rearranged: int
    weights: int
    rows: int
    columns: int
    depth: int
    products: int = 1

    @property
    def is_product(self) -> bool:
        """Whether its time is that of a matrix product and not of moving data."""
        return self.multiplies > 0 and self.name != "depthwise"


def kernel_of(layer: Layer, library: Library, element: str, options: Mapping[str, Any]) -> Kernel:
    """The kernel that ``library`` runs for a layer; an ``algorithm`` in the mapping's options wins.

    Raises :class:`PlatformError` for an algorithm that does not exist or cannot carry out the layer.
    """
    wanted = checked_algorithm(options.get("algorithm"), element, layer)
    if layer.kind == "conv" and layer.kernel is not None and layer.macs:
        return _convolution(layer, library, element, wanted)
    if layer.kind in ("dense", "recurrent") and layer.macs:
        columns = max(1, layer.out_channels)
        rows = max(1, layer.output_elements // columns)
        depth = max(1, layer.macs // (columns * rows))
        return Kernel(layer.kind, layer.macs, 0, 0, layer.weights, rows, columns, depth)
    if layer.macs:  # a transposed convolution: a product for each tap, as written
        columns = max(1, layer.out_channels)
        rows = max(1, layer.output_elements // columns)
        return Kernel("direct", layer.macs, 0, 0, layer.weights, rows, columns, max(1, layer.macs // (rows * columns)))
    return Kernel("stream", 0, 0, 0, 0, 0, 0, 0)


def _convolution(layer: Layer, library: Library, element: str, wanted: str | None) -> Kernel:
    channels, (height, width) = layer.in_shape[0], layer.out_shape[1:]
    kernel = layer.kernel or (1, 1)
    taps = kernel[0] * kernel[1]
    if layer.is_depthwise:
        return Kernel("depthwise", layer.macs, 0, 0, layer.weights, height * width, 1, taps, layer.groups)
    name = library.algorithm_of(layer, wanted)
    try:
        cost = algorithm_cost(layer, name)
    except WorkloadError as error:
        raise refuse_algorithm(error, element) from error
    # What the algorithm moves beyond each operand once; transformed filters count as weights.
    rearranged = max(0, cost.traffic - layer.input_elements - cost.weights - layer.output_elements)
    columns, per_tap = layer.out_shape[0] // layer.groups, channels // layer.groups
    if name.startswith("winograd"):
        tile = int(name.rpartition("-")[2])
        points = (tile + 2) ** 2
        rows, depth, products = ceil(height / tile) * ceil(width / tile), per_tap, points
    elif name.startswith(("kn2row", "k2r")):
        rows, depth, products = layer.in_shape[1] * layer.in_shape[2], per_tap, taps * layer.groups
    else:
        rows, depth, products = height * width, per_tap * taps, layer.groups
    shown = "grouped" if layer.groups > 1 and name in ("direct", "im2col") else name
    return Kernel(shown, cost.multiplies, cost.adds, rearranged, cost.weights, rows, columns, depth, products)


def share_of_peak(kernel: Kernel, library: Library, rows: int | None = None) -> float:
    """What the kernel reaches of the processor's efficiency: its own share, and what tiles and short reductions lose.

    ``rows`` replaces the pixels of one frame where a batch is computed at once.
    """
    own = library.share.get(kernel.name, 1.0)
    if not kernel.is_product:
        return own
    wide, high = library.tile
    rows = kernel.rows if rows is None else rows
    filled = kernel.columns / (ceil(kernel.columns / wide) * wide)
    if rows > 1:  # a product with a vector is bound by its weights, not by tiles of rows
        filled *= rows / (ceil(rows / high) * high)
    return own * filled * kernel.depth / (kernel.depth + library.depth)
