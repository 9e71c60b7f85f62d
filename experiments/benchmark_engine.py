"""How fast are the engines, beside what a SimPy user would write first?

Setup: linear pipelines of 10 and 50 stages with FIFOs of 2 and 64 tokens, a saturated source, fixed or random service
times, blocking after service (a token is popped when its service starts); a source that forks to two workers on one
shared resource, joined again; and the layers of MobileNet-v1 as a streaming pipeline that fires once a row or once a
pixel. The naive model is a generator process a stage and a ``simpy.Store`` a FIFO, kept here. Models take turns
within a repetition; rates and ratios are medians, the ratio taken within a repetition, since the speed of a shared
machine drifts. Before a rate counts, the departures of all stages are compared at a size that all can run, tick for
tick.

The table goes to standard output and, with ``--out``, to a CSV file beside a plot of how cost grows with the firings.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import statistics
import sys
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import simpy

from simulator.engine.compiled import run_compiled
from simulator.engine.simpy_engine import run_simpy
from simulator.plan import Actor, Channel, Discipline, Input, Output, Plan, Resource, Series
from simulator.plan_checks import check_plan
from simulator.series import Ints
from simulator.trace import Trace
from workloads.seeds import generator

Times = Sequence[list[int]]
Engine = Callable[[Plan], Trace]

ENGINES: dict[str, Engine] = {
    "simpy": run_simpy,
    "compiled": partial(run_compiled, path="events"),
    "static order": partial(run_compiled, path="static_order"),
}
COLOURS = {"naive": "#000000", "simpy": "#0072B2", "compiled": "#D55E00", "static order": "#009E73"}
MARKERS = {"naive": "s", "simpy": "o", "compiled": "^", "static order": "D"}


def naive_store(times: Times, depth: int) -> list[Ints]:
    """The model a SimPy user writes first; returns the departures of each stage."""
    environment = simpy.Environment()
    fifos = [simpy.Store(environment, capacity=depth) for _ in times[1:]]
    ends: list[list[int]] = [[] for _ in times]

    def stage(index: int) -> Generator[simpy.Event, Any, None]:
        source = fifos[index - 1] if index else None
        sink = fifos[index] if index < len(fifos) else None
        for token, ticks in enumerate(times[index]):
            if source is not None:
                yield source.get()
            yield environment.timeout(ticks)
            if sink is not None:
                yield sink.put(token)
            ends[index].append(int(environment.now))

    for index in range(len(times)):
        environment.process(stage(index))
    environment.run()
    return [np.array(column, dtype=np.int64) for column in ends]


def pipeline(times: Times, depth: int) -> Plan:
    """The same pipeline as a plan."""
    tokens = len(times[0])
    nothing, one, count = Series.constant(0, tokens), Series.constant(1, tokens), Series.counting(tokens)
    frames = Series.counting(tokens, first=0)
    actors = tuple(
        Actor(
            f"stage{index}", None, nothing, _series(ticks), nothing, frames, frames,
            inputs=(Input(index - 1, count, count),) if index else (),
            outputs=(Output(index, one),) if index < len(times) - 1 else (),
        )
        for index, ticks in enumerate(times)
    )  # fmt: skip
    channels = tuple(Channel(f"fifo{index}", depth) for index in range(len(times) - 1))
    return Plan(Fraction(1), actors, channels, discipline=Discipline.BLOCKING_AFTER_SERVICE)


def _series(ticks: list[int]) -> Series:
    """Service times; equal ones as one value, as a lowering writes them."""
    return Series.constant(ticks[0], len(ticks)) if len(set(ticks)) == 1 else Series.full(ticks)


def fork_join(times: Times, depth: int) -> Plan:
    """A source feeds two workers that share one slot of a resource, and a sink joins them; four actors."""
    tokens = len(times[0])
    nothing, one, count = Series.constant(0, tokens), Series.constant(1, tokens), Series.counting(tokens)
    frames = Series.counting(tokens, first=0)
    ports: tuple[tuple[tuple[int, ...], tuple[int, ...], int | None], ...] = (
        ((), (0, 1), None), ((0,), (2,), 0), ((1,), (3,), 0), ((2, 3), (), None)
    )  # fmt: skip
    actors = tuple(
        Actor(
            f"actor{index}", resource, nothing, _series(times[index]), nothing, frames, frames,
            inputs=tuple(Input(c, count, count) for c in reads), outputs=tuple(Output(c, one) for c in writes),
        )
        for index, (reads, writes, resource) in enumerate(ports)
    )  # fmt: skip
    channels = tuple(Channel(f"fifo{index}", depth) for index in range(4))
    return Plan(Fraction(1), actors, channels, (Resource("worker"),), discipline=Discipline.BLOCKING_AFTER_SERVICE)


def naive_fork_join(times: Times, depth: int) -> list[Ints]:
    """The same with stores and a resource; the worker that asks first is served first."""
    environment = simpy.Environment()
    fifos = [simpy.Store(environment, capacity=depth) for _ in range(4)]
    worker = simpy.Resource(environment)
    ends: list[list[int]] = [[] for _ in times]

    def actor(index: int, reads: tuple[int, ...], writes: tuple[int, ...], shares: bool) -> Generator[Any, Any, None]:
        for token, ticks in enumerate(times[index]):
            for fifo in reads:
                yield fifos[fifo].get()
            if shares:
                with worker.request() as request:
                    yield request
                    yield environment.timeout(ticks)
            else:
                yield environment.timeout(ticks)
            for fifo in writes:
                yield fifos[fifo].put(token)
            ends[index].append(int(environment.now))

    for index, (reads, writes) in enumerate((((), (0, 1)), ((0,), (2,)), ((1,), (3,)), ((2, 3), ()))):
        environment.process(actor(index, reads, writes, index in (1, 2)))
    environment.run()
    return [np.array(column, dtype=np.int64) for column in ends]


# MobileNet-v1 (A. G. Howard et al., arXiv 1704.04861, table 1): kernel and stride of each layer; pointwise layers have
# kernel 1. The pooling over the last map and the classifier fire once a frame.
_MOBILENET = [(3, 2)]
for _stride in (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1):
    _MOBILENET += [(3, _stride), (1, 1)]


def mobilenet(frames: int, granularity: str, side: int = 224) -> Plan:
    """The layers of MobileNet-v1 as stages that fire once an output row or pixel, in a tick, behind line buffers."""
    width = side if granularity == "pixel" else 1
    actors, channels = [_stage(0, frames, np.ones(side * width, dtype=np.int64), None, False)], []
    for index, (kernel, stride) in enumerate(_MOBILENET, 1):
        size = -(-side // stride)
        need, free = _window(side, kernel, stride, granularity)
        capacity = kernel * width + (kernel if granularity == "pixel" else 1)
        channels.append(Channel(f"fifo{index}", capacity))
        firings = size * (size if granularity == "pixel" else 1)
        ports = (need, free, side * width)
        actors.append(_stage(index, frames, np.ones(firings, dtype=np.int64), ports, False))
        side, width = size, size if granularity == "pixel" else 1
    whole = np.array([side * width])
    channels.append(Channel("pool", 2 * side * width))
    actors.append(_stage(len(actors), frames, np.array([side * side]), (whole, whole, side * width), True))
    return Plan(Fraction(1), tuple(actors), tuple(channels), discipline=Discipline.CLAIM_START_RELEASE_START)


def _stage(index: int, frames: int, ticks: Ints, ports: tuple[Ints, Ints, int] | None, is_last: bool) -> Actor:
    """A layer: its firings of one frame, repeated; ``ports`` are the need and free of a frame and its tokens."""
    count = ticks.size * frames
    nothing, frame = Series.constant(0, count), Series.periodic(np.zeros(ticks.size), count, step=1)
    inputs: tuple[Input, ...] = ()
    if ports is not None:
        need, free, step = ports
        inputs = (Input(index - 1, Series.periodic(need, count, step), Series.periodic(free, count, step)),)
    outputs = () if is_last else (Output(index, Series.constant(1, count)),)
    return Actor(f"layer{index}", None, nothing, Series.periodic(ticks, count), nothing, frame, frame, inputs, outputs)


def _window(side: int, kernel: int, stride: int, granularity: str) -> tuple[Ints, Ints]:
    """Tokens that each output of a frame needs in all, and gives back: all that no later output needs."""
    size, pad = -(-side // stride), kernel // 2
    last = np.minimum(np.arange(size) * stride + kernel - 1 - pad, side - 1)
    first = np.maximum(np.arange(1, size + 1) * stride - pad, 0)
    if granularity == "row":
        free = np.append(np.minimum(first[:-1], last[:-1] + 1), side)
        return np.append(last[:-1] + 1, side), free
    need = np.maximum.accumulate((last[:, None] * side + last[None, :] + 1).reshape(-1)).reshape(size, size)
    begin = np.maximum(np.arange(size) * stride - pad, 0)
    kept = np.maximum(np.arange(1, size + 1) * stride - pad, 0)
    free = np.minimum(begin[:, None] * side + np.minimum(kept, side)[None, :], need)
    need[-1, -1] = free[-1, -1] = side * side
    return need.reshape(-1), np.maximum.accumulate(free.reshape(-1))


@dataclass(frozen=True)
class Case:
    """One row of figures: a plan for so many tokens, the naive model of it if there is one, and who can run it."""

    name: str
    plan: Callable[[int], Plan]
    naive: Callable[[int], list[Ints]] | None
    firings_per_token: int
    engines: tuple[str, ...]


def linear(stages: int, depth: int, kind: str, seed: int) -> Case:
    """A linear pipeline."""
    return Case(
        f"{stages} stages, depth {depth}, {kind}",
        lambda tokens: pipeline(service_times(stages, tokens, kind, seed), depth),
        lambda tokens: naive_store(service_times(stages, tokens, kind, seed), depth),
        stages,
        tuple(ENGINES),
    )


def cases(seed: int) -> list[Case]:
    """All that is measured."""
    found = [linear(s, d, k, seed) for s, d, k in itertools.product((10, 50), (2, 64), ("fixed", "random"))]
    found.append(
        Case(
            "fork/join, shared resource",
            lambda n: fork_join(service_times(4, n, "random", seed), 4),
            lambda n: naive_fork_join(service_times(4, n, "random", seed), 4),
            4,
            ("simpy", "compiled"),
        )
    )
    for granularity in ("row", "pixel"):
        plan = partial(mobilenet, granularity=granularity)
        found.append(Case(f"MobileNet-v1, {granularity}s", plan, None, plan(1).firings, tuple(ENGINES)))
    return found


def service_times(stages: int, tokens: int, kind: str, seed: int) -> Times:
    """Integer service times from 5 to 99: one a stage, or one a token."""
    random = generator(seed, f"service/{stages}/{kind}")
    if kind == "fixed":
        return [[int(ticks)] * tokens for ticks in random.integers(5, 100, stages)]
    return [random.integers(5, 100, tokens).tolist() for _ in range(stages)]


def compare(case: Case, tokens: int) -> None:
    """Raise if two models of a case differ in any departure; the naive fork/join breaks ties its own way."""
    plan = case.plan(tokens)
    check_plan(plan)
    expected = ENGINES[case.engines[0]](plan).end
    others = {name: ENGINES[name](plan).end for name in case.engines[1:]}
    if case.naive is not None and "fork" not in case.name:
        others["naive"] = tuple(case.naive(tokens))
    for name, ends in others.items():
        if not all(np.array_equal(a, b) for a, b in zip(expected, ends, strict=True)):
            raise RuntimeError(f"{case.name}: the departures of {name!r} differ from those of {case.engines[0]!r}")


def measure(case: Case, firings: dict[str, int], repetitions: int) -> dict[str, list[float]]:
    """Firings a second of each model in each repetition, the models taking turns; plans are built beforehand."""
    runs: dict[str, tuple[int, Callable[[], object]]] = {}
    if case.naive is not None:
        tokens = max(1, firings["naive"] // case.firings_per_token)
        runs["naive"] = tokens * case.firings_per_token, partial(case.naive, tokens)
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
    for exponent in range(3, len(str(largest))):
        count = 10**exponent
        firings = dict.fromkeys(("naive", *ENGINES), count)
        slow = [name for name, limit in limits.items() if count > limit]
        some = Case(case.name, case.plan, None if "naive" in slow else case.naive, 10, case.engines[len(slow) > 1 :])
        for name, rates in measure(some, firings, repetitions).items():
            rows.append((name, count, count / statistics.median(rates)))
    return rows


def plot(rows: Sequence[tuple[str, int, float]], path: Path) -> None:
    """Seconds over firings, both logarithmic."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for name, colour in COLOURS.items():
        points = [(count, seconds) for model, count, seconds in rows if model == name]
        if points:
            axes.loglog(*zip(*points, strict=True), color=colour, marker=MARKERS[name], label=name)
    title = "Beyond a start of its own, every engine takes time in proportion to the firings"
    axes.set(xlabel="firings", ylabel="seconds", title=title)
    axes.grid(True, which="major", alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--firings", type=int, default=30_000, help="firings of the naive and SimPy models (default 30000)"
    )
    parser.add_argument("--compiled-firings", type=int, default=500_000, help="of the compiled ones (default 500000)")
    parser.add_argument("--repetitions", type=int, default=5, help="interleaved repetitions (default 5)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the service times (default 1)")
    parser.add_argument("--only", default="", help="measure only cases whose name contains this")
    parser.add_argument("--out", type=Path, help="folder for the table as CSV and the plot of growth")
    parser.add_argument("--largest", type=int, default=10_000_000, help="firings that the plot goes up to")
    options = parser.parse_args(arguments)
    slow, fast = options.firings, options.compiled_firings
    firings = {"naive": slow, "simpy": slow, "compiled": fast, "static order": fast}
    chosen = [case for case in cases(options.seed) if options.only in case.name]
    print(f"{'case':<30} {'model':>12} {'firings/s':>14} {'ratio':>8}")
    rows = []
    for row in table(chosen, firings, options.repetitions):
        rows.append(row)
        print("{case:<30} {model:>12} {firings_per_s:>14,} {ratio:>8,} x {ratio_to}".format(**row))
        sys.stdout.flush()
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        with (options.out / "benchmark_engine.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        plot(growth(options.seed, options.repetitions, options.largest), options.out / "benchmark_engine.png")


if __name__ == "__main__":
    main()
