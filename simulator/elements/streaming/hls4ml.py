"""hls4ml as a second style: a reuse factor says how many multiplications share a multiplier.

Source: hls4ml (fastmachinelearning/hls4ml): a dense layer with ``io_parallel`` takes a new frame every ``reuse`` cycles
on n_in * n_out / reuse multipliers; a convolution with ``io_stream`` computes its product for one output pixel in
``reuse`` cycles, while the line buffer takes a pixel of the input a cycle. The promised interval is not always met: a
reuse of 2 gave 19 cycles and 112 gave 117 before pull request 284. FIFOs hold a whole tensor unless they are optimised.
"""

from __future__ import annotations

import math

from simulator.elements.streaming import pieces
from simulator.elements.streaming.matrix import unit_of
from simulator.elements.streaming.operator import Operator
from simulator.elements.streaming.options import FoldingOptions
from simulator.elements.streaming.resources import Resources
from simulator.errors import PlatformError
from workloads.layers import Layer
from workloads.network import LayerGroup
from workloads.windows import extent

_DSP_BITS = 9
"""Products of wider operands take a DSP slice each; narrower ones are left to LUTs by the synthesis (recalled)."""


def build_layer(group: LayerGroup, options: FoldingOptions, reuse: int, where: str) -> list[Operator]:
    """The one stage of a layer; raises ``PlatformError`` where more multiplications are to share than there are."""
    layer = group.main
    height, width, channels = extent(group.out_shape)
    pixels = height * width
    if not layer.is_compute:
        return [_passing(group, options)]
    unit = unit_of(layer)
    products = unit.rows * unit.columns
    if reuse > products:
        raise PlatformError(f"{where}: reuse is {reuse}, but its matrix has {products} products; write at most that")
    multipliers = math.ceil(products / reuse)
    steps = unit.vectors if options.io == "stream" else 1
    in_height, in_width, in_channels = extent(layer.in_shape)
    # A stream convolution visits every pixel of its input, also those after which no window is complete.
    cycles = max(steps * reuse, in_height * in_width) if options.io == "stream" else reuse
    make = pieces.of_layer(layer, cycles)
    if options.io == "parallel" or pixels == 1:
        given = pixels * channels
        make = pieces.summing(1, 1, 1, in_height * in_width * in_channels, given, cycles, 0)
    return [
        Operator(
            "mvau",
            make,
            cycles,
            0,
            0,
            pixels * channels,
            group.last.output_bits,
            resources=_fabric(layer, multipliers, unit.columns, unit.rows),
            detail={"reuse": reuse, "multipliers": multipliers},
            room=in_height * in_width * in_channels,
            is_main=True,
        )
    ]


def _passing(group: LayerGroup, options: FoldingOptions) -> Operator:
    """Pools, activations and joins: a pixel a cycle as a stream, all at once as registers."""
    height, width, channels = extent(group.out_shape)
    in_height, in_width, in_channels = extent(group.main.in_shape)
    cycles = max(height * width, in_height * in_width) if options.io == "stream" else 1
    return Operator(
        group.main.kind,
        pieces.of_layer(group.main, cycles),
        cycles,
        0,
        0,
        height * width * channels,
        group.last.output_bits,
        room=in_height * in_width * in_channels,
        is_main=True,
    )


def _fabric(layer: Layer, multipliers: int, columns: int, rows: int) -> Resources:
    """Multipliers in DSP slices or LUTs, an adder for each product, and weights in block RAM where they are reused."""
    width = layer.weight_bits + layer.input_bits
    in_dsp = max(layer.weight_bits, layer.input_bits) > _DSP_BITS
    luts = multipliers * width + (0 if in_dsp else multipliers * layer.weight_bits * layer.input_bits)
    reused = math.ceil(rows * columns / multipliers)
    blocks = math.ceil(multipliers * layer.weight_bits / 36) * math.ceil(reused / 512) if reused > 1 else 0
    return Resources(lut=luts, bram18=blocks, dsp=multipliers if in_dsp else 0)
