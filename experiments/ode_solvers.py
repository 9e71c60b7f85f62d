"""Fixed or adaptive steps: what do they cost, what do they miss, and how deep must the FIFO be for the tail?

Setup: the lane-keeping network on a Jetson Nano with a microcontroller. The camera head runs on the GPU, the cell on
the microcontroller, with the solvers of the libraries and of scipy: fused, Euler and RK4 at fixed steps, RK45 at
three tolerances, the closed-form cell. Each solves the same seeded drive (features held for a frame, scenes that
change); its error is the largest distance of the state from a run at 1e-9. Work is counted in right-hand sides a
token. Then frames arrive as fast as the slowest part can take on average 95 % of the time, and the fill of the FIFO
before the cell says how deep it must be so that the tail never blocks the head. Last, an ODE-Net block on the GPU:
evaluations an image, alone and in batches, where every image pays for the hardest.

The figure shows work against error, and the latency tail.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from experiments.common import natural, options, script, write_figure, write_table
from simulator.lowered import Lowered
from simulator.mapping import FifoRule, LayerRule, MappingRules
from simulator.platform import load_platform
from simulator.result import Result
from simulator.simulation import simulate
from workloads.generators.ode import ncp_stream, neural_ode_stream
from workloads.ode import ConductanceLtc, integrate_fixed, integrate_held, lane_keeping
from workloads.ode.cells import Cell, Solver
from workloads.ode.sensing import features
from workloads.ode.solvers import FixedMethod, RightHandSide
from workloads.tokens import TokenStream
from workloads.zoo.cifar import ncp_conv_head
from workloads.zoo.ode import behind, ode_net

PLATFORM = "jetson-nano-mcu"
LOAD = 0.95
CHANGES = 0.05
_DEEP = 4096

#: The state stays between about -1 and 1: a solver that is off by more is unstable at its step.
_DIVERGED = 2.0

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Method:
    """A solver as it is deployed."""

    solver: Solver
    steps: int = 6
    rtol: float = 1e-3

    @property
    def name(self) -> str:
        """What tables and figure call it."""
        if self.solver == "rk45":
            return f"rk45 {self.rtol:.0e}"
        return "cfc" if self.solver == "cfc" else f"{self.solver} {self.steps}"

    @property
    def cell(self) -> Cell:
        """The lane-keeping circuit solved this way, sparse."""
        return Cell(lane_keeping(), self.solver, self.steps, "sparse", rtol=self.rtol, atol=self.rtol * 1e-3)


METHODS = (
    Method("fused", 1),
    Method("fused", 6),
    Method("fused", 24),
    Method("euler", 6),
    Method("euler", 24),
    Method("rk4", 2),
    Method("rk4", 6),
    Method("rk45", rtol=1e-2),
    Method("rk45", rtol=1e-3),
    Method("rk45", rtol=1e-6),
    Method("cfc"),
)


def errors(frames: int, seed: int) -> dict[str, float]:
    """Largest distance of each method's state from the tight run, over all frames and neurons."""
    weights = ConductanceLtc.seeded(lane_keeping(), seed=seed)
    seen = features(frames, weights.wiring.inputs, seed=seed, changes=CHANGES)

    def held(token: int) -> RightHandSide:
        driven, conducted = weights.sensory_sums(seen[token], dense=False)
        return lambda time, state: weights.slope(state, driven, conducted)

    def adaptive(rtol: float) -> Floats:
        start, windows = np.zeros(weights.wiring.neurons), np.ones(frames)
        return integrate_held(held, start, windows, rtol=rtol, atol=rtol * 1e-3).states

    exact, found = adaptive(1e-9), {}
    for method in METHODS:
        if method.solver == "rk45":
            states = adaptive(method.rtol)
        elif method.solver == "cfc":
            continue  # another cell with weights of its own, not a solution of this equation
        else:
            states = _fixed(method, weights, seen, held)
        found[method.name] = float(np.abs(states - exact).max())
    return found


