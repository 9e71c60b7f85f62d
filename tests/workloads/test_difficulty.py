"""The shared difficulty of inputs."""

from __future__ import annotations

import numpy as np
import pytest

from workloads.difficulty import Difficulty, beta_quantiles
from workloads.errors import WorkloadError


def test_difficulty_is_uniform_and_the_same_for_everybody() -> None:
    one, two = Difficulty(7), Difficulty(7)
    values = one.frames(4000)
    assert np.array_equal(values, two.frames(4000))
    assert abs(values.mean() - 0.5) < 0.02
    assert abs(np.quantile(values, 0.9) - 0.9) < 0.02


def test_a_longer_run_begins_with_the_same_frames() -> None:
    assert np.array_equal(Difficulty(3, 0.9).frames(50), Difficulty(3, 0.9).frames(500)[:50])


def test_consecutive_frames_are_as_correlated_as_asked() -> None:
    from scipy.special import ndtri

    latent = ndtri(Difficulty(1, time_correlation=0.8).frames(20_000))
    assert abs(np.corrcoef(latent[1:], latent[:-1])[0, 1] - 0.8) < 0.02
    assert abs(latent.std() - 1.0) < 0.05


def test_layers_share_what_they_are_asked_to() -> None:
    process = Difficulty(2, layer_correlation=0.5)
    from scipy.special import ndtri

    one, two = ndtri(process.layer("a", 20_000)), ndtri(process.layer("b", 20_000))
    assert abs(np.corrcoef(one, two)[0, 1] - 0.5) < 0.02
    assert np.array_equal(Difficulty(2).layer("a", 9), Difficulty(2).frames(9))


def test_shares_have_the_mean_and_deviation_asked_for() -> None:
    values = beta_quantiles(Difficulty(5).frames(40_000), 0.6, 0.15)
    assert abs(values.mean() - 0.6) < 0.005
    assert abs(values.std() - 0.15) < 0.005
    assert (beta_quantiles(np.array([0.1, 0.9]), 0.4, 0.0) == 0.4).all()


def test_an_impossible_spread_is_told() -> None:
    with pytest.raises(WorkloadError, match=r"no share with mean 0.5 has a deviation of 0.6; write one below 0.5"):
        beta_quantiles(np.array([0.5]), 0.5, 0.6)
    with pytest.raises(WorkloadError, match=r"time_correlation is 1\.5"):
        Difficulty(0, 1.5)
