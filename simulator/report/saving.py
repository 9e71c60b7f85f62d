"""A result on disk: tables as CSV and Parquet, plan and trace as arrays, and a manifest that says how to get it again.

Nothing in a saved folder is code: loading reads JSON, Parquet and plain arrays only.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import json
import platform as machine
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np

from simulator.errors import UserError
from simulator.files import write_atomically
from simulator.plan import Plan
from simulator.planfile import plan_from_arrays, plan_to_arrays
from simulator.report.plain import plain
from simulator.report.views import Views
from simulator.trace import Trace

if TYPE_CHECKING:
    import pandas as pd

    from simulator.result import Result, TotalsResult

FORMAT = "result/1"
TABLES = (
    "elements",
    "layers",
    "stages",
    "fifos",
    "fifo_histograms",
    "memories",
    "memory_histograms",
    "frames",
    "energy",
    "timeline",
    "levels",
)
_OF_TRACE = ("frames", "timeline", "levels")
_FOR_PLOTS_ONLY = ("timeline", "levels")  # long, and of no use in a spreadsheet: Parquet alone
_LIBRARIES = ("numpy", "pandas", "simpy", "numba", "scipy", "onnx", "nir", "pyarrow", "pydantic")


def save_result(result: Result, folder: Path, *, firings: bool = False) -> Path:
    """Writes a result into ``folder``, the manifest last, so that a folder with a manifest is whole; returns the
    folder.

    Raises ``UserError`` where the folder cannot be written.
    """
    with suppress(OSError):  # what an earlier run left is no part of this one
        for stale in ("manifest.json", "firings.parquet", "latencies.parquet", "latencies.csv"):
            (folder / stale).unlink(missing_ok=True)
    for name in TABLES:
        table = getattr(result, name)
        _write_parquet(folder / f"{name}.parquet", table)
        if name not in _FOR_PLOTS_ONLY:
            write_atomically(folder / f"{name}.csv", table.to_csv(index=False).encode())
    if firings:
        _write_parquet(folder / "firings.parquet", result.firings)
    write_atomically(folder / "summary.json", _json(result.to_json()))
    write_atomically(folder / "run.npz", _packed(result.lowered.plan, result.trace))
    write_atomically(folder / "platform.yaml", result.lowered.platform.dump().encode())
    write_atomically(folder / "manifest.json", _json(manifest(result)))
    return folder


def save_totals(result: TotalsResult, folder: Path) -> Path:
    """Writes a result without a trace into ``folder``: its tables, latencies and counters; otherwise as
    :func:`save_result`.
    """
    with suppress(OSError):  # what an earlier run left is no part of this one
        (folder / "manifest.json").unlink(missing_ok=True)
        for stale in (*_OF_TRACE, "firings"):
            for suffix in ("parquet", "csv"):
                (folder / f"{stale}.{suffix}").unlink(missing_ok=True)
    for name in (*(name for name in TABLES if name not in _OF_TRACE), "latencies"):
        table = getattr(result, name)
        _write_parquet(folder / f"{name}.parquet", table)
        write_atomically(folder / f"{name}.csv", table.to_csv(index=False).encode())
    write_atomically(folder / "summary.json", _json(result.to_json()))
    write_atomically(folder / "run.npz", _packed_totals(result))
    write_atomically(folder / "platform.yaml", result.lowered.platform.dump().encode())
    write_atomically(folder / "manifest.json", _json(manifest(result)))
    return folder


def _packed_totals(result: TotalsResult) -> bytes:
    """Plan and counters as plain arrays."""
    totals = result.run.totals
    head = {"now": totals.now, "complete": totals.complete, "reason": totals.reason, "firings": totals.firings}
    arrays: dict[str, Any] = {"totals": np.array(json.dumps(head)), **plan_to_arrays(result.lowered.plan)}
    for name in type(totals.counters).__dataclass_fields__:
        value = getattr(totals.counters, name)
        if isinstance(value, np.ndarray):
            arrays[f"counters.{name}"] = value
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def manifest(result: Result | TotalsResult) -> dict[str, Any]:
    """What one needs to know to run it again: versions, platform text and hash, workload, mapping, seed and command
    line.
    """
    lowered = result.lowered
    stream, platform = lowered.stream, lowered.platform
    return {
        "format": FORMAT,
        "versions": _versions(),
        "command": result.origin.get("command"),
        "seed": result.origin.get("seed", stream.origin.get("seed")),
        "platform": {"name": platform.name, "sha256": platform.sha256, "text": platform.source},
        "network": {
            "name": stream.network.name,
            "fingerprint": stream.network.fingerprint(),
            "history": list(stream.network.history),
        },
        "workload": {
            "frames": stream.frames,
            "deadline_ps": stream.deadline_ps,
            "lossy": stream.lossy,
            "arrivals_sha256": hashlib.sha256(np.ascontiguousarray(stream.release_ps).tobytes()).hexdigest(),
            "origin": dict(stream.origin),
        },
        "mapping": dict(lowered.origin),
        "engine": result.engine,
        "kept": result.kept,
        "wall_s": result.wall_s,
        "origin": dict(result.origin),
    }


@dataclass(frozen=True, eq=False)
class SavedResult(Views):
    """A result read back from its folder: the same tables, summary and pictures, and its plan and trace."""

    folder: Path
    manifest: dict[str, Any]

    def table(self, name: str) -> pd.DataFrame:
        """A table by its name; raises ``UserError`` where it was not saved."""
        import pandas as pd

        path = self.folder / f"{name}.parquet"
        if not path.is_file():
            more = "; save the result with firings=True to have every firing" if name == "firings" else ""
            if self.manifest.get("kept") == "totals":
                more = ": the run kept totals; run it without --totals to have it"
            raise UserError(f"{path}: there is no such table{more}")
        with _reading(path):
            return pd.read_parquet(path)

    @cached_property
    def elements(self) -> pd.DataFrame:
        """As :attr:`simulator.result.Result.elements`."""
        return self.table("elements")

    @cached_property
    def layers(self) -> pd.DataFrame:
        """As :attr:`simulator.result.Result.layers`."""
        return self.table("layers")

    @cached_property
    def stages(self) -> pd.DataFrame:
        """As :attr:`simulator.result.Result.stages`."""
        return self.table("stages")

    @cached_property
    def fifos(self) -> pd.DataFrame:
        """As :attr:`simulator.result.Result.fifos`."""
        return self.table("fifos")

    @cached_property
    def fifo_histograms(self) -> pd.DataFrame:
        """As :attr:`simulator.result.Result.fifo_histograms`."""
        return self.table("fifo_histograms")

    @cached_property
    def memories(self) -> pd.DataFrame:
        """As :attr:`simulator.result.Result.memories`."""
        return self.table("memories")

    @cached_property
    def memory_histograms(self) -> pd.DataFrame:
        """As :attr:`simulator.result.Result.memory_histograms`."""
        return self.table("memory_histograms")

    @cached_property
    def frames(self) -> pd.DataFrame:
        """As :attr:`simulator.result.Result.frames`."""
        return self.table("frames")

    @cached_property
    def latencies(self) -> pd.DataFrame:
        """As :attr:`simulator.result.TotalsResult.latencies`; raises ``UserError`` where a trace was kept."""
        return self.table("latencies")

    @cached_property
    def energy(self) -> pd.DataFrame:
        """As :attr:`simulator.result.Result.energy`."""
        return self.table("energy")

    @cached_property
    def timeline(self) -> pd.DataFrame:
        """As :attr:`simulator.result.Result.timeline`."""
        return self.table("timeline")

    @cached_property
    def levels(self) -> pd.DataFrame:
        """As :attr:`simulator.result.Result.levels`."""
        return self.table("levels")

    @cached_property
    def firings(self) -> pd.DataFrame:
        """As :attr:`simulator.result.Result.firings`; raises ``UserError`` where it was not saved."""
        return self.table("firings")

    def to_json(self) -> dict[str, Any]:
        """As :meth:`simulator.result.Result.to_json`."""
        path = self.folder / "summary.json"
        with _reading(path):
            found: dict[str, Any] = json.loads(path.read_text())
        return found

    def summary(self) -> dict[str, Any]:
        """As :meth:`simulator.result.Result.summary`."""
        tables = ("elements", "layers", "fifos", "memories", "energy")
        return {key: value for key, value in self.to_json().items() if key not in tables}

    @cached_property
    def plan(self) -> Plan:
        """The plan that was run."""
        path = self.folder / "run.npz"
        with _reading(path), np.load(path, allow_pickle=False) as arrays:
            return plan_from_arrays({key: arrays[key] for key in arrays.files})

    @cached_property
    def trace(self) -> Trace:
        """What the engine returned."""
        path = self.folder / "run.npz"
        if self.manifest.get("kept") == "totals":
            raise UserError(f"{path}: there is no trace: the run kept totals; run it without --totals to have it")
        with _reading(path), np.load(path, allow_pickle=False) as arrays:
            head = json.loads(str(arrays["trace"]))
            cuts = np.cumsum(head["firings"])[:-1]
            start, served, end, void = (
                tuple(np.split(arrays[name], cuts)) if head["firings"] else ()
                for name in ("start", "served", "end", "void")
            )
        return Trace(start, served, end, void, head["now"], head["complete"], head["engine"], head["reason"])


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Tells a file that is missing or damaged as ``UserError``."""
    try:
        yield
    except (OSError, ValueError, EOFError, KeyError, BadZipFile) as error:  # pyarrow's errors are ValueErrors
        raise UserError(f"{path}: cannot be read ({error}); the file was damaged, so run and save again") from error


