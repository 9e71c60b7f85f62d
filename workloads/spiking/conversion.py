"""Rate-coded conversion of a convolutional network: ReLU layers become IF neurons that fire at the rate of the
activation.

Cao, Chen and Khosla, IJCV 113:54-66, 2015 (doi:10.1007/s11263-014-0788-3): no biases needed, average pooling, IF
neurons with the trained weights. Thresholds follow the data-based normalisation of Diehl et al., IJCNN 2015: each
layer's threshold is what its activations reach on calibration images, here at a percentile (Rueckauer et al., Front.
Neurosci. 11:682, 2017). Where a network has no trained weights, seeded ones of its shapes give a network with
realistic fan-out and a chosen activity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workloads.errors import WorkloadError
from workloads.layers import ACTIVATION_KINDS, FREE_KINDS
from workloads.network import Network
from workloads.seeds import generator
from workloads.spiking.connections import Connection, Conv, Dense, Events, Pool
from workloads.spiking.network import NetworkBuilder, SpikingNetwork
from workloads.spiking.neurons import Neuron, Reset
from workloads.spiking.spikes import Real


@dataclass(frozen=True, slots=True, eq=False)
class CnnLayer:
    """One layer to convert: ``kind`` 'conv', 'dense' (each with its ReLU) or 'avg_pool'.

    ``weight`` is (out, in / groups, rows, columns) or (out, in); ``kernel`` belongs to a pool.
    """

    name: str
    kind: str
    weight: Real | None = None
    bias: Real | None = None
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    kernel: tuple[int, int] = (1, 1)


@dataclass(frozen=True, slots=True, eq=False)
class Converted:
    """A converted network, and by layer the activation that full rate (one spike a step) stands for."""

    network: SpikingNetwork
    scale: Mapping[str, float]


def activations(layers: Sequence[CnnLayer], image: npt.ArrayLike) -> dict[str, Real]:
    """The ReLU activations of every weighted layer for one image: what the spiking rates approximate."""
    value = np.asarray(image, dtype=np.float64)
    found: dict[str, Real] = {}
    for layer in layers:
        value = _forward(layer, value)
        if layer.kind != "avg_pool":
            value = np.maximum(value, 0.0)
            found[layer.name] = value
    return found


def convert(
    layers: Sequence[CnnLayer],
    input_shape: tuple[int, int, int],
    calibration: Sequence[npt.ArrayLike],
    percentile: float = 99.9,
    reset: Reset = "subtract",
    delay: int = 0,
    name: str = "converted",
) -> Converted:
    """IF layers whose firing rates follow the ReLU activations, normalised by what ``calibration`` images reach.

    Raises :class:`WorkloadError` for layers that have no spiking counterpart, and layers that stay silent on every
    calibration image.
    """
    if not calibration:
        raise WorkloadError("conversion: no calibration images; give some that the network will see")
    seen = [activations(layers, image) for image in calibration]
    builder = NetworkBuilder(input_shape, delay=delay, name=name)
    scale: dict[str, float] = {}
    before = 1.0
    for layer in layers:
        if layer.kind == "avg_pool":
            builder.sum_pool(layer.kernel, layer.stride, layer.padding, average=True)
            continue
        here = float(np.percentile(np.concatenate([s[layer.name].ravel() for s in seen]), percentile))
        if here <= 0:
            raise WorkloadError(
                f"conversion: layer {layer.name!r} is silent on the calibration images; give other images"
            )
        neuron = Neuron(threshold=here / before, reset=reset)
        bias = None if layer.bias is None else layer.bias / before
        if layer.kind == "conv":
            builder.conv(
                layer.weight if layer.weight is not None else np.empty(0),
                neuron,
                layer.stride,
                layer.padding,
                layer.dilation,
                layer.groups,
                bias,
                layer.name,
            )
        else:
            builder.dense(layer.weight if layer.weight is not None else np.empty(0), neuron, bias, layer.name)
        scale[layer.name] = before = here
    return Converted(builder.build(), scale)


def cnn_layers(network: Network, seed: int = 0) -> list[CnnLayer]:
    """The chain of convolutions, dense layers and pools of a network, with its own weights where it has them.

    Layers without weights get seeded ones (He-normal; the same for the same seed and layer name). Max pools become
    average pools, as Cao et al. train them. Raises :class:`WorkloadError` naming every layer that a chain of spiking
    layers cannot express.
    """
    layers: list[CnnLayer] = []
    problems: list[str] = []
    for layer in network.layers.values():
        if layer.kind == "input" or layer.kind in ACTIVATION_KINDS | FREE_KINDS | {"batch_norm", "softmax"}:
            continue
        if len(layer.inputs) != 1 or layer.kind not in ("conv", "dense", "max_pool", "avg_pool", "global_avg_pool"):
            problems.append(f"{layer.name!r} ({layer.kind})")
            continue
        if layer.pad[0] != layer.pad[2] or layer.pad[1] != layer.pad[3]:
            problems.append(f"{layer.name!r} (padding {layer.pad} differs from side to side)")
            continue
        pad = (layer.pad[0], layer.pad[1])
        if layer.kind in ("conv", "dense"):
            weight = network.weights_of(layer.name)
            shape = _weight_shape(layer.kind, layer.in_shape, layer.out_shape, layer.kernel, layer.groups)
            values = (
                _seeded(shape, seed, f"{network.name}.{layer.name}") if weight is None else np.reshape(weight, shape)
            )
            layers.append(
                CnnLayer(
                    layer.name,
                    layer.kind,
                    np.asarray(values, dtype=np.float64),
                    stride=layer.stride,
                    padding=pad,
                    dilation=layer.dilation,
                    groups=layer.groups,
                )
            )
        else:
            kernel = layer.in_shape[1:] if layer.kind == "global_avg_pool" else layer.kernel or (1, 1)
            stride = kernel if layer.kind == "global_avg_pool" else layer.stride
            window = (int(kernel[0]), int(kernel[1]))
            layers.append(
                CnnLayer(layer.name, "avg_pool", stride=(int(stride[0]), int(stride[1])), padding=pad, kernel=window)
            )
    if problems:
        raise WorkloadError(
            f"network '{network.name}': no spiking counterpart for {', '.join(problems)}; use a plain chain"
        )
    return layers


def _weight_shape(
    kind: str, in_shape: tuple[int, ...], out_shape: tuple[int, ...], kernel: tuple[int, int] | None, groups: int
) -> tuple[int, ...]:
    if kind == "dense":
        return (int(np.prod(out_shape)), int(np.prod(in_shape)))
    rows, columns = kernel or (1, 1)
    return (out_shape[0], in_shape[0] // groups, rows, columns)


def _seeded(shape: tuple[int, ...], seed: int, name: str) -> Real:
    fan_in = int(np.prod(shape[1:]))
    return generator(seed, f"weights.{name}").normal(0.0, np.sqrt(2.0 / fan_in), shape)


def _forward(layer: CnnLayer, value: Real) -> Real:
    if layer.kind == "avg_pool":
        return _pool(layer, value)
    if layer.weight is None:
        raise WorkloadError(f"conversion: layer {layer.name!r} has no weights")
    if layer.kind not in ("conv", "dense"):
        raise WorkloadError(f"conversion: layer {layer.name!r} is a {layer.kind!r}; write conv, dense or avg_pool")
    connection: Connection
    if layer.kind == "conv":
        shape = (value.shape[0], value.shape[1], value.shape[2])
        connection = Conv(layer.weight, shape, layer.stride, layer.padding, layer.dilation, layer.groups)
    else:
        connection = Dense(layer.weight)
    return _apply(connection, value, layer.bias)


def _apply(connection: Connection, value: Real, bias: Real | None) -> Real:
    """The dense result of a connection: every input is one event that carries its value."""
    index = np.flatnonzero(value)
    out = np.zeros((1, int(np.prod(connection.out_shape))))
    if index.size:
        connection.deliver(Events(np.zeros(index.size, dtype=np.int64), index, value.ravel()[index]), out)
    result = out.reshape(connection.out_shape)
    if bias is not None:
        result = result + bias.reshape(-1, *(1,) * (result.ndim - 1))
    return result


def _pool(layer: CnnLayer, value: Real) -> Real:
    pool = Pool(
        (value.shape[0], value.shape[1], value.shape[2]), layer.kernel, layer.stride, layer.padding, average=True
    )
    index = np.arange(value.size)
    passed = pool.forward(Events(np.zeros(index.size, dtype=np.int64), index, value.ravel()))
    size = int(np.prod(pool.out_shape))
    sums: Real = np.bincount(passed.index, passed.value, minlength=size).astype(np.float64)
    return sums.reshape(pool.out_shape)
