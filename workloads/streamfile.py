"""Token streams on disk: what a generator made can be kept, and what was recorded elsewhere can be run.

One row for each frame and layer, as CSV or Parquet by the file's name:

=============================================  =================================================================
column                                         meaning
=============================================  =================================================================
``frame``                                      from 0 on without gaps; empty or ``*``: the row holds for every frame
``layer``                                      a layer of the network; empty: the row only gives the frame's arrival
``release_ps``, ``_ns``, ``_us``, ``_ms``,      when the frame arrives, never falling; without such a column all frames
``_s``                                         wait from the start
``fraction`` (or ``kept_fraction``)            share of the layer's dense work that the frame needs, 0 .. 1
``macs``                                       the same as a count of multiply-accumulates
``input_kept``, ``output_kept``                shares of the channels that are alive, 0 .. 1
``input_density``, ``weight_kept``             shares of non-zero inputs and of weights that are fetched, 0 .. 1
``input_positions``, ``output_positions``      shares of the pixels or steps that the frame has or changes, 0 .. 1
``executed``                                   0 where the frame does not take this branch
``ops.KIND``, ``extra.KIND``                   other operations, and counts that only some elements price
``pieces``                                     a JSON list: how the frame's work spreads over its output rows
=============================================  =================================================================

What a file leaves out is dense. A layer that no row names is dense in every frame; a layer that has a row for one
frame needs one for each.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from workloads.errors import WorkloadError, did_you_mean
from workloads.network import LayerGroup, Network
from workloads.recorded import RELEASE_COLUMNS, release_cell
from workloads.streamtable import StreamTable, read_table, write_table
from workloads.tokens import LayerWork, TokenStream

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

SHARES = (
    "fraction",
    "input_kept",
    "output_kept",
    "input_density",
    "weight_kept",
    "input_positions",
    "output_positions",
)
_ALIASES = {"kept_fraction": "fraction", "kept": "fraction"}
_KNOWN = ("frame", "layer", "macs", "executed", "pieces", *SHARES, *RELEASE_COLUMNS)


def save_stream(stream: TokenStream, path: str | Path) -> None:
    """Write a stream so that :func:`load_stream` gives it back bit for bit; ``.csv`` or ``.parquet`` by the name."""
    columns: dict[str, list[Any]] = {"frame": [], "release_ps": [], "layer": [], "macs": [], **{n: [] for n in SHARES}}
    columns.update({"executed": [], "pieces": []})
    for work in stream.work.values():
        for prefix, table in (("ops.", work.ops), ("extra.", work.extra)):
            columns.update({prefix + kind: [] for kind in table})
    kinds = dict.fromkeys(columns, "float")
    kinds.update({"frame": "int", "release_ps": "int", "layer": "text", "executed": "int", "pieces": "text"})
    if not stream.is_saturated:
        _append(columns, stream.frames, frame=range(stream.frames), release_ps=stream.release_ps.tolist())
    for name, work in stream.work.items():
        _append_work(columns, name, work, stream.frames)
    notes = {
        "network": stream.network.name,
        "fingerprint": stream.network.fingerprint(),
        "frames": stream.frames,
        "deadline_ps": stream.deadline_ps,
        "lossy": stream.lossy,
        "control": [list(pair) for pair in stream.control],
        "origin": dict(stream.origin),
    }
    write_table(path, columns, kinds, notes)


def load_stream(path: str | Path, network: Network) -> TokenStream:
    """The stream in a file, for the network it was saved from or that its layer names belong to.

    Raises :class:`workloads.errors.FileProblems` with every wrong column and cell by line (CSV) or row (Parquet), and
    :class:`WorkloadError` where the file cannot be read or was saved from another network.
    """
    table = read_table(path)
    _check_columns(table)
    _check_network(table, network)
    frames, frame_of = _frames(table)
    groups = {group.name: group for group in network.groups() if group.kind != "input"}
    layer_of = _layers(table, network, groups)
    release = _releases(table, frames, frame_of)
    rows = _rows_by_layer(table, frames, frame_of, layer_of, list(groups))
    values = _values(table)
    table.check()
    work = {name: _work(group, rows.get(name), values, table) for name, group in groups.items()}
    table.check()
    notes = table.notes
    return TokenStream(
        network=network,
        frames=frames,
        release_ps=release,
        work=work,
        deadline_ps=notes.get("deadline_ps"),
        lossy=bool(notes.get("lossy", False)),
        control=tuple((str(decides), str(waits)) for decides, waits in notes.get("control") or ()),
        origin=notes.get("origin") or {"generator": "recorded", "file": Path(path).name},
    )


def _append(columns: dict[str, list[Any]], count: int, **given: Any) -> None:
    for name, cells in columns.items():
        cells.extend(given.get(name, [None] * count))


def _append_work(columns: dict[str, list[Any]], name: str, work: LayerWork, frames: int) -> None:
    count = 1 if work.is_static else frames
    cells: dict[str, Any] = {"frame": [None] if work.is_static else range(frames), "layer": [name] * count}
    arrays: dict[str, npt.NDArray[Any]] = {"macs": work.macs, **{share: getattr(work, share) for share in SHARES}}
    arrays["executed"] = work.executed.astype(np.int64)
    arrays.update({f"ops.{kind}": values for kind, values in work.ops.items()})
    arrays.update({f"extra.{kind}": values for kind, values in work.extra.items()})
    cells.update({key: np.broadcast_to(values, (count,)).tolist() for key, values in arrays.items()})
    if work.piece_fraction is not None:
        pieces = np.broadcast_to(work.piece_fraction, (count, work.piece_fraction.shape[1]))
        cells["pieces"] = [json.dumps(row.tolist()) for row in pieces]
    _append(columns, count, **cells)


def _check_columns(table: StreamTable) -> None:
    for alias, name in _ALIASES.items():
        if alias in table.columns and name not in table.columns:
            table.written[name] = alias
            table.columns = {(name if key == alias else key): cells for key, cells in table.columns.items()}
    for name in table.columns:
        if name not in _KNOWN and not name.startswith(("ops.", "extra.")):
            table.fault(-1, name, f"no such column{did_you_mean(name, [*_KNOWN, 'ops.KIND', 'extra.KIND'])}")
    for name in ("frame", "layer"):
        if name not in table.columns:
            table.fault(-1, name, f"the column is missing; name the {name} that a row belongs to")
    if len([name for name in RELEASE_COLUMNS if name in table.columns]) > 1:
        table.fault(-1, "release", "two columns give the arrivals; keep one of them")
    table.check()


def _check_network(table: StreamTable, network: Network) -> None:
    saved = table.notes.get("fingerprint")
    if saved is not None and saved != network.fingerprint():
        raise WorkloadError(
            f"'{table.file}' was saved from the network '{table.notes.get('network')}', whose layers are not those of"
            f" '{network.name}'; run it with that network, or take its head (first line) out to use it as a plain trace"
        )


def _frames(table: StreamTable) -> tuple[int, Ints]:
    """The number of frames, and the frame of each row (-1: every frame)."""
    cells = table.columns["frame"]
    found = np.full(table.rows, -1, dtype=np.int64)
    for row, cell in enumerate(cells):
        cell = cell.removesuffix(".0")  # data frames keep whole numbers beside empty cells as floats
        if cell in ("", "*"):
            continue
        if not cell.isdecimal() or len(cell) > 12:
            table.fault(row, "frame", f"'{cell[:40]}' is no frame; count them 0, 1, 2, ... or write * for every frame")
        else:
            found[row] = int(cell)
    given = np.unique(found[found >= 0])
    noted = table.notes.get("frames")
    frames = int(noted) if isinstance(noted, int) and noted > 0 else int(given[-1]) + 1 if given.size else 1
    if given.size and noted is None and given.size < frames:
        absent = int(np.flatnonzero(given != np.arange(given.size))[0])
        row = int(np.flatnonzero(found > absent)[0])
        table.fault(
            row, "frame", f"frame {absent} has no row, and this is frame {cells[row]}; count from 0 without gaps"
        )
    if given.size and int(given[-1]) >= frames:
        row = int(np.flatnonzero(found >= frames)[0])
        table.fault(row, "frame", f"the head says that there are {frames} frames: 0 .. {frames - 1}")
    table.check()
    return frames, found


def _layers(table: StreamTable, network: Network, groups: Mapping[str, LayerGroup]) -> list[str]:
    inside = {layer.name: name for name, group in groups.items() for layer in group.followers}
    told: set[str] = set()
    for row, cell in enumerate(table.columns["layer"]):
        if not cell or cell in groups or cell in told:
            continue
        told.add(cell)  # an unknown layer is told once, where it first stands
        if cell in inside:
            table.fault(row, "layer", f"'{cell}' runs fused into '{inside[cell]}'; write that name")
        else:
            table.fault(row, "layer", f"network '{network.name}' has no layer '{cell}'{did_you_mean(cell, groups)}")
    return table.columns["layer"]


def _releases(table: StreamTable, frames: int, frame_of: Ints) -> Ints:
    name = next((name for name in RELEASE_COLUMNS if name in table.columns), None)
    times = np.zeros(frames, dtype=np.int64)
    if name is None:
        return times
    known = np.full(frames, -1, dtype=np.int64)
    for row, cell in enumerate(table.columns[name]):
        if not cell:
            continue
        time, fault = release_cell(cell, RELEASE_COLUMNS[name])
        frame = int(frame_of[row])
        if not fault and frame < 0:
            fault = "an arrival needs its frame; write the frame's number"
        elif not fault and known[frame] not in (-1, time):
            fault = (
                f"frame {frame} arrives at {cell} here and at another time in a row before; write one arrival a frame"
            )
        if fault:
            table.fault(row, name, fault)
        else:
            known[frame] = time
    if not table.problems and (known >= 0).any():
        _check_releases(table, name, known)
        times = known
    return times


def _check_releases(table: StreamTable, name: str, known: Ints) -> None:
    absent = np.flatnonzero(known < 0)
    if absent.size:
        table.fault(-1, name, f"frame {absent[0]} has no arrival in any row; write one for each frame, or for none")
        return
    fallen = np.flatnonzero(np.diff(known) < 0)
    if fallen.size:
        first = int(fallen[0])
        table.fault(-1, name, f"frame {first + 1} arrives before frame {first}; number the frames by arrival")


def _rows_by_layer(
    table: StreamTable, frames: int, frame_of: Ints, layer_of: list[str], groups: list[str]
) -> dict[str, Ints]:
    """For each layer named, its row for every frame, or the one row that holds for all of them."""
    index = {name: i for i, name in enumerate(groups)}
    codes = np.array([index.get(name, -1) for name in layer_of], dtype=np.int64)
    found: dict[str, Ints] = {}
    for name, code in index.items():
        mine = np.flatnonzero(codes == code)
        if not mine.size:
            continue
        at = frame_of[mine]
        if (at < 0).any():
            if mine.size > 1:
                table.fault(
                    int(mine[1]), "frame", f"layer '{name}' has a row for every frame and others; keep one kind"
                )
            found[name] = mine[:1]
            continue
        order = np.argsort(at, kind="stable")
        doubled = order[1:][np.diff(at[order]) == 0]
        for one in np.sort(doubled):
            table.fault(int(mine[one]), "frame", f"frame {at[one]} of layer '{name}' stands in a row before; keep one")
        if not doubled.size and mine.size < frames:
            absent = int(np.setdiff1d(np.arange(frames), at)[0])
            table.fault(
                int(mine[0]),
                "layer",
                f"'{name}' has no row for frame {absent}; write one (executed 0 where it is skipped)",
            )
        found[name] = mine[order]
    return found


def _values(table: StreamTable) -> dict[str, Floats]:
    """Every numeric column, NaN where a cell is empty."""
    values = {}
    for name in table.columns:
        if name == "fraction" and "extra.evaluations" in table.columns:
            # A solver evaluates a layer as often as it needs: its work may be several times the dense work.
            values[name] = table.numbers(name, 0.0, 1e18, "a share, 0 or more")
        elif name in SHARES:
            values[name] = table.numbers(name, 0.0, 1.0, "a share between 0 and 1")
        elif name == "macs" or name.startswith(("ops.", "extra.")):
            values[name] = table.numbers(name, 0.0, 1e18, "a count, 0 or more")
        elif name == "executed":
            cells = table.columns[name]
            table.columns[name] = [{"true": "1", "false": "0"}.get(cell.lower(), cell) for cell in cells]
            values[name] = table.numbers(name, 0.0, 1.0, "1 where the layer runs and 0 where it is skipped")
    return values


def _work(group: LayerGroup, rows: Ints | None, values: Mapping[str, Floats], table: StreamTable) -> LayerWork:
    """A layer's work out of its rows; what they leave out is dense."""
    dense = LayerWork.static(group)
    if rows is None:
        return dense
    given = {name: column[rows] for name, column in values.items()}
    macs, fraction = _macs_and_fraction(dense, given, rows.size)
    shares = {name: _or_dense(given.get(name), np.ones(rows.size)) for name in SHARES[1:]}
    ops = _counts("ops.", given)
    if not ops and "fingerprint" not in table.notes:
        ops = {kind: count * fraction for kind, count in dense.ops.items()}
    executed = _or_dense(given.get("executed"), np.ones(rows.size)) > 0
    skipped = ~executed
    if "fingerprint" not in table.notes:
        macs[skipped] = 0.0
        fraction[skipped] = 0.0
        ops = {kind: np.where(skipped, 0.0, count) for kind, count in ops.items()}
    extra = _counts("extra.", given)
    if "fingerprint" not in table.notes and group.main.weights and np.unique(fraction[executed]).size > 1:
        # Which channels a frame kept is not recorded, so each has chosen its own.
        kept = np.where(fraction < 1.0, fraction * group.main.weights, 0.0)
        extra.setdefault("gathered_weights", kept)
    return LayerWork(
        group=group,
        macs=macs,
        ops=ops,
        fraction=fraction,
        executed=executed,
        extra=extra,
        piece_fraction=_pieces(rows, table),
        **shares,
    )


