"""Streaming stages on an FPGA: each layer has hardware of its own, folded by PE and SIMD, joined by FIFOs in the
fabric.

A layer is a chain of operators (padding, sliding windows, matrix-vector unit, thresholds, pools, converters), each an
actor of the plan. At row granularity a piece is an output row, which is handed on when it is done; pixels and words
come nearer to the hardware and take longer to simulate. Source: M. Blott et al., "FINN-R: An End-to-End Deep-Learning
Framework for Fast Exploration of Quantized Neural Networks", ACM TRETS 11(3), 2018, and the FINN compiler (operators as
of 2026-04). ``style: hls4ml`` models that compiler instead (see ``streaming/hls4ml.py``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from simulator.elements.base import Assignment, Element, ElementConfig, Floats, Stage, Window, dynamic_energy
from simulator.elements.pieces import split_amounts
from simulator.elements.streaming import hls4ml
from simulator.elements.streaming.arrangement import Arrangement, Fabric
from simulator.elements.streaming.chain import build_chain
from simulator.elements.streaming.fitting import Device, check_device
from simulator.elements.streaming.live import live_cycles, live_weight_bytes
from simulator.elements.streaming.loads import loads_of
from simulator.elements.streaming.operator import Operator
from simulator.elements.streaming.options import FoldingOptions, read_options
from simulator.elements.streaming.ports import Link
from simulator.elements.streaming.resources import Resources, largest_of, product_cost, total
from simulator.elements.tick_batches import in_batches
from simulator.errors import PlatformError
from simulator.units import ClockedBandwidth, Cycles, Duration
from workloads.tokens import LayerWork

_FILL = 5
"""Cycles that an operator's pipeline and the FIFO behind it add to the first word. Fitted to four RTL simulations of
TFC (3274, 79, 55 and 52 cycles; public lab notes on FINN): in the last three, streaming alone takes 43, 29 and 21."""

_FILLS = {"dwc": 1, "fifo": 0, "padding": 0, "tile": 0}
"""The same of a width converter, a shift register. That of a FIFO is counted with what writes it; padding and tiles
have none, so that the channel to the window unit is the line buffer and holds nothing else."""


class HostConfig(BaseModel):
    """The way of frames from the host's memory into the fabric and back."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bandwidth: ClockedBandwidth = Field(description="Peak of the input port, and of the output port")
    frame: Duration = Field(Fraction(0), description="Time on the input port that the host stack adds to each frame")
    call: Duration = Field(Fraction(0), description="Time of the host's call, which a frame waits but nothing holds up")


class FpgaConfig(ElementConfig):
    """What the fabric offers."""

    multipliers: int = Field(
        256,
        ge=1,
        description="Products of 8 by 8 bits a cycle that an automatic folding may spend over all layers; narrower ones"
        " cost less",
    )
    fill: Cycles = Field(_FILL, description="Cycles from the first word into a stage to the first out, and its FIFO")
    device: Device | None = Field(None, description="What the fabric has; not checked where absent")
    host: HostConfig | None = Field(None, description="Ports and software of the host; frames come free where absent")
    style: Literal["finn", "hls4ml"] = Field("finn", description="Compiler whose operators are modelled")
    reuse: int = Field(1, ge=1, description="hls4ml: multiplications that share a multiplier, unless a layer says")


