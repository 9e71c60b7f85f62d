"""Where the time of an actor goes, checked on paper first, then as identities on random plans."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from simulator.analysis.breakdown import BUSY, STATES, breakdown, edges_of
from simulator.analysis.tokens import channel_ends
from simulator.analysis.waits import CAUSES, STRETCHES, waits_of
from simulator.engine import run
from simulator.errors import DeadlockError, PlanError
from simulator.plan import Discipline, Plan
from simulator.trace import Trace
from tests.engine.small import AFTER, END, actor, plan
from tests.strategies import plans


def _spent(of: Plan, index: int, until: int | None = None) -> dict[str, int]:
    """The causes on which an actor spent any time."""
    trace = run(of, engine="simpy", until=until)
    return {cause: ticks for cause, ticks in waits_of(of, trace, index).totals().items() if ticks}


def _drawn(of: Plan, share: float = 1.0) -> Trace:
    """The trace of a drawn plan, stopped after a share of it; plans that cannot finish are left out."""
    try:
        whole = run(of, engine="simpy")
    except (DeadlockError, PlanError):
        assume(False)
    return whole if share == 1.0 else run(of, engine="simpy", until=int(whole.now * share))


def test_three_tokens_through_two_stages_that_take_turns_on_one_place() -> None:
    """Depth 1 under the default: first 0-2, second 2-5, first 5-7, second 7-10, first 10-12, second 12-15."""
    line = plan(actor("first", 3, 2, writes={0: 1}), actor("second", 3, 3, reads={0: 1}), channels=[1])
    assert _spent(line, 0) == {"compute": 6, "blocked": 6, "idle": 3}
    assert _spent(line, 1) == {"compute": 9, "starved": 6}


def test_blocking_after_service_is_seen_behind_the_service() -> None:
    """Served at 2, 4 and 6; the second stage takes tokens at 2, 7 and 12: the third token waits from 6 to 7."""
    second = actor("second", 3, 5, reads={0: 1})
    line = plan(actor("first", 3, 2, writes={0: 1}), second, channels=[1], discipline=AFTER)
    assert _spent(line, 0) == {"compute": 6, "blocked": 1, "idle": 10}
    assert _spent(line, 1) == {"starved": 2, "compute": 15}


def test_what_is_not_released_is_no_starvation() -> None:
    camera = actor("camera", 2, 1, release=[4, 10], writes={0: 1})
    line = plan(camera, actor("stage", 2, 3, reads={0: 1}), channels=[None])
    assert _spent(line, 0) == {"not_released": 4 + 5, "compute": 2, "idle": 3}
    assert _spent(line, 1) == {"starved": 5 + 3, "compute": 6}


def test_two_on_one_slot_contend() -> None:
    both = plan(actor("a", 1, 4, resource=0), actor("b", 1, 5, resource=0), resources=[1])
    assert _spent(both, 0) == {"compute": 4, "idle": 5}
    assert _spent(both, 1) == {"contended": 4, "compute": 5}


def test_its_own_data_is_memory_bound_and_others_traffic_stalls() -> None:
    """Two flows of 10 at a rate of 2: alone each takes 5, together both take 10; the compute of 3 is under it."""
    both = plan(actor("a", 1, 3, flows=[(0, 10, None)]), actor("b", 1, 0, flows=[(0, 10, None)]), servers=[2])
    assert _spent(both, 0) == {"compute": 3, "memory_bound": 2, "stalled": 5}
    assert _spent(both, 1) == {"memory_bound": 5, "stalled": 5}


def test_a_rate_that_changes_is_no_stall() -> None:
    """4 units at rate 1 until tick 4, nothing until 9, then 6 units at rate 3: through at 11 without anybody else."""
    alone = plan(actor("a", 1, 1, flows=[(0, 10, None)]), servers=[((0, 4, 9), (1, 0, 3))])
    assert _spent(alone, 0) == {"compute": 1, "memory_bound": 10}


def test_two_flows_of_one_firing_share_their_server_without_stall() -> None:
    alone = plan(actor("a", 1, 0, flows=[(0, 6, None), (0, 6, None)]), servers=[2])
    assert _spent(alone, 0) == {"memory_bound": 6}


def test_lanes_add_up_and_wait_for_their_order() -> None:
    """Two at a time: served at 5 and 1, but the second departs behind the first; the third follows at 5."""
    fan = plan(actor("a", 3, [5, 1, 2], concurrency=2, writes={0: 1}), channels=[None])
    assert _spent(fan, 0) == {"compute": 8, "in_order": 4, "idle": 2}


def test_void_firings_take_no_time() -> None:
    """One place, service of 5: the frames of ticks 0 and 1 fit, those of 2 and 3 are dropped."""
    camera = actor("camera", 4, 0, release=[0, 1, 2, 3], writes={0: 1}, drop=True)
    lossy = plan(camera, actor("stage", 4, 5, reads={0: 1}), channels=[1], discipline=AFTER)
    trace = run(lossy, engine="simpy")
    assert trace.void[0].tolist() == [False, False, True, True]
    assert _spent(lossy, 0) == {"not_released": 3, "idle": 7}
    assert _spent(lossy, 1) == {"compute": 10}


def test_a_run_that_was_stopped_counts_up_to_where_it_stopped() -> None:
    line = plan(actor("first", 3, 2, writes={0: 1}), actor("second", 3, 3, reads={0: 1}), channels=[1])
    assert _spent(line, 0, until=8) == {"compute": 4, "blocked": 3 + 1}
    assert _spent(line, 1, until=8) == {"starved": 2 + 2, "compute": 3 + 1}


def test_a_gang_that_waits_leaves_slots_free_for_contention() -> None:
    """Two slots: a takes one until 4, then the gang b needs both until 6; until 4 the other slot is kept for it."""
    gang = plan(actor("a", 1, 4, resource=0), actor("b", 1, 2, resource=0, slots=2), resources=[2])
    found = breakdown(gang, run(gang, engine="simpy"))
    assert {s: found.group(0, s) for s in STATES if found.group(0, s)} == {"compute": 4 + 4, "contended": 4}


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(plans(), st.sampled_from((1.0, 1.0, 0.5)))
def test_the_parts_of_every_actor_add_up_to_the_elapsed_time(of: Plan, share: float) -> None:
    """busy + starved + blocked + contended + stalled + idle + not released = elapsed, for each lane, in whole ticks."""
    trace = _drawn(of, share)
    ends = channel_ends(of)
    for index, own in enumerate(of.actors):
        waits = waits_of(of, trace, index, ends)
        spent = waits.totals()
        assert sum(spent.values()) == waits.lanes * trace.now
        assert all(bool((last >= first).all()) for first, last in waits.stretches())
        assert own.concurrency > 1 or spent["in_order"] == 0
        if own.resource is None or not of.is_contended(own.resource):
            assert spent["contended"] == 0  # so every other condition of a start was worked out to the tick


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(plans(drops=False))
def test_every_wait_for_tokens_or_room_has_its_channel(of: Plan) -> None:
    trace = _drawn(of)
    found = breakdown(of, trace)
    actors = range(len(of.actors))
    assert found.starved_by.sum() == sum(found.actor(i, "starved") for i in actors)
    assert found.blocked_by.sum() == sum(found.actor(i, "blocked") for i in actors)


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(plans(), st.integers(1, 9))
def test_the_states_of_every_resource_fill_its_slots_in_every_bin(of: Plan, bins: int) -> None:
    trace = _drawn(of)
    edges = edges_of(trace.now, bins)
    found = breakdown(of, trace, edges)
    slots = np.array([group.slots for group in found.members], dtype=np.int64)
    assert np.array_equal(found.groups.sum(axis=1), slots[:, None] * edges)
    assert np.array_equal(found.actors.sum(axis=1), found.lanes[:, None] * edges)
    assert bool((np.diff(found.groups, axis=2) >= 0).all())
    busy = [STATES.index(s) for s in BUSY]
    for number, group in enumerate(found.members):
        served = sum(
            int((trace.served[i] - trace.start[i]).sum()) * (of.actors[i].slots if group.resource is not None else 1)
            for i in group.actors
        )
        assert int(found.groups[number, busy, -1].sum()) == served


def test_names_of_stretches_and_causes_agree() -> None:
    assert set(STRETCHES) | {"idle"} == set(CAUSES)


@pytest.mark.parametrize("discipline", [END, AFTER])
def test_the_last_channel_to_give_way_is_blamed(discipline: Discipline) -> None:
    """A fork whose second branch is slower: the fork waits for room there, the join for tokens from there."""
    join = plan(
        actor("fork", 4, 1, writes={0: 1, 1: 1}),
        actor("quick", 4, 1, reads={0: 1}, writes={2: 1}),
        actor("slow", 4, 5, reads={1: 1}, writes={3: 1}),
        actor("join", 4, 1, reads={2: 1, 3: 1}),
        channels=[2, 2, 2, 2],
        discipline=discipline,
    )
    found = breakdown(join, run(join, engine="simpy"))
    assert found.starved_by.tolist()[2] == 0
    assert found.starved_by.tolist()[3] == found.actor(3, "starved") > 0
    assert found.blocked_by.tolist()[1] > found.blocked_by.tolist()[0]
