"""The recurrence of a marked graph as a wavefront: no firing of a row needs another one of it.

Stage ``i`` fires its ``k``-th time in row ``k + level(i)`` (L. Lamport, "The Parallel Execution of DO Loops",
CACM 17(2), 1974: the hyperplane method). The work holds a tile of rows with a lane a stage and stays in the cache;
what is given and kept, a column a stage, is turned on its way in and out.
"""

from __future__ import annotations

from simulator.engine import _wave_columns as col
from simulator.engine._jit import Cells, called, cells, inlined
from simulator.engine._vectors import BYTES, fire, gather, scatter
from simulator.engine._wave_columns import LANES


@inlined
def is_inside(m: Cells, column: int, vector: int, first: int, count: int) -> bool:
    """Whether a vector of stages has this column, and all its firings in these rows."""
    if first < m[col.DEEPEST] or first + count > m[col.FIRINGS] or count != m[col.ROWS]:
        return False
    return m[m[column + col.WHOLE] + vector] != 0


@called
def fetch(m: Cells, w: Cells, memory: int, work: int, first: int, count: int) -> None:
    """Bring the service times of a tile into their plane; in front of the first firing they are 0."""
    column = m[col.COLUMNS] + col.GIVEN_TIMES * col.COLUMN_COLUMNS
    plane, pitch, addresses = m[column + col.PLANE] + LANES, m[col.PITCH], m[column + col.ADDRESSES]
    for vector in range(m[col.VECTORS]):
        if is_inside(m, column, vector, first, count):
            places = memory + (addresses + vector * LANES) * BYTES
            for row in range(0, count, LANES):
                to = work + (plane + vector * LANES + row * pitch) * BYTES
                gather(places, (first + row) * BYTES, to, pitch * BYTES)
            continue
        for stage in range(vector * LANES, min((vector + 1) * LANES, m[col.STAGES])):
            level = m[m[col.LEVELS] + stage]
            begin, end = max(0, level - first), min(count, m[col.FIRINGS] + level - first)
            if m[addresses + stage] != 0:
                given = cells(m[addresses + stage] + first * BYTES)
                for row in range(begin, end):
                    w[plane + stage + row * pitch] = given[row]
            elif first < level + m[col.ROWS]:
                constant = m[m[col.CONSTANTS] + stage]
                for row in range(begin, end):
                    w[plane + stage + row * pitch] = constant


@called
def keep(m: Cells, w: Cells, memory: int, work: int, column: int, first: int, count: int) -> None:
    """Bring a plane of a tile to where its columns are kept."""
    plane, pitch, addresses = m[column + col.PLANE] + LANES, m[col.PITCH], m[column + col.ADDRESSES]
    for vector in range(m[col.VECTORS]):
        if is_inside(m, column, vector, first, count):
            places = memory + (addresses + vector * LANES) * BYTES
            for row in range(0, count, LANES):
                source = work + (plane + vector * LANES + row * pitch) * BYTES
                scatter(source, pitch * BYTES, places, (first + row) * BYTES)
            continue
        for stage in range(vector * LANES, min((vector + 1) * LANES, m[col.STAGES])):
            if m[addresses + stage] != 0:
                level = m[m[col.LEVELS] + stage]
                kept = cells(m[addresses + stage] + first * BYTES)
                for row in range(max(0, level - first), min(count, m[col.FIRINGS] + level - first)):
                    kept[row] = w[plane + stage + row * pitch]


@inlined
def is_looked_up(m: Cells, kind: int) -> bool:
    """Whether stages find this kind of wait in places of their own."""
    return m[m[col.WAITS] + kind * col.WAIT_COLUMNS + col.LISTS] != 0


@called
def look_up(m: Cells, w: Cells, kind: int, first: int, row: int) -> None:
    """The latest time that each stage waits for in a row of the tile that begins at row ``first``, side by side."""
    to, lists = m[col.LOOKED_UP] + kind * m[col.PITCH], m[m[col.WAITS] + kind * col.WAIT_COLUMNS + col.LISTS]
    for stage in range(m[col.STAGES]):
        latest = 0
        for wait in range(m[lists + stage], m[lists + stage + 1], col.LISTED_COLUMNS):
            time = w[row * m[col.PITCH] + m[wait + col.PLACE]]
            if first + row >= m[wait + col.SINCE]:
                time += m[wait + col.PLUS]
            latest = max(latest, time)
        w[to + stage] = latest


@inlined
def waited_for(m: Cells, work: int, kind: int) -> int:
    """The place of what all stages wait for in row 0."""
    if is_looked_up(m, kind):
        return work + (m[col.LOOKED_UP] + kind * m[col.PITCH]) * BYTES
    return work + m[m[col.WAITS] + kind * col.WAIT_COLUMNS + col.SHIFT] * BYTES


@called
def wave(m: Cells, w: Cells, work: int, first: int, count: int) -> None:
    """The rows of a tile.

    All facts are read in front of the loop: the compiler cannot know that rows are not written over them.
    """
    vectors, step = m[col.VECTORS], m[col.PITCH] * BYTES
    looks_departed, looks_one = is_looked_up(m, col.DEPARTED), is_looked_up(m, col.ONE)
    looks_two, looks_held = is_looked_up(m, col.TWO), is_looked_up(m, col.HELD)
    departed, departed_step = waited_for(m, work, col.DEPARTED), step * (not looks_departed)
    one, one_step = waited_for(m, work, col.ONE), step * (not looks_one)
    two, two_step = waited_for(m, work, col.TWO), step * (not looks_two)
    held, held_step = waited_for(m, work, col.HELD), step * (not looks_held)
    start, end = work + (m[col.STARTS] + LANES) * BYTES, work + (m[col.ENDS] + LANES) * BYTES
    times, mask = work + (m[col.TIMES] + LANES) * BYTES, work + m[col.MASK] * BYTES
    for row in range(count):
        if looks_departed:
            look_up(m, w, col.DEPARTED, first, row)
        if looks_one:
            look_up(m, w, col.ONE, first, row)
        if looks_two:
            look_up(m, w, col.TWO, first, row)
        if looks_held:
            look_up(m, w, col.HELD, first, row)
        for vector in range(vectors):
            lane = vector * LANES * BYTES
            here = row * step + lane
            fire(
                departed + row * departed_step + lane,
                one + row * one_step + lane,
                two + row * two_step + lane,
                held + row * held_step + lane,
                times + here,
                mask + lane,
                start + here,
                end + here,
            )


@inlined
def look_back(m: Cells, w: Cells, plane: int, count: int) -> None:
    """The last rows of a tile stand in front of the next one."""
    moved = count * m[col.PITCH]
    for i in range(plane - m[col.HISTORY] * m[col.PITCH], plane):
        w[i] = w[i + moved]


@called
def all_waves(m: Cells, w: Cells, memory: int, work: int) -> None:
    """All firings of all stages, tile by tile."""
    rows = m[col.FIRINGS] + m[col.DEEPEST]
    for first in range(0, rows, m[col.ROWS]):
        count = min(m[col.ROWS], rows - first)
        fetch(m, w, memory, work, first, count)
        wave(m, w, work, first, count)
        for kind in range(col.KEPT_START, col.KEPT_END + 1):
            keep(m, w, memory, work, m[col.COLUMNS] + kind * col.COLUMN_COLUMNS, first, count)
        look_back(m, w, m[col.STARTS], count)
        look_back(m, w, m[col.ENDS], count)
