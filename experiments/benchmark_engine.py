"""How fast are the engines, beside what a SimPy user would write first?

Setup: linear pipelines of 10 and 50 stages with FIFOs of 2 and 64 tokens, a saturated source, fixed or random service
times, blocking after service (a token is popped when its service starts); a source that forks to two workers on one
shared resource, joined again; and MobileNet-v1 (4 bits) lowered onto FPGAs of the catalogue, whose stages fire once a
row or once a pixel. The naive model is a generator process a stage and a ``simpy.Store`` a FIFO. Models take turns
within a repetition, plans are built and kernels loaded beforehand; rates and ratios are medians, the ratio taken within
a repetition, since the speed of a shared machine drifts. Before a rate counts, the departures of all stages are
compared at a size that all can run, tick for tick.

Then, each in a process of its own whose highest memory is told: the whole way of 100 frames of MobileNet-v1 by pixels,
from lowering to tables; a million frames through ten stages with whole periods skipped, and all their statistics beside
those of the full run where that is short enough; and totals of 10 and of 100 million firings, none of them skipped.

The tables go to standard output and, with ``--out``, to CSV files beside a plot of how cost grows with the firings.
"""

from __future__ import annotations

import argparse
import csv
import io
import itertools
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path

import numpy as np

from experiments.benchmark_plans import (
    fork_join,
    mobilenet,
    naive_fork_join,
    naive_store,
    pipeline,
    service_times,
)
from experiments.common import folder, natural, script, seed, write_figure
from simulator.engine.aggregate import ActorTotals, Aggregate, ChannelTotals, run_aggregate
from simulator.engine.compiled import run_compiled
from simulator.engine.simpy_engine import run_simpy
from simulator.errors import UserError
from simulator.files import write_atomically
from simulator.plan import Plan
from simulator.plan_checks import check_plan
from simulator.result import Result
from simulator.series import Ints
from simulator.trace import Trace

Engine = Callable[[Plan], Trace]
Departures = Callable[[], list[Ints]]
Figure = tuple[str, float, str]
"""What is told, its value, and the unit."""

_SMALLEST = 1_000
"""Firings that the plot of growth begins at."""

ENGINES: dict[str, Engine] = {
    "simpy": run_simpy,
    "compiled": partial(run_compiled, path="events"),
    "static order": partial(run_compiled, path="static_order"),
}
COLOURS = {"naive": "#000000", "simpy": "#0072B2", "compiled": "#D55E00", "static order": "#009E73"}
MARKERS = {"naive": "s", "simpy": "o", "compiled": "^", "static order": "D"}


@dataclass(frozen=True)
class Case:
    """One row of figures: a plan for so many tokens, the naive model of it if there is one, and who can run it."""

    name: str
    plan: Callable[[int], Plan]
    naive: Callable[[int], Departures] | None
    firings_per_token: int
    engines: tuple[str, ...]


def linear(stages: int, depth: int, kind: str, seed: int) -> Case:
    """A linear pipeline."""
    return Case(
        f"{stages} stages, depth {depth}, {kind}",
        lambda tokens: pipeline(service_times(stages, tokens, kind, seed), depth),
        lambda tokens: partial(naive_store, service_times(stages, tokens, kind, seed), depth),
        stages,
        tuple(ENGINES),
    )


def lowered(board: str, granularity: str) -> Case:
    """MobileNet-v1 on a board; a token is a frame."""

    def plan(frames: int) -> Plan:
        return mobilenet(board, frames, granularity).plan

    return Case(f"MobileNet-v1 on {board}, {granularity}s", plan, None, plan(1).firings, tuple(ENGINES))


def cases(seed: int) -> list[Case]:
    """All that is measured."""
    found = [linear(s, d, k, seed) for s, d, k in itertools.product((10, 50), (2, 64), ("fixed", "random"))]
    found.append(
        Case(
            "fork/join, shared resource",
            lambda n: fork_join(service_times(4, n, "random", seed), 4),
            lambda n: partial(naive_fork_join, service_times(4, n, "random", seed), 4),
            4,
            ("simpy", "compiled"),
        )
    )
    return [*found, lowered("u250", "row"), lowered("u250", "pixel"), lowered("zcu104", "pixel")]


def compare(case: Case, tokens: int) -> None:
    """Raise if two models of a case differ in any departure; the naive fork/join breaks ties its own way."""
    plan = case.plan(tokens)
    check_plan(plan)
    expected = ENGINES[case.engines[0]](plan).end
    others = {name: ENGINES[name](plan).end for name in case.engines[1:]}
    if case.naive is not None and "fork" not in case.name:
        others["naive"] = tuple(case.naive(tokens)())
    for name, ends in others.items():
        if not all(np.array_equal(a, b) for a, b in zip(expected, ends, strict=True)):
            raise RuntimeError(f"{case.name}: the departures of {name!r} differ from those of {case.engines[0]!r}")


