"""Queueing theory: every closed form lies in the 99.9 % t interval over twenty fixed seeds, and Little's law is exact.

A unit of time is a million ticks. Each interval must also be narrow, so that a test can fail.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import yaml
from scipy.stats import t as student

from simulator.engine import run
from simulator.plan import Actor, Channel, Discipline, Input, Output, Plan, Resource, Series
from simulator.series import Ints
from workloads.seeds import generator

REFERENCE: dict[str, dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parents[1] / "reference" / "queueing.yaml").read_text()
)
UNIT = 1_000_000
SEEDS = range(20)
CUSTOMERS = 6_000
WARM_UP = 1_000

Figures = dict[str, float]
Draw = Callable[[str, float, int], Ints]


def exponential(seed: int) -> Draw:
    """Exponential times in ticks, one stream a name."""

    def draw(name: str, rate: float, count: int) -> Ints:
        ticks: Ints = np.rint(generator(seed, name).exponential(UNIT / rate, count)).astype(np.int64)
        return ticks

    return draw


def poisson(draw: Draw, rate: float, count: int, name: str = "arrivals") -> Ints:
    """Instants of a Poisson process."""
    instants: Ints = np.cumsum(draw(name, rate, count))
    return instants


def customer(name: str, release: Ints | int, service: Ints | int, count: int, **others: Any) -> Actor:
    """An actor of one token a firing."""
    frames = Series.counting(count, first=0)
    nothing = Series.constant(0, count)
    return Actor(
        name,
        others.pop("resource", None),
        _series(release, count),
        _series(service, count),
        nothing,
        frames,
        frames,
        **others,
    )


def _series(values: Ints | int, count: int) -> Series:
    return Series.constant(values, count) if isinstance(values, int) else Series.full(values)


def reads(channel: int, count: int) -> tuple[Input, ...]:
    """One token a firing."""
    return (Input(channel, Series.counting(count), Series.counting(count)),)


def writes(channel: int, count: int) -> tuple[Output, ...]:
    """One token a firing."""
    return (Output(channel, Series.constant(1, count)),)


def area(into: Ints, out: Ints, first: int, last: int, initial: int = 0) -> int:
    """The integral of how many are inside between two instants, exactly."""
    inside = initial * (last - first)
    for sign, instants in ((1, into), (-1, out)):
        inside += sign * int((last - np.clip(instants, first, last)).sum())
    return inside


def queue(arrivals: Ints, service: Ints | int, count: int, servers: int = 1) -> tuple[Ints, Ints]:
    """Starts and ends of service in arrival order behind one queue."""
    plan = Plan(
        Fraction(1, UNIT),
        (
            customer("source", arrivals, 0, count, outputs=writes(0, count)),
            customer(
                "server", 0, service, count, inputs=reads(0, count), resource=0, concurrency=count if servers > 1 else 1
            ),
        ),
        (Channel("queue", None),),
        (Resource("server", servers),),
    )
    trace = run(plan)
    return trace.start[1], trace.served[1]


def open_queue(arrivals: Ints, service: Ints | int, servers: int = 1) -> Figures:
    """What queueing theory asks of one queue, after the warm-up."""
    start, end = queue(arrivals, service, CUSTOMERS, servers)
    wait, sojourn = (start - arrivals)[WARM_UP:], (end - arrivals)[WARM_UP:]
    first, last = int(arrivals[WARM_UP]), int(arrivals[-1])
    span = last - first
    return {
        "utilisation": area(start, end, first, last) / span / servers,
        "L": area(arrivals, end, first, last) / span,
        "Lq": area(arrivals, start, first, last) / span,
        "W": sojourn.mean() / UNIT,
        "Wq": wait.mean() / UNIT,
        "W_p50": float(np.quantile(sojourn, 0.5)) / UNIT,
        "W_p99": float(np.quantile(sojourn, 0.99)) / UNIT,
        "P_wait": float((wait > 0).mean()),
    }


def mm1(seed: int, case: dict[str, Any]) -> Figures:
    draw = exponential(seed)
    return open_queue(poisson(draw, case["l"], CUSTOMERS), draw("service", case["m"], CUSTOMERS))


def md1(seed: int, case: dict[str, Any]) -> Figures:
    return open_queue(poisson(exponential(seed), case["l"], CUSTOMERS), round(UNIT / case["m"]))


def dm1(seed: int, case: dict[str, Any]) -> Figures:
    arrivals = np.arange(CUSTOMERS, dtype=np.int64) * round(UNIT / case["l"])
    return open_queue(arrivals, exponential(seed)("service", case["m"], CUSTOMERS))


def mmc(seed: int, case: dict[str, Any]) -> Figures:
    draw = exponential(seed)
    return open_queue(poisson(draw, case["l"], CUSTOMERS), draw("service", case["m"], CUSTOMERS), case["c"])


def mm1k(seed: int, case: dict[str, Any]) -> Figures:
    """A lossy source before a system of K places, the one in service included."""
    draw = exponential(seed)
    arrivals = poisson(draw, case["l"], CUSTOMERS)
    plan = Plan(
        Fraction(1, UNIT),
        (
            customer("source", arrivals, 0, CUSTOMERS, outputs=writes(0, CUSTOMERS), drop=True),
            customer("server", 0, draw("service", case["m"], CUSTOMERS), CUSTOMERS, inputs=reads(0, CUSTOMERS)),
        ),
        (Channel("system", case["K"]),),
    )
    trace = run(plan)
    void, start, end = trace.void[0], trace.start[1], trace.end[1]
    assert np.array_equal(void, trace.void[1])
    first, last = int(arrivals[WARM_UP]), int(arrivals[-1])
    span = last - first
    kept = ~void
    return {
        "P_block": float(void[WARM_UP:].mean()),
        "throughput": int(((end > first) & (end <= last) & kept).sum()) * UNIT / span,
        "L": area(arrivals[kept], end[kept], first, last) / span,
        "W": float((end - arrivals)[WARM_UP:][kept[WARM_UP:]].mean()) / UNIT,
        "utilisation": area(start[kept], end[kept], first, last) / span,
    }


def line(seed: int, case: dict[str, Any]) -> Figures:
    """Two saturated stages with b places between them, blocking after service."""
    draw = exponential(seed)
    count = CUSTOMERS
    plan = Plan(
        Fraction(1, UNIT),
        (
            customer("first", 0, draw("first", case["m1"], count), count, outputs=writes(0, count)),
            customer("second", 0, draw("second", case["m2"], count), count, inputs=reads(0, count)),
        ),
        (Channel("between", case["b"]),),
        discipline=Discipline.BLOCKING_AFTER_SERVICE,
    )
    end = run(plan).end[1]
    return {"throughput": (count - WARM_UP) * UNIT / int(end[-1] - end[WARM_UP - 1])}


def repair(seed: int, case: dict[str, Any]) -> Figures:
    """Machines that fail and wait for one of c repairers in the order of failing."""
    draw, machines, count = exponential(seed), case["N"], 1_000
    actors: list[Actor] = []
    for i in range(machines):
        up, down = draw(f"up{i}", case["l"], count), draw(f"down{i}", case["m"], count)
        actors.append(
            customer(f"machine{i}", 0, up, count, inputs=reads(2 * i, count), outputs=writes(2 * i + 1, count))
        )
        actors.append(
            customer(
                f"repair{i}", 0, down, count, inputs=reads(2 * i + 1, count), outputs=writes(2 * i, count), resource=0
            )
        )
    channels = tuple(Channel(f"c{i}", None, initial=1 - i % 2) for i in range(2 * machines))
    trace = run(Plan(Fraction(1, UNIT), tuple(actors), channels, (Resource("repairers", case["c"]),)))
    last = min(int(end[-1]) for end in trace.end[1::2])
    first = last // 5
    failed, fixing, fixed = (
        np.concatenate(trace.end[0::2]),
        np.concatenate(trace.start[1::2]),
        np.concatenate(trace.end[1::2]),
    )
    within = (failed > first) & (failed <= last)
    return {
        "down_mean": area(failed, fixed, first, last) / (last - first),
        "throughput": int(((fixed > first) & (fixed <= last)).sum()) * UNIT / (last - first),
        "utilisation": area(fixing, fixed, first, last) / (last - first) / case["c"],
        "mean_down_time": float((fixed - failed)[within].mean()) / UNIT,
    }


def cycle(seed: int, case: dict[str, Any]) -> Figures:
    """N tokens that go round through exponential stations."""
    draw, count, stations = exponential(seed), 4_000, len(case["mus"])
    actors = tuple(
        customer(
            f"station{i}",
            0,
            draw(f"station{i}", mu, count),
            count,
            inputs=reads(i, count),
            outputs=writes((i + 1) % stations, count),
        )
        for i, mu in enumerate(case["mus"])
    )
    channels = tuple(Channel(f"c{i}", None, initial=case["N"] if i == 0 else 0) for i in range(stations))
    trace = run(Plan(Fraction(1, UNIT), actors, channels))
    last = min(int(end[-1]) for end in trace.end)
    first = last // 10
    around = [
        area(trace.end[i - 1], trace.end[i], first, last, case["N"] if i == 0 else 0) / (last - first)
        for i in range(stations)
    ]
    assert sum(around) == pytest.approx(case["N"], abs=1e-9)  # none is lost
    return {
        "throughput": int(((trace.end[0] > first) & (trace.end[0] <= last)).sum()) * UNIT / (last - first),
        "L": around[1],
    }


def priority(seed: int, case: dict[str, Any]) -> Figures:
    """Two classes before one server; whoever is in service is not interrupted."""
    draw, span = exponential(seed), CUSTOMERS / sum(case["ls"])
    actors: list[Actor] = []
    waits: list[Ints] = []
    for number, rate in enumerate(case["ls"]):
        count = round(rate * span)
        waits.append(poisson(draw, rate, count, f"arrivals{number}"))
        actors.append(customer(f"source{number}", waits[-1], 0, count, outputs=writes(number, count)))
        service = draw(f"service{number}", case["m"], count)
        actors.append(
            customer(f"class{number}", 0, service, count, inputs=reads(number, count), resource=0, priority=number)
        )
    trace = run(Plan(Fraction(1, UNIT), tuple(actors), (Channel("a", None), Channel("b", None)), (Resource("server"),)))
    first, second = (trace.start[2 * i + 1] - waits[i] for i in range(2))
    return {"Wq_first": first[500:].mean() / UNIT, "Wq_second": second[500:].mean() / UNIT}


MODELS: dict[str, Callable[[int, dict[str, Any]], Figures]] = {
    "mm1_half": mm1, "mm1": mm1, "md1": md1, "dm1": dm1, "mm2": mmc, "mm1k": mm1k,
    "line_equal": line, "line_faster": line, "repair": repair, "cycle": cycle, "priority": priority,
}  # fmt: skip


def interval(samples: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Mean and half width of the 99.9 % t interval."""
    half = student.ppf(0.9995, samples.size - 1) * samples.std(ddof=1) / np.sqrt(samples.size)
    return float(samples.mean()), float(half)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_closed_forms_lie_in_the_interval_over_twenty_seeds(name: str) -> None:
    case = REFERENCE[name]
    runs = [MODELS[name](seed, case) for seed in SEEDS]
    compared = [figure for figure in runs[0] if figure in case]
    assert compared
    for figure in compared:
        mean, half = interval(np.array([one[figure] for one in runs]))
        assert abs(mean - case[figure]) <= half, f"{figure}: {mean:.5f} +- {half:.5f}, expected {case[figure]}"
        assert half < 0.3 * case[figure], f"{figure}: the interval of +- {half:.4f} says nothing"


def test_every_closed_form_of_the_reference_is_compared() -> None:
    inputs = {"l", "m", "c", "K", "m1", "m2", "b", "N", "mus", "ls"}
    for name, case in REFERENCE.items():
        figures = MODELS[name](0, case)
        assert set(case) - inputs <= set(figures), name


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_littles_law_is_an_exact_identity_on_every_path(seed: int) -> None:
    draw, count = exponential(seed), 2_000
    arrivals = poisson(draw, 0.9, count)
    start, end = queue(arrivals, draw("service", 1.0, count), count)
    last = int(end[-1])
    assert area(arrivals, end, 0, last) == int((end - arrivals).sum())
    assert area(arrivals, start, 0, last) == int((start - arrivals).sum())
    moments = np.sort(np.concatenate((arrivals, end)))
    inside = np.searchsorted(arrivals, moments[:-1], side="right") - np.searchsorted(end, moments[:-1], side="right")
    assert int((inside * np.diff(moments)).sum()) == int((end - arrivals).sum())  # the integral itself, step by step
