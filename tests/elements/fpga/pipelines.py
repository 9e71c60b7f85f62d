"""Small FPGA pipelines for tests: a fabric without memory or host, and the way from a network to a trace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from simulator.engine import run
from simulator.lowered import Lowered
from simulator.lowering import lower
from simulator.mapping import LayerRule, MappingRules
from simulator.platform import load_platform
from simulator.trace import Trace
from workloads.builder import NetworkBuilder
from workloads.generators import static_stream
from workloads.network import Network

_TEXT = """
format: platform/1
name: fabric
processing_elements:
  fabric: {{model: fpga, clock: 100 MHz, fill: 0 cycle{more}}}
{rest}
"""


def lowered_on(
    folder: Path, network: Network, rules: MappingRules, frames: int, more: str = "", rest: str = ""
) -> Lowered:
    """The plan of a network on a fabric; ``more`` are further keys of the element, ``rest`` of the platform."""
    path = folder / "platform.yaml"
    path.write_text(_TEXT.format(more=f", {more}" if more else "", rest=rest))
    return lower(load_platform(path), static_stream(network, frames), rules)


def traced(lowered: Lowered) -> Trace:
    """The trace of a plan, on the reference engine."""
    return run(lowered.plan, engine="simpy")


def ends(lowered: Lowered, trace: Trace, actor: str, frames: int) -> list[int]:
    """When the actor has done each frame."""
    index = [each.name for each in lowered.plan.actors].index(actor)
    found: list[int] = np.asarray(trace.end[index]).reshape(frames, -1)[:, -1].tolist()
    return found


def rules_for(granularity: str, **layers: dict[str, Any]) -> MappingRules:
    """Foldings by layer name ('all' for every layer), at one granularity."""
    matched = [LayerRule("*" if name == "all" else name, options=options) for name, options in layers.items()]
    return MappingRules(layers=matched, granularity=granularity)


def integers(name: str = "net", bits: int = 8) -> NetworkBuilder:
    """A builder of integer networks."""
    return NetworkBuilder(name, number="int", weight_bits=bits, activation_bits=bits)


def one_conv(size: int = 8, channels: int = 2, rows: int = 4, **more: Any) -> Network:
    """A single convolution of 3 x 3 windows."""
    b = integers()
    b.conv(b.input((channels, size, size)), rows, 3, bias=False, name="conv", **more)
    return b.build()
