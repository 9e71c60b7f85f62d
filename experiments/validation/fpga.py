"""FPGA pipelines against FINN's published accelerators: throughput, latency, RTL simulations, fabric."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from experiments import finn
from experiments.validation.rows import Row
from simulator.elements.streaming import resources
from simulator.elements.streaming.resources import MatrixUnit
from simulator.mapping import LayerRule, MappingRules
from workloads.loading import load_network

_REFERENCE = Path(__file__).parents[2] / "tests" / "reference" / "finn" / "figures.csv"
_FRAMES = 12
_ONE_OVERHEAD = (
    "the host stack's 2.76 us a frame are fitted to LFC's batch run alone; window units of finn-hlslib wait for the"
    " next row while they send this one"
)
_FOLDS = {
    "tfc-fold-1": (28, ((64, 56), (16, 64), (16, 64), (5, 64)), 5),
    "tfc-fold-2": (112, ((32, 112), (16, 64), (16, 64), (5, 64)), 5),
    "tfc-fold-3": (112, ((64, 112), (16, 64), (16, 64), (5, 64)), 5),
}
"""PE of the thresholding, (PE, SIMD) of the dense layers and PE of the label select. Only cycles are published
(28 28 14 4 4 2 2, then 7 14 4 4 2 2, then 7 7 4 4 2 2); these are the foldings assumed for them."""


def rows() -> list[Row]:
    """All figures, judged or shown."""
    return [*_overlays(), *_perceptrons(), *_rtl(), *_estimates(), *_unit_estimates(), *_fabric()]


@cache
def _figures() -> dict[tuple[str, str], tuple[float, str, str]]:
    with _REFERENCE.open() as stream:
        next(stream)
        return {
            (line["case"], line["figure"]): (float(line["value"]), line["unit"], line["source"])
            for line in csv.DictReader(stream)
        }


def _row(
    group: str, case: str, figure: str, simulated: float, tolerance: float | None, note: str = "", label: str = ""
) -> Row:
    value, unit, source = _figures()[case, figure]
    return Row(f"fpga, {group}", f"{case} {label or figure}", unit, value, simulated, tolerance, source, note)


def _overlays() -> Iterator[Row]:
    """CNV of BNN-PYNQ, and FINN's build of it for the AUP-ZU3."""
    for precision in ("w1a1", "w1a2", "w2a2"):
        case, network = f"cnv-{precision}", finn.cnv_bnn_pynq(precision)
        run = finn.run_on("ultra96-fpga", network, finn.cnv_bnn_pynq_rules(precision), _FRAMES)
        yield _row("throughput", case, "throughput", run.images_per_second, 0.01)
        if precision == "w1a2":
            spread = "two readings are published; precision changes nothing in the pipeline"
            yield _row("latency", case, "latency_low", run.latency_us, None, spread)
            yield _row("latency", case, "latency_high", run.latency_us, None, spread)
            continue
        yield _row("latency", case, "latency", run.latency_us, 0.12, _ONE_OVERHEAD)
    one = finn.run_on("ultra96-fpga", finn.cnv_bnn_pynq("w1a1"), finn.cnv_bnn_pynq_rules("w1a1"), 3)
    last = one.latency_us + 2e6 / 9155.27
    note = "three images take twice the interval of a long batch each in the measurement, without known cause"
    yield _row("latency", "cnv-w1a1", "three_images", last, None, note)
    folding = finn.MAPPINGS / "cnv-w1a1-aup-zu3_folding_config.json"
    # FINN's estimate for this design is twice the LUTs of the board that it runs on, so the device is left out.
    run = finn.run_on(finn.with_fpga("aup-zu3", device=None), "cnv-w1a1", folding, _FRAMES, "pixel")
    note = "measured 2.3 times slower than its slowest operator; the build's FIFO sizing timed out"
    yield _row("throughput", "cnv-w1a1-aup-zu3", "throughput", run.images_per_second, None, note)
    yield _row("operators", "cnv-w1a1-aup-zu3", "estimate_sum", sum(run.expected_cycles().values()), 0)


def _perceptrons() -> Iterator[Row]:
    """Dense networks, where the host and its port set the pace."""
    foldings = {
        "w1a1": (392, ((32, 784), (32, 64), (32, 64), (5, 64)), 5),
        "w1a2": (98, ((8, 784), (8, 64), (8, 64), (2, 64)), 2),
        "w2a2": (98, ((16, 392), (8, 64), (8, 64), (2, 64)), 2),
    }
    for precision, folds in foldings.items():
        board = finn.with_fpga("aup-zu3", device=None)
        run = finn.run_on(board, load_network(f"tfc-{precision}"), _tfc_rules(*folds, "word"), 200)
        note = "49 cycles for 784 bytes at 16 a cycle and 36 of the PYNQ driver, one value for all three"
        yield _row("DMA-bound", f"tfc-{precision}-aup-zu3", "throughput", run.images_per_second, 0.10, note)
    rules = finn.folded(finn.LFC_FOLDING, "word")
    for precision in ("w1a1", "w1a2"):
        network = finn.perceptron(f"lfc-{precision}", (832, 1024, 1024, 1024, 64), precision)
        run = finn.run_on(finn.with_fpga("ultra96-fpga", device=None), network, rules, 50)
        note = "the figure that the overhead of the BNN-PYNQ stack is fitted to" if precision == "w1a1" else ""
        yield _row("DMA-bound", f"lfc-{precision}", "throughput", run.images_per_second, None, note)
        if precision == "w1a1":
            for figure in ("latency_low", "latency_high"):
                yield _row("latency", "lfc-w1a1", figure, run.latency_us, None, "between two readings")
            yield _row("operators", "lfc-w1a1", "estimate_sum", sum(run.expected_cycles().values()), 0)
    yield from _papers()


