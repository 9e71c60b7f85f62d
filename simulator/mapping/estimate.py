"""How long a layer takes by itself, without a run: what the choice of elements and calibration go by."""

from __future__ import annotations

from collections.abc import Sequence

from simulator.elements.base import Element, Stage
from simulator.platform import Platform
from simulator.platform.routes import memory_of


def stage_seconds(element: Element, stages: Sequence[Stage], bandwidth: float) -> float:
    """Mean seconds of a layer for a frame, or for a batch.

    A stage takes the longer of its cycles and its traffic at ``bandwidth`` bytes a second. Streaming elements work on
    all stages at once, others on one after the other.
    """
    clock = float(element.clock_hz)
    times: list[float] = []
    for stage in stages:
        spread = stage.pieces // stage.cycles.shape[1]
        compute = float(stage.cycles.sum(axis=1).mean()) * spread / clock
        traffic = 0.0
        for amounts in (stage.read_bytes, stage.write_bytes, stage.weight_bytes):
            if amounts is not None:
                traffic += float(amounts.sum(axis=1).mean()) * (stage.pieces // amounts.shape[1])
        times.append(max(compute, traffic / bandwidth))
    return max(times) if element.streaming else sum(times)


def memory_bandwidth(platform: Platform, element: Element) -> float:
    """Bytes a second of the memory that an element uses; infinite where it has none."""
    name = memory_of(platform, element.name)
    return float(platform.memories[name].bandwidth) if name is not None else float("inf")
