"""Filters made for each input: a convolution whose weights are the output of another network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from workloads.errors import WorkloadError, did_you_mean
from workloads.frozen import FrozenMap
from workloads.inference import infer
from workloads.layers import Layer
from workloads.network import Network

_PER = ("sample", "position")


def generate_filters(network: Network, layers: Sequence[str] = (), *, per: str = "sample", hidden: int = 64) -> Network:
    """The network with the named convolutions (empty: the last one) reading filters that a small network makes.

    The filter-generating network pools the layer's input, and two dense layers (``hidden`` wide) make the filter
    values: k^2 * C_in / groups * C_out for ``per='sample'`` (dynamic convolution), k^2 * H * W for
    ``per='position'`` (dynamic local filtering, one filter for each position, shared by the channels, applied
    depthwise). The convolution keeps its multiply-accumulates and has no weights of its own. Source: B. De
    Brabandere et al., "Dynamic Filter Networks", NIPS 2016, sections 3.1 to 3.3. Raises :class:`WorkloadError`
    naming the layer that is no convolution.
    """
    convolutions = [layer.name for layer in network.layers.values() if layer.kind == "conv"]
    wanted = list(layers) or convolutions[-1:]
    faults = [
        f"no convolution '{name}'{did_you_mean(name, convolutions)}" for name in wanted if name not in convolutions
    ]
    if per not in _PER:
        faults.append(f"per is '{per}'{did_you_mean(per, _PER)}")
    if hidden < 1 or not wanted:
        faults.append(f"hidden is {hidden} and {len(wanted)} convolutions are named; write at least 1 of each")
    if faults:
        raise WorkloadError(f"network '{network.name}': " + "; ".join(faults))
    made: list[Layer] = []
    for layer in network.layers.values():
        made += _with_generator(layer, per, hidden) if layer.name in wanted else [layer]
    note = f"dynamic filters per {per} for {', '.join(wanted)}, {hidden} hidden"
    return network.with_layers(made, note)


def _with_generator(layer: Layer, per: str, hidden: int) -> list[Layer]:
    kernel = layer.kernel or (1, 1)
    size = kernel[0] * kernel[1]
    if per == "position":
        values = size * math.prod(layer.out_shape[1:])
    else:
        values = size * layer.in_shape[0] // layer.groups * layer.out_shape[0]
    source, shape = layer.inputs[0], layer.in_shape
    common = replace(
        layer, kernel=None, stride=(1, 1), pad=(0, 0, 0, 0), dilation=(1, 1), groups=1, bias=False, params=0, weights=0,
        macs=0, ops=FrozenMap(), stored_weight_bits=None, attributes=FrozenMap(), output_bits=layer.input_bits,
    )  # fmt: skip
    pool = infer(
        replace(common, name=f"{layer.name}.pool", kind="global_avg_pool", inputs=(source,), in_shapes=(shape,))
    )
    flat = infer(
        replace(common, name=f"{layer.name}.flat", kind="flatten", inputs=(pool.name,), in_shapes=(pool.out_shape,))
    )
    inner = infer(
        replace(common, name=f"{layer.name}.hidden", kind="dense", inputs=(flat.name,), in_shapes=(flat.out_shape,)),
        hidden,
    )
    filters = infer(
        replace(common, name=f"{layer.name}.filters", kind="dense", inputs=(inner.name,), in_shapes=((hidden,),)),
        values,
    )
    applied = replace(
        layer,
        inputs=(source, filters.name),
        in_shapes=(shape, (values,)),
        weights=0,
        params=0,
        stored_weight_bits=None,
        macs=layer.macs if per == "sample" else size * math.prod(layer.out_shape),
        attributes=FrozenMap({**layer.attributes, "dynamic_filters": per}),
    )
    return [pool, flat, inner, filters, applied]
