"""Folding for the work that frames really ask, and for layers that share hardware."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from simulator.elements.base import Assignment
from simulator.elements.folding import Matrix, divisors
from workloads.tokens import LayerWork

_FINE = 1000
"""Parts of a vector in which loads are told to the balance, which counts in whole ones."""


def loads_of(works: Sequence[LayerWork], assignments: Sequence[Assignment]) -> list[float]:
    """The share of its dense work for which each layer is folded, by its option ``load``: 1 for 'dense', the mean over
    the frames, or a quantile of them."""
    return [
        _load(work, assignment.options.get("load", "dense"))
        for work, assignment in zip(works, assignments, strict=True)
    ]


def _load(work: LayerWork, wanted: object) -> float:
    share = np.where(work.executed, work.fraction, 0.0)
    if wanted == "mean":
        return float(share.mean())
    if isinstance(wanted, int | float) and 0 < wanted <= 1:
        return float(np.quantile(share, wanted))
    return 1.0


def loaded(matrix: Matrix, load: float) -> Matrix:
    """The matrix with that share of its vectors, in fine parts so that small shares of few vectors count too."""
    return replace(matrix, vectors=max(1, round(matrix.vectors * load * _FINE)))


def merged(
    matrices: Sequence[Matrix], folds: Sequence[tuple[int, int]], engines: Sequence[str]
) -> list[tuple[int, int]]:
    """Foldings where layers of one engine each use all the multipliers that its layers were given."""
    spent: dict[str, int] = {}
    for (pe, simd), engine in zip(folds, engines, strict=True):
        spent[engine] = spent.get(engine, 0) + pe * simd
    return [
        fold if engines.count(engine) == 1 else _quickest(matrix, spent[engine])
        for matrix, fold, engine in zip(matrices, folds, engines, strict=True)
    ]


def _quickest(matrix: Matrix, multipliers: int) -> tuple[int, int]:
    """The folding of fewest cycles within so many multipliers; the widest rows of equally quick ones."""
    allowed = [
        (pe, simd)
        for pe in divisors(matrix.rows)
        for simd in divisors(matrix.columns)
        if pe * simd <= multipliers and (not matrix.depthwise or simd == 1 or pe == matrix.rows)
    ]
    return min(allowed, key=lambda fold: (matrix.cycles(*fold), -fold[1]))
