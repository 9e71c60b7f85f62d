"""Streams for networks that are differential equations: control ticks of an NCP, and images for a neural ODE block.

The solver really runs, before the simulation: how many right-hand sides a frame takes follows from what the seeded
sensor sees, and the simulator replays that work.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

import numpy as np

from workloads.arrivals import Arrivals, Periodic
from workloads.errors import WorkloadError
from workloads.generators.schedule import Schedule
from workloads.network import LayerGroup, Network
from workloads.ode.cells import Cell, Floats, multirate_operations, work_arrays
from workloads.ode.ltc import ConductanceLtc
from workloads.ode.multirate import Rates
from workloads.ode.neural_ode import ConvDynamics, NeuralOdeBlock, feature_maps
from workloads.ode.operations import Operations
from workloads.ode.sensing import adaptive_work, features
from workloads.quantities import PS_PER_SECOND, to_ps
from workloads.recurrence import WIRED_CELLS
from workloads.tokens import Ints, LayerWork, TokenStream

#: Frame rate of the lane-keeping data (training windows of 16 steps are 0.53 s: Lechner et al. 2020, Methods).
FRAME_RATE = Fraction(30)


def ncp_stream(
    network: Network,
    frames: int | None = None,
    arrivals: str | Arrivals | None = None,
    seed: int = 0,
    *,
    changes: float = 0.02,
    memory: float = 20.0,
    resolution: float | None = None,
) -> TokenStream:
    """Control ticks of a network with an LTC or CfC cell: state carried from tick to tick, a deadline of one period.

    ``arrivals`` None is 30 frames a second with 1 ms of sensor jitter. An adaptive cell integrates what the sensor
    sees: features correlated over ``memory`` frames, with scene ``changes`` at that probability a frame.
    ``resolution`` lets every neuron of a sparse fused cell step at a rate of its own, in steps of at most so many of
    its time constants.
    """
    cells = _cells(network)
    schedule = Schedule.of(frames, arrivals, seed, unless_given=f"periodic:{FRAME_RATE}Hz,jitter=1ms")
    paced = schedule.rule.rate if isinstance(schedule.rule, Periodic) else None
    period = 1 / (paced or FRAME_RATE)
    work = {}
    for group in network.groups():
        if group.kind != "input":
            work[group.name] = LayerWork.static(group)
        if group.name in cells:
            cell = cells[group.name]
            windows = _windows(schedule.release_ps, period)
            work[group.name] = _cell_work(group, cell, windows, seed, (changes, memory, resolution))
    options = {"changes": changes, "memory": memory, "resolution": resolution}
    return schedule.stream("ncp", network, work, options, deadline_ps=to_ps(period) if paced else None)


def neural_ode_stream(
    network: Network,
    frames: int | None = None,
    arrivals: str | Arrivals | None = None,
    seed: int = 0,
    *,
    gain: float = 1.0,
    rtol: float = 1e-3,
    atol: float = 1e-3,
    batch: int = 1,
) -> TokenStream:
    """Images for a network with an ODE block: every image takes the evaluations its block needs (Chen et al. 2018).

    The block's layers are those with the attribute ``ode_block``. The larger the ``gain`` of its seeded dynamics,
    the more it takes; a ``batch`` is integrated as one state, as libraries do, so that its images all pay for the
    hardest.
    """
    schedule = Schedule.of(frames, arrivals, seed)
    work = {group.name: LayerWork.static(group) for group in network.groups() if group.kind != "input"}
    for groups in _blocks(network).values():
        first = groups[0].main
        channels, height, width = first.in_shape
        kernel = (first.kernel or (3, 3))[0]
        dynamics = ConvDynamics.seeded(channels, height, width, seed=seed, kernel=kernel, gain=gain, timed=False)
        maps = feature_maps(schedule.frames, channels, height, width, seed=seed)
        trace = NeuralOdeBlock(dynamics, rtol=rtol, atol=atol).run(maps, batch=batch)
        evaluations = trace.evaluations.astype(np.float64)
        for group in groups:
            extra = {"evaluations": evaluations, "sequential_steps": evaluations, "kernels": evaluations}
            work[group.name] = replace(work[group.name].scaled(evaluations), extra=extra)
    return schedule.stream("neural_ode", network, work, {"gain": gain, "rtol": rtol, "atol": atol, "batch": batch})


def _cells(network: Network) -> dict[str, Cell]:
    found = {
        layer.name: Cell.from_attributes(layer.name, layer.attributes)
        for layer in network.layers.values()
        if layer.kind == "recurrent" and layer.attributes.get("cell") in WIRED_CELLS
    }
    if not found:
        raise WorkloadError(
            f"network '{network.name}' has no LTC or CfC layer; take e.g. 'ncp-lane', or add a cell with add_cell()"
        )
    return found


def _windows(release: Ints, period: Fraction) -> Floats:
    """How long each frame's input holds, in nominal periods: to the next arrival, and one period for the last."""
    nominal = float(period * PS_PER_SECOND)
    gaps = np.append(np.diff(release), nominal) / nominal
    # Frames that arrive together (a saturated source, an overtaken jitter) are still one step of the cell apart.
    return np.where(gaps > 0, gaps, 1.0)


