"""Matrix-vector and vector-vector units: the operators in which a layer's multiply-accumulates happen."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.elements.folding import matrix
from simulator.elements.streaming import formulas, pieces, resources
from simulator.elements.streaming.adders import adder_tree_depth
from simulator.elements.streaming.operator import Operator
from simulator.elements.streaming.options import FoldingOptions, check_divides
from simulator.elements.streaming.resources import MatrixUnit, Resources
from simulator.errors import PlatformError
from workloads.layers import Layer
from workloads.network import LayerGroup
from workloads.windows import extent

_DSP_BITS = 4
"""Operands of more bits than this multiply in DSP slices under ``res_type: auto``; FINN leaves it to the synthesis."""


@dataclass(frozen=True, slots=True)
class Unit:
    """The matrix of a layer: ``vectors`` products a frame of ``rows`` (MH) by ``columns`` (MW).

    ``taken`` elements of the (windowed) input go into each. ``depthwise``: a row a channel with a window of its own.
    """

    height: int
    width: int
    rows: int
    columns: int
    taken: int
    depthwise: bool

    @property
    def vectors(self) -> int:
        return self.height * self.width

    def pe_of(self, options: FoldingOptions) -> int:
        return options.pe or 1

    def cycles(self, pe: int, simd: int) -> int:
        """Cycles of a frame."""
        return formulas.mvau(self.vectors, self.rows, self.columns, pe, simd)


def unit_of(layer: Layer) -> Unit:
    """The matrix of a layer with multiply-accumulates."""
    height, width, _ = extent(layer.out_shape)
    channels = extent(layer.in_shape)[2]
    if layer.kind in ("conv", "conv_transpose") and layer.kernel is not None:
        window = layer.kernel[0] * layer.kernel[1]
        taken = window * channels
        depthwise = layer.is_depthwise and layer.out_channels == channels
        columns = window if depthwise else max(1, taken // layer.groups)
        return Unit(height, width, layer.out_channels, columns, taken, depthwise)
    found = matrix(layer)
    taken = max(1, layer.input_elements // (height * width))
    return Unit(height, width, found.rows, found.columns, taken, False)


def folding_of(unit: Unit, options: FoldingOptions, where: str) -> tuple[int, int]:
    """PE and SIMD of a unit; raises ``PlatformError`` where they do not divide it."""
    pe, simd = options.pe or 1, options.simd or 1
    check_divides(where, "pe", pe, unit.rows, "the output channels" if unit.depthwise else "the rows of the matrix")
    check_divides(where, "simd", simd, unit.columns, "the kernel" if unit.depthwise else "the columns of the matrix")
    if unit.depthwise and simd > 1 and pe < unit.rows:
        raise PlatformError(
            f"{where}: simd is {simd} with pe {pe}; a depthwise unit unrolls its {unit.rows} channels first:"
            f" write pe: {unit.rows}, or simd: 1"
        )
    return pe, simd


def matrix_operator(
    group: LayerGroup, unit: Unit, options: FoldingOptions, fused: bool, sliding: bool, where: str
) -> Operator:
    """The matrix-vector unit of a layer; ``fused``: it applies the group's activation too."""
    pe, simd = folding_of(unit, options, where)
    layer, folds = group.main, unit.columns // simd
    out_bits = group.last.output_bits if fused else layer.output_bits
    estimate = MatrixUnit(
        rows=unit.rows,
        columns=unit.columns,
        pe=pe,
        simd=simd,
        weight_bits=layer.weight_bits,
        input_bits=layer.input_bits,
        signed_input=layer.input_bits == 1,
        threshold_bits=min(out_bits, 8) if fused else 0,
        accumulator_bits=options.accumulator_bits,
        multiplier=_multiplier(options, layer),
        impl=options.impl,
        weights="streamed" if options.weights == "streamed" else "on_chip",
        ram_style=options.ram_style,
        threshold_ram=options.threshold_ram_style,
        adder=options.adder,
    )
    return Operator(
        "mvau",
        pieces.matrix_vectors(unit.height, unit.width, unit.taken, unit.rows, folds, unit.rows // pe),
        unit.cycles(pe, simd),
        simd * layer.input_bits,
        pe * out_bits,
        unit.vectors * unit.rows,
        out_bits,
        resources=resources.matrix_unit(estimate),
        detail={"pe": pe, "simd": simd},
        extra_latency=_levels(simd, estimate.product_bits, options.adder),
        room=_prefetched(options, folds, simd) if sliding else None,
        is_main=True,
        weight_bytes=_streamed(options, layer, unit.vectors),
        keeps_weights=options.weights == "cached",
    )


def vector_operator(group: LayerGroup, unit: Unit, options: FoldingOptions, fused: bool, where: str) -> Operator:
    """The vector-vector unit of a depthwise layer."""
    pe, simd = folding_of(unit, options, where)
    layer = group.main
    out_bits = group.last.output_bits if fused else layer.output_bits
    multiplier = _multiplier(options, layer)
    one = MatrixUnit(
        1, unit.columns, 1, simd, layer.weight_bits, layer.input_bits,
        threshold_bits=min(out_bits, 8) if fused else 0, multiplier=multiplier,
        accumulator_bits=options.accumulator_bits, adder=options.adder, ram_style="block",
        threshold_ram=options.threshold_ram_style,
    )  # fmt: skip
    dsp = resources.vector_dsps(pe, layer.weight_bits, layer.input_bits) if multiplier == "dsp" else 0
    width, depth = pe * simd * layer.weight_bits, unit.rows // pe * (unit.columns // simd)
    memory = Resources() if options.weights == "streamed" else Resources(bram18=resources.ram_blocks(width, depth))
    if options.ram_style == "distributed":
        memory = Resources(lut=width * -(-depth // 64))
    return Operator(
        "vvau",
        pieces.through(unit.height, unit.width, unit.rows // pe, unit.taken, unit.rows, unit.cycles(pe, simd)),
        formulas.vvau(unit.rows, unit.columns, unit.vectors, pe, simd),
        simd * pe * layer.input_bits,
        pe * out_bits,
        unit.vectors * unit.rows,
        out_bits,
        resources=Resources(lut=300 + pe * (resources.matrix_luts(one) - 300), dsp=dsp) + memory,
        detail={"pe": pe, "simd": simd},
        is_main=True,
        weight_bytes=_streamed(options, layer, unit.vectors),
        keeps_weights=options.weights == "cached",
    )


def _levels(operands: int, bits: int, style: str) -> int:
    """Cycles that a tree with a register after every level adds; what FINN's own units take is in the pipeline fill."""
    return 0 if style == "finn-r" else adder_tree_depth(operands, style, bits)


def _multiplier(options: FoldingOptions, layer: Layer) -> str:
    if options.res_type != "auto":
        return options.res_type
    return "dsp" if min(layer.weight_bits, layer.input_bits) > _DSP_BITS else "lut"


def _prefetched(options: FoldingOptions, folds: int, simd: int) -> int:
    """Elements that wait in front of the unit: the depth-2 stream of an HLS operator, or the replay buffer of the RTL
    one, 2^ceil(log2 SF) words, which takes the next vector while this one is replayed."""
    return simd * (2 if options.impl == "hls" else 1 << (folds - 1).bit_length())


def _streamed(options: FoldingOptions, layer: Layer, vectors: int) -> float:
    """Bytes of weights a frame that come from memory: all of them for each vector, as FINN streams them, or at most
    once where they are cached."""
    if options.weights == "cached":
        return float(layer.weight_bytes)
    return float(layer.weight_bytes * vectors) if options.weights == "streamed" else 0.0
