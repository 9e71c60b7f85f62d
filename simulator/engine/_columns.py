"""The memory of the compiled engine: one int64 array in which every thing is named by the address of its row.

An actor, a channel, a cursor is the place where its row begins; ``m[actor + STARTED]`` is a fact about it. One array
keeps compilation short (each table handed to each step would cost seconds) and a decision about one actor or channel
in a cache line or two. Addresses of actors rise with their order in the plan. The row of the run itself begins at
address 0.
"""

from __future__ import annotations

INFINITY = (1 << 63) - 1
"""Later than every instant; also the capacity of an unbounded channel and the cap of a flow without one."""

# The run as a whole.
(
    NOW,
    LEFT,  # firings that have not departed
    LIMIT,  # stop when LEFT falls to this
    UNTIL,
    TIMERS,  # address of the timer tree's node 0, and the binary logarithm of how many leaves it has
    LEAF_BITS,
    DUES,  # address of the time at which each leaf rings, INFINITY if it does not
    EPOCH,  # the instant from which the tree counts
    LEAVES,  # address of (kind, owner) of every leaf
    OVERLAP_LEAF_AT,
    WORKLIST,
    WORK,  # length of the worklist
    LISTS,  # address of the list of resources whose head may have become grantable
    LISTED_RESOURCES,
    PENDINGS,  # address of the list of lossy sources to be decided
    PENDING_SOURCES,
    STALES,  # address of the list of servers whose rates are to be shared out
    STALE_SERVERS,
    HEAP,  # address of the heap of completions that overlap, and its length
    OVERLAPS,
    ACTORS,
    ACTORS_END,
    CHANNELS,
    CHANNELS_END,
    CURSORS,
    CURSORS_END,
    SERVERS,
    SERVERS_END,
    COLUMN_LENGTH,  # distance between the columns of start, served and end
    LOSSY,  # whether the plan has a lossy source
    VOID_FRAMES,  # address of the ring of void frames: frame + 1 stands at frame & VOID_FOLD if the frame is void
    VOID_FOLD,
    VOID_FROM,  # frames before this one are served and matter no more; looked up when the ring seems full
    VOID_TO,  # frames from this one on are not void yet
    COUNTING,  # whether aggregates are kept instead of columns
    GROW_RING,  # which ring is full, and whose
    GROW_ACTOR,
    LAST_MOVED,  # aggregate: when a firing last started, was served or departed, or tokens became readable
    WATCHING,  # whether the state is compared with a snapshot, whenever the actor ANCHOR has departed
    ANCHOR,
    ANCHOR_SEEN,
    COMPARISONS,  # with the present snapshot, and how many there may be before the next one is taken
    MOST_COMPARISONS,
    POOLS,  # aggregates: levels that several channels share
    POOLS_END,
    TEAMS,
    TEAMS_END,
    PARTIES,
    PARTIES_END,
    TALLIES,
    TALLIES_END,
) = range(51)
RUN_COLUMNS = 56

# A cursor walks a Series without divisions: VALUE is the value at the cursor's firing.
VALUE, POSITION, RAISED, FIRST, LAST, STEP, KIND = range(7)
CURSOR_COLUMNS = 8
FIXED, RAMP, PATTERN = 0, 1, 2

# Actors. What every firing looks at stands in front, in as few cache lines of eight cells as it can.
(
    STARTED,  # firings 0 .. STARTED-1 have started
    ENDED,  # firings 0 .. ENDED-1 have departed
    FIRINGS,  # how many in all
    OPEN,  # SINGLE only: parts of the running firing (compute, flows) that are not through
    CONCURRENCY,
    PLAIN,  # 1: has nothing but tokens, room and compute time to wait for; see _firing
    COLUMN,  # where the actor's firings begin in the columns, and the mask that folds a firing into them (-1: none)
    FOLD,
    INPUTS,
    INPUTS_END,
    OUTPUTS,
    OUTPUTS_END,
    COMPUTE,  # cursor
    TIMER,  # leaf
    QUEUED,  # in the worklist
    SINGLE,  # 1: at most one firing between start and end, so its completion has a timer of its own
    CLAIMS_EARLY,  # has an output that is claimed at start
    BLOCKS_AFTER_SERVICE,  # has one that is not
    FREES_LATE,  # has an input that is given back at departure
    RESOURCE,  # a contended resource, -1: starts by itself
    FLOWS,
    FLOWS_END,
    RELEASE,  # cursor, -1: never later than tick 0
    RELEASE_TIMER,  # leaf
    LATENCY,  # cursor, -1: no latency at any firing
    ARRIVAL_TIMER,  # leaf
    ARRIVED,  # LATENCY only: outputs of firings 0 .. ARRIVED-1 are readable
    LAST_ARRIVAL,  # LATENCY only: when the outputs of the last departed firing become readable
    SLOTS,
    PRIORITY,
    READY,  # contended only: since when it waits for a grant, -1: it does not
    GRANTED,
    DROP,
    DECIDED,  # DROP only: this firing may start
    PENDING,  # DROP only: waits for its decision
    FIRST_FRAME,  # cursors, lossy plans only
    LAST_FRAME,
    FLIGHT,  # the same as COLUMN and FOLD for the parts left of firings between start and end
    FLIGHT_FOLD,
    TRAVEL,  # the same for arrival times of firings between end and arrival
    TRAVEL_FOLD,
    MARKS,  # the same for the void marks
    MARKS_FOLD,
    RELEASE_WAITS,  # how often it had to wait for a release
    TALLY,  # aggregates: what is counted of the actor
) = range(45)
ACTOR_COLUMNS = 72

