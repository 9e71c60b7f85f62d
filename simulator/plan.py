"""The Plan: a timed dataflow graph with bounded channels, in plain arrays.

Everything that runs (a CPU layer, a GPU kernel, an FPGA stage, a DMA burst, a spiking core's time step, a solver
step) is lowered to resources, servers, channels and actors. A Plan knows no network, no platform and no energy; an
engine turns it into a :class:`simulator.trace.Trace` by the rules written in ARCHITECTURE.md ("The rules of the
Plan").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction

import numpy as np

from simulator.series import Ints, Series


class Discipline(StrEnum):
    """When a channel's space is claimed by its writer and given back by its reader."""

    CLAIM_START_RELEASE_END = "claim_start_release_end"
    CLAIM_START_RELEASE_START = "claim_start_release_start"
    BLOCKING_AFTER_SERVICE = "blocking_after_service"

    @property
    def claims_at_start(self) -> bool:
        """Whether the writer needs space before it starts (else after service, on all such outputs at once)."""
        return self is not Discipline.BLOCKING_AFTER_SERVICE

    @property
    def releases_at_start(self) -> bool:
        """Whether the reader gives its tokens' space back when it starts (else when it departs)."""
        return self is not Discipline.CLAIM_START_RELEASE_END


@dataclass(frozen=True, slots=True)
class Resource:
    """What an actor occupies while in service: a core, a GPU queue, a pipeline stage, a DMA channel. ``slots`` >= 1."""

    name: str
    slots: int = 1


@dataclass(frozen=True, slots=True)
class Server:
    """A capacity that concurrent flows share: a memory port, a link, a power budget.

    ``rates[i]`` work units a tick hold from tick ``times[i]`` on; ``times[0]`` is 0 and times rise. Rates are >= 0,
    the last is > 0.
    """

    name: str
    times: tuple[int, ...]
    rates: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Channel:
    """A bounded FIFO with one writer and one reader; ``capacity`` None is unbounded. ``memory`` names where it
    lives, for the analysis only.

    ``discipline`` None takes the plan's. ``token_bytes`` is the size of a token, for the analysis only. ``signal``: its
    tokens tell a decision and carry nothing of a frame, so who writes only signals still completes frames.
    """

    name: str
    capacity: int | None
    initial: int = 0
    token_bytes: float = 0.0
    memory: str | None = None
    discipline: Discipline | None = None
    signal: bool = False


@dataclass(frozen=True, slots=True)
class Flow:
    """Work that firing k pushes through a server while in service: ``work[k]`` units (0: no flow), at most ``cap``
    units a tick (None: no cap).
    """

    server: int
    work: Series
    cap: int | None = None


@dataclass(frozen=True, slots=True)
class Input:
    """Firing k may start when ``need[k]`` tokens have become readable in total, and gives back up to ``free[k]`` in
    total. Both rise; free <= need.
    """

    channel: int
    need: Series
    free: Series


@dataclass(frozen=True, slots=True)
class Output:
    """Firing k writes ``put[k]`` tokens when it departs; they are readable ``latency[k]`` ticks later."""

    channel: int
    put: Series


@dataclass(frozen=True, slots=True)
class Actor:
    """Fires once for each k in order.

    ``resource`` None: nothing is occupied. ``slots`` are taken all at once. A lower ``priority`` goes first.
    ``concurrency`` counts own firings between start and end. ``release[k]``: not before this tick. ``compute[k]``,
    ``latency[k]`` in ticks. ``first_frame[k] .. last_frame[k]`` are the frames that the firing serves. ``drop``: a
    lossy source (a camera).
    """

    name: str
    resource: int | None
    release: Series
    compute: Series
    latency: Series
    first_frame: Series
    last_frame: Series
    inputs: tuple[Input, ...] = ()
    outputs: tuple[Output, ...] = ()
    flows: tuple[Flow, ...] = ()
    slots: int = 1
    priority: int = 0
    concurrency: int = 1
    drop: bool = False

    @property
    def firings(self) -> int:
        """How many times the actor fires."""
        return self.compute.length

    def frames_of(self, firings: Ints) -> tuple[Ints, Ints]:
        """Pairs of a firing, out of those given, and a frame that it serves."""
        first, last = self.first_frame.at(firings), self.last_frame.at(firings)
        counts = last - first + 1
        if not counts.size or int(counts.max()) == 1:
            return firings, first
        offsets = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
        return np.repeat(firings, counts), np.repeat(first, counts) + offsets


@dataclass(frozen=True, slots=True)
class Plan:
    """The narrow waist: all that an engine needs. ``tick`` is an exact fraction of a second; indices point into the
    tuples.
    """

    tick: Fraction
    actors: tuple[Actor, ...]
    channels: tuple[Channel, ...] = ()
    resources: tuple[Resource, ...] = ()
    servers: tuple[Server, ...] = ()
    discipline: Discipline = Discipline.CLAIM_START_RELEASE_END
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def firings(self) -> int:
        """Number of firings in the whole plan."""
        return sum(actor.firings for actor in self.actors)

    @property
    def frames(self) -> int:
        """Number of frames: one more than the largest frame that any firing serves."""
        return 1 + max((a.last_frame.maximum() for a in self.actors if a.firings), default=-1)

    def discipline_of(self, channel: int) -> Discipline:
        """The discipline that holds for a channel: its own, else the plan's."""
        return self.channels[channel].discipline or self.discipline

    def writer_of(self, channel: int) -> int | None:
        """Index of the actor that writes the channel; None if nobody does."""
        return next((i for i, a in enumerate(self.actors) if any(o.channel == channel for o in a.outputs)), None)

    def reader_of(self, channel: int) -> int | None:
        """Index of the actor that reads the channel; None if nobody does."""
        return next((i for i, a in enumerate(self.actors) if any(p.channel == channel for p in a.inputs)), None)

    def is_contended(self, resource: int) -> bool:
        """Whether the actors of a resource can want more slots than there are, so each start is granted."""
        wanted = sum(a.slots * min(a.concurrency, a.firings) for a in self.actors if a.resource == resource)
        return wanted > self.resources[resource].slots

    def sources(self) -> tuple[int, ...]:
        """Indices of the actors that read from no other actor: frames enter there. All in a closed loop."""
        written = {o.channel: i for i, a in enumerate(self.actors) for o in a.outputs}
        own = [all(written.get(p.channel, i) == i for p in a.inputs) for i, a in enumerate(self.actors)]
        active = [i for i, a in enumerate(self.actors) if a.firings]
        return tuple(i for i in active if own[i]) or tuple(active)

    def sinks(self) -> tuple[int, ...]:
        """Indices of the actors whose departures complete frames; all in a closed loop."""
        active = [i for i, a in enumerate(self.actors) if a.firings]
        return tuple(i for i in active if self.is_sink(i)) or tuple(active)

    def is_sink(self, actor: int) -> bool:
        """Whether the actor writes nothing but signals to other actors: its departures complete frames."""
        own = self.actors[actor]
        reads = {p.channel for p in own.inputs}
        return all(o.channel in reads or self.channels[o.channel].signal for o in own.outputs)


__all__ = ["Actor", "Channel", "Discipline", "Flow", "Input", "Ints", "Output", "Plan", "Resource", "Series", "Server"]
