"""A GPU as a roofline with a launch cost: a kernel a layer, on one of its queues."""

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


class GpuConfig(ElementConfig):
    """Rates are those of the whole device."""

    rate: Mapping[str, Rate] = Field(description="Multiply-accumulates a cycle of the whole device, by precision")
    op_rate: OpRate = Field(Fraction(256), description="Other operations a cycle of the whole device")
    efficiency: Share = Field(1.0, description="Share of the peak rate that a layer's kernel reaches")
    launch: Duration = Field(Fraction(0), description="Time from the launch of a kernel to its first instruction")
    barrier: Duration = Field(Fraction(0), description="Between dependent steps inside one kernel, e.g. of a solver")
    queues: int = Field(1, ge=1, description="Kernels that may be in flight at the same time")


class Gpu(Element):
    """Each layer is one kernel that fills the device."""

    Config = GpuConfig
    config: GpuConfig
    granularities: ClassVar[tuple[str, ...]] = ("frame",)

    @property
    def slots(self) -> int:
        return self.config.queues

    @property
    def default_precision(self) -> str | None:
        return self.config.precision or fastest(self.config.rate)

    def stages(self, work: LayerWork, assignment: Assignment) -> Sequence[Stage]:
        """One stage: the launch, then compute overlapped with the traffic of weights and activations."""
        config = self.config
        precision, rate = rate_for(config.rate, work.layer, self.name)
        busy = work.macs / (float(rate) * config.efficiency) + work.total_ops / float(config.op_rate)
        geometry = layer_window(work.layer, assignment.granularity)
        # A layer that a library runs as a graph of small kernels, one after the other, is launched that many times.
        launches = work.extra.get("kernels", np.ones(1))
        barriers = np.maximum(work.extra.get("sequential_steps", launches) - launches, 0)
        waits = launches * float(config.launch * self.clock_hz) + barriers * float(config.barrier * self.clock_hz)
        cycles = whole_cycles((busy + waits) * work.executed)
        return [
            Stage(
                name="",
                pieces=geometry.pieces,
                cycles=split_cycles(cycles, work, geometry.pieces),
                windows=windows_of(geometry),
                written=geometry.written,
                read_bytes=np.asarray(work.input_bytes, dtype=np.float64)[:, None],
                write_bytes=np.asarray(work.output_bytes, dtype=np.float64)[:, None],
                weight_bytes=(work.weight_bytes * work.executed)[:, None],
                energy_pj={
                    cause: split_amounts(amount, work, geometry.pieces)
                    for cause, amount in dynamic_energy(config, work).items()
                },
                detail={"precision": precision},
            )
        ]
