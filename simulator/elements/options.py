"""Options that a mapping gives an element's model for a layer."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from simulator.errors import PlatformError, did_you_mean
from workloads.layers import Layer


def check_options(element: str, layer: Layer, options: Mapping[str, Any], known: Iterable[str]) -> None:
    """Raises :class:`PlatformError` for an option that the model does not know."""
    names = list(known)
    for name in options:
        if name not in names:
            hint = did_you_mean(name, names)
            raise PlatformError(f"'{element}' knows no option '{name}' (layer '{layer.name}'){hint}")


def number_option(element: str, layer: Layer, options: Mapping[str, Any], name: str, default: float) -> float:
    """An option that is a number of 0 or more; raises :class:`PlatformError` for anything else."""
    found = options.get(name, default)
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found < math.inf:
        raise PlatformError(f"'{element}': option '{name}' of layer '{layer.name}' is {found!r}; write 0 or more")
    return float(found)


def flag_option(element: str, layer: Layer, options: Mapping[str, Any], name: str) -> bool:
    """An option that is true or false, false unless given; raises :class:`PlatformError` for anything else."""
    found = options.get(name, False)
    if not isinstance(found, bool):
        raise PlatformError(f"'{element}': option '{name}' of layer '{layer.name}' is {found!r}; write true or false")
    return found
