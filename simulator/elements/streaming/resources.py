"""What streaming operators take of the fabric: LUTs, block RAMs of 18 Kb, UltraRAMs and DSP slices.

Source: the estimators of FINN (``lut_estimation``, ``bram_estimation``, ... of each operator, main of 2026-04-14), for
the matrix-vector unit after M. Blott et al., FINN-R, ACM TRETS 11(3), 2018. They are estimates before synthesis, which
shares and trims logic: synthesised designs take more or less.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from simulator.elements.streaming.adders import adder_tree_luts

_SWG_LADDER = ((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1))


@dataclass(frozen=True, slots=True)
class Resources:
    """An amount of fabric."""

    lut: float = 0
    bram18: int = 0
    uram: int = 0
    dsp: int = 0

    def __add__(self, other: Resources) -> Resources:
        return Resources(self.lut + other.lut, self.bram18 + other.bram18, self.uram + other.uram, self.dsp + other.dsp)


def largest_of(one: Resources, other: Resources) -> Resources:
    """What hardware needs that does the work of either, one at a time."""
    return Resources(
        max(one.lut, other.lut), max(one.bram18, other.bram18), max(one.uram, other.uram), max(one.dsp, other.dsp)
    )


def total(parts: Iterable[Resources]) -> Resources:
    """The sum of several amounts."""
    return sum(parts, Resources())


@dataclass(frozen=True, slots=True)
class MatrixUnit:
    """A matrix-vector unit as its estimate sees it.

    ``threshold_bits`` is the width of the output where thresholds are compared inside it, 0 where none are.
    ``accumulator_bits`` None takes the bound of the data types. ``signed_input``: bipolar or signed activations.
    """

    rows: int
    columns: int
    pe: int
    simd: int
    weight_bits: int
    input_bits: int
    signed_input: bool = False
    threshold_bits: int = 0
    accumulator_bits: int | None = None
    multiplier: str = "lut"
    impl: str = "hls"
    weights: str = "on_chip"
    ram_style: str = "auto"
    threshold_ram: str = "auto"
    adder: str = "finn-r"

    @property
    def weight_depth(self) -> int:
        """Words of the weight memory (WMEM)."""
        return self.rows * self.columns // (self.pe * self.simd)

    @property
    def weight_width(self) -> int:
        """Bits of a word of the weight memory."""
        return self.pe * self.simd * self.weight_bits

    @property
    def product_bits(self) -> int:
        """Bits of a product that a tree of adders sums: a bit where XNOR and popcount stand for it."""
        is_binary = self.weight_bits == self.input_bits == 1 and self.adder != "finn-r"
        return 1 if is_binary else self.weight_bits + self.input_bits

    @property
    def bound(self) -> int:
        """Bits that the sum can need by its data types (Colbert et al., arXiv 2301.13376)."""
        alpha = math.log2(self.columns) + self.weight_bits + self.input_bits - 1 - int(self.signed_input)
        return math.ceil(alpha + math.log2(1 + 2.0**-alpha) + 1)


def matrix_unit(unit: MatrixUnit) -> Resources:
    """A matrix-vector unit with its weight memory."""
    on_chip = unit.weights == "on_chip"
    return Resources(
        lut=matrix_luts(unit),
        bram18=ram_blocks(unit.weight_width, unit.weight_depth)
        if on_chip and unit.ram_style in ("auto", "block")
        else 0,
        uram=ultra_blocks(unit.weight_width, unit.weight_depth) if on_chip and unit.ram_style == "ultra" else 0,
        dsp=matrix_dsps(unit),
    )


def matrix_luts(unit: MatrixUnit) -> int:
    """300 + 1.1 P (multipliers + adder tree + accumulator + thresholds + comparators) + weights in LUTs.

    Where both operands have one bit and a style of adders is chosen, a product is an XNOR and the tree a popcount. The
    thresholds' memory and comparators count where that memory is 'distributed', as in FINN.
    """
    width = unit.weight_bits + unit.input_bits
    products = 0 if unit.multiplier == "dsp" else unit.simd * (2 * math.ceil(width / 6) - 1) * unit.product_bits
    accumulator = unit.bound if unit.accumulator_bits is None else min(unit.accumulator_bits, unit.bound)
    thresholds = 0
    if unit.threshold_bits and unit.threshold_ram == "distributed":
        levels = 2**unit.threshold_bits - 1
        thresholds = levels * accumulator * (math.ceil(unit.rows / unit.pe / 64) + 1)
    tree = adder_tree_luts(unit.simd, unit.product_bits, unit.adder)
    weights = 0
    if unit.weights == "on_chip" and unit.ram_style == "distributed":
        weights = unit.weight_width * math.ceil(unit.weight_depth / 64)
    return int(300 + 1.1 * unit.pe * (products + tree + accumulator + thresholds) + weights)


def product_cost(weight_bits: int, input_bits: int) -> float:
    """What a multiply-accumulate takes beside one of 8 by 8 bits, at most 1: its LUTs beside that one's.

    So a binary product, an XNOR and a place in a popcount, costs a nineteenth.
    """

    def luts(width: int) -> int:
        return (2 * math.ceil(width / 6) - 1) * width + 2 * width

    return min(1.0, luts(weight_bits + input_bits) / luts(16))


def matrix_dsps(unit: MatrixUnit) -> int:
    """DSP slices: in HLS one a product of up to 48 bits; in RTL a DSP48 packs four rows of small products."""
    if unit.impl == "rtl":
        return math.ceil(unit.pe / 4) * unit.simd
    if unit.multiplier != "dsp":
        return 0
    return unit.pe * unit.simd * math.ceil((unit.weight_bits + unit.input_bits) / 48)


def vector_dsps(pe: int, weight_bits: int, input_bits: int) -> int:
    """DSP slices of a vector-vector unit in HLS; FINN's estimate leaves SIMD out."""
    return pe * math.ceil((weight_bits + input_bits) / 48)


