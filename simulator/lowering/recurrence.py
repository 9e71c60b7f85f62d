"""State that a recurrent layer hands from frame to frame, and why such a layer cannot be pipelined."""

from __future__ import annotations

from collections.abc import Sequence

from simulator.elements.base import Stage
from simulator.errors import MappingError
from simulator.lowered import ChannelNote
from simulator.lowering.drafts import ActorDraft, PlanDraft
from workloads.layers import Layer
from workloads.recurrence import pipelining_refused, state_bytes, state_elements


def feed_back_state(
    draft: PlanDraft, layer: Layer, element: str, stages: Sequence[Stage], actors: Sequence[ActorDraft]
) -> None:
    """Close the loop of a layer with state: one token, there from the start, from its last actor to its first.

    The next frame cannot begin before the state is written, so the layer's throughput is at most one over its latency:
    the sum over its stages of service and pipeline depth. Layers without state are left alone. Raises
    :class:`MappingError` where a stage would begin frames that lack their state.
    """
    if not state_elements(layer):
        return
    for stage in stages:
        if stage.concurrency > 1:
            raise MappingError(pipelining_refused(layer, element, f"{stage.concurrency} frames at once"))
    note = ChannelNote(layer.name, layer.name, "state")
    draft.feed_back(actors[-1], actors[0], note, float(state_bytes(layer)))
