"""Names of the columns in the compiled engine's tables: one row a thing, one int64 column a fact about it.

A row is contiguous, so all that a decision about one actor or channel needs lies in a cache line or two. Values that
change while the plan runs and values that do not stand side by side on purpose.
"""

from __future__ import annotations

INFINITY = (1 << 63) - 1
"""Later than every instant; also the capacity of an unbounded channel and the cap of a flow without one."""

# A cursor walks a Series without divisions: VALUE is the value at the cursor's firing.
VALUE, POSITION, RAISED, FIRST, LAST, STEP, KIND, FIRING = range(8)
CURSOR_COLUMNS = 8
FIXED, RAMP, PATTERN = 0, 1, 2

# Actors.
(
    FIRINGS,  # how many in all
    STARTED,  # firings 0 .. STARTED-1 have started
    ENDED,  # firings 0 .. ENDED-1 have departed
    CONCURRENCY,
    SINGLE,  # 1: at most one firing between start and end, so its completion has a timer of its own
    OPEN,  # SINGLE only: parts of the running firing (compute, flows) that are not through
    DUE,  # SINGLE only: when its timer rings, INFINITY if it does not
    INPUTS,
    INPUTS_END,
    OUTPUTS,
    OUTPUTS_END,
    FLOWS,
    FLOWS_END,
    COMPUTE,  # cursor
    RELEASE,  # cursor, -1: never later than tick 0
    RELEASE_TIMER,  # leaf
    LATENCY,  # cursor, -1: no latency at any firing
    ARRIVAL_TIMER,  # leaf
    ARRIVED,  # LATENCY only: outputs of firings 0 .. ARRIVED-1 are readable
    LAST_ARRIVAL,  # LATENCY only: when the outputs of the last departed firing become readable
    RESOURCE,  # row of a contended resource, -1: starts by itself
    SLOTS,
    PRIORITY,
    READY,  # contended only: since when it waits for a grant, -1: it does not
    GRANTED,
    QUEUED,  # in the worklist
    BLOCKS_AFTER_SERVICE,  # has such an output
    DROP,
    DECIDED,  # DROP only: this firing may start
    PENDING,  # DROP only: waits for its decision
    FIRST_FRAME,  # cursors, lossy plans only
    LAST_FRAME,
    COLUMN,  # where the firing columns of this actor begin, and the mask that folds a firing into them (-1: none)
    FOLD,
    FLIGHT,  # the same for the parts left of firings between start and end
    FLIGHT_FOLD,
    TRAVEL,  # the same for arrival times of firings between end and arrival
    TRAVEL_FOLD,
    MARKS,  # the same for the void marks
    MARKS_FOLD,
    CAUSE,  # aggregate only: what it waits for, and since when
    SINCE,
) = range(42)
ACTOR_COLUMNS = 48

# Inputs.
# OWN_FREE (self-loops that free at departure) walks the frees at the start; OWN_FREED is its value one firing ago.
IN_CHANNEL, NEED, FREE, FREES_AT_START, OWN_FREE, OWN_FREED = range(6)
INPUT_COLUMNS = 6

# Outputs; CLAIM, WRITE and ARRIVE walk the same puts at start, at departure and when they become readable.
OUT_CHANNEL, CLAIM, WRITE, ARRIVE, CLAIMS_AT_START, OWN_INPUT = range(6)
OUTPUT_COLUMNS = 6

# Channels. USED counts claimed and not given back; GIVEN counts positions, void ones too.
(
    CAPACITY,
    USED,
    READABLE,
    GIVEN,
    WRITER,
    READER,
    MARK_FIRING,  # lossy plans: the writer's firing that the oldest token comes from, and how many of its tokens are left
    MARK_LEFT,
    MARK_PUT,  # cursor of the writer's puts at MARK_FIRING, -1: void tokens cannot occur
    CHANGED,  # aggregate: when USED last changed
    PEAK,
    WHOLE,  # aggregate: sum of USED x time, in units of 2**FINE_BITS
    FINE,  # aggregate: the rest of it
    BIN_WIDTH,  # aggregate: levels to a bin of the histogram
) = range(14)
CHANNEL_COLUMNS = 16
FINE_BITS = 20

# Flows an actor has per firing, servers, and flows that are under way.
FLOW_SERVER, FLOW_WORK, FLOW_CAP = range(3)
FLOW_COLUMNS = 3
ACTIVE, UPDATED, RATE_NOW, RATES, RATES_END, SERVER_TIMER, STALE = range(7)
SERVER_COLUMNS = 8
CAP, BY_ACTOR, BY_FIRING, BY_POSITION, REMAINING, RATE = range(6)
ACTIVE_COLUMNS = 6

# Contended resources; WAITING is a heap of actors in a segment of its own.
SLOTS_LEFT, SEGMENT, WAITING, LISTED = range(4)
RESOURCE_COLUMNS = 4

# Timers.
COMPUTE_LEAF, OVERLAP_LEAF, ARRIVAL_LEAF, RELEASE_LEAF, SERVER_LEAF = range(5)

# Aggregate counters of an actor: what it waited for, and sums over its firings.
WAIT_RELEASE, WAIT_INPUT, WAIT_ROOM, WAIT_GRANT = 1, 2, 3, 4
SUM_WAIT, SUM_BUSY, SUM_BLOCKED, SUM_COMPUTE, FIRST_START, LAST_END, VOID_FIRINGS = 0, 5, 6, 7, 8, 9, 10
SUM_COLUMNS = 12

# The state of the run as a whole.
(
    NOW,
    LEFT,  # firings that have not departed
    STATUS,
    WORK,  # length of the worklist
    LISTED_RESOURCES,
    PENDING_SOURCES,
    OVERLAPS,  # completions in the heap
    STALE_SERVERS,
    LOSSY,  # whether the plan has a lossy source
    COUNTING,  # whether aggregates are kept
    GROW_TABLE,
    GROW_ROW,
    LIMIT,  # stop when LEFT falls to this
    UNTIL,
) = range(14)
RUN_COLUMNS = 16

# Why the event loop returned; GROW: a ring of GROW_TABLE is full for actor GROW_ROW.
RUNNING, FINISHED, STUCK, PAUSED, PAST_UNTIL, GROW = range(6)
FLIGHT_RING, TRAVEL_RING, MARKS_RING = range(3)
