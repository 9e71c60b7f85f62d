"""Putting a network together again after some of its layers have changed; every shape is inferred anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from workloads.errors import WorkloadError
from workloads.inference import infer
from workloads.layers import Layer, Shape
from workloads.network import Network


@dataclass(frozen=True)
class Step:
    """A layer to put in: its fields, the inputs it reads (``None``: those of the layer it stands for) and its width."""

    draft: Layer
    inputs: tuple[str, ...] | None = None
    out_channels: int | None = None


Edit = Callable[[Layer, tuple[Shape, ...]], Sequence[Step]]
"""What stands in place of a layer on new input shapes; the last step carries the result. No steps: leave it out."""


def unchanged(layer: Layer, in_shapes: tuple[Shape, ...]) -> list[Step]:
    """The layer as it is; a depthwise convolution follows the number of its input channels."""
    if layer.is_depthwise and in_shapes[0][0] != layer.in_shape[0]:
        channels = in_shapes[0][0]
        multiplier = layer.out_channels // layer.in_shape[0]
        return [Step(replace(layer, groups=channels), out_channels=channels * multiplier)]
    return [Step(layer, out_channels=layer.out_channels)]


def rebuild(network: Network, edit: Edit, note: str, name: str | None = None) -> Network:
    """The network with ``edit`` applied to every layer in order; ``note`` goes into its history.

    A layer that does not fit any more raises :class:`WorkloadError` with its name. Compressed storage is counted anew
    for layers whose number of weights changes.
    """
    from workloads.transforms.storage import stored

    carries: dict[str, str] = {}
    made: dict[str, Layer] = {}
    for layer in network.layers.values():
        sources = tuple(carries[source] for source in layer.inputs)
        if layer.kind == "add" and len(set(sources)) == 1 and len(set(layer.inputs)) > 1:
            # The branches of a residual block have become one: nothing is left to add.
            carries[layer.name] = sources[0]
            continue
        steps = edit(layer, tuple(made[source].out_shape for source in sources))
        for step in steps:
            inputs = sources if step.inputs is None else step.inputs
            if step.draft.name in made:
                raise WorkloadError(
                    f"layer '{layer.name}': '{step.draft.name}' is there already; rename that layer first"
                )
            draft = replace(step.draft, inputs=inputs, in_shapes=tuple(made[source].out_shape for source in inputs))
            made[draft.name] = stored(infer(draft, step.out_channels))
        carries[layer.name] = steps[-1].draft.name if steps else _through(layer, sources)
    return network.with_layers(made.values(), note, name)


def _through(layer: Layer, sources: tuple[str, ...]) -> str:
    """What a layer that is left out passes on."""
    different = tuple(dict.fromkeys(sources))
    if len(different) != 1:
        texts = " and ".join(f"'{source}'" for source in different) or "nothing"
        raise WorkloadError(
            f"layer '{layer.name}': joins {texts}, so it cannot be left out alone; leave out one branch too"
        )
    return different[0]