def measure(case: Case, firings: dict[str, int], repetitions: int) -> dict[str, list[float]]:
    """Firings a second of each model in each repetition, the models taking turns; plans are built beforehand."""
    runs: dict[str, tuple[int, Callable[[], object]]] = {}
    if case.naive is not None:
        tokens = max(1, firings["naive"] // case.firings_per_token)
        runs["naive"] = tokens * case.firings_per_token, case.naive(tokens)
    for name in case.engines:
        plan = case.plan(max(1, firings[name] // case.firings_per_token))
        runs[name] = plan.firings, partial(ENGINES[name], plan)
    rates: dict[str, list[float]] = {name: [] for name in runs}
    for _, (name, (count, go)) in itertools.product(range(repetitions), runs.items()):
        begin = time.perf_counter()
        go()
        rates[name].append(count / (time.perf_counter() - begin))
    return rates


def table(chosen: Sequence[Case], firings: dict[str, int], repetitions: int) -> Iterator[dict[str, object]]:
    """One row a case and model. Ratios are to the naive model, or to the SimPy engine where there is none."""
    for case in chosen:
        compare(case, max(1, 2000 // case.firings_per_token))
        rates = measure(case, firings, repetitions)
        base = rates.get("naive", rates["simpy"])
        for name, own in rates.items():
            ratio = statistics.median(a / b for a, b in zip(own, base, strict=True))
            yield {
                "case": case.name,
                "model": name,
                "firings_per_s": round(statistics.median(own)),
                "ratio": round(ratio, 1),
                "ratio_to": "naive" if "naive" in rates else "simpy",
            }


def growth(seed: int, repetitions: int, largest: int) -> list[tuple[str, int, float]]:
    """Median seconds of each model by number of firings, on ten stages with FIFOs of two and random service."""
    case = linear(10, 2, "random", seed)
    limits = {"naive": 300_000, "simpy": 1_000_000}
    rows = []
    for exponent in range(len(str(_SMALLEST)) - 1, len(str(largest))):
        count = 10**exponent
        firings = dict.fromkeys(("naive", *ENGINES), count)
        slow = [name for name, limit in limits.items() if count > limit]
        some = Case(case.name, case.plan, None if "naive" in slow else case.naive, 10, case.engines[len(slow) > 1 :])
        for name, rates in measure(some, firings, repetitions).items():
            rows.append((name, count, count / statistics.median(rates)))
    return rows


def whole_way(board: str, frames: int, repetitions: int) -> list[Figure]:
    """Each step of running so many frames of MobileNet-v1 by pixels, in seconds."""
    run_compiled(mobilenet(board, 1, "pixel").plan)  # loads the kernels
    began = time.perf_counter()
    found = mobilenet(board, frames, "pixel")
    lowering = time.perf_counter() - began
    checking = _seconds(lambda: check_plan(found.plan), 1)
    running = _seconds(lambda: run_compiled(found.plan), repetitions)
    result = Result(lowered=found, trace=run_compiled(found.plan))
    figures = [
        ("firings", found.plan.firings, ""),
        ("loading the platform and lowering", lowering, "s"),
        ("checking the plan", checking, "s"),
        (f"engine, {result.trace.reason.partition(' (')[0].partition(':')[0]}", running, "s"),
        ("summary", _seconds(result.summary, 1), "s"),
        ("tables", _seconds(lambda: (result.layers, result.elements, result.fifos, result.levels), 1), "s"),
    ]
    return [*figures, ("throughput", result.summary()["throughput_fps"], "frames/s")]


def skipping(seed: int, repetitions: int) -> list[Figure]:
    """A million frames through ten stages; raises where a statistic differs from that of the full run."""
    times = service_times(10, 1, "fixed", seed)
    full, short = (run_aggregate(pipeline(times, 8, 20_000), fast_forward=skips) for skips in (False, True))
    if not short.skipped_periods or _statistics(full) != _statistics(short):
        raise RuntimeError("the statistics of 20,000 frames differ between the full run and the one that skips periods")
    million = pipeline(times, 8, 1_000_000)
    return [
        ("statistics that equal those of the full run, 20,000 frames", len(_statistics(short)), ""),
        ("a million frames", 1000 * _seconds(lambda: run_aggregate(million), repetitions), "ms"),
        ("periods skipped", run_aggregate(million).skipped_periods, ""),
    ]


def totals(seed: int, firings: int) -> list[Figure]:
    """So many firings of ten stages, each one run, in totals only."""
    line = pipeline(service_times(10, 1, "fixed", seed), 8, firings // 10)
    run_aggregate(pipeline(service_times(10, 1, "fixed", seed), 8, 10))  # loads the kernels
    began = time.perf_counter()
    run = run_aggregate(line, fast_forward=False)
    seconds, departed = time.perf_counter() - began, sum(actor.departed for actor in run.actors)
    return [("firings", departed, ""), ("run", seconds, "s"), ("a second", departed / seconds / 1e6, "million firings")]


def _seconds(work: Callable[[], object], repetitions: int) -> float:
    """Median seconds that something takes."""
    taken = []
    for _ in range(repetitions):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def _statistics(run: Aggregate) -> list[object]:
    """Every statistic of a run: all totals of actors, channels and frames, each bin of each histogram."""
    totals_of: list[ActorTotals | ChannelTotals] = [*run.actors, *run.channels]
    named = [(field.name, getattr(part, field.name)) for part in totals_of for field in fields(part)]
    frames = run.frames
    named += [(name, value) for name, value in vars(frames).items() if name != "latency"]
    named += [(name, getattr(frames.latency, name)) for name in ("values", "counts", "total", "least", "most")]
    return [("now", run.now), *((name, one) for name, value in named for one in np.atleast_1d(value).tolist())]


def parts(seed: int, repetitions: int) -> dict[str, Callable[[], list[Figure]]]:
    """What is measured in a process of its own."""
    return {
        "MobileNet-v1 on u250, 100 frames by pixels": partial(whole_way, "u250", 100, repetitions),
        "MobileNet-v1 on zcu104, 100 frames by pixels": partial(whole_way, "zcu104", 100, repetitions),
        "fast-forward of ten stages": partial(skipping, seed, repetitions),
        "totals, 10 million firings": partial(totals, seed, 10_000_000),
        "totals, 100 million firings": partial(totals, seed, 100_000_000),
    }


def _apart(work: Callable[[], list[Figure]]) -> list[Figure]:
    return [*work(), ("highest memory of the process", peak_megabytes(), "MB")]


def peak_megabytes() -> float:
    """The most memory this process has held. What the operating system inherits from the parent does not count."""
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    import resource

    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return held / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def plot(rows: Sequence[tuple[str, int, float]], path: Path) -> None:
    """Seconds over firings, both logarithmic."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for name, colour in COLOURS.items():
        points = [(count, seconds) for model, count, seconds in rows if model == name]
        if points:
            axes.loglog(*zip(*points, strict=True), color=colour, marker=MARKERS[name], label=name)
    title = "Beyond a start of its own, every engine takes time in proportion to the firings"
    axes.set(xlabel="firings", ylabel="seconds")
    axes.set_title(title, loc="left", fontsize="medium")
    axes.grid(True, which="major", alpha=0.3)
    axes.legend()
    write_figure(figure, path)
    plt.close(figure)


@script
def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--firings", type=natural, default=30_000, help="firings of the naive and SimPy models (default 30000)"
    )
    parser.add_argument("--compiled-firings", type=natural, default=2_500_000, help="of the compiled ones (2500000)")
    parser.add_argument("--repetitions", type=natural, default=5, help="interleaved repetitions (default 5)")
    parser.add_argument("--seed", type=seed, default=1, help="seed of the service times (default 1)")
    parser.add_argument("--only", default="", help="measure only what has this in its name, as 'u250' or 'totals'")
    parser.add_argument("--out", type=folder, help="folder for the tables as CSV and the plot of growth")
    parser.add_argument("--largest", type=natural, default=10_000_000, help="firings that the plot goes up to")
    options = parser.parse_args(arguments)
    slow, fast = options.firings, options.compiled_firings
    firings = {"naive": slow, "simpy": slow, "compiled": fast, "static order": fast}
    all_cases, all_parts = cases(options.seed), parts(options.seed, options.repetitions)
    chosen = [case for case in all_cases if options.only in case.name]
    chosen_parts = {name: work for name, work in all_parts.items() if options.only in name}
    if not chosen and not chosen_parts:
        names = "; ".join([*(case.name for case in all_cases), *all_parts])
        raise UserError(f"nothing has {options.only!r} in its name; there are: {names}")
    if options.largest < _SMALLEST:
        raise UserError(f"--largest is {options.largest}; the plot begins at {_SMALLEST} firings")
    rates: list[dict[str, object]] = []
    if chosen:
        print(f"{'case':<30} {'model':>12} {'firings/s':>14} {'ratio':>8}")
    for row in table(chosen, firings, options.repetitions):
        rates.append(row)
        print("{case:<30} {model:>12} {firings_per_s:>14,} {ratio:>8,} x {ratio_to}".format(**row), flush=True)
    found: list[dict[str, object]] = []
    for part, work in chosen_parts.items():
        print(f"\n{part}", flush=True)
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            for figure, value, unit in pool.apply(_apart, (work,)):
                found.append({"part": part, "figure": figure, "value": value, "unit": unit})
                print(f"  {figure:<60} {value:>14{',.2f' if unit else ',.0f'}} {unit}", flush=True)
    if options.out:
        _write(rates, options.out / "benchmark_engine.csv")
        _write(found, options.out / "benchmark_parts.csv")
        plot(growth(options.seed, options.repetitions, options.largest), options.out / "benchmark_engine.png")


def _write(rows: Sequence[dict[str, object]], path: Path) -> None:
    if not rows:
        return
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(path, text.getvalue().encode())


if __name__ == "__main__":
    main()
