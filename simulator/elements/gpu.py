"""A GPU: kernels that fill its multiprocessors in waves of tiles, launched by a host that may run ahead of it.

A kernel takes its launch, as far as that is not hidden, and then the longer of its arithmetic and its traffic. A
product is cut into tiles, one thread block each; the multiprocessor with the most tiles decides (NVIDIA, "Matrix
Multiplication Background", sections on tile and wave quantisation). A batch is one kernel: more rows of the same
product, the weights once, and of what its frames prune only what all of them prune.

The host launches kernels one after the other. With ``host_overlap`` w, host time H and device time G of a network, a
batch takes G + H - w min(H, G): 0 is a host that waits for every kernel, 1 one that only ever runs ahead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import ceil
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from simulator.elements.base import Assignment, Element, ElementConfig, Floats, Ints, Stage, Window
from simulator.elements.batches import gathered, largest, sizes, summed, work_together
from simulator.elements.frameworks import FRAMEWORKS, Framework
from simulator.elements.kernels import Kernel, kernel_of
from simulator.elements.options import check_options, number_option
from simulator.elements.pieces import whole_cycles
from simulator.elements.precision import Precision, fastest, rate_for
from simulator.units import Bandwidth, Bytes, Duration, Frequency, OpRate, Rate, Share
from workloads.layers import FREE_KINDS, Layer
from workloads.tokens import LayerWork


class GpuConfig(ElementConfig):
    """Rates are those of the whole device."""

    rate: Mapping[Precision, Rate] = Field(description="Multiply-accumulates a cycle of the whole device, by precision")
    op_rate: OpRate = Field(Fraction(256), description="Other operations a cycle of the whole device")
    efficiency: Share = Field(1.0, description="Share of the peak rate that the kernel of a long dense product reaches")
    tensor_efficiency: Share | None = Field(None, description="The same on tensor cores; 'efficiency' unless given")
    tensor_cores: tuple[str, ...] = Field((), description="Precisions whose rate is that of tensor cores")
    sms: int = Field(1, ge=1, description="Multiprocessors; a thread block runs on one of them")
    framework: Literal["plain", "tensorrt", "tensorflow", "pytorch", "ncnn-vulkan"] = Field(
        "plain", description="What launches its kernels: fusion, convolution algorithms, tiles"
    )
    launch: Duration = Field(Fraction(0), description="Time from the launch of a kernel to its first instruction")
    host_overlap: Annotated[float, Field(ge=0, le=1)] | None = Field(
        None, description="Part of the shorter of host and device time that runs beside the other; the framework's own"
    )
    kernel_floor: Duration = Field(Fraction(0), description="Time on the device to begin and to drain a kernel")
    barrier: Duration = Field(Fraction(0), description="Between dependent steps inside one kernel, e.g. of a solver")
    queues: int = Field(1, ge=1, description="Kernels that may be in flight at the same time")
    sustained_clock: Frequency | None = Field(
        None, description="Clock that the power limit lets it hold under load; 'clock' unless given"
    )
    cache: Bytes = Field(0, description="Last-level cache: what a layer reads and writes is memory traffic beyond it")
    memory_bandwidth: Bandwidth | None = Field(
        None, description="Most that a kernel draws from its memory, once launched; that of the memory unless given"
    )


class Gpu(Element):
    """Each layer is one kernel, and each elementwise layer that the framework does not fuse is one more."""

    Config = GpuConfig
    config: GpuConfig
    granularities: ClassVar[tuple[str, ...]] = ("frame",)

    @property
    def slots(self) -> int:
        """One kernel at a time; with several queues, multiprocessors, which small kernels share."""
        return 1 if self.config.queues == 1 else max(self.config.sms, self.config.queues)

    @property
    def default_precision(self) -> str | None:
        return self.config.precision or fastest(self.config.rate)

    def arrange(self, works: Sequence[LayerWork], assignments: Sequence[Assignment]) -> Sequence[Mapping[str, Any]]:
        """How much of its launches a network shows, given that the host runs ahead of the device or behind it."""
        config = self.config
        overlap = config.host_overlap
        if overlap is None:
            overlap = FRAMEWORKS[config.framework].host_overlap
        if not overlap or not config.launch:
            return [{} for _ in works]
        parts = [self._kernels(w, a) for w, a in zip(works, assignments, strict=True) if self.supports(w.layer.kind)]
        kernels = [kernel for each in parts for kernel in each]
        host = sum(kernel.launches for kernel in kernels) * float(config.launch * self.clock_hz)
        device = sum(kernel.device for kernel in kernels)
        exposed = 1.0 if host == 0 else (host - overlap * min(host, device)) / host
        return [{"exposed": exposed} for _ in works]

    def stages(self, work: LayerWork, assignment: Assignment) -> Sequence[Stage]:
        """A stage a kernel: launch, then arithmetic overlapped with traffic.

        Options: ``algorithm`` of a convolution, ``exposed`` (part of the launch that the device waits for).
        """
        check_options(self.name, work.layer, assignment.options, ("algorithm", "exposed"))
        kernels = self._kernels(work, assignment)
        waits = number_option(self.name, work.layer, assignment.options, "exposed", 1.0)
        exposed = waits * float(self.config.launch * self.clock_hz)
        stages = []
        for number, kernel in enumerate(kernels):
            source = np.array([kernel.layer.output_elements if number else 0], dtype=np.int64)
            stages.append(
                Stage(
                    name=kernel.name,
                    pieces=1,
                    cycles=whole_cycles(kernel.cycles + exposed * kernel.launch_counts)[:, None],
                    windows=(Window(source, source, -1),) if number else _inputs(work.layer),
                    written=np.array([kernel.layer.output_elements], dtype=np.int64),
                    read_bytes=kernel.reads[:, None],
                    write_bytes=kernel.writes[:, None],
                    weight_bytes=kernel.weights[:, None] if number == 0 else None,
                    slots=self._slots_of(kernel),
                    does_macs=number == 0,
                    energy_pj={cause: amount[:, None] for cause, amount in kernel.energy.items()},
                    detail=kernel.detail,
                )
            )
        return stages

    def _slots_of(self, kernel: _Launched) -> int:
        """Multiprocessors that a kernel occupies; no more kernels run at once than there are queues."""
        if self.config.queues == 1:
            return 1
        return max(min(kernel.blocks, self.slots), ceil(self.slots / self.config.queues))

    def _kernels(self, work: LayerWork, assignment: Assignment) -> list[_Launched]:
        """The kernels of a layer group, in order."""
        framework = FRAMEWORKS[self.config.framework]
        found = [_main_kernel(self, framework, work, assignment)]
        fused = FREE_KINDS | framework.library.fused
        alone = [layer for layer in work.group.followers if layer.kind not in fused]
        return found + [_follower(self, layer, work, assignment.batch) for layer in alone]

    def seconds_to_cycles(self, seconds: Fraction) -> float:
        """A duration in cycles of the nominal clock, in which all its cycles are counted."""
        return float(seconds * self.clock_hz)

    @property
    def slowdown(self) -> float:
        """How much longer arithmetic takes at the clock that the power limit sustains."""
        sustained = self.config.sustained_clock
        return 1.0 if sustained is None or sustained >= self.clock_hz else float(self.clock_hz / sustained)


class _Launched:
    """One kernel of a batch: cycles on the device, bytes, launches and energy, each one entry a batch."""

    def __init__(self, gpu: Gpu, layer: Layer, name: str, arithmetic: Floats, launches: Floats, blocks: int) -> None:
        self.gpu, self.layer, self.name, self.blocks = gpu, layer, name, blocks
        self.arithmetic, self.launch_counts = arithmetic, launches
        self.reads = self.writes = self.weights = np.zeros(1)
        self.energy: dict[str, Floats] = {}
        self.detail: dict[str, float | str] = {}

    @property
    def cycles(self) -> Floats:
        """Cycles from its first instruction to its last, its traffic included where it has a bandwidth of its own."""
        config = self.gpu.config
        busy = self.arithmetic
        if config.memory_bandwidth is not None:
            moved = self.reads + self.writes + self.weights
            busy = np.maximum(busy, moved * float(self.gpu.clock_hz / config.memory_bandwidth))
        floor = self.gpu.seconds_to_cycles(config.kernel_floor)
        return np.asarray(busy + floor * np.minimum(self.launch_counts, 1.0))

    @property
    def device(self) -> float:
        """Mean device cycles."""
        return float(self.cycles.mean())

    @property
    def launches(self) -> float:
        return float(self.launch_counts.mean())


def _main_kernel(gpu: Gpu, framework: Framework, work: LayerWork, assignment: Assignment) -> _Launched:
    """The kernel of a group's main layer for a batch of frames."""
    config, layer, batch = gpu.config, work.layer, assignment.batch
    precision, rate = rate_for(config.rate, layer, gpu.name)
    on_tensor_cores = precision in config.tensor_cores
    kernel = _kernel(framework, layer, gpu.name, assignment.options, on_tensor_cores)
    united = work_together(work, float(work.group.macs), batch)  # multiply-accumulates of the batch
    frames = sizes(work.macs.shape[0], batch)
    cycles, blocks = _product_cycles(gpu, framework, kernel, rate, on_tensor_cores, batch)
    dense = max(1.0, float(work.group.macs) * batch)
    if kernel.multiplies == 0:
        cycles = _plain_cycles(gpu, framework, "recurrent", float(rate), on_tensor_cores) * dense
    operations = largest(work.total_ops, batch) * frames * gpu.slowdown / float(config.op_rate)
    runs = largest(work.executed, batch)
    steps = largest(work.extra.get("kernels", np.ones(1)), batch)
    barriers = np.maximum(largest(work.extra.get("sequential_steps", steps), batch) - steps, 0)
    waits = barriers * gpu.seconds_to_cycles(config.barrier)
    rides = layer.kind in framework.library.fused or layer.kind in framework.in_place or layer.kind in FREE_KINDS
    # A layer that a library runs as a graph of small kernels, one after the other, is launched that many times.
    launches = runs * steps * (0.0 if rides else 1.0)
    found = _Launched(gpu, layer, "", (cycles * united / dense + operations + waits) * runs, launches, blocks)
    _add_traffic(found, framework, work, kernel, batch)
    collected, gathers = gathered(work, batch)
    found.reads, found.writes = found.reads + collected, found.writes + collected
    found.launch_counts = found.launch_counts + gathers * runs
    found.arithmetic = found.arithmetic + gathers * runs * gpu.seconds_to_cycles(config.kernel_floor)
    energy = config.energy
    if energy is not None and energy.mac is not None:
        found.energy["mac"] = united * (kernel.multiplies / layer.macs if kernel.multiplies else 1.0) * energy.mac
    if energy is not None and energy.op is not None:
        found.energy["op"] = largest(work.total_ops, batch) * frames * energy.op
    peak = cycles * float(rate)
    found.detail = {"precision": precision, "algorithm": kernel.name, "blocks": float(blocks)}
    if kernel.multiplies and peak > 0:
        found.detail["share_of_peak"] = kernel.multiplies * batch / peak
    return found


