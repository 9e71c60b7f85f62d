"""What changed in a frame, pixel by pixel, and how far a change spreads through the layers of a network."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from workloads.errors import WorkloadError
from workloads.layers import Layer
from workloads.network import Network
from workloads.seeds import generator
from workloads.windows import extent

Mask = npt.NDArray[np.bool_]

_MOST_OBJECTS = 10_000
_FASTEST = 1_000_000


def moving_objects(
    frames: int, height: int, width: int, *, seed: int, objects: int, size: float, speed: float, flicker: float = 0.0
) -> Mask:
    """Pixels that differ from the frame before, shape (frames, height, width), in a synthetic surveillance video.

    ``objects`` squares with a side of ``size`` times the frame's smaller side move on straight lines at ``speed``
    sides of a square a frame and come in again on the other edge; a pixel changes where a square was or is.
    ``flicker`` is the share of single pixels that change by noise. The first frame is all new. Raises
    :class:`WorkloadError` for other values than 0 or more objects, sizes and shares from 0 to 1 and speeds from 0.
    """
    if not 0 <= objects <= _MOST_OBJECTS:
        raise WorkloadError(f"objects is {objects}; write a whole number from 0 to {_MOST_OBJECTS}")
    for name, share in (("size", size), ("flicker", flicker)):
        if not 0.0 <= share <= 1.0:
            raise WorkloadError(f"{name} is {share:g}; write a share from 0 to 1")
    if not 0.0 <= speed <= _FASTEST:
        raise WorkloadError(f"speed is {speed:g}; write sides of an object a frame, from 0 to {_FASTEST}")
    random = generator(seed, "moving objects")
    side = max(1, round(size * min(height, width)))
    start = random.uniform(0.0, 1.0, (objects, 2)) * (height, width)
    angle = random.uniform(0.0, 2.0 * math.pi, objects)
    step = np.stack([np.sin(angle), np.cos(angle)], axis=1) * speed * side
    covered = np.zeros((frames, height, width), dtype=np.bool_)
    for each in range(objects):  # a loop over objects, vectorised over frames
        corner = (start[each] + np.arange(frames)[:, None] * step[each]).astype(np.int64) % (height, width)
        rows = (corner[:, :1] + np.arange(side)) % height
        columns = (corner[:, 1:] + np.arange(side)) % width
        covered[np.arange(frames)[:, None, None], rows[:, :, None], columns[:, None, :]] = True
    changed = np.ones_like(covered)
    changed[1:] = covered[1:] | covered[:-1]
    still = covered[1:] & covered[:-1] if speed == 0 else np.zeros_like(covered[1:])
    changed[1:] &= ~still
    if flicker > 0:
        changed |= random.uniform(size=covered.shape) < flicker
    return changed


def spread_masks(network: Network, changed: Mask) -> dict[str, Mask]:
    """Output positions that must be computed anew, by group: (frames, height, width) of the group's output.

    A change reaches every output whose window touches it, so one pixel reaches (2 L + 1)^2 outputs behind L 3 x 3
    layers. A layer that reads the whole map changes wholly.
    """
    masks: dict[str, Mask] = {}
    for group in network.groups():
        height, width, _ = extent(group.out_shape)
        if group.kind == "input":
            masks[group.name] = resize(changed, *extent(group.main.out_shape)[:2])
            continue
        out = np.zeros((changed.shape[0], *extent(group.main.out_shape)[:2]), dtype=np.bool_)
        for source in group.inputs:
            out |= spread(group.main, masks[source])
        masks[group.name] = out if out.shape[1:] == (height, width) else _whole(out, height, width)
    return masks


def spread(layer: Layer, mask: Mask) -> Mask:
    """Outputs of a layer whose window touches a changed input."""
    rows, columns, _ = extent(layer.out_shape)
    height, width = mask.shape[1:]
    if layer.kind in ("conv", "max_pool", "avg_pool") and layer.kernel is not None and layer.kernel != (1, 1):
        return _windows(layer, mask, rows, columns)
    if (rows, columns) == (height, width):
        return mask
    if layer.kernel == (1, 1):
        return mask[:, :: layer.stride[0], :: layer.stride[1]][:, :rows, :columns]
    return _whole(mask, rows, columns)


def resize(mask: Mask, height: int, width: int) -> Mask:
    """A mask at another resolution: a pixel has changed where any pixel it covers has."""
    if mask.shape[1:] == (height, width):
        return mask
    out = np.zeros((mask.shape[0], height, width), dtype=np.bool_)
    frame, row, column = np.nonzero(mask)
    out[frame, row * height // mask.shape[1], column * width // mask.shape[2]] = True
    return out


def _windows(layer: Layer, mask: Mask, rows: int, columns: int) -> Mask:
    """Any changed input in each window, by shifting the padded map over the kernel."""
    kernel = layer.kernel or (1, 1)
    top, left, _, _ = layer.pad
    need_rows = (rows - 1) * layer.stride[0] + (kernel[0] - 1) * layer.dilation[0] + 1
    need_columns = (columns - 1) * layer.stride[1] + (kernel[1] - 1) * layer.dilation[1] + 1
    below, right = max(0, need_rows - top - mask.shape[1]), max(0, need_columns - left - mask.shape[2])
    padded: Mask = np.pad(mask, ((0, 0), (top, below), (left, right)))
    # Rows and columns are independent: a box is any column of any row.
    tall = np.zeros((mask.shape[0], rows, padded.shape[2]), dtype=np.bool_)
    for i in range(kernel[0]):
        first = i * layer.dilation[0]
        tall |= padded[:, first : first + (rows - 1) * layer.stride[0] + 1 : layer.stride[0]]
    out = np.zeros((mask.shape[0], rows, columns), dtype=np.bool_)
    for j in range(kernel[1]):
        first = j * layer.dilation[1]
        out |= tall[:, :, first : first + (columns - 1) * layer.stride[1] + 1 : layer.stride[1]]
    return out


def _whole(mask: Mask, rows: int, columns: int) -> Mask:
    any_change = np.asarray(mask.any(axis=(1, 2)))
    return np.broadcast_to(any_change.reshape(-1, 1, 1), (mask.shape[0], rows, columns))
