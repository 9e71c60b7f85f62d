"""Platforms: their files, the models they name and what joins them.

``load_platform`` reads one, ``platform_schema`` describes the files for editors, ``element_model`` finds a model.
"""

from __future__ import annotations

from simulator.platform.description import Platform
from simulator.platform.loader import find_platform, load_platform
from simulator.platform.models import element_model, model_names
from simulator.platform.parts import Dma, Fifo, Memory
from simulator.platform.schema import platform_schema

__all__ = [
    "Dma",
    "Fifo",
    "Memory",
    "Platform",
    "element_model",
    "find_platform",
    "load_platform",
    "model_names",
    "platform_schema",
]
