"""How long can a network grow on hardware that does not?

Setup: continual learning on M-CifarNet. A progressive network (Rusu et al., arXiv 1606.04671) gets a new column with
laterals from all earlier ones for each task; a dynamically expandable network (Yoon et al., ICLR 2018) gets wider. The
network grows while it runs: a task begins every so many frames. On a GPU whose memory is small, on a systolic array and
on a streaming pipeline built for the grown network, throughput falls with each task; and at some task the weights no
longer fit the memory, which is told. The pipeline is folded for the mean work.

The figure shows the pace of each task on each hardware, and the weights beside the memory up to the task that does not
fit. The sentences printed at the end answer for each method: does it modify the balance of computations between
processing elements, and is it suitable for a GPU?

    python experiments/continual.py --out runs/continual
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.common import natural, options, script, step
from experiments.dynamic_common import (
    COLOURS,
    GPU,
    TARGETS,
    Method,
    Target,
    answers,
    draw_gains,
    finish,
    new_figure,
    plain,
    run,
    study,
)
from simulator.errors import MappingError
from simulator.lowering import lower
from simulator.platform import load_platform
from simulator.report.style import BLACK, GREY
from simulator.result import Result
from workloads.generators.growth import expandable_stream, progressive_stream
from workloads.loading import load_network
from workloads.network import Network
from workloads.tokens import TokenStream

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

MEMORY_MIB = 32
"""Memory left for the network on the small GPU."""

Grow = Callable[[Network, int, int, int], TokenStream]


def _progressive(network: Network, frames: int, seed: int, tasks: int) -> TokenStream:
    return progressive_stream(network, frames, seed=seed, tasks=tasks)


def _expandable(network: Network, frames: int, seed: int, tasks: int) -> TokenStream:
    return expandable_stream(network, frames, seed=seed, tasks=tasks, first=0.4)


GROWTHS: dict[str, Grow] = {"progressive": _progressive, "expandable": _expandable}


def pace_of_tasks(target: Target, stream: TokenStream, tasks: int) -> list[float]:
    """Frames a second of each task, between the departures of its frames."""
    done = _departures(run(target, stream))
    edges = [stream.frames * task // tasks for task in range(tasks + 1)]
    paces = []
    for first, last in pairwise(edges):
        own = done[first + (last - first) // 2 : last]  # the second half of a task, when what came before has left
        paces.append(float((own > own[0]).sum() / (own[-1] - own[0])))  # a batch leaves at one instant
    return paces


def _departures(result: Result) -> Any:
    return result.run.frames.departure.astype(np.float64) * float(result.lowered.plan.tick)


def paces(network: Network, frames: int, seed: int, tasks: int) -> pd.DataFrame:
    """The pace of every task of every method on every target."""
    import pandas as pd

    rows = []
    for name, grow in GROWTHS.items():
        stream = grow(network, frames, seed, tasks)
        for target in TARGETS:
            for task, pace in enumerate(pace_of_tasks(target, stream, tasks), 1):
                rows.append({"method": name, "target": target.title, "task": task, "throughput_fps": pace})
    return pd.DataFrame(rows)


def growth_until_full(network: Network, most: int) -> tuple[pd.DataFrame, str]:
    """Weights of a progressive network by number of tasks up to the first that does not fit, and what is said then."""
    import pandas as pd

    platform = load_platform(GPU.platform, {"memories.dram.size": f"{MEMORY_MIB} MiB"})
    rows, told = [], ""
    for tasks in range(1, most + 1):
        stream = progressive_stream(network, tasks, tasks=tasks)
        weights = sum(lower(load_platform(GPU.platform), stream, GPU.rules()).weights_bytes.values())
        try:
            lower(platform, stream, GPU.rules())
        except MappingError as error:
            told = f"with {tasks} tasks: {error}"
        rows.append({"tasks": tasks, "weights_mib": weights / 2**20, "memory_mib": MEMORY_MIB, "fits": not told})
        if told:
            break
    return pd.DataFrame(rows), told


def draw_paces(axis: Axes, table: pd.DataFrame) -> None:
    """Pace beside that of the first task."""
    for (method, target), part in table.groupby(["method", "target"], sort=False):
        first = float(part["throughput_fps"].iloc[0])
        solid = method == "progressive"
        axis.plot(
            part["task"], part["throughput_fps"] / first, "-o" if solid else "--s", color=COLOURS[str(target)],
            label=f"{target}, {method}", markersize=5,
        )  # fmt: skip
    axis.set_xticks(sorted(set(table["task"])))
    axis.set_xlabel("task")
    axis.set_ylabel("pace beside the first task")
    axis.set_yscale("log")
    axis.legend(frameon=False, fontsize="x-small")
    plain(axis)


def draw_memory(axis: Axes, table: pd.DataFrame) -> None:
    """Weights by number of tasks beside the memory."""
    colours = [COLOURS[GPU.title] if fits else GREY for fits in table["fits"]]
    axis.bar(
        table["tasks"], table["weights_mib"], color=colours, hatch=["" if fits else "//" for fits in table["fits"]]
    )
    axis.axhline(MEMORY_MIB, color=BLACK, linestyle="--", linewidth=1)
    axis.text(0.6, MEMORY_MIB, " memory", va="bottom", fontsize="small")
    axis.set_xticks(list(table["tasks"]))
    axis.set_xlabel("tasks of the progressive network")
    axis.set_ylabel("weights [MiB]")
    plain(axis)


@script
def main(arguments: Sequence[str] | None = None) -> None:
    """Let the networks grow, write tables and figure, print the answers."""
    parser = options(__doc__, "runs/continual")
    parser.add_argument("--frames", type=natural, default=192, help="frames a run (192)")
    parser.add_argument("--tasks", type=natural, default=3, help="tasks of a run (3)")
    parser.add_argument("--most", type=natural, default=12, help="tasks to try until the memory is full (12)")
    given = parser.parse_args(arguments)
    if given.frames < 4 * given.tasks:
        parser.error(f"{given.frames} frames for {given.tasks} tasks; the pace of a task takes four frames at least")
    network = load_network("m-cifarnet")
    table = study(
        [Method(name, network, grow(network, given.frames, given.seed, given.tasks)) for name, grow in GROWTHS.items()]
    )
    with step("pace of each task"):
        by_task = paces(network, given.frames, given.seed, given.tasks)
    with step("growth until the memory is full"):
        memory, told = growth_until_full(network, given.most)
    said = [*answers(table), f"A GPU with {MEMORY_MIB} MiB says {told or 'nothing: all tasks fit'}."]
    figure = new_figure(said, width=15.0, height=5.8)
    left, middle, right = figure.subplots(1, 3)
    draw_gains(left, table)
    draw_paces(middle, by_task)
    draw_memory(right, memory)
    finish(given.out, "continual", {"continual": table, "tasks": by_task, "memory": memory}, figure, said)


if __name__ == "__main__":
    main()
