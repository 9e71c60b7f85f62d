"""Lowered runs small enough to check on paper: a plan, and notes that say what its parts stand for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from simulator.engine import run
from simulator.lowered import ActorNote, Amounts, ChannelNote, Lowered, ResourceNote, Role
from simulator.plan import Plan, Series
from simulator.platform import Platform, load_platform
from simulator.result import Result
from workloads.builder import NetworkBuilder
from workloads.generators import static_stream
from workloads.tokens import TokenStream

PICOSECOND = Fraction(1, 10**12)

PLATFORM = """
format: platform/1
name: bench
processing_elements:
  cpu:
    model: cpu
    cores: 2
    clock: 1 GHz
    rate: {int8: 1 MAC/cycle}
    energy: {mac: 2 pJ/MAC, idle: 10 mW, active: 30 mW}
  gpu: {model: gpu, clock: 1 GHz, rate: {int8: 10 MAC/cycle}}
memories:
  dram: {size: 1 KiB, bandwidth: 1 GB/s, energy: {read: 4 pJ/bit, write: 5 pJ/bit}}
"""


def platform(folder: Path, text: str = PLATFORM) -> Platform:
    """A platform out of a file's text."""
    path = folder / "bench.yaml"
    path.write_text(text)
    return load_platform(path)


def stream(frames: int, release_ps: Sequence[int] | None = None, deadline_ps: int | None = None) -> TokenStream:
    """Frames of a network of two dense layers, saturated or arriving at the given times."""
    b = NetworkBuilder("two", number="int", weight_bits=8, activation_bits=8)
    b.dense(b.dense(b.input((4,)), 3, bias=False, name="first"), 2, bias=False, name="second")
    made = static_stream(b.build(), frames)
    release = made.release_ps if release_ps is None else np.array(release_ps, dtype=np.int64)
    return TokenStream(made.network, frames, release, made.work, deadline_ps=deadline_ps)


def source() -> ActorNote:
    """The note of a source."""
    return ActorNote(Role.SOURCE, None, None)


def stage(
    element: str,
    layer: str,
    *,
    cycles: Series | None = None,
    macs: float | None = None,
    energy_pj: Mapping[str, float] | None = None,
    moved: Mapping[tuple[str, str], float] | None = None,
    name: str = "",
) -> ActorNote:
    """The note of a stage whose firings are all alike."""
    return ActorNote(
        Role.STAGE, element, layer, name, cycles, None if macs is None else _amount(macs),
        {cause: _amount(value) for cause, value in (energy_pj or {}).items()},
        {key: _amount(value) for key, value in (moved or {}).items()},
    )  # fmt: skip


def lowered(
    plan: Plan,
    notes: Sequence[ActorNote],
    where: Platform,
    tokens: TokenStream,
    *,
    resources: Sequence[str | None] = (),
    servers: Sequence[str] = (),
    weights: Mapping[str, int] | None = None,
) -> Lowered:
    """A plan with its notes; channels are called after the actors at their ends."""
    names = [note.layer or actor.name for note, actor in zip(notes, plan.actors, strict=True)]
    writers, readers = (
        [plan.writer_of(c) for c in range(len(plan.channels))],
        [plan.reader_of(c) for c in range(len(plan.channels))],
    )
    channels = tuple(
        ChannelNote(names[w] if w is not None else "", names[r] if r is not None else "", "buffer")
        for w, r in zip(writers, readers, strict=True)
    )
    owners = tuple(ResourceNote(element) for element in resources)
    return Lowered(plan, where, tokens, tuple(notes), owners, channels, tuple(servers), dict(weights or {}), {})


def result(made: Lowered, until: int | None = None) -> Result:
    """The run of a lowered plan on the reference engine."""
    return Result(made, run(made.plan, engine="simpy", until=until))


def _amount(value: float) -> Amounts:
    return Amounts(np.array([value], dtype=np.float64))
