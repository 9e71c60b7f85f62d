"""The pictures that every result offers, fresh or loaded: each reads the result's tables and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from simulator.report.tables import HasTables


class Views:
    """Adds the pictures to a class with tables.

    Each returns the matplotlib figure, and writes it where ``path`` is given.
    """

    def plot_timeline(self: HasTables, path: str | Path | None = None) -> Figure:
        """What the slots of every element did over time: at work, waiting for what, or idle."""
        from simulator.report.plots import plot_timeline, written

        return written(plot_timeline(self), path)

    def plot_occupancy(self: HasTables, path: str | Path | None = None) -> Figure:
        """How full the fullest FIFOs were over time."""
        from simulator.report.plots import plot_occupancy, written

        return written(plot_occupancy(self), path)

    def plot_energy(self: HasTables, path: str | Path | None = None) -> Figure:
        """Energy by part of the platform and cause."""
        from simulator.report.plots import plot_energy, written

        return written(plot_energy(self), path)

    def plot_layers(self: HasTables, path: str | Path | None = None) -> Figure:
        """Time in service of every layer a frame."""
        from simulator.report.plots import plot_layers, written

        return written(plot_layers(self), path)