class Fpga(Element):
    """A chain of operators a layer; the slowest operator sets the pace of the pipeline."""

    Config = FpgaConfig
    config: FpgaConfig
    native_precision = "int8"
    streaming = True
    granularities: ClassVar[tuple[str, ...]] = ("frame", "row", "pixel", "word")

    @property
    def default_granularity(self) -> str:
        return "row"

    def arrange(self, works: Sequence[LayerWork], assignments: Sequence[Assignment]) -> Sequence[Mapping[str, Any]]:
        """Folds the layers that the mapping does not fold so that the pipeline is balanced within ``multipliers``, or
        meets a target, and tells each layer what surrounds it."""
        fabric = Fabric(
            self.config.multipliers, float(self.clock_hz), self.config.device, self.config.memory is not None
        )
        return Arrangement(fabric, [work.group for work in works], assignments, loads_of(works, assignments)).options()

    def stages(self, work: LayerWork, assignment: Assignment) -> Sequence[Stage]:
        """The operators of a layer, each on hardware of its own."""
        layer, granularity = work.layer, assignment.granularity
        where = f"layer '{layer.name}' on '{self.name}'"
        options = read_options(assignment.options, where)
        chain = self._chain(work, options, where)
        if granularity != "word":
            chain = _without_converters(chain)
        names = _names(chain)
        main = next((i for i, operator in enumerate(chain) if operator.is_main), 0)
        stages = [
            self._stage(work, operator, granularity, name, options, (i == 0, i < main))
            for i, (operator, name) in enumerate(zip(chain, names, strict=True))
        ]
        read = {window.source for stage in stages for window in stage.windows}
        made = [
            _filters(source, shape, stages[main].pieces)
            for source, shape in enumerate(layer.in_shapes)
            if source not in read
        ]
        stages[main] = replace(stages[main], windows=(*stages[main].windows, *made))
        if chain[-1].name not in ("dma_out", "duplicate"):
            stages[-1] = replace(stages[-1], output_bytes=None)
        return [in_batches(stage, assignment.batch) for stage in stages]

    def _chain(self, work: LayerWork, options: FoldingOptions, where: str) -> list[Operator]:
        if self.config.style == "hls4ml":
            if options.tile is not None:
                raise PlatformError(f"{where}: tile is given, but hls4ml computes whole maps; leave it out")
            return hls4ml.build_layer(work.group, options, options.reuse or self.config.reuse, where)
        return build_chain(work.group, options, self._link, where)

    @property
    def _link(self) -> Link | None:
        host = self.config.host
        if host is None:
            return None
        return Link(
            float(host.bandwidth.at(self.clock_hz) / self.clock_hz),
            math.ceil(host.frame * self.clock_hz),
            math.ceil(host.call * self.clock_hz),
        )

    def _energy(self, work: LayerWork) -> dict[str, Floats]:
        """Energy of a frame by cause; ``mac`` is that of a product of 8 by 8 bits, and narrower ones take less, as they
        take fewer LUTs."""
        energy = dynamic_energy(self.config, work)
        if "mac" in energy:
            energy["mac"] = energy["mac"] * product_cost(work.layer.weight_bits, work.layer.input_bits)
        return energy

    def _fill(self, operator: Operator) -> int:
        return _FILLS.get(operator.name, self.config.fill)

    def _stage(
        self,
        work: LayerWork,
        operator: Operator,
        granularity: str,
        name: str,
        options: FoldingOptions,
        place: tuple[bool, bool],
    ) -> Stage:
        """``place``: whether the operator is the layer's first, and whether it stands before the layer's unit."""
        is_first, before = place
        made = operator.make(granularity)
        cycles = live_cycles(work, operator, made, granularity, before=before)
        weights: Floats | None = None
        if operator.weight_bytes:
            weights = live_weight_bytes(work, operator)[:, None] / made.count
        hardware = options.engine or work.layer.name
        energy = self._energy(work) if operator.is_main else {}
        return Stage(
            name=name,
            pieces=made.count,
            cycles=cycles,
            windows=tuple(
                Window(need, free, source if is_first else -1, operator.room)
                for source, (need, free) in enumerate(zip(made.need, made.free, strict=True))
            ),
            written=made.written,
            weight_bytes=weights,
            read_bytes=_evenly(operator.read_bytes, made.count),
            write_bytes=_evenly(operator.write_bytes, made.count),
            latency_cycles=self._fill(operator) + operator.extra_latency,
            resource=f"{hardware}.{name}" if name else hardware,
            concurrency=options.instances,
            does_macs=operator.is_main,
            output_bytes=operator.elements * operator.element_bits / 8,
            energy_pj={cause: split_amounts(amount, work, made.count) for cause, amount in energy.items()},
            detail={
                **operator.detail,
                "expected_cycles": operator.cycles,
                "in_width_bits": operator.in_width,
                "out_width_bits": operator.out_width,
                "lut": operator.resources.lut * options.instances,
                "bram18": operator.resources.bram18 * options.instances,
                "uram": operator.resources.uram * options.instances,
                "dsp": operator.resources.dsp * options.instances,
                **({"engine": options.engine} if options.engine else {}),
            },
        )

    def check(self, layers: Mapping[str, Sequence[Stage]]) -> None:
        """All layers together fit the device."""
        if self.config.device is None:
            return
        used: dict[str, Resources] = {}
        for layer, stages in layers.items():
            own = total(_resources_of(stage) for stage in stages)
            name = str(stages[0].detail.get("engine", layer))
            used[name] = largest_of(used[name], own) if name in used else own
        check_device(self.config.device, used, self.name)


def _filters(source: int, shape: Sequence[int], pieces: int) -> Window:
    """Filters that another layer makes: needed whole from the first piece on, and kept until the last."""
    whole = math.prod(shape)
    free = np.zeros(pieces, dtype=np.int64)
    free[-1] = whole
    return Window(np.full(pieces, whole, dtype=np.int64), free, source)


def _evenly(total: float | None, count: int) -> Floats | None:
    return None if total is None else np.full((1, count), total / count)


def _without_converters(chain: Sequence[Operator]) -> list[Operator]:
    """The chain as it is simulated above words: a converter never sets the pace, since it moves no more words than its
    neighbours, so only its fabric is kept, with the operator behind it."""
    kept: list[Operator] = []
    waiting: Operator | None = None
    for operator in chain:
        if operator.name == "dwc":
            waiting = operator
            continue
        if waiting is not None:
            room = operator.room if kept else waiting.room
            operator = replace(operator, resources=operator.resources + waiting.resources, room=room)
            waiting = None
        kept.append(operator)
    return kept


def _names(chain: Sequence[Operator]) -> list[str]:
    """Names of the stages: none where there is one, and a converter is named after what it feeds."""
    if len(chain) == 1:
        return [""]
    after = [*chain[1:], chain[-1]]
    return [f"{after[i].name}_dwc" if op.name == "dwc" else op.name for i, op in enumerate(chain)]


def _resources_of(stage: Stage) -> Resources:
    detail = stage.detail
    return Resources(
        float(detail.get("lut", 0)), int(detail.get("bram18", 0)), int(detail.get("uram", 0)), int(detail.get("dsp", 0))
    )
