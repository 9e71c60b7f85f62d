"""Several frames in one firing: what they cost on hardware that runs them one after the other, or in lockstep.

Arrays are one entry a frame, or a single one where all frames are alike; results likewise one a batch, or a single one.
A last batch that is not full counts as what it holds.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from simulator.elements.base import Floats


def summed(values: npt.ArrayLike, batch: int) -> Floats:
    """What the frames of each batch cost one after the other."""
    array = np.asarray(values, dtype=np.float64)
    if batch == 1:
        return array
    return array * batch if array.shape[0] == 1 else np.add.reduceat(array, _edges(array, batch))


def largest(values: npt.ArrayLike, batch: int) -> Floats:
    """The largest of the frames of each batch: what lockstep makes all of them wait for."""
    array = np.asarray(values, dtype=np.float64)
    if batch == 1 or array.shape[0] == 1:
        return array
    found: Floats = np.maximum.reduceat(array, _edges(array, batch))
    return found


def kept_by_any(shares: npt.ArrayLike, batch: int) -> Floats:
    """The share of a layer's work that at least one frame of each batch asks for.

    A batch that runs as one kernel gains only what all its frames prune. Frames choose independently of each other, so
    the batch keeps 1 - prod(1 - share). Shares above 1 (repeated evaluations) cannot be united: the largest counts.
    """
    array = np.asarray(shares, dtype=np.float64)
    if batch == 1:
        return array
    if array.shape[0] == 1:
        return np.where(array <= 1, 1 - (1 - np.clip(array, 0, 1)) ** batch, array)
    edges = _edges(array, batch)
    united = 1 - np.multiply.reduceat(1 - np.clip(array, 0, 1), edges)
    found: Floats = np.maximum(united, np.maximum.reduceat(array, edges))
    return found


def sizes(frames: int, batch: int) -> Floats:
    """Frames in each batch; a single full one where every frame is alike (``frames`` is 1)."""
    if frames == 1 or batch == 1:
        return np.full(1, float(batch))
    return np.add.reduceat(np.ones(frames), np.arange(0, frames, batch))


def scaled(share: Callable[[npt.ArrayLike, int], Floats], dense: float, work: Floats, batch: int) -> Floats:
    """An amount that is ``dense`` in a full frame and ``work`` in each of these, as ``share`` counts batches of it."""
    if dense <= 0:
        return largest(work, batch) * sizes(work.shape[0], batch)
    return share(work / dense, batch) * dense * sizes(work.shape[0], batch)


def _edges(array: Floats, batch: int) -> npt.NDArray[np.int64]:
    return np.arange(0, array.shape[0], batch)
