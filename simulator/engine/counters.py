"""The counters of a run that keeps totals, at one instant."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.engine import _columns as col
from simulator.engine.arrays import State
from simulator.plan import Ints


@dataclass(frozen=True, slots=True, eq=False)
class Counters:
    """All counters up to tick ``now``, parallel to the plan's actors and channels.

    ``waits[a, w]`` is what ``simulator.engine._columns`` calls WAIT_*; ``under_way`` has a row (actor, firing, start,
    served or -1) for each firing between start and end, which ``compute`` and ``bound`` count in whole and ``busy``
    only when it is served. ``teams[t, w]`` are ticks of free slots by the wait that explains them, in the order of
    :func:`simulator.engine.tallies.teams_of`; ``parties[p]`` how long a member was in service.
    """

    now: int
    started: Ints
    departed: Ints
    void: Ints
    busy: Ints
    compute: Ints
    bound: Ints
    held: Ints
    behind: Ints
    lanes_ended: Ints
    lane_ends: Ints
    last_end: Ints
    waits: Ints
    starves: Ints
    blocks: Ints
    levels: tuple[int, ...]
    teams: Ints
    parties: Ints
    under_way: Ints

    @classmethod
    def at(cls, state: State, now: int) -> Counters:
        """The counters of a state at an instant that it has reached."""
        bring_up_to_date(state, now)
        actors, tallies = state.actors, state.table(col.TALLIES)
        starves, blocks = _late(state, now)
        return cls(
            now=now,
            started=actors[:, col.STARTED].copy(),
            departed=actors[:, col.ENDED].copy(),
            void=tallies[:, col.VOID_FIRINGS].copy(),
            busy=tallies[:, col.SUM_BUSY].copy(),
            compute=tallies[:, col.SUM_COMPUTE].copy(),
            bound=tallies[:, col.SUM_BOUND].copy(),
            held=tallies[:, col.SUM_HELD].copy(),
            behind=tallies[:, col.SUM_BEHIND].copy(),
            lanes_ended=tallies[:, col.LANES_ENDED].copy(),
            lane_ends=tallies[:, col.LANE_ENDS].copy(),
            last_end=tallies[:, col.LAST_END].copy(),
            waits=tallies[:, col.SUMS : col.SUMS + col.WAIT_EARLIER + 1].copy(),
            starves=starves,
            blocks=blocks,
            levels=tuple(wide(row, col.WHOLE) for row in state.channels),
            teams=state.table(col.TEAMS)[:, col.TEAM_SUMS : col.TEAM_SUMS + col.WAIT_GRANT + 1].copy(),
            parties=state.table(col.PARTIES)[:, col.PARTY_TIME].copy(),
            under_way=_under_way(state),
        )


def _late(state: State, now: int) -> tuple[Ints, Ints]:
    """How long channels made their readers and writers wait, with the waits that are not over."""
    channels, first = state.channels, int(state.memory[col.CHANNELS])
    starves, blocks = channels[:, col.STARVES].copy(), channels[:, col.BLOCKS].copy()

    def charge(sums: Ints, tally: Ints, late: int, waited: int) -> None:
        if waited:
            sums[(int(tally[late + col.LATE]) - first) // col.CHANNEL_COLUMNS] += waited

    for actor, tally in zip(state.actors, state.table(col.TALLIES), strict=True):
        if tally[col.CAUSE] == col.WAIT_INPUT:
            charge(starves, tally, col.INPUT_LATE, int(tally[col.WAITED]))
        elif tally[col.CAUSE] == col.WAIT_ROOM:
            charge(blocks, tally, col.ROOM_LATE, int(tally[col.WAITED]))
        if tally[col.HOLDS]:
            place = int(actor[col.COLUMN]) + (int(actor[col.ENDED]) & int(actor[col.FOLD]))
            served = int(state.times[place + int(state.memory[col.COLUMN_LENGTH])])
            charge(blocks, tally, col.HELD_LATE, now - max(served, int(tally[col.LAST_END])))
    return starves, blocks


def _under_way(state: State) -> Ints:
    """Actor, firing, start and served (-1: not yet) of what is between start and end."""
    length, rows = int(state.memory[col.COLUMN_LENGTH]), []
    for index in np.flatnonzero(state.actors[:, col.STARTED] > state.actors[:, col.ENDED]).tolist():
        row = state.actors[index]
        for firing in range(int(row[col.ENDED]), int(row[col.STARTED])):
            place = int(row[col.COLUMN]) + (firing & int(row[col.FOLD]))
            parts = row[col.OPEN]
            if not row[col.SINGLE]:
                parts = state.memory[int(row[col.FLIGHT]) + (firing & int(row[col.FLIGHT_FOLD]))]
            served = -1 if parts else int(state.times[place + length])
            rows.append((index, firing, int(state.times[place]), served))
    return np.array(rows, dtype=np.int64).reshape(-1, 4)


def bring_up_to_date(state: State, now: int) -> None:
    """Count what has lasted up to now: waits of actors, levels of channels, who was in service."""
    tallies = state.table(col.TALLIES)
    lasted = now - tallies[:, col.SINCE]
    tallies[np.arange(len(tallies)), col.SUMS + tallies[:, col.CAUSE]] += lasted
    tallies[:, col.WAITED] += lasted
    tallies[:, col.SINCE] = now
    teams = state.table(col.TEAMS)
    waits = teams[:, col.TEAM_WAITS + 1 : col.TEAM_WAITS + col.WAIT_GRANT + 1] > 0
    causes = np.where(waits, np.arange(1, col.WAIT_GRANT + 1), 0).max(axis=1, initial=0)
    free = teams[:, col.TEAM_FREE] * (now - teams[:, col.TEAM_CHANGED])
    teams[np.arange(len(teams)), col.TEAM_SUMS + causes] += free
    teams[:, col.TEAM_CHANGED] = now
    parties = state.table(col.PARTIES)
    parties[:, col.PARTY_TIME] += np.where(parties[:, col.PARTY_SIZE] > 0, now - parties[:, col.PARTY_SINCE], 0)
    parties[:, col.PARTY_SINCE] = now
    for row in (*state.channels, *state.table(col.POOLS)):
        _bring_level_up_to_date(state, row, now)


def _bring_level_up_to_date(state: State, channel: Ints, now: int) -> None:
    lasted, used = now - int(channel[col.CHANGED]), int(channel[col.USED] - channel[col.CREDIT])
    if lasted:
        add_wide(channel, col.WHOLE, used * lasted)
        channel[col.PEAK] = max(channel[col.PEAK], used)
        channel[col.FULL_TIME] += lasted if used >= channel[col.FULL_FROM] else 0
        first, bins = int(channel[col.HISTOGRAM]), int(channel[col.BINS])
        while bins and used >> int(channel[col.BIN_SHIFT]) >= bins:
            state.memory[first : first + bins] = in_pairs(state.memory[first : first + bins], bins)
            channel[col.BIN_SHIFT] += 1
        if bins:
            state.memory[first + (used >> int(channel[col.BIN_SHIFT]))] += lasted
        channel[col.CHANGED] = now
    lasted, lying = now - int(channel[col.LYING_CHANGED]), int(channel[col.LYING])
    if lasted:
        add_wide(channel, col.LYING_WHOLE, lying * lasted)
        channel[col.EMPTY_TIME] += 0 if lying else lasted
        channel[col.LYING_CHANGED] = now


def in_pairs(histogram: Ints, bins: int) -> Ints:
    """A histogram with bins twice as wide, in as many places."""
    wider = np.zeros(bins, dtype=np.int64)
    sums = np.append(histogram, 0)[: bins + bins % 2].reshape(-1, 2).sum(axis=1)
    wider[: sums.size] = sums
    return wider


def wide(channel: Ints, whole: int) -> int:
    """An integral over time, kept in two limbs."""
    return (int(channel[whole]) << col.FINE_BITS) + int(channel[whole + 1])


def add_wide(channel: Ints, whole: int, amount: int) -> None:
    total = wide(channel, whole) + amount
    channel[whole], channel[whole + 1] = total >> col.FINE_BITS, total & ((1 << col.FINE_BITS) - 1)
