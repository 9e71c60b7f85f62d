"""A large weight-stationary matrix unit that is fed weights through a FIFO from a memory of its own: TPU v1.

Source: N. Jouppi et al., "In-Datacenter Performance Analysis of a Tensor Processing Unit", ISCA 2017 (arXiv
1704.04760), sections 2, 4 and 7. A tile of rows x columns weights is used for all rows of the batch while the next is
shifted in; tiles come from the weight memory, activations stay in the unified buffer on chip.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import ClassVar

from pydantic import Field

from simulator.elements.base import Assignment, Element, ElementConfig, Stage
from simulator.elements.dense_work import batch_energy, distinct, each, refuse_wired, repeats, vector_stage
from simulator.elements.pieces import whole_cycles, windows_of
from simulator.elements.systolic_folds import product_of
from simulator.errors import PlatformError
from simulator.units import Bytes, OpRate
from workloads.layers import Layer
from workloads.tokens import LayerWork
from workloads.windows import layer_window


class TpuConfig(ElementConfig):
    """The matrix unit and the memories beside it; the element's ``memory`` is the one that holds the weights."""

    rows: int = Field(256, ge=1, description="Rows of cells: inputs of a tile")
    columns: int = Field(256, ge=1, description="Columns of cells: outputs of a tile")
    accumulators: int = Field(4096, ge=2, description="Rows of partial sums; half of them are filled at a time")
    unified_buffer: Bytes | None = Field(None, description="Activations on chip; unlimited unless given")
    op_rate: OpRate = Field(Fraction(256), description="Other operations a cycle, in the activation unit")


@dataclass(frozen=True, slots=True)
class _Cost:
    """One layer for one batch: ``tiles`` are used ``chunks`` times, each for some rows of activations."""

    tiles: int
    chunks: int
    cycles: int
    weight_words: int
    macs: int


class Tpu(Element):
    """One layer at a time. A tile takes as many cycles as rows of activations, at least the time to shift in the next;
    a layer takes the longer of its tiles and of fetching their weights.
    """

    Config = TpuConfig
    config: TpuConfig
    granularities: ClassVar[tuple[str, ...]] = ("frame",)
    native_precision = "int8"

    def stages(self, work: LayerWork, assignment: Assignment) -> Sequence[Stage]:
        """One stage; activations cause no traffic, as they stay on chip."""
        refuse_wired(self.name, "matrix unit", work.layer)
        batch = assignment.batch
        if not work.layer.is_compute:
            stage = vector_stage(self.config, work, assignment, float(self.config.op_rate))
            return [replace(stage, read_bytes=None, write_bytes=None)]
        geometry = layer_window(work.layer, assignment.granularity)
        costs, which = distinct(work, batch, lambda ins, outs: self._cost(work.layer, batch, ins, outs))
        times = repeats(work, batch)
        stored = work.layer.weight_bytes / max(1, work.layer.weights)
        first = costs[0]
        return [
            Stage(
                name="",
                pieces=geometry.pieces,
                cycles=whole_cycles(each(costs, which, lambda cost: cost.cycles) * times)[:, None],
                windows=windows_of(geometry),
                written=geometry.written,
                weight_bytes=(each(costs, which, lambda cost: cost.weight_words) * stored * times)[:, None],
                energy_pj=batch_energy(self.config, work, batch),
                detail={
                    "tiles": first.tiles,
                    "weight_fetches": first.chunks,
                    "utilisation": first.macs / (self.config.rows * self.config.columns * first.cycles),
                    "buffer_bytes": (work.layer.input_bytes + work.group.output_bytes) * batch,
                },
            )
        ]

    def _cost(self, layer: Layer, batch: int, ins: int, outs: int) -> _Cost:
        config = self.config
        product = product_of(layer, ins, outs)
        rows = product.pixels * (batch if layer.kind != "recurrent" else 1)
        tiles = -(-product.window // config.rows) * -(-product.filters // config.columns)
        chunks = -(-rows // (config.accumulators // 2))
        # Each chunk of rows takes all tiles anew; a tile cannot be used for less than the shift of the next one.
        used, short = divmod(rows, chunks)
        streamed = short * max(used + 1, config.rows) + (chunks - short) * max(used, config.rows)
        drain = config.rows + config.columns  # the next layer reads what leaves the array last
        return _Cost(
            tiles=product.groups * tiles,
            chunks=chunks,
            cycles=product.groups * tiles * streamed + drain,
            weight_words=product.groups * product.window * product.filters * chunks,
            macs=product.groups * product.window * product.filters * rows,
        )

    def check(self, layers: Mapping[str, Sequence[Stage]]) -> None:
        """Whether the activations of each layer fit the unified buffer; raises :class:`PlatformError` if not."""
        size = self.config.unified_buffer
        if size is None:
            return
        too_large = []
        for name, stages in layers.items():
            needed = int(stages[0].detail.get("buffer_bytes", 0))
            if needed > size:
                too_large.append(f"layer '{name}' needs {needed} B")
        if too_large:
            raise PlatformError(
                f"'{self.name}': the activations of a batch do not fit its unified buffer of {size} B:"
                f" {'; '.join(too_large)}; lower 'batch' in the mapping"
            )
