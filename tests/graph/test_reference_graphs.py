"""Every reference graph and bounded entry, all three disciplines: throughput as a fraction, times to the tick."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml

from simulator.graph import analyse_graph
from simulator.plan import Discipline

FOLDER = Path(__file__).parents[1] / "reference" / "sdf"
GRAPHS: dict[str, dict[str, Any]] = {
    path.stem: yaml.load(path.read_text(), Loader=yaml.CSafeLoader) for path in sorted(FOLDER.glob("*.yaml"))
}
ENTRIES = [
    pytest.param(name, entry, discipline.value, id=f"{name}-{number}-{discipline.value}")
    for name, graph in GRAPHS.items()
    for number, entry in enumerate(graph["bounded"])
    for discipline in Discipline
    if discipline.value in entry
]


def test_all_ten_graphs_and_a_hundred_and_five_entries_are_here() -> None:
    assert len(GRAPHS) == 10
    assert len(ENTRIES) == 105


@pytest.mark.parametrize("name", GRAPHS)
def test_unbounded_throughput_is_exact(name: str) -> None:
    result = analyse_graph(FOLDER / f"{name}.yaml")
    assert result.throughput == Fraction(GRAPHS[name]["max_throughput"])
    assert result.repetitions == GRAPHS[name]["repetition_vector"]
    assert result.deadlock is None


@pytest.mark.parametrize(("name", "entry", "discipline"), ENTRIES)
def test_bounded_throughput_first_starts_and_iteration_times_are_exact(
    name: str, entry: dict[str, Any], discipline: str
) -> None:
    expected = entry[discipline]
    iterations = len(expected["sink_times"]) or None
    result = analyse_graph(FOLDER / f"{name}.yaml", entry["capacities"], discipline, iterations)
    found = result.to_json()
    assert result.throughput == Fraction(expected["throughput"])
    assert found["throughput"] == expected["throughput"]
    assert found["sink"] == entry["sink"]
    assert found["sink_times"] == expected["sink_times"]
    assert found["first_starts"] == expected["first_starts"]
    assert found["deadlock"] is (not result.throughput)
    if "periodic_phase" in expected:
        time, periods = expected["periodic_phase"]
        assert result.period == Fraction(time) / Fraction(periods)
    for channel, capacity in entry["capacities"].items():
        assert result.occupancy[channel].maximum <= capacity


def test_blackscholes_has_the_published_period() -> None:
    found = analyse_graph(FOLDER / "kiter_blackscholes.yaml").to_json()
    assert found["period"] == 42053349
    assert found["throughput"] == "1/42053349"


def test_the_residual_block_deadlocks_with_a_skip_of_two_and_names_the_cycle() -> None:
    entry = next(e for e in GRAPHS["nn_residual_small"]["bounded"] if e["capacities"]["skip"] == 2)
    result = analyse_graph(FOLDER / "nn_residual_small.yaml", entry["capacities"])
    assert result.deadlock == (
        "DeadlockError at 16 cycle: nothing can move, 6 tokens are in flight\n"
        "  fork   waits to write  skip  (2/2 full)\n"
        "  add    waits to read   m3    (0/6 full)\n"
        "  conv2  waits to read   m2    (0/6 full)\n"
        "  conv1  waits to read   m1    (2/6 full)\n"
        "  Raise the capacity of 'skip': 'add' needs 1 token from 'm3' before it frees 'skip'."
    )
    assert result.to_json()["report"] == result.deadlock.splitlines()