# Aggregates: what is counted of an actor. What it waits for is one of WAIT_*.
WAIT_NOTHING, WAIT_RELEASE, WAIT_INPUT, WAIT_ROOM, WAIT_GRANT, WAIT_EARLIER = range(6)
(
    CAUSE,  # what it waits for, since when, and for how long that has been counted before
    SINCE,
    WAITED,
    HOLDS,  # whether its oldest firing is served and cannot depart
    FIRST_START,
    FIRST_END,
    LAST_END,
    TEAM,  # whose slots it takes and how many, -1: its own waits tell all about them
    TEAM_SLOTS,
    PARTY,  # whom it keeps at work, -1: nobody
    PHASES,  # void firings by their number modulo PERIOD
    PERIOD,
    DRAINED,  # firings whose departures have been taken out of the ring
    SUM_BUSY,  # from start to end of service
    SUM_COMPUTE,
    SUM_BOUND,  # by how much its own flows outlast that with their servers to themselves
    SUM_HELD,  # from end of service to departure, and of this until the firing before has departed
    SUM_BEHIND,
    VOID_FIRINGS,
    LANES_ENDED,  # lanes whose last firing has departed, and the sum of these departures
    LANE_ENDS,
    SUMS,  # how long it has waited for what, by WAIT_*
) = range(22)
# The channels that an actor was waiting for: now, since when this is known, and before. Three cells each.
INPUT_LATE, ROOM_LATE, HELD_LATE = 27, 30, 33
LATE, LATE_SINCE, LATE_BEFORE = range(3)
TALLY_COLUMNS = 36

# Aggregates: the free slots of a resource by what its actors wait for, and parties, whose members are counted together
# as long as any of them is in service.
TEAM_FREE, TEAM_CHANGED, TEAM_SUMS, TEAM_WAITS = 0, 1, 2, 8
TEAM_COLUMNS = 14
PARTY_SIZE, PARTY_SINCE, PARTY_TIME = range(3)
PARTY_COLUMNS = 3

# Inputs. OWN_FREE (self-loops that free at departure) walks the frees at the start; OWN_FREED is its value one firing
# ago.
IN_CHANNEL, NEED, FREE, FREES_AT_START, OWN_FREE, OWN_FREED = range(6)
INPUT_COLUMNS = 8

# Outputs; CLAIM, WRITE and ARRIVE walk the same puts at start, at departure and when they become readable.
OUT_CHANNEL, CLAIM, WRITE, ARRIVE, CLAIMS_AT_START, OWN_INPUT = range(6)
OUTPUT_COLUMNS = 8

# Channels. USED counts what is claimed and not given back; GIVEN counts positions, void ones too.
(
    CAPACITY,
    USED,
    READABLE,
    GIVEN,
    WRITER,
    READER,
    READ_AT,  # the reader waits for so many tokens in all, INFINITY: it does not
    WRITE_AT,  # the writer waits until USED has come down to this, -1: it does not
    MARK_FIRING,  # lossy plans: the writer's firing that the oldest token is from, and how many of it are left
    MARK_LEFT,
    MARK_PUT,  # cursor of the writer's puts behind MARK_FIRING, -1: void tokens cannot occur
    # Aggregates of the room taken (USED): since when it holds, its highest, and its integral over time in units of
    # 2**FINE_BITS and the rest; how long it was FULL_FROM or more; how long it was in each bin of 2**BIN_SHIFT levels.
    CHANGED,
    PEAK,
    WHOLE,
    FINE,
    FULL_FROM,
    FULL_TIME,
    BINS,
    BIN_SHIFT,
    HISTOGRAM,
    # The same of the tokens that lie readable, how long there were none, and how many real ones have become readable.
    LYING,
    LYING_CHANGED,
    LYING_WHOLE,
    LYING_FINE,
    EMPTY_TIME,
    WRITTEN,
    # A state that its own actor rewrites never holds old and new side by side: what firings under way will free is
    # no level.
    IS_STATE,
    CREDIT,
    # How long its reader waited for tokens, and its writer for room, where this channel was the last to come.
    STARVES,
    BLOCKS,
    # The level that it is part of, -1: none, and what a token adds to it. Such a level is a row like a channel's.
    POOL,
    POOL_SCALE,
) = range(32)
CHANNEL_COLUMNS = 40
FINE_BITS = 20

# Flows an actor has per firing, servers, and flows that are under way.
FLOW_SERVER, FLOW_WORK, FLOW_CAP = range(3)
FLOW_COLUMNS = 4
ACTIVE, ACTIVE_ROWS, UPDATED, RATE_AT, RATES_END, SERVER_TIMER, STALE = range(7)
SERVER_COLUMNS = 8
CAP, BY_ACTOR, BY_FIRING, REMAINING, RATE = range(5)
ACTIVE_COLUMNS = 5
RATE_TIME, RATE_VALUE = range(2)
RATE_COLUMNS = 2

# Contended resources; the waiting actors are a heap in a segment of its own.
SLOTS_LEFT, SEGMENT, WAITING, LISTED = range(4)

# Timers: leaves, and completions that overlap.
LEAF_KIND, LEAF_OWNER = range(2)
LEAF_COLUMNS = 2
COMPUTE_LEAF, OVERLAP_LEAF, ARRIVAL_LEAF, RELEASE_LEAF, SERVER_LEAF = range(5)
OVERLAP_TIME, OVERLAP_ACTOR, OVERLAP_FIRING = range(3)
OVERLAP_COLUMNS = 3

# Why the event loop returned. GROW: a ring is full; SNAPSHOT: a new one is due; RECURRED: the state is that of the
# snapshot.
RUNNING, FINISHED, STUCK, PAUSED, PAST_UNTIL, GROW, SNAPSHOT, RECURRED = range(8)
FLIGHT_RING, TRAVEL_RING, MARKS_RING, VOID_RING, TIMES_RING = range(5)
