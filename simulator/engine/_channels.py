"""Tokens and room of the compiled engine.

Cursors over series, claims, what is given back, and void tokens among them.
"""

from __future__ import annotations

from simulator.engine import _columns as col
from simulator.engine._jit import Cells, called, inlined, prefetch
from simulator.engine._totals import change_level, note_lying


@inlined
def advance(m: Cells, cursor: int) -> None:
    """Move a cursor to the next firing."""
    kind = m[cursor + col.KIND]
    if kind == col.FIXED:
        return
    if kind == col.RAMP:
        m[cursor + col.VALUE] += m[cursor + col.STEP]
        return
    place = m[cursor + col.POSITION] + 1
    if place == m[cursor + col.LAST]:
        place = m[cursor + col.FIRST]
        m[cursor + col.RAISED] += m[cursor + col.STEP]
    m[cursor + col.POSITION] = place
    prefetch(m, place + 8)
    m[cursor + col.VALUE] = m[place] + m[cursor + col.RAISED]


@inlined
def wake(m: Cells, actor: int) -> None:
    """Have an actor looked at again within this instant.

    One whose only firing is in service is looked at when that is over.
    """
    # The place behind the list may hold anything, so no branch is needed that would often be mispredicted.
    m[m[col.WORKLIST] + m[col.WORK]] = actor
    is_new = int(m[actor + col.QUEUED] | m[actor + col.OPEN] == 0)
    m[actor + col.QUEUED] |= is_new
    m[col.WORK] += is_new


@inlined
def occupy(m: Cells, channel: int, tokens: int, now: int, plain: bool) -> None:
    """Claim room for so many tokens (or give it back, if negative)."""
    if not plain and m[col.COUNTING] != 0 and tokens != 0:
        change_level(m, channel, tokens, now)
    m[channel + col.USED] += tokens


@inlined
def make_readable(m: Cells, channel: int, tokens: int, is_void: bool, now: int, plain: bool) -> None:
    """Tokens become readable; void ones count only as what a reader waits for."""
    readable = m[channel + col.READABLE] + tokens
    m[channel + col.READABLE] = readable
    if not plain and m[col.COUNTING] != 0 and not is_void and tokens != 0:
        note_lying(m, channel, now)
        m[channel + col.LYING] += tokens
        m[channel + col.WRITTEN] += tokens
    if readable >= m[channel + col.READ_AT]:
        m[channel + col.READ_AT] = col.INFINITY
        wake(m, m[channel + col.READER])


@called
def take_solid(m: Cells, channel: int, tokens: int) -> int:
    """Step over the oldest tokens of a channel; how many of them are not void."""
    solid = 0
    left = m[channel + col.MARK_LEFT]
    firing = m[channel + col.MARK_FIRING]
    writer = m[channel + col.WRITER]
    cursor = m[channel + col.MARK_PUT]
    while tokens > 0:
        while left == 0:
            firing += 1
            left = m[cursor + col.VALUE]
            advance(m, cursor)
        taken = min(left, tokens)
        if not is_marked(m, writer, firing):
            solid += taken
        left -= taken
        tokens -= taken
    m[channel + col.MARK_LEFT] = left
    m[channel + col.MARK_FIRING] = firing
    return solid


@inlined
def is_marked(m: Cells, actor: int, firing: int) -> bool:
    """Whether a firing that has passed was void (firing -1 stands for the initial tokens)."""
    if firing < 0:
        return False
    place = m[actor + col.MARKS] + (firing & m[actor + col.MARKS_FOLD])
    return m[place] != 0


@called
def count_solid(m: Cells, channel: int, skipped: int, tokens: int) -> int:
    """How many of the tokens behind the oldest ``skipped`` are not void, without taking them."""
    solid = 0
    left = m[channel + col.MARK_LEFT]
    firing = m[channel + col.MARK_FIRING]
    writer = m[channel + col.WRITER]
    cursor = m[channel + col.MARK_PUT]
    first, last = m[cursor + col.FIRST], m[cursor + col.LAST]
    while tokens > 0:
        while left == 0:
            firing += 1
            turn, phase = divmod(firing, last - first)
            left = m[first + phase] + turn * m[cursor + col.STEP]
        if skipped > 0:
            taken = min(left, skipped)
            skipped -= taken
        else:
            taken = min(left, tokens)
            tokens -= taken
            if not is_marked(m, writer, firing):
                solid += taken
        left -= taken
    return solid


@inlined
def give_back(m: Cells, channel: int, total: int, now: int, plain: bool) -> None:
    """The reader gives back tokens up to a total count; the writer may go on."""
    tokens = total - m[channel + col.GIVEN]
    if tokens <= 0:
        return
    m[channel + col.GIVEN] = total
    if not plain and m[col.LOSSY] != 0 and m[channel + col.MARK_PUT] >= 0:
        tokens = take_solid(m, channel, tokens)
        if tokens == 0:
            return
    occupy(m, channel, -tokens, now, plain)
    if not plain and m[col.COUNTING] != 0:
        note_lying(m, channel, now)
        m[channel + col.LYING] -= tokens
        if m[channel + col.IS_STATE] != 0:
            change_level(m, channel, tokens, now)
            m[channel + col.CREDIT] -= tokens
    if m[channel + col.USED] <= m[channel + col.WRITE_AT]:
        m[channel + col.WRITE_AT] = -1
        wake(m, m[channel + col.WRITER])


@called
def own_tokens(m: Cells, port: int) -> int:
    """What the next firing of an actor will itself free on its self-loop."""
    channel = m[port + col.IN_CHANNEL]
    given = m[channel + col.GIVEN]
    total = m[m[port + col.FREE] + col.VALUE]
    first = given
    if m[port + col.OWN_FREE] >= 0:
        total = m[m[port + col.OWN_FREE] + col.VALUE]
        first = max(given, m[port + col.OWN_FREED])
    if total <= first:
        return 0
    if m[col.LOSSY] != 0 and m[channel + col.MARK_PUT] >= 0:
        return count_solid(m, channel, first - given, total - first)
    return total - first


@inlined
def fits(m: Cells, out: int, put: int, has_credit: bool, plain: bool) -> bool:
    """Whether the channel of an output has room for ``put`` more tokens; if not, the writer is woken when it has.

    On a self-loop the firing may count on what it will free.
    """
    channel = m[out + col.OUT_CHANNEL]
    room = m[channel + col.CAPACITY] - m[channel + col.USED]
    if put <= room:
        return True
    if not plain and m[out + col.OWN_INPUT] >= 0:
        m[channel + col.WRITE_AT] = col.INFINITY
        return has_credit and put <= room + own_tokens(m, m[out + col.OWN_INPUT])
    m[channel + col.WRITE_AT] = m[channel + col.CAPACITY] - put
    return False
