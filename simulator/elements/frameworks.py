"""What a deep-learning framework brings to a GPU: which layers it fuses, its convolutions, the tiles of its kernels.

Recalled from the frameworks' sources, not read: TensorRT fuses elementwise layers and additions and lets the inputs of
a concatenation be written in place; TensorFlow 1 and eager PyTorch run every layer as a kernel of its own; cuDNN and
TensorRT run 3 x 3 convolutions of stride 1 as fused Winograd F(2,3) where they compute off the tensor cores.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from simulator.elements.libraries import Library
from workloads.layers import ACTIVATION_KINDS

_ACTIVATIONS = frozenset(ACTIVATION_KINDS)
_ELEMENTWISE = _ACTIVATIONS | {"batch_norm"}
# The last of each are those of matrix-vector kernels: without reuse, but without rows that stay empty.
_TILES = ((128, 128), (128, 64), (64, 64), (64, 32), (32, 32), (8, 64), (1, 128))
_TENSOR_TILES = ((256, 128), (128, 128), (128, 64), (64, 64), (64, 32), (8, 128))


@dataclass(frozen=True, slots=True)
class Framework:
    """``library`` says how convolutions are carried out and what is fused; ``tiles`` (output pixels and channels of one
    thread block, the best is taken) and ``tensor_tiles`` (on tensor cores) quantise a product, none of them leaves it a
    plain roofline. ``reach`` is the side of a tile that reaches half of the processor's arithmetic, since a tile of
    side n loads 2 n operands for n x n products; ``splits`` the ways to cut a reduction among blocks.
    ``in_place``: kinds that cost nothing because their inputs are written where they are read. ``host_overlap`` is how
    far its host runs ahead of the device, fitted once a framework to ResNet-50 against batch on two GPUs (NVIDIA
    DeepLearningExamples) and rounded; TensorRT's engines launch a whole network ahead.
    """

    library: Library
    tiles: tuple[tuple[int, int], ...] = ()
    tensor_tiles: tuple[tuple[int, int], ...] = ()
    reach: float = 16.0
    tensor_reach: float = 48.0
    splits: tuple[int, ...] = (1,)
    in_place: frozenset[str] = frozenset()
    host_overlap: float = 0.0


_SHARES = MappingProxyType({"depthwise": 0.25, "grouped": 0.5})

FRAMEWORKS: Mapping[str, Framework] = MappingProxyType(
    {
        "plain": Framework(Library("plain", fused=_ELEMENTWISE)),
        "tensorrt": Framework(
            Library("tensorrt", ("winograd-2",), share=_SHARES, depth=8.0, fused=_ELEMENTWISE | {"add"}),
            _TILES,
            _TENSOR_TILES,
            splits=(1, 2, 4, 8),
            in_place=frozenset({"concat"}),
            host_overlap=1.0,
        ),
        "tensorflow": Framework(
            Library("tensorflow", ("winograd-2",), share=_SHARES, depth=8.0, fused=_ACTIVATIONS | {"add"}),
            _TILES,
            _TENSOR_TILES,
            splits=(1, 2),
            host_overlap=0.5,
        ),
        "pytorch": Framework(
            Library("pytorch", ("winograd-2",), share=_SHARES, depth=8.0),
            _TILES,
            _TENSOR_TILES,
            splits=(1, 2),
            host_overlap=0.8,
        ),
        "ncnn-vulkan": Framework(
            Library("ncnn-vulkan", ("winograd-2",), share=_SHARES, depth=8.0, fused=_ELEMENTWISE),
            _TILES,
            _TENSOR_TILES,
        ),
    }
)
"""Frameworks by name; ``plain`` is a roofline with elementwise layers fused."""
