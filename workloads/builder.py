"""Building a network in a few lines; shapes and counts are inferred as it grows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from workloads.errors import WorkloadError, did_you_mean
from workloads.inference import attributes_of, infer
from workloads.layers import Layer, Shape
from workloads.network import Network, check_precision
from workloads.shapes import Pads, Pair, pads, pair

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class NetworkBuilder:
    """Adds layers one after another; every method returns the new layer's name, to be passed on as an input.

    Names are made up from the kind (``conv1``, ``conv2``, ...) unless given. A layer inherits the precision of what it
    reads: ``bits`` sets the width of what it writes, ``weight_bits`` that of its weights. A layer that does not fit
    raises :class:`WorkloadError` with its name, what was found and what to write.
    """

    def __init__(self, name: str, *, number: str = "float", weight_bits: int = 32, activation_bits: int = 32) -> None:
        check_precision(name, weight_bits, activation_bits, number)
        self.name = name
        self._number = number
        self._weight_bits = weight_bits
        self._activation_bits = activation_bits
        self._layers: dict[str, Layer] = {}
        self._loaders: dict[str, Callable[[], NDArray[np.floating[Any]]]] = {}

    def __contains__(self, name: object) -> bool:
        return name in self._layers

    def shape(self, name: str) -> Shape:
        """The output shape of a layer added before."""
        return self._source(name, "shape").out_shape

    def build(self) -> Network:
        """The finished network."""
        if not any(layer.kind == "input" for layer in self._layers.values()):
            raise WorkloadError(f"network '{self.name}': nothing goes in; begin with builder.input((3, 224, 224))")
        return Network(self.name, self._layers, (), dict(self._loaders))

    def attach_weights(self, name: str, loader: Callable[[], NDArray[np.floating[Any]]]) -> None:
        """Give a layer's real weights, read by calling ``loader`` only when they are needed."""
        self._loaders[self._source(name, "attach_weights").name] = loader

    def input(self, shape: Shape, name: str | None = None, bits: int | None = None) -> str:
        """Where frames enter, one frame of ``shape``."""
        name = self._fresh("input", name)
        width = bits or self._activation_bits
        draft = Layer(name, "input", (), (), tuple(shape), number=self._number, input_bits=width, output_bits=width)
        return self._keep(infer(draft))

    def conv(
        self,
        x: str,
        out_channels: int,
        kernel: int | Pair,
        stride: int | Pair = 1,
        pad: int | Pair | Pads | str = 0,
        *,
        dilation: int | Pair = 1,
        groups: int = 1,
        bias: bool = True,
        name: str | None = None,
        bits: int | None = None,
        weight_bits: int | None = None,
        **attributes: Any,
    ) -> str:
        """A convolution; ``pad`` may be ``'SAME_UPPER'`` or ``'SAME_LOWER'``."""
        auto = pad if isinstance(pad, str) else None
        return self.add_layer(
            "conv", (x,), name, out_channels=out_channels, kernel=pair(kernel), stride=pair(stride),
            pad=(0, 0, 0, 0) if isinstance(pad, str) else pads(pad), dilation=pair(dilation), groups=groups, bias=bias,
            bits=bits, weight_bits=weight_bits, attributes={"auto_pad": auto, **attributes},
        )  # fmt: skip

    def depthwise(
        self, x: str, kernel: int | Pair, stride: int | Pair = 1, pad: int | Pair | Pads | str = 0, **more: Any
    ) -> str:
        """A convolution with one filter for each input channel."""
        channels = self.shape(x)[0]
        return self.conv(x, channels, kernel, stride, pad, groups=channels, **more)

    def conv_transpose(
        self, x: str, out_channels: int, kernel: int | Pair, stride: int | Pair = 1, pad: int | Pair | Pads = 0, *,
        output_pad: int | Pair = 0, groups: int = 1, bias: bool = True, name: str | None = None, **more: Any,
    ) -> str:  # fmt: skip
        """A transposed ("de-") convolution."""
        return self.add_layer(
            "conv_transpose", (x,), name, out_channels=out_channels, kernel=pair(kernel), stride=pair(stride),
            pad=pads(pad), groups=groups, bias=bias, attributes={"output_pad": pair(output_pad)}, **more,
        )  # fmt: skip

    def dense(self, x: str, out_features: int, *, bias: bool = True, name: str | None = None, **more: Any) -> str:
        """A fully connected layer on a vector, or on the last dimension of a sequence."""
        return self.add_layer("dense", (x,), name, out_channels=out_features, bias=bias, **more)

    def recurrent(self, x: str, units: int, cell: str = "lstm", *, bias: bool = True, name: str | None = None) -> str:
        """An RNN, GRU or LSTM cell; a sequence ``(T, F)`` costs T steps, a vector one step of a stream."""
        return self.add_layer("recurrent", (x,), name, out_channels=units, bias=bias, attributes={"cell": cell})

    def max_pool(
        self, x: str, kernel: int | Pair, stride: int | Pair | None = None, pad: int | Pair | Pads = 0, **more: Any
    ) -> str:
        """Maximum over a window; the stride is the kernel unless given. ``ceil_mode=True`` rounds the extent up."""
        return self._pool("max_pool", x, kernel, stride, pad, **more)

    def avg_pool(
        self, x: str, kernel: int | Pair, stride: int | Pair | None = None, pad: int | Pair | Pads = 0, **more: Any
    ) -> str:
        """Mean over a window; options as for :meth:`max_pool`."""
        return self._pool("avg_pool", x, kernel, stride, pad, **more)

    def _pool(
        self, kind: str, x: str, kernel: int | Pair, stride: int | Pair | None, pad: int | Pair | Pads,
        ceil_mode: bool = False, name: str | None = None,
    ) -> str:  # fmt: skip
        return self.add_layer(
            kind, (x,), name, kernel=pair(kernel), stride=pair(kernel if stride is None else stride), pad=pads(pad),
            attributes={"ceil_mode": True if ceil_mode else None},
        )  # fmt: skip

    def global_avg_pool(self, x: str, name: str | None = None) -> str:
        """Mean over each whole map."""
        return self.add_layer("global_avg_pool", (x,), name)

    def adaptive_avg_pool(self, x: str, output: int | Pair, name: str | None = None) -> str:
        """Mean over bins that divide a map of any size into ``output`` rows and columns."""
        return self.add_layer("adaptive_avg_pool", (x,), name, attributes={"output": pair(output)})

    def activation(self, x: str, kind: str = "relu", name: str | None = None, bits: int | None = None) -> str:
        """An elementwise function, by kind."""
        return self.add_layer(kind, (x,), name, bits=bits)

    def relu(self, x: str, name: str | None = None) -> str:
        return self.activation(x, "relu", name)

    def batch_norm(self, x: str, name: str | None = None) -> str:
        return self.add_layer("batch_norm", (x,), name)

    def lrn(self, x: str, size: int = 5, name: str | None = None) -> str:
        """Local response normalisation across ``size`` channels."""
        return self.add_layer("lrn", (x,), name, attributes={"size": size})

    def dropout(self, x: str, name: str | None = None) -> str:
        return self.add_layer("dropout", (x,), name)

    def flatten(self, x: str, name: str | None = None) -> str:
        return self.add_layer("flatten", (x,), name)

    def softmax(self, x: str, name: str | None = None) -> str:
        return self.add_layer("softmax", (x,), name)

    def arg_max(self, x: str, name: str | None = None) -> str:
        """The index of the largest element."""
        return self.add_layer("arg_max", (x,), name, bits=16)

    def add(self, *xs: str, name: str | None = None) -> str:
        """The elementwise sum of its inputs."""
        return self.add_layer("add", xs, name)

    def mul(self, *xs: str, name: str | None = None) -> str:
        return self.add_layer("mul", xs, name)

    def concat(self, *xs: str, axis: int = 0, name: str | None = None) -> str:
        """Its inputs one after the other, along the channels unless said."""
        return self.add_layer("concat", xs, name, attributes={"axis": axis or None})

    def upsample(self, x: str, scale: int | Pair = 2, mode: str = "nearest", name: str | None = None) -> str:
        return self.add_layer("upsample", (x,), name, attributes={"scale": pair(scale), "mode": mode})

    def reshape(self, x: str, shape: Shape, name: str | None = None) -> str:
        return self.add_layer("reshape", (x,), name, attributes={"shape": tuple(shape)})

    def add_layer(
        self,
        kind: str,
        inputs: tuple[str, ...],
        name: str | None = None,
        *,
        out_channels: int | None = None,
        bits: int | None = None,
        weight_bits: int | None = None,
        attributes: Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> str:
        """A layer of any kind; ``fields`` are those of :class:`Layer` that its counts depend on."""
        name = self._fresh(kind, name)
        sources = [self._source(source, name) for source in inputs]
        if not sources:
            raise WorkloadError(f"layer '{name}': {kind} reads nothing; name at least one input")
        input_bits = max(source.output_bits for source in sources)
        draft = Layer(
            name, kind, tuple(inputs), tuple(source.out_shape for source in sources), (), number=self._number,
            weight_bits=weight_bits or self._weight_bits, input_bits=input_bits, output_bits=bits or input_bits,
            attributes=attributes_of(**(attributes or {})), **fields,
        )  # fmt: skip
        return self._keep(infer(draft, out_channels))

    def _keep(self, layer: Layer) -> str:
        self._layers[layer.name] = layer
        return layer.name

    def _source(self, name: str, reader: str) -> Layer:
        if name not in self._layers:
            raise WorkloadError(
                f"layer '{reader}' reads '{name}', which was not added before{did_you_mean(name, self._layers)}"
            )
        return self._layers[name]

    def _fresh(self, kind: str, name: str | None) -> str:
        if name is None:
            if kind == "input" and kind not in self._layers:
                return kind
            number = 1
            while f"{kind}{number}" in self._layers:
                number += 1
            return f"{kind}{number}"
        if name in self._layers:
            raise WorkloadError(f"layer '{name}' is added twice; write another name")
        return name
