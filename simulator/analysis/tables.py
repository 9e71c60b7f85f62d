"""The tables of a run: tidy, one row a thing, units in the column names; what is not modelled or not known is empty,
never 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.analysis.breakdown import BUSY, STATES
from simulator.analysis.energy import access_energy
from simulator.analysis.latency import to_ps
from simulator.analysis.run import Figures, Run
from simulator.analysis.tidy import tidy
from simulator.analysis.tokens import started, void_of
from simulator.analysis.waits import CAUSES, STRETCHES, waits_of
from simulator.lowered import Role
from simulator.series import Ints

if TYPE_CHECKING:
    import pandas as pd

    from simulator.engine.value_counts import ValueCounts

_PER_FRAME_CAUSES = ("compute", "memory_bound", "stalled", "blocked", "starved", "contended")
_LAYERS = (
    *("layer", "element", "stages", "firings", "macs", "cycles", "time_us", *(f"{c}_us" for c in _PER_FRAME_CAUSES)),
    *("read_bytes", "write_bytes", "energy_uj", "busiest_fraction"),
)


def stages_table(run: Figures) -> pd.DataFrame:
    """A row an actor: what it stands for, its work a frame, and where its time went (all lanes together)."""
    import pandas as pd

    moved, steady = run.moved, _steady_busy(run)
    rows = []
    for index, (actor, note) in enumerate(zip(run.lowered.plan.actors, run.lowered.actors, strict=True)):
        frames = run.frames_done(index)
        row: dict[str, Any] = {
            "stage": actor.name,
            "role": note.role.value,
            "layer": note.layer,
            "element": note.element,
            "part": note.stage,
            "firings": run.departed(index),
            "void_firings": run.void_firings(index),
            "frames": frames,
            "macs": _per_frame(None if note.macs is None else run.amount(index, note.macs), frames),
            "cycles": _per_frame(None if note.cycles is None else run.sum_of(index, note.cycles), frames),
            "read_bytes": _per_frame(_moved(moved, index, "read"), frames),
            "write_bytes": _per_frame(_moved(moved, index, "write"), frames),
            "energy_uj": _per_frame(_actor_energy(run, index, moved), frames, 1e-6),
            "lanes": int(run.breakdown.lanes[index]),
            "steady_busy_fraction": steady[index],
        }
        row |= {f"{cause}_us": run.breakdown.actor(index, cause) * run.tick_us for cause in CAUSES}
        rows.append({**row, **{key: value for key, value in note.detail.items() if key not in row}})
    return tidy(pd.DataFrame(rows))


_FABRIC = frozenset({"lut", "bram18", "uram", "dsp"})
"""Figures of a model that add up over the stages of a layer."""


def layers_table(run: Figures, stages: pd.DataFrame) -> pd.DataFrame:
    """A row a layer on an element: its work, time, traffic and energy a frame.

    ``cycles`` of a layer whose stages have hardware of their own are those of the slowest one; stages that share slots
    add up. ``time_us`` is the service of all its stages; ``share_of_time`` is of all layers together. A model's own
    figures are those of the stage with the multiply-accumulates, but fabric is counted over all stages.
    """
    import pandas as pd

    resource = {actor.name: actor.resource for actor in run.lowered.plan.actors}
    own = stages[stages["role"] == Role.STAGE.value]
    fixed = set(stages_columns())
    rows: list[dict[str, Any]] = []
    for (layer, element), part in own.groupby(["layer", "element"], sort=False):
        frames = part["frames"].where(part["frames"] > 0)
        cycles = part.groupby([resource[name] if resource[name] is not None else name for name in part["stage"]])[
            "cycles"
        ]
        main = part.iloc[int(part["macs"].fillna(0).to_numpy().argmax())]
        row: dict[str, Any] = {
            "layer": layer,
            "element": element,
            "stages": len(part),
            "firings": int(part["firings"].sum()),
            "macs": part["macs"].sum(),
            "cycles": cycles.sum(min_count=1).max(),
            "time_us": sum((part[f"{state}_us"] / frames).sum() for state in BUSY),
        }
        row |= {f"{cause}_us": (part[f"{cause}_us"] / frames).sum() for cause in _PER_FRAME_CAUSES}
        row |= {name: part[name].sum(min_count=1) for name in ("read_bytes", "write_bytes", "energy_uj")}
        row["busiest_fraction"] = part["steady_busy_fraction"].max()
        details = {
            key: part[key].sum(min_count=1) if key in _FABRIC else main[key]
            for key in stages.columns
            if key not in fixed
        }
        rows.append({**row, **{key: value for key, value in details.items() if key not in row}})
    table = pd.DataFrame(rows, columns=None if rows else list(_LAYERS))
    table.insert(7, "share_of_time", table["time_us"] / max(float(table["time_us"].sum()), 1e-300))
    return tidy(table)


def stages_columns() -> list[str]:
    """Names of the columns of the stages table that every run has; a model's own figures follow them."""
    own = [
        "stage",
        "role",
        "layer",
        "element",
        "part",
        "firings",
        "void_firings",
        "frames",
        "macs",
        "cycles",
        "read_bytes",
    ]
    return [*own, "write_bytes", "energy_uj", "lanes", "steady_busy_fraction", *(f"{cause}_us" for cause in CAUSES)]


