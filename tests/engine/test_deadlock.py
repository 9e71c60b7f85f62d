"""A run that cannot go on says when, who waits for what, and which FIFO to raise."""

from __future__ import annotations

import pickle
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings

from simulator.deadlock import state_of
from simulator.engine import run
from simulator.errors import DeadlockError
from simulator.plan import Channel, Plan
from tests.engine.small import AFTER, actor, plan
from tests.strategies import plans


def residual(skip: int) -> Plan:
    """A fork, a convolution that needs three rows, a skip FIFO and a join."""
    return plan(
        actor("split", 9, 1, writes={0: 1, 1: 1}),
        actor("conv", 3, 7, reads={0: 3}, writes={2: 3}),
        actor("join", 9, 1, reads={1: 1, 2: 1}),
        channels=[Channel("rows", 6), Channel("skip", skip), Channel("main", 16)],
        tick=Fraction(1, 10**7),
    )


def deadlock(stuck: Plan) -> DeadlockError:
    with pytest.raises(DeadlockError) as caught:
        run(stuck)
    return caught.value


def test_a_residual_join_with_a_short_skip_names_the_cycle_and_the_fifo() -> None:
    error = deadlock(residual(2))
    assert str(error) == (
        "DeadlockError at 200 ns: nothing can move, 4 tokens are in flight\n"
        "  split  waits to write  skip  (2/2 full)\n"
        "  join   waits to read   main  (0/16 full)\n"
        "  conv   waits to read   rows  (2/6 full)\n"
        "  Raise fifos.skip.depth: 'join' needs 1 token from 'main' before it frees 'skip'."
    )
    assert error.time == 2
    assert error.cycle == ("split", "join", "conv")
    assert run(residual(3)).complete


def test_the_error_carries_what_had_happened() -> None:
    error = deadlock(residual(2))
    assert error.trace is not None
    assert error.trace.start[0].tolist() == [0, 1, *[-1] * 7]
    assert not error.trace.complete
    assert error.trace.now == error.time
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error)
    assert again.cycle == error.cycle


def test_labels_say_what_to_raise_and_in_which_unit_time_is_told() -> None:
    labelled = replace(residual(2), labels={"time_unit": "cycle", "depth:skip": "the capacity of 'skip'"})
    text = str(deadlock(labelled))
    assert text.startswith("DeadlockError at 2 cycle: ")
    assert text.endswith("Raise the capacity of 'skip': 'join' needs 1 token from 'main' before it frees 'skip'.")


def test_two_full_fifos_against_each_other() -> None:
    ring = plan(
        actor("a", 4, 1, reads={1: 1}, writes={0: 2}),
        actor("b", 4, 1, reads={0: 1}, writes={1: 2}),
        channels=[2, (2, 2)],
        discipline=AFTER,
    )
    error = deadlock(ring)
    assert str(error) == (
        "DeadlockError at 3 s: nothing can move, 3 tokens are in flight\n"
        "  a  waits to write  c0  (2/2 full)\n"
        "  b  waits to write  c1  (1/2 full)\n"
        "  Raise fifos.c0.depth: 'b' cannot free 'c0' before it has written 'c1'."
    )


def test_actors_that_all_wait_to_read_lack_initial_tokens() -> None:
    ring = plan(
        actor("a", 2, 1, reads={1: 1}, writes={0: 1}),
        actor("b", 2, 1, reads={0: 1}, writes={1: 1}),
        channels=[1, 1],
    )
    assert str(deadlock(ring)) == (
        "DeadlockError at 0 s: nothing can move, 0 tokens are in flight\n"
        "  a  waits to read   c1  (0/1 full)\n"
        "  b  waits to read   c0  (0/1 full)\n"
        "  Give 'c1' initial tokens: each of these waits for the next one to write first."
    )


def test_a_reader_that_has_finished_and_keeps_its_tokens() -> None:
    stuck = plan(actor("a", 5, 1, writes={0: 1}), actor("b", 2, 1, reads={0: 1}), channels=[1])
    assert str(deadlock(stuck)) == (
        "DeadlockError at 5 s: nothing can move, 1 tokens are in flight\n"
        "  a  waits to write  c0  (1/1 full)\n"
        "  'b' has fired for the last time and keeps tokens of 'c0': let it free all that it reads."
    )


def test_a_channel_that_nobody_reads() -> None:
    assert str(deadlock(plan(actor("a", 5, 1, writes={0: 1}), channels=[2]))).endswith("\n  Nobody reads 'c0'.")


def test_the_time_of_a_deadlock_is_when_the_last_thing_happened() -> None:
    late = plan(actor("a", 2, 3, latency=10, writes={0: 1}), actor("b", 1, 1, reads={0: 1}, keeps=1), channels=[1])
    assert deadlock(late).time == 14  # a token written at 3 is read at 13, and the reader is done at 14


@settings(max_examples=100)
@given(plans())
def test_in_every_deadlock_somebody_waits_and_no_capacity_is_exceeded(drawn: Plan) -> None:
    try:
        run(drawn)
        return
    except DeadlockError as error:
        told = error
    assert told.trace is not None
    assert " waits to " in str(told)
    state = state_of(drawn, told.trace)
    assert state.time == told.time
    loops = {o.channel for a in drawn.actors for o in a.outputs for p in a.inputs if p.channel == o.channel}
    for index, (used, channel) in enumerate(zip(state.used, drawn.channels, strict=True)):
        assert used >= 0
        assert index in loops or channel.capacity is None or used <= channel.capacity
