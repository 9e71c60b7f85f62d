"""A vector of multiply-accumulates behind a convolution buffer: NVDLA.

A layer takes the longer of its MAC time and its DRAM time, with no software and no mode switch between layers. This is
the analytic view of NVIDIA's performance sheet (NVDLA_OpenSource_Performance.xlsx in nvdla/hw, commit 8e06b1b), which
yields every figure of the NVDLA primer, and of AMAIX (L. Juenger et al., SAMOS 2020): a roofline a layer, convolutions
fused with what follows them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

from pydantic import Field

from simulator.elements.base import Assignment, Element, ElementConfig, Floats, Stage
from simulator.elements.batches import largest, summed
from simulator.elements.dense_work import (
    batch_energy,
    channels_in,
    distinct,
    each,
    fused_stage,
    one_by_one,
    refuse_wired,
    vector_stage,
)
from simulator.elements.options import check_options, flag_option, number_option
from simulator.elements.pieces import whole_cycles, windows_of
from simulator.units import Bytes, OpRate
from workloads.layers import POOL_KINDS, Layer
from workloads.tokens import LayerWork
from workloads.windows import layer_window

_OPTIONS = ("fused", "residual", "output")
_KERNELS_AT_A_TIME = 32  # a group of int8 kernels in the sheet


class VectorMacConfig(ElementConfig):
    """Size of the array and of its buffer, and how tensors are padded."""

    macs: int = Field(ge=1, description="Multiply-accumulates a cycle")
    channel_padding: int = Field(16, ge=1, description="Input channels are padded to a multiple of this")
    kernel_padding: int = Field(16, ge=1, description="Output channels are padded to a multiple of this")
    buffer: Bytes | None = Field(None, description="Convolution buffer; operands are never read again unless given")
    held_rows: int = Field(10, ge=1, description="Input rows that a convolution keeps in the buffer at the least")
    winograd: bool = Field(False, description="3 x 3 convolutions take 1/2.25 of the MACs and 16/9 of the weight bytes")
    fc_batch: int = Field(1, ge=1, description="Frames that share a fetch of the weights of a dense layer")
    op_rate: OpRate = Field(Fraction(16), description="Other operations a cycle, where no convolution hides them")


@dataclass(frozen=True, slots=True)
class VectorCost:
    """Cycles and DRAM bytes of one frame of a layer; ``fetches`` counts those of the operand that is read again."""

    cycles: float
    input_bytes: float
    weight_bytes: float
    fetches: int
    used: float


class VectorMac(Element):
    """One layer at a time. Additions and poolings that follow a convolution ride on it: ``arrange`` finds them."""

    Config = VectorMacConfig
    config: VectorMacConfig
    granularities: ClassVar[tuple[str, ...]] = ("frame",)
    native_precision = "int8"

    def arrange(self, works: Sequence[LayerWork], assignments: Sequence[Assignment]) -> Sequence[Mapping[str, Any]]:
        """Options ``fused`` for layers that ride on a convolution, and for it the bytes of a ``residual`` that it reads
        and of the ``output`` that it writes in the end.

        The last compute layer before an addition carries it, if nobody else here reads that layer.
        """
        options: list[dict[str, Any]] = [{} for _ in works]
        place = {work.group.name: i for i, work in enumerate(works)}
        carrier = {i: i for i, work in enumerate(works) if work.layer.is_compute}
        readers: dict[str, int] = {}
        for work in works:
            for name in work.group.inputs:
                readers[name] = readers.get(name, 0) + 1
        for i, work in enumerate(works):
            sources = [place[name] for name in work.group.inputs if name in place and readers[name] == 1]
            sources = [s for s in sources if s in carrier and assignments[s].batch == assignments[i].batch]
            if not sources or not _rides(work.layer):
                continue
            last = max(sources)
            root = carrier[i] = carrier[last]
            options[i]["fused"] = True
            options[root]["output"] = float(work.group.output_bytes)
            others = len(work.layer.in_shapes) - 1
            if others:
                read = options[root].get("residual", 0.0)
                options[root]["residual"] = read + others * work.layer.input_bytes / len(work.layer.in_shapes)
        return options

    def stages(self, work: LayerWork, assignment: Assignment) -> Sequence[Stage]:
        """One stage. The mapping's options ``residual`` and ``output`` (bytes a frame) and ``fused`` win over those of
        :meth:`arrange`.
        """
        refuse_wired(self.name, "vector of MACs", work.layer)
        options, batch = assignment.options, assignment.batch
        check_options(self.name, work.layer, options, _OPTIONS)
        if not work.layer.is_compute:
            if flag_option(self.name, work.layer, options, "fused"):
                return [fused_stage(self.config, work, assignment)]
            return [vector_stage(self.config, work, assignment, float(self.config.op_rate))]
        residual = number_option(self.name, work.layer, options, "residual", 0.0)
        output = number_option(self.name, work.layer, options, "output", work.group.output_bytes)
        geometry = layer_window(work.layer, assignment.granularity)
        costs, which = distinct(work, 1, lambda ins, outs: self._cost(work.layer, ins, outs))
        cycles, read, weights = (
            each(costs, which, figure)
            for figure in (
                lambda cost: cost.cycles,
                lambda cost: cost.input_bytes + residual,
                lambda cost: cost.weight_bytes,
            )
        )
        written = output * work.output_kept
        first = costs[0]
        return [
            Stage(
                name="",
                pieces=geometry.pieces,
                cycles=whole_cycles(one_by_one(cycles, work, batch)),
                windows=windows_of(geometry),
                written=geometry.written,
                read_bytes=summed(read * work.executed, batch)[:, None],
                write_bytes=summed(written * work.executed, batch)[:, None],
                weight_bytes=self._weights(work, batch, weights * work.executed)[:, None],
                energy_pj=batch_energy(self.config, work, batch),
                detail={"utilisation": first.used, "fetches": first.fetches},
            )
        ]

    def _weights(self, work: LayerWork, batch: int, fetched: Floats) -> Floats:
        """Bytes of weights of each batch: convolutions fetch them for every frame, dense layers for several at once."""
        if work.layer.kind != "dense":
            return summed(fetched, batch)
        return largest(fetched, batch) * (batch / max(batch, self.config.fc_batch))

    def _cost(self, layer: Layer, ins: int, outs: int) -> VectorCost:
        return vector_cost(layer, self.config, ins, outs)


def vector_cost(layer: Layer, config: VectorMacConfig, ins: int | None = None, outs: int | None = None) -> VectorCost:
    """Cycles and DRAM bytes of a layer with that many live channels (all unless given), activations at their width.

    A strided convolution folds stride x stride pixels into channels before these are padded, so that its kernel shrinks
    by the stride. What does not fit the buffer beside a group of kernels (or ``held_rows`` rows of input) makes the
    larger operand be read again.
    """
    ins = channels_in(layer) if ins is None else ins
    outs = layer.out_channels if outs is None else outs
    stored = layer.weight_bytes / max(1, layer.weights)
    if layer.kernel is None:
        macs = layer.macs * (ins / channels_in(layer)) * (outs / layer.out_channels)
        weights = stored * layer.weights * macs / max(1, layer.macs)
        cycles = macs / config.macs
        return VectorCost(cycles, layer.input_bytes * ins / channels_in(layer), weights, 1, 1.0)
    high, wide = layer.kernel
    down, across = layer.stride if layer.kind == "conv" else (1, 1)
    channels = _padded(-(-ins // layer.groups) * down * across, config.channel_padding)
    kernels = -(-outs // layer.groups)
    pixels = layer.output_elements // layer.out_channels
    macs = channels * (high / down) * (wide / across) * _padded(kernels, config.kernel_padding) * pixels
    weights = channels * math.ceil(high / down) * math.ceil(wide / across) * kernels * stored
    if config.winograd and layer.kernel == (3, 3):
        macs /= 2.25
        weights *= 16 / 9
    area = math.prod(layer.in_shape[1:]) / (down * across) if len(layer.in_shape) == 3 else 1.0
    inputs = channels * area * layer.input_bits / 8
    row = layer.out_shape[2] * -(-ins // layer.groups) * layer.input_bits / 8
    again, reads_input = _fetches(config, inputs, weights, weights / kernels, row)
    used = layer.macs * (ins * outs) / (channels_in(layer) * layer.out_channels)
    return VectorCost(
        cycles=layer.groups * macs / config.macs,
        input_bytes=layer.groups * inputs * (again if reads_input else 1),
        weight_bytes=layer.groups * weights * (1 if reads_input else again),
        fetches=again,
        used=min(1.0, used / max(1.0, layer.groups * macs)),
    )


def _fetches(config: VectorMacConfig, inputs: float, weights: float, kernel: float, row: float) -> tuple[int, bool]:
    """How often the larger operand is read, and whether that is the input."""
    if config.buffer is None:
        return 1, True
    held = min(weights, _KERNELS_AT_A_TIME * kernel, inputs, config.held_rows * row)
    reads_input = inputs >= weights
    # A buffer that hardly holds the smaller of the two works a kernel, or a row, at a time.
    room = max(config.buffer - held, min(kernel, row))
    return max(1, math.ceil((weights if reads_input else inputs) / room - 1e-9)), reads_input


def _padded(count: int, multiple: int) -> int:
    return -(-count // multiple) * multiple


def _rides(layer: Layer) -> bool:
    return layer.kind in POOL_KINDS or layer.kind in ("add", "sub", "mul", "max")
