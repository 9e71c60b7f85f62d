"""What depends on all layers of a pipeline together: foldings, stream widths, copies, the way to the host, and which
weights stay on chip."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from simulator.elements.base import Assignment
from simulator.elements.folding import Matrix, balance
from simulator.elements.streaming.chain import build_chain
from simulator.elements.streaming.fitting import Device, overflows
from simulator.elements.streaming.loads import loaded, merged
from simulator.elements.streaming.matrix import Unit, unit_of
from simulator.elements.streaming.operator import Operator
from simulator.elements.streaming.options import FoldingOptions, read_options
from simulator.elements.streaming.resources import product_cost, total
from simulator.elements.streaming.setfolding import fold_unit, target_cycles
from simulator.errors import PlatformError
from workloads.network import LayerGroup


@dataclass(frozen=True, slots=True)
class Fabric:
    """What an arrangement may spend: parallel multipliers, a device (None: unbounded), and whether a memory can stream
    weights."""

    multipliers: int
    clock_hz: float
    device: Device | None = None
    has_memory: bool = False


class Arrangement:
    """The layers of one pipeline; :meth:`options` completes what the mapping says of them."""

    def __init__(
        self,
        fabric: Fabric,
        groups: Sequence[LayerGroup],
        assignments: Sequence[Assignment],
        loads: Sequence[float] = (),
    ) -> None:
        self.fabric, self.groups = fabric, groups
        self.loads = list(loads) or [1.0] * len(groups)
        self.given = [_lenient(assignment) for assignment in assignments]
        self.units = [unit_of(group.main) if group.main.is_compute else None for group in groups]
        self.targets = [self._target(options) for options in self.given]

    def options(self) -> list[dict[str, Any]]:
        """For each layer what the mapping leaves open."""
        found = self._folded(self.fabric.multipliers)
        if self.fabric.device is not None:
            found = self._fitted(found, self.fabric.device)
        return self._linked(found)

    def _target(self, options: FoldingOptions) -> int | None:
        if options.target_cycles is not None:
            return options.target_cycles
        return target_cycles(self.fabric.clock_hz, options.target_fps) if options.target_fps is not None else None

    def _is_free(self, index: int) -> bool:
        return self.units[index] is not None and self.given[index].pe is None and self.given[index].simd is None

    def _folded(self, multipliers: int) -> list[dict[str, Any]]:
        """PE and SIMD of the layers that the mapping does not fold, and the pace of all operators."""
        if any(target is not None for target in self.targets):
            found = self._to_target(self.targets)
            slowest = max((op.cycles for chain in self._chains(found) for op in chain), default=0)
            if slowest >= min(target for target in self.targets if target is not None):
                # Two-pass relaxation: what cannot be reached anyway is not worth the fabric.
                found = self._to_target([None if target is None else max(target, slowest) for target in self.targets])
            return found
        free = [i for i in range(len(self.groups)) if self._is_free(i)]
        costs = [product_cost(group.main.weight_bits, group.main.input_bits) for group in self.groups]
        spent = sum(
            (options.pe or 1) * (options.simd or 1) * costs[i]
            for i, options in enumerate(self.given)
            if self.units[i] is not None and i not in free
        )
        budget = max(len(free), int(multipliers - spent))
        matrices = [loaded(_matrix(self.units[i]), self.loads[i]) for i in free]
        folds = balance(matrices, budget, [costs[i] for i in free])
        folds = merged(matrices, folds, self._engines(free))
        found = [{} for _ in self.groups]
        for i, (pe, simd) in zip(free, folds, strict=True):
            found[i] = {"pe": pe, "simd": simd}
        pace = max((self._cycles(i, found[i]) for i in range(len(self.groups))), default=0)
        return [{**options, "pace": pace} if pace else options for options in found]

    def _to_target(self, targets: Sequence[int | None]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for i, (unit, target) in enumerate(zip(self.units, targets, strict=True)):
            if target is None:
                found.append({})
                continue
            options: dict[str, Any] = {"pace": max(1, target - 1)}
            if unit is not None and self._is_free(i):
                options["pe"], options["simd"] = fold_unit(unit, self.groups[i].main.weight_bits, target)
            found.append(options)
        return found

    def _engines(self, layers: Sequence[int]) -> list[str]:
        """The hardware that each of these layers runs on."""
        return [self.given[i].engine or f"layer {i}" for i in layers]

    def _cycles(self, index: int, found: dict[str, Any]) -> int:
        unit, given = self.units[index], self.given[index]
        if unit is None:
            return 0
        cycles = unit.cycles(found.get("pe", given.pe or 1), found.get("simd", given.simd or 1))
        return max(1, math.ceil(cycles * self.loads[index] / given.instances))

    def _chains(self, found: Sequence[dict[str, Any]]) -> list[list[Operator]]:
        """The operators of each layer under the options found so far; none where its options are faulty."""
        chains: list[list[Operator]] = []
        for group, given, options in zip(self.groups, self.given, found, strict=True):
            update = {key: value for key, value in options.items() if getattr(given, key) in (None, ())}
            try:
                chains.append(build_chain(group, given.model_copy(update=update), None, group.name))
            except PlatformError:
                chains.append([])
        return chains

    def _fitted(self, found: list[dict[str, Any]], device: Device) -> list[dict[str, Any]]:
        """Streams weights and folds less until the automatic part fits the device, as far as that helps."""
        multipliers = self.fabric.multipliers
        free = [i for i in range(len(self.groups)) if self._is_free(i)]
        is_fixed = not free or any(target is not None for target in self.targets)
        while True:
            found = self._streaming(found, device) if self.fabric.has_memory else found
            beyond = overflows(device, total(op.resources for chain in self._chains(found) for op in chain))
            if not beyond or is_fixed or multipliers <= len(free):
                return found
            multipliers = max(len(free), multipliers // 2)
            found = self._folded(multipliers)

    def _streaming(self, found: Sequence[dict[str, Any]], device: Device) -> list[dict[str, Any]]:
        """Streams the weights of layers from memory, least traffic for each block RAM saved first, until the rest
        fits."""
        options, chains = [dict(each) for each in found], self._chains(found)
        saved = [sum(op.resources.bram18 for op in chain if op.is_main) for chain in chains]
        excess = sum(op.resources.bram18 for chain in chains for op in chain)
        excess -= excess if device.bram18 is None else device.bram18

        def traffic(index: int) -> float:
            unit = self.units[index]
            vectors = unit.vectors if unit is not None else 1
            return self.groups[index].main.weight_bytes * vectors / max(1, saved[index])

        able = [i for i in range(len(self.groups)) if self.units[i] is not None and self.given[i].weights is None]
        for i in sorted(able, key=lambda index: (traffic(index), index)):
            if excess <= 0:
                break
            options[i]["weights"] = "streamed"
            excess -= saved[i]
        return options

    def _linked(self, found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """What each layer must know of its neighbours."""
        chains = self._chains(found)
        widths = {
            group.name: chain[-1].out_width if chain else 0 for group, chain in zip(self.groups, chains, strict=True)
        }
        readers = {name: sum(name in group.inputs for group in self.groups) for name in widths}
        linked = []
        for group, options in zip(self.groups, found, strict=True):
            linked.append(
                {
                    **options,
                    "in_bits": tuple(widths.get(name) or None for name in group.inputs),
                    "copies": max(1, readers[group.name]),
                    "from_host": not any(name in widths for name in group.inputs),
                    "to_host": readers[group.name] == 0,
                    "has_memory": self.fabric.has_memory,
                }
            )
        return linked


def _lenient(assignment: Assignment) -> FoldingOptions:
    """The options, or none where they are faulty: the layer itself tells the fault when it is placed here."""
    try:
        return read_options(assignment.options, "")
    except PlatformError:
        return FoldingOptions()


def _matrix(unit: Unit | None) -> Matrix:
    if unit is None:
        raise ValueError("only layers with multiply-accumulates are folded")
    return Matrix(unit.rows, unit.columns, unit.vectors, unit.depthwise)
