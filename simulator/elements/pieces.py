"""Cutting the cost of a frame into the costs of its pieces, without losing a cycle."""

from __future__ import annotations

import numpy as np

from simulator.elements.base import Floats, Ints, Window
from workloads.tokens import LayerWork
from workloads.windows import LayerWindow

_BEYOND = 2.0**62


def whole_cycles(cycles: Floats) -> Ints:
    """Cycles of each frame, rounded up to whole ones; a rounding error of a millionth of a cycle is not a cycle.

    What is beyond 64 bits, or no number, becomes so large that the lowering refuses it.
    """
    counted = np.ceil(np.asarray(cycles, dtype=np.float64) - 1e-6)
    whole: Ints = np.where(counted < _BEYOND, counted, _BEYOND).astype(np.int64)
    return whole


def split_cycles(frame_cycles: Ints, work: LayerWork, pieces: int) -> Ints:
    """Frame cycles of shape (frames or 1,) as (frames or 1, pieces): even unless the work says otherwise, and with the
    same sum.
    """
    if pieces == 1:
        return frame_cycles[:, None]
    share = cumulative_share(work, pieces)
    edges = np.floor(frame_cycles[:, None] * share + 1e-9).astype(np.int64)
    edges[:, -1] = np.broadcast_to(frame_cycles, edges.shape[:1])
    return np.diff(edges, axis=1, prepend=0)


def split_amounts(frame_amounts: Floats, work: LayerWork, pieces: int) -> Floats:
    """Real amounts a frame (bytes, joules) of shape (frames or 1,) as (frames or 1, pieces), spread as the work is."""
    if pieces == 1:
        return frame_amounts[:, None]
    share: Floats = np.diff(cumulative_share(work, pieces), axis=1, prepend=0.0)
    return frame_amounts[:, None] * share


def cumulative_share(work: LayerWork, pieces: int) -> Floats:
    """The share of a frame's work done by the end of each piece, shape (frames or 1, pieces), ending in 1."""
    if work.piece_fraction is None:
        return (np.arange(1, pieces + 1, dtype=np.float64) / pieces)[None, :]
    given = work.piece_fraction
    edges = np.concatenate([np.zeros((given.shape[0], 1)), np.cumsum(given, axis=1)], axis=1)
    total = np.where(edges[:, -1:] > 0, edges[:, -1:], 1.0)
    places = np.arange(1, pieces + 1) * given.shape[1] / pieces
    low = np.minimum(places.astype(np.int64), given.shape[1] - 1)
    inside = edges[:, low] + (places - low) * (edges[:, low + 1] - edges[:, low])
    share: Floats = inside / total
    share[:, -1] = 1.0
    return share


def batch_sums(values: Floats, frames: int, batch: int) -> Floats:
    """Sums over consecutive batches of frames, shape (batches or 1,); the last batch may be smaller."""
    if values.shape[0] == 1 and frames % batch == 0:
        return values * batch
    each = np.broadcast_to(values, (frames,))
    sums: Floats = np.add.reduceat(each, np.arange(0, frames, batch))
    return sums


def windows_of(geometry: LayerWindow) -> tuple[Window, ...]:
    """The windows of a stage that reads the layer's inputs directly."""
    return tuple(
        Window(need, free, source) for source, (need, free) in enumerate(zip(geometry.need, geometry.free, strict=True))
    )
