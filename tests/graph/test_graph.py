"""Dataflow graphs by hand: what is told, what bounds them, and what is refused."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.cycle_time import Edges, maximum_cycle_ratio, tightest_knot
from simulator.errors import FileProblems, PlanError, UserError
from simulator.graph import analyse_graph
from simulator.graph_file import read_graph
from simulator.plan import Discipline

PAIR = """
name: pair
actors:
- {name: a, exec_time: 2}
- {name: b, exec_time: 3}
channels:
- {name: x, src: a, dst: b, prod: 1, cons: 1}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "graph.yaml"
    path.write_text(text.lstrip())
    return path


def faults(folder: Path, text: str) -> str:
    """The text of the faults of a file, its own path left out."""
    with pytest.raises(FileProblems) as caught:
        analyse_graph(write(folder, text))
    return str(caught.value).replace(str(folder / "graph.yaml"), "graph.yaml")


def test_two_actors_and_a_fifo(tmp_path: Path) -> None:
    path = write(tmp_path, PAIR)
    assert analyse_graph(path, {"x": 1}, iterations=3).to_json() == {
        "name": "pair",
        "time_unit": "tick",
        "discipline": "claim_start_release_end",
        "throughput": "1/5",
        "period": 5,
        "critical": ["a", "b"],
        "repetition_vector": {"a": 1, "b": 1},
        "first_starts": {"a": [0, 5, 10, 15, 20], "b": [2, 7, 12, 17]},
        "sink": "b",
        "sink_times": [5, 10, 15],
        "occupancy": {"x": {"capacity": 1, "max": 1, "mean": 1.0}},
        "deadlock": False,
        "report": [],
        "engine": "simpy",
    }
    unbounded = analyse_graph(path)
    assert (unbounded.throughput, unbounded.critical) == (Fraction(1, 3), ("b",))


def test_disciplines_change_the_throughput(tmp_path: Path) -> None:
    path = write(tmp_path, PAIR)
    rates = [analyse_graph(path, {"x": 1}, rule).throughput for rule in Discipline]
    assert rates == [Fraction(1, 5), Fraction(1, 3), Fraction(1, 3)]


def test_unlimited_concurrency_holds_for_the_unbounded_graph_only(tmp_path: Path) -> None:
    path = write(tmp_path, PAIR.replace("exec_time: 3", "exec_time: 3, max_concurrency: null"))
    assert analyse_graph(path).throughput == Fraction(1, 2)
    assert analyse_graph(path, {"x": 8}).throughput == Fraction(1, 3)
    twice = write(tmp_path, PAIR.replace("exec_time: 3", "exec_time: 3, max_concurrency: 2"))
    assert analyse_graph(twice).throughput == Fraction(1, 2)


def test_a_graph_that_nothing_limits_is_unbounded(tmp_path: Path) -> None:
    path = write(tmp_path, PAIR.replace("exec_time: 2", "exec_time: 2, max_concurrency: null").replace(
        "exec_time: 3", "exec_time: 3, max_concurrency: null"))  # fmt: skip
    assert analyse_graph(path).to_json()["throughput"] == "unbounded"


def test_a_ring_of_initial_tokens_sets_the_pace(tmp_path: Path) -> None:
    text = PAIR + "- {name: credit, src: b, dst: a, prod: 1, cons: 1, initial_tokens: 1}\n"
    result = analyse_graph(write(tmp_path, text))
    assert result.throughput == Fraction(1, 5)
    assert result.sink == "b"
    assert result.to_json()["period"] == 5


def test_an_uneven_period_is_told_as_a_fraction(tmp_path: Path) -> None:
    text = PAIR.replace("exec_time: 2", "exec_time: 2, max_concurrency: null").replace("exec_time: 3", "exec_time: 1")
    ring = text + "- {name: credit, src: b, dst: a, prod: 1, cons: 1, initial_tokens: 2}\n"
    found = analyse_graph(write(tmp_path, ring)).to_json()
    assert (found["throughput"], found["period"]) == ("2/3", "3/2")


def test_occupancy_counts_what_takes_room(tmp_path: Path) -> None:
    result = analyse_graph(write(tmp_path, PAIR), {"x": 2}, iterations=2)
    # Claimed at 0 and 2; given back when `b` ends at 5 and 8; claimed again at 5 (and not past two).
    assert result.sink_times == (5, 8)
    assert result.occupancy["x"].maximum == 2
    assert result.occupancy["x"].mean == pytest.approx((1 * 2 + 2 * 6) / 8)


