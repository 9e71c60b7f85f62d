"""A small matrix unit behind a host link, with a cache for weights on chip: the Edge TPU.

Sources: Coral documentation, "Edge TPU performance benchmarks" (4 TOPS; times of eleven models) and "Parameter data
caching" (https://coral.ai/docs/edgetpu/compiler/#parameter-data-caching): the compiler puts weights into some 8 MB on
chip, in the order of the layers; what is left over comes from the host for every frame. Array and clock were never
published: 64 x 64 at 480 MHz is commonly inferred, and gives the 4 TOPS.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from simulator.elements.base import Assignment, Element, ElementConfig, Floats, Stage
from simulator.elements.batches import summed
from simulator.elements.dense_work import batch_energy, distinct, each, one_by_one, refuse_wired
from simulator.elements.options import check_options, flag_option, number_option
from simulator.elements.pieces import whole_cycles, windows_of
from simulator.elements.systolic_folds import product_of
from simulator.units import Bytes, Duration, OpRate, Share
from workloads.tokens import LayerWork
from workloads.windows import layer_window

_OPTIONS = ("cached", "enters", "leaves")


class EdgeTpuConfig(ElementConfig):
    """The matrix unit, its cache and its host; the element's ``memory`` is that of the host, at the link's speed."""

    macs: int = Field(4096, ge=1, description="Multiply-accumulates a cycle")
    efficiency: Share = Field(1.0, description="Share of the peak that layers reach")
    cache: Bytes = Field(8_000_000, description="Weights that stay on chip; what is left over is streamed")
    invoke: Duration = Field(Fraction(0), description="Host time of each inference: driver, copies, interrupt")
    op_rate: OpRate = Field(Fraction(512), description="Other operations a cycle")


class EdgeTpu(Element):
    """One layer at a time, streaming what the cache does not hold while it computes. Only the network's own inputs and
    outputs cross the link; tensors between layers stay on chip.
    """

    Config = EdgeTpuConfig
    config: EdgeTpuConfig
    granularities: ClassVar[tuple[str, ...]] = ("frame",)
    native_precision = "int8"

    def arrange(self, works: Sequence[LayerWork], assignments: Sequence[Assignment]) -> Sequence[Mapping[str, Any]]:
        """Options ``cached`` (bytes of weights on chip, first come first served), ``enters`` and ``leaves`` (whether
        the inputs come from, and the output goes to, another element).
        """
        here = {work.group.name for work in works}
        read = {name for work in works for name in work.group.inputs}
        left = self.config.cache
        options: list[dict[str, Any]] = []
        for work in works:
            cached = min(left, work.layer.weight_bytes)
            left -= cached
            enters = any(name not in here for name in work.group.inputs)
            options.append({"cached": cached, "enters": enters, "leaves": work.group.name not in read})
        return options

    def stages(self, work: LayerWork, assignment: Assignment) -> Sequence[Stage]:
        """One stage; a batch streams weights once."""
        refuse_wired(self.name, "matrix unit", work.layer)
        options, batch, config = assignment.options, assignment.batch, self.config
        check_options(self.name, work.layer, options, _OPTIONS)
        enters, leaves = (flag_option(self.name, work.layer, options, name) for name in ("enters", "leaves"))
        cached = number_option(self.name, work.layer, options, "cached", 0)
        geometry = layer_window(work.layer, assignment.granularity)
        cycles = summed(work.total_ops / float(config.op_rate) * work.executed, batch)
        if work.layer.is_compute:
            dense, which = distinct(work, 1, lambda ins, outs: product_of(work.layer, ins, outs).macs)
            cycles = cycles + one_by_one(each(dense, which, float), work, batch)[:, 0] / (
                config.macs * config.efficiency
            )
        if enters:
            cycles = cycles + float(config.invoke * self.clock_hz)
        streamed = max(0, work.layer.weight_bytes - int(cached))
        return [
            Stage(
                name="",
                pieces=geometry.pieces,
                cycles=whole_cycles(cycles)[:, None],
                windows=windows_of(geometry),
                written=geometry.written,
                read_bytes=_moved(work.input_bytes, batch) if enters else None,
                write_bytes=_moved(work.output_bytes, batch) if leaves else None,
                weight_bytes=np.full((1, 1), float(streamed)) if streamed else None,
                energy_pj=batch_energy(config, work, batch),
                detail={"cached_bytes": cached, "streamed_bytes": float(streamed)},
            )
        ]


def _moved(amounts: Floats, batch: int) -> Floats:
    return summed(amounts, batch)[:, None]
