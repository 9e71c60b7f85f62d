"""The tables of channels and memories, and what follows a run over time: timelines and levels in equal bins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.analysis.breakdown import STATES, edges_of
from simulator.analysis.occupancy import server_capacity
from simulator.analysis.run import BINS, Figures, Run
from simulator.analysis.steps import Floats
from simulator.analysis.tidy import tidy
from simulator.series import Ints

if TYPE_CHECKING:
    import pandas as pd

_FIFOS = (
    "fifo",
    "producer",
    "consumer",
    "kind",
    "platform_fifo",
    "memory",
    "capacity_tokens",
    "token_bytes",
    "written_tokens",
    "mean_tokens",
    "max_tokens",
    "fill_fraction",
    "full_fraction",
    "empty_fraction",
    "mean_bytes",
    "max_bytes",
    "waiting_tokens",
    "mean_stay_us",
    "blocks_writer_us",
    "starves_reader_us",
)
_MEMORIES = (
    "memory",
    "size_bytes",
    "weights_bytes",
    "mean_bytes",
    "max_bytes",
    "mean_fraction",
    "max_fraction",
    "read_bytes",
    "write_bytes",
    "bandwidth_gb_per_s",
    "traffic_gb_per_s",
    "busy_fraction",
)


def fifos_table(run: Figures) -> pd.DataFrame:
    """A row a channel: its capacity, how full it was, how long tokens stayed, and whom it made wait.

    Levels count the room that is taken, also by tokens still being worked on; ``mean_stay_us`` is how long a token lay
    readable. ``blocks_writer_us`` and ``starves_reader_us`` are the waits for which this channel was the last to give
    way.
    """
    import pandas as pd

    now, rows = max(run.now, 1), []
    for index, (channel, note, use) in enumerate(
        zip(run.lowered.plan.channels, run.lowered.channels, run.channels, strict=True)
    ):
        tokens = channel.initial + use.written
        rows.append(
            {
                "fifo": channel.name,
                "producer": note.producer,
                "consumer": note.consumer,
                "kind": note.kind,
                "platform_fifo": note.fifo,
                "memory": channel.memory,
                "capacity_tokens": channel.capacity,
                "token_bytes": channel.token_bytes,
                "written_tokens": use.written,
                "mean_tokens": use.mean,
                "max_tokens": use.highest,
                "fill_fraction": None if not channel.capacity else use.mean / channel.capacity,
                "full_fraction": use.full / now,
                "empty_fraction": use.empty / now,
                "mean_bytes": use.mean * channel.token_bytes,
                "max_bytes": use.highest * channel.token_bytes,
                "waiting_tokens": use.waiting_mean,
                "mean_stay_us": use.sojourn * run.tick_us / tokens if tokens else None,
                "blocks_writer_us": int(run.breakdown.blocked_by[index]) * run.tick_us,
                "starves_reader_us": int(run.breakdown.starved_by[index]) * run.tick_us,
            }
        )
    return tidy(pd.DataFrame(rows, columns=list(_FIFOS)).astype({"capacity_tokens": "Int64"}))


def histograms_table(run: Figures) -> pd.DataFrame:
    """A row a channel and range of levels: the share of time that the room taken lay in it."""
    return _stacked(
        ("fifo", "from_tokens", "to_tokens", "time_fraction"),
        [
            (channel.name, use.levels[:-1], use.levels[1:] - 1, use.histogram)
            for channel, use in zip(run.lowered.plan.channels, run.channels, strict=True)
        ],
    )


def memories_table(run: Figures) -> pd.DataFrame:
    """A row a memory of the platform: what lay in it, and how busy its port was.

    ``weights_bytes`` stay all the time, the rest is the room that channels take. ``busy_fraction`` is the work through
    its port as a share of what the port could do.
    """
    import pandas as pd

    seconds, moved = run.elapsed_s, run.moved
    rows = []
    for name, memory in run.lowered.platform.memories.items():
        use = run.memory(name)
        both = {
            way: sum(amount for (_, where, kind), amount in moved.items() if (where, kind) == (name, way))
            for way in ("read", "write")
        }
        mean, highest = use.weights + use.mean * use.unit, use.weights + use.highest * use.unit
        rows.append(
            {
                "memory": name,
                "size_bytes": memory.size,
                "weights_bytes": use.weights,
                "mean_bytes": mean,
                "max_bytes": highest,
                "mean_fraction": mean / memory.size,
                "max_fraction": highest / memory.size,
                "read_bytes": both["read"],
                "write_bytes": both["write"],
                "bandwidth_gb_per_s": float(memory.bandwidth) * 1e-9,
                "traffic_gb_per_s": (both["read"] + both["write"]) / seconds * 1e-9 if seconds else 0.0,
                "busy_fraction": _port_share(run, name),
            }
        )
    return tidy(pd.DataFrame(rows, columns=list(_MEMORIES)))


def memory_histograms_table(run: Figures) -> pd.DataFrame:
    """A row a memory and range of levels: the share of time that it held so many bytes, weights included."""
    rows: list[tuple[Any, ...]] = []
    for name in run.lowered.platform.memories:
        use = run.memory(name)
        low, high = use.levels[:-1], use.levels[1:] - 1
        rows.append((name, use.weights + low * use.unit, use.weights + high * use.unit, use.histogram))
    return _stacked(("memory", "from_bytes", "to_bytes", "time_fraction"), rows)


def timeline_table(run: Run) -> pd.DataFrame:
    """A row a resource and bin of time: the share of its slots in each state (the shares of a row add up to 1)."""
    edges, chosen = _bins(run)
    owners = {number: name for name, numbers in run.element_groups.items() for number in numbers}
    rows: list[tuple[Any, ...]] = []
    for number, group in enumerate(run.breakdown.members):
        if number not in owners and run.lowered.actors[group.actors[0]].element is not None:
            continue  # a delay
        ticks = np.diff(run.breakdown.groups[number][:, chosen], axis=1)
        shares = ticks / np.maximum(group.slots * np.diff(edges), 1)
        rows.append((group.name, owners.get(number), group.slots, *_spans(run, edges), *shares))
    columns = ("resource", "element", "slots", "from_us", "to_us", *(f"{state}_fraction" for state in STATES))
    return _stacked(columns, rows)


def levels_table(run: Run) -> pd.DataFrame:
    """A row a channel and bin of time: lowest, mean and highest room taken."""
    edges = edges_of(run.trace.now, BINS)
    spans = _spans(run, edges) if edges.size > 1 else (np.zeros(1), np.zeros(1))
    return _stacked(
        ("fifo", "from_us", "to_us", "min_tokens", "mean_tokens", "max_tokens"),
        [
            (channel.name, *spans, use.low, use.average, use.high)
            for channel, use in zip(run.lowered.plan.channels, run.channels, strict=True)
        ],
    )


def _spans(run: Run, edges: Ints) -> tuple[Floats, Floats]:
    """Begin and end of every bin in microseconds."""
    times: Floats = edges.astype(np.float64) * run.tick_us
    return times[:-1], times[1:]


def _stacked(columns: tuple[str, ...], parts: list[tuple[Any, ...]]) -> pd.DataFrame:
    """Parts of a table below each other: each has a value or an array for every column, the last one an array."""
    import pandas as pd

    lengths = [len(part[-1]) for part in parts]
    table: dict[str, Any] = {}
    for position, name in enumerate(columns):
        values = [part[position] for part in parts]
        if values and isinstance(values[0], np.ndarray):
            table[name] = np.concatenate(values)
        elif values and isinstance(values[0], int):
            table[name] = np.repeat(values, lengths)
        else:
            table[name] = pd.array(values, dtype="string").repeat(lengths)
    return pd.DataFrame(table, columns=list(columns))


def _bins(run: Run) -> tuple[Ints, Ints]:
    """The equal bins among the edges of the breakdown, and where they stand."""
    edges = edges_of(run.trace.now, BINS)
    return edges, np.searchsorted(run.breakdown.edges, edges)


def _port_share(run: Figures, memory: str) -> float | None:
    """The busiest of a memory's servers; None where nothing goes through it."""
    plan, shares = run.lowered.plan, []
    for server, name in enumerate(run.lowered.servers):
        if name == memory or name.startswith(f"{memory}."):
            capacity = server_capacity(plan, server, 0, run.now)
            shares.append(run.server_work(server, -1, run.now) / max(capacity, 1))
    return max(shares, default=None)


__all__ = [
    "fifos_table",
    "histograms_table",
    "levels_table",
    "memories_table",
    "memory_histograms_table",
    "timeline_table",
]
