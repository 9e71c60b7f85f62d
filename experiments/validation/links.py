"""DMA engines, AXI bursts, memory ports and PCIe copies against published rates.

Each figure is a run of two elements with memories of their own and the DMA engine between them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from experiments.validation.rows import Row
from simulator.mapping import MappingRules
from simulator.mapping.mapping import LayerRule
from simulator.platform import load_platform
from simulator.simulation import simulate
from simulator.strict_yaml import read_yaml
from workloads.builder import NetworkBuilder

_TABLE = Path(__file__).parents[2] / "tests" / "reference" / "hardware" / "links.yaml"
_MIB = 1 << 20
_PLATFORM = """
format: platform/1
name: transfer
processing_elements:
  writer: {{model: gpu, clock: 1 GHz, rate: {{int8: 1000000000 MAC/cycle}}, queues: 8}}
  reader: {{model: gpu, clock: 1 GHz, rate: {{int8: 1000000000 MAC/cycle}}, queues: 8}}
memories:
  source: {{size: 4 GiB, bandwidth: {source}, serves: [writer]}}
  target: {{size: 4 GiB, bandwidth: {target}, serves: [reader]}}
dma:
  dma: {{moves: [source, target], {dma}}}
"""


def rows() -> list[Row]:
    """All transfers, in the order of the reference file."""
    return [*axi_rows(), *burst_rows(), *port_rows(), *pcie_rows()]


@cache
def _figures() -> Mapping[str, Any]:
    found: Mapping[str, Any] = read_yaml(_TABLE.read_text(), _TABLE.name).plain()
    return found


def axi_rows() -> list[Row]:
    """Descriptor engines on a 32-bit port at 100 MHz."""
    port = "clock: 100 MHz, bandwidth: 4 B/cycle"
    dma, mover = "AMD PG021 v7.1, Performance", "AMD PG022 v5.1, Throughput"
    figures = _figures()
    read = rate(10_000, f"{port}, setup: 6 cycle") / 1e6
    write = rate(10_000, f"{port}, setup: 39 cycle, burst: 64 B, gap: 5 cycle") / 1e6
    moved = rate(_MIB, f"{port}, setup: 11 cycle, burst: 1 KiB, gap: 6 cycle", times=8) / 1e6
    gap = "fit: the gap after each burst"
    return [
        Row("AXI", "DMA, memory to stream", "MB/s", figures["axi_dma"]["mm2s"], read, 0.05, dma),
        Row("AXI", "DMA, stream to memory", "MB/s", figures["axi_dma"]["s2mm"], write, 0.05, dma, gap + ", 5 clocks"),
        Row("AXI", "DataMover", "MB/s", figures["axi_datamover"], moved, 0.05, mover, gap + ", 6 clocks"),
    ]


def burst_rows() -> list[Row]:
    """Ports of 256 and 512 bits on DDR4 against the length of bursts and the requests in flight.

    DDR4 of 8 Gb a device does not answer for 350 ns in 7.8 us (JEDEC JESD79-4, recalled). The port of 256 bits takes
    half of what the memory has, and the one latency of each direction and the gap are fitted on it; the other takes
    all, and nothing is fitted.
    """
    source = "Vitis_Accel_Examples, performance/axi_burst_performance (3f4d3ad)"
    read, write = "latency: 214 ns, refresh: 350 ns", "latency: 164 ns, gap: 4 cycle, refresh: 350 ns"
    fits = "fit: latency 214 ns for all reads", "fit: latency 164 ns and a gap of 4 clocks for all writes"
    held = "nothing fitted: latencies and gap of the 256-bit port; the memory's 19.2 GB/s less its refresh"
    found: list[Row] = []
    for table, width, memory in (
        ("alveo_bursts", 32, "10 TB/s"),
        ("alveo_wide_bursts", 64, f"19.2 GB/s, efficiency: {100 - 35000 / 7800:.2f}%"),
    ):
        is_fitted = width == 32
        for beats, outstanding, wrote, was_read in _figures()[table]:
            port = f"clock: 300 MHz, bandwidth: {width} B/cycle, burst: {width * beats} B, outstanding: {outstanding}"
            case = f"{8 * width} bit, bursts of {beats}, {outstanding} in flight"
            reads = rate(16 * _MIB, f"{port}, {read}", source=memory) / 2**30
            writes = rate(16 * _MIB, f"{port}, {write}", target=memory) / 2**30
            within, notes = (0.05, fits) if is_fitted else (None, (held, held))
            found += [
                Row("AXI", f"reads, {case}", "GiB/s", was_read, reads, within, source, notes[0]),
                Row("AXI", f"writes, {case}", "GiB/s", wrote, writes, within, source, notes[1]),
            ]
    return found


def port_rows() -> list[Row]:
    """Four ports of 1200 MB/s on the DDR3 of a Zynq-7000 (4.2 GB/s, 87 % for mixed traffic)."""
    source = "rsoc-framework.com, fast DMA transfers; AMD UG585, DDR efficiency"
    total = rate(_MIB, "channels: 4, bandwidth: 1.2 GB/s", source="4.2 GB/s, efficiency: 87 %", chains=4) / 1e6
    return [Row("DRAM", "Zynq-7000, all ports together", "MB/s", _figures()["zynq_ports"], total, 0.05, source)]


def pcie_rows() -> list[Row]:
    """Large copies: packets of 128 bytes with 24 bytes of header each."""
    note = "128 B of payload and 24 B of header a packet are recalled; hosts differ"
    found: list[Row] = []
    for link, raw, measured in _figures()["pcie_copies"]:
        header_ns = 24 / raw
        ours = rate(32 * 10**6, f"bandwidth: {raw} GB/s, burst: 128 B, outstanding: 64, gap: {header_ns:.6f} ns") / 1e9
        found.append(
            Row("PCIe", f"{link}, to the device", "GB/s", measured, ours, None, "CUDA bandwidthTest logs", note)
        )
    return found


def rate(
    size: int, dma: str, *, source: str = "10 TB/s", target: str = "10 TB/s", times: int = 1, chains: int = 1
) -> float:
    """Bytes a second while ``chains`` tensors of ``size`` bytes at a time cross the engine, ``times`` times."""
    b = NetworkBuilder("transfer", number="int", weight_bits=8, activation_bits=8)
    rules: list[LayerRule] = []
    for chain in range(chains):
        x = b.dense(b.input((1,)), size, bias=False, name=f"write{chain}")
        b.dense(x, 1, bias=False, name=f"read{chain}")
        rules += [LayerRule(f"write{chain}", element="writer"), LayerRule(f"read{chain}", element="reader")]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "transfer.yaml"
        path.write_text(_PLATFORM.format(dma=dma, source=source, target=target))
        platform = load_platform(path)
    stages = simulate(platform, b.build(), MappingRules(layers=rules), frames=times).stages
    copies = stages[stages["role"] == "dma"]
    busy = copies[[f"{state}_us" for state in ("compute", "memory_bound", "stalled")]].sum(axis=1)
    # The copies of all chains run at the same time: the slowest one ends them.
    return chains * times * size / (float(busy.max()) * 1e-6)
