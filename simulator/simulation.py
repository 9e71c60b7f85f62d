"""The whole way in one call: platform and workload in, result out. Nothing is written, nothing is printed."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.engine import run
from simulator.lowering import lower
from simulator.mapping import MappingRules, load_mapping
from simulator.platform import Platform, load_platform
from workloads.generators import static_stream
from workloads.loading import load_network
from workloads.network import Network
from workloads.tokens import TokenStream

if TYPE_CHECKING:
    from simulator.result import Result


def simulate(
    platform: str | Path | Platform,
    workload: str | Path | Network | TokenStream,
    mapping: str | Path | MappingRules | None = None,
    *,
    frames: int | None = None,
    arrivals: str | None = None,
    engine: str = "auto",
    seed: int = 0,
    until: int | None = None,
    progress: Callable[[int, int, int], None] | None = None,
) -> Result:
    """Run a workload on a platform and report throughput, latency, occupancy and energy.

    ``platform`` and ``workload`` are names, paths or loaded objects; a network runs as a static stream of ``frames``
    frames with the given ``arrivals`` (see :mod:`workloads.arrivals`). ``mapping`` is a mapping file or its rules; left
    out, each layer goes where a frame is quickest. ``engine`` is 'auto', 'simpy' or 'compiled'. ``until`` stops after
    that many ticks of the plan. ``progress`` is called with (tick, departed firings, all firings). Raises a
    :class:`simulator.errors.UserError` for whatever cannot run as asked.
    """
    from simulator.result import Result

    began = time.perf_counter()
    where = platform if isinstance(platform, Platform) else load_platform(platform)
    rules = load_mapping(mapping) if isinstance(mapping, str | Path) else mapping
    if isinstance(workload, TokenStream):
        stream = workload
    else:
        network = workload if isinstance(workload, Network) else load_network(workload)
        stream = static_stream(network, frames, arrivals, seed)
    lowered = lower(where, stream, rules)
    trace = run(lowered.plan, engine=engine, until=until, progress=progress)
    return Result(lowered=lowered, trace=trace, wall_s=time.perf_counter() - began)
