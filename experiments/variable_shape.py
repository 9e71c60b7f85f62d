"""What do inputs of varying size do to a pipeline, a GPU and an ASIC?

Setup: spatial pyramid pooling (He et al., TPAMI 2015) lets ZF-5 take images of any size: here 180 or 224 pixels, or one
of five sizes. The DCNN (Kalchbrenner et al., ACL 2014) reads sentences of 3 to 52 words through wide convolutions and
dynamic k-max pooling. Each is compared with every input at the largest size, as hardware of one shape would pad it; a
GPU pads each batch to its largest input. The pipeline is folded for the mean work; latencies are those at 80 % of the
pace that is reached.

The figure compares throughput with the padded one beside the work saved, and shows latency from p50 to p99. The
sentences printed at the end answer for each: does it modify the balance of computations between processing elements,
and is it suitable for a GPU?

    python experiments/variable_shape.py --out runs/variable_shape
"""

from __future__ import annotations

from collections.abc import Sequence

from experiments.common import natural, options, script
from experiments.dynamic_common import Method, answers, draw_gains, draw_latencies, finish, new_figure, study
from workloads.generators.shapes import resolution_stream, sentences_stream
from workloads.loading import load_network
from workloads.tokens import TokenStream

SIZES = {"180 or 224": (180, 224), "128 to 224": (128, 152, 176, 200, 224)}


def _padded(name: str, stream: TokenStream) -> Method:
    """Compared with every frame as large as the largest."""
    return Method(name, stream.network, stream)


def methods(frames: int, seed: int) -> list[Method]:
    """Images of two and of five sizes, and sentences."""
    pyramid, sentences = load_network("spp-net"), load_network("dcnn")
    images = max(16, frames // 4)
    made = [
        _padded(f"images of {name}", resolution_stream(pyramid, images, seed=seed, sizes=sizes))
        for name, sizes in SIZES.items()
    ]
    return [*made, _padded("sentences", sentences_stream(sentences, frames, seed=seed))]


@script
def main(arguments: Sequence[str] | None = None) -> None:
    """Run every method, write table and figure, print the answers."""
    parser = options(__doc__, "runs/variable_shape")
    parser.add_argument("--frames", type=natural, default=256, help="sentences a run, and four times the images (256)")
    given = parser.parse_args(arguments)
    table = study(methods(given.frames, given.seed))
    said = answers(table)
    figure = new_figure(said)
    left, right = figure.subplots(1, 2)
    draw_gains(left, table)
    draw_latencies(right, table)
    finish(given.out, "variable_shape", {"variable_shape": table}, figure, said)


if __name__ == "__main__":
    main()
