"""Images as spike trains: rate, latency and burst coding, and trains matched in rate to a recorded one.

Pixels lie between 0 and 1; what is outside is refused, not clipped. Every random code draws from ``generator(seed,
name)``.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from workloads.errors import WorkloadError
from workloads.seeds import generator
from workloads.spiking.spikes import Real, Spikes, make_spikes


def bernoulli_rate(
    image: npt.ArrayLike, steps: int, seed: int, max_rate: float = 1.0, name: str = "bernoulli_rate"
) -> Spikes:
    """Each pixel fires in each step with probability ``max_rate`` x intensity, independently."""
    pixels = _pixels(image, steps)
    if not 0 <= max_rate <= 1:
        raise WorkloadError(f"rate coding: max_rate is {max_rate}; a probability lies between 0 and 1")
    fires = generator(seed, name).random((steps, pixels.size)) < max_rate * pixels.ravel()
    step, index = np.nonzero(fires)
    return make_spikes(pixels.shape, steps, step, index)


def poisson_rate(
    image: npt.ArrayLike, steps: int, seed: int, max_rate: float = 1.0, name: str = "poisson_rate"
) -> Spikes:
    """Each pixel fires in each step a Poisson number of times with mean ``max_rate`` x intensity."""
    pixels = _pixels(image, steps)
    counts = generator(seed, name).poisson(max_rate * pixels.ravel(), (steps, pixels.size))
    step, index = np.nonzero(counts)
    times = counts[step, index]
    return make_spikes(pixels.shape, steps, np.repeat(step, times), np.repeat(index, times))


def regular_rate(image: npt.ArrayLike, steps: int, max_rate: float = 1.0) -> Spikes:
    """Each pixel fires at even intervals, as often as its rate asks: what an IF neuron makes of a constant current."""
    pixels = _pixels(image, steps)
    reached = np.floor(np.outer(np.arange(1, steps + 1), max_rate * pixels.ravel()) + 1e-12)
    step, index = np.nonzero(np.diff(reached, axis=0, prepend=0) > 0)
    return make_spikes(pixels.shape, steps, step, index)


def latency(image: npt.ArrayLike, steps: int, threshold: float = 0.0, law: str = "linear") -> Spikes:
    """One spike a pixel, the earlier the brighter; pixels at or below ``threshold`` stay silent.

    ``linear``: step (steps - 1)(1 - x). ``log``: the charging time ln(x / (x - c)) of a leaky neuron driven by x,
    with c chosen so that the darkest pixel that fires comes last (snnTorch's latency code, Eshraghian et al. 2023).
    """
    pixels = _pixels(image, steps)
    if law not in ("linear", "log"):
        raise WorkloadError(f"latency coding: law is {law!r}; write 'linear' or 'log'")
    flat = pixels.ravel()
    index = np.flatnonzero(flat > threshold)
    bright = flat[index]
    if law == "linear":
        step = np.rint((1 - bright) * (steps - 1))
    else:
        darkest = float(bright.min(initial=1.0))
        charge = 0.99 * darkest
        delay = np.log(bright / (bright - charge))
        fastest, slowest = np.log(1 / (1 - charge)), np.log(darkest / (darkest - charge))
        step = np.rint((delay - fastest) / max(float(slowest - fastest), 1e-12) * (steps - 1))
    return make_spikes(pixels.shape, steps, step.astype(np.int64), index)


def burst(
    image: npt.ArrayLike, steps: int, max_spikes: int = 5, min_gap: int = 1, max_gap: int | None = None
) -> Spikes:
    """A burst from step 0 on: brighter pixels fire more often and closer together.

    ceil(``max_spikes`` x) spikes at intervals of ``max_gap`` - (``max_gap`` - ``min_gap``) x, rounded down to steps
    (Guo et al., Frontiers in Neuroscience 15:638474, 2021, section 2.2.4). Spikes beyond the last step are lost.
    ``max_gap`` defaults to what fits.
    """
    pixels = _pixels(image, steps)
    if max_spikes < 1 or min_gap < 1:
        raise WorkloadError(f"burst coding: max_spikes {max_spikes} and min_gap {min_gap} must be 1 or more")
    widest = max_gap if max_gap is not None else max(min_gap, (steps - 1) // max(max_spikes - 1, 1))
    flat = pixels.ravel()
    count = np.ceil(max_spikes * flat).astype(np.int64)
    gap = np.maximum(np.floor(widest - (widest - min_gap) * flat), 1).astype(np.int64)
    index = np.repeat(np.arange(flat.size), count)
    nth = np.arange(index.size) - np.repeat(np.cumsum(count) - count, count)
    step = nth * gap[index]
    inside = step < steps
    return make_spikes(pixels.shape, steps, step[inside], index[inside])


def matched_bernoulli(spikes: Spikes, seed: int, name: str = "matched_bernoulli") -> Spikes:
    """A train in which each neuron fires independently at the mean rate it has in ``spikes``."""
    rate = np.minimum(spikes.per_neuron() / spikes.steps, 1.0)
    random = generator(seed, name)
    active = np.flatnonzero(rate)
    fires = random.random((spikes.steps, active.size)) < rate[active]
    step, column = np.nonzero(fires)
    return make_spikes(spikes.shape, spikes.steps, step, active[column])


def _pixels(image: npt.ArrayLike, steps: int) -> Real:
    pixels = np.asarray(image, dtype=np.float64)
    if steps < 1:
        raise WorkloadError(f"coding: steps is {steps}; write 1 or more")
    if pixels.size and not (np.isfinite(pixels).all() and pixels.min() >= 0 and pixels.max() <= 1):
        found = f"{float(pixels.min()):g}..{float(pixels.max()):g}"
        raise WorkloadError(f"coding: pixels lie in {found}; scale the image to 0..1")
    return pixels
