"""What an inference library brings to a processor: how it carries out convolutions, and how well its kernels do.

A CPU or GPU reaches its peak only on long dense products. How far each kernel stays below, and which algorithm a
library picks for a convolution, belongs to the library and not to the chip: so it stands here once, as a prior that all
platforms with this library share. Only the chip's own ``efficiency`` is calibrated.

The shares are priors, not published figures: they were set to round values with the pooled ncnn runs of nine boards in
view (tests/reference/hardware), never network by network. Which algorithm a library takes for a 3x3 convolution of
stride 1 is recalled from the libraries' sources: ncnn Winograd F(6,3) or F(4,3) for 16 channels and more; ONNX
Runtime's NCHWc kernels direct convolution; TensorRT and cuDNN Winograd in fp32 and fp16 off the tensor cores.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from simulator.errors import PlatformError, did_you_mean
from workloads.conv_algorithms import ALGORITHMS
from workloads.errors import WorkloadError
from workloads.layers import ACTIVATION_KINDS, Layer

_PLAIN: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Library:
    """Kernels of an inference library.

    ``algorithms``: convolution algorithms in order of preference; a layer takes the first that can carry it out, and
    none that transforms with fewer than ``transform_channels`` on either side. ``share``: what a kernel reaches of the
    processor's ``efficiency``, by algorithm or by 'depthwise', 'grouped', 'dense'; 1 where it is not named. ``tile``:
    output channels and output pixels that a micro-kernel computes at once; what does not fill a tile is lost.
    ``depth``: steps of the inner loop that it costs to load and store a tile, so that short reductions are slow.
    ``fused``: kinds of layers that run inside the layer before them and cost only the operand that this one did not
    already have.
    """

    name: str
    algorithms: tuple[str, ...] = ("direct",)
    transform_channels: int = 16
    share: Mapping[str, float] = field(default_factory=lambda: _PLAIN)
    tile: tuple[int, int] = (1, 1)
    depth: float = 0.0
    fused: frozenset[str] = frozenset()

    def algorithm_of(self, layer: Layer, wanted: str | None = None) -> str:
        """The way a convolution is carried out: ``wanted`` by the mapping, else the layer's own, else the library's."""
        if wanted is not None:
            return wanted
        if layer.algorithm != "direct":
            return layer.algorithm
        return next((name for name in self.algorithms if self._does(name, layer)), "direct")

    def _does(self, name: str, layer: Layer) -> bool:
        if name.startswith("winograd"):
            plain = layer.stride == (1, 1) and layer.dilation == (1, 1) and layer.groups == 1
            wide = min(layer.in_shape[0], layer.out_shape[0]) >= self.transform_channels
            return layer.kernel == (3, 3) and plain and wide
        if name.startswith("kn2row") or name == "k2r-aa":
            return layer.stride == (1, 1)
        # A 1 x 1 convolution is a matrix product as it lies in memory: there is nothing to rearrange.
        return name == "direct" or layer.kernel != (1, 1)


_ELEMENTWISE = frozenset(ACTIVATION_KINDS | {"batch_norm"})

LIBRARIES: Mapping[str, Library] = MappingProxyType(
    {
        library.name: library
        for library in (
            Library("plain", fused=_ELEMENTWISE),
            Library(
                "ncnn",
                ("winograd-4", "im2col"),
                share=MappingProxyType({"winograd-4": 0.8, "winograd-2": 0.8, "depthwise": 0.6, "grouped": 0.6}),
                tile=(8, 8),
                depth=16.0,
                fused=_ELEMENTWISE,
            ),
            Library(
                "onnxruntime",
                ("direct",),
                share=MappingProxyType({"depthwise": 0.5, "grouped": 0.7}),
                tile=(16, 6),
                depth=12.0,
                fused=_ELEMENTWISE | {"add"},
            ),
        )
    }
)
"""Libraries of CPUs by name; ``plain`` is a roofline: every kernel reaches the efficiency of the processor."""


def checked_algorithm(wanted: object, element: str, layer: Layer) -> str | None:
    """The algorithm that a mapping asks for, or None; raises :class:`PlatformError` where there is none so called."""
    if wanted is None:
        return None
    if not isinstance(wanted, str) or wanted not in ALGORITHMS:
        hint = did_you_mean(str(wanted), ALGORITHMS)
        raise PlatformError(f"layer '{layer.name}' on '{element}': no convolution algorithm '{wanted}'{hint}")
    return wanted


def refuse_algorithm(error: WorkloadError, element: str) -> PlatformError:
    """An algorithm that cannot carry out a layer, said of the element that was to use it."""
    return PlatformError(f"'{element}' cannot run {error}; take another algorithm, or leave the choice to the library")
