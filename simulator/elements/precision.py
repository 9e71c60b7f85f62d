"""Number formats by name: which arithmetic of an element a layer runs on."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, WithJsonSchema

from simulator.errors import PlatformError
from workloads.layers import Layer
from workloads.network import LayerGroup
from workloads.transforms.storage import stored

_NAME = re.compile(r"(fp|bf|int)(\d+)")


def parse_precision(name: str) -> tuple[str, int]:
    """``'int8'`` as ('int', 8), ``'fp16'`` and ``'bf16'`` as ('float', 16); raises :class:`PlatformError` for another
    name.
    """
    found = _NAME.fullmatch(name)
    if found is None or not 1 <= int(found[2]) <= 64:
        raise PlatformError(f"'{name}' is no precision; write e.g. 'int8', 'fp16', 'bf16' or 'fp32'")
    return ("int" if found[1] == "int" else "float"), int(found[2])


def _known(name: str) -> str:
    try:
        parse_precision(name)
    except PlatformError as error:
        raise ValueError(str(error)) from error
    return name


Precision: TypeAlias = Annotated[
    str, AfterValidator(_known), WithJsonSchema({"type": "string", "pattern": f"^({_NAME.pattern})$"})
]
"""The name of a number format in a platform file, which :func:`parse_precision` reads."""


def precision_of(layer: Layer) -> str:
    """The format whose width holds both weights and inputs of a layer, e.g. 'int8', 'fp32', or 'int1' for a binary
    layer.
    """
    bits = max(layer.weight_bits, layer.input_bits) if layer.weights else layer.input_bits
    return f"{'int' if layer.number == 'int' else 'fp'}{bits}"


def rate_for(rates: Mapping[str, Fraction], layer: Layer, element: str) -> tuple[str, Fraction]:
    """The listed format and rate a layer runs at: its own format, else the narrowest listed one that holds it exactly.

    Integers fall back on wider integers, then on floats of at least that width; floats on wider floats. Raises
    :class:`PlatformError`.
    """
    wanted = precision_of(layer)
    number, bits = parse_precision(wanted)
    fits = []
    for name, rate in rates.items():
        kind, width = parse_precision(name)
        if width >= bits and (kind == number or number == "int"):
            fits.append((kind != number, width, name, rate))
    if not fits:
        raise PlatformError(
            f"element '{element}' has no rate for {wanted} (layer '{layer.name}'); it lists"
            f" {', '.join(rates) or 'none'}:"
            f" add a rate for {wanted}, or set 'precision' to one that is listed"
        )
    _, _, name, rate = min(fits, key=lambda fit: fit[:3])
    return name, rate


def fastest(rates: Mapping[str, Fraction]) -> str | None:
    """The listed format with the highest rate; the first of them where several are equal."""
    return max(rates, key=lambda name: rates[name]) if rates else None


def in_precision(group: LayerGroup, precision: str | None) -> LayerGroup:
    """A group of an unquantised (32-bit float) network as it is deployed in ``precision``; other groups stay as they
    are.
    """
    if precision is None or group.main.number != "float" or group.main.weight_bits != 32:
        return group
    number, bits = parse_precision(precision)

    def convert(layer: Layer) -> Layer:
        found = layer.stored_weight_bits
        converted = dataclasses.replace(
            layer,
            number=number,
            weight_bits=bits,
            input_bits=bits,
            output_bits=bits,
            stored_weight_bits=None if found is None else -(-found * bits // 32),
        )
        # Indices and codebooks do not shrink with the numbers: what a transform stored is counted anew.
        is_counted = "index_bits" in layer.attributes or "shared_bits" in layer.attributes
        return stored(converted) if is_counted else converted

    return dataclasses.replace(group, main=convert(group.main), followers=tuple(map(convert, group.followers)))