def _fixed(method: Method, weights: ConductanceLtc, seen: Floats, held: Any) -> Floats:
    state, states = np.zeros(weights.wiring.neurons), []
    for token, inputs in enumerate(seen):
        if method.solver == "fused":
            state = weights.step(state, inputs, unfolds=method.steps, dense=False)
        else:
            kind: FixedMethod = "euler" if method.solver == "euler" else "rk4"
            trace = integrate_fixed(held(token), state, window=1.0, tokens=1, steps=method.steps, method=kind)
            state = trace.states[0]
        states.append(state)
    return np.array(states)


def run(method: Method, arrivals: str, frames: int, seed: int, depth: int) -> tuple[TokenStream, Result]:
    """One simulation with ``depth`` tokens between link and cell."""
    network = behind(ncp_conv_head(), method.cell, "ncp-lane")
    stream = ncp_stream(network, frames, arrivals, seed, changes=CHANGES)
    rules = MappingRules(
        layers=[LayerRule("*", "gpu"), LayerRule("ncp", "mcu")], fifos=[FifoRule("latent", "ncp", depth)]
    )
    return stream, simulate(load_platform(PLATFORM), stream, rules)


def measure(method: Method, frames: int, seed: int) -> dict[str, Any]:
    """Work, service and latency of one method at the common load, and the FIFO depth its tail needs."""
    _, full = run(method, "saturated", frames, seed, _DEEP)
    service = service_us(full)
    pace = max(float(service[layer].mean()) for layer in service)
    period = f"{pace / LOAD:.3f}us"
    stream, result = run(method, f"periodic:{period}", frames, seed, _DEEP)
    latency = result.summary()["latency_ms"]
    evaluations = np.broadcast_to(stream.work["ncp"].extra["evaluations"], (frames,))
    depth = needed_depth(result)
    _, bounded = run(method, f"periodic:{period}", frames, seed, depth)
    return {
        "method": method.name,
        "evaluations_mean": float(evaluations.mean()),
        "evaluations_p95": float(np.percentile(evaluations, 95)),
        "evaluations_max": int(evaluations.max()),
        "cell_us_mean": float(service["ncp"].mean()),
        "cell_us_max": float(service["ncp"].max()),
        "period_us": pace / LOAD,
        "latency_p50_ms": latency["p50"],
        "latency_p99_ms": latency["p99"],
        "latency_max_ms": latency["max"],
        "fifo_depth": depth,
        "late_with_that_fifo_us": float(np.abs(departures(bounded) - departures(result)).max()),
    }


def service_us(result: Result) -> dict[str, Floats]:
    """Microseconds each frame occupies a layer's element; for the head the sum of its layers."""
    scale = float(result.lowered.plan.tick) * 1e6
    spent: dict[str, Floats] = {}
    for i, note in enumerate(result.lowered.actors):
        if note.role.value == "stage":
            took = (result.trace.end[i] - result.trace.start[i]) * scale
            part = "ncp" if note.layer == "ncp" else "head"
            spent[part] = spent.get(part, np.zeros(1)) + took
        elif note.role.value == "dma":
            spent["link"] = np.asarray((result.trace.end[i] - result.trace.start[i]) * scale)
    return spent


def needed_depth(result: Result) -> int:
    """The most tokens that ever lay between link and cell."""
    table = result.fifos
    before = table[(table["consumer"] == "ncp") & (table["kind"] != "state")]
    return max(1, int(before["max_tokens"].max()))


def departures(result: Result) -> Floats:
    """When the cell finished each frame, in microseconds."""
    lowered: Lowered = result.lowered
    index = next(i for i, note in enumerate(lowered.actors) if note.layer == "ncp" and note.role.value == "stage")
    return np.asarray(result.trace.end[index] * float(lowered.plan.tick) * 1e6)


