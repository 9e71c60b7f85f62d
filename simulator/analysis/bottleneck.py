"""What limits a run, why, and what would buy most.

In the steady part every resource, every actor's own lanes and every server has a share of time in which it is at work.
The one that is busy all the time limits the throughput; where none is, the run waits for arrivals, for room in a FIFO,
or for results.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from simulator.analysis.breakdown import BUSY, STATES
from simulator.analysis.occupancy import server_capacity
from simulator.analysis.run import Figures
from simulator.analysis.tokens import channel_ends
from simulator.analysis.waits import CAUSES
from simulator.lowered import Role
from simulator.series import Ints

SATURATED = 0.95
"""A part that is busy this share of the steady time sets the pace: the window's edges and drained frames take the rest.
"""

_KEPT_UP = 0.98  # of the arrivals; the last frames are still on their way when the window closes
_FULL = 0.99
_WORTH_NAMING = 0.01


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """The part that limits the throughput of a run.

    ``kind`` is 'element' (its slots, or its tick), 'dma', 'memory', 'fifo', 'arrivals' or 'dependency'; ``name`` the
    part. ``layer`` and ``stage`` say where on an element. ``busy_fraction`` is its share of the steady time at work;
    ``gain_at_most`` how many times the throughput can rise before another part limits.
    """

    kind: str
    name: str
    layer: str | None
    stage: str | None
    busy_fraction: float | None
    gain_at_most: float | None
    reason: str
    advice: str


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A part that can be at work all the time; ``actor`` is the one that keeps it busiest, ``whole`` False means a
    single lane of it.
    """

    kind: str
    name: str
    share: float
    actor: int | None
    group: int | None = None
    server: int | None = None
    whole: bool = True


def bottleneck(run: Figures) -> Bottleneck:
    """Names what limits a run."""
    found = sorted(_candidates(run), key=lambda c: -c.share)
    arrivals = _arrivals(run, found)
    if arrivals is not None:
        return arrivals
    ticking = _tick(run, found)
    if ticking is not None:
        return ticking
    if not found:
        return Bottleneck("dependency", "none", None, None, None, None, "nothing takes any time", "nothing to change")
    if run.steady.frames == run.delivered:  # all that departed did so at one instant
        return _longest(run, found)
    if found[0].share >= SATURATED:
        return _saturated(run, found)
    return _waiting(run, found)


def _candidates(run: Figures) -> list[_Candidate]:
    """Every part with its share of the time at work."""
    plan, lowered = run.lowered.plan, run.lowered
    first, last, length = _span(run)
    if length <= 0:
        return []
    actors, groups = run.breakdown.between(first, last)
    busy = [STATES.index(state) for state in BUSY]
    own = [CAUSES.index(state) for state in BUSY]
    found = []
    for number, group in enumerate(run.breakdown.members):
        main = max(group.actors, key=lambda a: int(actors[a, own].sum()))
        kind, name = _part(run, main, group.resource)
        share = int(groups[number, busy].sum()) / (group.slots * length)
        found.append(_Candidate(kind, name, min(share, 1.0), main, number))
        alone = int(actors[main, own].sum()) / (max(int(run.breakdown.lanes[main]), 1) * length)
        if alone > share:
            found.append(_Candidate(kind, name, min(alone, 1.0), main, number, whole=False))
    for server, name in enumerate(lowered.servers):
        capacity = server_capacity(plan, server, first, last) * length / (last - first)
        share = run.server_work(server, first, last) / capacity if capacity else 0.0
        kind = "dma" if name in lowered.platform.dma else "memory"
        found.append(_Candidate(kind, name, min(share, 1.0), _heaviest(run, server), server=server))
    return [one for one in found if one.share > 0]


def _span(run: Figures) -> tuple[int, int, float]:
    """First and last tick of the work that is counted, and the time that this work takes at the pace of the run.

    In the steady part both are the same. A short run fills and drains for much of its time, so there all of the work is
    set against frames over throughput: the utilisation law, U = X S (P. J. Denning, J. P. Buzen, ACM Computing Surveys
    10(3), 1978).
    """
    first, last = run.window
    if run.steady.settled and last > first:
        return first, last, float(last - first)
    delivered = run.delivered
    if run.complete and delivered and run.steady.throughput:
        return 0, run.now, delivered / float(run.steady.throughput)
    return 0, run.now, float(run.now)


def _part(run: Figures, actor: int, resource: int | None) -> tuple[str, str]:
    note = run.lowered.actors[actor]
    element = run.lowered.resources[resource].element if resource is not None else note.element
    if element is None:
        return "dependency", run.lowered.plan.actors[actor].name
    return ("dma" if element in run.lowered.platform.dma else "element"), element


def _heaviest(run: Figures, server: int) -> int | None:
    """The actor that pushes most work through a server."""
    plan = run.lowered.plan
    loads = [(sum(f.work.total() for f in a.flows if f.server == server), -i) for i, a in enumerate(plan.actors)]
    heaviest, index = max(loads, default=(0, 0))
    return -index if heaviest else None


