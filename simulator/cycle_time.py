"""The exact time of an iteration in the long run: the maximum cycle ratio of a graph of events.

Events repeat once an iteration. An edge says that event ``after`` of iteration i happens no earlier than ``weight``
ticks after event ``before`` of iteration ``i - distance``. The slowest circle, by weight over distance, sets the
pace: Reiter, "Scheduling parallel computations", J. ACM 15(4) 1968; Baccelli et al., "Synchronization and Linearity",
1992, theorem 3.28.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from simulator.series import Ints

__all__ = ["Edges", "maximum_cycle_ratio", "tightest_knot"]


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """Edges as columns; events are numbered from 0 and each has at least one edge that it comes after."""

    after: Ints
    before: Ints
    weight: Ints
    distance: Ints


def tightest_knot(edges: Edges, events: int) -> Ints:
    """Events on circles that lead back to the same iteration: each waits for itself. Empty if there are none."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    now = edges.distance == 0
    after, before = edges.after[now], edges.before[now]
    links = coo_array((np.ones(after.size, dtype=np.int8), (before, after)), shape=(events, events))
    _, part = connected_components(links, directed=True, connection="strong")
    size = np.bincount(part)
    knotted = size[part] > 1
    knotted[after[after == before]] = True
    return np.flatnonzero(knotted)


def maximum_cycle_ratio(edges: Edges, events: int) -> tuple[Fraction, Ints]:
    """The largest weight over distance of all circles, exactly, and the events of a circle that has it.

    Howard's policy iteration for several chains, as in Cochet-Terrasson, Cohen, Gaubert, McGettrick, Quadrat,
    "Numerical computation of spectral elements in max-plus algebra", IFAC 1998, in whole numbers throughout. There
    must be no circle of distance 0 (:func:`tightest_knot`).
    """
    order = np.argsort(edges.after, kind="stable")
    after, before = edges.after[order], edges.before[order]
    large = int(edges.weight.sum()) * max(1, int(edges.distance.sum())) >= 2**61
    kind = object if large else np.int64
    weight, distance = edges.weight[order].astype(kind), edges.distance[order].astype(kind)
    first = np.searchsorted(after, np.arange(events))
    policy = first.copy()
    previous: _Values | None = None
    while True:
        values = _evaluate(policy, before, weight, distance, previous)
        rank = values.rank[before]
        better = np.maximum.reduceat(rank, first)
        gain = better > values.rank
        if gain.any():
            wanted = rank == better[after]
        else:
            here = values.rank[after]
            value = weight * values.scale[here] - distance * values.pace[here] + values.potential[before]
            # What leads to a slower circle is no way to improve a potential.
            value = np.where(rank == here, value, values.potential[after])
            best = np.maximum.reduceat(value, first)
            gain = best > values.potential
            if not gain.any():
                break
            wanted = (value == best[after]) & (rank == here)
        choice = np.flatnonzero(wanted)[::-1]
        chosen = policy.copy()
        chosen[after[choice]] = choice
        policy = np.where(gain, chosen, policy)
        previous = values
    slowest = int(values.rank.max())
    root = int(values.root[int(np.flatnonzero(values.rank == slowest)[0])])
    circle = [root]
    while (event := int(before[policy[circle[-1]]])) != root:
        circle.append(event)
    return values.ratios[slowest], np.array(circle, dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class _Values:
    """What a policy is worth to each event: the circle it ends in (``root``, by ratio ``rank``) and its potential.

    ``ratios[rank]`` is pace over scale; a potential is in units of 1 / scale.
    """

    root: Ints
    rank: Ints
    potential: npt.NDArray[np.int64]
    ratios: list[Fraction]
    pace: npt.NDArray[np.int64]
    scale: npt.NDArray[np.int64]


def _evaluate(policy: Ints, before: Ints, weight: Ints, distance: Ints, previous: _Values | None) -> _Values:
    """Follow the policy from every event at once, doubling the steps."""
    events = policy.size
    doublings = max(1, math.ceil(math.log2(events))) + 1
    step = before[policy]
    least, jump = np.arange(events), step
    for _ in range(doublings):
        least, jump = np.minimum(least, least[jump]), jump[jump]
    root = least[jump]
    roots = np.unique(root)
    at_root = root == np.arange(events)
    zero: Ints = np.zeros(events, dtype=weight.dtype)
    ways: Ints = np.where(at_root, zero, weight[policy])
    far: Ints = np.where(at_root, zero, distance[policy])
    jump = np.where(at_root, np.arange(events), step)
    for _ in range(doublings):
        ways, far, jump = ways + ways[jump], far + far[jump], jump[jump]
    totals = zip(weight[policy[roots]] + ways[step[roots]], distance[policy[roots]] + far[step[roots]], strict=True)
    found = [Fraction(int(w), int(d)) for w, d in totals]
    ratios = sorted(set(found))
    place = {ratio: number for number, ratio in enumerate(ratios)}
    rank_of_root = np.zeros(events, dtype=np.int64)
    rank_of_root[roots] = [place[ratio] for ratio in found]
    rank = rank_of_root[root]
    pace: Ints = np.array([ratio.numerator for ratio in ratios], dtype=weight.dtype)
    scale: Ints = np.array([ratio.denominator for ratio in ratios], dtype=weight.dtype)
    base = zero.copy()
    if previous is not None:
        # A circle of the same ratio keeps its root's potential, so that potentials only rise and the iteration ends.
        for r, ratio in zip(roots, found, strict=True):
            if previous.ratios[int(previous.rank[r])] == ratio:
                base[r] = previous.potential[r]
    potential: Ints = ways * scale[rank] - far * pace[rank] + base[root]
    return _Values(root, rank, potential, ratios, pace, scale)
