"""Ways to carry out a convolution: what each holds in temporaries, multiplies, adds and moves.

The same layer can be run as it is written, as one matrix product on rearranged inputs (im2col, MEC), as many small
products whose results are shifted and added (the kn2row family), or in a transformed domain (Winograd, FFT). All counts
are elements or operations of one frame, from the layer's shape alone:

* im2col: Chellapilla et al. 2006; a patch for every output pixel.
* MEC: Cho and Brand, ICML 2017 (arXiv 1706.06873); patches along one axis only, products on overlapping slices.
* kn2row: Vasudevan, Anderson and Gregg, ASAP 2017 (arXiv 1704.04428); its accumulating forms kn2row-acc and k2r-aa:
  Anderson et al. 2017 (arXiv 1709.03395).
* Winograd F(m x m, 3 x 3): Lavin and Gray, CVPR 2016 (arXiv 1509.09308).
* FFT: Mathieu, Henaff and LeCun, ICLR 2014 (arXiv 1312.5851).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from workloads.errors import WorkloadError, did_you_mean
from workloads.layers import Layer

# Additions of one tile's transforms of data, filter and result (Lavin and Gray, section 4.1), and the words of memory
# for each. Filters are transformed once, before the run.
_WINOGRAD_ADDS = {2: (32, 28, 24), 4: (144, 72, 100)}


@dataclass(frozen=True, slots=True)
class AlgorithmCost:
    """What one convolution costs one way.

    ``temporary`` elements are held beside input, weights and output; ``multiplies`` are those of the products (complex
    ones counted as four), ``adds`` what comes on top of the accumulation that belongs to each multiply: shift-adds and
    transforms. ``traffic`` elements are moved when every operand and temporary lives in memory: each is written once
    and read once for each pass over it. ``weights`` elements are stored (transformed filters are larger).
    """

    algorithm: str
    temporary: int
    multiplies: int
    adds: int
    traffic: int
    weights: int


@dataclass(frozen=True, slots=True)
class ConvShape:
    """The letters of the literature: C input and M output channels, K kernel, input H x W, output Ho x Wo, groups g."""

    name: str
    inputs: int
    outputs: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    groups: int
    height: int
    width: int
    rows: int
    columns: int
    padded_height: int
    padded_width: int
    weights: int

    @property
    def taps(self) -> int:
        return self.kernel[0] * self.kernel[1]

    @property
    def macs(self) -> int:
        return self.weights * self.rows * self.columns

    @property
    def input_elements(self) -> int:
        return self.inputs * self.height * self.width

    @property
    def output_elements(self) -> int:
        return self.outputs * self.rows * self.columns


def conv_shape(layer: Layer) -> ConvShape:
    """The shape of a convolution; any other layer raises :class:`WorkloadError`."""
    if layer.kind != "conv" or layer.kernel is None:
        raise WorkloadError(f"layer '{layer.name}': is a {layer.kind}; algorithms are chosen for convolutions only")
    channels, height, width = layer.in_shape
    top, left, bottom, right = layer.pad
    return ConvShape(
        layer.name, channels, layer.out_shape[0], layer.kernel, layer.stride, layer.dilation, layer.groups, height,
        width, layer.out_shape[1], layer.out_shape[2], height + top + bottom, width + left + right, layer.weights,
    )  # fmt: skip


def _direct(s: ConvShape) -> AlgorithmCost:
    return AlgorithmCost("direct", 0, s.macs, 0, s.input_elements + s.weights + s.output_elements, s.weights)


def _patches(name: str, s: ConvShape, temporary: int) -> AlgorithmCost:
    """One matrix product on a rearranged copy of the input, which is written and read again."""
    traffic = s.input_elements + 2 * temporary + s.weights + s.output_elements
    return AlgorithmCost(name, temporary, s.macs, 0, traffic, s.weights)


def _im2col(s: ConvShape) -> AlgorithmCost:
    return _patches("im2col", s, s.inputs * s.taps * s.rows * s.columns)


def _mec(s: ConvShape) -> AlgorithmCost:
    return _patches("mec", s, s.inputs * s.columns * s.kernel[1] * s.padded_height)


def _kn2row_products(s: ConvShape) -> int:
    """A 1 x 1 product for every tap over the whole input: a stride saves nothing."""
    return s.weights * s.height * s.width


def _shift_adds(s: ConvShape) -> int:
    return s.taps * s.output_elements if s.taps > 1 else 0


def _kn2row(s: ConvShape) -> AlgorithmCost:
    buffer = s.taps * s.outputs * s.height * s.width
    traffic = s.input_elements + s.weights + 2 * buffer + s.output_elements
    return AlgorithmCost("kn2row", buffer, _kn2row_products(s), _shift_adds(s), traffic, s.weights)


def _kn2row_acc(s: ConvShape) -> AlgorithmCost:
    buffer = s.outputs * s.height * s.width
    # Each tap writes its product to the one buffer, reads it back, and adds it to the output: read and written again.
    passes = s.taps * (2 * buffer + 2 * s.output_elements)
    traffic = s.taps * s.input_elements + s.weights + passes
    return AlgorithmCost("kn2row-acc", buffer, _kn2row_products(s), _shift_adds(s), traffic, s.weights)


def _k2r_aa(s: ConvShape) -> AlgorithmCost:
    # The matrix product itself accumulates into the shifted output; only border rows need a place of their own.
    traffic = s.taps * (s.input_elements + 2 * s.output_elements) + s.weights
    return AlgorithmCost("k2r-aa", s.kernel[0] * s.width, _kn2row_products(s), _shift_adds(s), traffic, s.weights)


def _winograd(tile: int) -> Callable[[ConvShape], AlgorithmCost]:
    def cost(s: ConvShape) -> AlgorithmCost:
        if s.kernel != (3, 3) or s.stride != (1, 1) or s.dilation != (1, 1) or s.groups != 1:
            raise WorkloadError(
                f"layer '{s.name}': Winograd F({tile}) needs a 3x3 kernel of stride 1 without dilation or groups; this"
                f" is {s.kernel[0]}x{s.kernel[1]}, stride {s.stride[0]}, dilation {s.dilation[0]}, {s.groups} groups"
            )
        tiles = -(-s.rows // tile) * -(-s.columns // tile)
        points = (tile + 2) ** 2
        data, products, filters = tiles * points * s.inputs, tiles * points * s.outputs, points * s.inputs * s.outputs
        data_adds, _, result_adds = _WINOGRAD_ADDS[tile]
        adds = tiles * (s.inputs * data_adds + s.outputs * result_adds)
        traffic = s.input_elements + 2 * data + filters + 2 * products + s.output_elements
        return AlgorithmCost(
            f"winograd-{tile}", data + products + filters, tiles * points * s.inputs * s.outputs, adds, traffic, filters
        )

    return cost


def _fft_extent(extent: int) -> int:
    """The next length without a prime factor above 5, for which transforms are fast."""
    while True:
        rest = extent
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return extent
        extent += 1


def _fft(s: ConvShape) -> AlgorithmCost:
    if s.dilation != (1, 1):
        raise WorkloadError(
            f"layer '{s.name}': FFT of a dilated kernel is not counted; its dilation is {s.dilation[0]}"
        )
    high, wide = _fft_extent(s.padded_height), _fft_extent(s.padded_width)
    # Real data needs half a plane of complex values; a complex value is two elements.
    plane = high * (wide // 2 + 1)
    per_group = s.inputs * s.outputs // s.groups
    # Radix-2 operation count of a real transform: 2.5 N log2 N, of which two fifths are multiplications.
    transform = 2.5 * high * wide * math.log2(high * wide)
    transforms = s.inputs + s.outputs
    data, products, filters = 2 * plane * s.inputs, 2 * plane * s.outputs, 2 * plane * per_group
    # A complex product and its accumulation: four multiplies, two additions beside the four that accumulate.
    multiplies = 4 * plane * per_group + round(0.4 * transform * transforms)
    adds = 2 * plane * per_group + round(0.6 * transform * transforms)
    traffic = s.input_elements + 2 * data + filters + 2 * products + s.output_elements
    return AlgorithmCost("fft", data + products + filters, multiplies, adds, traffic, filters)


_ALGORITHMS: dict[str, Callable[[ConvShape], AlgorithmCost]] = {
    "direct": _direct,
    "im2col": _im2col,
    "mec": _mec,
    "kn2row": _kn2row,
    "kn2row-acc": _kn2row_acc,
    "k2r-aa": _k2r_aa,
    "winograd-2": _winograd(2),
    "winograd-4": _winograd(4),
    "fft": _fft,
}
ALGORITHMS = tuple(_ALGORITHMS)
"""Names that ``Layer.algorithm`` may have."""


def algorithm_cost(layer: Layer, algorithm: str | None = None) -> AlgorithmCost:
    """What the layer's own algorithm, or the one named, costs.

    Raises :class:`WorkloadError` for a layer that is no convolution, an unknown name, and a convolution that the
    algorithm cannot carry out.
    """
    name = algorithm or layer.algorithm
    if name not in _ALGORITHMS:
        raise WorkloadError(f"layer '{layer.name}': no convolution algorithm '{name}'{did_you_mean(name, ALGORITHMS)}")
    return _ALGORITHMS[name](conv_shape(layer))


def possible_costs(layer: Layer) -> dict[str, AlgorithmCost]:
    """The cost of every algorithm that can carry out the layer."""
    shape = conv_shape(layer)
    found = {}
    for name, cost in _ALGORITHMS.items():
        try:
            found[name] = cost(shape)
        except WorkloadError:
            continue
    return found