def _arrivals(run: Figures, found: list[_Candidate]) -> Bottleneck | None:
    """The stream itself, where all that arrives comes through in time."""
    if run.lowered.stream.is_saturated or run.dropped or run.spans is None or run.steady.frames < 2:
        return None
    count, span, passed = run.spans
    if span <= 0:
        return None
    # Spans of the same frames: the rates in two windows differ by chance where arrivals are random.
    if passed * _KEPT_UP > span or (found and found[0].share >= _FULL):
        return None
    busiest = found[0] if found else None
    offered = (count - 1) / span * 1e12
    pace = f"{offered:,.0f}" if offered >= 1000 else f"{offered:.4g}"
    reason = f"frames arrive at {pace} a second and all come through"
    if busiest is None or busiest.share <= 0:
        return Bottleneck(
            "arrivals", "arrivals", None, None, None, None, reason, "nothing on the platform would change it"
        )
    room = 1 / busiest.share
    advice = (
        f"nothing on the platform would raise the throughput; '{busiest.name}' is busiest"
        f" ({_percent(busiest.share)}),"
        f" so frames could come up to {room:.3g} times as often"
    )
    return Bottleneck("arrivals", "arrivals", None, None, busiest.share, room, reason, advice)


def _tick(run: Figures, found: list[_Candidate]) -> Bottleneck | None:
    """An element whose steps begin by a clock of its own, where all else keeps up with that."""
    if run.steady.frames < 2 or (found and found[0].share >= _FULL):
        return None
    for note, actor in zip(run.lowered.actors, run.lowered.plan.actors, strict=True):
        first, last = actor.release.minimum(), actor.release.maximum()
        frames = int(actor.last_frame[actor.firings - 1] - actor.first_frame[0]) if actor.firings else 0
        if note.role is Role.SOURCE or note.element is None or last <= first or frames < 1:
            continue
        pace = float(Fraction(last - first, frames) * run.lowered.plan.tick)
        if float(run.steady.throughput / run.lowered.plan.tick) * pace >= _KEPT_UP:
            reason = (
                f"'{note.element}' begins a step every {pace * 1e6:.4g} us, and all that belongs to one is done then"
            )
            busy = found[0].share if found else 0.0
            gain = 1 / busy if busy else None
            advice = f"a shorter tick of '{note.element}'" + (f" buys at most {gain:.3g}x" if gain else " helps")
            return Bottleneck("element", note.element, None, None, busy, gain, reason, advice)
    return None


def _longest(run: Figures, found: list[_Candidate]) -> Bottleneck:
    """For a run of one frame, or one batch: the part that takes most of its time."""
    first = max(found, key=lambda c: (c.actor is not None and c.server is None, c.share))
    layer, stage = _where(run, first.actor)
    whole = "that the only departure took" if run.steady.frames else "so far, and no frame is through"
    reason = f"'{first.name}' is at work {_percent(first.share)} of the time {whole}"
    gain = 1 / (1 - first.share) if first.share < 1 else None
    advice = f"{_faster(first, layer)} shortens the latency most; run more frames to see what limits the throughput"
    return Bottleneck(first.kind, first.name, layer, stage, first.share, gain, reason, advice)


def _saturated(run: Figures, found: list[_Candidate]) -> Bottleneck:
    """The part that is busy all the time: computing, or waiting for its memory."""
    first = found[0]
    layer, stage = _where(run, first.actor)
    memory = _behind(run, first, found)
    if memory is not None:
        gain, then = _next(found, first, memory)
        reason = (
            f"'{first.name}' is in service {_percent(first.share)} of the time, most of it waiting for '{memory.name}'"
        )
        advice = f"more bandwidth of '{memory.name}', or fewer bytes (precision, tiling, on-chip weights){then}"
        return Bottleneck(memory.kind, memory.name, layer, stage, memory.share, gain, reason, advice)
    gain, then = _next(found, first)
    place = f" with {_naming(layer, stage)}" if layer else ""
    lane = "" if first.whole else f": {_naming(layer, stage)} always runs, on fewer slots than '{first.name}' has"
    verb = "moves data" if first.server is not None else "is in service"
    reason = (
        f"'{first.name}' {verb} {_percent(first.share)} of the {_time(run)}{lane or _share_text(run, first, place)}"
    )
    advice = (
        _faster(first, layer if _is_alone(run, first) else None)
        if first.whole
        else f"more slots for layer '{layer}', or a finer granularity,"
    )
    return Bottleneck(first.kind, first.name, layer, stage, first.share, gain, reason, f"{advice}{then or ' helps'}")


