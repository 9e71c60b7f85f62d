"""``headrace inspect``: what a network asks, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from simulator.cli.options import JsonOption, NetworkArgument, TransformOption, changed_network

if TYPE_CHECKING:
    from workloads.network import Network


def inspect_network(network: NetworkArgument, transforms: TransformOption = None, as_json: JsonOption = False) -> None:
    """Show a network's layers, as they are or after transforms: shapes, parameters, multiply-accumulates and bytes."""
    from workloads import network_summary

    loaded = changed_network(network, transforms)
    if as_json:
        from simulator.cli.console import print_json

        print_json(network_summary(loaded))
    else:
        _print(loaded)


def _print(network: Network) -> None:
    from simulator.cli.console import console, shape, si, size, table

    out = console(least=160)
    layers = list(network.layers.values())
    rows = [
        (
            layer.name,
            layer.kind,
            _shapes(layer.in_shapes),
            shape(layer.out_shape),
            _window(layer.kernel, layer.stride, layer.groups),
            f"{layer.params:,}" if layer.params else "",
            f"{layer.macs:,}" if layer.macs else "",
            size(layer.weight_bytes) if layer.weights else "",
            size(layer.output_bytes),
        )
        for layer in layers
    ]
    columns = ("layer", "kind", "in", "out", "window", "parameters", "MACs", "weights", "output")
    out.print(table(columns, rows, text=5))
    out.print(
        f"[bold]{network.name}[/]  {len(layers)} layers,"
        f" [bold]{si(network.macs, 'MAC', 4)}[/] a frame ({network.macs:,}),"
        f" [bold]{network.params:,}[/] parameters, {size(network.weight_bytes)} of weights"
    )
    for line in network.history:
        out.print(f"  {line}")


def _shapes(shapes: Sequence[Sequence[int]]) -> str:
    """Shapes joined by '+'; neighbours that are alike are counted: ``64x56x56 + 5 of 32x56x56``."""
    from simulator.cli.console import shape

    alike = [(shape(one), len(list(same))) for one, same in groupby(shapes, key=tuple)]
    return " + ".join(text if count == 1 else f"{count} of {text}" for text, count in alike)


def _window(kernel: tuple[int, int] | None, stride: tuple[int, int], groups: int) -> str:
    if kernel is None:
        return ""
    text = f"{kernel[0]}x{kernel[1]}"
    if stride != (1, 1):
        text += f"/{stride[0]}" if stride[0] == stride[1] else f"/{stride[0]},{stride[1]}"
    return text + (f" g{groups}" if groups > 1 else "")