def elements_table(run: Figures) -> pd.DataFrame:
    """A row a processing element or DMA of the platform, used or not: what its slots did, as shares of the run."""
    import pandas as pd

    platform = run.lowered.platform
    states = _states_by_element(run)
    spent = _energy_by_part(run)
    rows = []
    for name in [*platform.processing_elements, *platform.dma]:
        element = platform.processing_elements.get(name)
        slots, whole, steady = states.get(name, (element.slots if element else 0, None, None))
        shares = _shares(whole, slots * run.now)
        actors = [i for i, note in enumerate(run.lowered.actors) if note.element == name]
        first, last = run.window
        row: dict[str, Any] = {
            "element": name,
            "kind": "dma" if element is None else "element",
            "model": "dma" if element is None else element.config.model,
            "slots": slots,
            "firings": sum(run.departed(i) for i in actors),
            "busy_fraction": sum(shares[state] for state in BUSY),
            "steady_busy_fraction": sum(_shares(steady, slots * (last - first))[state] for state in BUSY),
        }
        row |= {f"{state}_fraction": share for state, share in shares.items()}
        rows.append({**row, "energy_mj": spent.get(name)})
    return tidy(pd.DataFrame(rows))


def energy_table(run: Figures) -> pd.DataFrame:
    """A row a part and cause; ``energy_mj`` is empty where the platform does not model it."""
    import pandas as pd

    rows = [
        {
            "part": item.part,
            "kind": item.kind,
            "cause": item.cause,
            "energy_mj": None if item.energy_pj is None else item.energy_pj * 1e-9,
            "modelled": item.energy_pj is not None,
        }
        for item in run.energy
    ]
    table = pd.DataFrame(rows, columns=["part", "kind", "cause", "energy_mj", "modelled"])
    return tidy(table.astype({"energy_mj": "float64"}))


def frames_table(run: Run) -> pd.DataFrame:
    """A row a frame: arrival, entry, departure and latency; empty where it has not happened."""
    import pandas as pd

    tick, own = run.lowered.plan.tick, run.frames
    departure, entry = to_ps(tick, own.departure), to_ps(tick, own.entry)
    first, last = run.steady.first, run.steady.last
    columns = {
        "frame": np.arange(own.void.size),
        "arrival_us": run.arrivals_ps * 1e-6,
        "entry_us": np.where(own.entry >= 0, entry, np.nan) * 1e-6,
        "departure_us": np.where(own.delivered, departure, np.nan) * 1e-6,
        "latency_us": run.latencies_ps * 1e-6,
        "dropped": own.void,
        "delivered": own.delivered,
        "steady": own.delivered & (own.departure > first) & (own.departure <= last),
    }
    deadline = run.lowered.stream.deadline_ps
    if deadline is not None:
        columns["missed_deadline"] = own.delivered & (run.latencies_ps > deadline)
    return tidy(pd.DataFrame(columns))


def latencies_table(latencies: ValueCounts) -> pd.DataFrame:
    """A row a latency in picoseconds that was counted: microseconds, and how many frames took so long."""
    import pandas as pd

    return tidy(pd.DataFrame({"latency_us": latencies.values * 1e-6, "frames": latencies.counts}))


