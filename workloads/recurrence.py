"""The state of recurrent layers: what they carry from frame to frame, so that no frame can begin before the last."""

from __future__ import annotations

from dataclasses import replace

from workloads.errors import WorkloadError
from workloads.frozen import FrozenMap
from workloads.layers import Layer
from workloads.ode.cells import Cell, layer_ops

#: Cells whose work follows from a wiring and a solver.
WIRED_CELLS = ("cfc", "ltc")

#: Values of state a unit of the cells that have no wiring.
_STATES = {"rnn": 1, "gru": 1, "lstm": 2}


def state_elements(layer: Layer) -> int:
    """Values of state that a layer hands on from frame to frame: 0 for layers that have none.

    A recurrent layer on a vector takes one step of a stream and keeps its state; on a sequence it begins anew with
    every frame.
    """
    if layer.kind != "recurrent" or len(layer.in_shape) != 1:
        return 0
    cell = str(layer.attributes.get("cell", "lstm"))
    if cell in WIRED_CELLS:
        return len(str(layer.attributes["wiring"]).split(maxsplit=1)[0])
    return _STATES[cell] * layer.out_channels


def state_bytes(layer: Layer) -> int:
    """Bytes of that state at the width of the layer's output."""
    return -(-state_elements(layer) * layer.output_bits // 8)


def infer_wired(draft: Layer, units: int) -> Layer:
    """A draft of an LTC or CfC layer with shape, parameters and work of one token filled in.

    Parameters are those of the wiring (four a synapse, three a neuron); what is stored is what the form needs.
    """
    cell = Cell.from_attributes(draft.name, draft.attributes)
    wiring = cell.wiring
    if draft.in_shape != (wiring.inputs,):
        found = "x".join(map(str, draft.in_shape))
        raise WorkloadError(
            f"layer '{draft.name}': its wiring has {wiring.inputs} inputs, what it reads has the shape {found}; "
            "wire it anew or put a dense layer between"
        )
    if units != wiring.outputs:
        raise WorkloadError(
            f"layer '{draft.name}': {units} outputs asked for, its wiring has {wiring.outputs} motor neurons"
        )
    operations = cell.operations()
    return replace(
        draft,
        out_shape=(wiring.outputs,),
        weights=cell.parameters,
        params=cell.parameters,
        macs=operations.mac,
        ops=FrozenMap(layer_ops(operations)),
        stored_weight_bits=cell.stored_parameters * draft.weight_bits,
    )


def pipelining_refused(layer: Layer, element: str, asked: str) -> str:
    """Why ``asked`` cannot be had, and what can be done instead."""
    return (
        f"layer '{layer.name}' on '{element}' cannot be pipelined ({asked}): frame n + 1 begins with the"
        f" {state_elements(layer)} values of state that frame n leaves, so its throughput is one over its latency;"
        " take fewer solver steps, more parallel units or a higher clock, or run independent streams on copies of it"
    )