def load_saved(folder: Path) -> SavedResult:
    """Opens a saved result; raises ``UserError`` where the folder holds none, or one of another format."""
    path = folder / "manifest.json"
    try:
        found = json.loads(path.read_text())
    except OSError as error:
        raise UserError(
            f"{folder} holds no saved result (no manifest.json); give a folder that 'save' has written"
        ) from error
    except ValueError as error:
        raise UserError(
            f"{path} is not JSON ({error}); the folder was not written by 'save', or was changed"
        ) from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        kind = found.get("format") if isinstance(found, dict) else type(found).__name__
        raise UserError(f"{path}: format is {kind!r}; this version reads {FORMAT!r}")
    return SavedResult(folder, found)


def _packed(plan: Plan, trace: Trace) -> bytes:
    head = {
        "firings": [int(column.size) for column in trace.start],
        "now": trace.now,
        "complete": trace.complete,
        "engine": trace.engine,
        "reason": trace.reason,
    }
    arrays: dict[str, Any] = {"trace": np.array(json.dumps(head)), **plan_to_arrays(plan)}
    for name in ("start", "served", "end", "void"):
        columns = getattr(trace, name)
        arrays[name] = np.concatenate(columns) if columns else np.zeros(0, dtype=np.int64)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def _write_parquet(path: Path, table: pd.DataFrame) -> None:
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    write_atomically(path, buffer.getvalue())


def _json(value: Any) -> bytes:
    return (json.dumps(plain(value), indent=1, default=str) + "\n").encode()


def _versions() -> dict[str, str]:
    from simulator import __version__

    found = {
        "headrace": __version__,
        "python": sys.version.split()[0],
        "machine": f"{machine.system()} {machine.machine()}",
    }
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


__all__ = ["FORMAT", "TABLES", "SavedResult", "load_saved", "manifest", "save_result", "save_totals"]