def _papers() -> Iterator[Row]:
    """The designs of the FINN paper, whose foldings are not published: folded here to the published interval."""
    board = finn.bare("ultra96-fpga", clock="200 MHz")
    network = finn.perceptron("sfc-max", (784, 256, 256, 256, 10), "w1a1")
    dense = {"fc0": {"pe": 256, "simd": 49}, "fc1": {"pe": 256, "simd": 16}, "fc2": {"pe": 256, "simd": 16}}
    run = finn.run_on(board, network, finn.folded({**dense, "fc3": {"pe": 10, "simd": 16}}, "word"), 100)
    note = "folding not published: 16 cycles a layer, no host"
    yield _row("throughput", "sfc-max", "throughput", run.images_per_second, None, note)
    yield _row("latency", "sfc-max", "latency", run.latency_us, None, note)
    layers = [LayerRule("*", options={"target_cycles": 9131}), LayerRule("conv*", options={"swg": "hls"})]
    layers.append(LayerRule("conv1", options={"pe": 64, "simd": 64}))
    run = finn.run_on(board, "cnv-w1a1", MappingRules(layers=layers, element="fpga", granularity="pixel"), _FRAMES)
    note = "folding not published: SetFolding to 9130 cycles, no host"
    yield _row("throughput", "cnv-max", "throughput", run.images_per_second, None, note)
    yield _row("latency", "cnv-max", "latency", run.latency_us, None, note)


def _rtl() -> Iterator[Row]:
    """RTL simulations of TFC: one image, no host."""
    board = finn.bare("pynq-z1")
    rules = finn.MAPPINGS / "tfc-1000-cycles.yaml"
    run = finn.run_on(board, "tfc-w1a1", rules, 1)
    yield _row("RTL simulation", "tfc-1000-cycles", "latency", run.latency_us * 100, 0.02)
    # FINN counts its Reshape, a word a cycle that leaves as it came, as one more operator; it is no layer here.
    reshape = 784
    note = "with 784 cycles of FINN's Reshape, which moves the image unchanged"
    yield _row("operators", "tfc-1000-cycles", "estimate_sum", sum(run.expected_cycles().values()) + reshape, 0, note)
    for case, folds in _FOLDS.items():
        run = finn.run_on(board, "tfc-w1a1", _tfc_rules(*folds, "word"), 1)
        pairs = ", ".join(f"{pe}/{simd}" for pe, simd in folds[1])
        note = f"folding assumed from its cycles: thresholds {folds[0]}, PE/SIMD {pairs}, labels {folds[2]}"
        yield _row("RTL simulation", case, "latency", run.latency_us * 100, 0.20, note)


def _tfc_rules(threshold: int, dense: tuple[tuple[int, int], ...], labels: int, granularity: str) -> MappingRules:
    layers: dict[str, dict[str, Any]] = {"input_threshold": {"pe": threshold}, "label_select": {"pe": labels}}
    layers |= {f"fc{number}": {"pe": pe, "simd": simd} for number, (pe, simd) in enumerate(dense)}
    return finn.folded(layers, granularity)


def _estimates() -> Iterator[Row]:
    """FINN's cycle estimates of whole designs, operator by operator."""
    run = finn.run_on("ultra96-fpga", "cnv-w1a1", finn.MAPPINGS / "cnv-w1a1_folding_config.json", 1, "row")
    yield _row("operators", "cnv-finn-examples", "estimate_sum", sum(run.expected_cycles().values()), 0)
    for precision in ("w1a1", "w2a2"):
        rules = finn.cnv_bnn_pynq_rules(precision, "row")
        rules = replace(rules, layers=[*rules.layers, LayerRule("conv*", options={"swg": "rtl"})])
        run = finn.run_on("ultra96-fpga", finn.cnv_bnn_pynq(precision), rules, 1)
        yield _row("operators", f"cnv-{precision}", "estimate_sum", sum(run.expected_cycles().values()), 0)
    run = finn.run_on("ultra96-fpga", "tfc-w1a1", finn.MAPPINGS / "tfc.yaml", 1)
    yield _row("operators", "tfc-finn-examples", "estimate_sum", sum(run.expected_cycles().values()), 0)
    folding = finn.MAPPINGS / "mobilenet-v1-w4a4-zcu104_folding_config.json"
    run = finn.run_on(finn.with_fpga("zcu104", clock="5000/27 MHz"), finn.mobilenet_w4a4(), folding, 4, "row")
    yield _row("operators", "mobilenet-v1-zcu104", "estimate_sum", sum(run.expected_cycles().values()), 0)
    note = "no measurement is published: FINN's estimate beside the simulation of its pipeline"
    yield _row("throughput", "mobilenet-v1-zcu104", "estimate_throughput", run.images_per_second, None, note)


