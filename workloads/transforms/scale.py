"""MobileNet's two dials on any network: width and resolution (Howard et al. 2017, sections 3.3 and 3.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from workloads.errors import WorkloadError
from workloads.layers import Layer, Shape
from workloads.network import Network
from workloads.transforms.rebuild import Step, rebuild, unchanged
from workloads.transforms.select import classifiers

_LARGEST_RHO = 1024


def scale_width(network: Network, alpha: float) -> Network:
    """Every convolution and dense layer but the classifiers with ``int(alpha * C)`` channels, at least one.

    Grouped convolutions keep their groups, so their channels are rounded down to a multiple of them.
    """
    if not 0 < alpha <= 4:
        raise WorkloadError(f"network '{network.name}': width {alpha} is not above 0 and at most 4")
    last = classifiers(network)

    def edit(layer: Layer, in_shapes: tuple[Shape, ...]) -> Sequence[Step]:
        if layer.name in last or layer.is_depthwise or layer.kind not in ("conv", "conv_transpose", "dense"):
            return unchanged(layer, in_shapes)
        channels = max(layer.groups, int(alpha * layer.out_channels) // layer.groups * layer.groups)
        return [Step(layer, out_channels=channels)]

    return rebuild(network, edit, f"width: {alpha:g}")


def scale_resolution(network: Network, resolution: int | None = None, *, rho: float | None = None) -> Network:
    """The network on square inputs of ``resolution`` pixels, or on ``int(rho * extent)`` of each.

    Weights do not change. A dense layer that would then read another number of features, and a window that no longer
    fits, raise :class:`WorkloadError` with the layer's name.
    """
    if (resolution is None) == (rho is None):
        raise WorkloadError(f"network '{network.name}': give either a resolution in pixels or rho")
    if rho is not None and not 0 < rho <= _LARGEST_RHO:
        raise WorkloadError(f"network '{network.name}': rho is {rho:g}; write a factor above 0, at most {_LARGEST_RHO}")
    if resolution is not None and resolution < 1:
        raise WorkloadError(f"network '{network.name}': a resolution of {resolution}; write a whole number of pixels")
    how = f"{resolution}" if rho is None else f"rho {rho:g}"

    def edit(layer: Layer, in_shapes: tuple[Shape, ...]) -> Sequence[Step]:
        if layer.kind != "input":
            return unchanged(layer, in_shapes)
        if len(layer.out_shape) != 3:
            raise WorkloadError(f"layer '{layer.name}': an input of {len(layer.out_shape)} dimension has no resolution")
        channels, height, width = layer.out_shape
        extents = (resolution, resolution) if rho is None else (int(rho * height), int(rho * width))
        return [Step(replace(layer, out_shape=(channels, extents[0] or 0, extents[1] or 0)))]

    scaled = rebuild(network, edit, f"resolution: {how}")
    for layer in scaled.layers.values():
        before = network[layer.name]
        if layer.weights != before.weights:
            raise WorkloadError(
                f"layer '{layer.name}': would read {layer.in_shape[-1]} features instead of {before.in_shape[-1]} "
                "at this resolution; only a global or adaptive pool before its dense layers lets a network be resized"
            )
    return scaled
