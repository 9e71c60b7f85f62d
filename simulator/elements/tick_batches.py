"""Stages that begin only when several frames are there and then work through them one after the other.

A spiking layer that runs in tick batches does all time steps of an inference before the next layer sees the first; a
pipeline that knows no batches otherwise does the same work, frame after frame, in one firing.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simulator.elements.base import Floats, Stage


def in_batches(stage: Stage, batch: int) -> Stage:
    """The stage of single frames as one of ``batch`` frames a firing: cycles, traffic and energy add up."""
    if batch == 1:
        return stage
    return replace(
        stage,
        cycles=_added(stage.cycles.astype(np.float64), batch).astype(np.int64),
        read_bytes=_summed(stage.read_bytes, batch),
        write_bytes=_summed(stage.write_bytes, batch),
        weight_bytes=_summed(stage.weight_bytes, batch),
        energy_pj={cause: _added(amount, batch) for cause, amount in stage.energy_pj.items()},
    )


def _summed(amounts: Floats | None, batch: int) -> Floats | None:
    return None if amounts is None else _added(amounts, batch)


def _added(amounts: Floats, batch: int) -> Floats:
    """Sums over consecutive batches along the first axis; a single row stands for every frame."""
    if amounts.shape[0] == 1:
        return amounts * batch
    sums: Floats = np.add.reduceat(amounts, np.arange(0, amounts.shape[0], batch), axis=0)
    return sums
