"""A network whose frames all ask the same: the dense work of every layer, once a frame."""

from __future__ import annotations

from workloads.arrivals import Arrivals
from workloads.generators.schedule import Schedule
from workloads.network import Network
from workloads.tokens import LayerWork, TokenStream


def static_stream(
    network: Network, frames: int | None = None, arrivals: str | Arrivals | None = None, seed: int = 0
) -> TokenStream:
    """Every frame asks the dense work of every layer.

    ``frames`` None takes all recorded arrivals, or :data:`workloads.arrivals.DEFAULT_FRAMES`; ``arrivals`` None is
    saturated. Only the arrivals draw from ``seed``. Raises :class:`workloads.errors.WorkloadError` where arrivals
    cannot be read.
    """
    schedule = Schedule.of(frames, arrivals, seed)
    work = {group.name: LayerWork.static(group) for group in network.groups() if group.kind != "input"}
    return schedule.stream("static", network, work)
