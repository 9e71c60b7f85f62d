"""A spatial array of processing elements with a row-stationary dataflow: Eyeriss.

Source: Y.-H. Chen, T. Krishna, J. Emer, V. Sze, "Eyeriss: An Energy-Efficient Reconfigurable Accelerator for Deep
Convolutional Neural Networks", IEEE JSSC 52(1), 2017, sections III and V. A processing element holds one row of a
filter; a *set* is kernel rows x output rows; sets wider than the array are cut into strips; sets that fit several times
work on other channels or filters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

from pydantic import Field

from simulator.elements.base import Assignment, Element, ElementConfig, EnergyConfig, Floats, Stage
from simulator.elements.batches import largest, summed
from simulator.elements.dense_work import batch_energy, distinct, each, one_by_one, refuse_wired, vector_stage
from simulator.elements.pieces import whole_cycles, windows_of
from simulator.elements.systolic_folds import Product, product_of
from simulator.units import Bytes, ClockedBandwidth, EnergyPerBit, OpRate
from workloads.layers import Layer
from workloads.tokens import LayerWork
from workloads.windows import layer_window

_FILTERS_AT_A_TIME = 16  # rows of different filters in one processing element; recalled from JSSC table III, not read
# An assumption: the partial sums of so many filters stay in the buffer while inputs are taken a few channels at a time,
# so that fewer channels fit beside them on large maps. The chip's own mapper is not published.
_RESIDENT_FILTERS = 128


class SpatialEnergy(EnergyConfig):
    """Energy by cause, the global buffer included."""

    buffer: EnergyPerBit | None = Field(None, description="Energy of a bit read from or written to the global buffer")


class SpatialConfig(ElementConfig):
    """Geometry of the array, its scratchpads and its global buffer."""

    rows: int = Field(ge=1, description="Rows of processing elements")
    columns: int = Field(ge=1, description="Columns of processing elements")
    pe_factor: float = Field(1.0, ge=1.0, description="Cycles a MAC in an active element: filling, draining, set-up")
    input_words: int = Field(12, ge=1, description="Words of an element's scratchpad for inputs")
    filter_words: int = Field(224, ge=1, description="Words of an element's scratchpad for filters")
    buffer: Bytes = Field(100_000, description="Global buffer for inputs and partial sums")
    buffer_bandwidth: ClockedBandwidth | None = Field(None, description="Global buffer; unbounded unless given")
    zero_gating: bool = Field(False, description="A multiplication by a zero input costs no energy (but its cycle)")
    op_rate: OpRate = Field(Fraction(16), description="Other operations a cycle")
    energy: SpatialEnergy | None = Field(None, description="Energy by cause; not modelled where absent")


@dataclass(frozen=True, slots=True)
class SpatialMapping:
    """How a layer lies on the array. ``strips`` cut the output rows, ``rounds`` of them follow each other, ``sets``
    work side by side, ``channels`` and ``filters`` are taken together by one pass. ``active`` elements compute, in the
    mean.
    """

    strips: int
    rounds: int
    sets: int
    channels: int
    filters: int
    active: float


def map_rows(layer: Layer, product: Product, config: SpatialConfig) -> SpatialMapping:
    """The row-stationary mapping of one group of a layer."""
    high, wide = layer.kernel or (1, 1)
    rows_out = layer.out_shape[1] if len(layer.out_shape) == 3 else 1
    width_out = max(1, product.pixels // rows_out)
    folded = -(-high // config.rows)
    tall = -(-high // folded)
    strips = -(-rows_out // config.columns)
    above = config.rows // tall
    beside = config.columns // -(-rows_out // strips) if strips == 1 else 1
    rounds = -(-strips // above) * folded
    sets = 1 if strips >= above else (above // strips) * beside
    most_inputs = max(1, min(config.input_words // wide, config.filter_words // (_FILTERS_AT_A_TIME * wide)))
    sums = _RESIDENT_FILTERS * min(config.columns, rows_out) * width_out * 2
    together = max(1, min(most_inputs, round(most_inputs * config.buffer / sums)))
    stacked = 2 if sets >= 4 and product.window // (high * wide) > together else 1
    useful = min(sets, stacked * -(-product.filters // _FILTERS_AT_A_TIME)) if product.filters else sets
    return SpatialMapping(
        strips=strips,
        rounds=rounds,
        sets=useful,
        channels=together * stacked,
        filters=_FILTERS_AT_A_TIME * max(1, useful // stacked),
        active=useful * high * rows_out / rounds,
    )


@dataclass(frozen=True, slots=True)
class _Cost:
    mapping: SpatialMapping
    cycles: float
    buffer_bytes: float
    bound: str


class Spatial(Element):
    """One layer at a time. Time is the longer of the elements' and the global buffer's; zeros save energy only."""

    Config = SpatialConfig
    config: SpatialConfig
    granularities: ClassVar[tuple[str, ...]] = ("frame",)
    native_precision = "int16"

    def stages(self, work: LayerWork, assignment: Assignment) -> Sequence[Stage]:
        """One stage a layer, frame after frame."""
        refuse_wired(self.name, "spatial array", work.layer)
        if not work.layer.is_compute:
            return [vector_stage(self.config, work, assignment, float(self.config.op_rate))]
        batch = assignment.batch
        geometry = layer_window(work.layer, assignment.granularity)
        costs, which = distinct(work, 1, lambda ins, outs: self._cost(work.layer, ins, outs))
        first = costs[0]
        return [
            Stage(
                name="",
                pieces=geometry.pieces,
                cycles=whole_cycles(one_by_one(each(costs, which, lambda cost: cost.cycles), work, batch)),
                windows=windows_of(geometry),
                written=geometry.written,
                read_bytes=summed(work.input_bytes, batch)[:, None],
                write_bytes=summed(work.output_bytes, batch)[:, None],
                weight_bytes=largest(work.weight_bytes * work.executed, batch)[:, None],
                energy_pj=self._energy(work, batch, each(costs, which, lambda cost: cost.buffer_bytes)),
                detail={
                    "active_pes": first.mapping.active,
                    "utilisation": first.mapping.active / (self.config.rows * self.config.columns),
                    "global_buffer_bytes": first.buffer_bytes,
                    "bound": first.bound,
                },
            )
        ]

    def _cost(self, layer: Layer, ins: int, outs: int) -> _Cost:
        config = self.config
        product = product_of(layer, ins, outs)
        mapping = map_rows(layer, product, config)
        computing = product.macs / mapping.active * config.pe_factor
        moved = buffer_bytes(layer, product, mapping)
        waiting = 0.0
        if config.buffer_bandwidth is not None:
            waiting = moved / float(config.buffer_bandwidth.at(self.clock_hz) / self.clock_hz)
        return _Cost(mapping, max(computing, waiting), moved, "buffer" if waiting > computing else "elements")

    def _energy(self, work: LayerWork, batch: int, moved: Floats) -> dict[str, Floats]:
        energy = batch_energy(self.config, work, batch)
        if self.config.zero_gating and "mac" in energy and self.config.energy is not None:
            gated = work.macs * work.input_density * (self.config.energy.mac or 0.0)
            energy["mac"] = summed(gated, batch)[:, None]
        if self.config.energy is not None and self.config.energy.buffer is not None:
            energy["buffer"] = one_by_one(moved * 8 * self.config.energy.buffer, work, batch)
        return energy


def buffer_bytes(layer: Layer, product: Product, mapping: SpatialMapping) -> float:
    """Bytes read from and written to the global buffer for a frame.

    Partial sums are read and written for each pass over ``channels`` input channels; the inputs, with the rows at which
    strips overlap, are read for each pass over ``filters``. Filters go to the elements without passing it. There
    are small whole numbers of strips, channels and filters for which this gives the published accesses of AlexNet's
    layers to 0.2 MB (JSSC table V); the mapping that :func:`map_rows` finds is within 25 %.
    """
    high, wide = layer.kernel or (1, 1)
    channels = max(1, product.window // (high * wide))
    sums = 2 * product.pixels * product.filters * -(-channels // mapping.channels)
    rows_out = layer.out_shape[1] if len(layer.out_shape) == 3 else 1
    width = (max(1, product.pixels // rows_out) - 1) * layer.stride[1] + wide
    rows = (rows_out - mapping.strips) * layer.stride[0] + mapping.strips * high
    inputs = rows * width * channels * -(-product.filters // mapping.filters)
    return product.groups * (sums + inputs) * layer.input_bits / 8
