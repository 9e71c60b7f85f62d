"""A multicore CPU: vector arithmetic by precision, the caches that feed it, and the cost of sharing a layer.

A layer takes the longer of three things and its overhead: the arithmetic of its kernel (with what the kernel rearranges
through the caches), the stream of what the last-level cache cannot hold as one core or several can draw it, and the
port of the memory, which all elements share (a flow, so it overlaps). Depthwise and elementwise layers have no reuse to
live on: they run at the rate of the cache level that holds them.

Sharing a layer among cores follows Amdahl (AFIPS 1967): a serial fraction stays on one core. The roofline is that of
Williams, Waterman and Patterson (CACM 2009), one roof a cache level.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from simulator.elements.base import Assignment, Element, ElementConfig, Floats, Stage
from simulator.elements.batches import largest, summed
from simulator.elements.kernels import Kernel, kernel_of, share_of_peak
from simulator.elements.libraries import LIBRARIES
from simulator.elements.options import check_options, flag_option
from simulator.elements.pieces import split_amounts, split_cycles, whole_cycles, windows_of
from simulator.elements.precision import Precision, fastest, rate_for
from simulator.units import Bandwidth, Bytes, ClockedBandwidth, Duration, OpRate, Rate, Share
from workloads.tokens import LayerWork
from workloads.windows import layer_window

# Weights and activations of a layer rarely share a cache as well as its size says: what is used once pushes out what
# is used again. Half is the share that blocking libraries plan with (Goto and van de Geijn, ACM TOMS 2008).
_USABLE = 0.5


class CacheConfig(BaseModel):
    """A level of cache; the levels of a CPU are listed from the core outwards."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: Bytes = Field(description="Bytes of one core's own cache, or of the whole where cores share it")
    bandwidth: ClockedBandwidth = Field(description="What one core draws from it, reads and writes together")
    shared: bool = Field(False, description="Whether all cores share it")


class CpuConfig(ElementConfig):
    """Peak rates are those of one core; ``efficiency`` is the share of peak that long dense products reach."""

    cores: int = Field(1, ge=1, description="Cores; a layer takes all of them unless the mapping says otherwise")
    rate: Mapping[Precision, Rate] = Field(description="Multiply-accumulates a cycle and core, by precision")
    op_rate: OpRate = Field(Fraction(4), description="Other operations a cycle and core")
    efficiency: Share = Field(1.0, description="Share of the peak rate that the kernel of a long dense product reaches")
    overhead: Duration = Field(Fraction(0), description="Time a layer takes before it starts to compute")
    library: Literal["plain", "ncnn", "onnxruntime"] = Field(
        "plain", description="Inference library: convolution algorithms and the shares its kernels reach"
    )
    caches: tuple[CacheConfig, ...] = Field(
        (), description="Levels from the core outwards; without any, all traffic is the memory's"
    )
    core_bandwidth: Bandwidth | None = Field(
        None, description="Most that one core draws from the memory; that of the memory unless given"
    )
    serial_fraction: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0, description="Part of a layer that stays on one core however many share it"
    )
    fork_join: Duration = Field(Fraction(0), description="Time to hand a layer to several cores and to wait for all")


