"""Tokens and room of the compiled engine: cursors over series, claims, what is given back, and void tokens among them."""

from __future__ import annotations

from simulator.engine import _columns as col
from simulator.engine._jit import called, inlined
from simulator.engine.arrays import State


@inlined
def advance(s: State, cursor: int) -> None:
    """Move a cursor to the next firing."""
    kind = s.cursor[cursor, col.KIND]
    if kind == col.FIXED:
        return
    if kind == col.RAMP:
        s.cursor[cursor, col.VALUE] += s.cursor[cursor, col.STEP]
        return
    place = s.cursor[cursor, col.POSITION] + 1
    if place == s.cursor[cursor, col.LAST]:
        place = s.cursor[cursor, col.FIRST]
        s.cursor[cursor, col.RAISED] += s.cursor[cursor, col.STEP]
    s.cursor[cursor, col.POSITION] = place
    s.cursor[cursor, col.VALUE] = s.pattern[place] + s.cursor[cursor, col.RAISED]


@inlined
def wake(s: State, actor: int) -> None:
    """Have an actor looked at again within this instant."""
    if actor >= 0 and s.actor[actor, col.QUEUED] == 0:
        s.actor[actor, col.QUEUED] = 1
        s.work[s.run[col.WORK]] = actor
        s.run[col.WORK] += 1


@called
def note_level(s: State, channel: int, now: int) -> None:
    """Aggregates: the level of a channel has held since it last changed."""
    lasted = now - s.channel[channel, col.CHANGED]
    s.channel[channel, col.CHANGED] = now
    if lasted == 0:
        return
    used = s.channel[channel, col.USED]
    # Two limbs: tokens x picoseconds leave 63 bits behind after an hour.
    fine = s.channel[channel, col.FINE] + used * (lasted & ((1 << col.FINE_BITS) - 1))
    s.channel[channel, col.WHOLE] += used * (lasted >> col.FINE_BITS) + (fine >> col.FINE_BITS)
    s.channel[channel, col.FINE] = fine & ((1 << col.FINE_BITS) - 1)
    bins = s.histogram.shape[1]
    if bins > 0:
        place = used // s.channel[channel, col.BIN_WIDTH]
        s.histogram[channel, min(place, bins - 1)] += lasted


@inlined
def occupy(s: State, channel: int, tokens: int, now: int) -> None:
    """Claim room for so many tokens (or give it back, if negative)."""
    if s.run[col.COUNTING] != 0:
        if tokens != 0:
            note_level(s, channel, now)
        used = s.channel[channel, col.USED] + tokens
        s.channel[channel, col.USED] = used
        if used > s.channel[channel, col.PEAK]:
            s.channel[channel, col.PEAK] = used
    else:
        s.channel[channel, col.USED] += tokens


@called
def take_solid(s: State, channel: int, tokens: int) -> int:
    """Step over the oldest tokens of a channel; how many of them are not void."""
    solid = 0
    left = s.channel[channel, col.MARK_LEFT]
    firing = s.channel[channel, col.MARK_FIRING]
    writer = s.channel[channel, col.WRITER]
    cursor = s.channel[channel, col.MARK_PUT]
    while tokens > 0:
        while left == 0:
            firing += 1
            left = s.cursor[cursor, col.VALUE]
            advance(s, cursor)
        taken = min(left, tokens)
        if not is_marked(s, writer, firing):
            solid += taken
        left -= taken
        tokens -= taken
    s.channel[channel, col.MARK_LEFT] = left
    s.channel[channel, col.MARK_FIRING] = firing
    return solid


@inlined
def is_marked(s: State, actor: int, firing: int) -> bool:
    """Whether a firing that has passed was void (firing -1 stands for the initial tokens)."""
    if firing < 0:
        return False
    place = s.actor[actor, col.MARKS] + (firing & s.actor[actor, col.MARKS_FOLD])
    return s.marks[place] != 0


@called
def count_solid(s: State, channel: int, skipped: int, tokens: int) -> int:
    """How many of the tokens behind the oldest ``skipped`` are not void, without taking them."""
    solid = 0
    left = s.channel[channel, col.MARK_LEFT]
    firing = s.channel[channel, col.MARK_FIRING]
    writer = s.channel[channel, col.WRITER]
    cursor = s.channel[channel, col.MARK_PUT]
    first, last = s.cursor[cursor, col.FIRST], s.cursor[cursor, col.LAST]
    while tokens > 0:
        while left == 0:
            firing += 1
            turn, phase = divmod(firing, last - first)
            left = s.pattern[first + phase] + turn * s.cursor[cursor, col.STEP]
        if skipped > 0:
            taken = min(left, skipped)
            skipped -= taken
        else:
            taken = min(left, tokens)
            tokens -= taken
            if not is_marked(s, writer, firing):
                solid += taken
        left -= taken
    return solid


@inlined
def give_back(s: State, channel: int, total: int, now: int) -> None:
    """The reader gives back tokens up to a total count; the writer may go on."""
    tokens = total - s.channel[channel, col.GIVEN]
    if tokens <= 0:
        return
    s.channel[channel, col.GIVEN] = total
    if s.run[col.LOSSY] != 0 and s.channel[channel, col.MARK_PUT] >= 0:
        tokens = take_solid(s, channel, tokens)
        if tokens == 0:
            return
    occupy(s, channel, -tokens, now)
    wake(s, s.channel[channel, col.WRITER])


@called
def own_tokens(s: State, port: int) -> int:
    """What the next firing of an actor will itself free on its self-loop."""
    channel = s.input[port, col.IN_CHANNEL]
    given = s.channel[channel, col.GIVEN]
    total = s.cursor[s.input[port, col.FREE], col.VALUE]
    first = given
    if s.input[port, col.OWN_FREE] >= 0:
        total = s.cursor[s.input[port, col.OWN_FREE], col.VALUE]
        first = max(given, s.input[port, col.OWN_FREED])
    if total <= first:
        return 0
    if s.run[col.LOSSY] != 0 and s.channel[channel, col.MARK_PUT] >= 0:
        return count_solid(s, channel, first - given, total - first)
    return total - first


@inlined
def fits(s: State, out: int, put: int, has_credit: bool) -> bool:
    """Whether the channel of an output has room for ``put`` more tokens; on a self-loop the firing may count on what it will free."""
    channel = s.output[out, col.OUT_CHANNEL]
    room = s.channel[channel, col.CAPACITY] - s.channel[channel, col.USED]
    if put <= room:
        return True
    port = s.output[out, col.OWN_INPUT]
    if port < 0 or not has_credit:
        return False
    return put <= room + own_tokens(s, port)
