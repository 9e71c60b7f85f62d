"""One stage of a layer as an actor: its firings, durations, flows and notes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from simulator.elements.base import Element, Floats, Stage
from simulator.elements.pieces import batch_sums
from simulator.lowered import ActorNote, Amounts, Role
from simulator.lowering.counts import Firings
from simulator.lowering.drafts import ActorDraft, PlanDraft
from simulator.plan import Flow
from simulator.platform import Memory, Platform
from simulator.series import Series
from workloads.tokens import LayerWork

_Number = TypeVar("_Number", np.float64, np.int64)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stage runs: its element, the memory it uses (None: no memory on the platform) and its priority (lower
    goes first).
    """

    platform: Platform
    element: Element
    memory: str | None
    priority: int


def rows(amounts: npt.NDArray[_Number], firings: Firings) -> npt.NDArray[_Number]:
    """Amounts of shape (frames or batches or 1, pieces or 1) as one flat period over the firings there are.

    A single row holds for every frame alike, a single column for every piece; frames that are not done are left out.
    """
    if amounts.shape[0] > 1 and firings.taken is not None:
        amounts = amounts[firings.taken]
    return np.broadcast_to(amounts, (amounts.shape[0], firings.pieces)).ravel()


def add_stage(draft: PlanDraft, place: Place, work: LayerWork, stage: Stage, grid: Firings) -> ActorDraft:
    """Adds the actor of a stage to the plan; its channels come later. ``grid`` says which frames the layer does."""
    element, layer, base = place.element, work.group.name, draft.base
    firings = dataclasses.replace(grid, pieces=stage.pieces)
    cycles = rows(stage.cycles, firings)
    traffic = _traffic(stage, firings)
    resource = f"{element.name}.{stage.resource}" if stage.resource else element.name
    actor = ActorDraft(
        name=f"{layer}.{stage.name}" if stage.name else layer,
        resource=draft.resource(resource, stage.concurrency if stage.resource else element.slots, element.name),
        firings=firings,
        compute=base.from_cycles(cycles, element.clock_hz, firings.count),
        written=stage.written,
        latency=base.from_seconds(stage.latency_cycles / element.clock_hz),
        slots=stage.slots,
        priority=place.priority,
        concurrency=stage.concurrency,
        flows=_flows(draft, place, traffic, firings.count),
        note=ActorNote(
            role=Role.STAGE,
            element=element.name,
            layer=layer,
            stage=stage.name,
            cycles=Series.periodic(cycles, firings.count),
            macs=_macs(work, firings) if stage.does_macs else None,
            energy_pj={cause: Amounts(rows(amount, firings)) for cause, amount in stage.energy_pj.items()},
            memory_bytes=_per_memory(place.memory, traffic),
            detail=stage.detail,
        ),
    )
    draft.actors.append(actor)
    return actor


def _macs(work: LayerWork, firings: Firings) -> Amounts | None:
    if not work.macs.any():
        return None
    macs = work.macs if firings.batch == 1 else batch_sums(work.macs, firings.frames, firings.batch)
    return Amounts(rows(macs[:, None] / firings.pieces, firings))


def _per_memory(memory: str | None, traffic: Mapping[str, Floats]) -> dict[tuple[str, str], Amounts]:
    return {} if memory is None else {(memory, way): Amounts(amounts) for way, amounts in traffic.items()}


def _traffic(stage: Stage, firings: Firings) -> Mapping[str, Floats]:
    """Bytes a firing by direction, over one period."""
    reads = [amounts for amounts in (stage.read_bytes, stage.weight_bytes) if amounts is not None]
    traffic: dict[str, Floats] = {}
    if reads:
        traffic["read"] = rows(reads[0] if len(reads) == 1 else reads[0] + reads[1], firings)
    if stage.write_bytes is not None:
        traffic["write"] = rows(stage.write_bytes, firings)
    return {way: amounts for way, amounts in traffic.items() if amounts.any()}


def _flows(draft: PlanDraft, place: Place, traffic: Mapping[str, Floats], firings: int) -> list[Flow]:
    if place.memory is None or not traffic:
        return []
    memory = place.platform.memories[place.memory]
    period = max(amounts.size for amounts in traffic.values())
    read, write = (np.resize(traffic.get(way, np.zeros(1)), period) for way in ("read", "write"))
    return [memory_flow(draft, memory, memory.port_bytes(read, write), firings)]


def memory_flow(draft: PlanDraft, memory: Memory, port_bytes: Floats, firings: int) -> Flow:
    """Bytes of each of so many firings on a memory that all its users share, as fast as one user's port carries
    them; ``port_bytes`` (:meth:`Memory.port_bytes`) is one period.
    """
    port = memory.port_bandwidth
    units = draft.base.server_units(memory.bandwidth if port is None else min(port, memory.bandwidth))
    server = draft.server(memory.name, units.rate(memory.bandwidth))
    return Flow(server, Series.periodic(units.work(port_bytes), firings), None if port is None else units.rate(port))
