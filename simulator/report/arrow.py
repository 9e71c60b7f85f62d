"""The trace as an Arrow table, a row a firing, and as Parquet or Arrow files written batch by batch.

Times are ticks; the schema's metadata says how many seconds a tick has. What has not happened is null.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from simulator.analysis.tokens import started
from simulator.files import replacing
from simulator.lowered import Lowered
from simulator.trace import Trace

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS = 1 << 18
"""Firings of a batch."""


def trace_table(lowered: Lowered, trace: Trace) -> pa.Table:
    """A row a firing that has started, actor by actor: the columns of :func:`trace_schema`.

    The times of a complete run are the memory of the trace itself.
    """
    import pyarrow as pa

    return pa.Table.from_batches(list(trace_batches(lowered, trace, rows=None)), trace_schema(lowered, trace))


def trace_schema(lowered: Lowered, trace: Trace) -> pa.Schema:
    """Columns ``actor``, ``firing``, ``first_frame``, ``last_frame``, ``start``, ``served``, ``end`` and ``void``."""
    import pyarrow as pa

    ticks = [pa.field(name, pa.int64(), metadata={"unit": "ticks"}) for name in ("start", "served", "end")]
    frames = [pa.field(name, pa.int64(), nullable=False) for name in ("firing", "first_frame", "last_frame")]
    actor = pa.field("actor", pa.dictionary(pa.int32(), pa.string()), nullable=False)
    about = {
        "tick_s": str(lowered.plan.tick),
        "network": lowered.stream.network.name,
        "platform": lowered.platform.name,
        "now": str(trace.now),
        "complete": str(trace.complete).lower(),
    }
    return pa.schema([actor, *frames, *ticks, pa.field("void", pa.bool_(), nullable=False)], metadata=about)


def trace_batches(lowered: Lowered, trace: Trace, rows: int | None = _ROWS) -> Iterator[pa.RecordBatch]:
    """The rows of the table in batches of at most ``rows`` (None: an actor each)."""
    import pyarrow as pa

    schema = trace_schema(lowered, trace)
    names = pa.array([actor.name for actor in lowered.plan.actors], pa.string())
    for index, actor in enumerate(lowered.plan.actors):
        count = started(trace, index)
        for first in range(0, count, rows or max(count, 1)):
            last = min(first + (rows or count), count)
            numbers = pa.array(np.full(last - first, index, dtype=np.int32))
            columns = [
                pa.DictionaryArray.from_arrays(numbers, names),
                pa.array(np.arange(first, last, dtype=np.int64)),
                *(pa.array(frames.array(first, last)) for frames in (actor.first_frame, actor.last_frame)),
                *(_times(column[index][first:last]) for column in (trace.start, trace.served, trace.end)),
                pa.array(np.ascontiguousarray(trace.void[index][first:last])),
            ]
            yield pa.RecordBatch.from_arrays(columns, schema=schema)


def write_firings(lowered: Lowered, trace: Trace, path: Path) -> int:
    """Writes the table as Parquet (``.parquet``) or Arrow IPC, batch by batch, and returns the number of rows.

    The file appears under its name only when it is whole. Raises ``UserError`` where it cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema, count = trace_schema(lowered, trace), 0
    with replacing(path) as draft, ExitStack() as closing:
        file = closing.enter_context(draft.open("wb"))
        kind = pq.ParquetWriter if path.suffix == ".parquet" else pa.ipc.new_file
        writer = closing.enter_context(kind(file, schema))
        for batch in trace_batches(lowered, trace):
            writer.write_batch(batch)
            count += batch.num_rows
    return count


def _times(ticks: npt.NDArray[np.int64]) -> pa.Array:
    """Times without a copy; -1 is null."""
    import pyarrow as pa

    missing = ticks < 0
    return pa.array(ticks, mask=missing) if missing.any() else pa.array(ticks)


__all__ = ["trace_batches", "trace_schema", "trace_table", "write_firings"]
