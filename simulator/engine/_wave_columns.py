"""The memory of the wavefront; see :mod:`simulator.engine._columns` for the manner."""

from __future__ import annotations

LANES = 4
"""Cells of a vector: those of most processors; wider ones gain nothing, since memory is what is waited for."""

# The run. A row of a plane has PITCH cells: a vector that is always 0, then a lane a stage.
(
    FIRINGS,
    ROWS,  # of a tile
    HISTORY,  # rows in front of a tile that it looks back on
    PITCH,
    STAGES,
    VECTORS,
    DEEPEST,  # highest level of a stage
    LEVELS,  # table of the level of each stage
    CONSTANTS,  # table of service times that always hold
    MASK,  # this and what follows are places in the work: a row of -1 for stages, four rows that are looked up,
    LOOKED_UP,
    STARTS,  # and the planes, behind their history
    ENDS,
    TIMES,
    WAITS,  # table of the kinds of waits
    COLUMNS,  # table of the columns of start and end that are kept, and of service times that are given
) = range(16)
RUN_COLUMNS = 16

# Kinds of waits: for the firing before, for the first thing that a start needs, for all else that it needs, and for
# what a departure needs.
DEPARTED, ONE, TWO, HELD = range(4)
KINDS = 4

# A kind of wait: where all stages find it, from the place of their own row. Where LISTS is not 0, it is the table of
# where each stage's list of waits begins, and the latest of their times is looked up first.
SHIFT, LISTS = range(2)
WAIT_COLUMNS = 2

# A wait in a list: where it stands, from the place of the own row; what comes on top, from which row on.
PLACE, PLUS, SINCE = range(3)
LISTED_COLUMNS = 3

# A column of all stages: its plane, the machine addresses of what stands for row 0 (0: none), and which vectors of
# stages have it throughout.
PLANE, ADDRESSES, WHOLE = range(3)
COLUMN_COLUMNS = 3
KEPT_START, KEPT_END, GIVEN_TIMES = range(3)
