"""Folding of streaming layers: how many of a layer's multiply-accumulates happen in the same cycle.

A matrix-vector unit of MH rows and MW columns folded by PE and SIMD takes (MH / PE) * (MW / SIMD) cycles for each
output pixel (Blott et al., FINN-R, ACM TRETS 11(3), 2018, section 4). PE divides MH, SIMD divides MW.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from workloads.layers import Layer
from workloads.windows import extent


@dataclass(frozen=True, slots=True)
class Matrix:
    """What is folded: ``vectors`` products a frame of ``rows`` (MH) by ``columns`` (MW). ``depthwise``: a row per
    channel with its own window.
    """

    rows: int
    columns: int
    vectors: int
    depthwise: bool = False

    def cycles(self, pe: int, simd: int) -> int:
        """Cycles of a frame."""
        return self.vectors * (self.rows // pe) * (self.columns // simd)


def matrix(layer: Layer) -> Matrix:
    """The foldable shape of a layer; layers without multiply-accumulates have rows = channels and columns = window."""
    height, width, channels = extent(layer.out_shape)
    if layer.is_depthwise and layer.kernel is not None:
        return Matrix(channels, layer.kernel[0] * layer.kernel[1], height * width, depthwise=True)
    if layer.is_compute:
        return Matrix(channels, max(1, layer.macs // (channels * height * width)), height * width)
    in_height, in_width, in_channels = extent(layer.in_shape)
    if layer.kind in ("global_avg_pool", "global_max_pool", "reduce_mean"):
        return Matrix(in_channels, 1, in_height * in_width)
    window = layer.kernel[0] * layer.kernel[1] if layer.kernel and layer.kind.endswith("pool") else 1
    return Matrix(channels, window, height * width)


def divisors(number: int) -> list[int]:
    """All divisors, rising."""
    low = [d for d in range(1, math.isqrt(number) + 1) if number % d == 0]
    return low + [number // d for d in reversed(low) if d * d != number]


def fold_to(shape: Matrix, target: int) -> tuple[int, int]:
    """The smallest (PE, SIMD) whose cycles do not exceed ``target``, or the fastest there is.

    SIMD grows first and then PE, as in FINN's SetFolding; a depthwise unit unrolls its channels before its window.
    """
    pe, simd = 1, 1
    steps = [("pe", d) for d in divisors(shape.rows)], [("simd", d) for d in divisors(shape.columns)]
    for name, value in (steps[0] + steps[1]) if shape.depthwise else (steps[1] + steps[0]):
        if shape.cycles(pe, simd) <= target:
            break
        pe, simd = (value, simd) if name == "pe" else (pe, value)
    return pe, simd


def balance(shapes: Sequence[Matrix], budget: int, costs: Sequence[float] | None = None) -> list[tuple[int, int]]:
    """Foldings that give the fastest pipeline with at most ``budget`` parallel multipliers in all; at least one a
    layer. ``costs`` says how many of them a multiplication of each layer takes (1 unless given)."""
    each = [1.0] * len(shapes) if costs is None else list(costs)
    low, high = 1, max((s.cycles(1, 1) for s in shapes), default=1)
    while low < high:
        middle = (low + high) // 2
        folds = [fold_to(s, middle) for s in shapes]
        fits = sum(pe * simd * cost for (pe, simd), cost in zip(folds, each, strict=True)) <= budget
        reaches = all(s.cycles(pe, simd) <= middle for s, (pe, simd) in zip(shapes, folds, strict=True))
        if fits and reaches:
            high = middle
        else:
            low = middle + 1
    return [fold_to(s, low) for s in shapes]
