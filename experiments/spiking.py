"""One spiking network on a neuromorphic chip, an FPGA, a GPU and a CPU: which wins, and at what activity?

Setup: a convolutional network of the DVS-Gesture kind (2x32x32 - 16C3s2 - 32C3 - AP2 - 32C3 - FC11,
integrate-and-fire, seeded weights) on synthetic event-camera scenes, thresholds tuned to each activity; ``--steps``
time steps an inference. It runs on the platform 'neuromorphic-soc': on the chip (one layer a step), as an FPGA
pipeline (dense, streaming), on the GPU (a step at a time, and all steps as one batch), and on the CPU (dense, and
walking events). Each run is one inference from rest.

Reported: latency and energy an inference (what the element does, and with its idle power while it runs), how busy its
busiest part is, and the most packets or tokens that waited before any actor. The figure shows energy and latency over
activity; the answer names the winner.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.common import conclude, natural, options, script, step, write_figure
from simulator.mapping import MappingRules
from simulator.platform import Platform, load_platform
from simulator.result import Result
from simulator.simulation import simulate
from workloads.builder import NetworkBuilder
from workloads.generators.spiking import spiking_stream
from workloads.network import Network

if TYPE_CHECKING:
    import pandas as pd

ACTIVITIES = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2)


@dataclass(frozen=True, slots=True)
class Way:
    """A way to run the network: where, whether work follows events, all steps as one batch or not, the layer delay."""

    name: str
    element: str
    event_driven: bool = False
    batched: bool = False
    delay: int = 0


WAYS = (
    Way("chip", "chip", delay=1),
    Way("fpga, streaming", "fpga"),
    Way("gpu, step by step", "gpu"),
    Way("gpu, all steps at once", "gpu", batched=True),
    Way("cpu, dense", "cpu"),
    Way("cpu, events", "cpu", event_driven=True),
)


def gesture() -> Network:
    """The network, with 8-bit weights on 1-bit maps."""
    builder = NetworkBuilder("gesture", number="int", weight_bits=8, activation_bits=1)
    x = builder.relu(builder.conv(builder.input((2, 32, 32)), 16, 3, 2, bias=False, name="conv1"))
    x = builder.relu(builder.conv(x, 32, 3, bias=False, name="conv2"))
    x = builder.relu(builder.conv(builder.avg_pool(x, 2, name="pool"), 32, 3, bias=False, name="conv3"))
    builder.dense(builder.flatten(x), 11, bias=False, name="fc")
    return builder.build()


def run(platform: Platform, way: Way, activity: float, steps: int, seed: int) -> Result:
    """One inference."""
    stream = spiking_stream(
        gesture(),
        steps,
        None,
        seed,
        steps=steps,
        coding="events",
        activity=activity,
        delay=way.delay,
        event_driven=way.event_driven,
    )
    return simulate(platform, stream, MappingRules(element=way.element, batch=steps if way.batched else None))


def measure(result: Result, way: Way, activity: float) -> dict[str, Any]:
    """The row of one run."""
    energy, elements = result.energy, result.elements
    memory = [name for name in ("dram",) if way.element in ("cpu", "gpu")]
    parts = energy[energy["part"].isin([way.element, *memory]) & energy["modelled"]]
    own = parts[(parts["cause"] != "idle") | (parts["part"] == way.element)]
    stages = result.stages
    used = stages[stages["element"] == way.element]
    packets = result.fifos[result.fifos["kind"] != "state"]
    events = [
        work.extra["synaptic_events"].sum()
        for work in result.lowered.stream.work.values()
        if "synaptic_events" in work.extra
    ]
    return {
        "way": way.name,
        "element": way.element,
        "activity": activity,
        "latency_us": result.run.elapsed_s * 1e6,
        "working_energy_uj": 1e3 * float(parts.loc[parts["cause"] != "idle", "energy_mj"].sum()),
        "energy_uj": 1e3 * float(own["energy_mj"].sum()),
        "busy_fraction": float(used["steady_busy_fraction"].max()),
        "most_waiting_tokens": int(packets["max_tokens"].max()),
        "synaptic_events": int(sum(events)),
        "element_busy_fraction": float(elements.loc[elements["element"] == way.element, "busy_fraction"].iloc[0]),
        "limit": result.bottleneck.name,
        "limit_layer": result.bottleneck.layer or "",
    }


def answer(table: pd.DataFrame) -> str:
    """Who wins on energy and on latency at the lowest and at the highest activity."""
    sentences = []
    for activity in (table["activity"].min(), table["activity"].max()):
        rows = table[table["activity"] == activity]
        lean = rows.sort_values("energy_uj", kind="stable").iloc[0]
        quick = rows.sort_values("latency_us", kind="stable").iloc[0]
        sentences.append(
            f"At {100 * activity:g} % activity '{lean['way']}' takes least energy, {lean['energy_uj']:.3g} uJ"
            " an inference"
            f" ({lean['working_energy_uj']:.3g} uJ of it not idle), and '{quick['way']}' is quickest,"
            f" {quick['latency_us']:.3g} us."
        )
    chip = table[table["element"] == "chip"].sort_values("activity")
    growth = chip["working_energy_uj"].iloc[-1] / chip["working_energy_uj"].iloc[0]
    ratio = chip["activity"].iloc[-1] / chip["activity"].iloc[0]
    sentences.append(
        f"The chip's working energy grows {growth:.1f}x over {ratio:.0f}x the activity; the dense ways pay the same."
    )
    return " ".join(sentences)


def plot(table: pd.DataFrame, path: Path) -> None:
    """Energy and latency an inference over activity, a line a way."""
    from simulator.report.style import blank_figure, element_colours

    models = {"chip": "neuromorphic", "fpga": "fpga", "gpu": "gpu", "cpu": "cpu"}
    colours = element_colours(models)
    figure = blank_figure(11.0, 4.6)
    left, right = figure.subplots(1, 2)
    for place, (name, rows) in enumerate(table.groupby("way", sort=False)):
        look: dict[str, Any] = {
            "color": colours[rows["element"].iloc[0]],
            "linestyle": "-" if place % 2 == 0 else "--",
            "marker": "osD^vP"[place % 6],
            "markersize": 5,
            "label": name,
        }
        left.plot(100 * rows["activity"], rows["energy_uj"], **look)
        right.plot(100 * rows["activity"], rows["latency_us"], **look)
    for panel, label in ((left, "energy an inference (µJ)"), (right, "latency of an inference (µs)")):
        panel.set_xscale("log")
        panel.set_yscale("log")
        panel.set_xlabel("activity (% of neurons a step)")
        panel.set_ylabel(label)
        panel.grid(True, which="major", linewidth=0.3)
    right.legend(fontsize=8)
    low = table[table["activity"] == table["activity"].min()].sort_values("energy_uj", kind="stable")["way"].iloc[0]
    high = table[table["activity"] == table["activity"].max()].sort_values("energy_uj", kind="stable")["way"].iloc[0]
    figure.suptitle(f"Least energy: '{low}' at the lowest activity, '{high}' at the highest", fontsize=11)
    write_figure(figure, path)


@script
def main(arguments: Sequence[str] | None = None) -> None:
    """Run every way at every activity; write table, figure and answer."""
    parser = options(__doc__, "runs/spiking")
    parser.add_argument("--steps", type=natural, default=32, help="time steps an inference (32)")
    parser.add_argument("--platform", default="neuromorphic-soc", help="platform with elements chip, fpga, gpu and cpu")
    parser.add_argument("--activity", type=float, action="append", help="only this one; may be repeated")
    given = parser.parse_args(arguments)
    import pandas as pd

    platform = load_platform(given.platform)
    rows = []
    for activity in given.activity or ACTIVITIES:
        for way in WAYS:
            with step(f"{way.name} at {100 * activity:g} %"):
                rows.append(measure(run(platform, way, activity, given.steps, given.seed), way, activity))
    table = pd.DataFrame(rows)
    print(table.drop(columns=["element"]).to_string(index=False, float_format="{:.4g}".format))
    conclude(given.out, "spiking", table, answer(table))
    plot(table, given.out / "spiking.png")


if __name__ == "__main__":
    main()
