"""One layer of a network: what it computes, on which shapes, at which precision, and how much work that is.

Shapes leave the batch out: ``(C, H, W)`` for feature maps, ``(N,)`` for vectors, ``(T, F)`` for sequences.
A multiply-accumulate counts as one, bias, pooling and normalisation are not multiply-accumulates; what else a
layer does stands in ``ops`` by kind of operation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from workloads.frozen import FrozenMap

Shape = tuple[int, ...]

COMPUTE_KINDS = frozenset({"conv", "conv_transpose", "dense", "recurrent"})
"""Kinds whose work is multiply-accumulates with weights."""

ACTIVATION_KINDS = frozenset(
    {
        "relu", "relu6", "leaky_relu", "prelu", "sigmoid", "hard_sigmoid", "tanh", "elu", "selu", "gelu", "softplus",
        "swish", "hard_swish", "clip", "threshold",
    }
)  # fmt: skip
"""Elementwise functions of one tensor; ``threshold`` is the multi-threshold unit of quantised networks."""

POOL_KINDS = frozenset(
    {"max_pool", "avg_pool", "global_avg_pool", "global_max_pool", "adaptive_avg_pool", "adaptive_max_pool"}
)
FREE_KINDS = frozenset({"dropout", "identity", "flatten", "reshape"})
"""Kinds that move no data and do no work at inference: the same bytes under another shape."""

RIDING_KINDS = ACTIVATION_KINDS | FREE_KINDS | {"batch_norm"}
"""Kinds that deployment frameworks fuse into the layer before them."""

LAYER_KINDS = (
    COMPUTE_KINDS
    | POOL_KINDS
    | RIDING_KINDS
    | {"input", "add", "sub", "mul", "max", "concat", "lrn", "softmax", "arg_max", "reduce_mean"}
    | {"upsample", "pad", "transpose", "slice", "shuffle"}
)
"""Every kind that a :class:`Layer` may have."""

NUMBERS = ("float", "int")


@dataclass(frozen=True, slots=True)
class Layer:
    """A node of a network with everything its cost depends on; build one with ``NetworkBuilder``.

    ``pad`` is top, left, bottom, right. ``weights`` counts weight elements without bias, ``params`` everything that
    is trained, ``macs`` and ``ops`` what one frame needs. ``weight_density`` is the kept fraction of the weights after
    unstructured pruning: only an element that skips zeros does less work for it. ``stored_weight_bits`` is the size of
    all weights as stored, indices and codebook included; ``None`` means one word of ``weight_bits`` for each weight.
    ``algorithm`` names the way a convolution is carried out (see :mod:`workloads.conv_algorithms`).
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    in_shapes: tuple[Shape, ...]
    out_shape: Shape
    kernel: tuple[int, int] | None = None
    stride: tuple[int, int] = (1, 1)
    pad: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    bias: bool = False
    params: int = 0
    weights: int = 0
    macs: int = 0
    ops: Mapping[str, int] = field(default_factory=FrozenMap)
    number: str = "float"
    weight_bits: int = 32
    input_bits: int = 32
    output_bits: int = 32
    weight_density: float = 1.0
    stored_weight_bits: int | None = None
    algorithm: str = "direct"
    attributes: Mapping[str, Any] = field(default_factory=FrozenMap)

    @property
    def in_shape(self) -> Shape:
        """Shape of the first input; ``()`` for an input layer."""
        return self.in_shapes[0] if self.in_shapes else ()

    @property
    def out_channels(self) -> int:
        """Feature maps of a map-shaped output, features of a vector or of each step of a sequence."""
        return self.out_shape[0] if len(self.out_shape) == 3 else self.out_shape[-1]

    @property
    def input_elements(self) -> int:
        """Elements of all inputs together."""
        return sum(math.prod(shape) for shape in self.in_shapes)

    @property
    def output_elements(self) -> int:
        return math.prod(self.out_shape)

    @property
    def stored_bits(self) -> int:
        """Bits that the weights take in memory, compression included, bias not."""
        return self.weights * self.weight_bits if self.stored_weight_bits is None else self.stored_weight_bits

    @property
    def weight_bytes(self) -> int:
        """Bytes of stored weights, rounded up; bias and normalisation constants are not counted."""
        return -(-self.stored_bits // 8)

    @property
    def input_bytes(self) -> int:
        return -(-self.input_elements * self.input_bits // 8)

    @property
    def output_bytes(self) -> int:
        return -(-self.output_elements * self.output_bits // 8)

    @property
    def is_compute(self) -> bool:
        """The layer's work is multiply-accumulates with weights."""
        return self.kind in COMPUTE_KINDS

    @property
    def is_depthwise(self) -> bool:
        """A convolution whose every output channel reads one input channel."""
        return self.kind == "conv" and self.groups > 1 and self.groups == self.in_shape[0]
