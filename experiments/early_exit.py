"""What do branches that depend on the input do to a pipeline, a GPU and an ASIC?

Setup: three methods, each on its own network. BranchyNet (Teerapittayanon et al., ICPR 2016): frames leave B-AlexNet at
one of three exits by the published shares, and what lies behind an exit begins only when it has not been taken. SkipNet
(Wang et al., ECCV 2018): residual blocks of ResNet-18 are skipped by easy inputs, three in ten on average. HydraNet
(Mullapudi et al., CVPR 2018): a gate runs four of twenty branches for each input. All see the same inputs. The pipeline
is folded for the mean work; latencies are those at 80 % of the pace that is reached.

The figure compares throughput with the dense network beside the work saved, and shows latency from p50 to p99. The
sentences printed at the end answer for each method: does it modify the balance of computations between processing
elements, and is it suitable for a GPU?

    python experiments/early_exit.py --out runs/early_exit
"""

from __future__ import annotations

from collections.abc import Sequence

from experiments.common import natural, options, script
from experiments.dynamic_common import Method, answers, draw_gains, draw_latencies, finish, new_figure, study
from workloads.generators.branches import early_exit_stream, hydra_stream, skip_stream
from workloads.loading import load_network


def methods(frames: int, seed: int, names: Sequence[str]) -> list[Method]:
    """The three methods, or those named."""
    exits, blocks, branches = (load_network(name) for name in ("branchy-alexnet", "resnet-18", "hydranet"))
    made = {
        "BranchyNet": lambda: Method("BranchyNet", exits, early_exit_stream(exits, frames, seed=seed)),
        "SkipNet": lambda: Method("SkipNet", blocks, skip_stream(blocks, max(16, frames // 3), seed=seed)),
        "HydraNet": lambda: Method("HydraNet", branches, hydra_stream(branches, frames, seed=seed)),
    }
    return [made[name]() for name in names]


NAMES = ("BranchyNet", "SkipNet", "HydraNet")


@script
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the methods, write table and figure, print the answers."""
    parser = options(__doc__, "runs/early_exit")
    parser.add_argument("--frames", type=natural, default=192, help="frames a run, a third of them for SkipNet (192)")
    parser.add_argument(
        "--methods", nargs="+", default=list(NAMES), choices=NAMES, metavar="NAME", help=" ".join(NAMES)
    )
    given = parser.parse_args(arguments)
    table = study(methods(given.frames, given.seed, given.methods))
    said = answers(table)
    figure = new_figure(said)
    left, right = figure.subplots(1, 2)
    draw_gains(left, table)
    draw_latencies(right, table)
    finish(given.out, "early_exit", {"early_exit": table}, figure, said)


if __name__ == "__main__":
    main()
