"""What a streaming stage gains from work that depends on the frame: whole folds and whole words, never parts of them.

A matrix-vector unit skips a fold of rows (PE output channels) or columns (SIMD inputs) only where all of it is dead;
the operators around it leave out the words of a stream in which no channel is alive. Positions of a map that are not
computed cost the unit nothing, but where they are scattered over the map the windows in front of it still take every
pixel, since they hold the neighbours of those that changed.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from simulator.elements.base import Floats, Ints
from simulator.elements.pieces import split_cycles, whole_cycles
from simulator.elements.streaming.operator import Operator
from simulator.elements.streaming.pieces import Making, Pieces
from workloads.layers import Layer
from workloads.tokens import LayerWork
from workloads.windows import extent


def live_cycles(work: LayerWork, operator: Operator, made: Pieces, granularity: str, *, before: bool) -> Ints:
    """Cycles of each piece, shape (frames or 1, pieces); ``before``: the operator stands in front of the layer's
    unit."""
    if operator.resized is not None and granularity != "word" and work.piece_fraction is None:
        return _resized(work, operator, made, operator.resized, granularity)
    share = np.where(work.executed, live_share(work, operator, before=before), 0.0)
    # Rows of the map carry the work of the positions in them; a unit that is cut otherwise spreads it as it lies.
    spread = work.piece_fraction is not None and operator.is_main and made.count in (1, work.piece_fraction.shape[1])
    if bool((share == 1.0).all()) and not spread:
        return made.cycles[None, :]
    whole = int(made.cycles.sum())
    frame_cycles = whole_cycles(whole * share)
    if spread and made.count > 1:
        return split_cycles(frame_cycles, work, made.count)
    return _cut(frame_cycles, made)


def _cut(frame_cycles: Ints, made: Pieces) -> Ints:
    """Cycles of each frame in the proportions of the dense pieces."""
    edges = np.floor(frame_cycles[:, None] * (np.cumsum(made.cycles) / max(1, int(made.cycles.sum())))[None, :] + 1e-9)
    edges[:, -1] = frame_cycles
    whole_edges: Ints = edges.astype(np.int64)
    return np.diff(whole_edges, axis=1, prepend=0)


def _resized(
    work: LayerWork, operator: Operator, made: Pieces, resized: Callable[[int], Making], granularity: str
) -> Ints:
    """Cycles of an operator made anew for each number of live words that occurs, of which smaller frames take a
    share."""
    channels, parallel = extent(work.layer.in_shape)[2], int(operator.detail["simd"])
    words = np.maximum(1, np.rint(_whole(work.input_kept, channels, parallel) * (channels // parallel)))
    sizes, which = np.unique(words.astype(np.int64), return_inverse=True)
    rows = np.stack([resized(int(size))(granularity).cycles for size in sizes])[which.ravel()]
    share = np.where(work.executed, work.input_positions, 0.0)
    if bool((share == 1.0).all()):
        return rows
    return _cut(whole_cycles(rows.sum(axis=1) * share), made)


def live_share(work: LayerWork, operator: Operator, *, before: bool = False) -> Floats:
    """Share of an operator's dense cycles that each frame needs, shape (frames or 1,)."""
    if operator.is_main and work.layer.is_compute:
        return _unit_share(work, operator)
    layer, detail = work.layer, operator.detail
    parallel = int(detail.get("simd", detail.get("pe", 1)))
    if before or operator.is_main:
        positions = work.input_positions if work.piece_fraction is None else np.ones(1)
        return positions * _whole(work.input_kept, extent(layer.in_shape)[2], parallel)
    return work.output_positions * _whole(work.output_kept, extent(layer.out_shape)[2], parallel)


def live_weight_bytes(work: LayerWork, operator: Operator) -> Floats:
    """Bytes of weights a frame that come from memory, shape (frames or 1,).

    Streamed weights are those of the channels that are alive. A unit that keeps the weights of the frame before fetches
    what that frame did not use; where the stream does not say what that is, all that a varying frame keeps.
    """
    if not operator.keeps_weights:
        return operator.weight_bytes * work.weight_kept
    varies = work.weight_kept.shape[0] > 1
    fresh = work.extra.get("new_weights", work.weight_kept if varies else np.zeros(1))
    return operator.weight_bytes * fresh


def _unit_share(work: LayerWork, operator: Operator) -> Floats:
    layer, detail = work.layer, operator.detail
    if "pe" not in detail:
        return work.fraction
    rows = _whole(work.output_kept, layer.out_channels, int(detail["pe"]))
    if layer.is_depthwise:
        channels = _whole(work.input_kept, layer.out_channels, int(detail["pe"]))
        structured, folded = work.input_kept * work.output_positions, channels * work.output_positions
    else:
        columns = _columns(work, layer, int(detail.get("simd", 1)))
        structured = work.input_kept * work.output_kept * work.output_positions
        folded = rows * columns * work.output_positions
    # What lies beyond the live channels and positions is work done again (a second pass, a solver's evaluations), or
    # a share that the stream does not explain by them: the unit is taken to skip it, fold by fold.
    rest = work.fraction / np.maximum(structured, 1e-12)
    folds = layer.out_channels // int(detail["pe"]) * max(1, _matrix_columns(layer) // int(detail.get("simd", 1)))
    return folded * np.where(rest < 1 - 1e-9, np.ceil(rest * folds - 1e-9) / folds, np.where(rest > 1 + 1e-9, rest, 1))


def _matrix_columns(layer: Layer) -> int:
    window = layer.kernel[0] * layer.kernel[1] if layer.kernel is not None else 1
    return window * max(1, extent(layer.in_shape)[2] // layer.groups)


def _columns(work: LayerWork, layer: Layer, simd: int) -> Floats:
    """Share of column folds: a window's columns are its pixels, each with the channels side by side."""
    channels = max(1, extent(layer.in_shape)[2] // layer.groups)
    if channels % simd == 0:
        return _whole(work.input_kept, channels, simd)
    return _whole(work.input_kept, _matrix_columns(layer), simd)


def _whole(kept: Floats, channels: int, parallel: int) -> Floats:
    """Share of the groups of ``parallel`` channels in which at least one is alive, live ones standing side by side."""
    groups = max(1, channels // max(1, parallel))
    share: Floats = np.minimum(1.0, np.ceil(np.round(kept * channels, 6) / max(1, parallel)) / groups)
    return share
