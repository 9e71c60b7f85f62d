"""A systolic array in closed form: output, weight or input stationary, with full fill and drain in every fold.

Sources: A. Samajdar et al., "SCALE-Sim: Systolic CNN Accelerator Simulator", arXiv 1811.02883, section 3, and "A
systematic methodology for characterizing scalability of DNN accelerators using SCALE-Sim", ISPASS 2020, equations 1 to
6; the SRAM counts follow SCALE-Sim v3.0.0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from simulator.elements.base import Assignment, Element, ElementConfig, Stage, dynamic_energy
from simulator.elements.pieces import split_amounts, split_cycles, whole_cycles, windows_of
from simulator.units import Bytes, OpRate
from workloads.layers import Layer
from workloads.tokens import LayerWork
from workloads.windows import layer_window

Dataflow = Literal["os", "ws", "is"]


class SystolicConfig(ElementConfig):
    """Geometry and dataflow of the array."""

    rows: int = Field(ge=1, description="Rows of multiply-accumulate cells")
    columns: int = Field(ge=1, description="Columns of multiply-accumulate cells")
    dataflow: Dataflow = Field("ws", description="What stays in the cells: 'os' outputs, 'ws' weights, 'is' inputs")
    input_sram: Bytes | None = Field(None, description="Buffer for input activations; unlimited unless given")
    weight_sram: Bytes | None = Field(None, description="Buffer for weights; unlimited unless given")
    output_sram: Bytes | None = Field(None, description="Buffer for outputs; unlimited unless given")
    op_rate: OpRate = Field(Fraction(32), description="Other operations a cycle, in the vector unit behind the array")


@dataclass(frozen=True, slots=True)
class Folds:
    """How a matrix product P x K x N lies on the array: ``row_folds * column_folds`` folds of ``fold_cycles``, one
    product a group.
    """

    pixels: int
    window: int
    filters: int
    groups: int
    row_folds: int
    column_folds: int
    fold_cycles: int
    input_reads: int
    weight_reads: int
    output_writes: int

    @property
    def cycles(self) -> int:
        """Cycles of the layer: SCALE-Sim prints one less, the index of its last cycle."""
        return self.groups * self.row_folds * self.column_folds * self.fold_cycles


def matrix_of(layer: Layer) -> tuple[int, int, int, int]:
    """Output pixels P, window K, filters N and groups of a layer written as a matrix product."""
    if layer.kind in ("conv", "conv_transpose") and layer.kernel is not None:
        pixels = layer.output_elements // layer.out_channels
        window = layer.kernel[0] * layer.kernel[1] * layer.in_shape[0] // layer.groups
        return pixels, window, layer.out_channels // layer.groups, layer.groups
    filters = layer.out_channels
    pixels = max(1, layer.output_elements // filters)
    return pixels, max(1, layer.macs // (pixels * filters)), filters, 1


def fold_layer(layer: Layer, rows: int, columns: int, dataflow: Dataflow) -> Folds:
    """The folds, cycles and SRAM accesses of a layer on ``rows`` x ``columns`` cells; a grouped convolution runs group
    by group.
    """
    pixels, window, filters, groups = matrix_of(layer)
    if dataflow == "os":
        high, wide, length, fill = pixels, filters, window, rows + columns - 2
    elif dataflow == "ws":
        high, wide, length, fill = window, filters, pixels, 2 * rows + columns - 2
    else:
        high, wide, length, fill = window, pixels, filters, 2 * rows + columns - 2
    row_folds, column_folds = -(-high // rows), -(-wide // columns)
    reads_again = {
        "os": (column_folds, row_folds, 1),
        "ws": (column_folds, 1, row_folds),
        "is": (1, column_folds, row_folds),
    }
    inputs, weights, outputs = reads_again[dataflow]
    return Folds(
        pixels=pixels,
        window=window,
        filters=filters,
        groups=groups,
        row_folds=row_folds,
        column_folds=column_folds,
        fold_cycles=length + fill,
        input_reads=groups * inputs * pixels * window,
        weight_reads=groups * weights * window * filters,
        output_writes=groups * outputs * pixels * filters,
    )


class Systolic(Element):
    """One layer at a time on the whole array; what is not a matrix product goes through the vector unit."""

    Config = SystolicConfig
    config: SystolicConfig
    granularities: ClassVar[tuple[str, ...]] = ("frame",)

    @property
    def default_precision(self) -> str | None:
        return self.config.precision or "int8"

    def stages(self, work: LayerWork, assignment: Assignment) -> Sequence[Stage]:
        """One stage of whole folds; zeros inside a fold save nothing."""
        config, layer = self.config, work.layer
        detail: dict[str, float | str] = {}
        if layer.is_compute:
            folds = fold_layer(layer, config.rows, config.columns, config.dataflow)
            cycles = np.where(work.executed, folds.cycles, 0).astype(np.int64)
            capacity = config.rows * config.columns * folds.cycles
            detail = {
                "row_folds": folds.row_folds,
                "column_folds": folds.column_folds,
                "utilisation": folds.groups * folds.pixels * folds.window * folds.filters / capacity,
                "sram_input_reads": folds.input_reads,
                "sram_weight_reads": folds.weight_reads,
                "sram_output_writes": folds.output_writes,
            }
        else:
            cycles = whole_cycles(work.total_ops / float(config.op_rate) * work.executed)
        geometry = layer_window(layer, assignment.granularity)
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
                detail=detail,
            )
        ]
