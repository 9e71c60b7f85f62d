"""What runs where: rules as a user writes them, and the complete assignment they lead to."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from simulator.elements.base import Assignment
from workloads.network import LayerGroup


@dataclass(frozen=True, slots=True)
class LayerRule:
    """Layers whose name matches ``match`` (shell pattern; ``kind:conv`` for all of a kind) run as said; None leaves the
    default.

    ``options`` are the element model's own (an FPGA's ``pe`` and ``simd``).
    """

    match: str
    element: str | None = None
    granularity: str | None = None
    cores: int | None = None
    precision: str | None = None
    batch: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def covers(self, group: LayerGroup) -> bool:
        """Whether the rule speaks of this group: by the name or kind of its main layer, or the name of a fused one."""
        kind, _, wanted = self.match.partition(":")
        if kind == "kind" and wanted:
            return fnmatch.fnmatchcase(group.main.kind, wanted)
        return any(fnmatch.fnmatchcase(layer.name, self.match) for layer in (group.main, *group.followers))


@dataclass(frozen=True, slots=True)
class FifoRule:
    """Channels whose producing and consuming layer match hold ``depth`` tokens (of the producer's granularity)."""

    producer: str
    consumer: str
    depth: int

    def covers(self, producer: str, consumer: str) -> bool:
        """Whether the rule speaks of the channel between these two layers."""
        return fnmatch.fnmatchcase(producer, self.producer) and fnmatch.fnmatchcase(consumer, self.consumer)


class Folding(Protocol):
    """Foldings of layers by their order in the network."""

    def rules(self, groups: Sequence[LayerGroup]) -> tuple[LayerRule, ...]:
        """A rule for each layer that is folded; raises ``MappingError`` where the network is another one."""


@dataclass(frozen=True, slots=True)
class MappingRules:
    """A mapping as written: later rules win over earlier ones, key by key; what no rule names is chosen automatically.

    ``input_frames`` is how many frames wait at the entrance of a lossy stream before one is dropped. ``policy`` says
    what an automatic choice is for: the 'latency' of a frame, or throughput, with the elements as a 'pipeline'.
    ``folding`` is a file that speaks of layers by their order, not by their name.
    """

    layers: Sequence[LayerRule] = ()
    fifos: Sequence[FifoRule] = ()
    element: str | None = None
    granularity: str | None = None
    precision: str | None = None
    batch: int | None = None
    input_frames: int = 2
    policy: str = "latency"
    text: str = ""
    folding: Folding | None = None

    def resolved(self, groups: Sequence[LayerGroup]) -> MappingRules:
        """The same rules with those that a folding by node order makes of these layers, which the others win over."""
        if self.folding is None:
            return self
        return replace(self, layers=(*self.folding.rules(groups), *self.layers), folding=None)

    def for_group(self, group: LayerGroup) -> LayerRule:
        """All that the rules say of one group, merged."""
        element, granularity, cores, precision = self.element, self.granularity, None, self.precision
        batch = self.batch
        options: dict[str, Any] = {}
        for rule in self.layers:
            if rule.covers(group):
                element = rule.element if rule.element is not None else element
                granularity = rule.granularity if rule.granularity is not None else granularity
                cores = rule.cores if rule.cores is not None else cores
                precision = rule.precision if rule.precision is not None else precision
                batch = rule.batch if rule.batch is not None else batch
                options |= rule.options
        return LayerRule(group.name, element, granularity, cores, precision, batch, options)

    def fifo_depth(self, producer: str, consumer: str, *, is_inner: bool = False) -> int | None:
        """The depth that the last matching rule gives the channel between two layers.

        ``is_inner``: between two stages of one layer, of which only rules speak that name a stage ('conv1.swg').
        """
        depths = [
            rule.depth
            for rule in self.fifos
            if rule.covers(producer, consumer) and (not is_inner or "." in rule.producer + rule.consumer)
        ]
        return depths[-1] if depths else None


@dataclass(frozen=True, slots=True)
class LayerMapping:
    """The complete assignment of a run: where each group runs, in the precision it is deployed in."""

    groups: Mapping[str, LayerGroup]
    assignments: Mapping[str, Assignment]
    rules: MappingRules

    def to_manifest(self) -> dict[str, object]:
        """Every assignment, for the manifest of a saved run."""
        return {
            name: {
                "element": a.element,
                "granularity": a.granularity,
                "cores": a.cores,
                "batch": a.batch,
                "weight_bits": self.groups[name].main.weight_bits,
                "input_bits": self.groups[name].main.input_bits,
                "options": dict(a.options),
            }
            for name, a in self.assignments.items()
        }
