"""The static-order recurrence for any rates: each actor as far as the times that it depends on are known."""

from __future__ import annotations

from simulator.engine import _static_columns as col
from simulator.engine._channels import advance
from simulator.engine._columns import VALUE
from simulator.engine._jit import Cells, called, inlined

_UNKNOWN = -1


@inlined
def when_fed(m: Cells, t: Cells, port: int) -> int:
    """When the tokens that the next firing needs on an input are there."""
    need = m[m[port + col.NEED] + VALUE]
    writer = m[port + col.IN_WRITER]
    if m[port + col.READ] < need:
        if writer < 0:
            return _UNKNOWN
        written, read, known = m[port + col.WRITTEN], m[port + col.READ], m[writer + col.ENDED]
        while read < need and written < known:
            read += m[m[port + col.PUTS] + VALUE]
            advance(m, m[port + col.PUTS])
            written += 1
        m[port + col.WRITTEN] = written
        m[port + col.READ] = read
        if read < need:
            return _UNKNOWN
    if m[port + col.WRITTEN] == 0:
        return 0
    return t[m[writer + col.ARRIVAL] + m[port + col.WRITTEN] - 1]


@inlined
def when_room(m: Cells, t: Cells, out: int) -> int:
    """When the next put of an output fits."""
    if m[out + col.ROOM] == col.INFINITY:
        return 0
    wanted = m[m[out + col.PUT] + VALUE] - m[out + col.ROOM]
    if m[out + col.OWN_FREE] >= 0:
        return 0 if wanted <= m[m[out + col.OWN_FREE] + VALUE] else _UNKNOWN
    reader = m[out + col.OUT_READER]
    if m[out + col.FREED] < wanted:
        if reader < 0:
            return _UNKNOWN
        giving, freed = m[out + col.GIVING], m[out + col.FREED]
        known = m[reader + col.STARTED] if m[out + col.RELEASES_AT_START] != 0 else m[reader + col.ENDED]
        while freed < wanted and giving < known:
            freed = m[m[out + col.FREES] + VALUE]
            advance(m, m[out + col.FREES])
            giving += 1
        m[out + col.GIVING] = giving
        m[out + col.FREED] = freed
        if freed < wanted:
            return _UNKNOWN
    if m[out + col.GIVING] == 0:
        return 0
    column = m[reader + col.START] if m[out + col.RELEASES_AT_START] != 0 else m[reader + col.END]
    return t[column + m[out + col.GIVING] - 1]


@inlined
def claim(m: Cells, out: int) -> None:
    """The next put of an output takes its room."""
    if m[out + col.ROOM] != col.INFINITY:
        m[out + col.ROOM] -= m[m[out + col.PUT] + VALUE]
    if m[out + col.OWN_FREE] >= 0:
        advance(m, m[out + col.OWN_FREE])
    advance(m, m[out + col.PUT])


@inlined
def start_next(m: Cells, t: Cells, actor: int) -> bool:
    """Find the start of an actor's next firing, if all that it depends on is known."""
    firing, under_way = m[actor + col.STARTED], m[actor + col.STARTED] - m[actor + col.ENDED]
    if firing == m[actor + col.FIRINGS] or under_way >= m[actor + col.CONCURRENCY]:
        return False
    time = 0
    if m[actor + col.RELEASE] >= 0:
        time = m[m[actor + col.RELEASE] + VALUE]
    if firing > 0:
        time = max(time, t[m[actor + col.START] + firing - 1])
    if firing >= m[actor + col.CONCURRENCY]:
        time = max(time, t[m[actor + col.END] + firing - m[actor + col.CONCURRENCY]])
    for port in range(m[actor + col.INPUTS], m[actor + col.INPUTS_END], col.INPUT_COLUMNS):
        fed = when_fed(m, t, port)
        if fed == _UNKNOWN:
            return False
        time = max(time, fed)
    for out in range(m[actor + col.OUTPUTS], m[actor + col.OUTPUTS_END], col.OUTPUT_COLUMNS):
        if m[out + col.CLAIMS_AT_START] != 0:
            room = when_room(m, t, out)
            if room == _UNKNOWN:
                return False
            time = max(time, room)
    for out in range(m[actor + col.OUTPUTS], m[actor + col.OUTPUTS_END], col.OUTPUT_COLUMNS):
        if m[out + col.CLAIMS_AT_START] != 0:
            claim(m, out)
    for port in range(m[actor + col.INPUTS], m[actor + col.INPUTS_END], col.INPUT_COLUMNS):
        advance(m, m[port + col.NEED])
    t[m[actor + col.START] + firing] = time
    t[m[actor + col.SERVED] + firing] = time + m[m[actor + col.COMPUTE] + VALUE]
    advance(m, m[actor + col.COMPUTE])
    if m[actor + col.RELEASE] >= 0:
        advance(m, m[actor + col.RELEASE])
    m[actor + col.STARTED] = firing + 1
    return True


@inlined
def end_next(m: Cells, t: Cells, actor: int) -> bool:
    """Find the departure of an actor's oldest firing under way, if all that it depends on is known."""
    firing = m[actor + col.ENDED]
    if firing == m[actor + col.STARTED]:
        return False
    time = t[m[actor + col.SERVED] + firing]
    if firing > 0:
        time = max(time, t[m[actor + col.END] + firing - 1])
    for out in range(m[actor + col.OUTPUTS], m[actor + col.OUTPUTS_END], col.OUTPUT_COLUMNS):
        if m[out + col.CLAIMS_AT_START] == 0:
            room = when_room(m, t, out)
            if room == _UNKNOWN:
                return False
            time = max(time, room)
    for out in range(m[actor + col.OUTPUTS], m[actor + col.OUTPUTS_END], col.OUTPUT_COLUMNS):
        if m[out + col.CLAIMS_AT_START] == 0:
            claim(m, out)
    t[m[actor + col.END] + firing] = time
    if m[actor + col.LATENCY] >= 0:
        arrival = time + m[m[actor + col.LATENCY] + VALUE]
        advance(m, m[actor + col.LATENCY])
        if firing > 0:
            arrival = max(arrival, t[m[actor + col.ARRIVAL] + firing - 1])
        t[m[actor + col.ARRIVAL] + firing] = arrival
    m[actor + col.ENDED] = firing + 1
    m[col.LEFT] -= 1
    return True


@inlined
def queue(m: Cells, actor: int) -> None:
    """Have an actor looked at again."""
    if actor >= 0 and m[actor + col.QUEUED] == 0:
        m[actor + col.QUEUED] = 1
        m[m[col.WORKLIST] + m[col.WORK]] = actor
        m[col.WORK] += 1


@called
def chase(m: Cells, t: Cells) -> int:
    """Find all times; 0 if something depends on itself."""
    while m[col.WORK] > 0:
        m[col.WORK] -= 1
        actor = m[m[col.WORKLIST] + m[col.WORK]]
        m[actor + col.QUEUED] = 0
        known = m[actor + col.STARTED] + m[actor + col.ENDED]
        moves = True
        while moves:
            moves = end_next(m, t, actor)
            moves = start_next(m, t, actor) or moves
        if m[actor + col.STARTED] + m[actor + col.ENDED] > known:
            for out in range(m[actor + col.OUTPUTS], m[actor + col.OUTPUTS_END], col.OUTPUT_COLUMNS):
                queue(m, m[out + col.OUT_READER])
            for port in range(m[actor + col.INPUTS], m[actor + col.INPUTS_END], col.INPUT_COLUMNS):
                queue(m, m[port + col.IN_WRITER])
    return 1 if m[col.LEFT] == 0 else 0
