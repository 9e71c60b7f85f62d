"""What the benchmark of the engines runs.

Pipelines and a fork/join, as plans and as a SimPy user would write them first; and MobileNet-v1 lowered onto FPGAs of
the catalogue.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import simpy

from experiments import finn
from simulator.lowered import Lowered
from simulator.lowering import lower
from simulator.mapping import MappingRules, load_mapping
from simulator.plan import Actor, Channel, Discipline, Input, Output, Plan, Resource, Series
from simulator.platform import load_platform
from simulator.series import Ints
from workloads.generators import static_stream
from workloads.loading import load_network
from workloads.seeds import generator

Times = Sequence[list[int]]


def service_times(stages: int, tokens: int, kind: str, seed: int) -> Times:
    """Integer service times from 5 to 99: one a stage, or one a token."""
    random = generator(seed, f"service/{stages}/{kind}")
    if kind == "fixed":
        return [[int(ticks)] * tokens for ticks in random.integers(5, 100, stages)]
    return [random.integers(5, 100, tokens).tolist() for _ in range(stages)]


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


def pipeline(times: Times, depth: int, tokens: int | None = None) -> Plan:
    """The same pipeline as a plan; of more ``tokens`` than there are times, these are repeated."""
    tokens = len(times[0]) if tokens is None else tokens
    nothing, one, count = Series.constant(0, tokens), Series.constant(1, tokens), Series.counting(tokens)
    frames = Series.counting(tokens, first=0)
    actors = tuple(
        Actor(
            f"stage{index}", None, nothing, _series(ticks, tokens), nothing, frames, frames,
            inputs=(Input(index - 1, count, count),) if index else (),
            outputs=(Output(index, one),) if index < len(times) - 1 else (),
        )
        for index, ticks in enumerate(times)
    )  # fmt: skip
    channels = tuple(Channel(f"fifo{index}", depth) for index in range(len(times) - 1))
    return Plan(Fraction(1), actors, channels, discipline=Discipline.BLOCKING_AFTER_SERVICE)


def _series(ticks: list[int], tokens: int) -> Series:
    """Service times; equal ones as one value, as a lowering writes them."""
    return Series.constant(ticks[0], tokens) if len(set(ticks)) == 1 else Series.periodic(ticks, tokens)


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
            f"actor{index}", resource, nothing, _series(times[index], tokens), nothing, frames, frames,
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


def mobilenet(board: str, frames: int, granularity: str) -> Lowered:
    """MobileNet-v1 with weights and activations of 4 bits as a streaming pipeline on a board of the catalogue.

    On ``u250`` it is the zoo's network, folded automatically; on ``zcu104`` the one that FINN builds for this board,
    with FINN's folding. Both fit the device.
    """
    if board == "zcu104":
        folding = load_mapping(finn.MAPPINGS / "mobilenet-v1-w4a4-zcu104_folding_config.json")
        network, rules = finn.mobilenet_w4a4(), finn.at_granularity(folding, granularity)
    else:
        network = load_network("mobilenet-v1")
        rules = MappingRules(element="fpga", precision="int4", granularity=granularity)
    return lower(load_platform(board), static_stream(network, frames=frames), rules)
