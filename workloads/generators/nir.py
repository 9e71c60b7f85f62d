"""A NIR graph run on recorded or random spikes: one frame a time step."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from workloads.arrivals import Arrivals, parse_arrivals
from workloads.errors import WorkloadError
from workloads.importers.nir import import_nir
from workloads.network import Network
from workloads.spiking.aer import read_events_csv, read_events_npy, read_nir_spikes
from workloads.spiking.coding import bernoulli_rate
from workloads.spiking.network import Population
from workloads.spiking.simulation import simulate
from workloads.spiking.spikes import Spikes
from workloads.spiking.streams import network_of, stream_of
from workloads.tokens import TokenStream


def nir_stream(
    network: Network,
    frames: int | None = None,
    arrivals: str | Arrivals | None = None,
    seed: int = 0,
    *,
    file: Path,
    dt: float | None = None,
    reset: Literal["zero", "subtract", "none"] | None = None,
    reset_at: Literal["firing", "next_step"] = "firing",
    delay: int = 0,
    events: Path | None = None,
    step: float = 1e-3,
    input_rate: float = 0.05,
    event_driven: bool = False,
) -> TokenStream:
    """Time steps of a NIR graph with the given conventions, on recorded events or random spikes.

    ``frames`` is the number of time steps; a graph has none of its own. ``dt`` (s) and ``reset`` are needed where the
    graph does not say them; ``delay`` is the steps from layer to layer. ``events`` is a CSV, ``.npy`` or NIR data
    file, binned in ``step`` seconds; without it every input fires at ``input_rate``, drawn from the seed. Raises
    :class:`WorkloadError` for what is missing, and where ``network`` is not the one in ``file``.
    """
    spiking = import_nir(file, dt=dt, reset=reset, reset_at=reset_at, layer_delay=delay)
    layers = network_of(spiking)
    if layers.fingerprint() != network.fingerprint():
        raise WorkloadError(f"workload nir: '{file}' is not network '{network.name}'; name the same file twice")
    trains = {p.name: _train(p, frames, seed, events, step, input_rate) for p in spiking.inputs}
    steps = max(train.steps for train in trains.values())
    rule = parse_arrivals("saturated" if arrivals is None else arrivals)
    said = {
        "generator": "nir",
        "file": str(file),
        "arrivals": rule.text,
        "seed": seed,
        "dt": dt,
        "reset": reset,
        "reset_at": reset_at,
        "delay": delay,
        "events": None if events is None else str(events),
        "input_rate": input_rate,
    }
    run = simulate(spiking, trains, steps, keep_masks=True)
    return stream_of(run, layers, rule.release_ps(steps, seed), event_driven, said)


def _train(
    population: Population, frames: int | None, seed: int, events: Path | None, step: float, input_rate: float
) -> Spikes:
    if events is None:
        if frames is None:
            raise WorkloadError("workload nir: a graph does not say how long it runs; give the time steps, frames=...")
        rates = np.full(population.shape, 1.0)
        return bernoulli_rate(rates, frames, seed, input_rate, f"nir.{population.name}")
    suffix = events.suffix.lower()
    if suffix == ".nir":
        train = read_nir_spikes(events, population.name, population.shape, step)
        return train if frames is None else Spikes(train.shape, frames, *train.window(0, frames))
    if len(population.shape) != 3 or suffix not in (".csv", ".npy"):
        raise WorkloadError(
            f"workload nir: '{events}' cannot feed {population.shape}; give a .csv, .npy or .nir of events"
        )
    shape = (population.shape[0], population.shape[1], population.shape[2])
    read = read_events_csv if suffix == ".csv" else read_events_npy
    return read(events, shape, step, steps=frames)
