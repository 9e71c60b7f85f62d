"""Synthetic event-camera scenes: moving shapes seen by pixels that report changes of logarithmic brightness.

The camera is the usual idealised model (Lichtsteiner et al., IEEE JSSC 43(2):566-576, 2008; Rebecq et al., ESIM, CoRL
2018): a pixel emits an ON or OFF event whenever its log intensity has moved by the contrast threshold since its last
event.
"""

from __future__ import annotations

import numpy as np

from workloads.errors import WorkloadError
from workloads.seeds import generator
from workloads.spiking.spikes import Real, Spikes, make_spikes


def camera_events(frames: Real, contrast: float = 0.25, noise_rate: float = 0.0, seed: int = 0) -> Spikes:
    """Events of an event camera that watches ``frames`` (steps, rows, columns; intensities above 0), shape (2, rows,
    columns).

    Channel 0 holds ON, channel 1 OFF events; the first frame only sets the pixels' references. ``noise_rate`` adds
    background events, independent Bernoulli draws a pixel, polarity and step. A pixel that jumps by several
    thresholds in a step sends several events.
    """
    if frames.ndim != 3 or frames.min(initial=1.0) <= 0:
        raise WorkloadError("scene: frames must have the shape (steps, rows, columns) and intensities above 0")
    steps, rows, columns = frames.shape
    level = np.log(frames).reshape(steps, -1)
    reference = level[0].copy()
    found: list[tuple[int, np.ndarray]] = []
    for t in range(1, steps):
        moved = np.trunc((level[t] - reference) / contrast).astype(np.int64)
        reference += moved * contrast
        up = np.repeat(np.arange(moved.size), np.maximum(moved, 0))
        down = np.repeat(np.arange(moved.size), np.maximum(-moved, 0)) + moved.size
        found.append((t, np.concatenate((up, down))))
    step = np.concatenate([np.full(i.size, t) for t, i in found]) if found else np.empty(0)
    index = np.concatenate([i for _, i in found]) if found else np.empty(0)
    if noise_rate:
        extra = np.nonzero(generator(seed, "scene.noise").random((steps, 2 * rows * columns)) < noise_rate)
        step, index = np.concatenate((step, extra[0])), np.concatenate((index, extra[1]))
    return make_spikes((2, rows, columns), steps, step, index)


def moving_shapes(
    rows: int, columns: int, steps: int, seed: int, shapes: int = 3, speed: float = 0.5, name: str = "scene.shapes"
) -> Real:
    """Intensity frames (steps, rows, columns) of bright discs and dark bars that drift, turn and wrap around.

    ``speed`` is the mean drift in pixels a step; sizes, places, directions and turns are drawn from the seed.
    """
    random = generator(seed, name)
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float64)
    frames = np.full((steps, rows, columns), 0.3)
    for number in range(shapes):
        angle, turn = random.uniform(0, 2 * np.pi), random.normal(0, 0.05)
        drift = speed * random.uniform(0.5, 1.5)
        place = random.uniform(0, 1, 2) * (rows, columns)
        size = random.uniform(0.08, 0.2) * min(rows, columns)
        bright = random.uniform(0.7, 1.0) if number % 2 == 0 else random.uniform(0.05, 0.12)
        for t in range(steps):
            angle += turn
            place = (place + drift * np.array([np.sin(angle), np.cos(angle)])) % (rows, columns)
            dy = (y - place[0] + rows / 2) % rows - rows / 2
            dx = (x - place[1] + columns / 2) % columns - columns / 2
            along, across = np.cos(angle) * dx + np.sin(angle) * dy, np.cos(angle) * dy - np.sin(angle) * dx
            far = np.hypot(dx, dy) if number % 2 == 0 else np.maximum(np.abs(along) / 0.6, np.abs(across) / 2.5)
            cover = np.clip(size - far + 0.5, 0, 1)
            frames[t] += cover * (bright - frames[t])
    return frames


def moving_scene(rows: int, columns: int, steps: int, seed: int, shapes: int = 3, speed: float = 0.5) -> Spikes:
    """Camera events (2, rows, columns) of :func:`moving_shapes` with a little background noise."""
    return camera_events(moving_shapes(rows, columns, steps, seed, shapes, speed), noise_rate=0.001, seed=seed)
