"""The trace export: slices on one track never overlap, counters follow the FIFOs, arrows follow each frame."""

from __future__ import annotations

import gzip
import itertools
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings

from simulator.engine import run
from simulator.errors import DeadlockError, PlanError, UserError
from simulator.lowered import ActorNote, Lowered
from simulator.plan import Channel, Plan
from simulator.platform import Platform, load_platform
from simulator.report.perfetto import write_trace
from tests.analysis.by_hand import PICOSECOND, PLATFORM, lowered, platform, result, source, stage, stream
from tests.engine.small import actor, plan
from tests.strategies import plans

MICRO = 10**6


def _events(path: Path) -> list[dict[str, Any]]:
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    events: list[dict[str, Any]] = json.loads(content)["traceEvents"]
    return events


def _ps(event: dict[str, Any], key: str = "ts") -> int:
    return round(float(event[key]) * MICRO)


def _three(folder: Path) -> Lowered:
    """Three frames through two stages on two elements."""
    graph = plan(
        actor("input", 3, 0, writes={0: 1}),
        actor("first", 3, 2_000_000, reads={0: 1}, writes={1: 1}, resource=0),
        actor("second", 3, 3_000_001, reads={1: 1}, resource=1),
        channels=[Channel("in", 1, 0, 4.0, "dram"), Channel("between", 2, 0, 3.0, "dram")],
        resources=[1, 1],
        tick=PICOSECOND,
    )
    notes = [source(), stage("cpu", "first"), stage("gpu", "second")]
    return lowered(graph, notes, platform(folder), stream(3), resources=["cpu", "gpu"], weights={"dram": 10})


def test_three_frames_are_slices_with_exact_times(tmp_path: Path) -> None:
    made = _three(tmp_path)
    count = result(made).write_trace(tmp_path / "run.json")
    events = _events(tmp_path / "run.json")
    slices = [e for e in events if e["ph"] == "X"]
    assert count == len(slices) == 9
    second = [e for e in slices if e["name"] == "second"]
    assert [(_ps(e), _ps(e, "dur"), e["args"]["frame"]) for e in second] == [
        (2_000_000, 3_000_001, 0),
        (5_000_001, 3_000_001, 1),
        (8_000_002, 3_000_001, 2),
    ]
    names = {e["pid"]: e["args"]["name"] for e in events if e["name"] == "process_name"}
    assert names[second[0]["pid"]] == "gpu"


def test_arrows_lead_each_frame_from_stage_to_stage(tmp_path: Path) -> None:
    write_trace(_three(tmp_path), run(_three(tmp_path).plan, engine="simpy"), tmp_path / "run.json")
    arrows = [e for e in _events(tmp_path / "run.json") if e["ph"] in "stf"]
    assert [(e["id"], e["ph"], _ps(e)) for e in arrows] == [
        (0, "s", 0),
        (0, "f", 2_000_000),
        (1, "s", 2_000_000),
        (1, "f", 5_000_001),
        (2, "s", 5_000_001),
        (2, "f", 8_000_002),
    ]


def test_counters_follow_the_fifos_and_memories(tmp_path: Path) -> None:
    write_trace(_three(tmp_path), run(_three(tmp_path).plan, engine="simpy"), tmp_path / "run.json")
    levels: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for e in _events(tmp_path / "run.json"):
        if e["ph"] == "C":
            levels[e["name"]].append((_ps(e), e["args"]["level"]))
    # 'first' starts at 0, 2 and (when a place is free again) 5.000001 us; 'second' departs at 5.000001, 8.000002 and
    # 11.000003
    assert levels["between [token]"] == [(0, 1), (2_000_000, 2), (8_000_002, 1), (11_000_003, 0)]
    in_memory = levels["dram [byte]"]
    assert (in_memory[0], in_memory[-1]) == ((0, 10 + 4 + 3), (11_000_003, 10))


def test_a_gang_is_drawn_on_every_slot_it_takes(tmp_path: Path) -> None:
    graph = plan(
        actor("one", 1, 4, resource=0), actor("two", 1, 6, resource=0, slots=2), resources=[2], tick=PICOSECOND
    )
    made = lowered(graph, [stage("cpu", "one"), stage("cpu", "two")], platform(tmp_path), stream(1), resources=["cpu"])
    assert write_trace(made, run(graph, engine="simpy"), tmp_path / "run.json") == 3
    slices = [e for e in _events(tmp_path / "run.json") if e["ph"] == "X"]
    assert sorted((e["name"], e["tid"]) for e in slices) == [("one", 1), ("two", 1), ("two", 2)]


def test_a_gz_name_is_compressed_and_the_same_every_time(tmp_path: Path) -> None:
    made = _three(tmp_path)
    trace = run(made.plan, engine="simpy")
    write_trace(made, trace, tmp_path / "a.json.gz")
    write_trace(made, trace, tmp_path / "b.json")
    assert _events(tmp_path / "a.json.gz") == _events(tmp_path / "b.json")
    first = (tmp_path / "a.json.gz").read_bytes()
    write_trace(made, trace, tmp_path / "a.json.gz")
    assert (tmp_path / "a.json.gz").read_bytes() == first


def test_a_place_that_cannot_be_written_is_the_users_mistake_and_leaves_nothing(tmp_path: Path) -> None:
    made = _three(tmp_path)
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(UserError, match=r"taken.run\.json: cannot be written \(.*\); choose another place"):
        write_trace(made, run(made.plan, engine="simpy"), tmp_path / "taken" / "run.json")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bench.yaml", "taken"]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Platform:
    """The platform that drawn plans are said to run on."""
    path = tmp_path_factory.mktemp("bench") / "bench.yaml"
    path.write_text(PLATFORM)
    return load_platform(path)


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(plans())
def test_slices_on_one_track_never_overlap(bench: Platform, tmp_path_factory: pytest.TempPathFactory, of: Plan) -> None:
    """Perfetto draws only slices that nest: on random plans with gangs and lanes, each track holds one at a time."""
    try:
        trace = run(of, engine="simpy")
    except (DeadlockError, PlanError):
        assume(False)
    notes: list[ActorNote] = [stage("cpu", own.name) for own in of.actors]
    servers = [server.name for server in of.servers]
    made = lowered(of, notes, bench, stream(max(of.frames, 1)), resources=["gpu"] * len(of.resources), servers=servers)
    path = tmp_path_factory.mktemp("trace") / "run.json"
    count = write_trace(made, trace, path)
    tracks: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    for event in _events(path):
        if event["ph"] == "X":
            tracks[event["pid"], event["tid"]].append((_ps(event), _ps(event) + _ps(event, "dur")))
    assert sum(map(len, tracks.values())) == count
    for spans in tracks.values():
        ordered = sorted(spans)
        assert all(a[1] <= b[0] for a, b in itertools.pairwise(ordered))
    drawn = sum(
        int((~void).sum()) * (own.slots if own.resource is not None else 1)
        for own, void in zip(of.actors, trace.void, strict=True)
    )
    assert count == drawn
    assert np.all([t >= 0 for spans in tracks.values() for t, _ in spans])