def _cell_work(
    group: LayerGroup, cell: Cell, windows: Floats, seed: int, options: tuple[float, float, float | None]
) -> LayerWork:
    changes, memory, resolution = options
    if cell.is_adaptive:
        seen = features(len(windows), cell.wiring.inputs, seed=seed, memory=memory, changes=changes)
        weights = ConductanceLtc.seeded(cell.wiring, seed=seed)
        trace = adaptive_work(weights, seen, windows, rtol=cell.rtol, atol=cell.atol)
        evaluations = trace.evaluations
        distinct = {int(n): cell.operations(int(n)) for n in np.unique(evaluations)}
        counted = [distinct[int(n)] for n in evaluations]
        steps, kernels = evaluations, np.array([cell.kernels(int(n)) for n in evaluations])
    elif resolution is not None:
        counted, steps = _multirate(group, cell, len(windows), seed, resolution)
        kernels = np.ones(1)
        evaluations = steps
    else:
        counted = [cell.operations()]
        steps = evaluations = np.array([cell.evaluations()])
        kernels = np.array([cell.kernels()])
    return _as_work(group, counted, {"evaluations": evaluations, "sequential_steps": steps, "kernels": kernels})


def _multirate(
    group: LayerGroup, cell: Cell, tokens: int, seed: int, resolution: float
) -> tuple[list[Operations], Ints]:
    if cell.solver != "fused" or cell.is_dense:
        raise WorkloadError(
            f"layer '{group.name}': neurons step at rates of their own in a sparse fused cell only, this one is "
            f"{cell.form} and {cell.solver}; leave resolution out, or take e.g. 'ncp-lane-sparse'"
        )
    weights = ConductanceLtc.seeded(cell.wiring, seed=seed)
    # At rest the time constant of a neuron is its capacitance over its leak, in frame periods.
    rates = Rates.from_time_constants(weights.capacitance / weights.leak, 1.0, resolution=resolution)
    steps = np.array([int(rates.unfolds[rates.due(k)].max(initial=1)) for k in range(tokens)], dtype=np.int64)
    return list(multirate_operations(cell, rates, tokens)), steps


def _as_work(group: LayerGroup, counted: list[Operations], extra: Mapping[str, Ints | Floats]) -> LayerWork:
    macs, ops = work_arrays(counted)
    static = LayerWork.static(group)
    total = macs + sum(ops.values())
    dense = float(static.macs[0] + static.total_ops[0])
    return replace(
        static,
        macs=macs,
        ops=ops,
        fraction=total / dense,
        extra={name: np.asarray(values, dtype=np.float64) for name, values in extra.items()},
    )


def _blocks(network: Network) -> dict[str, list[LayerGroup]]:
    found: dict[str, list[LayerGroup]] = {}
    for group in network.groups():
        block = group.main.attributes.get("ode_block")
        if block is not None:
            found.setdefault(str(block), []).append(group)
    for block, groups in found.items():
        shapes = {group.main.in_shape for group in groups} | {group.out_shape for group in groups}
        if len(groups) != 2 or len(shapes) != 1:
            raise WorkloadError(
                f"network '{network.name}': ODE block '{block}' is {len(groups)} layers of {len(shapes)} shapes; "
                "its right-hand side is two convolutions of one shape"
            )
    if not found:
        raise WorkloadError(
            f"network '{network.name}' has no layer with the attribute 'ode_block'; take e.g. 'ode-net'"
        )
    return found
