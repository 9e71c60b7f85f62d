"""The whole way in one call: platform and workload in, result out. Nothing is written, nothing is printed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

from simulator.engine import Progress, check_request, run
from simulator.errors import UserError
from simulator.lowering import lower
from simulator.mapping import MappingRules, load_mapping
from simulator.platform import Platform, load_platform
from workloads.generators import static_stream
from workloads.loading import load_network
from workloads.network import Network
from workloads.tokens import TokenStream

if TYPE_CHECKING:
    from simulator.lowered import Lowered
    from simulator.result import Result, TotalsResult


@overload
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
    progress: Progress | None = None,
    totals: Literal[False] = False,
) -> Result: ...


@overload
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
    progress: Progress | None = None,
    totals: Literal[True],
) -> TotalsResult: ...


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
    progress: Progress | None = None,
    totals: bool = False,
) -> Result | TotalsResult:
    """Run a workload on a platform and report throughput, latency, occupancy and energy.

    ``platform`` and ``workload`` are names, paths or loaded objects; a network runs as a static stream of ``frames``
    frames with the given ``arrivals`` (see :mod:`workloads.arrivals`). ``mapping`` is a mapping file or its rules; left
    out, each layer goes where a frame is quickest. ``engine`` is 'auto', 'simpy' or 'compiled'. ``until`` stops after
    that many ticks of the plan. ``totals`` keeps no trace: the run takes the memory of the platform's state however
    long it is, skips whole periods where the state recurs, and its result lacks what follows single firings.
    ``progress`` is called with (tick, departed firings, all firings). Raises a
    :class:`simulator.errors.UserError` for whatever cannot run as asked.
    """
    began = time.perf_counter()
    where = platform if isinstance(platform, Platform) else load_platform(platform)
    rules = load_mapping(mapping) if isinstance(mapping, str | Path) else mapping
    if isinstance(workload, TokenStream):
        stream = workload
    else:
        network = workload if isinstance(workload, Network) else load_network(workload)
        stream = static_stream(network, frames, arrivals, seed)
    lowered = lower(where, stream, rules)
    if totals:
        return run_totals(lowered, engine=engine, until=until, progress=progress, began=began)
    return run_traced(lowered, engine=engine, until=until, progress=progress, began=began)


def run_traced(lowered: Lowered, *, engine: str, until: int | None, progress: Progress | None, began: float) -> Result:
    """Run a lowered plan with a trace; ``began`` is when all of this did, by ``time.perf_counter()``."""
    from simulator.result import Result

    trace = run(lowered.plan, engine=engine, until=until, progress=progress)
    return Result(lowered=lowered, trace=trace, wall_s=time.perf_counter() - began)


def run_totals(
    lowered: Lowered, *, engine: str, until: int | None, progress: Progress | None, began: float
) -> TotalsResult:
    """Run a lowered plan and keep totals; ``began`` is when all of this did, by ``time.perf_counter()``."""
    if engine == "simpy":
        raise UserError("totals are kept by the compiled engine alone; leave the engine out, or run without totals")
    check_request(engine, until)
    from simulator.analysis.totals import count_run
    from simulator.plan_checks import check_plan
    from simulator.result import TotalsResult

    check_plan(lowered.plan)
    counted = count_run(lowered, until=until, progress=progress)
    return TotalsResult(lowered=lowered, counted=counted, wall_s=time.perf_counter() - began)
