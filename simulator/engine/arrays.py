"""A Plan flattened into the one memory that the compiled engine runs on, with the run's state inside it.

The Series stay as they are stored: one period of values in a common pool and cursors that walk it, so a plan of a
million frames costs the memory of one. Rows and columns are named in :mod:`simulator.engine._columns`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simulator.engine import _columns as col
from simulator.engine.choice import contended_resources
from simulator.engine.tallies import RING, Counting, gates_of, lay_out
from simulator.plan import Actor, Ints, Plan, Series

_TOGETHER, _TRAVELLING, _MARKED = 64, 64, 256
"""First sizes of the rings for firings under way, tokens under way, and void marks that are still needed; they grow."""

LINE = 8
"""Cells in a cache line."""

_WIDTHS = {
    col.CHANNELS: col.CHANNEL_COLUMNS,
    col.POOLS: col.CHANNEL_COLUMNS,
    col.TALLIES: col.TALLY_COLUMNS,
    col.TEAMS: col.TEAM_COLUMNS,
    col.PARTIES: col.PARTY_COLUMNS,
}


class State(NamedTuple):
    """All of a run: its memory, and the columns of start, served and end of all firings.

    It can stop and go on at any instant.
    """

    memory: Ints
    times: Ints

    @property
    def actors(self) -> Ints:
        """The rows of all actors."""
        return self.rows(col.ACTORS, col.ACTORS_END, col.ACTOR_COLUMNS)

    @property
    def channels(self) -> Ints:
        """The rows of all channels."""
        return self.rows(col.CHANNELS, col.CHANNELS_END, col.CHANNEL_COLUMNS)

    def table(self, first: int) -> Ints:
        """A table by the cell that holds its address: channels, or one of those in which totals are kept."""
        return self.rows(first, first + 1, _WIDTHS[first])

    def rows(self, first: int, last: int, columns: int) -> Ints:
        """The table that begins and ends at the addresses held in two cells of the run's row."""
        return self.memory[int(self.memory[first]) : int(self.memory[last])].reshape(-1, columns)

    def copy(self) -> State:
        """A snapshot."""
        return State(self.memory.copy(), self.times.copy())


class Memory:
    """Blocks of cells one behind the other; a block may be filled after it has been placed."""

    def __init__(self) -> None:
        self.blocks: list[Ints] = []
        self.size = 0
        self.patterns: dict[int, int] = {}

    def place(self, block: Ints) -> int:
        """The address of a block."""
        address = self.size
        self.blocks.append(block.reshape(-1))
        self.size += block.size
        return address

    def align(self) -> None:
        """Let the next block begin with a cache line."""
        self.reserve(-self.size % LINE)

    def reserve(self, cells: int) -> int:
        """The address of so many zeros."""
        return self.place(np.zeros(cells, dtype=np.int64))

    def joined(self) -> Ints:
        """All blocks as one array that begins with a cache line."""
        return np.concatenate(self.blocks, out=aligned(np.empty(self.size + LINE, dtype=np.int64)))

    def cursor_at(self, series: Series) -> int:
        """The address of a new cursor at firing 0 of a series."""
        return self.place(np.array(self.cursor(series), dtype=np.int64))

    def cursor(self, series: Series) -> tuple[int, ...]:
        """The row of a cursor at firing 0 of a series."""
        pattern, step = shortest(series)
        is_shared = pattern is series.pattern
        first = self.patterns.get(id(pattern), -1) if is_shared else -1
        if first < 0:
            first = self.place(pattern)
            if is_shared:
                self.patterns[id(pattern)] = first
        kind = col.PATTERN if pattern.size > 1 else col.RAMP if step else col.FIXED
        return (int(pattern[0]), first, 0, first, first + pattern.size, step, kind, 0)


