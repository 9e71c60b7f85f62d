"""Spiking networks on an FPGA: stream each time step through all layers, or collect them in ticks and batches?

Setup: the network of ``spiking.py`` as a streaming pipeline on the fabric of 'neuromorphic-soc', one row a token.
'Streaming' passes every time step on as it comes (S2N2: Khodamoradi et al., FPGA 2021, doi:10.1145/3431920.3439283);
'tick batch' lets a layer begin only when all ``--steps`` time steps of the layer before are there, so a whole batch
lies between any two layers. Time steps arrive at ``--rate`` a second.

Reported: the first and the last result, bytes in the FIFOs (mean, most), and how they grow with the number of steps.
The figure shows buffer size and latency over the number of steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.common import conclude, natural, options, script, step, write_figure
from experiments.spiking import gesture
from simulator.mapping import MappingRules
from simulator.platform import Platform, load_platform
from simulator.result import Result
from simulator.simulation import simulate
from workloads.generators.spiking import spiking_stream

if TYPE_CHECKING:
    import pandas as pd

LENGTHS = (1, 4, 16, 64)


def run(platform: Platform, steps: int, batched: bool, rate: float, seed: int, inferences: int) -> Result:
    """``inferences`` times ``steps`` time steps on the fabric."""
    stream = spiking_stream(
        gesture(), steps * inferences, f"periodic:{rate:g}Hz", seed, steps=steps, coding="events", activity=0.02
    )
    if not batched:
        return simulate(platform, stream, MappingRules(element="fpga", granularity="row"))
    return simulate(platform, stream, MappingRules(element="fpga", granularity="frame", batch=steps))


def measure(result: Result, steps: int, batched: bool) -> dict[str, Any]:
    """The row of one run."""
    frames, fifos = result.frames, result.fifos
    inside = fifos[fifos["kind"] == "fifo"]
    arrived = frames["arrival_us"].iloc[steps - 1 :: steps].to_numpy()
    left = frames["departure_us"].iloc[steps - 1 :: steps].to_numpy()
    return {
        "scheme": "tick batch" if batched else "streaming",
        "steps": steps,
        "first_result_us": float(frames["departure_us"].iloc[0] - frames["arrival_us"].iloc[0]),
        "result_after_last_step_us": float((left - arrived).mean()),
        "fifo_most_bytes": float(inside["max_bytes"].sum()),
        "fifo_mean_bytes": float(inside["mean_bytes"].sum()),
        "throughput_steps_per_s": result.summary()["throughput_fps"],
    }


def answer(table: pd.DataFrame) -> str:
    """What a tick batch costs at the longest inference."""
    rows = table[table["steps"] == table["steps"].max()].set_index("scheme")
    memory = rows.loc["tick batch", "fifo_most_bytes"] / rows.loc["streaming", "fifo_most_bytes"]
    wait = rows.loc["tick batch", "result_after_last_step_us"] / rows.loc["streaming", "result_after_last_step_us"]
    first = rows.loc["tick batch", "first_result_us"] / rows.loc["streaming", "first_result_us"]
    return (
        f"With {table['steps'].max()} time steps an inference, tick batches take {memory:.0f}x the FIFO"
        " memory of streaming,"
        f" give the result {wait:.1f}x as long after the last step and the first step's {first:.0f}x as late."
    )


def plot(table: pd.DataFrame, title: str, path: Path) -> None:
    """FIFO bytes and latency over the steps of an inference."""
    from simulator.report.style import BLUE, GREEN, blank_figure

    figure = blank_figure(10.0, 4.4)
    left, right = figure.subplots(1, 2)
    for scheme, colour, style, mark in (("streaming", GREEN, "-", "o"), ("tick batch", BLUE, "--", "s")):
        rows = table[table["scheme"] == scheme]
        left.plot(rows["steps"], rows["fifo_most_bytes"], color=colour, linestyle=style, marker=mark, label=scheme)
        right.plot(rows["steps"], rows["first_result_us"], color=colour, linestyle=style, marker=mark, label=scheme)
    for panel, label in ((left, "most bytes in the FIFOs (B)"), (right, "first step's result (µs)")):
        panel.set_xscale("log", base=2)
        panel.set_yscale("log")
        panel.set_xlabel("time steps an inference")
        panel.set_ylabel(label)
        panel.grid(True, which="major", linewidth=0.3)
    left.legend(fontsize=8)
    figure.suptitle(title, fontsize=10)
    write_figure(figure, path)


@script
def main(arguments: Sequence[str] | None = None) -> None:
    """Run both schemes at every length; write table, figure and answer."""
    parser = options(__doc__, "runs/tick_batching")
    parser.add_argument("--rate", type=float, default=50_000.0, help="time steps a second (50000)")
    parser.add_argument("--inferences", type=natural, default=3, help="inferences of each run (3)")
    parser.add_argument("--steps", type=natural, action="append", help="only this length; may be repeated")
    given = parser.parse_args(arguments)
    import pandas as pd

    platform = load_platform("neuromorphic-soc")
    rows = []
    for steps in given.steps or LENGTHS:
        for batched in (False, True):
            with step(f"{'tick batch' if batched else 'streaming'} of {steps}"):
                result = run(platform, steps, batched, given.rate, given.seed, given.inferences)
                rows.append(measure(result, steps, batched))
    table = pd.DataFrame(rows)
    print(table.to_string(index=False, float_format="{:.4g}".format))
    conclude(given.out, "tick_batching", table, answer(table))
    plot(table, "Tick batches: buffers grow with the steps, streaming ones do not", given.out / "tick_batching.png")


if __name__ == "__main__":
    main()
