"""The memory of the static-order path; see :mod:`simulator.engine._columns` for the manner."""

from __future__ import annotations

# The run: a ring of the groups that wait to be driven, and the firings left.
QUEUE, QUEUE_END, LAST_QUEUED, WAITING, LEFT = range(5)
RUN_COLUMNS = 5

# Groups of actors that are driven in turn.
MEMBERS, MEMBERS_END, QUEUED = range(3)
GROUP_COLUMNS = 3

# Actors: cursors (-1: always 0), what their starts wait for and their departures are held by, where their times stand,
# and who may wait for them. PLAIN ones wait for one time at most and are held by one. A firing that is through but has
# not departed has the end of its service in the place of its departure.
(
    FIRINGS,
    STARTED,
    ENDED,
    CONCURRENCY,
    RELEASE,
    COMPUTE,
    LATENCY,
    WAITS,
    WAITS_END,
    HOLDS,
    HOLDS_END,
    START,
    END,
    ARRIVAL,
    NEIGHBOURS,
    NEIGHBOURS_END,
    GROUP,
    AWAKE,
    PLAIN,
) = range(19)
ACTOR_COLUMNS = 19

# Waits: a firing waits for the time that stands in a COLUMN at INDEX (a cursor; negative: for nothing), and PLUS ticks.
# It is known once the count at the address KNOWN is beyond it.
COLUMN, KNOWN, INDEX, PLUS = range(4)
WAIT_COLUMNS = 4

__all__ = [name for name in globals() if name.isupper()]
