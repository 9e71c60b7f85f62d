"""Work that branches: early exits, skipped blocks, gated branches of one classifier, heads at rates of their own."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from workloads.arrivals import Arrivals
from workloads.difficulty import Difficulty
from workloads.dynamic.branches import (
    Branch,
    branches,
    executed_only,
    leads_to,
    needed_for,
    outputs,
    static_work,
    with_gate,
)
from workloads.errors import WorkloadError
from workloads.generators.schedule import Schedule
from workloads.network import Network
from workloads.tokens import LayerWork, TokenStream

Mask = npt.NDArray[np.bool_]


def early_exit_stream(
    network: Network,
    frames: int | None = None,
    arrivals: str | Arrivals | None = None,
    seed: int = 0,
    *,
    exits: tuple[float, ...] = (0.656, 0.252, 0.092),
    time_correlation: float = 0.0,
) -> TokenStream:
    """Early exits: a frame leaves at the first exit that is sure enough; the easier the input the earlier.

    ``exits`` are the shares of inputs that leave at each output of the network, in order; they are normalised, since
    published ones are rounded. What lies behind an exit begins only when that exit has been computed and has not
    been taken. Source: S. Teerapittayanon et al., "BranchyNet", ICPR 2016, section III and table I (the default is
    B-AlexNet's).
    """
    ends = outputs(network)
    if len(ends) != len(exits) or len(exits) < 2:
        raise WorkloadError(
            f"network '{network.name}' has {len(ends)} output{'s' if len(ends) > 1 else ''} and exits lists"
            f" {len(exits)} shares;"
            " give a network with an output for each exit (for instance 'branchy-alexnet') and a share for each"
        )
    if min(exits) < 0 or sum(exits) <= 0:
        raise WorkloadError(f"exits are {list(exits)}; write shares of 0 or more, one of them above 0")
    schedule = Schedule.of(frames, arrivals, seed)
    edges = np.cumsum(np.array(exits) / sum(exits))
    hard = Difficulty(seed, time_correlation).frames(schedule.frames)
    taken = np.minimum(np.searchsorted(edges, hard, side="right"), len(exits) - 1)
    needed = needed_for(network, [taken >= position for position in range(len(exits))])
    work = {name: executed_only(one, needed[name]) for name, one in static_work(network).items()}
    options = {"exits": list(exits), "time_correlation": time_correlation}
    return schedule.stream("early_exit", network, work, options, control=_decisions(network))


def _decisions(network: Network) -> tuple[tuple[str, str], ...]:
    """From each exit to the groups that begin only when it has not been taken."""
    first = {name: min(positions) for name, positions in leads_to(network).items() if positions}
    pairs = []
    for position, output in enumerate(outputs(network)[:-1]):
        for group in network.groups():
            begins = any(first[source] <= position for source in group.inputs)
            if group.inputs and first[group.name] == position + 1 and begins:
                pairs.append((output.name, group.name))
    return tuple(pairs)


def skip_stream(
    network: Network,
    frames: int | None = None,
    arrivals: str | Arrivals | None = None,
    seed: int = 0,
    *,
    skipped: float = 0.3,
    middle: float = 0.5,
    time_correlation: float = 0.0,
    layer_correlation: float = 0.5,
) -> TokenStream:
    """Skipped residual blocks: a gate before each block decides for each input whether it runs; easy inputs skip
    more.

    ``skipped`` is the mean share of blocks that are skipped, ``middle`` the share of it by which the middle third of
    the blocks is skipped relative to the mean (the middle is skipped least). Each gate is the feed-forward one: a
    global pool and a dense layer to one value. Source: X. Wang et al., "SkipNet: Learning Dynamic Routing in
    Convolutional Networks", ECCV 2018, section 3 and figures 4 to 10.
    """
    blocks = residual_blocks(network)
    if not blocks:
        raise WorkloadError(f"network '{network.name}' has no residual block to skip; give one such as 'resnet-18'")
    if not 0.0 <= skipped < 1.0 or not 0.0 <= middle <= 1.0:
        raise WorkloadError(f"skipped is {skipped} and middle {middle}; write shares from 0 to 1")
    schedule = Schedule.of(frames, arrivals, seed)
    process = Difficulty(seed, time_correlation, layer_correlation)
    work = static_work(network)
    weights = _skip_weights(len(blocks), middle)
    for block, weight in zip(blocks, weights, strict=True):
        share = min(1.0, skipped * weight)
        runs = process.layer(block.join, schedule.frames) >= share
        for name in block.groups:
            work[name] = executed_only(work[name], runs)
        first = work[block.groups[0]].layer
        channels = first.in_shape[0]
        work[block.join] = with_gate(work[block.join], float(channels), {"add": float(first.input_elements)})
    options = {
        "skipped": skipped,
        "middle": middle,
        "time_correlation": time_correlation,
        "layer_correlation": layer_correlation,
    }
    return schedule.stream("skip", network, work, options)


def residual_blocks(network: Network) -> tuple[Branch, ...]:
    """Blocks that an addition joins with their own input: the identity leads past them."""
    groups = {group.name: group for group in network.groups()}
    return tuple(
        branch
        for branch in branches(network)
        if groups[branch.join].kind == "add" and branch.fork in groups[branch.join].inputs
    )


def _skip_weights(blocks: int, middle: float) -> npt.NDArray[np.float64]:
    """Weights of mean 1: ``middle`` for the middle third of the blocks, the rest shared by the others."""
    weights = np.ones(blocks)
    low, high = blocks // 3, blocks - blocks // 3
    if blocks >= 3:
        weights[low:high] = middle
        outside = blocks - (high - low)
        weights[:low] = weights[high:] = (blocks - middle * (high - low)) / outside
    return weights


def hydra_stream(
    network: Network,
    frames: int | None = None,
    arrivals: str | Arrivals | None = None,
    seed: int = 0,
    *,
    k: int = 4,
    time_correlation: float = 0.0,
) -> TokenStream:
    """HydraNets: of all branches that meet in one join, a gate runs the top k for each input, and only those.

    Work is the same for every input, the set of branches varies. Which branches an input takes follows its place in
    the shared difficulty: neighbouring inputs take neighbouring branches. Source: R. T. Mullapudi et al.,
    "HydraNets: Specialized Dynamic Architectures for Efficient Inference", CVPR 2018, section 3.
    """
    joins: dict[str, list[Branch]] = {}
    for branch in branches(network):
        joins.setdefault(branch.join, []).append(branch)
    wide = {name: found for name, found in joins.items() if len(found) > 1 and len({b.fork for b in found}) == 1}
    if not wide:
        raise WorkloadError(f"network '{network.name}' has no branches to choose among; give one such as 'hydranet'")
    fewest = min(len(found) for found in wide.values())
    if not 1 <= k <= fewest:
        raise WorkloadError(
            f"k is {k} and network '{network.name}' has {fewest} branches; write a k from 1 to {fewest}"
        )
    schedule = Schedule.of(frames, arrivals, seed)
    process = Difficulty(seed, time_correlation)
    work = static_work(network)
    for join, found in wide.items():
        start = np.floor(process.layer(join, schedule.frames) * len(found)).astype(np.int64)
        for position, branch in enumerate(found):
            runs = (position - start) % len(found) < k
            for name in branch.groups:
                work[name] = executed_only(work[name], runs)
        gate = work[found[0].groups[0]].layer
        counted: Mapping[str, float] = {"add": float(gate.input_elements), "max": float(len(found))}
        work[join] = with_gate(work[join], float(gate.in_shape[0] * len(found)), counted)
    return schedule.stream("hydra", network, work, {"k": k, "time_correlation": time_correlation})


def heads_stream(
    network: Network,
    frames: int | None = None,
    arrivals: str | Arrivals | None = None,
    seed: int = 0,
    *,
    every: tuple[int, ...] = (1, 2, 4),
) -> TokenStream:
    """A shared backbone with several heads, as in Tesla's HydraNet: head i runs on every ``every[i]``-th frame.

    The backbone runs for each frame that any head needs. Source: A. Karpathy, "PyTorch at Tesla", PyTorch DevCon
    2019 (talk).
    """
    ends = outputs(network)
    if len(every) != len(ends) or min(every) < 1:
        raise WorkloadError(
            f"network '{network.name}' has {len(ends)} heads and every lists {list(every)};"
            " write a whole number of frames, 1 or more, for each head"
        )
    schedule = Schedule.of(frames, arrivals, seed)
    index = np.arange(schedule.frames)
    needed = needed_for(network, [index % period == 0 for period in every])
    work: dict[str, LayerWork] = {name: executed_only(one, needed[name]) for name, one in static_work(network).items()}
    return schedule.stream("heads", network, work, {"every": list(every)})
