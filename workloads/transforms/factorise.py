"""Cheaper layers in place of a convolution: low-rank pairs and triples, depthwise separable, fire modules."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from workloads.errors import WorkloadError, did_you_mean
from workloads.frozen import FrozenMap
from workloads.layers import Layer, Shape
from workloads.network import Network
from workloads.transforms.rebuild import Step, rebuild, unchanged
from workloads.transforms.select import Patterns, chosen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SCHEMES = ("asymmetric", "3d")
_DENSE_ONLY = "only convolutions larger than 1x1 are factorised"


def _window(layer: Layer) -> tuple[int, int]:
    return layer.kernel or (1, 1)


def _factorable(layer: Layer) -> bool:
    return layer.kind == "conv" and math.prod(_window(layer)) > 1 and not layer.is_depthwise


def _ungrouped(layer: Layer, what: str) -> None:
    if layer.groups > 1:
        raise WorkloadError(
            f"layer '{layer.name}': has {layer.groups} groups, and {what} mixes all channels;"
            " leave it out or merge its groups"
        )


def low_rank(
    network: Network,
    speedup: float | None = None,
    layers: Patterns = None,
    *,
    ranks: Mapping[str, int] | None = None,
    scheme: str = "asymmetric",
) -> Network:
    """Low-rank convolutions (Zhang et al., TPAMI 38(10), 2016).

    ``asymmetric`` makes a k x k convolution to ``d'`` channels and a 1 x 1 to all; ``3d`` splits the first again into
    k x 1 and 1 x k. Ranks are given, or follow from a ``speedup`` alike for all layers:
    ``d' = floor(d k^2 c / (s (k^2 c + d)))`` (section 3.4); for ``3d`` each of the two steps brings the root of it.
    Raises :class:`WorkloadError` for a grouped convolution and for a rank that leaves nothing.
    """
    if scheme not in _SCHEMES:
        raise WorkloadError(f"low rank: no scheme '{scheme}'{did_you_mean(scheme, _SCHEMES)}")
    if (speedup is None) == (ranks is None):
        raise WorkloadError("low rank: give either a speedup or ranks by layer")
    picked = chosen(network, layers if ranks is None else list(ranks), _factorable, _DENSE_ONLY)
    plans: dict[str, tuple[int, ...]] = {}
    for layer in picked:
        _ungrouped(layer, "a low-rank pair")
        rank = (ranks or {}).get(layer.name)
        plans[layer.name] = _ranks(layer, speedup, rank, scheme)

    def edit(layer: Layer, in_shapes: tuple[Shape, ...]) -> Sequence[Step]:
        if layer.name not in plans:
            return unchanged(layer, in_shapes)
        return _low_rank_steps(layer, plans[layer.name])

    how = f"{speedup:g} times faster" if speedup is not None else "given ranks"
    return rebuild(network, edit, f"low rank ({scheme}, {how}): {len(plans)} convolutions")


def _ranks(layer: Layer, speedup: float | None, rank: int | None, scheme: str) -> tuple[int, ...]:
    """``(d',)`` for a pair, ``(d'', d')`` for a triple."""
    down, across = _window(layer)
    inputs, outputs = layer.in_shape[0], layer.out_channels
    full, window = Fraction(outputs * down * across * inputs), down * across * inputs
    share = Fraction(1) if speedup is None else Fraction(str(speedup))
    if speedup is not None and speedup <= 0:
        raise WorkloadError(f"layer '{layer.name}': speedup is {speedup}; write a factor above 0")
    if rank is None:
        first = share if scheme == "asymmetric" else Fraction(math.sqrt(share))
        rank = math.floor(full / (first * (window + outputs)))
    if not 1 <= rank <= outputs:
        raise WorkloadError(
            f"layer '{layer.name}': rank {rank} of {outputs} channels is not possible;"
            " ask for less speed-up, or a rank from 1"
        )
    if scheme == "asymmetric":
        return (rank,)
    if speedup is None:
        return (rank, rank)
    # The two thin convolutions and the 1 x 1 together may cost what the speed-up leaves.
    between = math.floor((full / share - rank * outputs) / (down * inputs + across * rank))
    if between < 1:
        raise WorkloadError(f"layer '{layer.name}': no rank is left for the k x 1 step; ask for less speed-up")
    return (between, rank)


def _low_rank_steps(layer: Layer, plan: tuple[int, ...]) -> list[Step]:
    top, left, bottom, right = layer.pad
    down, across = _window(layer)
    basis = replace(layer, bias=False, attributes=FrozenMap(_kept_attributes(layer)))
    last = replace(
        layer,
        kernel=(1, 1),
        stride=(1, 1),
        pad=(0, 0, 0, 0),
        dilation=(1, 1),
        attributes=FrozenMap({}),
        algorithm="direct",
    )
    if len(plan) == 1:
        first = replace(basis, name=f"{layer.name}.basis")
        return [Step(first, None, plan[0]), Step(last, (first.name,), layer.out_channels)]
    vertical = replace(
        basis, name=f"{layer.name}.vertical", kernel=(down, 1), stride=(layer.stride[0], 1), pad=(top, 0, bottom, 0),
        dilation=(layer.dilation[0], 1),
    )  # fmt: skip
    horizontal = replace(
        basis, name=f"{layer.name}.horizontal", kernel=(1, across), stride=(1, layer.stride[1]),
        pad=(0, left, 0, right), dilation=(1, layer.dilation[1]),
    )  # fmt: skip
    return [
        Step(vertical, None, plan[0]),
        Step(horizontal, (vertical.name,), plan[1]),
        Step(last, (horizontal.name,), layer.out_channels),
    ]


def _kept_attributes(layer: Layer) -> dict[str, Any]:
    return {key: value for key, value in layer.attributes.items() if key == "auto_pad"}


def greedy_ranks(
    energies: Mapping[str, NDArray[np.floating[Any]]], rank_costs: Mapping[str, int], budget: int
) -> dict[str, int]:
    """Ranks that keep the most energy within ``budget`` multiply-accumulates (Zhang et al. 2016, section 3.4).

    ``energies`` holds each layer's eigenvalues, ``rank_costs`` what one rank of it costs. The eigenvalue whose removal
    loses the smallest share of its layer's energy for the work it saves goes first; every layer keeps one.
    """
    kept = {name: sorted((float(value) for value in values), reverse=True) for name, values in energies.items()}
    spent = sum(rank_costs[name] * len(values) for name, values in kept.items())
    while spent > budget:
        candidates = [
            (values[-1] / math.fsum(values) / rank_costs[name], name)
            for name, values in kept.items()
            if len(values) > 1
        ]
        if not candidates:
            raise WorkloadError(
                f"low rank: {budget:,} multiply-accumulates are fewer than one rank in every layer costs"
            )
        _, name = min(candidates)
        kept[name].pop()
        spent -= rank_costs[name]
    return {name: len(values) for name, values in kept.items()}


def energy_ranks(network: Network, speedup: float, layers: Patterns = None) -> dict[str, int]:
    """Ranks chosen by the energy of real weights, for :func:`low_rank`.

    Eigenvalues are those of the filters themselves (the paper takes those of responses to images, which a simulation
    does not have). Raises :class:`WorkloadError` for a layer without real weights.
    """
    import numpy as np

    energies, costs, full = {}, {}, 0
    for layer in chosen(network, layers, _factorable, _DENSE_ONLY):
        _ungrouped(layer, "a low-rank pair")
        weights = network.weights_of(layer.name)
        if weights is None:
            raise WorkloadError(f"layer '{layer.name}': has no real weights; give a speedup for all layers instead")
        energies[layer.name] = np.linalg.svd(weights.reshape(layer.out_channels, -1), compute_uv=False) ** 2
        pixels = math.prod(layer.out_shape[1:])
        costs[layer.name] = (layer.weights // layer.out_channels + layer.out_channels) * pixels
        full += layer.macs
    return greedy_ranks(energies, costs, math.floor(full / speedup))


def separable(network: Network, layers: Patterns = None) -> Network:
    """A depthwise and a 1 x 1 convolution in place of each k x k (Howard et al. 2017, section 3.1).

    Costs ``1/N + 1/K^2`` of the convolution. A grouped one raises :class:`WorkloadError`.
    """
    picked = {layer.name for layer in chosen(network, layers, _factorable, _DENSE_ONLY)}
    for name in picked:
        _ungrouped(network[name], "a 1 x 1 convolution")

    def edit(layer: Layer, in_shapes: tuple[Shape, ...]) -> Sequence[Step]:
        if layer.name not in picked:
            return unchanged(layer, in_shapes)
        channels = in_shapes[0][0]
        depthwise = replace(layer, name=f"{layer.name}.depthwise", groups=channels, bias=False)
        pointwise = replace(
            layer, kernel=(1, 1), stride=(1, 1), pad=(0, 0, 0, 0), dilation=(1, 1), attributes=FrozenMap({}),
            algorithm="direct",
        )  # fmt: skip
        return [Step(depthwise, None, channels), Step(pointwise, (depthwise.name,), layer.out_channels)]

    return rebuild(network, edit, f"depthwise separable: {len(picked)} convolutions")


def fire(network: Network, layers: Patterns = None, *, squeeze: float = 0.125, share_3x3: float = 0.5) -> Network:
    """SqueezeNet's fire module in place of each 3 x 3 convolution (Iandola et al. 2016, section 3.2).

    ``squeeze`` is the ratio of squeezing to expanding channels, ``share_3x3`` the share of expanding channels that are
    3 x 3. Raises :class:`WorkloadError` for another kernel, for padding that the 1 x 1 branch could not match, and for
    groups.
    """

    def eligible(layer: Layer) -> bool:
        return layer.kind == "conv" and layer.kernel == (3, 3) and not layer.is_depthwise

    picked = {
        layer.name: layer for layer in chosen(network, layers, eligible, "only 3x3 convolutions become fire modules")
    }
    for what, share in (("squeeze", squeeze), ("share_3x3", share_3x3)):
        if not 0 < share <= 1:
            raise WorkloadError(f"fire modules: {what} is {share}; write a share above 0 and at most 1")
    for layer in picked.values():
        _ungrouped(layer, "a squeeze layer")
        if layer.pad != (1, 1, 1, 1) or layer.dilation != (1, 1):
            raise WorkloadError(
                f"layer '{layer.name}': its 3x3 has padding {layer.pad} and dilation {layer.dilation}; a fire module "
                "needs padding 1 and dilation 1, or its branches differ in size"
            )

    def edit(layer: Layer, in_shapes: tuple[Shape, ...]) -> Sequence[Step]:
        if layer.name not in picked:
            return unchanged(layer, in_shapes)
        return _fire_steps(layer, squeeze, share_3x3)

    return rebuild(network, edit, f"fire modules: {len(picked)} convolutions")


def _fire_steps(layer: Layer, squeeze: float, share_3x3: float) -> list[Step]:
    name, outputs = layer.name, layer.out_channels
    large = min(outputs - 1, max(1, round(outputs * share_3x3))) if outputs > 1 else 1
    narrow = replace(
        layer, name=f"{name}.squeeze", kernel=(1, 1), stride=(1, 1), pad=(0, 0, 0, 0), attributes=FrozenMap({}),
        algorithm="direct",
    )  # fmt: skip
    plain = Layer(
        "", "relu", (), (), (), number=layer.number, input_bits=layer.output_bits, output_bits=layer.output_bits
    )
    activation = replace(plain, name=f"{name}.squeeze_activation")
    steps = [Step(narrow, None, max(1, round(outputs * squeeze))), Step(activation, (narrow.name,))]
    right = replace(layer, name=f"{name}.expand3x3" if outputs > large else name)
    if outputs == large:
        return [*steps, Step(right, (activation.name,), large)]
    left = replace(narrow, name=f"{name}.expand1x1", stride=layer.stride)
    join = replace(plain, name=name, kind="concat")
    return [
        *steps,
        Step(left, (activation.name,), outputs - large),
        Step(right, (activation.name,), large),
        Step(join, (left.name, right.name)),
    ]
