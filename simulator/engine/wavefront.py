"""The stages of a marked graph as a wavefront: many firings at a time, none of which needs another.

Firing ``k`` of stage ``i`` stands in row ``k + level(i)``; levels are such that whatever a firing waits for stands in
an earlier row. There are such levels unless the stages of some circle have less than one token a stage between them,
as two stages with a FIFO of one token do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

from simulator.engine import _wave_columns as col
from simulator.engine._wave_columns import LANES
from simulator.engine.arrays import LINE, Memory, aligned
from simulator.series import Ints

_FEWEST_ROWS = 64
_MOST_CELLS = 1 << 20
"""Of the work: more would not stay in the cache."""


_Listed = tuple[int, int, int]


class Wait(NamedTuple):
    """A time that a firing waits for: the start, or else the departure, of firing ``k - lag`` of a stage.

    Where there is such a firing, ``plus`` is added to it.
    """

    stage: int
    lag: int
    is_start: bool = False
    plus: int = 0


class Stage(NamedTuple):
    """A stage: what its firings wait for, how long they take, and what is kept of them.

    ``starts`` are the times that the start of a firing waits for, ``holds`` those that its departure waits for.
    Firings start and depart in order; where it does not ``overlap``, a start also waits for the departure before.
    ``times`` holds a service time for each firing or one for all. ``start`` and ``end`` are the columns to be filled;
    None where nobody asks for them.
    """

    starts: Sequence[Wait]
    holds: Sequence[Wait]
    times: Ints
    start: Ints | None
    end: Ints | None
    overlaps: bool = False


def run_wavefront(stages: Sequence[Stage], firings: int) -> bool:
    """Fill the columns of all stages; False if they are too tightly coupled, or look back too far."""
    from simulator.engine._kernel import run_waves

    level = _levels(stages)
    if level is None:
        return False
    history = 1
    for i, stage in enumerate(stages):
        for wait in chain(stage.starts, stage.holds):
            history = max(history, level[i] - level[wait.stage] + wait.lag)
    rows = max(_FEWEST_ROWS, -(-2 * history // LANES) * LANES)
    vectors = -(-len(stages) // LANES)
    pitch = (vectors + 1) * LANES
    heights = (1, col.KINDS, history + rows, history + rows, rows)
    if sum(heights) * pitch > _MOST_CELLS:
        return False
    places = np.cumsum((0, *heights)) * pitch
    places[[2, 3]] += history * pitch
    memory = Memory()
    run = np.zeros(col.RUN_COLUMNS, dtype=np.int64)
    memory.place(run)
    run[[col.FIRINGS, col.ROWS, col.HISTORY, col.PITCH]] = firings, rows, history, pitch
    run[[col.STAGES, col.VECTORS, col.DEEPEST]] = len(stages), vectors, max(level)
    run[[col.MASK, col.LOOKED_UP, col.STARTS, col.ENDS, col.TIMES]] = places[:5]
    run[col.LEVELS] = memory.place(np.array(level, dtype=np.int64))
    run[col.CONSTANTS] = memory.place(np.array([stage.times.item(0) for stage in stages], dtype=np.int64))
    run[col.WAITS] = _place_waits(memory, stages, level, run)
    run[col.COLUMNS] = _place_columns(memory, stages, level, run)
    work = aligned(np.zeros(int(places[5]) + LINE, dtype=np.int64))
    work[: len(stages)] = -1
    run_waves(memory.joined(), work)
    return True


def _levels(stages: Sequence[Stage]) -> list[int] | None:
    """The least levels; None if there are none (longest paths: a circle that gains would go on for ever)."""
    waits = [[(w.stage, 1 - w.lag) for w in chain(stage.starts, stage.holds)] for stage in stages]
    level = [0] * len(stages)
    while max(level) < len(stages):
        before = level.copy()
        for stage, wanted in enumerate(waits):
            for other, apart in wanted:
                level[stage] = max(level[stage], level[other] + apart)
        if level == before:
            return level
    return None


def _place_waits(memory: Memory, stages: Sequence[Stage], level: list[int], run: Ints) -> int:
    """The table of the kinds of waits."""
    pitch = int(run[col.PITCH])
    planes = {True: int(run[col.STARTS]) + LANES, False: int(run[col.ENDS]) + LANES}

    def listed(stage: int, waits: Iterable[Wait]) -> list[_Listed]:
        return [
            (
                planes[wait.is_start] + wait.stage - (level[stage] - level[wait.stage] + wait.lag) * pitch,
                wait.plus,
                level[stage] + wait.lag,
            )
            for wait in waits
        ]

    before = [listed(i, (Wait(i, 1, stage.overlaps),)) for i, stage in enumerate(stages)]
    kinds = (
        before,
        [listed(i, stage.starts[:1]) for i, stage in enumerate(stages)],
        [listed(i, stage.starts[1:]) for i, stage in enumerate(stages)],
        [listed(i, (*stage.holds, Wait(i, 1)) if stage.overlaps else stage.holds) for i, stage in enumerate(stages)],
    )
    table = [_place_kind(memory, kind if any(kind) else before, before, pitch) for kind in kinds]
    return memory.place(np.array(table, dtype=np.int64))


def _place_kind(memory: Memory, kind: list[list[_Listed]], before: list[list[_Listed]], pitch: int) -> tuple[int, int]:
    """How a kind of wait is found.

    Where all stages find it in the same direction, as in a line of stages, it is read in place. A stage that has no
    wait of this kind must then find a 0 there; else it waits once more for its firing before.
    """
    shifts = {place - i for i, found in enumerate(kind) for place, _, _ in found}
    if len(shifts) == 1 and not any(plus for found in kind for _, plus, _ in found):
        shift = shifts.pop()
        lanes = [(shift + i) % pitch for i, found in enumerate(kind) if not found]
        if not any(LANES <= lane < LANES + len(kind) for lane in lanes):
            return shift, 0
    lists = [found or before[i] for i, found in enumerate(kind)]
    begins = np.cumsum([0, *map(len, lists)], dtype=np.int64) * col.LISTED_COLUMNS
    begins += memory.place(np.array(list(chain.from_iterable(lists)), dtype=np.int64))
    return 0, memory.place(begins)


def _place_columns(memory: Memory, stages: Sequence[Stage], level: list[int], run: Ints) -> int:
    """The table of what is kept and given."""
    kinds: list[tuple[int, Iterable[Ints | None]]] = [
        (col.STARTS, [stage.start for stage in stages]),
        (col.ENDS, [stage.end for stage in stages]),
        (col.TIMES, [stage.times if stage.times.size > 1 else None for stage in stages]),
    ]
    table = []
    for plane, columns in kinds:
        addresses = np.zeros(int(run[col.VECTORS]) * LANES, dtype=np.int64)
        for i, column in enumerate(columns):
            if column is not None:
                addresses[i] = column.__array_interface__["data"][0] - level[i] * column.itemsize
        whole: Ints = (addresses.reshape(-1, LANES) != 0).all(axis=1).astype(np.int64)
        table.append((int(run[plane]), memory.place(addresses), memory.place(whole)))
    return memory.place(np.array(table, dtype=np.int64))
