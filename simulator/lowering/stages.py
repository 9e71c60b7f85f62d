"""One stage of a layer as an actor: its firings, durations, flows and notes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from simulator.elements.base import Element, Floats, Stage
from simulator.lowered import ActorNote, Amounts, Role
from simulator.lowering.drafts import ActorDraft, PlanDraft
from simulator.lowering.timebase import TimeBase
from simulator.plan import Flow
from simulator.platform import Platform
from simulator.series import Series
from workloads.tokens import LayerWork


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stage runs: its element, the memory it uses (None: no memory on the platform) and its priority (lower
    goes first)."""

    platform: Platform
    element: Element
    memory: str | None
    priority: int


def spread(amounts: Floats, pieces: int) -> Floats:
    """Amounts of shape (frames or 1, pieces or 1) as one flat period; a single column holds for every piece alike."""
    return np.broadcast_to(amounts, (amounts.shape[0], pieces)).ravel()


def add_stage(draft: PlanDraft, base: TimeBase, place: Place, work: LayerWork, stage: Stage, frames: int) -> ActorDraft:
    """Adds the actor of a stage to the plan; its channels come later."""
    element, layer = place.element, work.group.name
    name = f"{layer}.{stage.name}" if stage.name else layer
    firings = stage.pieces * frames
    cycles = np.broadcast_to(stage.cycles, (stage.cycles.shape[0], stage.pieces)).ravel()
    traffic = _traffic(place, stage)
    resource = f"{element.name}.{stage.resource}" if stage.resource else element.name
    latency = base.from_seconds(stage.latency_cycles / element.clock_hz)
    actor = ActorDraft(
        name=name,
        resource=draft.resource(resource, 1 if stage.resource else element.slots, element.name),
        pieces=stage.pieces,
        frames=frames,
        compute=base.from_cycles(cycles, element.clock_hz, firings),
        written=stage.written,
        latency=latency,
        slots=stage.slots,
        priority=place.priority,
        concurrency=stage.concurrency,
        flows=_flows(draft, base, place, traffic, firings),
        note=ActorNote(
            role=Role.STAGE,
            element=element.name,
            layer=layer,
            stage=stage.name,
            cycles=Series.periodic(cycles, firings),
            macs=_macs(work, stage),
            energy_pj={cause: Amounts(spread(amount, stage.pieces)) for cause, amount in stage.energy_pj.items()},
            memory_bytes={}
            if place.memory is None
            else {(place.memory, way): Amounts(amount) for way, amount in traffic.items()},
            detail=stage.detail,
        ),
    )
    draft.actors.append(actor)
    return actor


def _macs(work: LayerWork, stage: Stage) -> Amounts | None:
    """Multiply-accumulates stand on the stage that does them: the one without a name, or named as a compute stage."""
    if stage.name not in ("", "mvau", "vvau", "compute") or not work.macs.any():
        return None
    return Amounts(spread(work.macs[:, None] / stage.pieces, stage.pieces))


def _traffic(place: Place, stage: Stage) -> Mapping[str, Floats]:
    """Bytes a firing by direction, over one period."""
    reads = [a for a in (stage.read_bytes, stage.weight_bytes) if a is not None]
    traffic: dict[str, Floats] = {}
    if reads:
        traffic["read"] = spread(reads[0] if len(reads) == 1 else reads[0] + reads[1], stage.pieces)
    if stage.write_bytes is not None:
        traffic["write"] = spread(stage.write_bytes, stage.pieces)
    return {way: amounts for way, amounts in traffic.items() if amounts.any()}


def _flows(draft: PlanDraft, base: TimeBase, place: Place, traffic: Mapping[str, Floats], firings: int) -> list[Flow]:
    if place.memory is None or not traffic:
        return []
    memory = place.platform.memories[place.memory]
    total = sum(np.resize(amounts, max(a.size for a in traffic.values())) for amounts in traffic.values())
    server = draft.server(memory.name, base.rate(memory.bandwidth))
    return [Flow(server, Series.periodic(base.work(np.asarray(total, dtype=np.float64)), firings))]
