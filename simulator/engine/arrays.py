"""A Plan flattened into typed tables that the compiled engine runs on, and the run's state inside them.

The Series stay as they are stored: one period of values in a common pool and cursors that walk it, so a plan of a
million frames costs the memory of one. Columns are named in :mod:`simulator.engine._columns`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from simulator.engine import _columns as col
from simulator.plan import Actor, Ints, Plan, Series

Bytes = npt.NDArray[np.uint8]


class State(NamedTuple):
    """All tables of one run. The event loop is handed this and nothing else, and can stop and go on at any instant."""

    run: Ints
    actor: Ints
    input: Ints
    output: Ints
    channel: Ints
    flow: Ints
    server: Ints
    resource: Ints
    cursor: Ints
    pattern: Ints
    rate_time: Ints
    rate: Ints
    active: Ints
    stale_server: Ints
    waiting: Ints
    listed: Ints
    work: Ints
    pending: Ints
    timer: Ints
    timer_leaf: Ints
    leaf_kind: Ints
    leaf_owner: Ints
    overlap_time: Ints
    overlap_actor: Ints
    overlap_firing: Ints
    flight: Ints
    travel: Ints
    start: Ints
    served: Ints
    end: Ints
    marks: Bytes
    void_frame: Bytes
    sums: Ints
    histogram: Ints


@dataclass
class _Tables:
    """Rows collected while the plan is walked."""

    cursors: list[list[int]] = field(default_factory=list)
    patterns: list[Ints] = field(default_factory=list)
    places: dict[int, int] = field(default_factory=dict)
    pooled: int = 0
    leaves: list[tuple[int, int]] = field(default_factory=list)

    def cursor(self, series: Series) -> int:
        """A new cursor at firing 0 of a series; its row."""
        pattern, step = _shortest(series)
        key = id(series.pattern) if pattern is series.pattern else -1
        first = self.places.get(key, -1)
        if first < 0:
            first = self.pooled
            self.patterns.append(pattern)
            self.pooled += pattern.size
            if key >= 0:
                self.places[key] = first
        kind = col.PATTERN if pattern.size > 1 else col.RAMP if step else col.FIXED
        self.cursors.append([int(pattern[0]), first, 0, first, first + pattern.size, step, kind, 0])
        return len(self.cursors) - 1

    def leaf(self, kind: int, owner: int) -> int:
        """A new timer."""
        self.leaves.append((kind, owner))
        return len(self.leaves) - 1


def _shortest(series: Series) -> tuple[Ints, int]:
    """The pattern and step of a series; a pattern of equal values, or of an even staircase, shrinks to one value."""
    pattern = series.pattern
    if not pattern.size:
        return np.zeros(1, dtype=np.int64), 0
    if pattern.size == 1:
        return pattern, series.step
    rise = int(pattern[1]) - int(pattern[0])
    is_even = bool((np.diff(pattern) == rise).all())
    if is_even and (series.length <= pattern.size or series.step == rise * pattern.size):
        return np.ascontiguousarray(pattern[:1]), rise
    return pattern, series.step


def flatten(plan: Plan, *, counting: bool = False, bins: int = 0) -> State:
    """The tables of a plan before its first instant. ``counting`` keeps aggregates instead of a column entry per firing."""
    tables = _Tables()
    is_lossy = any(a.drop for a in plan.actors)
    actors = np.zeros((len(plan.actors), col.ACTOR_COLUMNS), dtype=np.int64)
    for index in range(len(plan.actors)):
        tables.leaf(col.COMPUTE_LEAF, index)
    tables.leaf(col.OVERLAP_LEAF, 0)
    resources, rows = _resource_table(plan)
    inputs, outputs, flows = _actor_tables(plan, tables, actors, rows, is_lossy)
    channels = _channel_table(plan, tables, actors, inputs, outputs, is_lossy, bins)
    servers, rate_time, rate = _server_table(plan, tables)
    sizes = _ring_columns(plan, actors, counting, is_lossy)
    timers = _timer_tree(tables.leaves)
    cells = sizes.columns
    empty = np.zeros(0, dtype=np.int64)
    state = State(
        run=np.zeros(col.RUN_COLUMNS, dtype=np.int64),
        actor=actors,
        input=inputs,
        output=outputs,
        channel=channels,
        flow=flows,
        server=servers,
        resource=resources,
        cursor=_table(tables.cursors, col.CURSOR_COLUMNS),
        pattern=np.concatenate(tables.patterns) if tables.patterns else empty,
        rate_time=rate_time,
        rate=rate,
        active=np.zeros((len(plan.servers), sizes.flows, col.ACTIVE_COLUMNS), dtype=np.int64),
        stale_server=np.zeros(len(plan.servers), dtype=np.int64),
        waiting=np.zeros(len(plan.actors), dtype=np.int64),
        listed=np.zeros(len(resources), dtype=np.int64),
        work=np.zeros(len(plan.actors) + 1, dtype=np.int64),
        pending=np.zeros(len(plan.actors), dtype=np.int64),
        timer=timers[0],
        timer_leaf=timers[1],
        leaf_kind=np.array([kind for kind, _ in tables.leaves], dtype=np.int64),
        leaf_owner=np.array([owner for _, owner in tables.leaves], dtype=np.int64),
        overlap_time=np.zeros(sizes.flight, dtype=np.int64),
        overlap_actor=np.zeros(sizes.flight, dtype=np.int64),
        overlap_firing=np.zeros(sizes.flight, dtype=np.int64),
        flight=np.zeros(sizes.flight, dtype=np.int64),
        travel=np.zeros(sizes.travel, dtype=np.int64),
        start=np.empty(cells, dtype=np.int64),
        served=np.empty(cells, dtype=np.int64),
        end=np.empty(0 if counting else cells, dtype=np.int64),
        marks=np.zeros(sizes.marks, dtype=np.uint8),
        void_frame=np.zeros(plan.frames if is_lossy else 0, dtype=np.uint8),
        sums=np.zeros((len(plan.actors), col.SUM_COLUMNS), dtype=np.int64),
        histogram=np.zeros((len(plan.channels) if counting else 0, bins), dtype=np.int64),
    )
    _set_out(state, plan, is_lossy, counting)
    return state


def _table(rows: list[list[int]], columns: int) -> Ints:
    return np.array(rows, dtype=np.int64).reshape(len(rows), columns)


def _set_out(state: State, plan: Plan, is_lossy: bool, counting: bool) -> None:
    """Time 0: every actor is to be looked at once."""
    count = len(plan.actors)
    state.run[col.LEFT] = plan.firings
    state.run[col.LOSSY] = is_lossy
    state.run[col.COUNTING] = counting
    state.run[col.UNTIL] = col.INFINITY
    state.run[col.WORK] = count
    state.work[:count] = np.arange(count)[::-1]
    state.actor[:, col.QUEUED] = 1
    state.sums[:, col.FIRST_START] = -1
    state.sums[:, col.LAST_END] = -1


def _actor_tables(
    plan: Plan, tables: _Tables, actors: Ints, rows: dict[int, int], is_lossy: bool
) -> tuple[Ints, Ints, Ints]:
    inputs: list[list[int]] = []
    outputs: list[list[int]] = []
    flows: list[list[int]] = []
    for index, actor in enumerate(plan.actors):
        row = actors[index]
        row[col.INPUTS], row[col.OUTPUTS], row[col.FLOWS] = len(inputs), len(outputs), len(flows)
        _actor_facts(plan, tables, row, index, actor, rows, is_lossy)
        own = {p.channel: len(inputs) + i for i, p in enumerate(actor.inputs)}
        writes = {o.channel for o in actor.outputs}
        for port in actor.inputs:
            at_start = plan.discipline_of(port.channel).releases_at_start
            own_free = tables.cursor(port.free) if port.channel in writes and not at_start else -1
            inputs.append([port.channel, tables.cursor(port.need), tables.cursor(port.free), at_start, own_free, 0])
        for out in actor.outputs:
            claims = plan.discipline_of(out.channel).claims_at_start
            row[col.BLOCKS_AFTER_SERVICE] |= not claims
            claim = tables.cursor(out.put) if claims or actor.drop else -1
            arrive = tables.cursor(out.put) if row[col.LATENCY] >= 0 else -1
            outputs.append([out.channel, claim, tables.cursor(out.put), arrive, claims, own.get(out.channel, -1)])
        for flow in actor.flows:
            flows.append([flow.server, tables.cursor(flow.work), col.INFINITY if flow.cap is None else flow.cap])
        row[col.INPUTS_END], row[col.OUTPUTS_END], row[col.FLOWS_END] = len(inputs), len(outputs), len(flows)
    return _table(inputs, col.INPUT_COLUMNS), _table(outputs, col.OUTPUT_COLUMNS), _table(flows, col.FLOW_COLUMNS)


def _actor_facts(
    plan: Plan, tables: _Tables, row: Ints, index: int, actor: Actor, rows: dict[int, int], is_lossy: bool
) -> None:
    row[col.FIRINGS] = actor.firings
    row[col.CONCURRENCY] = actor.concurrency
    row[col.SINGLE] = min(actor.concurrency, actor.firings) <= 1
    row[col.DUE] = col.INFINITY
    row[col.COMPUTE] = tables.cursor(actor.compute)
    waits = actor.release.maximum() > 0
    row[col.RELEASE] = tables.cursor(actor.release) if waits else -1
    row[col.RELEASE_TIMER] = tables.leaf(col.RELEASE_LEAF, index) if waits else -1
    travels = actor.latency.maximum() > 0
    row[col.LATENCY] = tables.cursor(actor.latency) if travels else -1
    row[col.ARRIVAL_TIMER] = tables.leaf(col.ARRIVAL_LEAF, index) if travels else -1
    row[col.RESOURCE] = rows.get(-1 if actor.resource is None else actor.resource, -1)
    row[col.SLOTS] = actor.slots
    row[col.PRIORITY] = actor.priority
    row[col.READY] = -1
    row[col.DROP] = actor.drop
    if is_lossy:
        row[col.FIRST_FRAME] = tables.cursor(actor.first_frame)
        row[col.LAST_FRAME] = tables.cursor(actor.last_frame)


def _resource_table(plan: Plan) -> tuple[Ints, dict[int, int]]:
    """Contended resources only, and the row of each."""
    wanted = [0] * len(plan.resources)
    users = [0] * len(plan.resources)
    for actor in plan.actors:
        if actor.resource is not None:
            wanted[actor.resource] += actor.slots * min(actor.concurrency, actor.firings)
            users[actor.resource] += 1
    table: list[list[int]] = []
    rows: dict[int, int] = {}
    segment = 0
    for index, resource in enumerate(plan.resources):
        if wanted[index] > resource.slots:
            rows[index] = len(table)
            table.append([resource.slots, segment, 0, 0])
            segment += users[index]
    return _table(table, col.RESOURCE_COLUMNS), rows


def _channel_table(
    plan: Plan, tables: _Tables, actors: Ints, inputs: Ints, outputs: Ints, is_lossy: bool, bins: int
) -> Ints:
    table = np.zeros((len(plan.channels), col.CHANNEL_COLUMNS), dtype=np.int64)
    table[:, [col.WRITER, col.READER, col.MARK_PUT]] = -1
    for index, channel in enumerate(plan.channels):
        row = table[index]
        row[col.CAPACITY] = col.INFINITY if channel.capacity is None else channel.capacity
        row[col.USED] = row[col.READABLE] = row[col.PEAK] = row[col.MARK_LEFT] = channel.initial
        row[col.MARK_FIRING] = -1
        levels = bins if channel.capacity is None else channel.capacity + 1
        row[col.BIN_WIDTH] = max(1, -(-levels // bins)) if bins else 1
    for index, actor in enumerate(plan.actors):
        for port in actor.inputs:
            table[port.channel, col.READER] = index
        for out in actor.outputs:
            table[out.channel, col.WRITER] = index
            if is_lossy:
                table[out.channel, col.MARK_PUT] = tables.cursor(out.put)
    return table


def _server_table(plan: Plan, tables: _Tables) -> tuple[Ints, Ints, Ints]:
    table: list[list[int]] = []
    times: list[int] = []
    rates: list[int] = []
    for index, server in enumerate(plan.servers):
        first = len(times)
        times.extend(server.times)
        rates.extend(server.rates)
        table.append([0, 0, first, first, len(times), tables.leaf(col.SERVER_LEAF, index), 0, 0])
    rows = _table(table, col.SERVER_COLUMNS)
    return rows, np.array(times, dtype=np.int64), np.array(rates, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class _Sizes:
    columns: int
    flight: int
    travel: int
    marks: int
    flows: int


def _ring_columns(plan: Plan, actors: Ints, counting: bool, is_lossy: bool) -> _Sizes:
    """Give every actor its place in the firing columns and in the rings of what is under way."""
    columns = flight = travel = marks = 0
    on_server = [0] * len(plan.servers)
    for row, actor in zip(actors, plan.actors, strict=True):
        together = max(1, min(actor.concurrency, actor.firings, 64))
        ring = 1 << (together - 1).bit_length()
        row[col.FLIGHT], row[col.FLIGHT_FOLD] = flight, ring - 1
        flight += ring
        row[col.COLUMN], row[col.FOLD] = (row[col.FLIGHT], ring - 1) if counting else (columns, -1)
        columns += actor.firings
        row[col.TRAVEL], row[col.TRAVEL_FOLD] = travel, 63
        travel += 64 if row[col.LATENCY] >= 0 else 0
        row[col.MARKS], row[col.MARKS_FOLD] = (marks, 255) if counting else (row[col.COLUMN], -1)
        marks += 256
        for flow in actor.flows:
            on_server[flow.server] += ring
    marks = (marks if counting else columns) if is_lossy else 0
    return _Sizes(flight if counting else columns, flight, travel, marks, max(on_server, default=0))


def _timer_tree(leaves: list[tuple[int, int]]) -> tuple[Ints, Ints]:
    """A tournament tree over all timers: node 1 holds the earliest time and the timer that rings then."""
    size = max(2, 1 << (len(leaves) - 1).bit_length())
    timer = np.full(2 * size, col.INFINITY, dtype=np.int64)
    timer_leaf = np.zeros(2 * size, dtype=np.int64)
    timer_leaf[size:] = np.arange(size)
    return timer, timer_leaf