def aligned(cells: Ints) -> Ints:
    """All but ``LINE`` of some cells, such that the first begins a line of the cache."""
    first = -(cells.ctypes.data // cells.itemsize) % LINE
    return cells[first : first + cells.size - LINE]


def is_constant(series: Series) -> bool:
    """Whether all values of a series are one."""
    pattern = series.pattern
    # Most that differ do so at once.
    return series.step == 0 and bool((pattern[:8] == pattern[0]).all() and (pattern == pattern[0]).all())


def _are_alike(one: Series, other: Series) -> bool:
    """Whether two series are stored as the same values."""
    return one.step == other.step and np.array_equal(one.pattern, other.pattern)


def shortest(series: Series) -> tuple[Ints, int]:
    """The pattern and step of a series; a pattern of equal values, or of an even staircase, shrinks to one value."""
    pattern = series.pattern
    if not pattern.size:
        return np.zeros(1, dtype=np.int64), 0
    if pattern.size == 1:
        return pattern, series.step
    rise = int(pattern[1]) - int(pattern[0])
    # Most that are uneven begin so.
    begins_evenly = pattern.size < 3 or int(pattern[2]) - int(pattern[1]) == rise
    is_even = begins_evenly and bool((np.diff(pattern) == rise).all())
    if is_even and (series.length <= pattern.size or series.step == rise * pattern.size):
        return np.ascontiguousarray(pattern[:1]), rise
    return pattern, series.step


class _Flattener:
    """Walks a plan once and lays out its rows."""

    def __init__(self, plan: Plan, counting: Counting | None) -> None:
        self.plan, self.counting = plan, counting
        self.is_lossy = any(a.drop for a in plan.actors)
        self.memory = memory = Memory()
        self.run, _ = self.table(1, col.RUN_COLUMNS)
        self.actors, self.actors_at = self.table(len(plan.actors), col.ACTOR_COLUMNS)
        self.channels, self.channels_at = self.table(len(plan.channels), col.CHANNEL_COLUMNS)
        self.servers, self.servers_at = self.table(len(plan.servers), col.SERVER_COLUMNS)
        self.cursors, self.cursors_at = self.table(self._cursors(), col.CURSOR_COLUMNS)
        self.cursor_rows: list[tuple[int, ...]] = []
        self.leaves: list[tuple[int, int]] = [(col.COMPUTE_LEAF, self.actor_at(i)) for i in range(len(plan.actors))]
        self.leaves.append((col.OVERLAP_LEAF, -1))
        self.resource_at = self._resources()
        self.rings = 0
        self.columns = 0
        self.flows_at_once = [0] * len(plan.servers)
        gates = gates_of(plan) if counting else frozenset()
        # Lists, because single cells of an array are slow to write.
        rows = self.actors.tolist()
        for index, (row, actor) in enumerate(zip(rows, plan.actors, strict=True)):
            self._facts(row, index, actor)
            self._rings(row, actor, is_gate=index in gates)
            self._ports(row, actor)
            row[col.PLAIN] = self._is_plain(row, actor)
        if rows:
            self.actors[:] = rows
        self._channel_rows()
        self._server_rows()
        self._run_row(memory)
        if counting:
            lay_out(plan, counting, memory, self.run[0], self.actors, self.channels)

    def table(self, rows: int, columns: int) -> tuple[Ints, int]:
        """A table of zeros and its address."""
        cells = np.zeros((rows, columns), dtype=np.int64)
        return cells, self.memory.place(cells)

    def actor_at(self, index: int) -> int:
        return self.actors_at + index * col.ACTOR_COLUMNS

    def channel_at(self, index: int) -> int:
        return self.channels_at + index * col.CHANNEL_COLUMNS

    def _cursors(self) -> int:
        """How many cursors there can be at most."""
        return sum(5 + 3 * len(a.inputs) + 4 * len(a.outputs) + len(a.flows) for a in self.plan.actors)

    def cursor(self, series: Series) -> int:
        """A new cursor at firing 0 of a series."""
        self.cursor_rows.append(self.memory.cursor(series))
        return self.cursors_at + (len(self.cursor_rows) - 1) * col.CURSOR_COLUMNS

    def leaf(self, kind: int, owner: int) -> int:
        """A new timer."""
        self.leaves.append((kind, owner))
        return len(self.leaves) - 1

    def _resources(self) -> dict[int, int]:
        """Rows for the contended resources only; the address of each."""
        users = [0] * len(self.plan.resources)
        for actor in self.plan.actors:
            if actor.resource is not None:
                users[actor.resource] += 1
        places = {}
        for index in sorted(contended_resources(self.plan)):
            segment, slots = self.memory.reserve(users[index]), self.plan.resources[index].slots
            places[index] = self.memory.place(np.array([slots, segment, 0, 0], dtype=np.int64))
        self.run[0, col.LISTS] = self.memory.reserve(len(places))
        return places

    def _facts(self, row: list[int], index: int, actor: Actor) -> None:
        own = self.actor_at(index)
        row[col.FIRINGS] = actor.firings
        row[col.CONCURRENCY] = actor.concurrency
        row[col.SINGLE] = min(actor.concurrency, actor.firings) <= 1
        row[col.TIMER] = index
        row[col.COMPUTE] = self.cursor(actor.compute)
        waits = actor.release.maximum() > 0
        row[col.RELEASE] = self.cursor(actor.release) if waits else -1
        row[col.RELEASE_TIMER] = self.leaf(col.RELEASE_LEAF, own) if waits else -1
        travels = actor.latency.maximum() > 0
        row[col.LATENCY] = self.cursor(actor.latency) if travels else -1
        row[col.ARRIVAL_TIMER] = self.leaf(col.ARRIVAL_LEAF, own) if travels else -1
        row[col.RESOURCE] = -1 if actor.resource is None else self.resource_at.get(actor.resource, -1)
        row[col.SLOTS] = actor.slots
        row[col.PRIORITY] = actor.priority
        row[col.READY] = -1
        row[col.QUEUED] = 1
        row[col.DROP] = actor.drop
        if self.is_lossy:
            row[col.FIRST_FRAME] = self.cursor(actor.first_frame)
            row[col.LAST_FRAME] = self.cursor(actor.last_frame)

    def _rings(self, row: list[int], actor: Actor, *, is_gate: bool) -> None:
        """Give an actor its place in the firing columns and in the rings of what is under way.

        ``is_gate``: frames enter or leave there, so that its times are looked at.
        """
        together = max(1, min(actor.concurrency, actor.firings, _TOGETHER))
        ring = 1 << (together - 1).bit_length()
        row[col.FLIGHT], row[col.FLIGHT_FOLD] = self.memory.reserve(ring), ring - 1
        column = max(2 * ring, RING) if is_gate else ring
        row[col.COLUMN], row[col.FOLD] = self.columns, column - 1 if self.counting else -1
        self.columns += column if self.counting else actor.firings
        self.rings += ring
        if row[col.LATENCY] >= 0:
            row[col.TRAVEL], row[col.TRAVEL_FOLD] = self.memory.reserve(_TRAVELLING), _TRAVELLING - 1
        if self.is_lossy:
            marks, fold = (_MARKED, _MARKED - 1) if self.counting else (actor.firings, -1)
            row[col.MARKS], row[col.MARKS_FOLD] = self.memory.reserve(marks), fold
        for flow in actor.flows:
            self.flows_at_once[flow.server] += ring

    def _ports(self, row: list[int], actor: Actor) -> None:
        """The inputs, outputs and flows of an actor, each kind in one block."""
        written = {o.channel for o in actor.outputs}
        inputs, outputs, flows = [], [], []
        for port in actor.inputs:
            at_start = self.plan.discipline_of(port.channel).releases_at_start
            own_free = self.cursor(port.free) if port.channel in written and not at_start else -1
            need = self.cursor(port.need)
            # Where a firing frees what it needs, as it starts, one cursor walks both.
            free = need if at_start and _are_alike(port.need, port.free) else self.cursor(port.free)
            self.channels[port.channel, col.IS_STATE] = own_free >= 0
            row[col.FREES_LATE] |= not at_start
            inputs.append([self.channel_at(port.channel), need, free, at_start, own_free, 0, 0, 0])
        self._place(row, col.INPUTS, inputs)
        own = {p.channel: int(row[col.INPUTS]) + i * col.INPUT_COLUMNS for i, p in enumerate(actor.inputs)}
        for out in actor.outputs:
            claims = self.plan.discipline_of(out.channel).claims_at_start
            row[col.BLOCKS_AFTER_SERVICE] |= not claims
            row[col.CLAIMS_EARLY] |= claims
            claim = self.cursor(out.put) if claims or actor.drop else -1
            arrive = self.cursor(out.put) if row[col.LATENCY] >= 0 else -1
            write = self.cursor(out.put)
            loop = own.get(out.channel, -1)
            outputs.append([self.channel_at(out.channel), claim, write, arrive, claims, loop, 0, 0])
        self._place(row, col.OUTPUTS, outputs)
        for flow in actor.flows:
            cap = col.INFINITY if flow.cap is None else flow.cap
            flows.append([self.servers_at + flow.server * col.SERVER_COLUMNS, self.cursor(flow.work), cap, 0])
        self._place(row, col.FLOWS, flows)

    def _place(self, row: list[int], first: int, table: list[list[int]]) -> None:
        """A table of an actor; the cells ``first`` and the one behind hold where it begins and ends."""
        self.memory.align()
        row[first] = self.memory.place(np.array(table, dtype=np.int64))
        row[first + 1] = self.memory.size

    def _is_plain(self, row: list[int], actor: Actor) -> bool:
        """Whether all steps of an actor can leave out what most actors do not have."""
        loops = {p.channel for p in actor.inputs} & {o.channel for o in actor.outputs}
        is_bound = row[col.RESOURCE] >= 0 or row[col.RELEASE] >= 0 or row[col.LATENCY] >= 0
        return bool(row[col.SINGLE]) and not (is_bound or loops or actor.flows or self.is_lossy or self.counting)

    def _channel_rows(self) -> None:
        self.channels[:, [col.WRITER, col.READER, col.MARK_PUT, col.MARK_FIRING]] = -1
        rows = self.channels.tolist()
        for row, channel in zip(rows, self.plan.channels, strict=True):
            row[col.CAPACITY] = col.INFINITY if channel.capacity is None else channel.capacity
            row[col.USED] = row[col.READABLE] = row[col.MARK_LEFT] = row[col.LYING] = channel.initial
            row[col.READ_AT], row[col.WRITE_AT] = col.INFINITY, -1
        for index, actor in enumerate(self.plan.actors):
            for port in actor.inputs:
                rows[port.channel][col.READER] = self.actor_at(index)
            for out in actor.outputs:
                row = rows[out.channel]
                row[col.WRITER] = self.actor_at(index)
                if self.is_lossy:
                    row[col.MARK_PUT] = self.cursor(out.put)
        if rows:
            self.channels[:] = rows

    def _server_rows(self) -> None:
        for index, server in enumerate(self.plan.servers):
            row = self.servers[index]
            rates = self.memory.place(np.array(list(zip(server.times, server.rates, strict=True)), dtype=np.int64))
            row[col.RATE_AT], row[col.RATES_END] = rates, self.memory.size
            row[col.ACTIVE_ROWS] = self.memory.reserve(self.flows_at_once[index] * col.ACTIVE_COLUMNS)
            row[col.SERVER_TIMER] = self.leaf(col.SERVER_LEAF, self.servers_at + index * col.SERVER_COLUMNS)

    def _void_ring(self) -> int:
        """Cells for void frames.

        With frames that rise from firing to firing, only those between the first and the last actor are needed.
        """
        rises = all(a.first_frame.is_monotone() for a in self.plan.actors)
        frames = max(1, self.plan.frames)
        wanted = min(frames, _MARKED) if self.counting and rises else frames
        return 1 << (wanted - 1).bit_length()

    def _run_row(self, memory: Memory) -> None:
        """Time 0: every actor is to be looked at once."""
        plan, run = self.plan, self.run[0]
        count = len(plan.actors)
        run[col.LEFT] = plan.firings
        run[col.UNTIL] = col.INFINITY
        run[col.LEAF_BITS] = bits = max(2, (len(self.leaves) - 1).bit_length() + 1 & ~1)
        memory.align()
        run[col.TIMERS] = memory.place(np.full(2 << bits, col.INFINITY, dtype=np.int64))
        run[col.DUES] = memory.place(np.full(1 << bits, col.INFINITY, dtype=np.int64))
        run[col.LEAVES] = memory.place(np.array(self.leaves, dtype=np.int64))
        run[col.OVERLAP_LEAF_AT] = count
        run[col.ACTORS], run[col.ACTORS_END] = self.actors_at, self.actor_at(count)
        run[col.CHANNELS], run[col.CHANNELS_END] = self.channels_at, self.channel_at(len(plan.channels))
        run[col.SERVERS] = self.servers_at
        run[col.SERVERS_END] = self.servers_at + len(plan.servers) * col.SERVER_COLUMNS
        run[col.CURSORS] = self.cursors_at
        run[col.CURSORS_END] = self.cursors_at + len(self.cursor_rows) * col.CURSOR_COLUMNS
        if self.cursor_rows:
            self.cursors[: len(self.cursor_rows)] = self.cursor_rows
        run[col.WORKLIST] = memory.place(np.array([self.actor_at(i) for i in reversed(range(count))], dtype=np.int64))
        run[col.WORK] = count
        memory.reserve(1)
        run[col.PENDINGS] = memory.reserve(count)
        run[col.STALES] = memory.reserve(len(plan.servers))
        run[col.HEAP] = memory.reserve(self.rings * col.OVERLAP_COLUMNS)
        run[col.COLUMN_LENGTH] = self.columns
        run[col.LOSSY] = self.is_lossy
        if self.is_lossy:
            ring = self._void_ring()
            run[col.VOID_FRAMES], run[col.VOID_FOLD] = memory.reserve(ring), ring - 1
        run[col.COUNTING] = self.counting is not None


def flatten(plan: Plan, counting: Counting | None = None) -> State:
    """A plan before its first instant; ``counting`` keeps totals instead of a column entry per firing."""
    flat = _Flattener(plan, counting)
    cells = 3 * flat.columns
    times = np.zeros(cells, dtype=np.int64) if counting else np.empty(cells, dtype=np.int64)
    return State(flat.memory.joined(), times)
