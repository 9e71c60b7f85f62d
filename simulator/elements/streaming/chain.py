"""The operators that do a layer's work, in dataflow order."""

from __future__ import annotations

from dataclasses import replace
from math import prod

from simulator.elements.folding import divisors
from simulator.elements.streaming import formulas, pieces, resources, tiles
from simulator.elements.streaming.formulas import Sliding
from simulator.elements.streaming.matrix import Unit, matrix_operator, unit_of, vector_operator
from simulator.elements.streaming.operator import Operator, converter
from simulator.elements.streaming.options import FoldingOptions, check_divides
from simulator.elements.streaming.ports import Link, copies, port
from simulator.elements.streaming.resources import Resources
from simulator.elements.streaming.setfolding import lightest
from simulator.elements.streaming.sliding import padded, sliding, with_fifo
from workloads.layers import ACTIVATION_KINDS, Layer
from workloads.network import LayerGroup
from workloads.windows import extent

_GLOBAL = {"global_avg_pool", "global_max_pool", "reduce_mean"}
_JOINING = {"add", "sub", "mul", "max", "concat"}
_NAMES = {"concat": "concat", "slice": "split", "upsample": "upsample", "batch_norm": "channelwise"}


def build_chain(group: LayerGroup, options: FoldingOptions, link: Link | None, where: str) -> list[Operator]:
    """The operators of a fused layer group, width converters included.

    ``where`` names layer and element in errors. Raises ``PlatformError`` for a folding that does not divide.
    """
    body = _Chain(group, options, where).build()
    if options.copies > 1:
        body.append(copies(group, options, body[-1], where))
    if link is not None and options.to_host:
        body.append(port("dma_out", group.last, group.out_shape, group.last.output_bits, link, 0))
        body[-1] = replace(body[-1], extra_latency=link.call_cycles)
    if link is not None and options.from_host and len(group.main.in_shapes) == 1:
        layer = group.main
        body.insert(0, port("dma_in", layer, layer.in_shape, layer.input_bits, link, link.frame_cycles))
    return _with_converters(group, options, body)


def _with_converters(group: LayerGroup, options: FoldingOptions, body: list[Operator]) -> list[Operator]:
    first, layer = body[0], group.main
    chain: list[Operator] = []
    outside = options.in_bits[0] if len(options.in_bits) == 1 else None
    if outside is not None and first.name != "dma_in":
        found = converter(None, outside, first, prod(layer.in_shape), layer.input_bits)
        chain += [found] if found is not None else []
    for before, after in zip([None, *body], body, strict=False):
        if before is not None and after is not first:
            found = converter(before, 0, after, before.elements, before.element_bits)
            chain += [found] if found is not None else []
        chain.append(after)
    return chain


