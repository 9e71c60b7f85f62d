"""CPUs: the ncnn benchmark on eleven clusters of nine boards, and a server that nothing was tuned to.

Two factors a board, its efficiency and its serial fraction, are fitted to SqueezeNet, MobileNet and ResNet-18 (see the
headers of the platform files, and ``refit`` below); everything else about a board is what its data sheets and memory
benchmarks say, and everything about ncnn's kernels is one prior for all (simulator/elements/libraries.py). The other
networks are predictions. Sixteen networks are known by their totals only and run as chains of equal layers. The run of
the Snapdragon 810 on both of its clusters at once is left out: a layer runs on one element.

The AVX-512 server's file was written from calibration loops. Its rows show that it gives those loops back; what it says
of networks was compared with nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from experiments.validation.ncnn_networks import networks, read
from experiments.validation.rows import Row, aggregate
from simulator.calibration import Calibration, Measurement, calibrate, predict
from simulator.platform import load_platform
from workloads.builder import NetworkBuilder
from workloads.network import Network

SOURCE = "Tencent/ncnn, commit a4d2ea1, benchmark/README.md"
GROUP = "ncnn on CPUs"
FITTED_TO = ("squeezenet", "mobilenet", "resnet18")
APART = {
    "vgg16": "large kernels beyond the caches",
    "alexnet": "grouped and fully connected layers",
    "yolo-fastest-1.1": "hundreds of tiny layers",
    "yolo-fastestv2": "hundreds of tiny layers",
}
"""Networks that are shown and not judged, with the reason; int8 runs, transformers and networks without a table too."""


_GEMM = ((512, 1, 162.5), (1024, 1, 165.1), (2048, 1, 165.2), (512, 2, 295.8))
_GIVEN = "an input of the platform file"


@dataclass(frozen=True, slots=True)
class Board:
    """A cluster of cores of the benchmark and where it stands in the catalogue."""

    heading: str
    cluster: str
    platform: str
    element: str
    fits_serial: bool = True


BOARDS = (
    Board("raspberry_pi_3b_plus", "0", "raspberry-pi-3", "cpu"),
    Board("raspberry_pi_4b", "0", "raspberry-pi-4", "cpu"),
    Board("rk3399_a72_a53", "2", "rk3399", "big"),
    Board("rk3399_a72_a53", "1", "rk3399", "little"),
    Board("jetson_nano", "0", "jetson-nano", "cpu"),
    Board("jetson_agx_orin", "0", "jetson-agx-orin", "cpu"),
    Board("snapdragon_855_plus", "2", "snapdragon-855", "cpu"),
    Board("snapdragon_810_a57_a53", "2", "snapdragon-810", "big"),
    Board("zynq_7020_a9", "0", "zynq-7020-cpu", "cpu"),
    Board("threadripper_3970x", "0", "threadripper-3970x", "cpu", fits_serial=False),
)


def measurements(board: Board, known: dict[str, Network]) -> list[tuple[str, int, Measurement]]:
    """Network, threads and measured time of every run of a board whose network can be built."""
    found = []
    for row in read("ncnn_latency.csv"):
        if (row["board"], row["cluster"], row["device"]) != (board.heading, board.cluster, "cpu"):
            continue
        if row["network"] in known:
            threads, seconds = int(row["threads"]), float(row["min_ms"]) / 1e3
            measured = Measurement(known[row["network"]], seconds, element=board.element, cores=threads)
            found.append((row["network"], threads, measured))
    return found


def refit(board: Board) -> Calibration:
    """The fit that gave the factors of the board's platform file."""
    keys = ("efficiency", "serial_fraction") if board.fits_serial else ("efficiency",)
    rows = [m for name, _, m in measurements(board, networks()) if name in FITTED_TO]
    paths = [f"processing_elements.{board.element}.{key}" for key in keys]
    return calibrate(board.platform, rows, paths, leave_one_out=False)


def rows() -> list[Row]:
    """Every run that can be simulated, and the two figures that are judged."""
    return _ncnn_rows() + _server_rows()


def _server_rows() -> list[Row]:
    """Matrix products on the AVX-512 server: what its file was written from."""
    found = []
    for size, threads, reference in _GEMM:
        builder = NetworkBuilder("gemm")
        builder.dense(builder.input((size, size)), size, bias=False, name="product")
        platform = load_platform("server-2core-avx512", {"processing_elements.cpu.cores": str(threads)})
        seconds = predict(platform, Measurement(builder.build(), 1.0, "cpu"))
        case = f"GEMM of {size}, {threads} thread{'s' if threads > 1 else ''}"
        speed = 2 * size**3 / seconds / 1e9
        found.append(
            Row("AVX-512 server", case, "GFLOP/s", reference, speed, None, "calibration run, OpenBLAS", _GIVEN)
        )
    return found


def _ncnn_rows() -> list[Row]:
    known = networks()
    pooled: list[Row] = []
    shown: list[Row] = []
    for board in BOARDS:
        platform = load_platform(board.platform)
        for name, threads, measured in measurements(board, known):
            where = f"{board.platform} {board.element} x{threads}: {name}"
            note = "the fit saw it" if name in FITTED_TO else APART.get(name, "")
            simulated = predict(platform, measured) * 1e3
            row = Row(GROUP, where, "ms", measured.seconds * 1e3, simulated, None, SOURCE, note)
            (shown if note else pooled).append(row)
    count = f"{len(pooled)} runs of {len(known) - len(FITTED_TO) - len(APART)} networks that no fit saw"
    judged = [
        aggregate(pooled, GROUP, "median error of all boards", 0.5, 0.25, SOURCE, count),
        aggregate(pooled, GROUP, "90th percentile of the error", 0.9, 0.65, SOURCE, count),
    ]
    return judged + pooled + shown
