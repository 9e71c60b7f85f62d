"""A systolic array: output, weight or input stationary, with double-buffered SRAMs in front of a DRAM.

Cycles and SRAM accesses are SCALE-Sim's closed forms (:mod:`simulator.elements.systolic_folds`); DRAM traffic follows
from the sizes of the buffers and from how they are refilled (:mod:`simulator.elements.systolic_traffic`) and is a flow
on the memory, which overlaps with the folds as double buffers do.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import ClassVar

from pydantic import Field, ValidationInfo, field_validator

from simulator.elements.base import Assignment, Element, ElementConfig, EnergyConfig, Floats, Ints, Stage
from simulator.elements.dense_work import batch_energy, distinct_sizes, each, refuse_wired, repeats, vector_stage
from simulator.elements.pieces import whole_cycles, windows_of
from simulator.elements.systolic_folds import Dataflow, Folds, fold_layer, fold_product, product_of
from simulator.elements.systolic_traffic import (
    PARTIAL_SUM_BYTES,
    Buffers,
    Refill,
    Traffic,
    dram_traffic,
    ring_cycles,
    ring_refills,
    stalled_cycles,
    tiled,
)
from simulator.units import Bytes, ClockedBandwidth, EnergyPerBit, OpRate
from workloads.tokens import LayerWork
from workloads.windows import layer_window

__all__ = ["Folds", "Systolic", "SystolicConfig", "fold_layer"]


class SystolicEnergy(EnergyConfig):
    """Energy by cause, the buffers beside the array included."""

    sram: EnergyPerBit | None = Field(None, description="Energy of a bit read from or written to a buffer")


class SystolicConfig(ElementConfig):
    """Geometry and dataflow of the array."""

    rows: int = Field(ge=1, description="Rows of multiply-accumulate cells")
    columns: int = Field(ge=1, description="Columns of multiply-accumulate cells")
    dataflow: Dataflow = Field("ws", description="What stays in the cells: 'os' outputs, 'ws' weights, 'is' inputs")
    input_sram: Bytes | None = Field(None, description="Buffer for input activations; unlimited unless given")
    weight_sram: Bytes | None = Field(None, description="Buffer for weights; unlimited unless given")
    output_sram: Bytes | None = Field(None, description="Buffer for outputs; unlimited unless given")
    accumulate: bool = Field(
        True,
        description="Partial sums are added up in the output buffer, in tiles that fit; else they go to DRAM",
    )
    refill: Refill = Field(
        "demand",
        description=(
            "How operand buffers are filled: 'demand' with what the folds ask for next, each word once; 'ring' half by"
            " half round the stored operand, as SCALE-Sim does, with 'accumulate: false'"
        ),
    )
    port: ClockedBandwidth | None = Field(
        None,
        description="Bandwidth of each buffer's own port to the DRAM, which results cross at the width of inputs;"
        " the memory alone bounds it unless given",
    )
    op_rate: OpRate = Field(Fraction(32), description="Other operations a cycle, in the vector unit behind the array")
    energy: SystolicEnergy | None = Field(None, description="Energy by cause; not modelled where absent")

    @field_validator("refill")
    @classmethod
    def _adds_up_nothing(cls, value: Refill, info: ValidationInfo) -> Refill:
        if value == "ring" and info.data.get("dataflow") != "os" and info.data.get("accumulate", False):
            raise ValueError("needs 'accumulate: false': a fixed order of fetches has no tiles of partial sums")
        return value

    @property
    def buffers(self) -> Buffers:
        """The buffers beside the array."""
        return Buffers(self.input_sram, self.weight_sram, self.output_sram, self.accumulate)


@dataclasses.dataclass(frozen=True, slots=True)
class _Cost:
    """One layer with a given number of live channels."""

    folds: Folds
    traffic: Traffic
    cycles: int


class Systolic(Element):
    """One layer at a time on the whole array; what is not a matrix product goes through the vector unit.

    Zeros inside a fold save nothing; pruned channels save the folds that they leave empty. Depthwise layers run channel
    by channel, as a product with a single filter fills a single column.
    """

    Config = SystolicConfig
    config: SystolicConfig
    granularities: ClassVar[tuple[str, ...]] = ("frame",)
    native_precision = "int8"

    def stages(self, work: LayerWork, assignment: Assignment) -> Sequence[Stage]:
        """One stage of whole folds. Raises ``PlatformError`` for a cell with a wiring."""
        refuse_wired(self.name, "systolic array", work.layer)
        if not work.layer.is_compute:
            return [vector_stage(self.config, work, assignment, float(self.config.op_rate))]
        geometry = layer_window(work.layer, assignment.granularity)
        costs, which = distinct_sizes(work, assignment.batch, functools.partial(self._cost, work))
        times, moved = repeats(work, assignment.batch), self._bytes(work, costs, which)
        energy = {**batch_energy(self.config, work, assignment.batch), **self._sram_energy(work, costs, which, times)}
        return [
            Stage(
                name="",
                pieces=geometry.pieces,
                cycles=whole_cycles(each(costs, which, lambda cost: cost.cycles) * times)[:, None],
                windows=windows_of(geometry),
                written=geometry.written,
                energy_pj=energy,
                detail=self._detail(costs[0]),
                read_bytes=moved["read"],
                write_bytes=moved["write"],
                weight_bytes=moved["weight"],
            )
        ]

    def _cost(self, work: LayerWork, ins: int, outs: int, pixels: int) -> _Cost:
        config, layer = self.config, work.layer
        product = product_of(layer, ins, outs)
        if layer.kind != "recurrent":
            product = dataclasses.replace(product, pixels=pixels)
        folds = fold_product(product, config.rows, config.columns, config.dataflow)
        folds = tiled(folds, config.columns, config.dataflow, config.buffers)
        place = (config.rows, config.columns, config.dataflow, config.buffers)
        port = None if config.port is None else config.port.at(self.clock_hz) / self.clock_hz
        cycles, word, weight = folds.cycles, Fraction(layer.input_bits, 8), Fraction(layer.weight_bits, 8)
        if config.refill == "ring":
            wide = None if port is None else port / word
            refills = ring_refills(layer, folds, *place, beat=max(1, int(wide or 1)))
            traffic = dram_traffic(layer, folds, *place, refills)
            if wide is not None:
                cycles = ring_cycles(folds, *place, refills, wide, layer.input_bits, layer.weight_bits)
            return _Cost(folds, traffic, cycles)
        traffic = dram_traffic(layer, folds, *place)
        if port is not None:
            moved = (traffic.input_reads * word, traffic.weight_reads * weight, traffic.output_writes * word)
            cycles = stalled_cycles(cycles, moved, config.buffers, port)
        return _Cost(folds, traffic, cycles)

    def _bytes(self, work: LayerWork, costs: Sequence[_Cost], which: Ints) -> dict[str, Floats]:
        """DRAM bytes of each batch; weights as they are stored."""
        layer = work.layer
        stored = layer.weight_bytes / max(1, layer.weights)
        word = layer.input_bits / 8
        result = work.group.output_bytes / max(1, layer.output_elements)

        def written(cost: _Cost) -> float:
            partial = cost.traffic.partial_writes
            return (cost.traffic.output_writes - partial) * result + partial * PARTIAL_SUM_BYTES

        return {
            "read": each(costs, which, lambda cost: cost.traffic.input_reads * word)[:, None],
            "write": each(costs, which, written)[:, None],
            "weight": each(costs, which, lambda cost: cost.traffic.weight_reads * stored)[:, None],
        }

    def _sram_energy(self, work: LayerWork, costs: Sequence[_Cost], which: Ints, times: Floats) -> Mapping[str, Floats]:
        energy = self.config.energy
        if energy is None or energy.sram is None:
            return {}
        layer = work.layer
        bits = each(
            costs,
            which,
            lambda cost: (
                cost.folds.input_reads * layer.input_bits
                + cost.folds.weight_reads * layer.weight_bits
                + cost.folds.output_writes * 8 * PARTIAL_SUM_BYTES
            ),
        )
        return {"sram": (bits * times * energy.sram)[:, None]}

    def _detail(self, cost: _Cost) -> dict[str, float | str]:
        folds, traffic = cost.folds, cost.traffic
        capacity = self.config.rows * self.config.columns * cost.cycles
        return {
            "row_folds": folds.row_folds,
            "column_folds": folds.column_folds,
            "utilisation": folds.macs / max(1, capacity),
            "stall_cycles": cost.cycles - folds.cycles,
            "sram_input_reads": folds.input_reads,
            "sram_weight_reads": folds.weight_reads,
            "sram_output_writes": folds.output_writes,
            "dram_input_reads": traffic.input_reads,
            "dram_weight_reads": traffic.weight_reads,
            "dram_output_writes": traffic.output_writes,
        }
