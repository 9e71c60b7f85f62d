"""The result of a run: everything that its plan and trace say, as tables, a summary and pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.analysis.bottleneck import Bottleneck, bottleneck
from simulator.analysis.energy import total_pj
from simulator.analysis.latency import deadline_misses, latency_summary
from simulator.analysis.run import Run
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
    layers_table,
    stages_table,
)
from simulator.lowered import Lowered
from simulator.report.plain import plain, records
from simulator.report.views import Views
from simulator.trace import Trace

if TYPE_CHECKING:
    import pandas as pd

    from simulator.report.saving import SavedResult


@dataclass(frozen=True, eq=False)
class Result(Views):
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
    def frames(self) -> pd.DataFrame:
        """A row a frame: arrival, entry, departure, latency, and whether it was dropped."""
        return frames_table(self.run)

    @cached_property
    def energy(self) -> pd.DataFrame:
        """A row a part and cause; empty where the platform does not model it."""
        return energy_table(self.run)

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

    @cached_property
    def bottleneck(self) -> Bottleneck:
        """What limits the run, why, and what would buy most."""
        return bottleneck(self.run)

    @cached_property
    def _summary(self) -> dict[str, Any]:
        run, tick = self.run, self.lowered.plan.tick
        steady, own = run.steady, run.frames
        energy = total_pj(run.energy)
        delivered = int(own.delivered.sum())
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
            "latency_ms": latency_summary(run.latencies_ps * 1e-9),
            "energy_mj": None if energy is None else energy * 1e-9,
            "energy_per_frame_mj": None if energy is None or not delivered else energy * 1e-9 / delivered,
            "energy_not_modelled": [f"{item.part}.{item.cause}" for item in run.energy if item.energy_pj is None],
            "frames": self.lowered.stream.frames,
            "delivered": delivered,
            "dropped": int(own.void.sum()),
            "deadline_misses": deadline_misses(self.lowered, own),
            "elapsed_ms": run.elapsed_s * 1e3,
            "bottleneck": asdict(self.bottleneck),
            "firings": self.trace.firings,
            "engine": self.trace.engine,
            "engine_reason": self.trace.reason or None,
            "complete": self.trace.complete,
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

    def save(self, folder: str | Path, *, firings: bool = False) -> Path:
        """Writes tables, plan, trace and a manifest into ``folder`` (made if need be); ``firings`` adds the large
        table.
        """
        from simulator.report.saving import save_result

        return save_result(self, Path(folder), firings=firings)

    def write_trace(self, path: str | Path) -> int:
        """Writes a Chrome trace for Perfetto (gzip when the name ends in .gz) and returns the number of slices."""
        from simulator.report.perfetto import write_trace

        return write_trace(self.lowered, self.trace, Path(path))


def load_result(folder: str | Path) -> SavedResult:
    """Reads a saved result: its tables, summary, pictures, plan and trace.

    Raises ``UserError`` where the folder holds none.
    """
    from simulator.report.saving import load_saved

    return load_saved(Path(folder))


__all__ = ["Result", "load_result"]
