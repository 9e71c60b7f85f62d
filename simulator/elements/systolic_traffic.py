"""What a systolic array moves to and from its DRAM, and how long it waits for that.

Each buffer is double buffered: one half feeds the array while the other is filled for the folds to come. With the
refill ``demand`` a half is filled with the words that the folds ask for next, each once
(:mod:`simulator.elements.systolic_halves`): so an operand that fits half the buffer is fetched once, and one that does
not once a pass, and what lies at the seams of halves again. The order of folds is that of SCALE-Sim: along the rows of
the array first, then along its columns. With the refill ``ring`` the halves walk round the stored operand
(:mod:`simulator.elements.systolic_ring`).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np

from simulator.elements.systolic_folds import Dataflow, Folds
from simulator.elements.systolic_halves import input_words, output_stationary_weights, touched
from simulator.elements.systolic_ring import Refills, walk
from simulator.elements.systolic_streams import input_stream, unrolling_of, weight_stream
from workloads.layers import Layer

PARTIAL_SUM_BYTES = 4

Refill = Literal["demand", "ring"]
"""How operand buffers are filled: with what the folds ask for next, or round the stored operand by halves."""


@dataclass(frozen=True, slots=True)
class Buffers:
    """Bytes of the three buffers beside the array; None is unlimited. ``accumulates``: partial sums are added up in
    the output buffer; if not, each fold writes its own to the DRAM, as SCALE-Sim counts.
    """

    inputs: int | None = None
    weights: int | None = None
    outputs: int | None = None
    accumulates: bool = True


@dataclass(frozen=True, slots=True)
class Traffic:
    """Words that cross between DRAM and buffers for one layer; ``partial_writes`` of the ``output_writes`` are partial
    sums, at their own width.
    """

    input_reads: int
    weight_reads: int
    output_writes: int
    partial_writes: int = 0


def dram_traffic(
    layer: Layer,
    folds: Folds,
    rows: int,
    columns: int,
    dataflow: Dataflow,
    buffers: Buffers,
    refills: tuple[Refills | None, Refills | None] = (None, None),
) -> Traffic:
    """DRAM words of a layer that lies on the array as ``folds`` say; ``refills`` of input and weights where a ring
    fetches them.
    """
    groups = folds.groups
    of_inputs, of_weights = refills
    if of_inputs is not None:
        inputs = of_inputs.words
    else:
        inputs = _input_words(layer, folds, rows, columns, dataflow, _half(buffers.inputs, layer.input_bits))
    if of_weights is not None:
        weights = of_weights.words
    else:
        weights = _weight_words(folds, columns, dataflow, _half(buffers.weights, layer.weight_bits))
    outputs = folds.pixels * folds.filters
    spilt = 0 if dataflow == "os" or buffers.accumulates else groups * outputs * (folds.row_folds - 1)
    return Traffic(groups * inputs, groups * weights, groups * outputs + spilt, spilt)


def ring_refills(
    layer: Layer, folds: Folds, rows: int, columns: int, dataflow: Dataflow, buffers: Buffers, beat: int
) -> tuple[Refills | None, Refills | None]:
    """The refills of input and weights of one group by buffers that walk round them; None for an unlimited buffer."""
    inputs = input_stream(layer, folds, rows, columns, dataflow)
    weights = weight_stream(folds, rows, columns, dataflow)
    held = _words(buffers.inputs, layer.input_bits), _words(buffers.weights, layer.weight_bits)
    of_inputs, of_weights = (
        None if words is None else walk(stream, max(2, words), beat)
        for stream, words in zip((inputs, weights), held, strict=True)
    )
    return of_inputs, of_weights


def tiled(folds: Folds, columns: int, dataflow: Dataflow, buffers: Buffers) -> Folds:
    """The folds with their streams cut into tiles so short that half the output buffer holds the partial sums of one.

    Without accumulation, with outputs that stay in the cells or with a single row fold nothing needs cutting.
    """
    if not buffers.accumulates or buffers.outputs is None or dataflow == "os" or folds.row_folds == 1:
        return folds
    wide, length = (folds.filters, folds.pixels) if dataflow == "ws" else (folds.pixels, folds.filters)
    held = max(1, buffers.outputs // (2 * PARTIAL_SUM_BYTES * min(columns, wide)))
    return dataclasses.replace(folds, tiles=-(-length // held))


def stalled_cycles(
    cycles: int, moved: tuple[Fraction | int, Fraction | int, Fraction | int], buffers: Buffers, port: Fraction
) -> int:
    """Cycles of a layer whose three buffers each have a port of so many bytes a cycle to the DRAM.

    ``moved`` are the bytes of input reads, weight reads and output writes. While a fold runs, the operands of the next
    are fetched and the results of the last written, so a fold takes the longest of its own cycles and its three
    transfers; folds are alike, so their sum is the longest of the sums. The first halves of the operand buffers were
    filled during the layer before, and what the output buffer still holds drains during the next one.
    """
    ahead = (_half(buffers.inputs, 8), _half(buffers.weights, 8), buffers.outputs)
    longest = Fraction(cycles)
    for amount, held in zip(moved, ahead, strict=True):
        exposed = 0 if held is None else max(0, amount - held)
        longest = max(longest, exposed / port)
    return -(-longest.numerator // longest.denominator)


def ring_cycles(
    folds: Folds,
    rows: int,
    columns: int,
    dataflow: Dataflow,
    buffers: Buffers,
    refills: tuple[Refills | None, Refills | None],
    words_per_cycle: Fraction,
    word_bits: int = 8,
    weight_bits: int = 8,
) -> int:
    """Cycles of a layer whose operands come through rings, each with a port of ``words_per_cycle`` to the DRAM.

    A word has the ``word_bits`` of an input; results cross as words, weights by their own ``weight_bits``.

    The array goes on when every half that it has asked for is there. The output buffer begins to drain when half of it
    is full, and takes a word where one has left.
    """
    cycles = folds.cycles // folds.groups
    rates = words_per_cycle, words_per_cycle * word_bits / weight_bits
    waits = [refill.waits(cycles, rate) for refill, rate in zip(refills, rates, strict=True) if refill is not None]
    longest = cycles + max((int(waited.max()) for _, waited in waits if waited.size), default=0)
    held, written = _words(buffers.outputs, word_bits), folds.output_writes // folds.groups
    if held is not None and written > held:
        begin = _cycle_of_word(folds, rows, columns, dataflow, held // 2)
        late = [waited[: np.searchsorted(when, begin, "right")] for when, waited in waits]
        begin += max((int(waited.max()) for waited in late if waited.size), default=0)
        drained = begin + (written - held) / words_per_cycle
        longest = max(longest, -(-drained.numerator // drained.denominator))
    return folds.groups * longest


def _cycle_of_word(folds: Folds, rows: int, columns: int, dataflow: Dataflow, word: int) -> int:
    """The cycle of an array that never waits in which it writes its ``word``-th output, counted from 0."""
    wide, length = {
        "os": (folds.filters, folds.pixels),
        "ws": (folds.filters, folds.pixels),
        "is": (folds.pixels, folds.filters),
    }[dataflow]
    lanes = np.minimum(columns, wide - columns * np.arange(folds.column_folds))
    high = np.full(folds.row_folds, length)
    if dataflow == "os":
        high = np.minimum(rows, length - rows * np.arange(folds.row_folds))
    behind = np.cumsum(np.outer(lanes, high))
    fold = int(np.searchsorted(behind, word, "right"))
    column, row = divmod(fold, folds.row_folds)
    time = np.arange(int(high[row] + lanes[column]))
    # Lanes begin one after the other, so that by a time t lane n has written t + 1 - n words.
    ended = [np.clip(time + 1 - lane, 0, high[row]) for lane in range(int(lanes[column]))]
    before = word - (int(behind[fold - 1]) if fold else 0)
    begin = folds.window - 1 if dataflow == "os" else 2 * rows - 1
    return fold * folds.fold_cycles + begin + int(np.searchsorted(np.sum(ended, axis=0), before, "right"))


def _words(size: int | None, bits: int) -> int | None:
    """Words in a buffer."""
    return None if size is None else size * 8 // bits


def _half(size: int | None, bits: int) -> int | None:
    """Words in half a buffer."""
    return None if size is None else size * 8 // (2 * bits)


def _input_words(layer: Layer, folds: Folds, rows: int, columns: int, dataflow: Dataflow, half: int | None) -> int:
    """Input words of one group that come from the DRAM."""
    windows = unrolling_of(layer, folds)
    if windows is not None:
        if half is None:
            return touched(windows, folds)
        return input_words(windows, folds, rows, columns, dataflow, half)
    once = folds.pixels * folds.window
    if half is None or once <= half:
        return once
    if dataflow == "is":
        held = folds.tiles == 1 or folds.window * min(columns, folds.pixels) <= half
        return once if held else folds.tiles * once
    return folds.column_folds * once


def _weight_words(folds: Folds, columns: int, dataflow: Dataflow, half: int | None) -> int:
    """Weight words of one group that come from the DRAM."""
    once = folds.window * folds.filters
    if half is None:
        return once
    if dataflow == "ws":  # the weights of a column fold serve all its tiles
        held = folds.tiles == 1 or folds.window * min(columns, folds.filters) <= half
        return once if held else folds.tiles * once
    if dataflow == "os":
        return output_stationary_weights(folds, columns, half)
    return once if once <= half else folds.column_folds * once
