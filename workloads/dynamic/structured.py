"""Channels that are alive: from the share each layer keeps to the work of the whole network.

A layer that keeps a share of its output channels does that share of its work, and the layers behind it that share
again of their inputs. The shares pass through pools, activations and reshapes; an addition keeps what any of its
inputs keeps, a concatenation the mean weighted by channels. Depthwise layers work on exactly the channels that come
in.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from workloads.errors import WorkloadError, did_you_mean
from workloads.network import LayerGroup, Network
from workloads.tokens import LayerWork

Floats = npt.NDArray[np.float64]


def structured_work(
    network: Network, kept: Mapping[str, Floats], overhead: Mapping[str, Mapping[str, Floats]] | None = None
) -> dict[str, LayerWork]:
    """The work of each group when the groups in ``kept`` keep that share of their output channels, arrays of shape
    (frames,) or (1,).

    ``overhead`` adds operations by kind to a group (``mac`` counts as multiply-accumulates): gates and saliencies.
    Raises :class:`WorkloadError` for a name that is no group, a share outside [0, 1], or a group whose channels
    cannot be chosen.
    """
    groups = {group.name: group for group in network.groups()}
    _check(network, groups, kept)
    alive: dict[str, Floats] = {}
    work: dict[str, LayerWork] = {}
    for name, group in groups.items():
        arriving = [alive[source] for source in group.inputs]
        if group.kind == "input":
            alive[name] = np.ones(1)
            continue
        into = _incoming(group, arriving, groups)
        if name in kept:
            out = np.asarray(kept[name], dtype=np.float64)
        elif group.main.is_compute and not group.main.is_depthwise:
            out = np.ones(1)
        else:
            out = into
        alive[name] = out
        work[name] = _work(group, into, out, (overhead or {}).get(name, {}))
    return work


def keep_count(channels: int, density: npt.ArrayLike) -> Floats:
    """Share that a winner-take-all of ``density`` keeps: ceil(density * C) of C (Gao et al., ICLR 2019, sec. 3.2)."""
    wanted = np.asarray(density, dtype=np.float64) * channels
    share: Floats = np.ceil(np.round(wanted, 9)) / channels
    return share


def _incoming(group: LayerGroup, arriving: list[Floats], groups: Mapping[str, LayerGroup]) -> Floats:
    if len(arriving) == 1:
        return arriving[0]
    if group.kind == "concat":
        sizes = [math.prod(groups[source].out_shape) for source in group.inputs]
        total: Floats = sum((share * size for share, size in zip(arriving, sizes, strict=True)), np.zeros(1))
        return total / sum(sizes)
    most = arriving[0]
    for share in arriving[1:]:
        most = np.maximum(most, share)
    return most


def _work(group: LayerGroup, into: Floats, out: Floats, extra: Mapping[str, Floats]) -> LayerWork:
    dense = LayerWork.static(group)
    layer = group.main
    fraction = into * out if layer.is_compute and not layer.is_depthwise else into
    ops = {kind: values * (out if layer.is_compute else into) for kind, values in dense.ops.items()}
    for kind, counts in extra.items():
        if kind != "mac":
            ops[kind] = ops.get(kind, np.zeros(1)) + counts
    return replace(
        dense,
        macs=np.rint(dense.macs * fraction)  # whole channels make whole counts
        + extra.get("mac", np.zeros(1)),
        ops=ops,
        fraction=fraction,
        input_kept=into,
        output_kept=out,
        weight_kept=fraction,
    )


def _check(network: Network, groups: Mapping[str, LayerGroup], kept: Mapping[str, Floats]) -> None:
    faults = []
    for name, share in kept.items():
        if name not in groups:
            faults.append(f"no layer '{name}'{did_you_mean(name, groups)}")
        elif not groups[name].main.is_compute or groups[name].main.is_depthwise:
            faults.append(
                f"layer '{name}' of kind '{groups[name].kind}' chooses no channels; name a convolution or dense layer"
            )
        elif not bool(((np.asarray(share) >= 0) & (np.asarray(share) <= 1)).all()):
            faults.append(f"layer '{name}' keeps {np.min(share)} to {np.max(share)}; a share is from 0 to 1")
    if faults:
        raise WorkloadError(f"network '{network.name}': " + "; ".join(faults))