def ram_blocks(width: int, depth: int) -> int:
    """Block RAMs of 18 Kb for a simple dual-port memory of ``depth`` words of ``width`` bits (UG573, table 1-10)."""
    if width == 1:
        return math.ceil(depth / 16384)
    if width == 2:
        return math.ceil(depth / 8192)
    if width <= 4:
        return math.ceil(depth / 4096) * math.ceil(width / 4)
    if width <= 9:
        return math.ceil(depth / 2048) * math.ceil(width / 9)
    if width <= 18 or depth > 512:
        return math.ceil(depth / 1024) * math.ceil(width / 18)
    return math.ceil(depth / 512) * math.ceil(width / 36)


def ultra_blocks(width: int, depth: int) -> int:
    """UltraRAMs: 4096 words of 72 bits each."""
    return math.ceil(width / 72) * math.ceil(depth / 4096)


def window_buffer(width: int, depth: int, ram_style: str, buffers: int = 1) -> Resources:
    """A sliding window unit in RTL whose ``buffers`` buffers hold ``depth`` words of ``width`` bits each."""
    if ram_style == "distributed":
        return Resources(lut=300 + width * math.ceil(depth / 38) * buffers)
    if ram_style == "ultra":
        return Resources(lut=300, uram=ultra_blocks(width, depth) * buffers)
    return Resources(lut=300, bram18=_cascaded_blocks(width, depth) * buffers)


def _cascaded_blocks(width: int, depth: int) -> int:
    """Block RAMs by the depth ladder; beyond 16384 words they cascade, and the last of a cascade may be narrower."""
    if depth <= 0:
        return 0
    across = math.ceil(width / _ladder_width(depth))
    deep, rest = math.ceil(depth / 16384), depth % 16384
    saved = across - math.ceil(width / _ladder_width(rest)) if depth > 16384 else 0
    return deep * across - saved


def _ladder_width(depth: int) -> int:
    return next((wide for limit, wide in _SWG_LADDER if depth <= limit), 1)


def fifo(width: int, depth: int, ram_style: str = "distributed") -> Resources:
    """A stream FIFO of ``depth`` words of ``width`` bits; two words or fewer are registers of the stages around it."""
    if depth <= 2:
        return Resources()
    address = 2 * math.ceil(math.log2(depth))
    if ram_style == "distributed":
        return Resources(lut=address + math.ceil(depth / 32) * math.ceil(width / 2))
    if ram_style == "ultra":
        return Resources(lut=address, uram=ultra_blocks(width, depth))
    return Resources(lut=address, bram18=ram_blocks(width, depth))


def width_converter(in_bits: int, out_bits: int) -> Resources:
    """Shift registers of the common width and a counter; none where the widths are equal."""
    if in_bits == out_bits:
        return Resources()
    common = math.lcm(in_bits, out_bits)
    return Resources(lut=common + math.ceil(math.log2(max(2, common // min(in_bits, out_bits)))))


def thresholding(channels: int, pe: int, input_bits: int, output_bits: int, ram_style: str = "auto") -> Resources:
    """A thresholding unit: a comparator bit for each input bit and PE, and its thresholds in LUTs.

    In block RAM ('block') all 2^B - 1 thresholds of a channel are read at once.
    """
    comparators, depth = input_bits * pe, math.ceil(channels / pe)
    if ram_style == "block":
        return Resources(lut=comparators, bram18=ram_blocks(pe * input_bits * (2**output_bits - 1), depth))
    return Resources(lut=comparators + pe * input_bits * math.ceil(depth / 64))
