"""A core that works through operations one kind after another: a microcontroller, or one core of a larger chip.

Every operation has a price in cycles by its kind, so that a sigmoid, a division and a multiply-accumulate cost what
they cost. There is no roofline: code and data of such tasks live in caches or tightly coupled memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, ClassVar

from pydantic import Field, field_validator

from simulator.elements.base import Assignment, Element, ElementConfig, Stage
from simulator.elements.one_stage import one_stage
from simulator.errors import PlatformError, did_you_mean
from simulator.units import Cycles, Duration
from workloads.tokens import LayerWork

#: Kinds of operations that layers count (see :mod:`workloads.inference`), and the multiply-accumulate.
KINDS = ("mac", "add", "compare", "copy", "div", "erf", "exp", "log", "max", "min", "mul", "pow", "sigmoid", "tanh")


class ScalarConfig(ElementConfig):
    """Prices are those of one lane; a vector instruction does ``lanes`` operations of a kind at that price."""

    cycles: Mapping[str, Cycles] = Field(description="Cycles of an operation by kind; 'mac' is needed")
    other: Cycles = Field(1, description="Cycles of an operation whose kind is not listed")
    lanes: int = Field(1, ge=1, description="Operations of one kind that a vector instruction does at once")
    overhead: Duration = Field(Fraction(0), description="Interrupt, call and return of a layer, once a frame")

    @field_validator("cycles")
    @classmethod
    def _are_known_kinds(cls, value: Mapping[str, int]) -> Mapping[str, int]:
        for kind in value:
            if kind not in KINDS:
                raise ValueError(f"no kind of operation '{kind}'{did_you_mean(kind, KINDS)}")
        if "mac" not in value:
            raise ValueError("has no price of a multiply-accumulate; write e.g. '{mac: 2 cycle}'")
        return value


class Scalar(Element):
    """Each layer is one task, and tasks take turns."""

    Config = ScalarConfig
    config: ScalarConfig
    granularities: ClassVar[tuple[str, ...]] = ("frame", "row")

    def stages(self, work: LayerWork, assignment: Assignment) -> Sequence[Stage]:
        """One stage: the overhead, then every operation at its price."""
        config = self.config
        if assignment.options:
            raise PlatformError(f"element '{self.name}' takes no options; found {_names(assignment.options)}")
        busy = work.macs * config.cycles["mac"]
        for kind, count in work.ops.items():
            busy = busy + count * config.cycles.get(kind, config.other)
        overhead = float(config.overhead * self.clock_hz)
        return [one_stage(config, work, assignment, busy / config.lanes + overhead)]


def _names(options: Mapping[str, Any]) -> str:
    return ", ".join(f"'{name}'" for name in sorted(options))
