"""A network as a frozen graph of layers, and the fused groups in which a platform runs it.

The graph knows no platform. A transform makes a new network out of one and adds its own line to ``history``.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workloads.errors import WorkloadError, did_you_mean
from workloads.grouping import LayerGroup, fuse
from workloads.layers import LAYER_KINDS, NUMBERS, Layer, Shape

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    WeightLoader = Callable[[], NDArray[np.floating[Any]]]

__all__ = ["LAYER_KINDS", "Layer", "LayerGroup", "Network", "Shape", "network_summary"]


@dataclass(frozen=True)
class Network:
    """Layers in topological order, each reading earlier ones by name.

    Layers that do not fit together raise :class:`WorkloadError`. ``history`` has one line for each transform that led
    here. ``weight_loaders`` gives real weights where a file had them; they are read when :meth:`weights_of` asks, and
    are no part of equality or of the fingerprint.
    """

    name: str
    layers: Mapping[str, Layer]
    history: tuple[str, ...] = ()
    weight_loaders: Mapping[str, WeightLoader] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        faults = _faults(self.layers)
        if faults:
            raise WorkloadError(f"network '{self.name}': " + "; ".join(faults))
        object.__setattr__(self, "layers", dict(self.layers))
        readers: dict[str, list[str]] = {name: [] for name in self.layers}
        for layer in self.layers.values():
            for source in dict.fromkeys(layer.inputs):
                readers[source].append(layer.name)
        object.__setattr__(self, "_consumers", {name: tuple(found) for name, found in readers.items()})

    @property
    def inputs(self) -> tuple[Layer, ...]:
        """The layers where frames enter."""
        return tuple(layer for layer in self.layers.values() if layer.kind == "input")

    @property
    def outputs(self) -> tuple[Layer, ...]:
        """The layers that nobody reads."""
        return tuple(layer for layer in self.layers.values() if not self.consumers(layer.name))

    @property
    def macs(self) -> int:
        """Multiply-accumulates a frame."""
        return sum(layer.macs for layer in self.layers.values())

    @property
    def params(self) -> int:
        """Trainable parameters, bias and normalisation included."""
        return sum(layer.params for layer in self.layers.values())

    @property
    def weight_bytes(self) -> int:
        """Bytes of all stored weights."""
        return sum(layer.weight_bytes for layer in self.layers.values())

    def __getitem__(self, name: str) -> Layer:
        """The layer called ``name``; an unknown name raises :class:`WorkloadError` with the nearest one."""
        try:
            return self.layers[name]
        except KeyError:
            raise WorkloadError(
                f"network '{self.name}' has no layer '{name}'{did_you_mean(name, self.layers)}"
            ) from None

    def consumers(self, name: str) -> tuple[str, ...]:
        """Names of the layers that read ``name``, in order."""
        found: dict[str, tuple[str, ...]] = self.__dict__["_consumers"]
        return found[self[name].name]

    def groups(self) -> tuple[LayerGroup, ...]:
        """The layers fused as deployment frameworks fuse them; see :func:`workloads.grouping.fuse`."""
        return fuse(self.layers, self.__dict__["_consumers"])

    def weights_of(self, name: str) -> NDArray[np.floating[Any]] | None:
        """The real weights of a layer (output channel first), or ``None`` where the source had only shapes."""
        loader = self.weight_loaders.get(self[name].name)
        return None if loader is None else loader()

    def with_layers(
        self,
        layers: Iterable[Layer],
        note: str | None = None,
        name: str | None = None,
        weight_loaders: Mapping[str, WeightLoader] | None = None,
    ) -> Network:
        """The same network with other layers; ``note`` is added to the history.

        Real weights stay with a layer as long as it keeps its name and its number of weights, unless given anew.
        """
        table = {layer.name: layer for layer in layers}
        if weight_loaders is None:
            weight_loaders = {
                key: loader
                for key, loader in self.weight_loaders.items()
                if key in table and table[key].weights == self.layers[key].weights
            }
        history = self.history + ((note,) if note else ())
        return Network(name or self.name, table, history, weight_loaders)

    def with_precision(self, weight_bits: int, activation_bits: int, number: str = "int") -> Network:
        """Every weight at ``weight_bits`` and every tensor, the input too, at ``activation_bits``.

        Sub-byte integers (1 for binary) are allowed; ``number`` is ``'int'`` or ``'float'``.
        """
        check_precision(self.name, weight_bits, activation_bits, number)
        changed = (
            dataclasses.replace(
                layer,
                number=number,
                weight_bits=weight_bits,
                input_bits=activation_bits,
                output_bits=activation_bits,
                stored_weight_bits=None,
            )
            for layer in self.layers.values()
        )
        return self.with_layers(
            changed, f"precision: {number}, weights {weight_bits} bit, activations {activation_bits} bit"
        )

    def fingerprint(self) -> str:
        """SHA-256 over every layer; equal in every process for equal layers, whatever the network is called."""
        text = json.dumps([dataclasses.asdict(layer) for layer in self.layers.values()], sort_keys=True, default=_plain)
        return hashlib.sha256(text.encode()).hexdigest()

    def to_frame(self) -> pd.DataFrame:
        """A row a layer: shapes, work and bytes."""
        import pandas as pd

        return pd.DataFrame([_row(layer) for layer in self.layers.values()])


def network_summary(network: Network) -> dict[str, Any]:
    """What ``headrace inspect --json`` prints: totals, and a record for each layer, in plain JSON types."""
    return {
        "network": network.name,
        "macs": network.macs,
        "params": network.params,
        "weight_bytes": network.weight_bytes,
        "fingerprint": network.fingerprint(),
        "history": list(network.history),
        "layers": [_record(layer) for layer in network.layers.values()],
    }


def _record(layer: Layer) -> dict[str, Any]:
    return {
        "name": layer.name,
        "kind": layer.kind,
        "inputs": list(layer.inputs),
        "in_shapes": [list(shape) for shape in layer.in_shapes],
        "in_shape": list(layer.in_shape),
        "out_shape": list(layer.out_shape),
        "kernel": list(layer.kernel) if layer.kernel else None,
        "stride": list(layer.stride),
        "pad": list(layer.pad),
        "dilation": list(layer.dilation),
        "groups": layer.groups,
        "params": layer.params,
        "macs": layer.macs,
        "ops": dict(layer.ops),
        "number": layer.number,
        "weight_bits": layer.weight_bits,
        "input_bits": layer.input_bits,
        "output_bits": layer.output_bits,
        "weight_density": layer.weight_density,
        "weight_bytes": layer.weight_bytes,
        "input_bytes": layer.input_bytes,
        "output_bytes": layer.output_bytes,
    }


def _row(layer: Layer) -> dict[str, Any]:
    return {
        "name": layer.name,
        "kind": layer.kind,
        "inputs": ";".join(layer.inputs),
        "in_shape": ";".join(shape_text(shape) for shape in layer.in_shapes),
        "out_shape": shape_text(layer.out_shape),
        "kernel": shape_text(layer.kernel) if layer.kernel else "",
        "stride": shape_text(layer.stride),
        "pad": shape_text(layer.pad),
        "dilation": shape_text(layer.dilation),
        "groups": layer.groups,
        "params": layer.params,
        "weights": layer.weights,
        "macs": layer.macs,
        "other_ops": sum(layer.ops.values()),
        "weight_bytes": layer.weight_bytes,
        "input_bytes": layer.input_bytes,
        "output_bytes": layer.output_bytes,
    }


def shape_text(shape: tuple[int, ...]) -> str:
    """A shape as people write it: ``3x224x224``."""
    return "x".join(str(extent) for extent in shape)


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a layer attribute of type {type(value).__name__} has no stable text")


def _faults(layers: Mapping[str, Layer]) -> list[str]:
    seen: dict[str, Layer] = {}
    faults: list[str] = []
    for key, layer in layers.items():
        if key != layer.name:
            faults.append(f"layer '{layer.name}' stands under the name '{key}'")
        if layer.kind not in LAYER_KINDS:
            faults.append(f"layer '{layer.name}': no kind '{layer.kind}'{did_you_mean(layer.kind, LAYER_KINDS)}")
        for source, shape in zip(layer.inputs, layer.in_shapes, strict=False):
            if source not in seen:
                faults.append(f"layer '{layer.name}' reads '{source}', which does not stand before it")
            elif seen[source].out_shape != shape:
                faults.append(
                    f"layer '{layer.name}' expects {shape_text(shape)} from '{source}',"
                    f" which makes {shape_text(seen[source].out_shape)}"
                )
        seen[key] = layer
    return faults or ([] if layers else ["it has no layers"])


def check_precision(name: str, weight_bits: int, activation_bits: int, number: str) -> None:
    """Raises :class:`WorkloadError` for widths or a kind of number that a network called ``name`` cannot have."""
    for what, bits in (("weight_bits", weight_bits), ("activation_bits", activation_bits)):
        if not 1 <= bits <= 64:
            raise WorkloadError(f"network '{name}': {what} is {bits}; write a width from 1 to 64")
    if number not in NUMBERS:
        raise WorkloadError(f"network '{name}': number is '{number}'{did_you_mean(number, NUMBERS)}")
