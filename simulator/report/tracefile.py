"""Which file a trace is written to: the ending of its name says what kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from simulator.errors import UserError
from simulator.lowered import Lowered
from simulator.report.arrow import write_firings
from simulator.report.perfetto import write_trace
from simulator.trace import Trace

_WRITERS: dict[str, Callable[[Lowered, Trace, Path], int]] = {
    ".json": write_trace,
    ".json.gz": write_trace,
    ".parquet": write_firings,
    ".arrow": write_firings,
    ".feather": write_firings,
}


def trace_writer(path: Path) -> Callable[[Lowered, Trace, Path], int]:
    """What writes a trace to a file of this name; raises ``UserError`` where the ending says nothing."""
    for ending, writer in _WRITERS.items():
        if path.name.endswith(ending):
            return writer
    *others, last = _WRITERS
    raise UserError(
        f"'{path.name}' does not say what kind of trace to write; let its name end in {', '.join(others)} or {last}"
    )
