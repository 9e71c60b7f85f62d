"""Everything that is refused before a run, with the exact text; and that the checks stay cheap on long plans."""

from __future__ import annotations

import time
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings

from simulator.engine import run
from simulator.errors import PlanError, UserError
from simulator.plan import Actor, Channel, Flow, Input, Output, Plan, Resource, Series, Server
from simulator.plan_checks import check_plan
from tests.engine.small import actor, plan, times
from tests.strategies import expanded, plans


def fault(broken: Plan) -> str:
    """The text of the one fault of a plan, without its heading."""
    with pytest.raises(PlanError) as caught:
        check_plan(broken)
    heading, *lines = str(caught.value).splitlines()
    assert heading == "the plan has 1 problem"
    assert len(lines) == 1
    return lines[0].strip()


def test_more_tokens_at_once_than_a_channel_holds() -> None:
    broken = plan(actor("a", 2, 1, writes={0: [2, 5]}), actor("b", 7, 1, reads={0: 1}), channels=[4])
    assert fault(broken) == (
        "channel 'c0'  'a' writes 5 tokens at firing 1 into a capacity of 4; raise the capacity to 5 or more"
    )


def test_a_window_larger_than_its_channel() -> None:
    broken = plan(actor("a", 6, 1, writes={0: 1}), actor("b", 4, 1, reads={0: [3, 1, 1, 1]}, keeps=2), channels=[2])
    assert fault(broken) == (
        "channel 'c0'  'b' needs 3 tokens at once at firing 0 from a capacity of 2; raise the capacity to 3 or more"
    )


@pytest.mark.parametrize("engine", ["simpy", "compiled"])
@pytest.mark.parametrize("concurrency", [1, 2, 9])
def test_a_channel_too_small_for_two_firings_feeds_them_one_after_the_other(engine: str, concurrency: int) -> None:
    # `b` gives its only token back at its end, so `a` writes the next one a tick later.
    reader = actor("b", 3, 1, reads={0: 1}, concurrency=concurrency)
    trace = run(plan(actor("a", 3, 1, writes={0: 1}), reader, channels=[1]), engine=engine)
    assert times(trace, 0) == ([0, 2, 4], [1, 3, 5], [1, 3, 5])
    assert times(trace, 1) == ([1, 3, 5], [2, 4, 6], [2, 4, 6])


@pytest.mark.parametrize("engine", ["simpy", "compiled"])
def test_a_channel_too_small_for_two_firings_leaves_them_what_overlap_it_can(engine: str) -> None:
    # Firing 0 of `b` holds two of three places until 7; the third token is there at 3, the fourth only at 8, and the
    # sixth finds room at 13, when firing 1 gives its tokens back.
    reader = actor("b", 3, 5, reads={0: 2}, concurrency=2)
    trace = run(plan(actor("a", 6, 1, writes={0: 1}), reader, channels=[3]), engine=engine)
    assert times(trace, 0)[0] == [0, 1, 2, 7, 8, 13]
    assert times(trace, 1)[0] == [2, 8, 14]


def test_a_firing_that_does_not_fit_even_alone_is_refused_whatever_the_concurrency() -> None:
    broken = plan(actor("a", 6, 1, writes={0: 1}), actor("b", 2, 1, reads={0: 3}, concurrency=2), channels=[2])
    assert fault(broken) == (
        "channel 'c0'  'b' needs 3 tokens at once at firing 0 from a capacity of 2; raise the capacity to 3 or more"
    )


def test_initial_tokens_over_capacity() -> None:
    broken = plan(actor("a", 3, 1, reads={0: 1}), channels=[(2, 3)])
    assert fault(broken) == "channel 'c0'  3 initial tokens in a capacity of 2; raise the capacity to 3 or more"


def test_a_need_that_nothing_ever_writes() -> None:
    broken = plan(actor("a", 2, 1, writes={0: 3}), actor("b", 9, 1, reads={0: 1}), channels=[(9, 2)])
    assert fault(broken) == (
        "channel 'c0'  'b' needs 9 tokens, but 2 are initial and 'a' writes 6; lower the need to 8 or write 1 more"
    )
    alone = plan(actor("b", 2, 1, reads={0: 1}), channels=[None])
    assert fault(alone) == (
        "channel 'c0'  'b' needs 2 tokens, but 0 are initial and nobody writes it; lower the need to 0 or write 2 more"
    )


