"""A convolutional network converted to spiking neurons and run on coded images: one frame a time step."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from workloads.arrivals import Arrivals, parse_arrivals
from workloads.errors import WorkloadError
from workloads.network import Network
from workloads.seeds import generator
from workloads.spiking.activity import with_activity
from workloads.spiking.coding import bernoulli_rate, burst, latency, poisson_rate
from workloads.spiking.conversion import cnn_layers, convert
from workloads.spiking.network import SpikingNetwork
from workloads.spiking.scenes import moving_scene
from workloads.spiking.simulation import SpikingRun, simulate
from workloads.spiking.spikes import Spikes, make_spikes
from workloads.spiking.streams import stream_of
from workloads.tokens import TokenStream

Coding = Literal["rate", "poisson", "latency", "burst", "events"]


def spiking_stream(
    network: Network,
    frames: int | None = None,
    arrivals: str | Arrivals | None = None,
    seed: int = 0,
    *,
    steps: int = 32,
    coding: Coding = "rate",
    input_rate: float = 0.2,
    activity: float | None = None,
    reset: Literal["zero", "subtract"] = "subtract",
    delay: int = 0,
    event_driven: bool = False,
) -> TokenStream:
    """Time steps of the network converted to integrate-and-fire layers, ``steps`` of them an image.

    Images (or, with coding 'events', camera scenes of two channels) are drawn from the seed; every image starts from
    rest. ``input_rate`` bounds the rate codes; ``activity`` tunes the thresholds of every layer to that many spikes
    a neuron and step; ``delay`` is the steps from layer to layer. ``frames`` counts time steps, a multiple of
    ``steps``. Networks without weights get seeded ones. ``event_driven`` makes the work of processors follow the
    synaptic events. Raises :class:`WorkloadError` for layers that cannot be converted.
    """
    rule = parse_arrivals("saturated" if arrivals is None else arrivals)
    count = frames if frames is not None else (rule.length or steps)
    if steps < 1 or count % steps:
        raise WorkloadError(
            f"spiking: {count} time steps are no whole number of images of {steps}; write e.g. frames={steps}"
        )
    shape = network.inputs[0].out_shape
    if len(shape) != 3:
        raise WorkloadError(f"spiking: network '{network.name}' reads {shape}; it needs (channels, rows, columns)")
    images = _images((shape[0], shape[1], shape[2]), count // steps, seed)
    layers = cnn_layers(network, seed)
    spiking = convert(
        layers, (shape[0], shape[1], shape[2]), images[:4], reset=reset, delay=delay, name=network.name
    ).network
    trains = [_encode(image, steps, coding, input_rate, seed, i) for i, image in enumerate(images)]
    if activity is not None:
        spiking = with_activity(spiking, trains[0], activity)
    run = _run(spiking, trains, steps)
    plain = network if network.inputs[0].number == "int" else network.with_precision(8, 1)
    said = {
        "arrivals": rule.text,
        "seed": seed,
        "steps": steps,
        "coding": coding,
        "input_rate": input_rate,
        "activity": activity,
        "reset": reset,
        "delay": delay,
        "event_driven": event_driven,
    }
    return stream_of(run, plain, rule.release_ps(count, seed), event_driven, said)


def _images(shape: tuple[int, int, int], count: int, seed: int) -> list[npt.NDArray[np.float64]]:
    """Smooth random images between 0 and 1: sums of a few soft blobs, as natural images are smooth."""
    rows, columns = shape[1:]
    y, x = np.mgrid[0:rows, 0:columns]
    images = []
    for number in range(count):
        random = generator(seed, f"spiking.image.{number}")
        image = np.zeros(shape)
        for _ in range(6):
            place, width = random.uniform(0, 1, 2) * (rows, columns), random.uniform(0.08, 0.25) * rows
            blob = np.exp(-((y - place[0]) ** 2 + (x - place[1]) ** 2) / (2 * width**2))
            image += random.uniform(0.2, 1.0, shape[0])[:, None, None] * blob
        images.append(np.asarray(image / image.max()))
    return images


def _encode(
    image: npt.NDArray[np.float64], steps: int, coding: Coding, input_rate: float, seed: int, number: int
) -> Spikes:
    name = f"spiking.{coding}.{number}"
    if coding == "rate":
        return bernoulli_rate(image, steps, seed, input_rate, name)
    if coding == "poisson":
        return poisson_rate(image, steps, seed, input_rate, name)
    if coding == "latency":
        return latency(image, steps, threshold=0.1)
    if coding == "burst":
        return burst(image, steps)
    if image.shape[0] != 2:
        raise WorkloadError(f"spiking: an event camera has 2 channels (on, off), the network reads {image.shape[0]}")
    return moving_scene(image.shape[1], image.shape[2], steps, seed + number)


def _run(network: SpikingNetwork, trains: list[Spikes], steps: int) -> SpikingRun:
    """The runs of all images one after the other, each from rest."""
    runs = [simulate(network, train, steps, keep_masks=True) for train in trains]
    if len(runs) == 1:
        return runs[0]
    total = steps * len(runs)
    spikes = {
        p.name: make_spikes(
            p.shape,
            total,
            np.concatenate([r.spikes[p.name].step + i * steps for i, r in enumerate(runs)]),
            np.concatenate([r.spikes[p.name].index for r in runs]),
        )
        for p in network.populations
    }
    return SpikingRun(
        network,
        total,
        spikes,
        {n: np.concatenate([r.synaptic_events[n] for r in runs]) for n in runs[0].synaptic_events},
        {n: np.concatenate([r.updated[n] for r in runs]) for n in runs[0].updated},
        {},
        {n: np.concatenate([r.masks[n] for r in runs]) for n in runs[0].masks},
    )
