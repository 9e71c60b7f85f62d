"""A lowered run: the Plan, and beside it what each of its parts stands for on the platform and in the network.

The engine sees the plan alone; the analysis joins plan, trace and these notes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from simulator.plan import Plan
from simulator.platform import Platform
from simulator.series import Series
from workloads.tokens import TokenStream

Floats = npt.NDArray[np.float64]


class Role(StrEnum):
    """What an actor stands for."""

    SOURCE = "source"
    STAGE = "stage"
    DMA = "dma"


@dataclass(frozen=True, slots=True, eq=False)
class Amounts:
    """A non-negative real amount a firing, stored as one period: firing k has ``pattern[k % P]``."""

    pattern: Floats

    def total(self, count: int) -> float:
        """The sum over the first ``count`` firings."""
        turns, rest = divmod(count, self.pattern.size)
        return float(self.pattern.sum()) * turns + float(self.pattern[:rest].sum())

    def at(self, firings: npt.NDArray[np.int64]) -> Floats:
        """The amounts of the given firings."""
        values: Floats = self.pattern[firings % self.pattern.size]
        return values


@dataclass(frozen=True, slots=True, eq=False)
class ActorNote:
    """What an actor stands for.

    ``element`` and ``layer`` are names (None for sources and sinks); ``stage`` tells the stages of one layer apart
    ('' where there is one). ``cycles`` a firing on the element's clock (None where it has none); ``macs`` a firing;
    ``energy_pj`` a firing by cause; ``memory_bytes`` a firing by (memory, 'read' or 'write'). ``detail`` are the
    model's own figures for the layer table.
    """

    role: Role
    element: str | None
    layer: str | None
    stage: str = ""
    cycles: Series | None = None
    macs: Amounts | None = None
    energy_pj: Mapping[str, Amounts] = field(default_factory=dict)
    memory_bytes: Mapping[tuple[str, str], Amounts] = field(default_factory=dict)
    detail: Mapping[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ResourceNote:
    """Which element (or DMA) a resource belongs to; None for the resources of sources and sinks."""

    element: str | None


@dataclass(frozen=True, slots=True)
class ChannelNote:
    """What a channel carries: the producing and consuming layer, and the FIFO of the platform file it is an instance
    of, if any.

    ``kind`` is 'fifo' (fabric or mesh), 'buffer' (in a memory), 'state' (feedback, or the steps of a chip) or 'control'
    (a decision, no tensor).
    """

    producer: str
    consumer: str
    kind: str
    fifo: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Lowered:
    """A plan ready to run and what it stands for; the notes are parallel to the plan's tuples."""

    plan: Plan
    platform: Platform
    stream: TokenStream
    actors: tuple[ActorNote, ...]
    resources: tuple[ResourceNote, ...]
    channels: tuple[ChannelNote, ...]
    servers: tuple[str, ...]
    weights_bytes: Mapping[str, int]
    clocks_hz: Mapping[str, Fraction]
    origin: Mapping[str, object] = field(default_factory=dict)
    """What the manifest says about the mapping: its text or 'automatic', and every assignment."""
