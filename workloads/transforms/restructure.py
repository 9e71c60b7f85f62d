"""Splitting a layer over two pipeline stages, and putting layers together again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from workloads.errors import WorkloadError
from workloads.inference import infer
from workloads.layers import Layer, Shape
from workloads.network import Network
from workloads.transforms.rebuild import Step, rebuild, unchanged
from workloads.transforms.storage import stored

_SPLIT = "only convolutions and dense layers are split"


def split_layer(network: Network, name: str, parts: int | Sequence[int]) -> Network:
    """``name`` as several layers side by side, each with a part of the output channels, joined by a concatenation.

    ``parts`` is a number of equal parts (the first are one channel larger where it does not divide) or the channels of
    each. Total work and weights do not change; every part reads the whole input. A grouped convolution is split between
    its groups only, and then every part reads its own channels. Raises :class:`WorkloadError` where that does not work.
    """
    layer = network[name]
    if layer.kind not in ("conv", "dense"):
        raise WorkloadError(f"layer '{name}': is a {layer.kind}; {_SPLIT}")
    channels = _parts(layer, parts)
    if layer.groups > 1:
        raise WorkloadError(
            f"layer '{name}': has {layer.groups} groups, whose channels a split would mix; split another layer"
        )

    def edit(found: Layer, in_shapes: tuple[Shape, ...]) -> Sequence[Step]:
        if found.name != name:
            return unchanged(found, in_shapes)
        steps = [Step(replace(layer, name=f"{name}.{place}"), None, width) for place, width in enumerate(channels)]
        join = Layer(
            name, "concat", (), (), (), number=layer.number, input_bits=layer.output_bits, output_bits=layer.output_bits
        )
        return [*steps, Step(join, tuple(step.draft.name for step in steps))]

    return rebuild(network, edit, f"split '{name}' into {len(channels)}")


def _parts(layer: Layer, parts: int | Sequence[int]) -> tuple[int, ...]:
    channels = layer.out_channels
    if isinstance(parts, int):
        if not 2 <= parts <= channels:
            raise WorkloadError(
                f"layer '{layer.name}': {channels} channels do not make {parts} parts; write 2 to {channels}"
            )
        return tuple(channels // parts + (place < channels % parts) for place in range(parts))
    if len(parts) < 2 or min(parts) < 1 or sum(parts) != channels:
        text = ", ".join(map(str, parts))
        raise WorkloadError(f"layer '{layer.name}': parts {text} do not add up to its {channels} channels")
    return tuple(parts)


def merge_layers(network: Network, names: Sequence[str]) -> Network:
    """One layer in place of several: parts that a concatenation joins, or linear layers that follow each other.

    Parts must read the same input with the same window and be joined in this order, and the merged layer takes the
    concatenation's name. Of linear layers all but the first must be 1 x 1 or dense, with nothing between them; the
    merged one takes the last name. Anything else raises :class:`WorkloadError` with the reason.
    """
    if len(names) < 2:
        raise WorkloadError("merge: name at least two layers")
    layers = [network[name] for name in names]
    for layer in layers:
        if layer.kind not in ("conv", "dense") or layer.groups > 1:
            raise WorkloadError(
                f"layer '{layer.name}': cannot be merged; only ungrouped convolutions and dense layers can"
            )
    return _merge_chain(network, layers) if layers[1].inputs == (names[0],) else _merge_parts(network, layers)


def _merge_parts(network: Network, layers: Sequence[Layer]) -> Network:
    first, names = layers[0], tuple(layer.name for layer in layers)
    for layer in layers[1:]:
        if _window(layer) != _window(first):
            raise WorkloadError(
                f"layer '{layer.name}': has another input or window than '{first.name}', so they stay apart"
            )
    readers = network.consumers(names[0])
    join = network[readers[0]] if len(readers) == 1 else None
    if (
        join is None
        or join.kind != "concat"
        or join.inputs != names
        or any(network.consumers(n) != readers for n in names)
    ):
        raise WorkloadError(
            f"layer '{first.name}': its parts are not joined by one concatenation of exactly these, in this order"
        )

    return _replaced(network, layers, join.name, sum(part.out_channels for part in layers), first.bias)


def _replaced(network: Network, layers: Sequence[Layer], name: str, channels: int, bias: bool) -> Network:
    """One layer in the window of the first, standing where ``name`` stood; shapes around it do not change."""
    gone = {layer.name for layer in layers}
    weights = sum(layer.weights for layer in layers)
    density = sum(layer.weights * layer.weight_density for layer in layers) / weights
    draft = replace(
        layers[0], name=name, bias=bias, output_bits=network[name].output_bits, weight_density=density
    )  # fmt: skip
    merged = stored(infer(draft, channels))
    kept = [
        merged if found.name == name else found for found in network.layers.values() if found.name not in gone - {name}
    ]
    return network.with_layers(kept, f"merge {', '.join(layer.name for layer in layers)}")


def _merge_chain(network: Network, layers: Sequence[Layer]) -> Network:
    names = [layer.name for layer in layers]
    for before, layer in pairwise(layers):
        if layer.inputs != (before.name,) or network.consumers(before.name) != (layer.name,):
            raise WorkloadError(
                f"layer '{layer.name}': does not follow '{before.name}' alone; nothing may stand between them"
            )
        if layer.kind != before.kind or (
            layer.kind == "conv" and _shape_of_window(layer) != ((1, 1), (1, 1), (0, 0, 0, 0))
        ):
            raise WorkloadError(
                f"layer '{layer.name}': only a 1x1 convolution or a dense layer folds into the layer before it"
            )

    return _replaced(network, layers, names[-1], layers[-1].out_channels, any(part.bias for part in layers))


def _shape_of_window(layer: Layer) -> tuple[tuple[int, int] | None, tuple[int, int], tuple[int, int, int, int]]:
    return (layer.kernel, layer.stride, layer.pad)


def _window(layer: Layer) -> tuple[object, ...]:
    return (layer.inputs, layer.kind, *_shape_of_window(layer), layer.dilation, layer.bias, layer.weight_bits)


def balanced_stages(network: Network, stages: int) -> tuple[tuple[str, ...], ...]:
    """Groups in order, cut into ``stages`` runs of which the heaviest has the fewest multiply-accumulates.

    The optimum over all contiguous cuts, by dynamic programming; inputs are left out. Raises :class:`WorkloadError` for
    more stages than groups.
    """
    groups = [group for group in network.groups() if group.kind != "input"]
    if not 1 <= stages <= len(groups):
        raise WorkloadError(f"network '{network.name}': {len(groups)} groups do not fill {stages} stages")
    sums = [0]
    for group in groups:
        sums.append(sums[-1] + group.macs)
    count = len(groups)
    heaviest = [[sums[end] for end in range(count + 1)]]
    cuts: list[list[int]] = []
    for stage in range(1, stages):
        row, cut = [0] * (count + 1), [0] * (count + 1)
        for end in range(stage + 1, count + 1):
            row[end], cut[end] = min(
                (max(heaviest[-1][middle], sums[end] - sums[middle]), middle) for middle in range(stage, end)
            )
        heaviest.append(row)
        cuts.append(cut)
    ends = [count]
    for cut in reversed(cuts):
        ends.append(cut[ends[-1]])
    bounds = [0, *reversed(ends)] if stages > 1 else [0, count]
    names = [group.name for group in groups]
    return tuple(tuple(names[low:high]) for low, high in pairwise(bounds))
