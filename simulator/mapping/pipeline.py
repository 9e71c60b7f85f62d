"""Elements as stages of a pipeline: consecutive layers on one element, the slowest stage as quick as can be.

Frames follow each other through the elements, each of which works on another frame (task parallelism), while inside an
element a layer is still shared among its cores or multiprocessors (data parallelism). This is the mapping of Minakova,
Tang and Stefanov (SAMOS 2020); the cut is found exactly for every order of the elements instead of by a genetic search.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import permutations

_NEVER = float("inf")
# Every order of some or all elements is tried: 325 of five. Of more, the five that are quickest by themselves are kept.
_MOST_ELEMENTS = 5
_HALVINGS = 60


def balance(
    names: Sequence[str],
    costs: Sequence[Mapping[str, float]],
    copy_seconds: Callable[[int, str, str], float],
) -> list[str] | None:
    """The element of each layer, so that the longest time of an element, or of a copy between two, is least.

    ``costs[i][name]`` is the time of layer i on an element (absent or infinite: it cannot run there),
    ``copy_seconds(i, before, after)`` that of bringing layer i its input. Equal cuts go to the one with the least work
    in sum, then to the order of ``names``. None where no cut into consecutive layers exists.
    """
    if not costs:
        return []
    able = [name for name in names if any(cost.get(name, _NEVER) < _NEVER for cost in costs)]
    able.sort(key=lambda name: sum(min(cost.get(name, _NEVER), 1e9) for cost in costs))
    kept = [name for name in names if name in able[:_MOST_ELEMENTS]]
    best: tuple[float, float] | None = None
    chosen: list[str] | None = None
    orders = (order for count in range(1, len(kept) + 1) for order in permutations(kept, count))
    for order in orders:
        found = _cut(order, costs)
        if found is None:
            continue
        stages, total = _loads(found, costs, copy_seconds)
        slowest = max(stages)
        if slowest < _NEVER and (best is None or (slowest, total) < best):
            best, chosen = (slowest, total), found
    return chosen


def _cut(order: Sequence[str], costs: Sequence[Mapping[str, float]]) -> list[str] | None:
    """The cut with the quickest slowest element, in this order, by halving the time allowed to each."""
    high = sum(max((c for c in cost.values() if c < _NEVER), default=_NEVER) for cost in costs)
    found = _fill(order, costs, high)
    if found is None:
        return None
    low = 0.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        trial = _fill(order, costs, middle)
        if trial is None:
            low = middle
        else:
            found, high = trial, middle
    return found


def _fill(order: Sequence[str], costs: Sequence[Mapping[str, float]], limit: float) -> list[str] | None:
    """Each element takes layers as long as its time lasts; None if layers remain.

    To take as many as possible is best: the next element then begins further on, and reaches at least as far.
    """
    chosen: list[str] = []
    for name in order:
        left = limit
        while len(chosen) < len(costs) and costs[len(chosen)].get(name, _NEVER) <= left:
            left -= costs[len(chosen)][name]
            chosen.append(name)
    return chosen if len(chosen) == len(costs) else None


def _loads(
    chosen: Sequence[str], costs: Sequence[Mapping[str, float]], copy_seconds: Callable[[int, str, str], float]
) -> tuple[list[float], float]:
    """Seconds a frame of every element and copy, and their sum."""
    loads: dict[str, float] = {}
    copies: list[float] = []
    for i, name in enumerate(chosen):
        loads[name] = loads.get(name, 0.0) + costs[i][name]
        if i and chosen[i - 1] != name:
            copies.append(copy_seconds(i, chosen[i - 1], name))
    stages = [*loads.values(), *copies]
    return stages, sum(stages)