class Cpu(Element):
    """Each layer is one task on all cores (data parallelism) or on some of them, beside others (task parallelism)."""

    Config = CpuConfig
    config: CpuConfig
    granularities: ClassVar[tuple[str, ...]] = ("frame", "row")

    @property
    def slots(self) -> int:
        return self.config.cores

    @property
    def default_precision(self) -> str | None:
        return self.config.precision or fastest(self.config.rate)

    def speedup(self, cores: int) -> float:
        """How much faster a layer runs on that many cores than on one, memory aside (Amdahl)."""
        serial = self.config.serial_fraction
        return 1 / (serial + (1 - serial) / cores)

    def arrange(self, works: Sequence[LayerWork], assignments: Sequence[Assignment]) -> Sequence[Mapping[str, Any]]:
        """Weights that fit the last-level cache together stay there from frame to frame."""
        if not self.config.caches:
            return [{} for _ in works]
        weights = sum(work.layer.weight_bytes for work in works)
        resident = weights <= _USABLE * self._cache_bytes(self.config.cores)
        return [{"resident": resident} for _ in works]

    def stages(self, work: LayerWork, assignment: Assignment) -> Sequence[Stage]:
        """One stage: overhead, then compute overlapped with the traffic that reaches the memory.

        Options: ``algorithm`` of a convolution, ``resident`` (whether its weights stay in the last-level cache).
        """
        check_options(self.name, work.layer, assignment.options, ("algorithm", "resident"))
        config, layer, batch = self.config, work.layer, assignment.batch
        cores = min(assignment.cores or config.cores, config.cores)
        precision, rate = rate_for(config.rate, layer, self.name)
        library = LIBRARIES[config.library]
        kernel = kernel_of(layer, library, self.name, assignment.options)
        share = share_of_peak(kernel, library)
        resident = flag_option(self.name, work.layer, assignment.options, "resident")
        traffic = _Traffic(self, work, kernel, cores, resident)
        fused = layer.kind in library.fused or layer.kind in ("identity", "flatten", "reshape", "dropout")
        busy = self._arithmetic(work, kernel, float(rate) * share, cores) + traffic.cache_cycles(fused)
        streaming = traffic.stream_cycles(fused, batch)
        cycles = np.maximum(summed(busy * work.executed, batch), streaming)
        overhead = summed(self._overhead(work, cores, fused) * work.executed, batch) / batch
        geometry = layer_window(layer, assignment.granularity)
        reads, writes, weights = traffic.memory_bytes(fused, batch)
        return [
            Stage(
                name="",
                pieces=geometry.pieces,
                cycles=split_cycles(whole_cycles(cycles + overhead), work, geometry.pieces),
                windows=windows_of(geometry),
                written=geometry.written,
                read_bytes=split_amounts(reads, work, geometry.pieces),
                write_bytes=split_amounts(writes, work, geometry.pieces),
                weight_bytes=split_amounts(weights, work, geometry.pieces),
                slots=cores,
                energy_pj={
                    cause: split_amounts(summed(amount, batch), work, geometry.pieces)
                    for cause, amount in self._energy(work, kernel).items()
                },
                detail={"precision": precision, "algorithm": kernel.name, "share_of_peak": share * config.efficiency},
            )
        ]

    def _arithmetic(self, work: LayerWork, kernel: Kernel, rate: float, cores: int) -> Floats:
        """Cycles a frame of multiplies and other operations."""
        config, dense = self.config, max(1, work.layer.macs)
        speed = self.speedup(cores)
        operations = work.total_ops + kernel.adds * work.macs / dense
        return work.macs * (kernel.multiplies / dense if kernel.multiplies else 1.0) / (
            rate * config.efficiency * speed
        ) + operations / (float(config.op_rate) * speed)

    def _overhead(self, work: LayerWork, cores: int, fused: bool) -> Floats:
        """Cycles a frame before a layer computes; one that runs inside another has none of its own."""
        if fused:
            return np.zeros(1)
        seconds = self.config.overhead + (self.config.fork_join if cores > 1 else 0)
        # A layer that a library runs as a graph of small kernels, one after the other, pays for each of them.
        return np.asarray(work.extra.get("kernels", np.ones(1)) * float(seconds * self.clock_hz))

    def _energy(self, work: LayerWork, kernel: Kernel) -> dict[str, Floats]:
        """Picojoules a frame; an algorithm that multiplies less, or adds more, pays for what it does."""
        energy, dense = self.config.energy, max(1, work.layer.macs)
        found: dict[str, Floats] = {}
        if energy is not None and energy.mac is not None:
            found["mac"] = work.macs * (kernel.multiplies / dense if kernel.multiplies else 1.0) * energy.mac
        if energy is not None and energy.op is not None:
            found["op"] = (work.total_ops + kernel.adds * work.macs / dense) * energy.op
        return found

    def _cache_bytes(self, cores: int) -> float:
        """What the outermost cache holds for a layer on that many cores."""
        if not self.config.caches:
            return 0.0
        last = self.config.caches[-1]
        return float(last.size * (1 if last.shared else cores))

    def cache_rate(self, held: float, cores: int) -> float:
        """Bytes a cycle that the innermost cache level with room for ``held`` bytes gives; the outermost otherwise."""
        for level in self.config.caches:
            size = level.size * (1 if level.shared else cores)
            if held <= size or level is self.config.caches[-1]:
                return float(level.bandwidth.at(self.clock_hz) / self.clock_hz) * self.speedup(cores)
        return float("inf")