def _macs_and_fraction(dense: LayerWork, given: Mapping[str, Floats], count: int) -> tuple[Floats, Floats]:
    total = float(dense.macs[0])
    empty = np.full(count, np.nan)
    macs, fraction = given.get("macs", empty).copy(), given.get("fraction", empty).copy()
    from_macs = np.isnan(fraction) & ~np.isnan(macs)
    fraction[from_macs] = macs[from_macs] / total if total else 1.0
    fraction[np.isnan(fraction)] = 1.0
    macs = np.where(np.isnan(macs), total * fraction, macs)
    return macs, fraction


def _or_dense(given: Floats | None, dense: Floats) -> Floats:
    return dense if given is None else np.where(np.isnan(given), dense, given)


def _counts(prefix: str, given: Mapping[str, Floats]) -> dict[str, Floats]:
    named = {name.removeprefix(prefix): column for name, column in given.items() if name.startswith(prefix)}
    return {kind: np.nan_to_num(column, nan=0.0) for kind, column in named.items() if not np.isnan(column).all()}


def _pieces(rows: Ints, table: StreamTable) -> Floats | None:
    cells = table.columns.get("pieces")
    if cells is None or not any(cells[row] for row in rows):
        return None
    found: list[list[float]] = []
    for row in rows:
        try:
            values = json.loads(cells[row])
            fine = isinstance(values, list) and values and all(isinstance(v, int | float) and v >= 0 for v in values)
        except json.JSONDecodeError:
            fine = False
        if not fine or (found and len(values) != len(found[0])):
            table.fault(int(row), "pieces", "write a JSON list of numbers from 0 up, one for each output row")
            continue
        found.append([float(v) for v in values])
    return np.array(found) if len(found) == rows.size else None
