"""The memory of the marked-graph recurrence; see :mod:`simulator.engine._columns` for the manner."""

from __future__ import annotations

ACTORS, ACTORS_END, BLOCK, FIRINGS = range(4)
RUN_COLUMNS = 4

# Four columns of times, as places of firing 0.
START, SERVED, END, ARRIVAL = range(4)

# A plain stage waits for ONE and TWO and is held by HELD (columns, moved back by their lags); its compute times are at
# the machine address TIMES in steps of TIMES_STEP (0: constant). These eight cells are all that a block of it reads.
ONE, TWO, HELD, TIMES, TIMES_STEP = 3, 4, 5, 6, 7

# Any actor: cursors (-1: always 0), and lists of such columns that the start waits for and that hold back the
# departure.
OVERLAPS, COMPUTE, RELEASE, LATENCY, WAITS, WAITS_END, HOLDS, HOLDS_END, ANY_ARRIVAL, PLAIN = range(8, 18)
ACTOR_COLUMNS = 18