def _kernel(framework: Framework, layer: Layer, element: str, options: Mapping[str, Any], tensor: bool) -> Kernel:
    library = framework.library
    if layer.kind == "conv" and options.get("algorithm") is None and layer.algorithm == "direct" and tensor:
        return kernel_of(layer, library, element, {"algorithm": "direct"})
    named = {"algorithm": options["algorithm"]} if "algorithm" in options else {}
    return kernel_of(layer, library, element, named)


def _plain_cycles(gpu: Gpu, framework: Framework, name: str, rate: float, tensor: bool) -> float:
    """Cycles of one multiply-accumulate at the efficiency of a kernel of that name."""
    efficiency = gpu.config.tensor_efficiency if tensor and gpu.config.tensor_efficiency else gpu.config.efficiency
    return gpu.slowdown / (rate * efficiency * framework.library.share.get(name, 1.0))


def _product_cycles(
    gpu: Gpu, framework: Framework, kernel: Kernel, rate: Fraction, tensor: bool, batch: int
) -> tuple[float, int]:
    """Cycles of the dense product for a batch, and its thread blocks, with the best of the framework's tiles."""
    plain = _plain_cycles(gpu, framework, kernel.name, float(rate), tensor)
    tiles = framework.tensor_tiles if tensor else framework.tiles
    if not kernel.is_product or not tiles:
        return kernel.multiplies * batch * plain, gpu.config.sms
    reach = framework.tensor_reach if tensor else framework.reach
    rows, sms = kernel.rows * batch, gpu.config.sms
    best_reach = max(_half_reach(tile, reach) for tile in tiles)
    options = []
    for tile in tiles:
        blocks = ceil(rows / tile[0]) * ceil(kernel.columns / tile[1]) * kernel.products
        for split in framework.splits:
            if split > 1 and kernel.depth < split * 128:
                continue
            most = ceil(blocks * split / sms)  # tiles on the multiprocessor that has the most
            depth = kernel.depth / split + framework.library.depth
            relative = _half_reach(tile, reach) / best_reach
            options.append((most * tile[0] * tile[1] * depth * plain * sms / relative, blocks * split))
    return min(options)


