"""Continual learning: the network grows during the run, and with it the work and the memory that it needs."""

from __future__ import annotations

import numpy as np

from workloads.arrivals import Arrivals
from workloads.dynamic.branches import executed_only, static_work
from workloads.dynamic.growth import column_of, progressive
from workloads.dynamic.structured import keep_count, structured_work
from workloads.errors import WorkloadError
from workloads.generators.channels import prunable
from workloads.generators.schedule import Schedule
from workloads.network import Network
from workloads.tokens import TokenStream


def progressive_stream(
    network: Network,
    frames: int | None = None,
    arrivals: str | Arrivals | None = None,
    seed: int = 0,
    *,
    tasks: int = 3,
    at: tuple[int, ...] = (),
) -> TokenStream:
    """Progressive networks: each new task adds a column with laterals; a frame of task k runs columns 1 to k.

    ``at`` are the frames at which tasks 2, 3, ... begin (empty: evenly over the run). The platform must hold the
    columns of all tasks: the run is refused with what is missing where it does not. Source: A. Rusu et al., arXiv
    1606.04671.
    """
    schedule = Schedule.of(frames, arrivals, seed)
    begins = _begins(tasks, at, schedule.frames)
    grown = progressive(network, tasks)
    index = np.arange(schedule.frames)
    work = {name: executed_only(one, index >= begins[column_of(name)]) for name, one in static_work(grown).items()}
    return schedule.stream("progressive", grown, work, {"tasks": tasks, "at": begins[1:]})


def expandable_stream(
    network: Network,
    frames: int | None = None,
    arrivals: str | Arrivals | None = None,
    seed: int = 0,
    *,
    tasks: int = 3,
    first: float = 0.5,
    at: tuple[int, ...] = (),
) -> TokenStream:
    """Dynamically expandable networks: each task widens the layers, from the share ``first`` of the final width to
    all of it.

    Selective retraining does not change the work of an inference; expansion and splitting add channels. Source: J.
    Yoon et al., "Lifelong Learning with Dynamically Expandable Networks", ICLR 2018, section 3.
    """
    if not 0.0 < first <= 1.0:
        raise WorkloadError(f"first is {first}; write a share above 0 and at most 1")
    schedule = Schedule.of(frames, arrivals, seed)
    begins = _begins(tasks, at, schedule.frames)
    task = np.searchsorted(np.array(begins), np.arange(schedule.frames), side="right") - 1
    width = np.linspace(first, 1.0, tasks)[task]
    kept = {group.name: keep_count(group.main.out_channels, width) for group in prunable(network)}
    options = {"tasks": tasks, "first": first, "at": begins[1:]}
    return schedule.stream("expandable", network, structured_work(network, kept), options)


def _begins(tasks: int, at: tuple[int, ...], frames: int) -> list[int]:
    """The first frame of each task."""
    if tasks > frames:
        raise WorkloadError(f"{tasks} tasks in {frames} frames; write at most one task a frame")
    if tasks < 1 or (at and len(at) != tasks - 1):
        raise WorkloadError(
            f"{tasks} tasks and {len(at)} frames in 'at'; write the first frame of each task but the first"
        )
    begins = [0, *at] if at else [frames * task // tasks for task in range(tasks)]
    if sorted(begins) != begins or begins[-1] >= frames:
        raise WorkloadError(f"tasks begin at frames {begins} of {frames}; write rising frames within the run")
    return begins
