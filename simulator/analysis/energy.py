"""Energy by part and cause; what the platform file does not say is not modelled, which is not zero.

Dynamic energy is that of the firings that departed and are not void; idle power is drawn over the whole run by every
part of the platform, used or not; active power while at least one slot of an element is in service.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from simulator.analysis.tokens import departed, void_of
from simulator.lowered import Amounts, Lowered
from simulator.trace import Trace

_PJ_PER_WATT_SECOND = 1e12
_BITS = 8


@dataclass(frozen=True, slots=True)
class EnergyItem:
    """Energy of one part of the platform by one cause; ``energy_pj`` None is not modelled."""

    part: str
    kind: str
    cause: str
    energy_pj: float | None


class Work(Protocol):
    """What a run has done, as far as it is priced."""

    @property
    def lowered(self) -> Lowered: ...

    @property
    def now(self) -> int: ...

    @property
    def moved(self) -> dict[tuple[int, str, str], float]: ...

    def departed(self, actor: int) -> int: ...

    def amount(self, actor: int, amounts: Amounts) -> float: ...

    def in_service(self, actors: tuple[int, ...]) -> int: ...

    def written(self, channel: int) -> int: ...


def energy_items(run: Work) -> list[EnergyItem]:
    """The energy of a run by part and cause: processing elements, memories, DMA engines and FIFOs, in the platform's
    order.
    """
    lowered = run.lowered
    seconds = float(lowered.plan.tick * run.now)
    dynamic = dynamic_energy(run)
    items: list[EnergyItem] = []
    for name, element in lowered.platform.processing_elements.items():
        energies = dynamic.get(name, {})
        items += [
            EnergyItem(name, "element", cause, value)
            for cause, value in _of_element(run, name, element.config.energy, energies, seconds)
        ]
    items += _of_memories(run, seconds)
    for name, dma in lowered.platform.dma.items():
        items += [
            EnergyItem(name, "dma", cause, value)
            for cause, value in _of_element(run, name, dma.config.energy, dynamic.get(name, {}), seconds)
        ]
    return items + _of_fifos(run, seconds)


def total_pj(items: list[EnergyItem]) -> float | None:
    """The sum of what is modelled; None where nothing is."""
    known = [item.energy_pj for item in items if item.energy_pj is not None]
    return sum(known) if known else None


def dynamic_energy(run: Work) -> dict[str, dict[str, float]]:
    """Picojoules by element (or DMA) and cause, summed over its actors."""
    found: dict[str, dict[str, float]] = {}
    for index, note in enumerate(run.lowered.actors):
        if note.element is None:
            continue
        causes = found.setdefault(note.element, {})
        for cause, amounts in note.energy_pj.items():
            causes[cause] = causes.get(cause, 0.0) + run.amount(index, amounts)
    return found


def actor_total(trace: Trace, actor: int, amounts: Amounts) -> float:
    """The sum of an amount over the firings of an actor that departed and are not void."""
    count = departed(trace, actor)
    void = void_of(trace, actor, count)
    if not void.any():
        return amounts.total(count)
    return float(amounts.at(np.flatnonzero(~void)).sum())


def access_energy(lowered: Lowered, memory: str, way: str) -> float | None:
    """Picojoules a byte that a memory takes for a read or write; None is not modelled."""
    part = lowered.platform.memories.get(memory)
    per_bit = None if part is None else part.read_energy if way == "read" else part.write_energy
    return None if per_bit is None else per_bit * _BITS


def _of_element(
    run: Work, name: str, config: Any, dynamic: Mapping[str, float], seconds: float
) -> Iterator[tuple[str, float | None]]:
    """Causes of an element or DMA: what its notes price and the powers of its config; needed fields that are empty are
    not modelled.
    """
    fields = {} if config is None else {key: getattr(config, key) for key in type(config).model_fields}
    actors = tuple(i for i, note in enumerate(run.lowered.actors) if note.element == name)
    ran = any(run.departed(actor) for actor in actors)
    if config is None and not dynamic:
        yield "all", None
    for cause in [*fields, *(cause for cause in dynamic if cause not in fields)]:
        given = fields.get(cause)
        if cause in dynamic:
            yield cause, dynamic[cause]
        elif given is None:
            if _is_missed(cause, fields, dynamic, ran):
                yield cause, None
        elif cause == "active":
            busy = float(run.lowered.plan.tick * run.in_service(actors))
            yield cause, float(given) * busy * _PJ_PER_WATT_SECOND
        elif cause == "idle":
            yield cause, float(given) * seconds * _PJ_PER_WATT_SECOND
        else:  # priced, and nothing of it was done
            yield cause, 0.0


def _is_missed(cause: str, fields: Mapping[str, Any], dynamic: Mapping[str, float], ran: bool) -> bool:
    """Whether an empty field leaves a gap: an element that ran nothing needs no price for work, one whose model prices
    causes of its own (spikes, synapses) none for MACs, and one that prices its work no power for being active.
    """
    if cause == "idle":
        return True
    if not ran or any(priced not in fields for priced in dynamic):
        return False
    return cause != "active" or not dynamic


def _of_memories(run: Work, seconds: float) -> list[EnergyItem]:
    moved: dict[tuple[str, str], float] = {}
    for (_, where, way), amount in run.moved.items():
        moved[where, way] = moved.get((where, way), 0.0) + amount
    items = []
    for name, memory in run.lowered.platform.memories.items():
        for way in ("read", "write"):
            per_byte = access_energy(run.lowered, name, way)
            value = None if per_byte is None else per_byte * moved.get((name, way), 0.0)
            items.append(EnergyItem(name, "memory", way, value))
        power = memory.idle_power
        items.append(
            EnergyItem(name, "memory", "idle", None if power is None else power * seconds * _PJ_PER_WATT_SECOND)
        )
    return items


def _of_fifos(run: Work, seconds: float) -> list[EnergyItem]:
    """FIFOs of the platform file: each bit that was written to them is moved once."""
    bits: dict[str, float] = {}
    lowered = run.lowered
    for index, note in enumerate(lowered.channels):
        if note.fifo is not None:
            bits[note.fifo] = (
                bits.get(note.fifo, 0.0) + run.written(index) * lowered.plan.channels[index].token_bytes * _BITS
            )
    items = []
    for name, fifo in lowered.platform.fifos.items():
        energy = fifo.config.energy
        transfer = None if energy is None or energy.transfer is None else energy.transfer * bits.get(name, 0.0)
        idle = None if energy is None or energy.idle is None else energy.idle * seconds * _PJ_PER_WATT_SECOND
        items += [EnergyItem(name, "fifo", "transfer", transfer), EnergyItem(name, "fifo", "idle", idle)]
    return items


__all__ = [
    "EnergyItem",
    "Work",
    "access_energy",
    "actor_total",
    "dynamic_energy",
    "energy_items",
    "total_pj",
]