def test_the_compiled_engine_gives_the_same_result(tmp_path: Path) -> None:
    path = write(tmp_path, PAIR)
    simpy, compiled = (analyse_graph(path, {"x": 3}, engine=name).to_json() for name in ("simpy", "compiled"))
    assert simpy.pop("engine") == "simpy"
    assert compiled.pop("engine") != "simpy"
    assert simpy == compiled


def test_all_faults_of_a_file_come_at_once_with_their_places(tmp_path: Path) -> None:
    text = """
actors:
- {name: a, exec_time: -1}
- {name: b, exec_tiem: 3}
- {name: b, exec_time: [1, 2, 3], phases: 2}
- {exec_time: 1}
- {name: c, exec_time: 1.5, max_concurrency: 0}
channels:
- {name: x, src: a, dst: d, prod: 1, cons: 1}
- {name: y, src: a, prod: [], cons: 1, initial_tokens: -2}
"""
    assert faults(tmp_path, text) == (
        "graph.yaml: 11 problems\n"
        "  2:24  actors.a.exec_time         -1 is no whole number from 0 on; write e.g. 3 or [3, 0, 1]\n"
        "  3:3   actors.b.exec_time         is missing; write a whole number, or a list with one a phase\n"
        "  3:13  actors.b.exec_tiem         unknown key; did you mean 'exec_time'? "
        "(known: exec_time, max_concurrency, name, phases)\n"
        "  4:10  actors.b                   the name is given twice; names are unique\n"
        "  5:3   actors[3]                  has no name; write {name, exec_time}\n"
        "  6:24  actors.c.exec_time         1.5 is no whole number from 0 on; write e.g. 3 or [3, 0, 1]\n"
        "  6:46  actors.c.max_concurrency   0 firings at once; write 1 or more, or null for any number\n"
        "  8:26  channels.x.dst             no actor 'd' (known: a, b, c)\n"
        "  9:3   channels.y.dst             is missing; write the name of an actor\n"
        "  9:27  channels.y.prod            is an empty list; write one number a phase\n"
        "  9:56  channels.y.initial_tokens  -2 is no whole number from 0 on; write e.g. 3 or [3, 0, 1]"
    )


def test_numbers_for_the_wrong_count_of_phases(tmp_path: Path) -> None:
    text = PAIR.replace("exec_time: 3", "exec_time: [3, 1]").replace("cons: 1", "cons: [1, 0, 1]")
    assert faults(tmp_path, text) == (
        "graph.yaml: 1 problem\n"
        "  4:24  actors.b.exec_time  2 numbers for the 3 phases of 'b'; write 3, or a single one for all"
    )


def test_rates_that_do_not_balance(tmp_path: Path) -> None:
    text = PAIR + "- {name: y, src: a, dst: b, prod: 2, cons: 1}\n"
    assert faults(tmp_path, text) == (
        "graph.yaml: 1 problem\n"
        "  7:3  channels.y  the rates do not balance: 2 tokens written and 1 read in what the other channels make an "
        "iteration; no schedule can repeat, so change prod or cons"
    )


def test_a_channel_that_carries_nothing(tmp_path: Path) -> None:
    assert faults(tmp_path, PAIR.replace("prod: 1", "prod: 0")) == (
        "graph.yaml: 1 problem\n  6:35  channels.x.prod  is 0 in every phase; a channel carries tokens in some phase"
    )


def test_a_file_that_is_no_graph(tmp_path: Path) -> None:
    assert faults(tmp_path, "hello: world\n") == (
        "graph.yaml: 2 problems\n"
        "  1:1  actors    is not a list; write one entry a line: - {name, exec_time}\n"
        "  1:1  channels  is not a list; write one entry a line: - {name, src, dst, prod, cons}"
    )
    with pytest.raises(FileProblems, match="cannot be read"):
        analyse_graph(tmp_path / "nothing.yaml")


def test_a_graph_without_channels_is_one(tmp_path: Path) -> None:
    result = analyse_graph(write(tmp_path, "actors: [{name: a, exec_time: 4}]\nchannels: []\n"))
    assert result.throughput == Fraction(1, 4)


