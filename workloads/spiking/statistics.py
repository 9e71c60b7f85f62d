"""What a spike stream looks like to a queue: rate, active fraction, peak over mean, Fano factor, correlation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workloads.spiking.spikes import Spikes


@dataclass(frozen=True, slots=True)
class StreamStatistics:
    """How a stream of counts behaves over the steps.

    ``rate`` is counts a neuron and step; ``active_fraction`` the share of neurons that fire at all;
    ``peak_over_mean`` of the counts a step; ``fano`` their variance over their mean (1 for a Poisson stream);
    ``lag1`` the correlation of successive steps. A silent stream has rate 0 and nan for the ratios.
    """

    neurons: int
    steps: int
    total: int
    rate: float
    active_fraction: float
    peak_over_mean: float
    fano: float
    lag1: float


def count_statistics(counts: npt.ArrayLike) -> tuple[float, float, float]:
    """Peak over mean, Fano factor (population variance) and lag-1 correlation of counts a step."""
    values = np.asarray(counts, dtype=np.float64)
    mean = float(values.mean()) if values.size else 0.0
    if mean == 0:
        return float("nan"), float("nan"), float("nan")
    centred = values - mean
    spread = float(centred @ centred)
    lag1 = float(centred[1:] @ centred[:-1]) / spread if spread else float("nan")
    return float(values.max()) / mean, spread / values.size / mean, lag1


def spike_statistics(spikes: Spikes) -> StreamStatistics:
    """The statistics of one population's train."""
    peak, fano, lag1 = count_statistics(spikes.per_step())
    active = np.unique(spikes.index).size
    return StreamStatistics(
        neurons=spikes.neurons,
        steps=spikes.steps,
        total=spikes.count,
        rate=spikes.count / (spikes.neurons * spikes.steps),
        active_fraction=active / spikes.neurons,
        peak_over_mean=peak,
        fano=fano,
        lag1=lag1,
    )
