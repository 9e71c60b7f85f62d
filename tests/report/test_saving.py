"""Saved results: everything comes back as it was, the manifest says how it came about, wrong folders are told apart."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from simulator.errors import UserError
from simulator.plan import Channel, Plan
from simulator.planfile import plan_from_arrays, plan_to_arrays
from simulator.report.saving import TABLES
from simulator.result import Result, load_result
from tests.analysis.by_hand import PICOSECOND, lowered, platform, source, stage, stream
from tests.analysis.by_hand import result as run_of
from tests.engine.small import actor, plan
from tests.strategies import plans


def _result(folder: Path) -> Result:
    graph = plan(
        actor("input", 5, 0, writes={0: 1}),
        actor("first", 5, 2000, reads={0: 1}, writes={1: 1}, resource=0),
        actor("second", 5, 3000, reads={1: 1}, resource=1),
        channels=[Channel("in", 1, 0, 4.0, "dram"), Channel("between", 2, 0, 3.0, "dram")],
        resources=[1, 1],
        tick=PICOSECOND,
    )
    notes = [source(), stage("cpu", "first", macs=12, energy_pj={"mac": 24.0}), stage("gpu", "second")]
    made = lowered(graph, notes, platform(folder), stream(5), resources=["cpu", "gpu"])
    found = run_of(made)
    return Result(found.lowered, found.trace, wall_s=0.25, origin={"command": "headrace run bench two", "seed": 7})


def test_a_saved_result_comes_back_whole(tmp_path: Path) -> None:
    before = _result(tmp_path)
    after = load_result(before.save(tmp_path / "out", firings=True))
    for name in (*TABLES, "firings"):
        pd.testing.assert_frame_equal(getattr(before, name), after.table(name))
    assert after.to_json() == json.loads(json.dumps(before.to_json()))
    assert after.summary() == json.loads(json.dumps(before.summary()))
    for name in ("start", "served", "end", "void"):
        for one, other in zip(getattr(before.trace, name), getattr(after.trace, name), strict=True):
            assert np.array_equal(one, other)
    assert (after.trace.now, after.trace.complete, after.trace.engine) == (before.trace.now, True, "simpy")
    assert _same(before.lowered.plan, after.plan)


def test_a_loaded_result_draws_the_same_pictures(tmp_path: Path) -> None:
    before = _result(tmp_path)
    after = load_result(before.save(tmp_path / "out"))
    for name in ("plot_timeline", "plot_occupancy", "plot_energy", "plot_layers"):
        getattr(before, name)(tmp_path / "before.png")
        getattr(after, name)(tmp_path / "after.png")
        assert (tmp_path / "before.png").read_bytes() == (tmp_path / "after.png").read_bytes()


def test_the_manifest_says_how_to_get_it_again(tmp_path: Path) -> None:
    before = _result(tmp_path)
    before.save(tmp_path / "out")
    found = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert found["format"] == "result/1"
    assert found["command"] == "headrace run bench two"
    assert found["seed"] == 7
    assert found["platform"]["sha256"] == before.lowered.platform.sha256
    assert found["platform"]["text"] == (tmp_path / "bench.yaml").read_text()
    assert found["network"]["fingerprint"] == before.lowered.stream.network.fingerprint()
    assert found["workload"]["frames"] == 5
    assert found["versions"]["headrace"]
    assert found["versions"]["numpy"] == np.__version__
    assert (found["engine"]["name"], found["wall_s"]) == ("simpy", 0.25)


def test_saving_twice_writes_the_same_and_leaves_no_drafts(tmp_path: Path) -> None:
    before = _result(tmp_path)
    folder = before.save(tmp_path / "out")
    first = {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".npz"}
    _result(tmp_path).save(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".npz"} == first
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def test_tables_without_firings_say_how_to_have_them(tmp_path: Path) -> None:
    after = load_result(_result(tmp_path).save(tmp_path / "out"))
    with pytest.raises(UserError, match="no such table; save the result with firings=True to have every firing"):
        _ = after.firings


@pytest.mark.parametrize("name", ["layers.parquet", "summary.json", "run.npz"])
@pytest.mark.parametrize("content", [None, b"", b"\x00\xffjunk"])
def test_a_missing_or_damaged_file_is_told_by_name(tmp_path: Path, name: str, content: bytes | None) -> None:
    path = _result(tmp_path).save(tmp_path / "out") / name
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    after = load_result(path.parent)
    with pytest.raises(UserError, match=re.escape(str(path))):
        _ = after.layers if name == "layers.parquet" else after.summary() if name == "summary.json" else after.trace


def test_firings_of_an_earlier_run_do_not_stay(tmp_path: Path) -> None:
    found = _result(tmp_path)
    found.save(tmp_path / "out", firings=True)
    assert load_result(tmp_path / "out").firings.shape[0] == found.trace.firings
    found.save(tmp_path / "out")
    assert not (tmp_path / "out" / "firings.parquet").exists()


def test_a_folder_without_a_result_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        load_result(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} holds no saved result (no manifest.json); give a folder that 'save' has written"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "format is 'list'; this version reads 'result/1'"),
        ('{"format": "result/9"}', "format is 'result/9'; this version reads 'result/1'"),
    ],
)
def test_a_broken_manifest_is_told(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(UserError, match=message):
        load_result(tmp_path)


@settings(max_examples=40)
@given(plans())
def test_every_plan_survives_being_stored(of: Plan) -> None:
    assert _same(of, plan_from_arrays(plan_to_arrays(of)))


def _same(one: Plan, other: Plan) -> bool:
    """Whether two plans are equal part by part; series compare by what they hold."""
    if (one.tick, one.channels, one.resources, one.servers, one.discipline) != (
        other.tick, other.channels, other.resources, other.servers, other.discipline
    ):  # fmt: skip
        return False
    for a, b in zip(one.actors, other.actors, strict=True):
        fixed = ("name", "resource", "slots", "priority", "concurrency", "drop")
        if [getattr(a, key) for key in fixed] != [getattr(b, key) for key in fixed]:
            return False
        mine = [a.release, a.compute, a.latency, a.first_frame, a.last_frame]
        yours = [b.release, b.compute, b.latency, b.first_frame, b.last_frame]
        for p, q in zip(a.inputs, b.inputs, strict=True):
            mine, yours = [*mine, p.need, p.free], [*yours, q.need, q.free]
        mine += [*(o.put for o in a.outputs), *(f.work for f in a.flows)]
        yours += [*(o.put for o in b.outputs), *(f.work for f in b.flows)]
        if not all(x.equals(y) for x, y in zip(mine, yours, strict=True)):
            return False
        if [f.cap for f in a.flows] != [f.cap for f in b.flows]:
            return False
    return True
