"""``headrace graph``: the exact answer as JSON, and a deadlock that names its cycle."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Command

# The running example of Stuijk, Geilen, Basten (DAC 2006): 1/7, 1/4, 1/4 by discipline at capacities 4 + 2.
DAC06 = """
name: example
kind: sdf
time_unit: cycle
actors:
- {name: a, exec_time: 1, max_concurrency: 1}
- {name: b, exec_time: 2, max_concurrency: 1}
- {name: c, exec_time: 2, max_concurrency: 1}
channels:
- {name: alpha, src: a, dst: b, prod: 2, cons: 3, initial_tokens: 0}
- {name: beta, src: b, dst: c, prod: 1, cons: 2, initial_tokens: 0}
"""


@pytest.fixture
def graph(headrace: Command) -> Path:
    path = Path("dac06.yaml")
    path.write_text(DAC06)
    return path


@pytest.mark.parametrize(
    ("discipline", "throughput", "first"),
    [
        ("claim_start_release_end", "1/7", [0, 1, 4, 7, 8, 11]),
        ("claim_start_release_start", "1/4", [0, 1, 2, 4, 5, 6]),
        ("blocking_after_service", "1/4", [0, 1, 2, 3, 4, 5]),
    ],
)
def test_disciplines_change_the_answer(
    headrace: Command, graph: Path, discipline: str, throughput: str, first: list[int]
) -> None:
    said = headrace("graph", graph, "--capacities", "alpha=4,beta=2", "--discipline", discipline, "--json")
    assert (said.code, said.err) == (0, "")
    data = json.loads(said.out)
    assert data["throughput"] == throughput
    assert data["first_starts"]["a"] == first
    assert data["sink_times"] == ([9, 16, 23, 30] if throughput == "1/7" else [8, 12, 16, 20])


def test_without_capacities_the_graph_runs_unbounded(headrace: Command, graph: Path) -> None:
    data = json.loads(headrace("graph", graph, "--json").out)
    assert data["throughput"] == "1/4"
    assert data["occupancy"]["alpha"]["capacity"] is None


def test_iterations_lengthen_the_list_of_sink_times(headrace: Command, graph: Path) -> None:
    data = json.loads(headrace("graph", graph, "-c", "alpha=4", "-c", "beta=2", "--iterations", 6, "--json").out)
    assert data["sink_times"] == [9, 16, 23, 30, 37, 44]


def test_people_get_a_table(headrace: Command, graph: Path) -> None:
    said = headrace("graph", graph, "--capacities", "alpha=4,beta=2")
    assert said.code == 0
    assert "throughput  1/7 iterations per cycle" in said.out
    assert "0, 1, 4, 7, 8, 11" in said.out


def test_a_deadlock_has_throughput_0_names_its_cycle_and_exits_2(headrace: Command, graph: Path) -> None:
    said = headrace("graph", graph, "--capacities", "alpha=3,beta=2", "--json")
    assert said.code == 2
    data = json.loads(said.out)
    assert (data["throughput"], data["deadlock"], data["sink_times"]) == ("0/1", True, [])
    assert data["first_starts"] == {"a": [0], "b": [], "c": []}
    assert said.err.splitlines()[0] == "DeadlockError at 1 cycle: nothing can move, 2 tokens are in flight"
    assert "waits to write  alpha" in said.err
    assert "alpha" in said.err.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--capacities", "alpa=4"), "no channel 'alpa' in example; did you mean 'alpha'?"),
        (("--capacities", "alpha=lots"), "--capacities: alpha is 'lots'; write a whole number of tokens, e.g. alpha=4"),
        (("--capacities", "alpha"), "--capacities 'alpha' sets nothing; write --capacities alpha=4,beta=2"),
        (("--discipline", "fifo"), "no discipline 'fifo'"),
        (("--iterations", "0"), "iterations is 0; write 1 or more"),
    ],
)
def test_a_mistake_exits_with_2(headrace: Command, graph: Path, arguments: tuple[str, ...], message: str) -> None:
    said = headrace("graph", graph, *arguments)
    assert (said.code, said.out) == (2, "")
    assert message in said.err


def test_a_broken_graph_file_is_told_by_line(headrace: Command) -> None:
    Path("g.yaml").write_text(DAC06.replace("dst: b", "dst: bb").replace("prod: 1", "prod: -1"))
    said = headrace("graph", "g.yaml", "--json")
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("g.yaml: 2 problems\n")
    assert "did you mean 'b'?" in said.err
