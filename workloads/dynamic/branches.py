"""Branches of a network: which groups lead where, so that what no output of a frame needs is not done for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from workloads.network import LayerGroup, Network
from workloads.tokens import LayerWork

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Branch:
    """Part of a network after group ``fork`` and before group ``join``, with no other way in or out."""

    fork: str
    join: str
    groups: tuple[str, ...]


def outputs(network: Network) -> tuple[LayerGroup, ...]:
    """Groups that nobody reads, in order: the exits or heads of the network."""
    groups = network.groups()
    read = {source for group in groups for source in group.inputs}
    return tuple(group for group in groups if group.name not in read)


def leads_to(network: Network) -> dict[str, frozenset[int]]:
    """For each group the positions of the outputs that depend on it."""
    groups = network.groups()
    reached: dict[str, set[int]] = {group.name: set() for group in groups}
    for position, output in enumerate(outputs(network)):
        reached[output.name].add(position)
    for group in reversed(groups):
        for source in group.inputs:
            reached[source] |= reached[group.name]
    return {name: frozenset(found) for name, found in reached.items()}


def branches(network: Network) -> tuple[Branch, ...]:
    """All branches between a fork and a join (an addition or a concatenation), in the order of their joins.

    A way straight from the fork to the join, as the identity of a residual block, is no branch.
    """
    groups = {group.name: group for group in network.groups()}
    readers: dict[str, list[str]] = {name: [] for name in groups}
    for group in groups.values():
        for source in group.inputs:
            readers[source].append(group.name)
    found = []
    for join in groups.values():
        if len(join.inputs) < 2:
            continue
        for end in join.inputs:
            chain = _chain(end, groups, readers)
            if chain is not None:
                found.append(Branch(chain[0], join.name, chain[1]))
    return tuple(found)


def _chain(
    end: str, groups: Mapping[str, LayerGroup], readers: Mapping[str, list[str]]
) -> tuple[str, tuple[str, ...]] | None:
    """Groups from a fork up to ``end``, each with one way in and one way out; None where the fork is the end."""
    members: list[str] = []
    name = end
    while len(readers[name]) == 1 and len(groups[name].inputs) == 1:
        members.append(name)
        name = groups[name].inputs[0]
    return (name, tuple(reversed(members))) if members else None


def executed_only(work: LayerWork, frames: Mask) -> LayerWork:
    """The same work, done only for the frames of the mask of shape (frames,)."""
    return replace(work, executed=frames & work.executed)


def with_gate(work: LayerWork, macs: float, ops: Mapping[str, float]) -> LayerWork:
    """The same work with that of a gate added to every frame that does the layer."""
    total = dict(work.ops)
    for kind, count in ops.items():
        total[kind] = total.get(kind, np.zeros(1)) + count
    return replace(work, macs=work.macs + macs, ops=total)


def static_work(network: Network) -> dict[str, LayerWork]:
    """The dense work of every group but the inputs."""
    return {group.name: LayerWork.static(group) for group in network.groups() if group.kind != "input"}


def needed_for(network: Network, wanted: Iterable[Mask]) -> dict[str, Mask]:
    """For each group the frames that need it, given for each output the frames that produce it."""
    masks = list(wanted)
    return {
        name: np.logical_or.reduce([masks[position] for position in sorted(positions)])
        for name, positions in leads_to(network).items()
        if positions
    }
