"""Fusion: which layers run together as one piece of work.

Deployment frameworks fold batch normalisation into the convolution before it and apply the activation while the
result is still in registers. A group is such a piece: a main layer and the cheap layers that ride on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from workloads.frozen import FrozenMap
from workloads.layers import FREE_KINDS, RIDING_KINDS, Layer, Shape


@dataclass(frozen=True, slots=True)
class LayerGroup:
    """A main layer with its followers; the unit of mapping, named as the main layer.

    ``inputs`` are names of groups. Input tensors are the main layer's, the output tensor is the last follower's.
    """

    main: Layer
    followers: tuple[Layer, ...]
    inputs: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.main.name

    @property
    def kind(self) -> str:
        return self.main.kind

    @property
    def layers(self) -> tuple[Layer, ...]:
        return (self.main, *self.followers)

    @property
    def last(self) -> Layer:
        return self.followers[-1] if self.followers else self.main

    @property
    def out(self) -> str:
        """Name of the layer whose output leaves the group."""
        return self.last.name

    @property
    def in_shapes(self) -> tuple[Shape, ...]:
        return self.main.in_shapes

    @property
    def in_shape(self) -> Shape:
        return self.main.in_shape

    @property
    def out_shape(self) -> Shape:
        return self.last.out_shape

    @property
    def macs(self) -> int:
        return sum(layer.macs for layer in self.layers)

    @property
    def params(self) -> int:
        return sum(layer.params for layer in self.layers)

    @property
    def weight_bytes(self) -> int:
        return sum(layer.weight_bytes for layer in self.layers)

    @property
    def input_bytes(self) -> int:
        return self.main.input_bytes

    @property
    def output_bytes(self) -> int:
        return self.last.output_bytes

    @property
    def ops(self) -> Mapping[str, int]:
        """Operations other than multiply-accumulates a frame, with batch normalisation folded where it can be.

        Behind a convolution or a dense layer the scale of a batch normalisation goes into the weights before the run
        and its shift into the bias: nothing is left of it but the bias addition.
        """
        total: dict[str, int] = {}
        for layer in self.layers:
            ops = dict(layer.ops)
            if layer.kind == "batch_norm" and self.main.is_compute:
                ops = {} if self.main.bias else {"add": layer.output_elements}
            for kind, count in ops.items():
                total[kind] = total.get(kind, 0) + count
        return FrozenMap(total)


def fuse(layers: Mapping[str, Layer], consumers: Mapping[str, tuple[str, ...]]) -> tuple[LayerGroup, ...]:
    """The groups in topological order.

    A layer rides on the group before it when it is cheap, has one input and is the only reader of that input. Only
    layers that do nothing ride on an input layer, since nothing computes there.
    """
    home: dict[str, str] = {}
    members: dict[str, list[Layer]] = {}
    for layer in layers.values():
        host = _host(layer, layers, consumers, home)
        home[layer.name] = host
        members.setdefault(host, []).append(layer)
    groups = []
    for name, (main, *followers) in members.items():
        groups.append(LayerGroup(main, tuple(followers), tuple(home[source] for source in layers[name].inputs)))
    return tuple(groups)


def _host(
    layer: Layer, layers: Mapping[str, Layer], consumers: Mapping[str, tuple[str, ...]], home: Mapping[str, str]
) -> str:
    if layer.kind not in RIDING_KINDS or len(layer.inputs) != 1 or consumers[layer.inputs[0]] != (layer.name,):
        return layer.name
    host = home[layer.inputs[0]]
    if layers[host].kind == "input" and layer.kind not in FREE_KINDS:
        return layer.name
    return host
