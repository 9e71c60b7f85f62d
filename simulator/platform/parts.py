"""What joins processing elements: memories, DMA engines and FIFOs, as they stand in a platform file.

Each is a name and a frozen config, like a processing element; the methods give the figures a lowering needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from simulator.errors import UnitError
from simulator.units import (
    BitCount,
    Bytes,
    ClockedBandwidth,
    ClockedDuration,
    DataRate,
    EnergyPerBit,
    Frequency,
    Power,
    Share,
    Span,
    Tokens,
)

__all__ = ["Dma", "DmaConfig", "Fifo", "FifoConfig", "Memory", "MemoryConfig", "MemoryEnergy", "TransferEnergy"]

Count = Annotated[int, Field(ge=1)]
Floats = npt.NDArray[np.float64]


class _Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MemoryEnergy(_Config):
    """Energy of a memory by cause; what is not given is not modelled."""

    access: EnergyPerBit | None = Field(None, description="Energy of a bit read or written")
    read: EnergyPerBit | None = Field(None, description="Energy of a bit read; 'access' unless given")
    write: EnergyPerBit | None = Field(None, description="Energy of a bit written; 'access' unless given")
    idle: Power | None = Field(None, description="Power drawn all the time: leakage, refresh, interface")


class TransferEnergy(_Config):
    """Energy of a DMA engine or FIFO by cause, beside that of the memories at its ends."""

    transfer: EnergyPerBit | None = Field(None, description="Energy of a bit moved through it")
    idle: Power | None = Field(None, description="Power drawn all the time")


class _Clocked(_Config):
    clock: Frequency | None = Field(None, description="Clock of its port; needed where a value is per cycle")

    @field_validator("*")
    @classmethod
    def _cycles_need_a_clock(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, DataRate | Span) and "clock" in info.data:
            try:
                value.at(info.data["clock"])
            except UnitError as error:
                raise ValueError(str(error)) from error
        return value


class MemoryConfig(_Clocked):
    """A memory with one port that all its users share, unless reads and writes have bandwidths of their own."""

    size: Bytes = Field(description="Bytes it holds")
    bandwidth: ClockedBandwidth = Field(description="Peak of reads and writes together")
    read_bandwidth: ClockedBandwidth | None = Field(None, description="Peak of reads alone, at most the bandwidth")
    write_bandwidth: ClockedBandwidth | None = Field(None, description="Peak of writes alone, at most the bandwidth")
    port_bandwidth: ClockedBandwidth | None = Field(
        None, description="What one user's port carries; as much as the memory unless given"
    )
    efficiency: Share = Field(1.0, description="Share of the peak that long mixed traffic reaches")
    read_efficiency: Share | None = Field(None, description="Share that reads alone reach; 'efficiency' unless given")
    write_efficiency: Share | None = Field(None, description="Share that writes alone reach; 'efficiency' unless given")
    latency: ClockedDuration = Field(
        Span(Fraction(0), False), description="From a request to its first byte; DMA transfers pay it"
    )
    banks: Count = Field(1, description="Banks that are accessed independently; the bandwidth is that of all")
    interleaved: bool = Field(True, description="Addresses go round the banks; if not, a user reaches one at a time")
    serves: tuple[str, ...] | None = Field(
        None, min_length=1, description="Processing elements that reach it directly; all unless given"
    )
    energy: MemoryEnergy | None = Field(None, description="Energy by cause; not modelled where absent")

    @field_validator("read_bandwidth", "write_bandwidth")
    @classmethod
    def _directions_fit_the_port(cls, value: DataRate | None, info: ValidationInfo) -> DataRate | None:
        if value is None or not {"bandwidth", "clock"} <= info.data.keys():  # those have faults of their own
            return value
        port, clock = info.data["bandwidth"], info.data["clock"]
        if value.at(clock) > port.at(clock):
            raise ValueError(f"{value} is more than the bandwidth of the port, {port}; lower it")
        return value


class DmaConfig(_Clocked):
    """An engine that copies between two memories, or a memory and an element with a store of its own, both ways."""

    moves: tuple[str, str] = Field(description="The two ends, each a memory or a processing element")
    channels: Count = Field(1, description="Transfers in flight at the same time")
    setup: ClockedDuration = Field(Span(Fraction(0), False), description="Before each transfer: descriptor, driver")
    bandwidth: ClockedBandwidth | None = Field(None, description="Peak of one channel; that of its ends unless given")
    burst: Bytes | None = Field(None, description="Bytes of one request; a transfer is a whole number of them")
    latency: ClockedDuration = Field(Span(Fraction(0), False), description="From a request to its first byte")
    outstanding: Count = Field(1, description="Requests in flight on one channel")
    gap: ClockedDuration = Field(Span(Fraction(0), False), description="Idle time of the channel after each burst")
    refresh_period: ClockedDuration = Field(
        Span(Fraction(78, 10**7), False), description="From one refresh to the next; 7.8 us unless given"
    )
    refresh: ClockedDuration = Field(
        Span(Fraction(0), False),
        description="Time for which the DRAM behind it does not answer at each refresh; requests in flight cover some",
    )
    energy: TransferEnergy | None = Field(None, description="Energy by cause; not modelled where absent")

    @field_validator("moves")
    @classmethod
    def _has_two_ends(cls, value: tuple[str, str]) -> tuple[str, str]:
        if value[0] == value[1]:
            raise ValueError(f"moves from '{value[0]}' to itself; name two different ends")
        return value

    @field_validator("burst")
    @classmethod
    def _moves_something(cls, value: int | None) -> int | None:
        if value == 0:
            raise ValueError("a burst of nothing; write at least '1 B', or leave it out")
        return value

    @field_validator("latency", "gap", "refresh")
    @classmethod
    def _is_paid_by_bursts(cls, value: Span, info: ValidationInfo) -> Span:
        if value.amount and (info.data.get("burst", 1) is None or info.data.get("bandwidth", 1) is None):
            raise ValueError("is paid for each burst; give 'burst' and 'bandwidth' too, or write it as 'setup'")
        return value

    @field_validator("refresh")
    @classmethod
    def _leaves_time_to_answer(cls, value: Span, info: ValidationInfo) -> Span:
        if not {"refresh_period", "clock"} <= info.data.keys():  # those have faults of their own
            return value
        if value.at(info.data["clock"]) >= info.data["refresh_period"].at(info.data["clock"]):
            raise ValueError(f"must be shorter than 'refresh_period', {info.data['refresh_period']}")
        return value


class FifoConfig(_Config):
    """A bounded queue from one element to another; a full queue stalls its writer."""

    writer: str = Field(alias="from", description="Processing element that writes it")
    reader: str = Field(alias="to", description="Processing element that reads it")
    depth: Tokens = Field(description="Tokens it holds")
    width: BitCount | None = Field(None, description="Bits of one token; the tensor's own unless given")
    lives_in: str | None = Field(None, description="Memory that holds it; registers or fabric memory unless given")
    energy: TransferEnergy | None = Field(None, description="Energy by cause; not modelled where absent")

    @field_validator("depth")
    @classmethod
    def _holds_something(cls, value: int) -> int:
        if value < 1:
            raise ValueError("holds nothing; write at least '1 token'")
        return value


@dataclass(frozen=True, slots=True)
class Memory:
    """A memory of the platform; bandwidths in bytes per second after ``efficiency``."""

    name: str
    config: MemoryConfig

    @property
    def size(self) -> int:
        """Bytes."""
        return self.config.size

    @property
    def bandwidth(self) -> Fraction:
        """Bytes a second that its port sustains, reads and writes together."""
        return self._sustained(self.config.bandwidth)

    @property
    def read_bandwidth(self) -> Fraction:
        """Bytes a second that reads alone sustain."""
        return self._sustained(self.config.read_bandwidth or self.config.bandwidth, self.config.read_efficiency)

    @property
    def write_bandwidth(self) -> Fraction:
        """Bytes a second that writes alone sustain."""
        return self._sustained(self.config.write_bandwidth or self.config.bandwidth, self.config.write_efficiency)

    @property
    def port_bandwidth(self) -> Fraction | None:
        """Bytes a second that one user reaches at most; None where only the memory bounds it.

        Without interleaving that is one bank.
        """
        config = self.config
        limits = [] if config.port_bandwidth is None else [config.port_bandwidth.at(config.clock)]
        if not config.interleaved and config.banks > 1:
            limits.append(self.bandwidth / config.banks)
        return min(limits, default=None)

    def port_bytes(self, read: Floats, write: Floats) -> Floats:
        """Traffic of each firing as bytes of long mixed traffic, of which the port carries ``bandwidth`` a second.

        Reads and writes of one firing interleave as far as they pair up, at the mixed rate (the bus turns round) or
        that of the two one after the other, whichever is slower; the rest is of one direction alone.
        """
        each_read, each_write = (
            float(self.bandwidth / self.read_bandwidth),
            float(self.bandwidth / self.write_bandwidth),
        )
        paired = np.minimum(read, write)
        mixed = max(1.0, (each_read + each_write) / 2)
        total: Floats = 2 * paired * mixed + (read - paired) * each_read + (write - paired) * each_write
        return total

    @property
    def latency(self) -> Fraction:
        """Seconds from a request to its first byte."""
        return self.config.latency.at(self.config.clock)

    @property
    def read_energy(self) -> float | None:
        """Picojoules per bit read; None is not modelled."""
        energy = self.config.energy
        return None if energy is None else energy.access if energy.read is None else energy.read

    @property
    def write_energy(self) -> float | None:
        """Picojoules per bit written; None is not modelled."""
        energy = self.config.energy
        return None if energy is None else energy.access if energy.write is None else energy.write

    @property
    def idle_power(self) -> float | None:
        """Watts drawn all the time; None is not modelled."""
        return None if self.config.energy is None else self.config.energy.idle

    def _sustained(self, peak: DataRate, share: float | None = None) -> Fraction:
        return peak.at(self.config.clock) * Fraction(str(self.config.efficiency if share is None else share))


@dataclass(frozen=True, slots=True)
class Dma:
    """A DMA engine of the platform."""

    name: str
    config: DmaConfig

    @property
    def setup(self) -> Fraction:
        """Seconds before each transfer, on its channel."""
        return self.config.setup.at(self.config.clock)

    @property
    def bandwidth(self) -> Fraction | None:
        """Bytes a second that one channel sustains; None where only its ends bound it.

        With bursts, ``outstanding`` requests overlap their latency, and each leaves the channel idle for ``gap``: a
        burst takes max(burst / peak + gap, (latency + burst / peak) / outstanding). The time that the requests in
        flight last beyond one latency covers that much of a refresh; the rest of it is lost in each refresh period.

        With one latency and DDR4's refresh of 350 ns this law fits AXI reads of 256 bits from an Alveo card (bursts of
        4, 16 and 32 beats, 4 and 32 in flight) within 1 %, with another latency and a gap of four clocks writes within
        4 %, and so fitted it tells reads of 512 bits within 4 %. Source: Xilinx Vitis_Accel_Examples,
        performance/axi_burst_performance, hardware log in its README.
        """
        config = self.config
        if config.bandwidth is None:
            return None
        peak = config.bandwidth.at(config.clock)
        if config.burst is None:
            return peak
        beats = Fraction(config.burst) / peak
        answered = config.latency.at(config.clock) + beats
        each = max(beats + config.gap.at(config.clock), answered / config.outstanding)
        lost = max(Fraction(0), config.refresh.at(config.clock) - (config.outstanding * each - answered))
        return config.burst / each * (1 - lost / config.refresh_period.at(config.clock))

    def moved_bytes(self, wanted: int) -> int:
        """Bytes that cross for a transfer of ``wanted`` bytes: whole bursts."""
        burst = self.config.burst
        return wanted if burst is None else ceil(Fraction(wanted, burst)) * burst


@dataclass(frozen=True, slots=True)
class Fifo:
    """A FIFO of the platform file."""

    name: str
    config: FifoConfig

    @property
    def writer(self) -> str:
        """The element that writes it."""
        return self.config.writer

    @property
    def reader(self) -> str:
        """The element that reads it."""
        return self.config.reader

    @property
    def depth(self) -> int:
        """Tokens it holds."""
        return self.config.depth
