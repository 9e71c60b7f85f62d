"""The trace as an Arrow table, and as files of a row a firing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from simulator.errors import UserError
from simulator.report import arrow
from simulator.result import Result
from simulator.simulation import simulate


@pytest.fixture(scope="module")
def result() -> Result:
    return simulate("rk3399", "lenet-5", frames=5)


def test_the_table_has_a_row_a_firing_with_the_times_of_the_trace(result: Result) -> None:
    table = result.trace_table()
    plan, trace = result.lowered.plan, result.trace
    assert table.num_rows == trace.firings
    assert table.column_names == ["actor", "firing", "first_frame", "last_frame", "start", "served", "end", "void"]
    assert table.schema.metadata[b"tick_s"].decode() == str(plan.tick)
    rows = table.to_pandas()
    for index, actor in enumerate(plan.actors):
        own = rows[rows["actor"] == actor.name]
        assert own["firing"].tolist() == list(range(actor.firings))
        assert own["first_frame"].tolist() == actor.first_frame.array().tolist()
        for name in ("start", "served", "end", "void"):
            assert own[name].tolist() == getattr(trace, name)[index].tolist()


def test_the_times_are_not_copied(result: Result) -> None:
    chunks = result.trace_table().column("end").chunks
    addresses = [chunk.buffers()[1].address for chunk in chunks]
    assert addresses == [end.ctypes.data for end in result.trace.end if end.size]


def test_what_has_not_happened_is_null() -> None:
    stopped = simulate("rk3399", "lenet-5", frames=5, until=10**9)
    assert not stopped.trace.complete
    table = stopped.trace_table()
    assert table.num_rows == sum(int((start >= 0).sum()) for start in stopped.trace.start)
    assert table.column("end").null_count == table.num_rows - stopped.trace.firings > 0
    assert table.column("start").null_count == 0


@pytest.mark.parametrize("suffix", ["parquet", "arrow", "feather"])
def test_files_are_written_in_batches_and_hold_the_table(
    result: Result, tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"trace.{suffix}"
    assert result.write_trace(path) == result.trace.firings
    found = pq.read_table(path) if suffix == "parquet" else pa.ipc.open_file(path).read_all()
    assert found.cast(result.trace_table().schema).equals(result.trace_table())
    assert found.schema.metadata[b"platform"] == b"rk3399"
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
    batches = list(arrow.trace_batches(result.lowered, result.trace, rows=2))
    assert max(batch.num_rows for batch in batches) == 2
    assert sum(batch.num_rows for batch in batches) == result.trace.firings
    starts = np.concatenate([batch.column("start").to_numpy() for batch in batches])
    assert np.array_equal(starts, np.concatenate(result.trace.start))


def test_a_table_that_cannot_be_written_leaves_nothing_behind(result: Result, tmp_path: Path) -> None:
    (tmp_path / "trace.parquet").mkdir()
    with pytest.raises(UserError, match=r"trace\.parquet"):
        result.write_trace(tmp_path / "trace.parquet")
    assert [one.name for one in tmp_path.iterdir()] == ["trace.parquet"]
