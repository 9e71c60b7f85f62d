"""A small circuit made for one recurrent cell: synapse units, neuron units and a state register.

A synapse unit computes one synapse a cycle (a sigmoid out of a table and three multiply-accumulates: the cost of a
synapse of the conductance LTC, Lechner et al. 2020); the sums of a solver step drain through the pipeline before the
neurons can be updated, and the next step needs the neurons. So the latency of a frame is

    sensory / units + evaluations * (internal / units + depth + neurons / neuron_units + barrier)

each quotient rounded up, and its throughput is one over that. Fabric of an FPGA, a corner of an ASIC, or a
neuromorphic core (whose ``barrier`` is the synchronisation of a time step) differ in the numbers only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from simulator.elements.base import Assignment, Element, ElementConfig, Floats, Ints, Stage, dynamic_energy
from simulator.elements.options import check_options
from simulator.elements.pieces import whole_cycles, windows_of
from simulator.errors import PlatformError
from simulator.units import Cycles, Duration, EnergyPerOp
from workloads.ode.cells import Cell
from workloads.recurrence import WIRED_CELLS, pipelining_refused
from workloads.tokens import LayerWork
from workloads.windows import layer_window


class CircuitConfig(ElementConfig):
    """One instance of the circuit; a second cell needs a second one."""

    units: int = Field(ge=1, description="Synapses evaluated a cycle")
    neuron_units: int = Field(1, ge=1, description="Neurons updated a cycle")
    depth: Cycles = Field(description="Pipeline depth of a solver step, from the first synapse to the new state")
    barrier: Duration = Field(Fraction(0), description="Synchronisation of every solver step, where there is one")
    synapse: EnergyPerOp | None = Field(None, description="Energy of a synapse evaluation, all its operations")
    neuron: EnergyPerOp | None = Field(None, description="Energy of a neuron update, all its operations")


class Circuit(Element):
    """Runs recurrent layers with a wiring (LTC and CfC), one frame at a time.

    The mapping option ``interval`` states the cycles between frames that are counted on; less than the latency is
    refused.
    """

    Config = CircuitConfig
    config: CircuitConfig
    granularities: ClassVar[tuple[str, ...]] = ("frame",)

    def supports(self, kind: str) -> bool:
        return kind == "recurrent"

    def stages(self, work: LayerWork, assignment: Assignment) -> Sequence[Stage]:
        """One stage: the latency of a frame, all of it busy."""
        layer = work.layer
        if layer.attributes.get("cell") not in WIRED_CELLS:
            raise PlatformError(
                f"element '{self.name}' is a circuit for wired cells; layer '{layer.name}' is"
                f" {layer.attributes.get('cell', layer.kind)}, put it on a processor"
            )
        cell = Cell.from_attributes(layer.name, layer.attributes)
        steps = work.extra.get("sequential_steps", np.array([float(cell.evaluations())]))
        cycles = (self._cycles(cell, work, steps) * work.executed).astype(np.int64)
        self._check_options(work, assignment.options, cycles)
        geometry = layer_window(layer, assignment.granularity)
        config = self.config
        return [
            Stage(
                name="",
                pieces=1,
                cycles=cycles[:, None],
                windows=windows_of(geometry),
                written=geometry.written,
                energy_pj={cause: np.asarray(e)[:, None] for cause, e in self._energy(cell, work, steps).items()},
                detail={
                    "synapse_units": config.units,
                    "dsp": 3 * config.units + 2 * config.neuron_units,
                    "latency_us": float(cycles.mean()) / float(self.clock_hz) * 1e6,
                },
            )
        ]

    def _cycles(self, cell: Cell, work: LayerWork, steps: Floats) -> Ints:
        """Cycles of each frame, shape (frames or 1,)."""
        config, wiring = self.config, cell.wiring
        barrier = float(config.barrier * self.clock_hz)
        updates = -(-wiring.neurons // config.neuron_units)
        if cell.solver == "cfc":
            # One pass of three layers; a unit that does a synapse does three multiply-accumulates a cycle.
            passes = np.ceil(work.macs / (3 * config.units))
            return whole_cycles(passes + updates + steps * (config.depth + barrier))
        sensory = wiring.inputs * wiring.neurons if cell.is_dense else wiring.sensory_synapses
        every_step = np.ceil((work.ops["sigmoid"] - sensory) / steps / config.units)
        fixed = -(-sensory // config.units)
        return whole_cycles(fixed + steps * (every_step + config.depth + updates + barrier))

    def _energy(self, cell: Cell, work: LayerWork, steps: Floats) -> dict[str, Floats]:
        config = self.config
        energy = dict(dynamic_energy(config, work))
        synapses = work.macs / 3 if cell.solver == "cfc" else work.ops["sigmoid"]
        if config.synapse is not None:
            energy["synapse"] = np.asarray(synapses * config.synapse)
        if config.neuron is not None:
            passes = np.ones(1) if cell.solver == "cfc" else steps
            energy["neuron"] = passes * cell.wiring.neurons * config.neuron
        return energy

    def _check_options(self, work: LayerWork, options: Mapping[str, Any], cycles: Ints) -> None:
        check_options(self.name, work.layer, options, ("interval",))
        interval = options.get("interval")
        latency = int(cycles.max())
        if interval is None or (isinstance(interval, int) and interval >= latency):
            return
        asked = f"a frame every {interval} cycles, its latency is {latency}"
        raise PlatformError(pipelining_refused(work.layer, self.name, asked))