def _waiting(run: Figures, found: list[_Candidate]) -> Bottleneck:
    """Nothing is busy all the time: parts wait for room in a FIFO, or for each other's results."""
    busiest = found[0]
    gain = 1 / busiest.share
    most = f"no part is busy more than {_percent(busiest.share)} of the {_time(run)} ('{busiest.name}')"
    channel = _tightest(run)
    if channel is not None:
        own, note = run.lowered.plan.channels[channel], run.lowered.channels[channel]
        share = int(run.breakdown.blocked_by[channel]) / max(run.now, 1)
        reason = f"{most}; '{note.producer}' waits {_percent(share)} of the time for room in '{own.name}'"
        depth = "1 token" if own.capacity == 1 else f"{own.capacity} tokens"
        advice = f"a deeper FIFO than {depth} buys at most {gain:.3g}x, then '{busiest.name}' limits"
        return Bottleneck("fifo", own.name, note.consumer, None, None, gain, reason, advice)
    layer, stage = _where(run, busiest.actor)
    reason = f"{most}; parts wait for each other's results"
    advice = f"more frames in flight or a finer granularity buys at most {gain:.3g}x, then '{busiest.name}' limits"
    return Bottleneck("dependency", busiest.name, layer, stage, busiest.share, gain, reason, advice)


def _behind(run: Figures, first: _Candidate, found: list[_Candidate]) -> _Candidate | None:
    """The memory or link that a busy resource mostly waits for, if it does."""
    if first.group is None or first.actor is None:
        return None
    spent = run.breakdown.between(*_span(run)[:2])[1][first.group]
    compute, bound, stalled = (int(spent[STATES.index(state)]) for state in BUSY)
    if bound + stalled <= compute:
        return None
    actors = set(run.breakdown.members[first.group].actors)
    plan = run.lowered.plan
    used = {flow.server for a in sorted(actors) for flow in plan.actors[a].flows}
    return max((c for c in found if c.server in used), key=lambda c: c.share, default=None)


def _next(found: list[_Candidate], *limiting: _Candidate) -> tuple[float | None, str]:
    """How far the throughput can rise before another part limits it, and the words for that."""
    names = {one.name for one in limiting}
    groups = {one.group for one in limiting if one.group is not None}
    others = [
        c for c in found if (c.group is None or c.group not in groups) and (c.group is not None or c.name not in names)
    ]
    if not others:
        return None, ""
    gain = limiting[0].share / others[0].share
    what = f"'{others[0].name}'"
    if others[0].name in names:
        what = "the next stage of it"
    return gain, f" buys at most {gain:.3g}x, then {what} limits ({_percent(others[0].share)} busy)"


def _tightest(run: Figures) -> int | None:
    """The bounded channel whose writer waits for room while its reader is not itself blocked: where the back-pressure
    begins.
    """
    plan, parts = run.lowered.plan, run.breakdown
    scores: list[tuple[float, int]] = []
    for index, ends in enumerate(channel_ends(plan)):
        if ends.writer is None or ends.reader is None or run.lowered.actors[ends.writer].role is Role.SOURCE:
            continue
        lanes: Ints = parts.lanes
        blocked = parts.actor(ends.reader, "blocked") / max(int(lanes[ends.reader]) * run.now, 1)
        scores.append((int(parts.blocked_by[index]) / max(run.now, 1) * (1 - blocked), -index))
    score, index = max(scores, default=(0.0, 0))
    return -index if score > _WORTH_NAMING else None


def _where(run: Figures, actor: int | None) -> tuple[str | None, str | None]:
    if actor is None:
        return None, None
    note = run.lowered.actors[actor]
    return note.layer, note.stage or None


def _share_text(run: Figures, one: _Candidate, place: str) -> str:
    """' with layer x', or how much of a shared resource its heaviest layer takes."""
    if one.group is None or one.actor is None or _is_alone(run, one):
        return place
    actors = run.breakdown.between(*_span(run)[:2])[0]
    own = [CAUSES.index(state) for state in BUSY]
    members = run.breakdown.members[one.group].actors
    total = sum(int(actors[a, own].sum()) * run.lowered.plan.actors[a].slots for a in members)
    part = int(actors[one.actor, own].sum()) * run.lowered.plan.actors[one.actor].slots / max(total, 1)
    return f", {_percent(part)} of it{place}"


def _is_alone(run: Figures, one: _Candidate) -> bool:
    """Whether a single actor makes up the part, so that its layer is all of the work."""
    return one.group is not None and len(run.breakdown.members[one.group].actors) == 1


def _time(run: Figures) -> str:
    return "steady time" if run.steady.settled else "time at this pace"


def _naming(layer: str | None, stage: str | None) -> str:
    return f"layer '{layer}'" + (f" (stage '{stage}')" if stage else "")


def _faster(one: _Candidate, layer: str | None) -> str:
    if one.server is not None:
        return f"more bandwidth of '{one.name}'"
    work = f"in layer '{layer}'" if layer else "on it"
    return f"a faster '{one.name}', or less work {work},"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


__all__ = ["Bottleneck", "bottleneck"]
