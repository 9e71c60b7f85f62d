"""The rows in which the compiled engine counts where it keeps totals instead of columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from simulator.engine import _columns as col
from simulator.plan import Ints, Plan

if TYPE_CHECKING:
    from simulator.engine.arrays import Memory

RING = 1 << 13
"""Times that are kept of actors at which frames enter or leave before they are taken out."""

_NEVER = 1 << 62


@dataclass(frozen=True, slots=True)
class Counting:
    """What is counted beyond every actor and channel by itself.

    ``bins`` is the largest number of bins of a histogram of levels: one a level as long as they suffice, then two
    levels, four, and so on. ``parties[a]`` is the party of actor a, numbered from 0 (-1: none): how long at least one
    of its members was in service. ``pools[c]`` is the pool of channel c, numbered from 0 (-1: none), and what a token
    adds to its level; there are at least ``pool_count``. ``periods[a]``: void firings of actor a are counted by their
    number modulo this.
    """

    bins: int = 1024
    parties: tuple[int, ...] = ()
    pools: tuple[tuple[int, int], ...] = ()
    pool_count: int = 0
    periods: tuple[int, ...] = ()


def lanes_of(plan: Plan, actor: int) -> int:
    """How many firings of an actor can be between start and end at once."""
    own = plan.actors[actor]
    return min(own.concurrency, own.firings)


def gates_of(plan: Plan) -> frozenset[int]:
    """Actors at which frames enter, leave or are dropped."""
    return frozenset((*plan.sources(), *plan.sinks(), *(i for i, actor in enumerate(plan.actors) if actor.drop)))


def teams_of(plan: Plan) -> list[tuple[int, tuple[int, ...]]]:
    """Slots and actors of what must be watched for the reasons why slots are free.

    Left out are resources that one actor takes whole, one firing at a time: its own waits tell all about them.
    """
    users: dict[int, list[int]] = {}
    teams: list[tuple[int, tuple[int, ...]]] = []
    for index, actor in enumerate(plan.actors):
        if actor.resource is not None:
            users.setdefault(actor.resource, []).append(index)
        elif lanes_of(plan, index) > 1:
            teams.append((lanes_of(plan, index), (index,)))
    for resource, actors in users.items():
        slots = plan.resources[resource].slots
        if len(actors) > 1 or lanes_of(plan, actors[0]) != 1 or plan.actors[actors[0]].slots != slots:
            teams.append((slots, tuple(actors)))
    return teams


def lay_out(plan: Plan, counting: Counting, memory: Memory, run: Ints, actors: Ints, channels: Ints) -> None:
    """Place the tallies of actors, the levels of channels and pools, teams and parties."""
    tallies = np.zeros((len(plan.actors), col.TALLY_COLUMNS), dtype=np.int64)
    run[col.TALLIES] = place = memory.place(tallies)
    run[col.TALLIES_END] = memory.size
    actors[:, col.TALLY] = place + np.arange(len(plan.actors)) * col.TALLY_COLUMNS
    tallies[:, [col.FIRST_START, col.FIRST_END, col.LAST_END, col.TEAM, col.PARTY]] = -1
    tallies[:, [late + col.LATE_SINCE for late in (col.INPUT_LATE, col.ROOM_LATE, col.HELD_LATE)]] = -1
    tallies[:, col.DRAINED] = _NEVER
    tallies[sorted(gates_of(plan)), col.DRAINED] = 0
    for index, tally in enumerate(tallies):
        tally[col.PERIOD] = counting.periods[index] if counting.periods else 1
        tally[col.PHASES] = memory.reserve(int(tally[col.PERIOD]) if run[col.LOSSY] else 0)
    _place_teams(plan, memory, run, tallies)
    _place_parties(counting, memory, run, tallies)
    _place_levels(plan, counting, memory, run, channels)


def _place_teams(plan: Plan, memory: Memory, run: Ints, tallies: Ints) -> None:
    teams = teams_of(plan)
    rows = np.zeros((len(teams), col.TEAM_COLUMNS), dtype=np.int64)
    run[col.TEAMS] = place = memory.place(rows)
    run[col.TEAMS_END] = memory.size
    for number, (slots, actors) in enumerate(teams):
        rows[number, col.TEAM_FREE] = slots
        for index in actors:
            own = plan.actors[index]
            tallies[index, col.TEAM] = place + number * col.TEAM_COLUMNS
            tallies[index, col.TEAM_SLOTS] = 1 if own.resource is None else own.slots


def _place_parties(counting: Counting, memory: Memory, run: Ints, tallies: Ints) -> None:
    count = 1 + max(counting.parties, default=-1)
    run[col.PARTIES] = place = memory.reserve(count * col.PARTY_COLUMNS)
    run[col.PARTIES_END] = memory.size
    for index, party in enumerate(counting.parties):
        if party >= 0:
            tallies[index, col.PARTY] = place + party * col.PARTY_COLUMNS


def _place_levels(plan: Plan, counting: Counting, memory: Memory, run: Ints, channels: Ints) -> None:
    """Histograms and limits of the channels, and rows of their kind for the pools."""
    count = max(counting.pool_count, 1 + max((pool for pool, _ in counting.pools), default=-1))
    pools = np.zeros((count, col.CHANNEL_COLUMNS), dtype=np.int64)
    run[col.POOLS] = place = memory.place(pools)
    run[col.POOLS_END] = memory.size
    channels[:, col.POOL] = -1
    for index, (pool, scale) in enumerate(counting.pools):
        if pool >= 0:
            channels[index, [col.POOL, col.POOL_SCALE]] = place + pool * col.CHANNEL_COLUMNS, scale
            pools[pool, col.USED] += plan.channels[index].initial * scale
    for row in (*channels, *pools):
        row[col.BINS] = row[col.CAPACITY] + 1 if 0 < row[col.CAPACITY] < counting.bins else counting.bins
        row[col.HISTOGRAM] = memory.reserve(int(row[col.BINS]))
    pools[:, [col.CAPACITY, col.FULL_FROM]] = col.INFINITY
    pools[:, col.POOL] = -1
    for index, channel in enumerate(plan.channels):
        channels[index, col.FULL_FROM] = col.INFINITY if channel.capacity is None else max(1, channel.capacity)
    for actor in plan.actors:
        for out in actor.outputs:
            row, capacity = channels[out.channel], plan.channels[out.channel].capacity
            if capacity is not None:
                row[col.FULL_FROM] = max(1, capacity + 1 - max(1, out.put.maximum()))
