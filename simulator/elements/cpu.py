"""A multicore CPU as a roofline: arithmetic of its cores by precision against the bandwidth of its memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import ClassVar

import numpy as np
from pydantic import Field

from simulator.elements.base import Assignment, Element, ElementConfig, Stage, dynamic_energy
from simulator.elements.pieces import split_amounts, split_cycles, whole_cycles, windows_of
from simulator.elements.precision import fastest, rate_for
from simulator.units import Duration, OpRate, Rate, Share
from workloads.tokens import LayerWork
from workloads.windows import layer_window


class CpuConfig(ElementConfig):
    """Peak rates are those of one core; ``efficiency`` is the share of peak that real kernels reach."""

    cores: int = Field(1, ge=1, description="Cores; a layer takes all of them unless the mapping says otherwise")
    rate: Mapping[str, Rate] = Field(description="Multiply-accumulates a cycle and core, by precision")
    op_rate: OpRate = Field(Fraction(4), description="Other operations a cycle and core")
    efficiency: Share = Field(1.0, description="Share of the peak rate that a layer's kernel reaches")
    overhead: Duration = Field(Fraction(0), description="Time a layer takes before it starts to compute")


class Cpu(Element):
    """Each layer is one task on all cores (data parallelism) or on some of them, beside others (task parallelism)."""

    Config = CpuConfig
    config: CpuConfig
    granularities: ClassVar[tuple[str, ...]] = ("frame", "row")

    @property
    def slots(self) -> int:
        return self.config.cores

    @property
    def default_precision(self) -> str | None:
        return self.config.precision or fastest(self.config.rate)

    def stages(self, work: LayerWork, assignment: Assignment) -> Sequence[Stage]:
        """One stage: overhead, then compute overlapped with the traffic of weights and activations."""
        config, layer = self.config, work.layer
        cores = min(assignment.cores or config.cores, config.cores)
        precision, rate = rate_for(config.rate, layer, self.name)
        busy = work.macs / (float(rate) * cores * config.efficiency) + work.total_ops / (float(config.op_rate) * cores)
        # A layer that a library runs as a graph of small kernels, one after the other, pays for each of them.
        overhead = work.extra.get("kernels", np.ones(1)) * float(config.overhead * self.clock_hz)
        geometry = layer_window(layer, assignment.granularity)
        cycles = whole_cycles((busy + overhead) * work.executed)
        return [
            Stage(
                name="",
                pieces=geometry.pieces,
                cycles=split_cycles(cycles, work, geometry.pieces),
                windows=windows_of(geometry),
                written=geometry.written,
                read_bytes=split_amounts(np.asarray(work.input_bytes, dtype=np.float64), work, geometry.pieces),
                write_bytes=split_amounts(np.asarray(work.output_bytes, dtype=np.float64), work, geometry.pieces),
                weight_bytes=split_amounts(work.weight_bytes * work.executed, work, geometry.pieces),
                slots=cores,
                energy_pj={
                    cause: split_amounts(amount, work, geometry.pieces)
                    for cause, amount in dynamic_energy(config, work).items()
                },
                detail={"precision": precision},
            )
        ]
