"""The memory of the static-order path; see :mod:`simulator.engine._columns` for the manner."""

from __future__ import annotations

from simulator.engine._columns import INFINITY

# The run.
WORKLIST, WORK, LEFT = range(3)
RUN_COLUMNS = 4

# Actors: cursors (-1: always 0), ports, and where their times stand.
(
    FIRINGS,
    STARTED,
    ENDED,
    CONCURRENCY,
    QUEUED,
    RELEASE,
    COMPUTE,
    LATENCY,
    INPUTS,
    INPUTS_END,
    OUTPUTS,
    OUTPUTS_END,
    START,
    SERVED,
    END,
    ARRIVAL,
) = range(16)
ACTOR_COLUMNS = 16

# Inputs: READ tokens are there once the writer's firings 0 .. WRITTEN-1 have arrived; PUTS walks what they put.
NEED, IN_WRITER, PUTS, READ, WRITTEN = range(5)
INPUT_COLUMNS = 5

# Outputs: FREED tokens have been given back by the reader's firings 0 .. GIVING-1; ROOM is what fits before that.
PUT, OUT_READER, FREES, ROOM, FREED, GIVING, CLAIMS_AT_START, RELEASES_AT_START, OWN_FREE = range(9)
OUTPUT_COLUMNS = 9

__all__ = [name for name in globals() if name.isupper()]
__all__ += ["INFINITY"]