def _unit_estimates() -> Iterator[Row]:
    """Operators worked out by hand from FINN's formulas."""
    source = "FINN's estimators (main, 2026-04-14), worked by hand"

    def exact(case: str, unit: str, value: float, found: float) -> Row:
        return Row("fpga, fabric by hand", case, unit, value, found, 0, source)

    # conv1 of CNV: products 32 * 1 * 2 = 64, tree 2 * 63 = 126, sum log2(576) + 1 + 1 - 2 = 9.17, so 11 bits.
    unit = MatrixUnit(64, 576, 32, 32, 1, 1, signed_input=True, threshold_bits=1)
    yield exact("MVAU 64x576 PE 32 SIMD 32 w1a1", "LUT", 7375, resources.matrix_luts(unit))
    # 300 + 1.1 * 32 * (64 + 126 + 11 + 1 * 11 * (1 + 1)) = 300 + 35.2 * 223
    stored = replace(unit, threshold_ram="distributed")
    yield exact("MVAU 64x576 PE 32 SIMD 32 w1a1, thresholds in LUTs", "LUT", 8149, resources.matrix_luts(stored))
    # ... + 1024 * ceil(36 / 64)
    inside = replace(unit, ram_style="distributed")
    yield exact("MVAU 64x576 PE 32 SIMD 32 w1a1, weights in LUTs", "LUT", 8399, resources.matrix_luts(inside))
    in_dsp = replace(unit, weight_bits=8, input_bits=8, multiplier="dsp")
    yield exact("MVAU 64x576 PE 32 SIMD 32 w8a8 in HLS", "DSP", 1024, resources.matrix_dsps(in_dsp))
    yield exact("MVAU 64x576 PE 32 SIMD 32 w8a8 in RTL", "DSP", 256, resources.matrix_dsps(replace(in_dsp, impl="rtl")))
    yield exact("weights 1024 bit by 36", "BRAM18", 29, resources.ram_blocks(1024, 36))
    yield exact("weights 32 bit by 18432", "BRAM18", 36, resources.ram_blocks(32, 18432))
    yield exact("weights 4 bit by 32768", "BRAM18", 8, resources.ram_blocks(4, 32768))
    yield exact("weights 8 bit by 32768", "BRAM18", 16, resources.ram_blocks(8, 32768))
    yield exact("weights 1024 bit by 4096", "URAM", 15, resources.ultra_blocks(1024, 4096))
    yield exact("SWG 24 bit by 67 in LUTs", "LUT", 348, resources.window_buffer(24, 67, "distributed").lut)
    yield exact("SWG 8 bit by 2664", "BRAM18", 2, resources.window_buffer(8, 2664, "block").bram18)
    yield exact("SWG 4 bit by 21504", "BRAM18", 6, resources.window_buffer(4, 21504, "block").bram18)
    yield exact("FIFO 32 bit by 128 in LUTs", "LUT", 78, resources.fifo(32, 128).lut)


def _fabric() -> Iterator[Row]:
    """Whole designs: FINN's own estimate is judged, synthesis is shown beside ours."""
    board = finn.with_fpga("pynq-z1", host=None)
    rules = MappingRules(layers=[LayerRule("*", options={"target_cycles": 100})], element="fpga")
    found = finn.run_on(board, finn.cybersecurity(), rules, 1).resources()
    note = "sums at the bound of their data types; FINN narrows them to the trained weights, which are not known here"
    yield _row("fabric", "cybersecurity-mlp", "bram18", found.bram18, 0)
    yield _row("fabric", "cybersecurity-mlp", "lut", found.lut, 0.05, note)
    shown = "synthesis; ours is the estimate before it, without FIFOs and ports"
    for precision in ("w1a1", "w1a2", "w2a2"):
        rules = finn.cnv_bnn_pynq_rules(precision, "row")
        found = finn.run_on("ultra96-fpga", finn.cnv_bnn_pynq(precision), rules, 1).resources()
        yield _row("fabric", f"cnv-{precision}", "lut", found.lut, None, shown)
        yield _row("fabric", f"cnv-{precision}", "bram18", found.bram18, None, shown)
    network = finn.perceptron("lfc-w1a1", (832, 1024, 1024, 1024, 64), "w1a1")
    found = finn.run_on("ultra96-fpga", network, finn.folded(finn.LFC_FOLDING, "row"), 1).resources()
    yield _row("fabric", "lfc-w1a1", "lut", found.lut, None, shown)
    yield _row("fabric", "lfc-w1a1", "bram18", found.bram18, None, shown)
    found = finn.run_on("pynq-z1", "tfc-w1a1", finn.MAPPINGS / "tfc-1000-cycles.yaml", 1).resources()
    yield _row("fabric", "tfc-1000-cycles", "lut", found.lut, None, shown)
    yield _row("fabric", "tfc-1000-cycles", "bram18", found.bram18, None, shown)
