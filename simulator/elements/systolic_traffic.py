"""What a systolic array moves to and from its DRAM, and how long it waits for that.

Each buffer is double buffered: one half feeds the array while the other is filled for the folds to come. So an operand
is fetched once if what is needed again fits half the buffer, and again for every pass over it if not. The order of
folds is SCALE-Sim's: along the rows of the array first, then along its columns. Beside the DRAM counts that SCALE-Sim
v3.0.0 prints for AlexNet and ResNet-18 (64 kB buffers) these are exact for outputs, and within 4 % for inputs and 3 %
for weights in the mean of each dataflow (the tool reads a few rows again at the seams of folds); its refills of starved
1 kB buffers by whole half-buffers are thrashing that is not copied.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from fractions import Fraction

from simulator.elements.systolic_folds import Dataflow, Folds
from workloads.layers import Layer

PARTIAL_SUM_BYTES = 4


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


def dram_traffic(layer: Layer, folds: Folds, rows: int, columns: int, dataflow: Dataflow, buffers: Buffers) -> Traffic:
    """DRAM words of a layer that lies on the array as ``folds`` say."""
    groups = folds.groups
    inputs = _input_words(layer, folds, rows, columns, dataflow, _half(buffers.inputs, layer.input_bits))
    weights = _weight_words(folds, columns, dataflow, _half(buffers.weights, layer.weight_bits))
    outputs = folds.pixels * folds.filters
    spilt = 0 if dataflow == "os" or buffers.accumulates else groups * outputs * (folds.row_folds - 1)
    return Traffic(groups * inputs, groups * weights, groups * outputs + spilt, spilt)


def tiled(folds: Folds, columns: int, dataflow: Dataflow, buffers: Buffers) -> Folds:
    """The folds with their streams cut into tiles so short that half the output buffer holds the partial sums of one.

    Without accumulation, with outputs that stay in the cells or with a single row fold nothing needs cutting.
    """
    if not buffers.accumulates or buffers.outputs is None or dataflow == "os" or folds.row_folds == 1:
        return folds
    wide, length = (folds.filters, folds.pixels) if dataflow == "ws" else (folds.pixels, folds.filters)
    held = max(1, buffers.outputs // (2 * PARTIAL_SUM_BYTES * min(columns, wide)))
    return dataclasses.replace(folds, tiles=-(-length // held))


def stalled_cycles(cycles: int, words: tuple[int, int, int], buffers: Buffers, words_per_cycle: Fraction) -> int:
    """Cycles of a layer whose three buffers each have a port of ``words_per_cycle`` to the DRAM.

    ``words`` are input reads, weight reads and output writes. While a fold runs, the operands of the next are fetched
    and the results of the last written, so a fold takes the longest of its own cycles and its three transfers; folds
    are alike, so their sum is the longest of the sums. The first halves of the operand buffers were filled during the
    layer before, and what the output buffer still holds drains during the next one.
    """
    ahead = (_half(buffers.inputs, 8), _half(buffers.weights, 8), buffers.outputs)
    longest = Fraction(cycles)
    for amount, held in zip(words, ahead, strict=True):
        exposed = 0 if held is None else max(0, amount - held)
        longest = max(longest, exposed / words_per_cycle)
    return -(-longest.numerator // longest.denominator)


def _half(size: int | None, bits: int) -> int | None:
    """Words in half a buffer."""
    return None if size is None else size * 8 // (2 * bits)


def _input_words(layer: Layer, folds: Folds, rows: int, columns: int, dataflow: Dataflow, half: int | None) -> int:
    """Input words of one group that come from the DRAM."""
    kernel = layer.kernel or (1, 1)
    channels = max(1, folds.window // (kernel[0] * kernel[1]))
    once = _touched(layer, folds, kernel[0] * kernel[1], channels, folds.window)
    if half is None or once <= half:
        return once
    if dataflow == "is":
        held = folds.tiles == 1 or folds.window * min(columns, folds.pixels) <= half
        return folds.pixels * folds.window * (1 if held else folds.tiles)
    if dataflow == "os":
        width = layer.in_shape[2] if len(layer.in_shape) == 3 else 1
        holds_rows = kernel[0] * width * channels <= half
        return folds.column_folds * (once if holds_rows else folds.pixels * folds.window)
    full, rest = divmod(folds.window, rows)
    slices = full * _touched(layer, folds, -(-rows // channels), channels, rows)
    if rest:
        slices += _touched(layer, folds, -(-rest // channels), channels, rest)
    return folds.column_folds * slices


def _touched(layer: Layer, folds: Folds, positions: int, channels: int, window: int) -> int:
    """Different input words under ``positions`` neighbouring positions of the kernel (a slice of ``window`` words),
    over all pixels.
    """
    every = folds.pixels * window
    if layer.kernel is None or len(layer.in_shape) != 3 or len(layer.out_shape) != 3:
        return every
    frames = max(1, folds.pixels // (layer.out_shape[1] * layer.out_shape[2]))
    reach = (-(-positions // layer.kernel[1]), min(positions, layer.kernel[1]))
    extent = 1
    for axis in (0, 1):
        stride = layer.stride[axis]
        spanned = layer.out_shape[axis + 1] * min(stride, reach[axis]) + max(0, reach[axis] - stride)
        extent *= min(layer.in_shape[axis + 1], spanned)
    return min(every, frames * extent * channels)


def _weight_words(folds: Folds, columns: int, dataflow: Dataflow, half: int | None) -> int:
    """Weight words of one group that come from the DRAM."""
    once = folds.window * folds.filters
    if half is None:
        return once
    if dataflow == "ws":  # the weights of a column fold serve all its tiles
        held = folds.tiles == 1 or folds.window * min(columns, folds.filters) <= half
        return once if held else folds.tiles * once
    if dataflow == "os":  # the filters of a column fold are read again for each row fold
        return once if folds.window * min(columns, folds.filters) <= half else folds.row_folds * once
    return once if once <= half else folds.column_folds * once
