"""Elements as a pipeline of consecutive layers: the cut is the best there is, and it beats one element alone."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator import simulate
from simulator.errors import FileProblems
from simulator.lowering import lower
from simulator.mapping import MappingRules, load_mapping
from simulator.mapping.assign import layer_seconds
from simulator.mapping.pipeline import balance
from simulator.platform import load_platform
from workloads import load_network
from workloads.generators import static_stream

MAPPINGS = Path(__file__).parents[2] / "experiments" / "mappings"
FREE = {"copy_seconds": lambda _i, _before, _after: 0.0}


def slowest(chosen: list[str], costs: list[dict[str, float]]) -> float:
    loads: dict[str, float] = {}
    for name, cost in zip(chosen, costs, strict=True):
        loads[name] = loads.get(name, 0.0) + cost[name]
    return max(loads.values())


def test_equal_layers_are_shared_by_speed() -> None:
    costs = [{"a": 1.0, "b": 2.0} for _ in range(6)]
    assert balance(["a", "b"], costs, **FREE) == ["a"] * 4 + ["b"] * 2


def test_a_layer_that_only_one_element_runs_stays_there() -> None:
    costs = [{"a": 1.0, "b": 1.0}, {"a": 1.0, "b": 1.0}, {"b": 1.0}]
    found = balance(["a", "b"], costs, **FREE)
    assert found is not None
    assert found[2] == "b"
    assert slowest(found, costs) == 2.0
    assert balance(["a"], costs, **FREE) is None


def test_a_copy_that_takes_longer_than_it_saves_is_not_made() -> None:
    costs = [{"a": 1.0, "b": 1.0} for _ in range(4)]
    assert set(balance(["a", "b"], costs, copy_seconds=lambda _i, _b, _a: 9.0) or []) in ({"a"}, {"b"})


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_cut_into_consecutive_layers_is_quicker(data: st.DataObject) -> None:
    names = ["a", "b", "c"]
    count = data.draw(st.integers(1, 6))
    costs = [{name: float(data.draw(st.integers(1, 9))) for name in names} for _ in range(count)]
    found = balance(names, costs, **FREE)
    assert found is not None
    best = min(
        slowest([order[(i >= first) + (i >= second)] for i in range(count)], costs)
        for order in itertools.permutations(names)
        for first in range(count + 1)
        for second in range(first, count + 1)
    )
    assert slowest(found, costs) == pytest.approx(best)


@pytest.mark.parametrize("network", ["alexnet", "squeezenet-1.1"])
def test_cpu_and_gpu_in_a_pipeline_beat_the_gpu_as_theory_says(network: str) -> None:
    """Throughput is one over the slowest stage, less what they lose to each other on the memory that they share."""
    platform, stream = load_platform("jetson-tx2"), static_stream(load_network(network), 48, None, 0)
    together = load_mapping(MAPPINGS / "pipeline.yaml")
    lowered = lower(platform, stream, together)
    loads: dict[str, float] = {}
    times = layer_seconds(platform, stream, together)
    for layer, record in lowered.origin["layers"].items():  # type: ignore[attr-defined]
        loads[record["element"]] = loads.get(record["element"], 0.0) + times[layer]
    alone = simulate(platform, stream, MappingRules(element="gpu")).summary()["throughput_fps"]
    shared = simulate(platform, stream, together).summary()["throughput_fps"]
    assert len(loads) > 1
    assert shared > 1.1 * alone
    assert 0.9 / max(loads.values()) < shared <= 1.001 / max(loads.values())


def test_gpu_and_two_deep_learning_accelerators_work_side_by_side() -> None:
    alone = simulate("jetson-xavier-nx", "resnet-50", MappingRules(element="gpu"), frames=24)
    shared = simulate("jetson-xavier-nx", "resnet-50", MappingRules(policy="pipeline"), frames=24)
    used = set(shared.layers["element"])
    assert {"gpu", "dla0", "dla1"} <= used
    assert shared.summary()["throughput_fps"] > alone.summary()["throughput_fps"]
    assert (shared.elements["busy_fraction"] <= 1).all()


def test_the_mapping_by_hand_shares_one_layer_and_pipelines_three_elements() -> None:
    result = simulate("jetson-tx2", "alexnet", MAPPINGS / "tx2-alexnet.yaml", frames=48)
    alone = simulate("jetson-tx2", "alexnet", MappingRules(element="gpu"), frames=48)
    assert set(result.layers["element"]) == {"gpu", "cpu", "denver"}
    assert result.summary()["throughput_fps"] > alone.summary()["throughput_fps"]


def test_rules_still_win_over_the_policy() -> None:
    rules = load_mapping(MAPPINGS / "tx2-alexnet.yaml")
    pipelined = MappingRules(layers=rules.layers, policy="pipeline")
    stream = static_stream(load_network("alexnet"), 1, None, 0)
    layers = lower(load_platform("jetson-tx2"), stream, pipelined).origin["layers"]
    assert layers["classifier.1"]["element"] == "cpu"  # type: ignore[index]


def test_an_unknown_policy_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "m.yaml"
    file.write_text("format: mapping/1\npolicy: fastest\n")
    with pytest.raises(FileProblems, match=r"2:9 +policy"):
        load_mapping(file)
