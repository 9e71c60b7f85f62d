"""NVDLA, Eyeriss, TPU v1, Edge TPU and EIE against what their makers published."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from experiments.validation.rows import Row, aggregate
from simulator.mapping import MappingRules
from simulator.mapping.mapping import LayerRule
from simulator.platform import load_platform
from simulator.simulation import simulate
from simulator.strict_yaml import read_yaml
from workloads.builder import NetworkBuilder
from workloads.generators import static_stream
from workloads.layers import Layer
from workloads.loading import load_network
from workloads.network import Network
from workloads.tokens import TokenStream

_FOLDER = Path(__file__).parents[2] / "tests" / "reference" / "hardware"
_INT8 = {"number": "int", "weight_bits": 8, "input_bits": 8, "output_bits": 8}


def rows() -> list[Row]:
    """All accelerators, in the order of the reference file."""
    return [*nvdla_rows(), *eyeriss_rows(), *tpu_rows(), *edge_tpu_rows(), *eie_rows()]


@cache
def _figures() -> Mapping[str, Any]:
    path = _FOLDER / "asic.yaml"
    found: Mapping[str, Any] = read_yaml(path.read_text(), path.name).plain()
    return found


# NVDLA


def nvdla_rows() -> list[Row]:
    """Each layer of the performance sheet, its totals, and the primer's frame rates."""
    group, source = "NVDLA", "NVDLA_OpenSource_Performance.xlsx (nvdla/hw, 8e06b1b)"
    found: list[Row] = []
    for network, gbps in (("alexnet", 10), ("resnet50", 20)):
        cycles, _ = _nvdla_run(network, 2048, 512, gbps)
        for number, line in enumerate(_sheet(network)):
            case = f"{network} {number:02d} {line['layer']}"
            found.append(Row(group, case, "cycles", float(line["cycles"]), cycles[number], 0.001, source))
    for network, configurations in _figures()["nvdla_sheet"].items():
        for macs, buffer, gbps, fps in configurations:
            case = f"sheet, {network}, {macs} MACs, {buffer} KB, {gbps} GB/s"
            found.append(Row(group, case, "frame/s", fps, _nvdla_run(network, macs, buffer, gbps)[1], 0.001, source))
    primer = "NVDLA Primer, example area and performance (nvdla.github.io, 0fa0e49)"
    for macs, buffer, gbps, printed, exact in _figures()["nvdla_primer"]:
        fps = _nvdla_run("resnet50", macs, buffer, gbps)[1]
        case = f"primer, resnet50, {macs} MACs, {buffer} KB, {gbps} GB/s"
        found.append(Row(group, case, "frame/s", exact, fps, 0.001, primer, f"printed as {printed}"))
    return found


@cache
def _sheet(network: str) -> tuple[dict[str, str], ...]:
    with (_FOLDER / "nvdla_layers.csv").open() as stream:
        lines = [line for line in stream if not line.startswith("#")]
    return tuple(line for line in csv.DictReader(lines) if line["network"] == network)


def _nvdla_run(network: str, macs: int, buffer: int, gbps: float) -> tuple[list[float], float]:
    """Cycles of each layer (at 1 GHz) and frames a second."""
    prefix = "processing_elements.nvdla"
    overrides = {f"{prefix}.macs": str(macs), f"{prefix}.buffer": f"{buffer} KiB"}
    overrides["memories.dram.bandwidth"] = f"{gbps * 1.024:.6f} GB/s"
    if network == "alexnet":  # that page of the sheet pads kernels to 16, never reads again and batches dense layers
        overrides |= {f"{prefix}.kernel_padding": "16", f"{prefix}.buffer": "null", f"{prefix}.fc_batch": "16"}
    options = []
    for number, line in enumerate(_sheet(network)):
        written = float(line["out_kb"]) * 1024
        given = {"output": written} | ({"residual": written} if line["residual"] == "1" else {})
        options.append(LayerRule(f"l{number}", options=given))
    platform = load_platform("nvdla-large", overrides)
    result = simulate(platform, _sheet_network(network), MappingRules(layers=options), frames=1)
    times = result.layers.set_index("layer")["time_us"]
    cycles = [float(times[f"l{number}"]) * 1000 for number in range(len(options))]
    return cycles, 1000 / float(result.summary()["elapsed_ms"])