def test_arguments_that_do_not_fit_the_graph(tmp_path: Path) -> None:
    path = write(tmp_path, PAIR)
    with pytest.raises(UserError, match=r"no channel 'y' in pair \(known: x\)"):
        analyse_graph(path, {"y": 3})
    with pytest.raises(UserError, match="capacity of 'x' is -1; write 0 or more tokens"):
        analyse_graph(path, {"x": -1})
    with pytest.raises(UserError, match="iterations is 0; write 1 or more"):
        analyse_graph(path, iterations=0)
    with pytest.raises(UserError, match=r"1000000000 iterations are [0-9]+ firings; write iterations=[0-9]+ or fewer"):
        analyse_graph(path, iterations=10**9)
    with pytest.raises(UserError, match=r"more than 2\^62; leave it out for a channel without bound"):
        analyse_graph(path, {"x": 10**20})
    with pytest.raises(UserError, match="no discipline 'blocking_service'; did you mean 'blocking_after_service'"):
        analyse_graph(path, {"x": 1}, "blocking_service")
    ring = write(tmp_path, PAIR + "- {name: credit, src: b, dst: a, prod: 1, cons: 1, initial_tokens: 2}\n")
    with pytest.raises(UserError, match="capacity of 'credit' is 1; write 2 or more, for its initial tokens"):
        analyse_graph(ring, {"credit": 1})


def test_times_that_cannot_be_run_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="the run may last"):
        analyse_graph(write(tmp_path, PAIR.replace("exec_time: 3", "exec_time: 4611686018427387903")))


@pytest.mark.parametrize("engine", ["simpy", "compiled"])
def test_a_capacity_too_small_for_one_firing_is_a_deadlock(tmp_path: Path, engine: str) -> None:
    path = write(tmp_path, PAIR.replace("cons: 1", "cons: 3"))
    result = analyse_graph(path, {"x": 2}, engine=engine)
    assert (result.throughput, result.sink_times) == (Fraction(0), ())
    assert result.first_starts == {"a": (0, 2), "b": ()}
    assert result.deadlock == (
        "DeadlockError at 4 tick: nothing can move, 2 tokens are in flight\n"
        "  a  waits to write  x  (2/2 full)\n"
        "  b  waits to read   x  (2/2 full)\n"
        "  Raise the capacity of 'x': 'b' needs 1 token from 'x' before it frees 'x'."
    )


def test_phases_are_read_from_times_and_rates(tmp_path: Path) -> None:
    text = (
        PAIR.replace("exec_time: 2", "exec_time: 2, phases: 3")
        .replace("prod: 1", "prod: [2, 0, 1]")
        .replace("cons: 1", "cons: 2")
    )
    graph = read_graph(write(tmp_path, text))
    assert graph.actors[0].times == (2, 2, 2)
    assert graph.channels[0].prod == (2, 0, 1)
    assert graph.repetitions == (6, 3)


@st.composite
def circles(draw: st.DrawFn) -> tuple[Edges, int]:
    """Small graphs of events in which each event comes after at least one."""
    events = draw(st.integers(1, 7))
    ends = [(a, draw(st.integers(0, events - 1))) for a in range(events)]
    ends += draw(st.lists(st.tuples(st.integers(0, events - 1), st.integers(0, events - 1)), max_size=10))
    weight = [draw(st.integers(0, 9)) for _ in ends]
    distance = [draw(st.integers(0, 3)) for _ in ends]
    columns = (np.array(column, dtype=np.int64) for column in (*zip(*ends, strict=True), weight, distance))
    return Edges(*columns), events


def all_ratios(edges: Edges, events: int) -> tuple[list[Fraction], bool]:
    """The ratio of every simple circle, and whether one has no distance, by walking them all."""
    ratios, knot = [], False

    def walk(root: int, event: int, seen: frozenset[int], weight: int, distance: int) -> None:
        nonlocal knot
        for after, before, w, d in zip(edges.after, edges.before, edges.weight, edges.distance, strict=True):
            if after != event or before < root:
                continue
            if before == root and distance + d == 0:
                knot = True
            elif before == root:
                ratios.append(Fraction(int(weight + w), int(distance + d)))
            elif int(before) not in seen:
                walk(root, int(before), seen | {int(before)}, weight + w, distance + d)

    for root in range(events):
        walk(root, root, frozenset({root}), 0, 0)
    return ratios, knot


@settings(max_examples=300)
@given(circles())
def test_the_maximum_cycle_ratio_is_that_of_the_slowest_circle(drawn: tuple[Edges, int]) -> None:
    edges, events = drawn
    ratios, knot = all_ratios(edges, events)
    assert bool(tightest_knot(edges, events).size) is knot
    if not knot:
        ratio, circle = maximum_cycle_ratio(edges, events)
        assert ratio == max(ratios)
        assert len(set(circle.tolist())) == circle.size


def test_ratios_beyond_64_bits_are_exact() -> None:
    one = np.array([0, 1], dtype=np.int64)
    edges = Edges(one, one[::-1].copy(), np.array([2**61, 2**61 - 1], dtype=np.int64), np.array([3, 4], dtype=np.int64))
    assert maximum_cycle_ratio(edges, 2)[0] == Fraction(2**62 - 1, 7)
