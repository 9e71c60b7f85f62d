"""The quantised networks of FINN (Umuroglu et al., FPGA 2017; finn-examples): CNV and the MNIST perceptrons.

``w1a2`` reads: weights of 1 bit, activations of 2 bits. Batch normalisation and activation are one multi-threshold
unit behind each matrix-vector product; the sums before it have 16 bits.
"""

from __future__ import annotations

import re

from workloads.builder import NetworkBuilder
from workloads.network import Network

_HIDDEN = {"tfc": (64, 64, 64), "sfc": (256, 256, 256), "lfc": (1024, 1024, 1024)}
_SUM_BITS = 16


def _bits(precision: str) -> tuple[int, int]:
    weights, activations = re.findall(r"\d+", precision)
    return int(weights), int(activations)


CLASSES = 10


def cnv(precision: str = "w1a1", outputs: int = CLASSES) -> Network:
    """Six unpadded 3 x 3 convolutions and three dense layers on 32 x 32 images; the image keeps its 8 bits.

    More ``outputs`` than classes is a last layer padded for the fabric, whose host selects the label itself.
    """
    weight_bits, activation_bits = _bits(precision)
    b = NetworkBuilder(f"cnv-{precision}", number="int", weight_bits=weight_bits, activation_bits=8)
    x = b.activation(b.input((3, 32, 32)), "threshold", name="input_threshold")
    for number, channels in enumerate((64, 64, 128, 128, 256, 256)):
        x = b.conv(x, channels, 3, bias=False, name=f"conv{number}", bits=_SUM_BITS)
        x = b.activation(x, "threshold", name=f"conv{number}_threshold", bits=activation_bits)
        if number in (1, 3):
            x = b.max_pool(x, 2, name=f"pool{number // 2}")
    x = b.flatten(x, name="flatten")
    for number in (0, 1):
        x = b.dense(x, 512, bias=False, name=f"fc{number}", bits=_SUM_BITS)
        x = b.activation(x, "threshold", name=f"fc{number}_threshold", bits=activation_bits)
    x = b.dense(x, outputs, bias=False, name="fc2", bits=_SUM_BITS)
    if outputs == CLASSES:
        b.arg_max(x, name="label_select")
    return b.build()


def mlp(size: str = "tfc", precision: str = "w1a1") -> Network:
    """784 inputs, three hidden layers (64, 256 or 1024 wide), ten classes; the image is quantised on entry."""
    weight_bits, activation_bits = _bits(precision)
    b = NetworkBuilder(f"{size}-{precision}", number="int", weight_bits=weight_bits, activation_bits=8)
    x = b.flatten(b.input((1, 28, 28)), name="flatten")
    x = b.activation(x, "threshold", name="input_threshold", bits=activation_bits)
    for number, width in enumerate(_HIDDEN[size]):
        x = b.dense(x, width, bias=False, name=f"fc{number}", bits=_SUM_BITS)
        x = b.activation(x, "threshold", name=f"fc{number}_threshold", bits=activation_bits)
    x = b.dense(x, 10, bias=False, name="fc3", bits=_SUM_BITS)
    b.arg_max(x, name="label_select")
    return b.build()
