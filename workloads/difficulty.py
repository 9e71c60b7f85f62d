"""How hard each input is: one seeded process shared by all dynamic generators, so that two methods see the same.

Difficulty is a number in (0, 1), uniform over inputs, so that it can stand for any published distribution by its
quantiles. It is a Gaussian copula: a latent normal value of each frame, correlated from frame to frame as consecutive
frames of a video are (a first-order autoregression), and for each layer a value correlated with that of its frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workloads.errors import WorkloadError
from workloads.seeds import generator

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Difficulty:
    """``time_correlation`` between consecutive frames, ``layer_correlation`` between two layers of a frame.

    Both lie in [0, 1]: 0 is independent, 1 is equal. Raises :class:`WorkloadError` for other values.
    """

    seed: int = 0
    time_correlation: float = 0.0
    layer_correlation: float = 1.0

    def __post_init__(self) -> None:
        for name in ("time_correlation", "layer_correlation"):
            value = getattr(self, name)
            if not 0.0 <= value <= 1.0:
                raise WorkloadError(f"{name} is {value}; write a number from 0 (independent) to 1 (equal)")

    def frames(self, count: int) -> Floats:
        """Difficulty of each frame, shape (count,)."""
        return _uniform(self._latent(count))

    def layer(self, name: str, count: int) -> Floats:
        """Difficulty of each frame as the layer called ``name`` sees it, shape (count,)."""
        share = self.layer_correlation
        own = generator(self.seed, f"difficulty/{name}").standard_normal(count)
        return _uniform(np.sqrt(share) * self._latent(count) + np.sqrt(1.0 - share) * own)

    def _latent(self, count: int) -> Floats:
        from scipy.signal import lfilter

        rho = self.time_correlation
        noise = generator(self.seed, "difficulty").standard_normal(count)
        shocks = np.sqrt(1.0 - rho * rho) * noise
        shocks[:1] = noise[:1]  # the process starts in its stationary state
        latent: Floats = lfilter([1.0], [1.0, -rho], shocks)
        return latent


def _uniform(latent: Floats) -> Floats:
    from scipy.special import ndtr

    values: Floats = ndtr(latent)
    return values


def beta_quantiles(difficulty: Floats, mean: float, deviation: float) -> Floats:
    """Values in [0, 1] with the given mean and deviation, rising with difficulty: quantiles of a beta distribution.

    A deviation of 0 gives the mean exactly. Raises :class:`WorkloadError` where no distribution on [0, 1] has them.
    """
    from scipy.stats import beta

    if not 0.0 <= mean <= 1.0 or deviation < 0.0:
        raise WorkloadError(
            f"mean {mean} and deviation {deviation}: a share has a mean from 0 to 1 and a deviation of 0 or more"
        )
    if deviation == 0.0:
        return np.full(difficulty.shape, mean)
    limit = mean * (1.0 - mean)
    if deviation * deviation >= limit:
        raise WorkloadError(
            f"no share with mean {mean} has a deviation of {deviation}; write one below {np.sqrt(limit):.4g}"
        )
    strength = limit / (deviation * deviation) - 1.0
    values: Floats = beta.ppf(difficulty, mean * strength, (1.0 - mean) * strength)
    return values
