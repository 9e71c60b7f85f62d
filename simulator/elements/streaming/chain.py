"""The operators that do a layer's work, in dataflow order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from simulator.elements.folding import divisors
from simulator.elements.streaming import formulas, pieces, resources, tiles
from simulator.elements.streaming.formulas import Sliding
from simulator.elements.streaming.matrix import Unit, matrix_operator, unit_of, vector_operator
from simulator.elements.streaming.operator import Operator, converter
from simulator.elements.streaming.options import FoldingOptions, check_divides
from simulator.elements.streaming.resources import Resources
from simulator.errors import PlatformError
from workloads.layers import ACTIVATION_KINDS, Layer
from workloads.network import LayerGroup
from workloads.windows import extent

_GLOBAL = {"global_avg_pool", "global_max_pool", "reduce_mean"}
_JOINING = {"add", "sub", "mul", "max", "concat"}
_NAMES = {"concat": "concat", "slice": "split", "upsample": "upsample", "batch_norm": "channelwise"}


@dataclass(frozen=True, slots=True)
class Link:
    """The way to the host: bytes that its port moves a cycle, and cycles a frame that the host stack adds.

    ``call_cycles`` passes once for a frame and holds up nothing; ``frame_cycles`` occupies the input port.
    """

    bytes_per_cycle: float
    frame_cycles: int
    call_cycles: int


def build_chain(group: LayerGroup, options: FoldingOptions, link: Link | None, where: str) -> list[Operator]:
    """The operators of a fused layer group, width converters included.

    ``where`` names layer and element in errors. Raises ``PlatformError`` for a folding that does not divide.
    """
    body = _Chain(group, options, where).build()
    if options.copies > 1:
        body.append(_copies(group, options, body[-1], where))
    if link is not None and options.to_host:
        body.append(_port("dma_out", group.last, group.out_shape, group.last.output_bits, link, 0))
        body[-1] = replace(body[-1], extra_latency=link.call_cycles)
    if link is not None and options.from_host and len(group.main.in_shapes) == 1:
        layer = group.main
        body.insert(0, _port("dma_in", layer, layer.in_shape, layer.input_bits, link, link.frame_cycles))
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


def _port(name: str, layer: Layer, shape: tuple[int, ...], bits: int, link: Link, extra: int) -> Operator:
    """A DMA between the host's memory and a stream: whole words of its port, one a cycle."""
    height, width, channels = extent(shape)
    elements = height * width * channels
    words = max(1, -(-elements * bits // int(8 * link.bytes_per_cycle)))

    def make(granularity: str) -> pieces.Pieces:
        if height * width > 1:
            made = pieces.through(height, width, 1, channels, channels, words)(
                granularity if granularity in ("frame", "row") else "row"
            )
        else:
            made = pieces.through(1, 1, words, channels, channels, words)(granularity)
        cycles = made.cycles.copy()
        cycles[0] += extra
        return replace(made, cycles=cycles)

    return Operator(name, make, words + extra, 0, 0, elements, bits, room=None)


def _copies(group: LayerGroup, options: FoldingOptions, last: Operator, where: str) -> Operator:
    height, width, channels = extent(group.out_shape)
    pe = options.copy_pe or _lightest(channels, lambda words: height * width * words, options.pace)
    check_divides(where, "copy_pe", pe, channels, "the channels")
    cycles = formulas.elementwise(height * width, channels // pe)
    make = pieces.through(height, width, channels // pe, channels, channels, cycles)
    width_bits = pe * group.last.output_bits
    return Operator(
        "duplicate", make, cycles, width_bits, width_bits, last.elements, last.element_bits, detail={"pe": pe}
    )


def _lightest(channels: int, cycles_of: Callable[[int], int], pace: int | None) -> int:
    """The smallest divisor of the channels whose cycles keep the pace; 1 where there is none to keep."""
    if pace is None:
        return 1
    for parallel in divisors(channels):
        if cycles_of(channels // parallel) <= pace:
            return parallel
    return channels


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
            body = [self._padded(self.layer.pad, (1, 1))[0]]
        else:
            body = [self._plain()]
        body[-1] = replace(body[-1], is_main=True)
        if any(layer.kind in ACTIVATION_KINDS for layer in self.group.followers):
            body.append(self._threshold(body[-1].element_bits))
        return body

    def _compute(self) -> list[Operator]:
        unit = unit_of(self.layer)
        body, sliding = self._windows(unit)
        where, options = self.where, self.options
        fused = bool(self.group.followers) and self._embeds
        if unit.depthwise:
            body.append(vector_operator(self.group, unit, options, fused, where))
        else:
            body.append(matrix_operator(self.group, unit, options, fused, sliding, where))
        if not fused and any(layer.kind in ACTIVATION_KINDS for layer in self.group.followers):
            body.append(self._threshold(self.layer.output_bits))
        if self.tiles is not None:
            channels = self.out_size[2]
            pe = _lightest(channels, lambda words: self.out_size[0] * self.out_size[1] * words, options.pace)
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
            padded, size = self._padded(pad, stride)
            body, stride = [padded], (1, 1)
        elif any(layer.pad):
            padded, size = self._padded(layer.pad, (1, 1))
            body = [padded]
        if layer.kernel == (1, 1) and stride == (1, 1):
            return body, False
        shape = Sliding(*size, self.in_size[2], *self.out_size[:2], layer.kernel, stride, layer.dilation)
        body.append(self._sliding(shape, unit.pe_of(self.options) if unit.depthwise else None))
        return _with_fifo(body, shape, self.in_size[:2], self.layer.input_bits), True

    def _tiled(self, found: tiles.Tiles, consumer_pe: int | None) -> list[Operator]:
        """Tiles out of a frame buffer, padded on the way, and windows over each."""
        simd = self.options.padding_simd or tiles.lightest_cut(found, self.options.pace, divisors(self.in_size[2]))
        check_divides(self.where, "padding_simd", simd, self.in_size[2], "the channels")
        return [
            tiles.cut(found, simd),
            tiles.slid(found, lambda each: self._sliding(each, consumer_pe, found.windows())),
        ]

    def _padded(self, pad: tuple[int, int, int, int], spacing: tuple[int, int]) -> tuple[Operator, tuple[int, int]]:
        """Zeros around the map, and between its pixels where ``spacing`` is above 1; and the size it has then."""
        height, width, channels = self.in_size
        top, left, bottom, right = pad
        tall, wide = (height - 1) * spacing[0] + 1, (width - 1) * spacing[1] + 1
        rows, columns = np.zeros(tall + top + bottom, np.bool_), np.zeros(wide + left + right, np.bool_)
        rows[top : top + tall : spacing[0]] = True
        columns[left : left + wide : spacing[1]] = True
        size = (rows.size, columns.size)
        simd = self.options.padding_simd or _lightest(
            channels, lambda words: formulas.padding(*size, words), self.options.pace
        )
        check_divides(self.where, "padding_simd", simd, channels, "the channels")
        words, bits = channels // simd, self.layer.input_bits
        made = Operator(
            "padding",
            pieces.mask_through(rows[:, None] & columns[None, :], channels, words),
            formulas.padding(*size, words),
            simd * bits,
            simd * bits,
            size[0] * size[1] * channels,
            bits,
            detail={"simd": simd},
            room=None,
        )
        return made, size

    def _sliding(self, shape: Sliding, consumer_pe: int | None, parts: Sequence[Sliding] = ()) -> Operator:
        """A sliding window unit; in front of a depthwise unit it is folded as that is.

        ``parts`` are the windows that together keep the pace, where this is one tile of several.
        """
        options, bits, depthwise = self.options, self.layer.input_bits, consumer_pe is not None
        pointwise = shape.kernel == (1, 1)
        parallel = options.parallel_window or pointwise
        style = options.swg if not pointwise else "rtl"
        if consumer_pe is not None:
            simd = consumer_pe
        else:
            simd = options.swg_simd or _lightest(
                shape.channels,
                lambda words: sum(
                    formulas.swg(part, words, style=style, parallel=parallel) for part in parts or (shape,)
                ),
                options.pace,
            )
        check_divides(self.where, "swg_simd", simd, shape.channels, "the channels")
        words = shape.channels // simd
        if parallel and not depthwise and not pointwise and words > 1:
            raise PlatformError(
                f"{self.where}: parallel_window is true and swg_simd is {simd}; a whole window leaves at once only"
                f" where all channels do: write swg_simd: {shape.channels}"
            )
        cycles = formulas.swg(shape, words, style=style, depthwise=depthwise, parallel=parallel)
        blocks = style != "rtl" and not parallel and not shape.is_line

        def resized(live: int) -> pieces.Making:
            total = formulas.swg(shape, live, style=style, depthwise=depthwise, parallel=parallel)
            fill = _fill(shape, live, total, parallel)
            return pieces.window(shape, live, total, fill, depthwise=depthwise, parallel=parallel, blocks=blocks)

        depth = formulas.swg_buffer(shape, words, parallel)
        return Operator(
            "swg",
            resized(words),
            cycles,
            simd * bits,
            simd * bits * (shape.kernel_pixels if parallel else 1),
            shape.out_height * shape.out_width * shape.kernel_pixels * shape.channels,
            bits,
            resources=_buffers(shape, simd * bits, depth, parallel, options.swg_ram_style),
            detail={"simd": simd, "buffer_words": depth},
            resized=resized,
        )

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
            or _lightest(channels, lambda words: pixels * words * height * width, self.options.pace)
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
            padded, size = self._padded((pad[0], pad[1], rim[0], rim[1]), (1, 1))
            body.append(padded)
        shape = Sliding(*size, channels, height, width, kernel, stride, self.layer.dilation)
        body.append(self._sliding(shape, pe))
        cycles = formulas.pool(channels, pixels, height * width, pe)
        body.append(self._tail("pool", cycles, channels // pe, channels * pixels, pe))
        return _with_fifo(body, shape, self.in_size[:2], self.layer.input_bits)

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
            or _lightest(channels, lambda words: formulas.global_acc_pool(height * width, words), self.options.pace)
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
        pe = self.options.pe or _lightest(channels, lambda words: pixels * words, self.options.pace)
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
        pe = given or _lightest(channels, lambda words: height * width * words, self.options.pace)
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


def _with_fifo(body: list[Operator], shape: Sliding, size: tuple[int, int], bits: int) -> list[Operator]:
    """The FIFO in front of windows, beside the line buffer of the window unit: the k rows of a first window.

    No frame is begun in a window unit before the last window of the one before has left, so the next frame waits here;
    with a row less CNV-w2a2 loses 5 % of its throughput. FINN sizes its FIFOs by simulation, for full throughput too.
    """
    width = size[1]
    room = shape.kernel[0] * width * shape.channels
    if body[0].name == "padding":
        return [replace(body[0], room=room), *body[1:]]
    make = pieces.through(*size, 1, shape.channels, shape.channels, 0)
    return [Operator("fifo", make, 0, 0, body[0].in_width, prod(size) * shape.channels, bits, room=room), *body]


def _joined(make: pieces.Making, layer: Layer) -> pieces.Making:
    """The same reading of each of several inputs."""

    def joined(granularity: str) -> pieces.Pieces:
        one = make(granularity)
        return replace(one, need=one.need * len(layer.in_shapes), free=one.free * len(layer.in_shapes))

    return joined


def _fill(shape: Sliding, words: int, cycles: int, parallel: bool) -> int:
    """Cycles of a frame before the first window leaves: what is not spent on rows of windows."""
    if parallel:
        return min(cycles - 1, shape.reach(words) - words + 2)
    if shape.is_line:
        return min(cycles - 1, shape.reach(words))
    row = max(formulas.window_words(shape, words), shape.stride[1] * shape.width * words)
    return max(0, cycles - shape.out_height * row)


def _buffers(shape: Sliding, width: int, depth: int, parallel: bool, ram_style: str) -> Resources:
    if not parallel:
        return resources.window_buffer(width, depth, ram_style)
    if shape.is_line:
        return resources.window_buffer(width, 0, ram_style)
    across = (shape.kernel[1] - 1) * shape.dilation[1] + 1
    line = shape.width - across + shape.width * (shape.dilation[0] - 1)
    return resources.window_buffer(width, line, ram_style, shape.kernel[0] - 1)
