"""Copies between elements that share no memory: a DMA actor that moves a tensor token by token."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from simulator.lowered import ActorNote, Amounts, ChannelNote, Role
from simulator.lowering.drafts import ActorDraft, PlanDraft
from simulator.lowering.stages import memory_flow
from simulator.plan import Flow
from simulator.platform import Dma, Memory, Platform
from simulator.series import Series


@dataclass(frozen=True, slots=True)
class Port:
    """Where a tensor can be read: the actor that writes it, the element and memory it lies at, and its bytes a frame.

    ``element`` None is the entrance of the platform; ``memory`` None is the fabric of a streaming element.
    """

    actor: ActorDraft
    element: str | None
    memory: str | None
    layer: str
    frame_bytes: float


@dataclass(frozen=True, slots=True)
class Route:
    """Which DMA engine carries a tensor to which element and memory, and how urgently (lower goes first)."""

    dma: Dma
    element: str
    memory: str | None
    priority: int


def add_copy(draft: PlanDraft, platform: Platform, port: Port, route: Route) -> Port:
    """Adds the DMA actor that copies a tensor along the route, and says where it can be read then.

    Each token is a transfer: set-up time on a channel of the engine (with the latency of the memory it reads), then
    whole bursts through both memories and the link.
    """
    dma, tokens = route.dma, port.actor.token_edges
    grid = dataclasses.replace(port.actor.firings, pieces=tokens.size, batch=1)
    amounts = np.full(1, float(dma.moved_bytes(int(np.ceil(port.frame_bytes / tokens.size)))))
    none = np.zeros(1)
    flows: list[Flow] = []
    moved: dict[tuple[str, str], Amounts] = {}
    ends: list[Memory] = []
    for name, way in ((port.memory, "read"), (route.memory, "write")):
        if name is not None:
            memory = platform.memories[name]
            load = memory.port_bytes(amounts, none) if way == "read" else memory.port_bytes(none, amounts)
            flows.append(memory_flow(draft, memory, load, grid.count))
            moved[(name, way)] = Amounts(amounts)
            ends.append(memory)
    # The set-up comes before the transfer: it is time of the channel, so it is work on the link at the channel's rate.
    setup = dma.setup + (platform.memories[port.memory].latency if port.memory is not None else 0)
    bandwidth = dma.bandwidth or min((memory.bandwidth for memory in ends), default=None)
    if bandwidth is not None:
        units = draft.base.server_units(bandwidth)
        cap = units.rate(bandwidth)
        link = units.work(amounts) + units.carried(setup, cap)
        flows.append(Flow(draft.server(dma.name, cap * dma.config.channels), Series.periodic(link, grid.count), cap))
    transfer = None if dma.config.energy is None else dma.config.energy.transfer
    actor = ActorDraft(
        name=f"{dma.name}:{port.layer}->{route.element}",
        resource=draft.resource(dma.name, dma.config.channels, dma.name),
        firings=grid,
        compute=Series.constant(draft.base.from_seconds(setup), grid.count),
        written=tokens,
        priority=route.priority,
        flows=flows,
        note=ActorNote(
            Role.DMA,
            dma.name,
            port.layer,
            energy_pj={} if transfer is None else {"transfer": Amounts(amounts * 8 * transfer)},
            memory_bytes=moved,
        ),
    )
    draft.actors.append(actor)
    steps = np.arange(1, tokens.size + 1, dtype=np.int64)
    draft.connect(
        port.actor,
        actor,
        steps,
        steps,
        capacity=2 * tokens.size,
        note=ChannelNote(port.layer, actor.name, "buffer"),
        token_bytes=port.frame_bytes / tokens.size,
        memory=port.memory,
        discipline=None,
    )
    return Port(actor, route.element, route.memory, port.layer, port.frame_bytes)
