"""A streaming element as a user would write it: a stage a layer, one multiply-accumulate a cycle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from simulator.elements.base import Assignment, Element, Stage
from simulator.elements.pieces import split_cycles, windows_of
from workloads.tokens import LayerWork
from workloads.windows import layer_window


class Pipeline(Element):
    """Each layer has hardware of its own and takes a cycle a multiply-accumulate, at least one a piece."""

    streaming: ClassVar[bool] = True

    def stages(self, work: LayerWork, assignment: Assignment) -> Sequence[Stage]:
        """One stage."""
        geometry = layer_window(work.layer, assignment.granularity)
        cycles = np.maximum(work.macs, geometry.pieces).astype(np.int64)
        return [
            Stage(
                name="",
                pieces=geometry.pieces,
                cycles=split_cycles(cycles, work, geometry.pieces),
                windows=windows_of(geometry),
                written=geometry.written,
                resource=work.layer.name,
            )
        ]
