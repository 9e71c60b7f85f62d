"""The result of a run: everything that its plan and trace say, as tables, a summary and pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.analysis.bottleneck import Bottleneck, bottleneck
from simulator.analysis.energy import total_pj
from simulator.analysis.run import Figures, Run
from simulator.analysis.storage_tables import (
    fifos_table,
    histograms_table,
    levels_table,
    memories_table,
    memory_histograms_table,
    timeline_table,
)
from simulator.analysis.tables import (
    elements_table,
    energy_table,
    firings_table,
    frames_table,
    latencies_table,
    layers_table,
    stages_table,
)
from simulator.errors import UserError
from simulator.lowered import Lowered
from simulator.report.plain import plain, records
from simulator.report.views import Views
from simulator.trace import Trace

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from simulator.analysis.totals import TotalsRun
    from simulator.report.saving import SavedResult


class Report(Views):
    """What every finished run tells, with a trace or without."""

    lowered: Lowered
    wall_s: float
    kept = "trace"

    @property
    def run(self) -> Figures:
        """The figures behind the tables, in exact ticks."""
        raise AttributeError("run")

    @property
    def _engine(self) -> tuple[str, str]:
        raise AttributeError("_engine")

    @property
    def _firings(self) -> int:
        raise AttributeError("_firings")

    @cached_property
    def elements(self) -> pd.DataFrame:
        """A row a processing element or DMA of the platform: what its slots did, as shares of the run."""
        return elements_table(self.run)

    @cached_property
    def layers(self) -> pd.DataFrame:
        """A row a layer on an element: work, time, traffic and energy a frame."""
        return layers_table(self.run, self.stages)

    @cached_property
    def stages(self) -> pd.DataFrame:
        """A row an actor of the plan: what it stands for and where its time went."""
        return stages_table(self.run)

    @cached_property
    def fifos(self) -> pd.DataFrame:
        """A row a channel: capacity, fill, stay and whom it made wait."""
        return fifos_table(self.run)

    @cached_property
    def fifo_histograms(self) -> pd.DataFrame:
        """A row a channel and range of levels: the share of time spent there."""
        return histograms_table(self.run)

    @cached_property
    def memories(self) -> pd.DataFrame:
        """A row a memory: what lay in it, and how busy its port was."""
        return memories_table(self.run)

    @cached_property
    def memory_histograms(self) -> pd.DataFrame:
        """A row a memory and range of bytes: the share of time spent there."""
        return memory_histograms_table(self.run)

    @cached_property
    def energy(self) -> pd.DataFrame:
        """A row a part and cause; empty where the platform does not model it."""
        return energy_table(self.run)

    @property
    def engine(self) -> dict[str, object]:
        """Which engine ran and why, and whether the run came to its end."""
        name, reason = self._engine
        return {"name": name, "reason": reason, "complete": self.run.complete}

    @cached_property
    def bottleneck(self) -> Bottleneck:
        """What limits the run, why, and what would buy most."""
        return bottleneck(self.run)

    @cached_property
    def _summary(self) -> dict[str, Any]:
        run, tick = self.run, self.lowered.plan.tick
        steady = run.steady
        energy = total_pj(run.energy)
        delivered = run.delivered
        rates = {
            "throughput_fps": float(steady.throughput / tick),
            "throughput_low_fps": None if steady.low is None else steady.low / float(tick),
            "throughput_high_fps": None if steady.high is None else steady.high / float(tick),
        }
        return {
            "network": self.lowered.stream.network.name,
            "platform": self.lowered.platform.name,
            **rates,
            "steady": steady.settled,
            "steady_frames": steady.frames,
            "steady_note": steady.reason or None,
            "latency_ms": run.latency_ms,
            "energy_mj": None if energy is None else energy * 1e-9,
            "energy_per_frame_mj": None if energy is None or not delivered else energy * 1e-9 / delivered,
            "energy_not_modelled": [f"{item.part}.{item.cause}" for item in run.energy if item.energy_pj is None],
            "frames": self.lowered.stream.frames,
            "delivered": delivered,
            "dropped": run.dropped,
            "deadline_misses": run.deadline_misses,
            "elapsed_ms": run.elapsed_s * 1e3,
            "bottleneck": asdict(self.bottleneck),
            "firings": self._firings,
            "engine": self._engine[0],
            "engine_reason": self._engine[1] or None,
            "complete": run.complete,
            "wall_s": self.wall_s,
        }

    def summary(self) -> dict[str, Any]:
        """The figures of the run in plain values. ``None`` is unknown or not modelled, never 0.

        ``throughput_fps`` is that of the steady part, ``_low`` and ``_high`` its 95 % confidence interval; ``steady``
        False means that a longer run may say something else, and ``steady_note`` why. ``energy_mj`` is that of the
        whole run, of all that is modelled. Latency runs from a frame's arrival; in a saturated stream, from its entry.
        """
        return {key: dict(value) if isinstance(value, dict) else value for key, value in self._summary.items()}

    def to_json(self) -> dict[str, Any]:
        """What ``headrace run --json`` prints: the summary, and the tables of elements, layers, FIFOs, memories and
        energy as records.
        """
        return {
            **plain(self._summary),
            "elements": records(self.elements, "element"),
            "layers": records(self.layers, "layer"),
            "fifos": records(self.fifos, "fifo"),
            "memories": records(self.memories, "memory"),
            "energy": records(self.energy, "part"),
        }


@dataclass(frozen=True, eq=False)
class Result(Report):
    """A finished run. Tables are made when they are first asked for, with units in their column names.

    ``lowered`` is the plan and what it stands for, ``trace`` what the engine returned, ``wall_s`` the seconds the run
    took on this computer. ``origin`` goes into the manifest of a saved result: seed, command line, whatever else led
    here.
    """

    lowered: Lowered
    trace: Trace
    wall_s: float = 0.0
    origin: Mapping[str, object] = field(default_factory=dict)

    @cached_property
    def run(self) -> Run:
        """The figures behind the tables, in exact ticks."""
        return Run(self.lowered, self.trace)

    @property
    def _engine(self) -> tuple[str, str]:
        return self.trace.engine, self.trace.reason

    @property
    def _firings(self) -> int:
        return self.trace.firings

    @cached_property
    def frames(self) -> pd.DataFrame:
        """A row a frame: arrival, entry, departure, latency, and whether it was dropped."""
        return frames_table(self.run)

    @cached_property
    def timeline(self) -> pd.DataFrame:
        """A row a resource and bin of time: the share of its slots in each state."""
        return timeline_table(self.run)

    @cached_property
    def levels(self) -> pd.DataFrame:
        """A row a channel and bin of time: lowest, mean and highest room taken."""
        return levels_table(self.run)

    @property
    def firings(self) -> pd.DataFrame:
        """A row a firing: its times and waits. It is large, so it is made anew each time and kept nowhere."""
        return firings_table(self.run)

    def save(self, folder: str | Path, *, firings: bool = False) -> Path:
        """Writes tables, plan, trace and a manifest into ``folder`` (made if need be); ``firings`` adds the large
        table.
        """
        from simulator.report.saving import save_result

        return save_result(self, Path(folder), firings=firings)

    def write_trace(self, path: str | Path) -> int:
        """Writes the trace and returns the number of its slices or rows.

        ``.json`` and ``.json.gz`` are a timeline for Perfetto; ``.parquet``, ``.arrow`` and ``.feather`` hold a row a
        firing. Raises ``UserError`` at other endings.
        """
        from simulator.report.tracefile import trace_writer

        return trace_writer(Path(path))(self.lowered, self.trace, Path(path))

    def trace_table(self) -> pa.Table:
        """The trace as an Arrow table, a row a firing; its times are those of the trace, not copied."""
        from simulator.report.arrow import trace_table

        return trace_table(self.lowered, self.trace)


@dataclass(frozen=True, eq=False)
class TotalsResult(Report):
    """A finished run of which only totals were kept: the same tables, but for those that follow single firings.

    What only a trace tells (frames, timeline, levels over time, firings) raises ``UserError``.
    """

    lowered: Lowered
    counted: TotalsRun
    wall_s: float = 0.0
    origin: Mapping[str, object] = field(default_factory=dict)
    kept = "totals"

    @property
    def run(self) -> TotalsRun:
        """The figures behind the tables, in exact ticks."""
        return self.counted

    @property
    def _engine(self) -> tuple[str, str]:
        return "compiled", self.run.totals.reason

    @property
    def _firings(self) -> int:
        return self.run.totals.firings

    @cached_property
    def latencies(self) -> pd.DataFrame:
        """A row a latency (or a range a thousandth wide, where there are very many): how many frames took so long."""
        return latencies_table(self.run.frames.latencies)

    @property
    def frames(self) -> pd.DataFrame:
        """Needs a trace; raises ``UserError``."""
        raise _needs_trace("the table of frames")

    @property
    def timeline(self) -> pd.DataFrame:
        """Needs a trace; raises ``UserError``."""
        raise _needs_trace("the timeline")

    @property
    def levels(self) -> pd.DataFrame:
        """Needs a trace; raises ``UserError``."""
        raise _needs_trace("the fill of FIFOs over time")

    @property
    def firings(self) -> pd.DataFrame:
        """Needs a trace; raises ``UserError``."""
        raise _needs_trace("the table of firings")

    @property
    def trace(self) -> Trace:
        """There is none; raises ``UserError``."""
        raise _needs_trace("the trace")

    def save(self, folder: str | Path) -> Path:
        """Writes tables, plan, totals and a manifest into ``folder`` (made if need be)."""
        from simulator.report.saving import save_totals

        return save_totals(self, Path(folder))


def _needs_trace(what: str) -> UserError:
    return UserError(
        f"{what} needs a trace, and this run kept totals; run it without totals (--totals), with fewer frames if its "
        "trace does not fit"
    )


def load_result(folder: str | Path) -> SavedResult:
    """Reads a saved result: its tables, summary, pictures, plan and trace.

    Raises ``UserError`` where the folder holds none.
    """
    from simulator.report.saving import load_saved

    return load_saved(Path(folder))


__all__ = ["Report", "Result", "TotalsResult", "load_result"]