def _half_reach(tile: tuple[int, int], reach: float) -> float:
    """What a tile reaches of the arithmetic: operands loaded per product fall with the harmonic mean of its sides."""
    side = 2 / (1 / tile[0] + 1 / tile[1])
    return side / (side + reach)


def _add_traffic(found: _Launched, framework: Framework, work: LayerWork, kernel: Kernel, batch: int) -> None:
    """Bytes of a batch: activations of every frame that does the layer, weights once."""
    layer = work.layer
    reads, writes = summed(work.input_bytes, batch), summed(work.output_bytes, batch)
    if layer.kind in framework.in_place or layer.kind in FREE_KINDS:
        return
    if layer.kind in framework.library.fused:  # the operand that the kernel before does not already hold
        inputs = max(1, len(layer.inputs))
        reads, writes = reads * (inputs - 1) / inputs, np.zeros(1)
    weights = largest(work.weight_bytes * work.executed, batch)
    if kernel.weights > layer.weights:  # transformed filters are dense again
        weights = np.full(1, kernel.weights * layer.weight_bits / 8) * largest(work.weight_kept * work.executed, batch)
    chosen = layer.algorithm != "direct" and kernel.rearranged > 0
    if chosen:  # a library's own transforms stay inside its kernel; one that was asked for goes through memory
        share = summed(np.minimum(work.macs / max(1, layer.macs), 1.0), batch)
        moved = kernel.rearranged * layer.input_bits / 8 / 2 * share
        reads, writes = reads + moved, writes + moved
    found.reads, found.writes, found.weights = _spill(found.gpu, reads, writes, weights)


