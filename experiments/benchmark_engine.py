"""How fast are the engines, beside what a SimPy user would write first?

Setup: linear pipelines of 10 and 50 stages with FIFOs of 2 and 64 tokens, a saturated source, fixed or random service
times, blocking after service (a token is popped when its service starts). The naive model is a generator process a
stage and a ``simpy.Store`` a FIFO, kept here. Repetitions of the models are interleaved; rates and ratios are
medians, the ratio taken within a repetition, since the speed of a shared machine drifts. Before a rate counts, the
departures of all stages are compared with the naive model's, tick for tick.

The table goes to standard output and, with ``--out``, to a CSV file.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import statistics
import sys
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import simpy

from simulator.engine import run
from simulator.plan import Actor, Channel, Discipline, Input, Output, Plan, Series
from simulator.series import Ints
from workloads.seeds import generator

Times = Sequence[list[int]]
Model = Callable[[Times, int], Sequence[Ints]]


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


def engine(name: str) -> Model:
    """A model that runs the pipeline's plan on one of our engines, building and checking the plan included."""
    return lambda times, depth: run(pipeline(times, depth), engine=name).end


MODELS: dict[str, Model] = {"naive": naive_store, "simpy": engine("simpy")}


def service_times(stages: int, tokens: int, kind: str, seed: int) -> Times:
    """Integer service times from 5 to 99: one a stage, or one a token."""
    random = generator(seed, f"service/{stages}/{kind}")
    if kind == "fixed":
        return [[int(ticks)] * tokens for ticks in random.integers(5, 100, stages)]
    return [random.integers(5, 100, tokens).tolist() for _ in range(stages)]


def measure(models: Sequence[str], times: Times, depth: int, repetitions: int) -> dict[str, list[float]]:
    """Seconds of each model in each repetition, the models taking turns; raises if their departures differ."""
    seconds: dict[str, list[float]] = {name: [] for name in models}
    expected: Sequence[Ints] | None = None
    for _ in range(repetitions):
        for name in models:
            begin = time.perf_counter()
            ends = MODELS[name](times, depth)
            seconds[name].append(time.perf_counter() - begin)
            expected = ends if expected is None else expected
            if not all(np.array_equal(a, b) for a, b in zip(expected, ends, strict=True)):
                raise RuntimeError(f"the departures of {name!r} differ from those of {models[0]!r}")
    return seconds


def table(models: Sequence[str], firings: int, repetitions: int, seed: int) -> Iterator[dict[str, object]]:
    """One row a pipeline and model."""
    for stages, depth, kind in itertools.product((10, 50), (2, 64), ("fixed", "random")):
        times = service_times(stages, firings // stages, kind, seed)
        seconds = measure(models, times, depth, repetitions)
        for name in models:
            ratios = [a / b for a, b in zip(seconds[models[0]], seconds[name], strict=True)]
            yield {
                "stages": stages, "depth": depth, "service": kind, "model": name,
                "firings_per_s": round(len(times) * len(times[0]) / statistics.median(seconds[name])),
                "ratio_to_naive": round(statistics.median(ratios), 2),
            }  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--firings", type=int, default=50_000, help="firings of a repetition (default 50000)")
    parser.add_argument("--repetitions", type=int, default=5, help="interleaved repetitions (default 5)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the service times (default 1)")
    parser.add_argument("--out", type=Path, help="folder for the table as CSV")
    options = parser.parse_args(arguments)
    print(f"{'stages':>6} {'depth':>6} {'service':>8} {'model':>8} {'firings/s':>12} {'x naive':>8}")
    rows = []
    for row in table(tuple(MODELS), options.firings, options.repetitions, options.seed):
        rows.append(row)
        print("{stages:>6} {depth:>6} {service:>8} {model:>8} {firings_per_s:>12,} {ratio_to_naive:>8}".format(**row))
        sys.stdout.flush()
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        with (options.out / "benchmark_engine.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