def ode_block(images: int, seed: int, channels: int) -> list[dict[str, Any]]:
    """Evaluations and latency of an ODE-Net on the GPU, its block integrated image by image or in batches."""
    rows = []
    for batch in (1, 4, 16):
        stream = neural_ode_stream(ode_net(channels), images, "saturated", seed, gain=4.0, batch=batch)
        evaluations = stream.work["ode.conv1"].extra["evaluations"]
        summary = simulate(load_platform(PLATFORM), stream, MappingRules(element="gpu")).summary()
        rows.append(
            {
                "integrated_together": batch,
                "evaluations_mean": float(evaluations.mean()),
                "evaluations_min": int(evaluations.min()),
                "evaluations_max": int(evaluations.max()),
                "latency_p50_ms": summary["latency_ms"]["p50"],
                "latency_p99_ms": summary["latency_ms"]["p99"],
                "throughput_fps": summary["throughput_fps"],
            }
        )
    return rows


def plot(rows: list[dict[str, Any]], path: Path) -> None:
    """Error against work, and the latency tail of each method."""
    from simulator.report.style import BLUE, ORANGE, VERMILION, blank_figure

    figure = blank_figure(12.0, 5.0)
    left, right = figure.subplots(1, 2)
    looks = {"fused": (BLUE, "o"), "euler": (VERMILION, "s"), "rk4": (ORANGE, "^"), "rk45": ("black", "D")}
    unstable = [row["method"] for row in rows if row["error"] > _DIVERGED]
    for row in rows:
        if np.isnan(row["error"]) or row["error"] > _DIVERGED:
            continue
        colour, marker = looks[row["method"].split()[0]]
        where = (row["cell_us_mean"], row["error"])
        left.loglog(*where, marker, color=colour)
        left.annotate(row["method"], where, fontsize=8, xytext=(4, 4), textcoords="offset points")
    left.set_xlabel("microcontroller time a frame, mean (us)")
    left.set_ylabel("largest error of the state")
    left.set_title(f"diverge: {', '.join(unstable) or 'none'}", fontsize=9)
    places, middle = np.arange(len(rows)), np.array([row["latency_p50_ms"] for row in rows])
    tail = np.array([row["latency_p99_ms"] for row in rows]) - middle
    right.barh(places, middle, color=BLUE, height=0.7, label="p50")
    right.barh(places, tail, left=middle, color=ORANGE, hatch="//", height=0.7, label="p99")
    labels = [f"{row['method']} (depth {row['fifo_depth']})" for row in rows]
    right.set_yticks(places, labels, fontsize=8)
    right.set_xlabel(f"latency at {LOAD:.0%} load (ms)")
    right.legend()
    deepest = max(rows, key=lambda row: row["fifo_depth"])
    fixed = max(row["fifo_depth"] for row in rows if not row["method"].startswith("rk45"))
    tails = f"the tail of {deepest['method']} needs {deepest['fifo_depth']}"
    figure.suptitle(f"Fixed steps need a FIFO of {fixed}; {tails}", fontsize=11)
    write_figure(figure, path)


@script
def main(arguments: Sequence[str] | None = None) -> None:
    """Run every solver and write tables and figure."""
    parser = options(__doc__, "runs/ode_solvers")
    parser.add_argument("--frames", type=natural, default=400, help="frames of each run (400)")
    parser.add_argument("--images", type=natural, default=32, help="images of the ODE-Net (32)")
    parser.add_argument("--channels", type=natural, default=32, help="feature maps of its block (32; paper: 64)")
    given = parser.parse_args(arguments)
    import pandas as pd

    found = errors(given.frames, given.seed)
    rows = [{**measure(m, given.frames, given.seed), "error": found.get(m.name, float("nan"))} for m in METHODS]
    solvers = pd.DataFrame(rows)
    blocks = pd.DataFrame(ode_block(given.images, given.seed, given.channels))
    given.out.mkdir(parents=True, exist_ok=True)
    write_table(solvers, given.out / "solvers.csv")
    write_table(blocks, given.out / "ode_block.csv")
    plot(rows, given.out / "solvers.png")
    print(solvers.to_string(index=False, float_format="{:.4g}".format))
    print(blocks.to_string(index=False, float_format="{:.4g}".format))


if __name__ == "__main__":
    main()