def _follower(gpu: Gpu, layer: Layer, work: LayerWork, batch: int) -> _Launched:
    """An elementwise layer as a kernel of its own: it reads and writes the whole tensor."""
    runs = largest(work.executed, batch)
    frames = sizes(work.macs.shape[0], batch)
    operations = sum(layer.ops.values()) * frames * gpu.slowdown / float(gpu.config.op_rate)
    found = _Launched(gpu, layer, layer.name, operations * runs, runs.astype(np.float64), gpu.config.sms)
    moved = summed(work.output_kept * work.executed, batch)
    reads, writes = moved * float(layer.input_bytes), moved * float(layer.output_bytes)
    found.reads, found.writes, found.weights = _spill(gpu, reads, writes, np.zeros(1))
    return found


def _spill(gpu: Gpu, reads: Floats, writes: Floats, weights: Floats) -> tuple[Floats, Floats, Floats]:
    """Activations beyond the last-level cache; weights always come from memory."""
    held = float(reads.max() + writes.max())
    beyond = 1.0 if held == 0 else max(0.0, 1 - gpu.config.cache / held)
    return reads * beyond, writes * beyond, weights


def _inputs(layer: Layer) -> tuple[Window, ...]:
    totals: list[Ints] = [np.array([int(np.prod(shape))], dtype=np.int64) for shape in layer.in_shapes]
    return tuple(Window(total, total, source) for source, total in enumerate(totals))
