"""The systolic array against SCALE-Sim v3.0.0: cycles, SRAM and DRAM accesses, stalls."""

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
_TRANSFERS = ("ifmap_reads", "filter_reads", "ofmap_writes")

Line = dict[str, str]
Figures = dict[str, float]


def rows() -> list[Row]:
    """Exact rows, stalls given the tool's DRAM accesses, and stalls from our own counts."""
    lines = _reference()
    ours = _simulated(lines)
    free = [line["stall_cycles"] == "0" for line in lines]
    without = [line for line, is_free in zip(lines, free, strict=True) if is_free]
    figures = [own for own, is_free in zip(ours, free, strict=True) if is_free]
    stalled = [(line, own) for line, own, is_free in zip(lines, ours, free, strict=True) if not is_free]
    found = _network_totals(without, figures) + _mismatches(without, figures)
    return found + _stall_rows(stalled) + _dram_rows(list(zip(lines, ours, strict=True)))


def _reference() -> list[Line]:
    with _TABLE.open() as stream:
        next(stream)
        return list(csv.DictReader(stream))


def _simulated(lines: list[Line]) -> list[Figures]:
    """What a run gives for each line; lines of one array run together, as layers that do not feed each other."""
    keys = ("array_rows", "array_cols", "dataflow", "bandwidth_mode", "buffer_kb", "words_per_cycle")
    by_array: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for number, line in enumerate(lines):
        by_array[tuple(line[key] for key in keys)].append(number)
    figures: list[Figures] = [{} for _ in lines]
    for (high, wide, dataflow, mode, size, words), numbers in by_array.items():
        changes = {"rows": high, "columns": wide, "dataflow": dataflow}
        held = 1024 * int(size)
        if mode == "USER":  # a given bandwidth
            changes |= {"port": f"{words} B/cycle", "refill": "ring"}
        else:  # as much bandwidth as it takes; of a buffer the tool then fills a hundred lines, rounded down
            held -= held % 100
        changes |= {f"{kind}_sram": f"{held} B" for kind in ("input", "weight", "output")}
        network = _network([(number, lines[number]) for number in numbers])
        overrides = {f"processing_elements.array.{key}": value for key, value in changes.items()}
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


def _stall_rows(stalled: list[tuple[Line, Figures]]) -> list[Row]:
    given: list[float] = []
    own: list[float] = []
    for line, figures in stalled:
        words = tuple(int(line[f"dram_{kind}"]) for kind in _TRANSFERS)
        free = int(line["total_cycles"]) - int(line["stall_cycles"])
        size = 1024 * int(line["buffer_kb"])
        port = Fraction(int(line["words_per_cycle"]))
        ours = stalled_cycles(free, (words[0], words[1], words[2]), Buffers(size, size, size), port)
        given.append(abs(ours / int(line["total_cycles"]) - 1))
        own.append(abs((figures["cycles"] - 1) / int(line["total_cycles"]) - 1))
    case, unit = f"{len(stalled)} rows with stalls", "1 + error"
    tool, counts = f"{case}, given the tool's DRAM accesses", f"{case}, from our own DRAM counts"
    first = "1 kB a buffer, one word a cycle; the first half buffer is filled before the layer begins"
    twice = "the tool adds a wait for the DRAM twice (its issue 130), which is not copied"
    mean_given, mean_own = sum(given) / len(given), sum(own) / len(own)
    return [
        Row(_GROUP, f"{tool}: mean error", unit, 1, 1 + mean_given, 0.15, _SOURCE, first),
        Row(_GROUP, f"{counts}: mean error", unit, 1, 1 + mean_own, None, _SOURCE, twice),
        Row(_GROUP, f"{counts}: worst error", unit, 1, 1 + max(own), None, _SOURCE, twice),
    ]


def _dram_rows(lines: list[tuple[Line, Figures]]) -> list[Row]:
    """DRAM counts: a ring of halves is the tool's USER mode, each word once a half its CALC mode."""
    names = ("dram_input_reads", "dram_weight_reads", "dram_output_writes")
    user = [(line, own) for line, own in lines if line["bandwidth_mode"] == "USER"]
    rows: list[Row] = []
    for kind, name in zip(_TRANSFERS, names, strict=True):
        wrong = sum(own[name] != int(line[f"dram_{kind}"]) for line, own in user)
        case = (
            f"rows of {len(user)} of a given bandwidth that differ in {name.replace('_', ' ').replace('dram', 'DRAM')}"
        )
        note = "1 kB a buffer and one word a cycle; 64 kB and ten"
        rows.append(Row(_GROUP, case, "rows", 0, wrong, None, _SOURCE, note))
    calc = [(line, own) for line, own in lines if line["bandwidth_mode"] == "CALC"]
    for kind, name in zip(_TRANSFERS, names, strict=True):
        errors = [abs(own[name] / int(line[f"dram_{kind}"]) - 1) for line, own in calc]
        case = f"{len(calc)} rows of unlimited bandwidth, {name.replace('_', ' ').replace('dram', 'DRAM')}"
        for kind_of, error in (("mean", sum(errors) / len(errors)), ("worst", max(errors))):
            rows.append(
                Row(_GROUP, f"{case}: {kind_of} error", "1 + error", 1, 1 + error, None, _SOURCE, "64 kB a buffer")
            )
    return rows
