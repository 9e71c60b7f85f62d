"""Networks that grow while they run: a column for each task with laterals from the earlier ones."""

from __future__ import annotations

from dataclasses import replace

from workloads.errors import WorkloadError
from workloads.frozen import FrozenMap
from workloads.inference import infer
from workloads.layers import Layer
from workloads.network import Network


def progressive(network: Network, columns: int) -> Network:
    """``columns`` copies of a network on one input; each layer also reads, through adapters, the earlier columns'
    layer before.

    An adapter is a 1 x 1 convolution (a dense layer for vectors) from each earlier column, added to the layer's
    input: K columns cost K times the base and K (K - 1) / 2 adapters for each layer behind the first. Column 0 keeps
    the names, column j appends ``@j``. Source: A. Rusu et al., "Progressive Neural Networks", arXiv 1606.04671,
    section 2 and equation 2.
    """
    if columns < 1:
        raise WorkloadError(f"network '{network.name}': {columns} columns; write at least 1")
    made: dict[str, Layer] = dict(network.layers)
    for column in range(1, columns):
        for layer in network.layers.values():
            if layer.kind == "input":
                continue
            for added in _column_layer(network, layer, column):
                made[added.name] = added
    return network.with_layers(made.values(), f"progressive: {columns} columns", name=f"{network.name}-x{columns}")


def column_of(name: str) -> int:
    """The column that a layer of a progressive network belongs to."""
    _, _, column = name.rpartition("@")
    return int(column.split("-")[0]) if "@" in name else 0


def _named(network: Network, source: str, column: int) -> str:
    return source if network[source].kind == "input" or column == 0 else f"{source}@{column}"


def _column_layer(network: Network, layer: Layer, column: int) -> list[Layer]:
    """The layer's copy in a column, behind its adapters and the addition that joins them."""
    inputs = [_named(network, source, column) for source in layer.inputs]
    added: list[Layer] = []
    if layer.is_compute and network[layer.inputs[0]].kind != "input":
        own, shape = inputs[0], layer.in_shape
        terms = [own]
        for earlier in range(column):
            adapter = _adapter(
                layer, _named(network, layer.inputs[0], earlier), f"{layer.name}.lateral{earlier}@{column}"
            )
            added.append(adapter)
            terms.append(adapter.name)
        joined = infer(
            _plain(
                layer,
                name=f"{layer.name}.join@{column}",
                kind="add",
                inputs=tuple(terms),
                in_shapes=(shape,) * len(terms),
            )
        )
        added.append(joined)
        inputs[0] = joined.name
    added.append(replace(layer, name=f"{layer.name}@{column}", inputs=tuple(inputs)))
    return added


def _plain(layer: Layer, **changes: object) -> Layer:
    """A layer of the same precision with nothing else carried over."""
    blank = replace(
        layer, kernel=None, stride=(1, 1), pad=(0, 0, 0, 0), dilation=(1, 1), groups=1, bias=False, params=0, weights=0,
        macs=0, ops=FrozenMap(), stored_weight_bits=None, weight_density=1.0, attributes=FrozenMap(),
        output_bits=layer.input_bits,
    )  # fmt: skip
    return replace(blank, **changes)  # type: ignore[arg-type]


def _adapter(layer: Layer, source: str, name: str) -> Layer:
    shape = layer.in_shape
    if len(shape) == 3:
        draft = _plain(layer, name=name, kind="conv", inputs=(source,), in_shapes=(shape,), kernel=(1, 1))
        return infer(draft, shape[0])
    return infer(_plain(layer, name=name, kind="dense", inputs=(source,), in_shapes=(shape,)), shape[-1])
