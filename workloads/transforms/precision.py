"""Quantisation: any width for weights and tensors of any layer, binary networks, fractional activations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

from workloads.errors import WorkloadError
from workloads.frozen import FrozenMap
from workloads.layers import Layer
from workloads.network import Network
from workloads.transforms.select import Patterns, by_layer, chosen, classifiers, has_weights
from workloads.transforms.storage import stored

_WIDEST = 64


def quantise(
    network: Network,
    weights: int | Mapping[str, int] | None = None,
    activations: int | Mapping[str, int] | None = None,
    number: str = "int",
) -> Network:
    """Give weights and tensors their widths, for all layers or by layer pattern.

    A pattern of ``activations`` names main layers (see :meth:`Network.groups`): what leaves such a layer with its
    activation has that width, and whatever reads it reads that width. Raises :class:`WorkloadError` for 0 bits.
    """
    by_weights = by_layer(
        network, {} if weights is None else weights, has_weights, "only layers with weights have a width"
    )
    mains = {group.name for group in network.groups()}
    tensors = {} if activations is None else activations
    by_tensor = by_layer(
        network, tensors, lambda layer: layer.name in mains, "its width is that of the layer it follows"
    )
    for what, table in (("weight_bits", by_weights), ("activation_bits", by_tensor)):
        for name, bits in table.items():
            if not 1 <= bits <= _WIDEST:
                raise WorkloadError(f"layer '{name}': {what} is {bits}; write a width from 1 to {_WIDEST}")
    output_bits = {
        member.name: by_tensor[group.name]
        for group in network.groups()
        for member in group.layers
        if group.name in by_tensor
    }
    layers = _with_widths(network, by_weights, output_bits, number)
    text = f"{len(by_weights)} layers of weights, {len(by_tensor)} tensors"
    return network.with_layers(layers, f"quantise: {text}")


def _with_widths(
    network: Network, weight_bits: Mapping[str, int], output_bits: Mapping[str, int], number: str
) -> list[Layer]:
    made: dict[str, Layer] = {}
    for layer in network.layers.values():
        touched = layer.name in weight_bits or layer.name in output_bits
        reads = max((made[source].output_bits for source in layer.inputs), default=0)
        made[layer.name] = stored(
            replace(
                layer,
                number=number if touched else layer.number,
                weight_bits=weight_bits.get(layer.name, layer.weight_bits),
                input_bits=reads or output_bits.get(layer.name, layer.input_bits),
                output_bits=output_bits.get(layer.name, layer.output_bits),
            )
        )
    return list(made.values())


def binarise(network: Network, layers: Patterns = None) -> Network:
    """Weights and inputs of one bit: multiply-accumulates become XNOR and popcount on an element that knows them.

    Without ``layers`` the first layer and the classifiers keep their width, as binary networks do (Courbariaux et al.
    2016). A tensor becomes binary when only binary layers read it; its sums before the sign keep their width.
    """
    picked = chosen(
        network, layers, lambda layer: layer.is_compute, "only layers with multiply-accumulates are made binary"
    )
    if layers is None:
        compute = [layer.name for layer in network.layers.values() if layer.is_compute]
        spared = classifiers(network) | {compute[0]} if compute else frozenset()
        picked = tuple(layer for layer in picked if layer.name not in spared)
    names = {layer.name for layer in picked}
    home = {member.name: group for group in network.groups() for member in group.layers}
    output_bits = {}
    for layer in network.layers.values():
        readers = network.consumers(layer.name)
        # A pool or a reshaping between two binary layers hands binary values on.
        ends = {end for reader in readers for end in _compute_readers(network, reader)}
        if ends and ends <= names and home[layer.name].out == layer.name and layer.kind != "input":
            output_bits[layer.name] = 1
    widths = _with_widths(network, dict.fromkeys(names, 1), output_bits, "int")
    changed = [replace(layer, input_bits=1) if layer.name in names else layer for layer in widths]
    return network.with_layers(changed, f"binarise {len(names)} layers")


def _compute_readers(network: Network, name: str) -> set[str]:
    """The layers with weights that end up reading what ``name`` passes on; itself if it is one or has other work."""
    layer = network[name]
    if layer.kind in ("max_pool", "flatten", "reshape", "identity", "dropout", "concat") and network.consumers(name):
        return {end for reader in network.consumers(name) for end in _compute_readers(network, reader)}
    return {name}


def fractional(network: Network, updated: float | Mapping[str, float] = 0.4) -> Network:
    """FracBNN's two passes: one binary pass for every output, a second, sparse one for those above the threshold.

    ``updated`` is the share of outputs that the second pass refines (0.4 makes 1.4-bit activations; Zhang et al., FPGA
    2021), for every precision-gated layer or by pattern. Work becomes ``macs * (1 + updated)``, rounded so that the
    network's sum is exact to one; tensors that such a layer reads have two bits. Raises :class:`WorkloadError` where no
    layer is gated, or for a share outside 0 to 1.
    """

    def gated(layer: Layer) -> bool:
        return layer.is_compute and bool(layer.attributes.get("precision_gated") or isinstance(updated, Mapping))

    table = by_layer(network, updated, gated, "only layers with multiply-accumulates are gated")
    if not table:
        raise WorkloadError(
            f"network '{network.name}': no layer is precision-gated; name layers, e.g. updated={{'conv*': 0.4}}"
        )
    owed, paid = Fraction(0), 0
    made: dict[str, Layer] = {}
    for layer in network.layers.values():
        if layer.name in table:
            share = table[layer.name]
            if not 0 <= share <= 1:
                raise WorkloadError(f"layer '{layer.name}': updated is {share}; write a share from 0 to 1")
            if "update_share" in layer.attributes:
                raise WorkloadError(f"layer '{layer.name}': has its second pass already")
            owed += layer.macs * Fraction(str(share))
            second = round(owed) - paid
            paid += second
            marked = FrozenMap({**layer.attributes, "update_share": share})
            made[layer.name] = replace(layer, macs=layer.macs + second, attributes=marked)
            for source in layer.inputs:
                made[source] = replace(made[source], output_bits=max(2, made[source].output_bits))
        else:
            made[layer.name] = layer
    return network.with_layers(made.values(), f"fractional activations: second pass on {len(table)} layers")