class _Chain:
    """Builds the operators of one group; ``self.layer`` is its main layer."""

    def __init__(self, group: LayerGroup, options: FoldingOptions, where: str) -> None:
        self.group, self.layer, self.options, self.where = group, group.main, options, where
        self.in_size = extent(self.layer.in_shape)
        self.out_size = extent(self.layer.out_shape)
        self.tiles: tiles.Tiles | None = None
        if options.tile is not None:
            self.tiles = tiles.tiles_of(group, options.tile, options.has_memory, options.from_host, where)

    def build(self) -> list[Operator]:
        kind = self.layer.kind
        if self.layer.is_compute:
            return self._compute()
        if kind in _GLOBAL or (kind.startswith("adaptive") and self.out_size[:2] == (1, 1)):
            body = self._whole_map()
        elif kind in ("max_pool", "avg_pool"):
            body = self._pool()
        elif kind == "arg_max" and self.in_size[:2] == (1, 1):
            body = [self._labels()]
        elif kind == "pad":
            body = [padded(self.layer, self.options, self.layer.pad, (1, 1), self.where)[0]]
        else:
            body = [self._plain()]
        body[-1] = replace(body[-1], is_main=True)
        if any(layer.kind in ACTIVATION_KINDS for layer in self.group.followers):
            body.append(self._threshold(body[-1].element_bits))
        return body

    def _compute(self) -> list[Operator]:
        unit = unit_of(self.layer)
        body, has_windows = self._windows(unit)
        where, options = self.where, self.options
        fused = bool(self.group.followers) and self._embeds
        if unit.depthwise:
            body.append(vector_operator(self.group, unit, options, fused, where))
        else:
            body.append(matrix_operator(self.group, unit, options, fused, has_windows, where))
        if not fused and any(layer.kind in ACTIVATION_KINDS for layer in self.group.followers):
            body.append(self._threshold(self.layer.output_bits))
        if self.tiles is not None:
            channels = self.out_size[2]
            pe = lightest(channels, lambda words: self.out_size[0] * self.out_size[1] * words, options.pace)
            body.append(tiles.join(self.tiles, self.group, pe, body[-1], options.to_host))
        return body

    @property
    def _embeds(self) -> bool:
        """Whether thresholds are compared inside the unit: an RTL unit cannot."""
        return (self.options.thresholds or ("standalone" if self.options.impl == "rtl" else "embedded")) == "embedded"

    def _windows(self, unit: Unit) -> tuple[list[Operator], bool]:
        """Padding and sliding windows in front of a convolution, and whether there are windows."""
        layer = self.layer
        if layer.kernel is None or layer.kind not in ("conv", "conv_transpose"):
            return [], False
        if self.tiles is not None:
            return self._tiled(self.tiles, unit.pe_of(self.options) if unit.depthwise else None), True
        body: list[Operator] = []
        size, stride = self.in_size[:2], layer.stride
        if layer.kind == "conv_transpose":
            reach = [(k - 1) * d for k, d in zip(layer.kernel, layer.dilation, strict=True)]
            stuffed = [(side - 1) * s + 1 for side, s in zip(size, stride, strict=True)]
            wanted = [out + far for out, far in zip(self.out_size[:2], reach, strict=True)]
            top, left = (far - pad for far, pad in zip(reach, layer.pad[:2], strict=True))
            pad = (top, left, wanted[0] - stuffed[0] - top, wanted[1] - stuffed[1] - left)
            first, size = padded(layer, self.options, pad, stride, self.where)
            body, stride = [first], (1, 1)
        elif any(layer.pad):
            first, size = padded(layer, self.options, layer.pad, (1, 1), self.where)
            body = [first]
        if layer.kernel == (1, 1) and stride == (1, 1):
            return body, False
        shape = Sliding(*size, self.in_size[2], *self.out_size[:2], layer.kernel, stride, layer.dilation)
        body.append(
            sliding(layer, self.options, shape, unit.pe_of(self.options) if unit.depthwise else None, self.where)
        )
        return with_fifo(body, shape, self.in_size[:2], self.layer.input_bits), True

    def _tiled(self, found: tiles.Tiles, consumer_pe: int | None) -> list[Operator]:
        """Tiles out of a frame buffer, padded on the way, and windows over each."""
        simd = self.options.padding_simd or tiles.lightest_cut(found, self.options.pace, divisors(self.in_size[2]))
        check_divides(self.where, "padding_simd", simd, self.in_size[2], "the channels")
        return [
            tiles.cut(found, simd),
            tiles.slid(
                found, lambda each: sliding(self.layer, self.options, each, consumer_pe, self.where, found.windows())
            ),
        ]

    def _pool(self) -> list[Operator]:
        layer, options = self.layer, self.options
        kernel = layer.kernel or (1, 1)
        apart = layer.stride == kernel and not any(layer.pad) and layer.dilation == (1, 1)
        if (options.pool or "streaming") == "streaming" and layer.kind == "max_pool" and apart:
            return [self._streaming_pool(kernel)]
        return self._windowed_pool(kernel, layer.stride)

    def _windowed_pool(self, kernel: tuple[int, int], stride: tuple[int, int]) -> list[Operator]:
        height, width, channels = self.out_size
        pixels = kernel[0] * kernel[1]
        pe = (
            self.options.pool_pe
            or self.options.pe
            or lightest(channels, lambda words: pixels * words * height * width, self.options.pace)
        )
        check_divides(self.where, "pool_pe", pe, channels, "the channels")
        body, size = [], self.in_size[:2]
        # Windows that a rounded-up pool begins beyond the map need their rim padded too.
        pad = self.layer.pad if self.layer.kind in ("max_pool", "avg_pool") else (0, 0, 0, 0)
        need = [
            (out - 1) * s + (k - 1) * d + 1
            for out, s, k, d in zip((height, width), stride, kernel, self.layer.dilation, strict=True)
        ]
        rim = [
            max(have, want - side - before)
            for have, want, side, before in zip(pad[2:], need, size, pad[:2], strict=True)
        ]
        if any((*pad[:2], *rim)):
            first, size = padded(self.layer, self.options, (pad[0], pad[1], rim[0], rim[1]), (1, 1), self.where)
            body.append(first)
        shape = Sliding(*size, channels, height, width, kernel, stride, self.layer.dilation)
        body.append(sliding(self.layer, self.options, shape, pe, self.where))
        cycles = formulas.pool(channels, pixels, height * width, pe)
        body.append(self._tail("pool", cycles, channels // pe, channels * pixels, pe))
        return with_fifo(body, shape, self.in_size[:2], self.layer.input_bits)

    def _tail(self, name: str, cycles: int, words: int, taken: int, pe: int) -> Operator:
        """An operator that writes the layer's output, ``taken`` elements in for each pixel of it."""
        height, width, channels = self.out_size
        return Operator(
            name,
            pieces.through(height, width, words, taken, channels, cycles),
            cycles,
            pe * self.layer.input_bits,
            pe * self.layer.output_bits,
            height * width * channels,
            self.layer.output_bits,
            detail={"pe": pe},
        )

    def _streaming_pool(self, kernel: tuple[int, int]) -> Operator:
        height, width, channels = self.in_size
        line = height == 1 or width == 1
        pe = channels if not line else self.options.pool_pe or self.options.pe or channels
        check_divides(self.where, "pool_pe", pe, channels, "the channels")
        outputs = self.out_size[0] * self.out_size[1]
        cycles = formulas.streaming_max_pool(height, width, kernel, channels // pe, outputs)
        made = self._tail("max_pool", cycles, 1, channels, pe)
        return replace(made, make=pieces.pooled(height, width, channels, self.out_size[:2], kernel, cycles), room=None)

    def _whole_map(self) -> list[Operator]:
        height, width, channels = self.in_size
        if self.options.pool == "window":
            return self._windowed_pool((height, width), (1, 1))
        pe = (
            self.options.pool_pe
            or self.options.pe
            or lightest(channels, lambda words: formulas.global_acc_pool(height * width, words), self.options.pace)
        )
        check_divides(self.where, "pool_pe", pe, channels, "the channels")
        words = channels // pe
        cycles = formulas.global_acc_pool(height * width, words)
        given = prod(self.layer.out_shape)
        made = self._tail("accumulate", cycles, words, channels, pe)
        return [replace(made, make=pieces.summing(height, width, words, channels, given, cycles, words), room=None)]

    def _labels(self) -> Operator:
        labels = self.in_size[2]
        pe = self._pe_of(labels, 1)
        cycles, given = formulas.label_select(labels, pe), prod(self.layer.out_shape)
        return Operator(
            "label_select",
            pieces.summing(1, 1, labels // pe, labels, given, cycles, 0),
            cycles,
            pe * self.layer.input_bits,
            32,
            given,
            self.layer.output_bits,
            detail={"pe": pe},
            room=None,
        )

    def _pe_of(self, channels: int, pixels: int) -> int:
        pe = self.options.pe or lightest(channels, lambda words: pixels * words, self.options.pace)
        check_divides(self.where, "pe", pe, channels, "the channels")
        return pe

    def _plain(self) -> Operator:
        """Element-wise, joining and reordering layers: a word a cycle, of the longer of input and output."""
        layer = self.layer
        if layer.kind in ACTIVATION_KINDS:
            return replace(self._threshold(layer.input_bits), room=None, is_main=True)
        height, width, channels = self.out_size
        if layer.kind == "slice":
            height, width, channels = self.in_size
        pe = self._pe_of(channels, height * width)
        cycles = formulas.elementwise(height * width, channels // pe)
        alike = len(set(layer.in_shapes)) == 1 and layer.in_shape == layer.out_shape
        make = pieces.of_layer(layer, cycles)
        if alike and len(layer.in_shapes) == 1 and layer.kind in ("batch_norm", "softmax", "lrn"):
            make = pieces.through(height, width, channels // pe, channels, channels, cycles)
        elif alike and layer.kind in _JOINING:
            make = _joined(pieces.through(height, width, channels // pe, channels, channels, cycles), layer)
        name = "add" if layer.kind in _JOINING - {"concat"} else _NAMES.get(layer.kind, layer.kind)
        return Operator(
            name,
            make,
            cycles,
            pe * layer.input_bits if layer.kind != "concat" else 0,
            pe * layer.output_bits,
            prod(layer.out_shape),
            layer.output_bits,
            resources=Resources(lut=pe * layer.input_bits * max(0, len(layer.in_shapes) - 1)),
            detail={"pe": pe},
            room=None,
        )

    def _threshold(self, input_bits: int) -> Operator:
        height, width, channels = extent(self.group.out_shape)
        if self.layer.kind in ACTIVATION_KINDS:
            height, width, channels = self.in_size
        given = self.options.threshold_pe or (self.options.pe if self.layer.kind in ACTIVATION_KINDS else None)
        pe = given or lightest(channels, lambda words: height * width * words, self.options.pace)
        check_divides(self.where, "threshold_pe", pe, channels, "the channels")
        cycles = formulas.elementwise(height * width, channels // pe)
        out_bits = self.group.last.output_bits
        return Operator(
            "threshold",
            pieces.through(height, width, channels // pe, channels, channels, cycles),
            cycles,
            pe * input_bits,
            pe * out_bits,
            height * width * channels,
            out_bits,
            resources=self._comparators(channels, pe, input_bits, out_bits),
            detail={"pe": pe},
        )

    def _comparators(self, channels: int, pe: int, input_bits: int, output_bits: int) -> Resources:
        """Thresholds of a quantised network are stored; a ReLU and its like compare with a constant."""
        if any(layer.kind == "threshold" for layer in self.group.layers):
            return resources.thresholding(channels, pe, input_bits, output_bits, self.options.threshold_ram_style)
        return Resources(lut=pe * input_bits)


def _joined(make: pieces.Making, layer: Layer) -> pieces.Making:
    """The same reading of each of several inputs."""

    def joined(granularity: str) -> pieces.Pieces:
        one = make(granularity)
        return replace(one, need=one.need * len(layer.in_shapes), free=one.free * len(layer.in_shapes))

    return joined