class _Traffic:
    """Bytes of one layer, and which level they come from."""

    def __init__(self, cpu: Cpu, work: LayerWork, kernel: Kernel, cores: int, resident: bool) -> None:
        self.cpu, self.work, self.kernel, self.cores = cpu, work, kernel, cores
        layer = work.layer
        self.element_bytes = max(1, layer.input_bits) / 8
        inputs = max(1, len(layer.inputs))
        self.reads = np.asarray(work.input_bytes, dtype=np.float64)
        self.writes = np.asarray(work.output_bytes, dtype=np.float64)
        self.extra_reads = self.reads * (inputs - 1) / inputs
        self.weights = self._weight_bytes()
        self.held = float(self.reads.max() + self.writes.max() + self.weights.max())
        cache = cpu._cache_bytes(cores)
        # The part of a working set beyond the last-level cache comes from memory; all of it where there is no cache.
        self.spilt = 1.0 if cache == 0 else max(0.0, 1 - cache / self.held) if self.held else 0.0
        self.resident = resident

    def _weight_bytes(self) -> Floats:
        """Bytes of weights a frame, as the algorithm stores them: transformed filters are dense again."""
        layer, work = self.work.layer, self.work
        if self.kernel.weights > layer.weights:
            return np.asarray(self.kernel.weights * layer.weight_bits / 8 * work.weight_kept * work.executed)
        return np.asarray(work.weight_bytes * work.executed, dtype=np.float64)

    def cache_cycles(self, fused: bool) -> Floats:
        """Cycles of moving data through the caches beside the arithmetic: rearranged operands, layers without reuse."""
        rate = self.cpu.cache_rate(self.held, self.cores)
        if fused:
            return np.asarray(self.extra_reads / rate)
        if self.kernel.is_product:
            share = self.work.macs / max(1, self.work.layer.macs)
            return np.asarray(self.kernel.rearranged * self.element_bytes * np.minimum(share, 1.0) / rate)
        return np.asarray((self.reads + self.writes) / rate)

    def memory_bytes(self, fused: bool, batch: int) -> tuple[Floats, Floats, Floats]:
        """Bytes a batch that the memory reads of activations, writes, and reads of weights (once a batch)."""
        reads = self.extra_reads if fused else self.reads
        writes = np.zeros(1) if fused else self.writes
        weights = np.zeros(1) if self.resident else self.weights
        return (
            summed(reads * self.spilt, batch),
            summed(writes * self.spilt, batch),
            largest(weights, batch),
        )

    def stream_cycles(self, fused: bool, batch: int) -> Floats:
        """Cycles that the cores need to draw the layer's bytes from memory; the memory's own port is a flow beside."""
        bandwidth = self.cpu.config.core_bandwidth
        if bandwidth is None:
            return np.zeros(1)
        total = sum(self.memory_bytes(fused, batch), np.zeros(1))
        return np.asarray(total * float(self.cpu.clock_hz / bandwidth) / self.cores)
