"""How full channels and memories are: three tokens on paper, then Little's law and the capacity on random plans."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings

from simulator.analysis.occupancy import channel_use, histogram_edges, memory_level, server_capacity, sojourn_total
from simulator.analysis.steps import Steps, covered, exact_dot
from simulator.analysis.tokens import channel_ends, writes
from simulator.engine import run
from simulator.errors import DeadlockError, PlanError
from simulator.plan import Channel, Plan
from tests.analysis.by_hand import lowered, platform, stage, stream
from tests.engine.small import AFTER, END, START, actor, plan
from tests.strategies import plans


def _line(discipline: object) -> Plan:
    """Three tokens; the first stage takes 2, the second 3; two places between them."""
    rule = next(each for each in (END, START, AFTER) if each is discipline)
    return plan(actor("first", 3, 2, writes={0: 1}), actor("second", 3, 3, reads={0: 1}), channels=[2], discipline=rule)


@pytest.mark.parametrize(
    ("discipline", "times", "levels"),
    [
        # room is claimed at 0, 2, 5 (the third start waits for room) and given back at 5, 8, 11
        (END, [0, 2, 8, 11], [1, 2, 1, 0]),
        # claimed at 0, 2, 4 and given back at the starts 2, 5, 8: at 2 one comes and one goes
        (START, [0, 4, 5, 8], [1, 2, 1, 0]),
        # claimed at the departures 2, 4, 6 and given back at the starts 2, 5, 8
        (AFTER, [0, 4, 5, 6, 8], [0, 1, 0, 1, 0]),
    ],
)
def test_room_is_counted_as_the_discipline_says(discipline: object, times: list[int], levels: list[int]) -> None:
    line = _line(discipline)
    level = channel_use(line, run(line, engine="simpy"), 0).level
    assert (level.times.tolist(), level.values.tolist()) == (times, levels)


def test_three_tokens_stay_as_long_as_on_paper() -> None:
    """Readable at 2, 4 and 7, given back at the departures 5, 8 and 11: they lie there 3, 4 and 4 ticks."""
    line = _line(END)
    use = channel_use(line, run(line, engine="simpy"), 0)
    assert use.waiting.integral() == 3 + 4 + 4 == sojourn_total(line, run(line, engine="simpy"), 0)
    assert (use.written, use.level.maximum(), use.full, use.empty) == (3, 2, 6, 2)
    assert use.level.mean() == (2 + 2 * 6 + 3) / 11


def test_a_token_on_its_way_takes_room_but_cannot_be_read() -> None:
    """The pipeline behind the first stage is 4 ticks deep: claimed at 0, written at 1, readable at 5."""
    deep = plan(actor("first", 1, 1, latency=4, writes={0: 1}), actor("second", 1, 2, reads={0: 1}), channels=[3])
    use = channel_use(deep, run(deep, engine="simpy"), 0)
    assert (use.level.times.tolist(), use.level.values.tolist()) == ([0, 7], [1, 0])
    assert (use.waiting.times.tolist(), use.waiting.values.tolist()) == ([0, 5, 7], [0, 1, 0])


def test_a_state_never_holds_its_old_and_new_value_side_by_side() -> None:
    loop = plan(actor("cell", 3, 2, reads={0: 1}, writes={0: 1}), channels=[(1, 1)])
    level = channel_use(loop, run(loop, engine="simpy"), 0).level
    assert (level.times.tolist(), level.values.tolist()) == ([0], [1])


def test_void_tokens_take_no_room() -> None:
    camera = actor("camera", 4, 0, release=[0, 1, 2, 3], writes={0: 1}, drop=True)
    lossy = plan(camera, actor("stage", 4, 5, reads={0: 1}), channels=[1], discipline=AFTER)
    trace = run(lossy, engine="simpy")
    use = channel_use(lossy, trace, 0)
    assert (use.written, use.level.maximum()) == (2, 1)
    counted = writes(lossy, trace, 0, channel_ends(lossy)[0])
    assert counted.total.tolist() == [1, 2, 3, 4]
    assert counted.real_among(np.array([0, 1, 2, 3, 4])).tolist() == [0, 1, 2, 2, 2]


def test_a_peak_of_no_length_is_not_seen() -> None:
    steps = Steps.from_changes(0, np.array([4, 2, 2]), np.array([-1, 3, -2]), 10)
    assert (steps.times.tolist(), steps.values.tolist(), steps.maximum()) == ([0, 2, 4], [0, 1, 0], 1)
    low, high = steps.extremes(np.array([0, 3, 5, 10]))
    assert (low.tolist(), high.tolist()) == ([0, 0, 0], [1, 1, 0])
    assert steps.until(np.array([0, 3, 10])).tolist() == [0.0, 1.0, 2.0]


def test_integrals_are_exact_where_64_bits_are_too_few() -> None:
    big = np.array([1 << 40, 3])
    assert exact_dot(big, big) == (1 << 80) + 9
    late = np.full(4, (1 << 61) + 1)
    assert covered(late, late + 5, np.array([(1 << 61) + 3])).tolist() == [8]


def test_a_histogram_has_a_bin_a_level_and_at_most_32() -> None:
    assert histogram_edges(2).tolist() == [0, 1, 2, 3]
    assert histogram_edges(100).size - 1 <= 32
    line = _line(END)
    level = channel_use(line, run(line, engine="simpy"), 0).level
    assert level.histogram(histogram_edges(2)) == pytest.approx([0, 5 / 11, 6 / 11])


def test_a_memory_holds_its_weights_and_the_channels_that_live_there(tmp_path: Path) -> None:
    line = plan(
        actor("first", 3, 2, writes={0: 1}),
        actor("second", 3, 3, reads={0: 1}, writes={1: 1}),
        actor("third", 3, 1, reads={1: 1}),
        channels=[Channel("a", 2, 0, 1.5, "dram"), Channel("b", 2, 0, 0.25, "dram")],
    )
    notes = [stage("cpu", name) for name in ("first", "second", "third")]
    made = lowered(line, notes, platform(tmp_path), stream(3), weights={"dram": 700})
    weights, level, unit = memory_level(made, run(line, engine="simpy"), "dram")
    assert weights == 700
    # a is taken 1, 2, 1 from 0, 2, 8 to 11; b is claimed at 2, 5, 8 and given back at 6, 9, 12
    assert level.times.tolist() == [0, 2, 5, 6, 8, 9, 11, 12]
    assert (level.values * unit).tolist() == [1.5, 3.25, 3.5, 3.25, 2.0, 1.75, 0.25, 0.0]


def test_a_server_can_do_what_its_rates_say() -> None:
    alone = plan(actor("a", 1, 1), servers=[((0, 4, 9), (1, 0, 3))])
    assert server_capacity(alone, 0, 0, 20) == 4 + 33
    assert server_capacity(alone, 0, 2, 10) == 2 + 3


@settings(max_examples=80, suppress_health_check=list(HealthCheck))
@given(plans())
def test_littles_law_holds_exactly_and_no_channel_overflows(of: Plan) -> None:
    """The integral of the tokens that lie readable is the sum of their stays, and tokens in = tokens out + inside."""
    try:
        trace = run(of, engine="simpy")
    except (DeadlockError, PlanError):
        assume(False)
    for index, (channel, ends) in enumerate(zip(of.channels, channel_ends(of), strict=True)):
        use = channel_use(of, trace, index, ends)
        assert use.waiting.integral() == sojourn_total(of, trace, index)
        assert int(use.level.values.min()) >= 0
        assert int(use.waiting.values.min()) >= 0
        assert channel.capacity is None or int(use.level.values.max()) <= channel.capacity
        written = writes(of, trace, index, ends)
        real = int(written.real[-1]) if written.real.size else channel.initial
        freed = int(ends.free[ends.free.length - 1]) if ends.free is not None and ends.free.length else 0
        assert int(use.level.values[-1]) == real - int(written.real_among(np.array([freed]))[0])
