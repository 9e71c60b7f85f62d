"""Pieces of a chip's plan: an actor that fires once a batch, who sends batches, their cost, who follows whom."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from simulator.elements.neuromorphic import EventCost
from simulator.lowered import ActorNote, Amounts
from simulator.lowering.drafts import ActorDraft
from simulator.plan import Actor
from simulator.series import Ints, Series
from workloads.spiking.network import SpikingNetwork


@dataclass(slots=True)
class BatchDraft(ActorDraft):
    """An actor that fires once a batch: ``step`` says which time step each batch belongs to."""

    step: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    def freeze(self) -> Actor:
        frames = Series.full(self.step)
        return Actor(
            name=self.name,
            resource=self.resource,
            release=Series.constant(0, self.step.size),
            compute=self.compute,
            latency=Series.constant(self.latency, self.step.size),
            first_frame=frames,
            last_frame=frames,
            inputs=tuple(self.inputs),
            outputs=tuple(self.outputs),
            flows=tuple(self.flows),
            priority=self.priority,
            concurrency=self.concurrency,
        )


@dataclass(slots=True)
class Sender:
    """Who sends batches: an actor with ``slices`` firings a step, and its batches as rows of the traffic."""

    population: str
    core: int
    actor: ActorDraft
    slices: int


def energy_of(
    causes: Sequence[str],
    counts: Sequence[np.ndarray[tuple[int, ...], np.dtype[np.float64]]],
    events: Sequence[EventCost],
) -> dict[str, Amounts]:
    """Picojoules by cause, a firing; causes without an energy are left out."""
    rows = zip(causes, counts, events, strict=True)
    return {
        cause: Amounts(count * event.energy) for cause, count, event in rows if event.energy is not None and count.size
    }


def _linked(name: str, beside: Callable[[str], list[str]]) -> set[str]:
    """All populations that ``beside`` leads to from ``name``, step by step."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for other in beside(waiting.pop()):
            if other not in found:
                found.add(other)
                waiting.append(other)
    return found


def with_energy(note: ActorNote, energy: dict[str, Amounts]) -> ActorNote:
    return ActorNote(note.role, note.element, note.layer, note.stage, energy_pj=energy)


def after(network: SpikingNetwork, name: str) -> set[str]:
    """All populations that the spikes of ``name`` lead to."""
    return _linked(name, lambda n: [p.target for p in network.out_of(n)])


def before(network: SpikingNetwork, name: str) -> set[str]:
    """All populations whose spikes lead to ``name``."""
    return _linked(name, lambda n: [p.source for p in network.into(n)])
