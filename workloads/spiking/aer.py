"""Recorded address events and spike trains: CSV, NumPy files, and NIR's data format.

An event has a time and an address (column x, row y, polarity or channel p). Times become steps by ``floor(time / dt)``.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from workloads.errors import FileProblems, Problem, WorkloadError, did_you_mean
from workloads.spiking.spikes import Spikes, make_spikes

_UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_COLUMNS = ("t", "x", "y", "p")


def read_events_csv(
    path: str | Path, shape: tuple[int, int, int], dt: float, unit: str = "us", steps: int | None = None
) -> Spikes:
    """Events from a CSV file with the header ``t,x,y,p`` in any order (``p`` may be missing); times in ``unit``.

    Raises :class:`FileProblems` with every faulty line.
    """
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    header = [name.strip().lower() for name in rows[0]] if rows else []
    missing = [c for c in _COLUMNS[:3] if c not in header]
    if missing:
        text = f"no column {', '.join(missing)}; the first line must name t, x, y and may name p"
        raise FileProblems(str(path), [Problem(1, 1, "header", text)])
    where = {name: header.index(name) for name in _COLUMNS if name in header}
    problems: list[Problem] = []
    table: list[list[float]] = []
    for line, row in enumerate(rows[1:], start=2):
        if not row:
            continue
        try:
            table.append([float(row[where[c]]) if c in where else 0.0 for c in _COLUMNS])
        except (ValueError, IndexError):
            problems.append(Problem(line, 1, "event", f"{','.join(row)!r} is no event; write {','.join(header)}"))
    if problems:
        raise FileProblems(str(path), problems)
    events = np.asarray(table, dtype=np.float64).reshape(-1, 4)
    return _bin(events, shape, dt, unit, steps, str(path))


def read_events_npy(
    path: str | Path, shape: tuple[int, int, int], dt: float, unit: str = "us", steps: int | None = None
) -> Spikes:
    """Events from a ``.npy`` file: a structured array with fields t, x, y, p, or an array (events, 4) in that order."""
    array = np.load(path, allow_pickle=False)
    if array.dtype.names:
        missing = [c for c in _COLUMNS[:3] if c not in array.dtype.names]
        if missing:
            raise WorkloadError(f"{path}: no field {missing[0]!r}{did_you_mean(missing[0], array.dtype.names)}")
        zeros = np.zeros(array.size)
        events = np.stack([array[c].astype(np.float64) if c in array.dtype.names else zeros for c in _COLUMNS], axis=1)
    elif array.ndim == 2 and array.shape[1] == 4:
        events = array.astype(np.float64)
    else:
        raise WorkloadError(f"{path}: shape {array.shape}; write fields t, x, y, p or an array (events, 4)")
    return _bin(events, shape, dt, unit, steps, str(path))


def write_events_csv(path: str | Path, spikes: Spikes, dt: float, unit: str = "us") -> None:
    """Write a train of shape (channels, rows, columns) as ``t,x,y,p``, each event at the start of its step."""
    step, channel, row, column = spikes.coordinates().T
    scale = dt / _scale(unit)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        times = np.rint(step * scale).astype(np.int64)
        writer.writerows(zip(times.tolist(), column.tolist(), row.tolist(), channel.tolist(), strict=True))


def read_nir_spikes(
    path: str | Path, node: str, shape: tuple[int, ...] | None = None, dt: float | None = None, sample: int = 0
) -> Spikes:
    """The spikes of one node and sample from a file in NIR's data format (``nir.write_data``), time-gridded or as
    events.

    ``dt`` (s) is needed for events; a time-gridded recording carries its own. ``shape`` defaults to (neurons,).
    """
    import nir

    try:
        data = nir.read_data(str(path))
    except (OSError, KeyError, ValueError) as error:
        raise WorkloadError(f"{path}: not NIR data ({error}); nir.write_data() writes such files") from error
    if node not in data.nodes:
        raise WorkloadError(f"{path}: no node {node!r}{did_you_mean(node, data.nodes)}")
    observables = data.nodes[node].observables
    if "spikes" not in observables and len(observables) != 1:
        raise WorkloadError(f"{path}: node {node!r} records {', '.join(sorted(observables))}; none is called 'spikes'")
    found: Any = observables.get("spikes", next(iter(observables.values())))
    if not 0 <= sample < found.n_samples:
        raise WorkloadError(f"{path}: sample {sample} of {found.n_samples}; count from 0")
    size = (int(found.n_neurons),) if shape is None else shape
    if hasattr(found, "data"):
        step, index = np.nonzero(found.data[sample])
        return make_spikes(size, found.n_time_steps, step, index)
    if dt is None:
        raise WorkloadError(f"{path}: node {node!r} holds events in seconds; give dt=")
    valid = found.idx[sample] >= 0
    step = np.floor(found.time[sample][valid] / dt + 1e-9).astype(np.int64)
    return make_spikes(size, int(np.ceil(found.t_max / dt - 1e-9)), step, found.idx[sample][valid])


def write_nir_spikes(path: str | Path, trains: dict[str, Spikes], dt: float) -> None:
    """Write trains by node name in NIR's data format as events, each at the start of its step of ``dt`` seconds."""
    import nir

    nodes = {
        name: nir.NIRNodeData(
            {
                "spikes": nir.EventData(
                    idx=train.index[None, :],
                    time=(train.step * dt)[None, :],
                    n_neurons=train.neurons,
                    t_max=train.steps * dt,
                )
            }
        )
        for name, train in trains.items()
    }
    nir.write_data(str(path), nir.NIRGraphData(nodes))


def _bin(
    events: npt.NDArray[np.float64], shape: tuple[int, int, int], dt: float, unit: str, steps: int | None, label: str
) -> Spikes:
    channels, rows, columns = shape
    t, x, y, p = events.T
    outside = np.flatnonzero((x < 0) | (x >= columns) | (y < 0) | (y >= rows) | (p < 0) | (p >= channels) | (t < 0))
    if outside.size:
        first = int(outside[0])
        at = ", ".join(f"{c}={events[first, i]:g}" for i, c in enumerate(_COLUMNS))
        raise WorkloadError(
            f"{label}: {outside.size} events lie outside {shape}, the first is event {first} ({at}); give the"
            " sensor's shape"
        )
    step = np.floor(t * _scale(unit) / dt + 1e-9).astype(np.int64)
    length = steps if steps is not None else int(step.max(initial=0)) + 1
    kept = step < length
    index = ((p * rows + y) * columns + x).astype(np.int64)
    return make_spikes(shape, length, step[kept], index[kept])


def _scale(unit: str) -> float:
    if unit not in _UNITS:
        raise WorkloadError(f"events: time unit {unit!r} is unknown{did_you_mean(unit, _UNITS)}")
    return _UNITS[unit]
