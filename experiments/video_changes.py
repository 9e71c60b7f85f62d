"""How much of a video's stillness does hardware turn into speed?

Setup: only what changed since the frame before is computed (DynCNN, OpenReview HyVxPsC9tm, 2018): changed pixels spread
through the windows of the layers, so deep layers change more than the first. The video is made here: squares of varying
number move over a still scene; M-CifarNet reads it at 96 x 96. Beside it FracBNN (Zhang et al., FPGA 2021), where a
second pass updates the outputs above a threshold: more work where a one-bit pass is not sure. The pipeline is folded
for the mean work; latencies are those at 80 % of the pace that is reached.

The figure shows throughput beside the dense network for each scene, what each layer has to compute anew, and latencies.
The sentences printed at the end answer for each: does it modify the balance of computations between processing
elements, and is it suitable for a GPU?

    python experiments/video_changes.py --out runs/video_changes
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from experiments.common import natural, options, script
from experiments.dynamic_common import Method, answers, draw_gains, draw_latencies, finish, new_figure, plain, study
from simulator.report.style import PALETTE
from workloads.generators.location import changes_stream, gated_pass_stream
from workloads.loading import load_network
from workloads.transforms import scale_resolution

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIDE = 96
SCENES = {"1 small object": (1, 0.1), "2 objects": (2, 0.2), "6 objects": (6, 0.25)}
"""Number of objects and their side as a share of the frame's."""


def methods(frames: int, seed: int) -> list[Method]:
    """Scenes with more and more movement, and the gated second pass."""
    network = scale_resolution(load_network("m-cifarnet"), SIDE)
    made = [
        Method(name, network, changes_stream(network, frames, seed=seed, objects=objects, size=size))
        for name, (objects, size) in SCENES.items()
    ]
    gated = load_network("fracbnn-cifar10")
    return [
        *made,
        Method("FracBNN gate", gated, gated_pass_stream(gated, frames, seed=seed)),
    ]


def draw_shares(axis: Axes, chosen: Sequence[Method]) -> None:
    """The mean share of each layer that is computed anew."""
    for method, colour, mark in zip(chosen, PALETTE, "os^D", strict=False):
        layers = [work for work in method.stream.work.values() if work.layer.kind == "conv"]
        shares = [float(np.mean(work.output_positions * work.executed)) for work in layers]
        axis.plot(range(1, len(shares) + 1), shares, color=colour, marker=mark, label=method.name)
    axis.set_xlabel("convolution")
    axis.set_ylabel("share of positions computed anew")
    axis.set_ylim(0, 1.05)
    axis.legend(frameon=False, fontsize="small")
    plain(axis)


@script
def main(arguments: Sequence[str] | None = None) -> None:
    """Run every scene, write table and figure, print the answers."""
    parser = options(__doc__, "runs/video_changes")
    parser.add_argument("--frames", type=natural, default=160, help="frames a run (160)")
    given = parser.parse_args(arguments)
    chosen = methods(given.frames, given.seed)
    table = study(chosen)
    said = answers(table)
    figure = new_figure(said, width=15.0, height=5.8)
    left, middle, right = figure.subplots(1, 3)
    draw_gains(left, table)
    draw_shares(middle, [method for method in chosen if method.name in SCENES])
    draw_latencies(right, table)
    finish(given.out, "video_changes", {"video_changes": table}, figure, said)


if __name__ == "__main__":
    main()