def _sheet_network(network: str) -> Network:
    """The layers of the sheet side by side, as it prices each alone."""
    layers: dict[str, Layer] = {}
    for number, line in enumerate(_sheet(network)):
        channels, high, wide, kernels, kernel, stride, out = (
            int(line[key]) for key in ("C", "H", "W", "K", "R", "stride", "out")
        )
        if line["layer"] == "conv1":
            out = (high - kernel) // stride + 1  # the sheet's MACs are those of 54 x 54
        is_dense = line["kind"] == "fc"
        weights = channels * kernels * kernel * kernel
        shape = (channels * high * wide,) if is_dense else (channels, high, wide)
        layers[f"x{number}"] = Layer(f"x{number}", "input", (), (), shape, **_INT8)  # type: ignore[arg-type]
        layers[f"l{number}"] = Layer(
            f"l{number}",
            "dense" if is_dense else "conv",
            (f"x{number}",),
            (shape,),
            (kernels,) if is_dense else (kernels, out, out),
            kernel=None if is_dense else (kernel, kernel),
            stride=(1, 1) if is_dense else (stride, stride),
            weights=weights,
            params=weights,
            macs=weights * (1 if is_dense else out * out),
            **_INT8,  # type: ignore[arg-type]
        )
    return Network(f"{network}-sheet", layers)


# Eyeriss


def eyeriss_rows() -> list[Row]:
    """Processing latency and power of AlexNet's convolutions; accesses to the global buffer are shown."""
    group, source = "Eyeriss", "Y.-H. Chen et al., IEEE JSSC 52(1), 2017, table V (via cucapra/fodlam, cde53fd)"
    published = _figures()["eyeriss_alexnet"]
    platform = load_platform("eyeriss")
    network = load_network("alexnet-caffe").with_precision(16, 16)
    zeros = {name: figures[2] / 100 for name, figures in published.items() if name != "total"}
    stream = _with_density(static_stream(network, 4), {name: 1 - share for name, share in zeros.items()})
    table = simulate(platform, stream).layers.set_index("layer")
    energy = platform.element("array").config.energy
    idle = 0.0 if energy is None or energy.idle is None else energy.idle
    found: list[Row] = []
    spent = total = 0.0
    for name in zeros:
        time_ms = 4 * float(table.loc[name, "time_us"]) / 1000
        power = 1000 * (idle + float(table.loc[name, "energy_uj"]) / float(table.loc[name, "time_us"]))
        moved = 4 * float(table.loc[name, "global_buffer_bytes"]) / 1e6
        total, spent = total + time_ms, spent + time_ms * power
        latency, milliwatts, _, accesses = published[name]
        found += [
            Row(group, f"AlexNet {name}, processing of 4 frames", "ms", latency, time_ms, 0.08, source),
            Row(group, f"AlexNet {name}, power", "mW", milliwatts, power, 0.10, source, "two fitted constants"),
            Row(group, f"AlexNet {name}, global buffer", "MB", accesses, moved, None, source, "mapping is ours"),
        ]
    latency, milliwatts = published["total"]
    return [
        *found,
        Row(group, "AlexNet, processing of 4 frames", "ms", latency, total, 0.03, source, "one fitted PE factor"),
        Row(group, "AlexNet, power", "mW", milliwatts, spent / total, 0.10, source, "two fitted constants"),
    ]


def _with_density(stream: TokenStream, density: Mapping[str, float]) -> TokenStream:
    work = dict(stream.work)
    for name, share in density.items():
        work[name] = replace(work[name], input_density=np.array([share]))
    return replace(stream, work=work)


# TPU v1


