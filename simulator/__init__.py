"""Discrete-event simulation of neural networks on heterogeneous accelerator platforms.

Names are imported when they are first used, so that ``import simulator`` (and ``headrace --help``) loads no pandas,
matplotlib, simpy or pint.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulator.errors import (
        DeadlockError,
        FileProblems,
        MappingError,
        PlanError,
        PlatformError,
        UnitError,
        UserError,
        WorkloadError,
    )
    from simulator.platform import Platform, load_platform, platform_schema
    from simulator.result import Result, TotalsResult, load_result
    from simulator.simulation import simulate
    from workloads import load_network

__version__ = "0.1.0"

_HOME = {
    "DeadlockError": "simulator.errors",
    "FileProblems": "simulator.errors",
    "MappingError": "simulator.errors",
    "PlanError": "simulator.errors",
    "PlatformError": "simulator.errors",
    "UnitError": "simulator.errors",
    "UserError": "simulator.errors",
    "WorkloadError": "simulator.errors",
    "Platform": "simulator.platform",
    "Result": "simulator.result",
    "TotalsResult": "simulator.result",
    "load_network": "workloads",
    "load_platform": "simulator.platform",
    "load_result": "simulator.result",
    "platform_schema": "simulator.platform",
    "simulate": "simulator.simulation",
}

__all__ = [
    "DeadlockError",
    "FileProblems",
    "MappingError",
    "PlanError",
    "Platform",
    "PlatformError",
    "Result",
    "TotalsResult",
    "UnitError",
    "UserError",
    "WorkloadError",
    "__version__",
    "load_network",
    "load_platform",
    "load_result",
    "platform_schema",
    "simulate",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
