"""Copies between elements that share no memory: a DMA actor that moves a tensor token by token."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from simulator.lowered import ActorNote, Amounts, ChannelNote, Role
from simulator.lowering.drafts import ActorDraft, PlanDraft
from simulator.lowering.timebase import TimeBase
from simulator.plan import Flow
from simulator.platform import Dma, Platform
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


def add_copy(draft: PlanDraft, base: TimeBase, platform: Platform, port: Port, route: Route) -> Port:
    """Adds the DMA actor that copies a tensor along the route, and says where it can be read then.

    Each token is a transfer: set-up time on a channel of the engine, and whole bursts through both memories and the
    link.
    """
    dma, tokens = route.dma, port.actor.token_edges
    grid = dataclasses.replace(port.actor.firings, pieces=tokens.size, batch=1)
    amounts = np.full(1, float(dma.moved_bytes(int(np.ceil(port.frame_bytes / tokens.size)))))
    work = Series.periodic(base.work(amounts), grid.count)
    flows: list[Flow] = []
    moved: dict[tuple[str, str], Amounts] = {}
    for memory, way in ((port.memory, "read"), (route.memory, "write")):
        if memory is not None:
            flows.append(Flow(draft.server(memory, base.rate(platform.memories[memory].bandwidth)), work))
            moved[(memory, way)] = Amounts(amounts)
    if dma.bandwidth is not None:
        cap = base.rate(dma.bandwidth)
        flows.append(Flow(draft.server(dma.name, cap * dma.config.channels), work, cap))
    transfer = None if dma.config.energy is None else dma.config.energy.transfer
    actor = ActorDraft(
        name=f"{dma.name}:{port.layer}->{route.element}",
        resource=draft.resource(dma.name, dma.config.channels, dma.name),
        firings=grid,
        compute=Series.constant(base.from_seconds(dma.setup), grid.count),
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
        note=ChannelNote(port.layer, actor.name, "buffer", token_elements=float(tokens[-1]) / tokens.size),
        token_bytes=port.frame_bytes / tokens.size,
        memory=port.memory,
        discipline=None,
    )
    return Port(actor, route.element, route.memory, port.layer, port.frame_bytes)
