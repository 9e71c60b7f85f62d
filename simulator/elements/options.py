"""Options that a mapping gives an element's model for a layer."""

from __future__ import annotations

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