def firings_table(run: Run) -> pd.DataFrame:
    """A row a firing that has started, actor by actor: its times and its waits. Large: made only when asked for."""
    import pandas as pd

    parts = []
    for index, (actor, note) in enumerate(zip(run.lowered.plan.actors, run.lowered.actors, strict=True)):
        count = started(run.trace, index)
        wait = waits_of(run.lowered.plan, run.trace, index)
        durations = dict.fromkeys(dict.fromkeys(STRETCHES), np.zeros(count, dtype=np.int64))
        for name, (first, last) in zip(STRETCHES, wait.stretches(), strict=True):
            durations[name] = durations[name] + (last - first)[:count]
        columns: dict[str, Any] = {
            "stage": np.repeat(actor.name, count),
            "layer": [note.layer] * count,
            "element": [note.element] * count,
            "firing": np.arange(count),
            "first_frame": actor.first_frame.array(0, count),
            "last_frame": actor.last_frame.array(0, count),
            "start_us": _us(run, run.trace.start[index][:count]),
            "served_us": _us(run, run.trace.served[index][:count]),
            "end_us": _us(run, run.trace.end[index][:count]),
            "void": void_of(run.trace, index, count),
        }
        columns |= {f"{name}_us": values * run.tick_us for name, values in durations.items()}
        parts.append(pd.DataFrame(columns))
    return tidy(pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True))


def _us(run: Run, ticks: Ints) -> Any:
    return np.where(ticks >= 0, ticks * run.tick_us, np.nan)


def _per_frame(total: float | None, frames: int, scale: float = 1.0) -> float | None:
    return None if total is None or not frames else total * scale / frames


def _moved(moved: Mapping[tuple[int, str, str], float], actor: int, way: str) -> float | None:
    found = [amount for (index, _, kind), amount in moved.items() if index == actor and kind == way]
    return sum(found) if found else None


def _actor_energy(run: Figures, actor: int, moved: Mapping[tuple[int, str, str], float]) -> float | None:
    """Picojoules of an actor's own causes and of the memory accesses it makes; None where none of them is modelled."""
    parts = [run.amount(actor, amounts) for amounts in run.lowered.actors[actor].energy_pj.values()]
    for (index, memory, way), amount in moved.items():
        per_byte = access_energy(run.lowered, memory, way)
        if index == actor and per_byte is not None:
            parts.append(per_byte * amount)
    return sum(parts) if parts else None


def _steady_busy(run: Figures) -> list[float]:
    """The share of the steady part (the whole run where there is none) in which each actor's lanes were in service."""
    first, last = run.window
    if last <= first:
        first, last = 0, run.now
    actors, _ = run.breakdown.between(first, last)
    busy = actors[:, [CAUSES.index(state) for state in BUSY]].sum(axis=1)
    spans = run.breakdown.lanes * (last - first)
    return [int(b) / int(s) if s else 0.0 for b, s in zip(busy, spans, strict=True)]


def _states_by_element(run: Figures) -> dict[str, tuple[int, Ints, Ints]]:
    """Slots, slot-ticks by state over the run, and over its steady part, of every element that runs something."""
    parts, (_, steady) = run.breakdown, run.breakdown.between(*run.window)
    return {
        name: (
            sum(parts.members[number].slots for number in numbers),
            parts.groups[numbers, :, -1].sum(axis=0),
            steady[numbers].sum(axis=0),
        )
        for name, numbers in run.element_groups.items()
    }


def _shares(ticks: Ints | None, total: int) -> dict[str, float]:
    if ticks is None or not total:
        return {state: float(state == "idle") for state in STATES}
    return {state: int(ticks[i]) / total for i, state in enumerate(STATES)}


def _energy_by_part(run: Figures) -> dict[str, float]:
    """Millijoules of every part of which anything is modelled."""
    found: dict[str, float] = {}
    for item in run.energy:
        if item.energy_pj is not None:
            found[item.part] = found.get(item.part, 0.0) + item.energy_pj * 1e-9
    return found


__all__ = [
    "elements_table",
    "energy_table",
    "firings_table",
    "frames_table",
    "latencies_table",
    "layers_table",
    "stages_columns",
    "stages_table",
]