def test_falling_and_negative_series() -> None:
    whole = actor("a", 3, 1, reads={0: 1})
    falling = replace(whole, inputs=(Input(0, Series.full([2, 3, 1]), Series.constant(0, 3)),))
    assert fault(plan(falling, channels=[(9, 9)])) == (
        "actor 'a'  need of channel 'c0' falls; it counts all tokens up to a firing, so write values that rise"
    )
    assert fault(plan(actor("a", 3, [1, -4, 2]))) == "actor 'a'  compute is -4 at firing 1; write 0 or more"
    assert fault(plan(replace(whole, release=Series.periodic([5], 3, -3)), channels=[(9, 9)])) == (
        "actor 'a'  release is -1 at firing 2; write 0 or more"
    )


def test_more_freed_than_needed() -> None:
    greedy = replace(actor("a", 2, 1), inputs=(Input(0, Series.full([1, 2]), Series.full([1, 4])),))
    assert fault(plan(greedy, channels=[(9, 9)])) == (
        "actor 'a'  frees 2 more tokens of channel 'c0' than it needs at firing 1; write free <= need"
    )


def test_a_cycle_that_takes_no_time() -> None:
    broken = plan(
        actor("a", 2, 0, reads={1: 1}, writes={0: 1}),
        actor("b", 2, 0, reads={0: 1}, writes={1: 1, 2: 1}),
        actor("c", 2, 0, reads={2: 1}),
        channels=[1, (1, 1), 1],
    )
    assert fault(broken) == (
        "actors 'a' -> 'b'  their channels form a cycle that takes no time; "
        "give one of them a compute time or a latency"
    )
    check_plan(replace(broken, actors=(replace(broken.actors[0], latency=Series.constant(1, 2)), *broken.actors[1:])))


def test_a_channel_with_two_writers_or_two_readers() -> None:
    writers = plan(*(actor(name, 1, 1, writes={0: 1}) for name in "ab"), actor("c", 2, 1, reads={0: 1}), channels=[2])
    assert fault(writers) == "channel 'c0'  'a' and 'b' write it; give each writer a channel of its own"
    readers = plan(actor("c", 2, 1, writes={0: 1}), *(actor(name, 1, 1, reads={0: 1}) for name in "ab"), channels=[2])
    assert fault(readers) == "channel 'c0'  'a' and 'b' read it; give each reader a channel of its own"


def test_times_that_do_not_fit_64_bits() -> None:
    long = plan(actor("a", 4, 2**62), tick=Fraction(1, 10**12))
    assert fault(long) == (
        "plan  the run may last 18446744073709551616 ticks, more than 2^63 - 1; "
        "choose a coarser tick than 1/1000000000000 s"
    )
    rising = replace(actor("a", 10**6, 1), release=Series.periodic([0], 10**6, 2**50))
    assert fault(plan(rising)) == (
        f"actor 'a'  release goes to {2**50 * (10**6 - 1)}, which does not fit 64 bits; choose a coarser tick or unit"
    )


def test_works_that_do_not_fit_64_bits() -> None:
    broken = plan(actor("a", 1, 0, flows=[(0, 2**63 - 10, None)]), servers=[100])
    assert fault(broken) == (
        "server 's0'  a work of 9223372036854775798 at a rate of 100 does not fit 64 bits; choose a larger unit of work"
    )
    slow = plan(actor("a", 3, 0, flows=[(0, 2**62, None)]), servers=[1])
    assert "plan  the run may last 13835058055282163" in fault(slow)


def test_tokens_that_do_not_fit() -> None:
    assert fault(plan(actor("a", 8, 1, writes={0: 2**61}), channels=[None])) == (
        f"channel 'c0'  carries {2**64} tokens, more than 2^62; count larger tokens"
    )


def test_servers_that_never_serve() -> None:
    def server(times: tuple[int, ...], rates: tuple[int, ...]) -> str:
        return fault(Plan(Fraction(1), (), servers=(Server("dram", times, rates),)))

    assert server((0, 5), (3, 0)) == (
        "server 'dram'  rates (3, 0); write rates from 0 on, the last one positive, else its flows never end"
    )
    assert server((1,), (3,)) == (
        "server 'dram'  times (1,) with rates (3,); write as many rates as times, times that start at 0 and rise"
    )
    capped = plan(actor("a", 1, 0, flows=[(0, 5, 0)]), servers=[4])
    assert fault(capped) == "actor 'a'  a flow with cap 0 never ends; write 1 or more, or None"


def test_more_slots_or_room_than_an_engine_counts() -> None:
    crowd = Plan(Fraction(1), (), resources=(Resource("core", 10**23),))
    assert fault(crowd) == f"resource 'core'  slots is {10**23}; write 1048576 or fewer"
    roomy = Plan(Fraction(1), (), (Channel("x", 10**20),))
    assert fault(roomy) == f"channel 'x'  capacity {10**20} is more than 2^62; write None for no bound"


