"""The systolic array against SCALE-Sim v3.0.0: cycles, SRAM accesses, stalls."""

from __future__ import annotations

import csv
from collections import defaultdict
from fractions import Fraction
from pathlib import Path

from experiments.validation.rows import Row
from simulator.elements.systolic_traffic import Buffers, stalled_cycles
from simulator.platform import load_platform
from simulator.simulation import simulate
from workloads.layers import Layer
from workloads.network import Network

_TABLE = Path(__file__).parents[2] / "tests" / "reference" / "scalesim" / "cycles.csv"
_SOURCE = "SCALE-Sim v3.0.0 (scalesim-project, MIT), its own output"
_GROUP = "SCALE-Sim"
_STARVED_SRAM = 1024  # bytes of each buffer in the runs of one word a cycle

Line = dict[str, str]
Figures = dict[str, float]


def rows() -> list[Row]:
    """Exact rows, stalls given the tool's DRAM accesses, and stalls from our own counts."""
    lines = _reference()
    free = [line for line in lines if line["stall_cycles"] == "0"]
    ours = _simulated(free, starved=False)
    found = _network_totals(free, ours) + _mismatches(free, ours)
    return found + _stall_rows([line for line in lines if line["stall_cycles"] != "0"])


def _reference() -> list[Line]:
    with _TABLE.open() as stream:
        next(stream)
        return list(csv.DictReader(stream))


def _simulated(lines: list[Line], *, starved: bool) -> list[Figures]:
    """What a run gives for each line; lines of one array run together, as layers that do not feed each other."""
    by_array: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for number, line in enumerate(lines):
        by_array[line["array_rows"], line["array_cols"], line["dataflow"]].append(number)
    figures: list[Figures] = [{} for _ in lines]
    for (high, wide, dataflow), numbers in by_array.items():
        prefix = "processing_elements.array"
        overrides = {f"{prefix}.rows": high, f"{prefix}.columns": wide, f"{prefix}.dataflow": dataflow}
        if starved:
            overrides |= {f"{prefix}.{kind}_sram": f"{_STARVED_SRAM} B" for kind in ("input", "weight", "output")}
            overrides[f"{prefix}.port"] = "1 B/cycle"
        network = _network([(number, lines[number]) for number in numbers])
        table = simulate(load_platform("scale-sim-32x32", overrides), network, frames=1).layers
        for record in table.to_dict("records"):
            figures[int(str(record["layer"])[1:])] = {
                str(k): v for k, v in record.items() if isinstance(v, int | float)
            }
    return figures


def _network(lines: list[tuple[int, Line]]) -> Network:
    layers: dict[str, Layer] = {}
    for number, line in lines:
        h, w, fh, fw, c, n, s = (
            int(line[key])
            for key in ("ifmap_h", "ifmap_w", "filter_h", "filter_w", "channels", "num_filters", "stride")
        )
        # The tool rounds the output extent up where the stride does not divide.
        out = (n, -(-(h - fh + s) // s), -(-(w - fw + s) // s))
        weights = fh * fw * c * n
        name, bits = f"c{number}", {"number": "int", "weight_bits": 8, "input_bits": 8, "output_bits": 8}
        layers[f"i{number}"] = Layer(f"i{number}", "input", (), (), (c, h, w), **bits)  # type: ignore[arg-type]
        layers[name] = Layer(
            name,
            "conv",
            (f"i{number}",),
            ((c, h, w),),
            out,
            kernel=(fh, fw),
            stride=(s, s),
            weights=weights,
            params=weights,
            macs=weights * out[1] * out[2],
            **bits,  # type: ignore[arg-type]
        )
    return Network("scale-sim", layers)


def _network_totals(lines: list[Line], ours: list[Figures]) -> list[Row]:
    totals: dict[str, list[float]] = {}
    for line, figures in zip(lines, ours, strict=True):
        network = line["layer"].split(":")[0]
        if network != "unit":
            case = f"{network} {line['array_rows']}x{line['array_cols']} {line['dataflow']}, cycles"
            sums = totals.setdefault(case, [0.0, 0.0])
            sums[0] += int(line["total_cycles"])
            sums[1] += figures["cycles"] - 1
    note = "less one a layer: the tool prints the index of its last cycle (its issue 125)"
    return [Row(_GROUP, case, "cycles", tool, own, 0, _SOURCE, note) for case, (tool, own) in totals.items()]


def _mismatches(lines: list[Line], ours: list[Figures]) -> list[Row]:
    wrong = {"cycles": 0, "SRAM reads": 0, "SRAM writes": 0}
    for line, figures in zip(lines, ours, strict=True):
        wrong["cycles"] += figures["cycles"] - 1 != int(line["total_cycles"])
        reads = figures["sram_input_reads"], figures["sram_weight_reads"]
        wrong["SRAM reads"] += reads != (int(line["sram_ifmap_reads"]), int(line["sram_filter_reads"]))
        folds = figures["row_folds"] * figures["column_folds"]
        extra = folds * (int(line["array_rows"]) + int(line["array_cols"])) if line["dataflow"] == "os" else 0
        wrong["SRAM writes"] += figures["sram_output_writes"] + extra != int(line["sram_ofmap_writes"])
    notes = {
        "cycles": "the tool prints the index of its last cycle, one less (its issue 125)",
        "SRAM writes": "output stationary, the tool adds rows + columns a fold by mistake; taken off its figure",
    }
    return [
        Row(_GROUP, f"rows of {len(lines)} without stalls that differ in {what}", "rows", 0, count, 0, _SOURCE, note)
        for what, count in wrong.items()
        for note in [notes.get(what, "")]
    ]


def _stall_rows(lines: list[Line]) -> list[Row]:
    given: list[float] = []
    own: list[float] = []
    for line, figures in zip(lines, _simulated(lines, starved=True), strict=True):
        words = tuple(int(line[f"dram_{kind}"]) for kind in ("ifmap_reads", "filter_reads", "ofmap_writes"))
        free = int(line["total_cycles"]) - int(line["stall_cycles"])
        buffers = Buffers(_STARVED_SRAM, _STARVED_SRAM, _STARVED_SRAM)
        ours = stalled_cycles(free, (words[0], words[1], words[2]), buffers, Fraction(1))
        given.append(abs(ours / int(line["total_cycles"]) - 1))
        own.append(abs((figures["cycles"] - 1) / int(line["total_cycles"]) - 1))
    mean, mean_own = sum(given) / len(given), sum(own) / len(own)
    count = len(lines)
    return [
        Row(
            _GROUP,
            f"{count} rows with stalls, given the tool's DRAM accesses: mean error",
            "1 + error",
            1.0,
            1.0 + mean,
            0.15,
            _SOURCE,
            "1 kB a buffer, one word a cycle; the first half buffer is filled before the layer begins",
        ),
        Row(
            _GROUP,
            f"{count} rows with stalls, from our own DRAM counts: mean error",
            "1 + error",
            1.0,
            1.0 + mean_own,
            None,
            _SOURCE,
            "the tool refills a starved 1 kB buffer by half-buffers at every miss; ours read a word once a pass",
        ),
    ]
