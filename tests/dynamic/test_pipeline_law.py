"""A pipeline of two stages whose work is random: what its throughput is at every depth of the FIFO between them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from scipy.stats import t as student

from simulator.engine import run
from simulator.lowering import lower
from simulator.mapping import FifoRule, LayerRule, MappingRules
from simulator.platform import Platform, load_platform
from workloads.builder import NetworkBuilder
from workloads.generators import static_stream
from workloads.network import Network
from workloads.seeds import generator
from workloads.tokens import TokenStream

_REFERENCE: list[dict[str, float]] = [
    case
    for name, case in yaml.safe_load((Path(__file__).parents[1] / "reference" / "queueing.yaml").read_text()).items()
    if name.startswith("line")
]
_FABRIC = """
format: platform/1
name: fabric
processing_elements:
  fpga: {model: fpga, clock: 100 MHz, fill: 0 cycle}
"""
_SEEDS, _FRAMES, _WARM_UP = 12, 2500, 200
_WORK = 64 * 64  # cycles of a dense frame at one multiply-accumulate a cycle


def _line() -> Network:
    b = NetworkBuilder("line", number="int", weight_bits=8, activation_bits=8)
    first = b.dense(b.input((64,)), 64, bias=False, name="first")
    b.dense(first, 64, bias=False, name="second")
    return b.build()


def _stream(seed: int, rates: tuple[float, float]) -> TokenStream:
    """Exponential work with a mean of one dense frame over the rate, in each of the two layers."""
    stream = static_stream(_line(), _FRAMES)
    work = {}
    for (name, dense), rate in zip(stream.work.items(), rates, strict=True):
        work[name] = dense.scaled(generator(seed, name).exponential(1 / rate, _FRAMES))
    return replace(stream, work=work)


@pytest.fixture(scope="module")
def fabric(tmp_path_factory: pytest.TempPathFactory) -> Platform:
    path = tmp_path_factory.mktemp("fabric") / "fabric.yaml"
    path.write_text(_FABRIC)
    return load_platform(path)


_FOLDED = LayerRule("*", "fpga", "frame", options={"pe": 1, "simd": 1})


def _throughput(fabric: Platform, seed: int, rates: tuple[float, float], depth: int) -> float:
    rules = MappingRules(layers=[_FOLDED], fifos=[FifoRule("first", "second", depth)])
    lowered = lower(fabric, _stream(seed, rates), rules)
    trace = run(lowered.plan, engine="simpy")
    end = trace.end[-1]
    assert lowered.plan.actors[-1].name == "second"
    seconds = float(int(end[-1] - end[_WARM_UP - 1]) * lowered.plan.tick)
    return (_FRAMES - _WARM_UP) * _WORK / 100e6 / seconds


def _closed_form(rates: tuple[float, float], depth: int) -> float:
    """Second stage, FIFO and the blocked first stage hold depth + 2 frames: M/M/1/(depth + 2)."""
    ratio, places = rates[0] / rates[1], depth + 3
    idle = 1 / places if ratio == 1 else (1 - ratio) / (1 - ratio**places)
    return rates[1] * (1 - idle)


@pytest.mark.parametrize("depth", [1, 4, 16])
@pytest.mark.parametrize("rates", [(1.0, 1.0), (1.0, 1.5)])
def test_throughput_at_a_depth_is_the_closed_form(fabric: Platform, rates: tuple[float, float], depth: int) -> None:
    found = np.array([_throughput(fabric, seed, rates, depth) for seed in range(_SEEDS)])
    half = float(student.ppf(0.9995, _SEEDS - 1) * found.std(ddof=1) / np.sqrt(_SEEDS))
    assert half < 0.05
    assert abs(found.mean() - _closed_form(rates, depth)) < half


def test_the_closed_form_is_that_of_the_reference() -> None:
    assert len(_REFERENCE) == 2
    for case in _REFERENCE:
        form = _closed_form((case["m1"], case["m2"]), int(case["b"]))
        assert form == pytest.approx(case["throughput"], abs=1e-9)


def test_deeper_fifos_approach_the_slower_of_the_two_rates(fabric: Platform) -> None:
    """With the very same work: never slower for a deeper FIFO, and in the end as quick as the slower stage alone."""
    rates = (1.0, 1.25)
    found = [_throughput(fabric, 7, rates, depth) for depth in (1, 2, 4, 8, 32, 512)]
    assert found == sorted(found)
    work = _stream(7, rates).work["first"].fraction[_WARM_UP:]
    assert found[-1] == pytest.approx(1 / work.mean(), rel=0.01)
    assert found[0] < 0.9 * found[-1]
