"""Can spikes be drawn at their mean rates instead of running the neurons? Energy says yes, queues say no.

Setup: the network of ``spiking.py`` on a synthetic event-camera scene. Its run is replayed on the chip of
'neuromorphic-soc' twice: as the neurons fired, and with every neuron of every layer firing independently at the mean
rate it had (a Bernoulli draw a step). Both have the same mean counts.

Reported: energy, synaptic events a step (mean, deviation, peak over mean, Fano factor, lag-1 correlation), step times
(mean, 99th percentile, longest), and packets waiting at the cores. The figure shows events and step times over the
steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from experiments.common import conclude, natural, options, script, step, write_figure
from experiments.spiking import gesture
from simulator.mapping import MappingRules
from simulator.platform import load_platform
from simulator.result import Result
from simulator.simulation import simulate
from workloads.generators.spiking import spiking_stream
from workloads.spiking import count_statistics, matched_bernoulli, synaptic_events
from workloads.spiking.simulation import SpikingRun
from workloads.spiking.streams import SpikingWork, stream_of
from workloads.tokens import TokenStream

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]


def matched(stream: TokenStream, seed: int) -> TokenStream:
    """The same stream with every train, inputs too, redrawn at the neurons' mean rates."""
    run = run_of(stream)
    spikes = {name: matched_bernoulli(train, seed, f"matched.{name}") for name, train in run.spikes.items()}
    events = {p.name: synaptic_events(p, spikes[p.source]) for p in run.network.projections}
    drawn = replace(run, spikes=spikes, synaptic_events=events)
    return stream_of(drawn, stream.network, stream.release_ps, origin={**stream.origin, "replayed": "bernoulli"})


def run_of(stream: TokenStream) -> SpikingRun:
    """The spiking run that a stream carries."""
    return next(work.run for work in stream.work.values() if isinstance(work, SpikingWork) and work.run is not None)


def step_times_us(result: Result) -> Floats:
    """Microseconds between the barriers of successive steps."""
    names = [actor.name for actor in result.lowered.plan.actors]
    ends = result.trace.end[names.index("chip.barrier")].astype(np.float64)
    times: Floats = np.diff(ends, prepend=0.0) * float(result.lowered.plan.tick) * 1e6
    return times


def events_per_step(result: Result) -> Floats:
    """Synaptic events sent in each step, over all projections."""
    total: Floats = np.sum(list(run_of(result.lowered.stream).synaptic_events.values()), axis=0).astype(np.float64)
    return total


def measure(name: str, result: Result) -> dict[str, Any]:
    """The row of one replay."""
    events, times = events_per_step(result), step_times_us(result)
    peak, fano, lag1 = count_statistics(events)
    energy = result.energy
    own = energy[(energy["part"] == "chip") & energy["modelled"] & (energy["cause"] != "idle")]
    waiting = result.fifos[(result.fifos["kind"] == "fifo") & result.fifos["consumer"].str.startswith("core")]
    return {
        "spikes": name,
        "working_energy_uj": 1e3 * float(own["energy_mj"].sum()),
        "events_mean": events.mean(),
        "events_deviation": events.std(),
        "events_peak_over_mean": peak,
        "events_fano": fano,
        "events_lag1": lag1,
        "step_mean_us": times.mean(),
        "step_p99_us": float(np.percentile(times, 99)),
        "step_longest_us": times.max(),
        "most_waiting_packets": int(waiting["max_tokens"].max()),
        "mean_waiting_packets": float(waiting["mean_tokens"].sum()),
    }


def answer(table: pd.DataFrame) -> str:
    """What the rate-matched replay gets right and wrong, in one sentence."""
    real, drawn = table.iloc[0], table.iloc[1]
    energy = 100 * (drawn["working_energy_uj"] / real["working_energy_uj"] - 1)
    return (
        f"Rate-matched spikes give the chip's working energy within {energy:+.1f} %, but a variance of synaptic events"
        f" {(real['events_deviation'] / drawn['events_deviation']) ** 2:.0f}x too small, a longest step of"
        f" {drawn['step_longest_us']:.3g} instead of {real['step_longest_us']:.3g} us and at most"
        f" {drawn['most_waiting_packets']:.0f} instead of {real['most_waiting_packets']:.0f} packets in a queue."
    )


def plot(results: dict[str, Result], title: str, path: Path) -> None:
    """Synaptic events and step times over the steps, one line a replay."""
    from simulator.report.style import BLUE, ORANGE, blank_figure

    figure = blank_figure(11.0, 5.4)
    top, bottom = figure.subplots(2, 1, sharex=True)
    for (name, result), colour, style in zip(results.items(), (BLUE, ORANGE), ("-", "--"), strict=True):
        top.plot(events_per_step(result) / 1e3, color=colour, linestyle=style, linewidth=1.2, label=name)
        bottom.plot(step_times_us(result), color=colour, linestyle=style, linewidth=1.2, label=name)
    top.set_ylabel("synaptic events (thousands)")
    bottom.set_ylabel("step time (µs)")
    bottom.set_xlabel("time step")
    top.legend(fontsize=8)
    figure.suptitle(title, fontsize=10)
    write_figure(figure, path)


@script
def main(arguments: Sequence[str] | None = None) -> None:
    """Replay both trains; write table, figure and answer."""
    parser = options(__doc__, "runs/spike_coding")
    parser.add_argument("--steps", type=natural, default=200, help="time steps (200)")
    parser.add_argument("--activity", type=float, default=0.02, help="spikes a neuron and step (0.02)")
    given = parser.parse_args(arguments)
    import pandas as pd

    with step("neurons"):
        real = spiking_stream(
            gesture(),
            given.steps,
            None,
            given.seed,
            steps=given.steps,
            coding="events",
            activity=given.activity,
            delay=1,
        )
    platform = load_platform("neuromorphic-soc")
    results = {}
    for name, stream in (("neuron dynamics", real), ("rate-matched Bernoulli", matched(real, given.seed))):
        with step(name):
            results[name] = simulate(platform, stream, MappingRules(element="chip"))
    table = pd.DataFrame([measure(name, result) for name, result in results.items()])
    print(table.set_index("spikes").T.to_string(float_format="{:.4g}".format))
    conclude(given.out, "spike_coding", table, answer(table))
    plot(results, "Same mean rates, same energy, other queues", given.out / "spike_coding.png")


if __name__ == "__main__":
    main()
