"""Cycles of a frame through each streaming operator, as FINN's own estimates give them.

Source: FINN, ``get_exp_cycles`` of each operator under ``custom_op/fpgadataflow`` (main, 2026-04-14, and dev,
2026-04-17); FINN's tests hold them within 10 to 15 cycles of RTL simulation unless said otherwise here. A word is what
a stream moves in a cycle; ``words`` of a pixel is channels / SIMD (or PE).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sliding:
    """A sliding window over a map that is padded already: kernel, stride and dilation, (vertical, horizontal)."""

    height: int
    width: int
    channels: int
    out_height: int
    out_width: int
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)

    @property
    def is_line(self) -> bool:
        """One-dimensional: FINN has operators of their own for it."""
        return self.height == 1 or self.width == 1

    @property
    def kernel_pixels(self) -> int:
        return self.kernel[0] * self.kernel[1]

    def reach(self, words: int) -> int:
        """Words from the first to the last element of a window, both included: (k - 1) rows and k pixels."""
        rows = (self.kernel[0] - 1) * self.dilation[0]
        return (rows * self.width + (self.kernel[1] - 1) * self.dilation[1] + 1) * words


def mvau(vectors: int, rows: int, columns: int, pe: int, simd: int) -> int:
    """Matrix-vector unit: ``rows`` (MH) by ``columns`` (MW) for each of ``vectors``."""
    return vectors * (rows // pe) * (columns // simd)


def vvau(channels: int, kernel_pixels: int, out_pixels: int, pe: int, simd: int) -> int:
    """Vector-vector unit of a depthwise convolution."""
    return channels // pe * (kernel_pixels // simd) * out_pixels


def window_words(shape: Sliding, words: int) -> int:
    """Words that leave a sliding window unit in a row of windows."""
    return shape.out_width * shape.kernel_pixels * words


def swg(shape: Sliding, words: int, *, style: str = "rtl", depthwise: bool = False, parallel: bool = False) -> int:
    """Sliding window unit; ``style`` 'rtl', 'hls', or 'hls_naive' (the first depthwise line unit of finn-hlslib)."""
    if style == "rtl":
        return _swg_rtl(shape, words, depthwise, parallel)
    if shape.is_line:
        return _swg_hls_line(shape, words, depthwise, parallel, naive=style == "hls_naive")
    fill = shape.width * shape.kernel[0] * shape.dilation[0] * words
    return fill + shape.out_height * max(window_words(shape, words), shape.stride[1] * shape.width * words)


def _swg_rtl(shape: Sliding, words: int, depthwise: bool, parallel: bool) -> int:
    if parallel:
        return shape.height * shape.width * words + 2
    across, stride = max(shape.kernel), max(shape.stride)
    if shape.is_line:
        outputs = shape.out_height * shape.out_width
        if depthwise:
            return outputs * across * words + words * (across - 1) * (stride - 1) - (across - 1) + 2
        return outputs * across * words + 2
    row = max(window_words(shape, words), shape.stride[1] * shape.width * words)
    if not depthwise:
        return shape.reach(words) + shape.out_height * row
    row += shape.out_width * (shape.stride[1] - 1) * (words - 1)
    return shape.reach(words) + shape.out_height * row + (shape.stride[0] - 1) * shape.width * words


def _swg_hls_line(shape: Sliding, words: int, depthwise: bool, parallel: bool, naive: bool) -> int:
    across, outputs = max(shape.kernel), shape.out_height * shape.out_width
    if parallel:
        return across + outputs
    if depthwise and naive:
        return shape.height * shape.width * words + outputs * across * words
    if depthwise:
        return 1 + outputs * across * words + words * (across - 1) - (across - 1)
    return 1 + outputs * across * words


def swg_buffer(shape: Sliding, words: int, parallel: bool) -> int:
    """Words in the buffer of the RTL sliding window unit: what a window reaches over, and room to read ahead."""
    if parallel:
        return shape.reach(words) - words + 2
    ahead = max(0, shape.stride[1] - 1 - shape.kernel_pixels)
    ahead += max(0, (shape.stride[0] - 1) * shape.width - shape.kernel_pixels)
    return shape.reach(words) + ahead * words


def padding(out_height: int, out_width: int, words: int) -> int:
    """Zeros around a map (FMPadding), or between its pixels (FMPadding_Pixel): a word of the padded map a cycle."""
    return out_height * out_width * words


def elementwise(pixels: int, words: int) -> int:
    """Thresholding, addition, duplication, channel-wise and element-wise operations, concatenation (of the output),
    split (of the input), up-sampling (of the output), and look-ups (an index each): a word a cycle."""
    return pixels * words


def pool(channels: int, kernel_pixels: int, out_pixels: int, pe: int) -> int:
    """Pool behind a depthwise sliding window unit."""
    return channels * kernel_pixels // pe * out_pixels


def streaming_max_pool(height: int, width: int, kernel: tuple[int, int], words: int, out_pixels: int) -> int:
    """Max pool of windows that do not overlap, all channels of a map in parallel.

    On a line of pixels the unit is folded by channels and takes k + 1 cycles for each word that leaves. In RTL
    simulation it takes longer, about five cycles a word against three: FINN's own test of this formula is switched off.
    """
    if height == 1 or width == 1:
        return out_pixels * words * (max(kernel) + 1)
    return height * width + height * width // (kernel[0] * kernel[1])


def global_acc_pool(pixels: int, words: int) -> int:
    """Accumulation over a whole map. RTL simulation takes about twice as long; FINN's own test is switched off."""
    return pixels * words + words


def label_select(labels: int, pe: int) -> int:
    """The index of the largest of ``labels`` values."""
    return labels // pe
