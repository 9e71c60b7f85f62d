"""Several frames in one firing: what they cost on hardware that runs them one after the other, or in lockstep.

Arrays are one entry a frame, or a single one where all frames are alike; results likewise one a batch, or a single one.
A last batch that is not full counts as what it holds.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from simulator.elements.base import Floats
from workloads.tokens import LayerWork


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


def channels_together(work: LayerWork, share: npt.ArrayLike, batch: int) -> Floats:
    """The share of a layer's channels that each batch keeps alive, given that of every frame.

    Where each frame chooses its own channels a batch keeps what any of them keeps; where frames agree, since the
    network is pruned once for all or takes the first so many channels, it keeps what the widest frame does.
    """
    return kept_by_any(share, batch) if chooses(work) else largest(share, batch)


def chooses(work: LayerWork) -> bool:
    """Whether every frame chooses its own channels."""
    return "gathered_weights" in work.extra


def work_together(work: LayerWork, dense: float, batch: int) -> Floats:
    """Multiply-accumulates of each batch that runs as one kernel; ``dense`` are those of a full frame.

    Frames that are smaller as a whole are padded to the largest; of positions scattered over the map each frame brings
    its own.
    """
    frames = sizes(work.macs.shape[0], batch)
    if dense <= 0:
        return largest(work.macs, batch) * frames
    places = np.maximum(work.output_positions, 1e-12)
    channels = channels_together(work, work.macs / dense / places, batch)
    if work.piece_fraction is None:
        return np.asarray(channels * largest(places, batch) * frames * dense)
    alone = places.shape[0] == 1
    return np.asarray(channels * (places * frames if alone else summed(places, batch)) * dense)


def gathered(work: LayerWork, batch: int) -> tuple[Floats, Floats]:
    """Bytes that a library collects into dense operands before the kernel of each batch, and the kernels that do it.

    It reads what is alive and writes it side by side: weights of the channels that any frame of the batch keeps,
    windows of the positions of each. One gathering kernel a batch.
    """
    layer, moved = work.layer, np.zeros(1)
    weights = work.extra.get("gathered_weights")
    if weights is not None and layer.weights:
        united = kept_by_any(weights / layer.weights, batch)
        moved = moved + united * layer.weight_bytes
    inputs = work.extra.get("gathered_inputs")
    if inputs is not None:
        moved = moved + summed(inputs * work.executed, batch) * layer.input_bits / 8
    return moved, (moved > 0).astype(np.float64)


def sizes(frames: int, batch: int) -> Floats:
    """Frames in each batch; a single full one where every frame is alike (``frames`` is 1)."""
    if frames == 1 or batch == 1:
        return np.full(1, float(batch))
    return np.add.reduceat(np.ones(frames), np.arange(0, frames, batch))


def _edges(array: Floats, batch: int) -> npt.NDArray[np.int64]:
    return np.arange(0, array.shape[0], batch)
