"""Workloads: networks, their transforms, and the tokens they make. Knows no platform.

Public names are loaded when they are first used, so that importing this package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workloads.builder import NetworkBuilder
    from workloads.errors import UserError, WorkloadError
    from workloads.grouping import LayerGroup
    from workloads.layers import Layer
    from workloads.loading import load_network
    from workloads.network import Network, network_summary
    from workloads.zoo import network_names

_EXPORTS = {
    "Layer": "workloads.layers",
    "LayerGroup": "workloads.grouping",
    "Network": "workloads.network",
    "NetworkBuilder": "workloads.builder",
    "UserError": "workloads.errors",
    "WorkloadError": "workloads.errors",
    "load_network": "workloads.loading",
    "network_names": "workloads.zoo",
    "network_summary": "workloads.network",
}

__all__ = [
    "Layer",
    "LayerGroup",
    "Network",
    "NetworkBuilder",
    "UserError",
    "WorkloadError",
    "load_network",
    "network_names",
    "network_summary",
]


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        return getattr(importlib.import_module(_EXPORTS[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
