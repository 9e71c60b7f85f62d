"""Random plans with every feature of the Plan switched on, for properties that must hold on all of them.

``plans()`` draws plans that pass ``check_plan``. Most of them finish. Some deadlock by their buffer
sizes, which is meant: an engine has to find that too. Times are small, so that many things happen at the same instant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from simulator.plan import Actor, Channel, Discipline, Flow, Input, Ints, Output, Plan, Resource, Series, Server

_DISCIPLINES = tuple(Discipline)


def compressed(values: Sequence[int]) -> Series:
    """The shortest period and step that hold ``values``: all forms of a Series are drawn, not only full ones."""
    array = np.asarray(values, dtype=np.int64)
    for period in range(1, array.size // 2 + 1):
        rise = array[period:] - array[:-period]
        if (rise == rise[0]).all() and (rise[0] >= 0):
            return Series.periodic(array[:period], array.size, int(rise[0]))
    return Series.full(array)


@dataclass
class _Draft:
    """An actor while it is being drawn."""

    firings: int
    concurrency: int
    drop: bool
    compute: list[int]
    inputs: list[Input] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)


@st.composite
def plans(
    draw: st.DrawFn, *, drops: bool = True, servers: bool = True, max_actors: int = 6, max_firings: int = 9
) -> Plan:
    """A plan with up to ``max_actors`` actors; ``drops`` and ``servers`` may be left out."""
    number = draw(st.integers(1, max_actors))
    frames = draw(st.integers(1, max_firings))
    lossy = drops and draw(st.booleans())
    discipline = draw(st.sampled_from(_DISCIPLINES))
    drafts = [_draft(draw, frames, max_firings, lossy) for _ in range(number)]
    channels: list[Channel] = []
    writers = [draw(st.lists(st.integers(0, r - 1), min_size=1, max_size=2)) for r in range(1, number)]
    links = [(w, r) for r, several in enumerate(writers, 1) for w in several]
    for writer, reader in links:
        _connect(draw, channels, drafts, writer, reader)
    for _ in range(draw(st.integers(0, 2))):
        a, b = sorted((draw(st.integers(0, number - 1)), draw(st.integers(0, number - 1))))
        drafts[a].compute = [max(1, ticks) for ticks in drafts[a].compute]  # a cycle must take time
        _connect(draw, channels, drafts, b, a)
    resources = [
        Resource(f"resource{i}", draw(st.integers(1, 4))) for i in range(draw(st.sampled_from((0, 1, 1, 2, 3))))
    ]
    shared = [_server(draw, i) for i in range(draw(st.integers(0, 2)))] if servers else []
    actors = [_actor(draw, i, d, frames, resources, shared) for i, d in enumerate(drafts)]
    return Plan(Fraction(1, 1000), tuple(actors), tuple(channels), tuple(resources), tuple(shared), discipline)


def _draft(draw: st.DrawFn, frames: int, most: int, lossy: bool) -> _Draft:
    """How often an actor fires: once a frame, or any number of times, sometimes not at all."""
    drop = lossy and draw(st.integers(0, 2)) == 0
    firings = frames if draw(st.booleans()) else draw(st.integers(0 if draw(st.integers(0, 5)) == 0 else 1, most))
    compute = _ticks(draw, firings)
    return _Draft(firings, draw(st.sampled_from((1, 1, 1, 2, 3))), drop, compute)


def _ticks(draw: st.DrawFn, firings: int, most: int = 5) -> list[int]:
    """Times of all firings: none, constant, or a repeated pattern."""
    kind = draw(st.integers(0, 3))
    if kind < 2:
        return [kind * draw(st.integers(0, most))] * firings
    pattern = draw(st.lists(st.integers(0, most), min_size=1, max_size=4))
    return [pattern[k % len(pattern)] for k in range(firings)]


def _connect(draw: st.DrawFn, channels: list[Channel], drafts: list[_Draft], writer: int, reader: int) -> None:
    """A channel whose needs can be met in the order of the actors; one that goes backward gets initial tokens."""
    out, into = drafts[writer], drafts[reader]
    backward = writer >= reader
    own = draw(st.sampled_from((None, None, *_DISCIPLINES)))
    pattern = draw(st.lists(st.integers(0, 3), min_size=1, max_size=3))
    put = [pattern[k % len(pattern)] for k in range(out.firings)]
    initial = draw(st.integers(1 if backward else 0, 3))
    written = np.concatenate(([0], np.cumsum(np.array(put, dtype=np.int64))))
    need = _needs(draw, into.firings, out.firings, written, initial, backward)
    free = _frees(draw, need)
    index = len(channels)
    kept = [n - (free[k - 1] if k else 0) for k, n in enumerate(need)]
    least = max([initial, *put, *kept, 0])
    room = draw(st.sampled_from((None, 0, 0, 1, 2, 3, 5)))
    unread = initial + int(written[-1]) - (free[-1] if free else 0)
    capacity = None if room is None else max(least, unread if draw(st.integers(0, 9)) else 0) + room
    channels.append(Channel(f"channel{index}", capacity, initial, 4.0, None, own))
    out.outputs.append(Output(index, _series(put)))
    into.inputs.append(Input(index, _series(need), _series(free)))


def _needs(draw: st.DrawFn, firings: int, puts: int, written: Ints, initial: int, backward: bool) -> list[int]:
    """Cumulative needs that a schedule by phases can meet; one channel in ten forgets the phases and may deadlock."""
    wild = draw(st.integers(0, 9)) == 0
    slack = draw(st.integers(0, 2))
    need, last = [], 0
    for k in range(firings):
        done = ((k + 1) * puts - 1) // firings if backward else (k + 1) * puts // firings
        limit = initial + int(written[puts if wild else max(done, 0)])
        last = max(last, limit - slack, 0)
        need.append(last)
    return need


def _frees(draw: st.DrawFn, need: list[int]) -> list[int]:
    """Cumulative frees: all that was needed, or a window of some tokens kept back."""
    keep: int = draw(st.sampled_from((0, 0, 0, 1, 2)))
    free = [max(0, n - keep) for n in need]
    empties: bool = draw(st.booleans())
    if free and empties:
        free[-1] = need[-1]
    return free


def _server(draw: st.DrawFn, index: int) -> Server:
    rates = [draw(st.integers(0, 8)) for _ in range(draw(st.integers(0, 3)))]
    times = [0]
    for _ in rates:
        times.append(times[-1] + draw(st.integers(1, 12)))
    return Server(f"server{index}", tuple(times), (*rates, draw(st.integers(1, 10))))


def _actor(
    draw: st.DrawFn, index: int, draft: _Draft, frames: int, resources: Sequence[Resource], servers: Sequence[Server]
) -> Actor:
    n = draft.firings
    resource = draw(st.sampled_from((None, *range(len(resources)), *range(len(resources))))) if resources else None
    slots = draw(st.integers(1, resources[resource].slots)) if resource is not None else 1
    flows = []
    for server in range(len(servers)):
        for _ in range(draw(st.sampled_from((0, 0, 1, 1, 2)))):
            work = [w * draw(st.sampled_from((1, 1, 7))) for w in _ticks(draw, n, 12)]
            flows.append(Flow(server, _series(work), draw(st.sampled_from((None, None, 1, 2, 5)))))
    first = [k * frames // n for k in range(n)]
    last = [max(k * frames // n, -(-(k + 1) * frames // n) - 1) for k in range(n)]
    spacing = draw(st.sampled_from((0, 0, 1, 3)))
    return Actor(
        f"actor{index}", resource,
        release=_series([k * spacing + jitter for k, jitter in enumerate(_ticks(draw, n, 3 if spacing else 0))]),
        compute=_series(draft.compute), latency=_series(_ticks(draw, n, 3) if draw(st.booleans()) else [0] * n),
        first_frame=_series(first), last_frame=_series(last),
        inputs=tuple(draft.inputs), outputs=tuple(draft.outputs), flows=tuple(flows),
        slots=slots, priority=draw(st.integers(0, 2)), concurrency=draft.concurrency, drop=draft.drop,
    )  # fmt: skip


def _series(values: Sequence[int]) -> Series:
    return compressed(values) if len(values) else Series.full([])


def expanded(plan: Plan) -> Plan:
    """The same plan with every Series written out in full: it must behave the same."""

    def full(series: Series) -> Series:
        return Series.full(series.array())

    actors = tuple(
        replace(
            a,
            release=full(a.release), compute=full(a.compute), latency=full(a.latency),
            first_frame=full(a.first_frame), last_frame=full(a.last_frame),
            inputs=tuple(Input(p.channel, full(p.need), full(p.free)) for p in a.inputs),
            outputs=tuple(Output(o.channel, full(o.put)) for o in a.outputs),
            flows=tuple(Flow(f.server, full(f.work), f.cap) for f in a.flows),
        )
        for a in plan.actors
    )  # fmt: skip
    return replace(plan, actors=actors)
