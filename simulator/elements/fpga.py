"""Streaming stages on an FPGA: each layer has hardware of its own, folded by PE and SIMD, joined by FIFOs in the
fabric.

Source: M. Blott et al., "FINN-R: An End-to-End Deep-Learning Framework for Fast Exploration of Quantized Neural
Networks",
ACM TRETS 11(3), 2018.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from simulator.elements.base import Assignment, Element, ElementConfig, Stage, dynamic_energy
from simulator.elements.folding import balance, matrix
from simulator.elements.pieces import split_amounts, split_cycles, whole_cycles, windows_of
from simulator.errors import PlatformError
from workloads.tokens import LayerWork
from workloads.windows import layer_window


class FpgaConfig(ElementConfig):
    """What the fabric offers."""

    multipliers: int = Field(
        256, ge=1, description="Multiply-accumulates a cycle that an automatic folding may spend over all layers"
    )


class Fpga(Element):
    """A stage a layer; the slowest stage sets the pace of the pipeline."""

    Config = FpgaConfig
    config: FpgaConfig
    streaming = True
    granularities: ClassVar[tuple[str, ...]] = ("frame", "row", "pixel")

    @property
    def default_granularity(self) -> str:
        return "row"

    @property
    def default_precision(self) -> str | None:
        return self.config.precision or "int8"

    def arrange(self, works: Sequence[LayerWork], assignments: Sequence[Assignment]) -> Sequence[Mapping[str, Any]]:
        """Folds the layers that the mapping does not fold so that the pipeline is balanced within ``multipliers``."""
        given = [assignment.options for assignment in assignments]
        free = [i for i, options in enumerate(given) if "pe" not in options and "simd" not in options]
        spent = sum(int(o.get("pe", 1)) * int(o.get("simd", 1)) for i, o in enumerate(given) if i not in free)
        folds = balance([matrix(works[i].layer) for i in free], max(len(free), self.config.multipliers - spent))
        options: list[dict[str, Any]] = [{} for _ in works]
        for i, (pe, simd) in zip(free, folds, strict=True):
            options[i] = {"pe": pe, "simd": simd}
        return options

    def stages(self, work: LayerWork, assignment: Assignment) -> Sequence[Stage]:
        """One stage of its own; weights stay on chip."""
        layer, shape = work.layer, matrix(work.layer)
        pe, simd = int(assignment.options.get("pe", 1)), int(assignment.options.get("simd", 1))
        for name, value, whole in (("pe", pe, shape.rows), ("simd", simd, shape.columns)):
            if value < 1 or whole % value:
                raise PlatformError(
                    f"layer '{layer.name}' on '{self.name}': {name} is {value}, which does not divide {whole};"
                    f" write one of {', '.join(str(d) for d in range(1, whole + 1) if whole % d == 0)}"
                )
        fraction = np.where(work.executed, work.fraction, 0.0)
        cycles = whole_cycles(shape.cycles(pe, simd) * fraction)
        geometry = layer_window(layer, assignment.granularity)
        return [
            Stage(
                name="",
                pieces=geometry.pieces,
                cycles=split_cycles(cycles, work, geometry.pieces),
                windows=windows_of(geometry),
                written=geometry.written,
                resource=layer.name,
                energy_pj={
                    cause: split_amounts(amount, work, geometry.pieces)
                    for cause, amount in dynamic_energy(self.config, work).items()
                },
                detail={"pe": pe, "simd": simd},
            )
        ]