def test_indices_that_point_nowhere_are_told_together() -> None:
    one = Series.constant(1, 2)
    broken = Plan(
        Fraction(1),
        (
            Actor(
                "a", 3, one, one, one, one, Series.constant(1, 3), (Input(7, one, one),), (Output(-1, one),),
                (Flow(2, one),), slots=0,
            ),
            actor("b", 1, 1, resource=0, slots=3),
        ),
        (Channel("x", -1),),
        (Resource("core", 2), Resource("none", 0)),
    )  # fmt: skip
    with pytest.raises(PlanError) as caught:
        check_plan(broken)
    assert str(caught.value) == (
        "the plan has 9 problems\n"
        "  resource 'none'  slots is 0; write 1 or more\n"
        "  channel 'x'      capacity -1 and initial 0; write 0 or more\n"
        "  actor 'a'        concurrency 1 and slots 0; write 1 or more\n"
        "  actor 'a'        resource 3 of 2; write an index into the plan's resources\n"
        "  actor 'a'        channel 7 of 1; write an index into the plan's channels\n"
        "  actor 'a'        channel -1 of 1; write an index into the plan's channels\n"
        "  actor 'a'        server 2 of 0; write an index into the plan's servers\n"
        "  actor 'a'        last_frame has 3 values for 2 firings; write one a firing\n"
        "  actor 'b'        takes 3 slots of 'core', which has 2; write at most 2, or give it more"
    )


def test_frames_from_first_to_last() -> None:
    assert fault(plan(actor("a", 2, 1, frames=[(0, 0), (3, 2)]))) == (
        "actor 'a'  first_frame is past last_frame at firing 1; write the frames from first to last"
    )


def test_a_tick_is_positive() -> None:
    assert fault(plan(tick=Fraction(0))) == "plan  tick is 0; write a positive fraction of a second"


def test_all_faults_of_all_channels_come_at_once() -> None:
    broken = plan(actor("a", 2, 1, writes={0: 9, 1: 1}), actor("b", 3, 1, reads={0: 6, 1: 2}), channels=[4, (1, 2)])
    with pytest.raises(PlanError) as caught:
        run(broken)
    assert str(caught.value) == (
        "the plan has 5 problems\n"
        "  channel 'c0'  'a' writes 9 tokens at firing 0 into a capacity of 4; raise the capacity to 9 or more\n"
        "  channel 'c0'  'b' needs 6 tokens at once at firing 0 from a capacity of 4; raise the capacity to 6 or more\n"
        "  channel 'c1'  'b' needs 6 tokens, but 2 are initial and 'a' writes 2; lower the need to 4 or write 2 more\n"
        "  channel 'c1'  2 initial tokens in a capacity of 1; raise the capacity to 2 or more\n"
        "  channel 'c1'  'b' needs 2 tokens at once at firing 0 from a capacity of 1; raise the capacity to 2 or more"
    )


def test_an_unknown_engine_and_a_negative_end_are_told() -> None:
    with pytest.raises(UserError) as engine:
        run(plan(actor("a", 1, 1)), engine="simpi")
    assert str(engine.value) == "no engine 'simpi'; did you mean 'simpy'? (known: auto, compiled, simpy)"
    with pytest.raises(UserError) as until:
        run(plan(actor("a", 1, 1)), until=-1)
    assert str(until.value) == "until is tick -1; write a tick from 0 on"


def test_a_hundred_million_firings_are_checked_in_no_time() -> None:
    count = 100_000_000
    count_up, one = Series.counting(count), Series.constant(1, count)
    frames, nothing = Series.counting(count, first=0), Series.constant(0, count)
    pattern = Series.periodic(np.arange(1, 998), count, 997)
    actors = (
        Actor("a", None, nothing, one, nothing, frames, frames, outputs=(Output(0, one), Output(1, one))),
        Actor(
            "b",
            None,
            nothing,
            one,
            nothing,
            frames,
            frames,
            inputs=(Input(0, count_up, count_up), Input(1, pattern, count_up)),
        ),
    )
    begin = time.perf_counter()
    check_plan(Plan(Fraction(1), actors, (Channel("x", 4), Channel("y", 4))))
    assert time.perf_counter() - begin < 1.0


@settings(max_examples=100)
@given(plans())
def test_random_plans_pass_however_their_series_are_stored(drawn: Plan) -> None:
    check_plan(drawn)
    check_plan(expanded(drawn))


@settings(max_examples=100)
@given(plans(max_actors=4))
def test_a_fault_is_found_however_the_series_are_stored(drawn: Plan) -> None:
    broken = replace(drawn, channels=tuple(replace(c, capacity=1, initial=min(c.initial, 1)) for c in drawn.channels))
    texts = []
    for form in (broken, expanded(broken)):
        try:
            check_plan(form)
            texts.append("")
        except PlanError as error:
            texts.append(str(error))
    assert texts[0] == texts[1]
