"""The three counts that are easily confused, layer by layer: spikes fired, packets sent, synaptic events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.elements.placement import Placement
from simulator.elements.spike_traffic import Reach
from workloads.spiking.simulation import SpikingRun
from workloads.spiking.statistics import spike_statistics

if TYPE_CHECKING:
    import pandas as pd


def spike_table(run: SpikingRun, placement: Placement | None = None) -> pd.DataFrame:
    """A row a population: how it fires, and, where it is placed on cores, how many packets that makes.

    ``spikes`` are firings; ``packets`` one for each firing neuron and destination core; ``synaptic_events`` what they
    reach on all layers. ``packets`` is missing without a placement.
    """
    import pandas as pd

    rows = []
    for population in run.network.populations:
        found = spike_statistics(run.spikes[population.name])
        out = [p.name or f"{p.source}->{p.target}" for p in run.network.out_of(population.name)]
        row = {
            "layer": population.name,
            "neurons": found.neurons,
            "spikes": found.total,
            "packets": None if placement is None else sum(packets_per_core(run, placement, population.name).values()),
            "synaptic_events": sum(int(run.synaptic_events[name].sum()) for name in out),
            "rate": found.rate,
            "active_fraction": found.active_fraction,
            "peak_over_mean": found.peak_over_mean,
            "fano": found.fano,
            "lag1": found.lag1,
        }
        rows.append(row)
    return pd.DataFrame(rows)


def packets_per_core(run: SpikingRun, placement: Placement, name: str) -> dict[int, int]:
    """Packets that the spikes of a population send to each destination core."""
    train = run.spikes[name]
    batches = Reach(placement, name).batches(train.step, train.index)
    return {core: int(batches[3][batches[2] == core].sum()) for core in sorted(set(batches[2].tolist()))}
