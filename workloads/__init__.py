"""Workloads: networks, their transforms, and the tokens they make. Knows no platform.

Public names are loaded when they are first used, so that importing this package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import Any

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

__all__ = sorted(_EXPORTS)


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        return getattr(importlib.import_module(_EXPORTS[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
