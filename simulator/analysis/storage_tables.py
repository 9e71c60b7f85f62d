"""The tables of channels and memories, and what follows a run over time: timelines and levels in equal bins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.analysis.breakdown import STATES, edges_of
from simulator.analysis.energy import memory_bytes
from simulator.analysis.occupancy import histogram_edges, memory_level, server_capacity, server_work
from simulator.analysis.run import BINS, Run
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


def fifos_table(run: Run) -> pd.DataFrame:
    """A row a channel: its capacity, how full it was, how long tokens stayed, and whom it made wait.

    Levels count the room that is taken, also by tokens still being worked on; ``mean_stay_us`` is how long a token lay
    readable. ``blocks_writer_us`` and ``starves_reader_us`` are the waits for which this channel was the last to give
    way.
    """
    import pandas as pd

    now, rows = max(run.trace.now, 1), []
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


def histograms_table(run: Run) -> pd.DataFrame:
    """A row a channel and range of levels: the share of time that the room taken lay in it."""
    import pandas as pd

    parts = []
    for channel, use in zip(run.lowered.plan.channels, run.channels, strict=True):
        columns = {"from_tokens": use.levels[:-1], "to_tokens": use.levels[1:] - 1, "time_fraction": use.histogram}
        parts.append(pd.DataFrame({"fifo": channel.name, **columns}))
    return _joined(parts, ("fifo", "from_tokens", "to_tokens", "time_fraction"))


def memories_table(run: Run) -> pd.DataFrame:
    """A row a memory of the platform: what lay in it, and how busy its port was.

    ``weights_bytes`` stay all the time, the rest is the room that channels take. ``busy_fraction`` is the work through
    its port as a share of what the port could do.
    """
    import pandas as pd

    seconds, moved = run.elapsed_s, memory_bytes(run.lowered, run.trace)
    rows = []
    for name, memory in run.lowered.platform.memories.items():
        weights, level, unit = memory_level(run.lowered, run.trace, name)
        both = {
            way: sum(amount for (_, where, kind), amount in moved.items() if (where, kind) == (name, way))
            for way in ("read", "write")
        }
        mean, highest = weights + level.mean() * unit, weights + level.maximum() * unit
        rows.append(
            {
                "memory": name,
                "size_bytes": memory.size,
                "weights_bytes": weights,
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


def memory_histograms_table(run: Run) -> pd.DataFrame:
    """A row a memory and range of levels: the share of time that it held so many bytes, weights included."""
    import pandas as pd

    parts = []
    for name in run.lowered.platform.memories:
        weights, level, unit = memory_level(run.lowered, run.trace, name)
        edges = histogram_edges(level.maximum())
        columns = {
            "from_bytes": weights + edges[:-1] * unit,
            "to_bytes": weights + (edges[1:] - 1) * unit,
            "time_fraction": level.histogram(edges),
        }
        parts.append(pd.DataFrame({"memory": name, **columns}))
    return _joined(parts, ("memory", "from_bytes", "to_bytes", "time_fraction"))


def timeline_table(run: Run) -> pd.DataFrame:
    """A row a resource and bin of time: the share of its slots in each state (the shares of a row add up to 1)."""
    import pandas as pd

    edges, chosen = _bins(run)
    parts = []
    for number, group in enumerate(run.breakdown.members):
        note = run.lowered.actors[group.actors[0]]
        element = run.lowered.resources[group.resource].element if group.resource is not None else note.element
        ticks = np.diff(run.breakdown.groups[number][:, chosen], axis=1)
        whole = np.maximum(group.slots * np.diff(edges), 1)
        columns: dict[str, Any] = {
            "resource": group.name,
            "element": element,
            "slots": group.slots,
            "from_us": edges[:-1] * run.tick_us,
            "to_us": edges[1:] * run.tick_us,
        }
        columns |= {f"{state}_fraction": ticks[i] / whole for i, state in enumerate(STATES)}
        parts.append(pd.DataFrame(columns))
    return _joined(
        parts, ("resource", "element", "slots", "from_us", "to_us", *(f"{state}_fraction" for state in STATES))
    )


def levels_table(run: Run) -> pd.DataFrame:
    """A row a channel and bin of time: lowest, mean and highest room taken."""
    import pandas as pd

    edges, parts = edges_of(run.trace.now, BINS), []
    for channel, use in zip(run.lowered.plan.channels, run.channels, strict=True):
        columns: dict[str, Any] = {
            "from_us": edges[:-1] * run.tick_us if edges.size > 1 else [0.0],
            "to_us": edges[1:] * run.tick_us if edges.size > 1 else [0.0],
            "min_tokens": use.low,
            "mean_tokens": use.average,
            "max_tokens": use.high,
        }
        parts.append(pd.DataFrame({"fifo": channel.name, **columns}))
    return _joined(parts, ("fifo", "from_us", "to_us", "min_tokens", "mean_tokens", "max_tokens"))


def _joined(parts: list[pd.DataFrame], columns: tuple[str, ...]) -> pd.DataFrame:
    """The parts below each other; the columns alone where there are none."""
    import pandas as pd

    return tidy(pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(columns)))


def _bins(run: Run) -> tuple[Ints, Ints]:
    """The equal bins among the edges of the breakdown, and where they stand."""
    edges = edges_of(run.trace.now, BINS)
    return edges, np.searchsorted(run.breakdown.edges, edges)


def _port_share(run: Run, memory: str) -> float | None:
    """The busiest of a memory's servers; None where nothing goes through it."""
    plan, shares = run.lowered.plan, []
    for server, name in enumerate(run.lowered.servers):
        if name == memory or name.startswith(f"{memory}."):
            capacity = server_capacity(plan, server, 0, run.trace.now)
            shares.append(
                server_work(plan, server=server, trace=run.trace, first=-1, last=run.trace.now) / max(capacity, 1)
            )
    return max(shares, default=None)


__all__ = [
    "fifos_table",
    "histograms_table",
    "levels_table",
    "memories_table",
    "memory_histograms_table",
    "timeline_table",
]
