"""A sparse matrix-vector engine that skips zero weights and zero activations: EIE.

Source: S. Han et al., "EIE: Efficient Inference Engine on Compressed Deep Neural Network", ISCA 2016, sections III and
IV. Rows of the matrix are dealt to the processing elements in turn; each non-zero activation is broadcast into a queue
of every element, which then multiplies it with the non-zero weights of its part of that column. A weight is stored with
the number of zeros before it, in few bits: longer runs of zeros take padding entries that cost a cycle each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import ClassVar

import numpy as np
from pydantic import Field

from simulator.elements.base import Assignment, Element, ElementConfig, Stage
from simulator.elements.batches import summed
from simulator.elements.dense_work import batch_energy, refuse_wired, vector_stage
from simulator.elements.pieces import whole_cycles, windows_of
from simulator.errors import PlatformError
from simulator.units import Bytes, OpRate
from workloads.layers import ACTIVATION_KINDS, FREE_KINDS
from workloads.seeds import generator
from workloads.tokens import LayerWork
from workloads.windows import layer_window

_DRAWN_COLUMNS = 2048


class EieConfig(ElementConfig):
    """Processing elements, their queues and their store of weights."""

    pes: int = Field(64, ge=1, le=65_536, description="Processing elements, a multiply-accumulate a cycle each")
    queue: int = Field(8, ge=1, description="Activations that wait in front of each processing element")
    index_bits: int = Field(4, ge=1, le=16, description="Bits that count the zeros before a weight")
    weight_store: Bytes | None = Field(None, description="Bytes of compressed weights on chip; unlimited unless given")
    entry_bits: int = Field(8, ge=1, description="Bits of a stored entry: weight and count of zeros")
    op_rate: OpRate = Field(Fraction(64), description="Other operations a cycle")


class Eie(Element):
    """One dense layer at a time; work is the product of the densities of weights and of activations."""

    Config = EieConfig
    config: EieConfig
    granularities: ClassVar[tuple[str, ...]] = ("frame",)
    native_precision = "int16"

    def supports(self, kind: str) -> bool:
        """Matrix-vector products and elementwise functions."""
        return kind == "dense" or kind in ACTIVATION_KINDS | FREE_KINDS | {"batch_norm", "softmax", "add", "mul"}

    def stages(self, work: LayerWork, assignment: Assignment) -> Sequence[Stage]:
        """One stage: the mean entries of an element for each non-zero activation, stretched by the imbalance."""
        refuse_wired(self.name, "matrix-vector engine", work.layer)
        if not work.layer.is_compute:
            return [vector_stage(self.config, work, assignment, float(self.config.op_rate))]
        config, layer = self.config, work.layer
        geometry = layer_window(layer, assignment.granularity)
        rows, columns = layer.out_channels, max(1, layer.weights // layer.out_channels)
        vectors = max(1, layer.output_elements // rows)
        share = np.clip(work.input_density * work.input_kept, 0.0, 1.0)
        density = layer.weight_density
        entries = column_entries(rows, density, config.pes, config.index_bits)
        balance = load_balance(rows, density, config.pes, config.queue, config.index_bits)
        active = share * columns * vectors
        cycles = active * np.maximum(entries / balance, 1.0) * work.output_kept * work.executed
        return [
            Stage(
                name="",
                pieces=geometry.pieces,
                cycles=whole_cycles(summed(cycles, assignment.batch))[:, None],
                windows=windows_of(geometry),
                written=geometry.written,
                energy_pj=batch_energy(config, work, assignment.batch),
                detail={
                    "load_balance": balance,
                    "padding": entries * config.pes / max(1e-12, rows * density),
                    "stored_bytes": entries * config.pes * columns * config.entry_bits / 8,
                },
            )
        ]

    def check(self, layers: Mapping[str, Sequence[Stage]]) -> None:
        """Whether all compressed weights fit the store; raises :class:`PlatformError` if not."""
        size = self.config.weight_store
        needed = sum(float(stage.detail.get("stored_bytes", 0.0)) for stages in layers.values() for stage in stages)
        if size is not None and needed > size:
            raise PlatformError(
                f"'{self.name}': the compressed weights take {round(needed)} B, but it holds {size} B;"
                " prune the network further, move layers to another element, or raise 'pes' and 'weight_store'"
            )


def column_entries(rows: int, density: float, pes: int, index_bits: int) -> float:
    """Mean entries, padding included, that one element stores for a column of the matrix.

    Non-zeros are taken to lie independently. An entry that follows ``2**index_bits`` zeros or more needs padding, one
    entry for each full run; what follows the last non-zero of a column needs none.
    """
    own = rows / pes
    run = 2**index_bits
    empty = 1.0 - density
    # A non-zero in place i (from 0) needs its j-th padding if the j * run places before it are zero.
    padding = 0.0
    for j in range(1, int(own // run) + 1):
        padding += max(0.0, own - j * run) * density * empty ** (j * run)
    return own * density + padding


@lru_cache(maxsize=256)
def load_balance(rows: int, density: float, pes: int, queue: int, index_bits: int) -> float:
    """Share of time in which the mean element computes: 1 if all had the same work for each activation.

    Entries are drawn for some columns, and each broadcast waits until no queue is full; the draw is the same in
    every process.
    """
    if density >= 1.0 and rows % pes == 0:
        return 1.0
    draw = generator(0, f"eie {rows} {density!r} {pes} {index_bits}")
    own = np.full(pes, rows // pes) + (np.arange(pes) < rows % pes)
    padding = column_entries(rows, density, pes, index_bits) * pes / max(1e-12, rows * density)
    counts = draw.binomial(own, density, size=(_DRAWN_COLUMNS, pes)) * padding
    done = np.zeros((_DRAWN_COLUMNS, pes))
    last = np.zeros(pes)
    sent = 0.0
    for column in range(_DRAWN_COLUMNS):
        if column >= queue:
            sent = max(sent, float(done[column - queue].max()))
        last = np.maximum(last, sent) + counts[column]
        done[column] = last
        sent += 1.0
    return float(counts.sum() / pes / max(last.max(), 1e-12))