def tpu_rows() -> list[Row]:
    """Achieved TOPS of four applications, from the numbers of layers and weights in table 1."""
    source = "N. Jouppi et al., ISCA 2017, tables 1 and 3"
    notes = {
        "MLP0": "5 dense layers of 2000 x 2000",
        "MLP1": "4 dense layers of 1118 x 1118",
        "LSTM0": "24 dense layers of 1472 x 1472; gates are left out",
        "CNN0": "13 layers 3 x 3 and 3 layers 1 x 1 of 256 channels on 19 x 19, as 2888 = 8 * 361 asks",
    }
    found = []
    for name, (batch, tops) in _figures()["tpu_v1"].items():
        network = _tpu_application(name)
        result = simulate("tpu-v1", network, MappingRules(batch=batch), frames=4 * batch)
        achieved = 2e-12 * network.macs * float(result.summary()["throughput_fps"])
        note = f"assumed: {notes[name]}; one fitted share of the weight memory's peak for all"
        found.append(Row("TPU v1", f"{name}, batch {batch}", "TOPS", tops, achieved, 0.08, source, note))
    return found


def _tpu_application(name: str) -> Network:
    b = NetworkBuilder(name.lower(), number="int", weight_bits=8, activation_bits=8)
    if name == "CNN0":
        x = b.input((256, 19, 19))
        for kernel in (3,) * 13 + (1,) * 3:
            x = b.conv(x, 256, kernel, 1, kernel // 2, bias=False)
        return b.build()
    layers, wide = {"MLP0": (5, 2000), "MLP1": (4, 1118), "LSTM0": (24, 1472)}[name]
    x = b.input((wide,))
    for _ in range(layers):
        x = b.dense(x, wide, bias=False)
    return b.build()


# Edge TPU


def edge_tpu_rows() -> list[Row]:
    """Eleven models from their MACs and weights alone, at both hosts."""
    source = 'Coral documentation, "Edge TPU performance benchmarks", table 1'
    found: list[Row] = []
    for platform, column, where in (("coral-edge-tpu", "usb", "USB 3"), ("coral-dev-board", "board", "dev board")):
        own = []
        for model, figures in _figures()["edge_tpu"].items():
            result = simulate(platform, _counted(model, figures["macs"], figures["weights"]), frames=1)
            note = "MACs and weights recalled, not counted" if figures.get("recalled") else ""
            time_ms = float(result.summary()["elapsed_ms"])
            own.append(Row("Edge TPU", f"{model}, {where}", "ms", figures[column], time_ms, None, source, note))
        note = "segmentation and detection spend most of their time in host code that the model leaves out"
        found += [*own, aggregate(own, "Edge TPU", f"median error of 11 models, {where}", 0.5, 0.20, source, note)]
    return found


def _counted(name: str, macs: float, weights: float, layers: int = 8) -> Network:
    """A chain of equal pointwise layers with as many MACs and weights (in millions)."""
    b = NetworkBuilder(name, number="int", weight_bits=8, activation_bits=8)
    channels = round(math.sqrt(weights * 1e6 / layers))
    x = b.input((channels, 1, max(1, round(macs / weights))))
    for _ in range(layers):
        x = b.conv(x, channels, 1, 1, 0, bias=False)
    return b.build()


# EIE


def eie_rows() -> list[Row]:
    """Three layers of AlexNet from their densities, and from the published time without imbalance."""
    source = "S. Han et al., ISCA 2016, table IV (via cucapra/fodlam, cde53fd)"
    found: list[Row] = []
    for name, (ins, outs, weights, activations, theoretical, actual) in _figures()["eie"].items():
        b = NetworkBuilder(name, number="int", weight_bits=16, activation_bits=16)
        b.dense(b.input((ins,)), outs, bias=False, name=name)
        network = b.build()
        sparse: Sequence[Layer] = [
            replace(layer, weight_density=weights) if layer.name == name else layer for layer in network.layers.values()
        ]
        stream = _with_density(static_stream(network.with_layers(sparse), 1), {name: activations})
        table = simulate("eie-64pe", stream).layers.set_index("layer")
        time_us, balance = float(table.loc[name, "time_us"]), float(table.loc[name, "load_balance"])
        note = "densities recalled, not read"
        found += [
            Row("EIE", f"AlexNet {name}, from densities", "us", actual, time_us, 0.20, source, note),
            Row(
                "EIE", f"AlexNet {name}, given the theoretical time", "us", actual, theoretical / balance, 0.10, source
            ),
        ]
    return found
