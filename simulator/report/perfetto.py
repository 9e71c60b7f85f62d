"""A run as a Chrome trace: open the file in Perfetto (ui.perfetto.dev) or chrome://tracing.

Elements are processes and their slots threads, so that slices on one track never overlap; FIFOs and memories are
counters; the arrows follow each frame from stage to stage. Format: Google, "Trace Event Format" (JSON object format).
"""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from simulator.analysis.breakdown import Group, groups_of
from simulator.analysis.latency import PICOSECONDS
from simulator.analysis.occupancy import memory_level
from simulator.analysis.tokens import channel_ends, occupied, started, void_of
from simulator.files import replacing
from simulator.lowered import Lowered
from simulator.series import Ints
from simulator.trace import Trace

_CHUNK = 20_000
_MICRO = 10**6  # picoseconds in the format's unit of time


@dataclass(frozen=True, slots=True, eq=False)
class _Track:
    """Where an actor's firings are drawn: process, first thread, and each firing's time, length and lane."""

    process: int
    thread: int
    firing: Ints
    start: Ints
    served: Ints
    lane: Ints
    slots: int


def write_trace(lowered: Lowered, trace: Trace, path: Path) -> int:
    """Writes the trace of a run, compressed where ``path`` ends in ``.gz``, and returns the number of slices.

    The file appears under its name only when it is whole. Raises ``UserError`` where it cannot be written.
    """
    with replacing(path) as draft, draft.open("wb") as raw:
        if path.suffix == ".gz":
            with gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed:
                return _write(lowered, trace, packed)
        return _write(lowered, trace, raw)


def _write(lowered: Lowered, trace: Trace, file: IO[bytes] | gzip.GzipFile) -> int:
    text = io.TextIOWrapper(file, encoding="ascii", newline="\n")
    text.write('{"displayTimeUnit":"ns","traceEvents":[\n')
    head, tracks = _layout(lowered, trace)
    text.write(",\n".join(head))
    slices = 0
    for actor, track in tracks.items():
        slices += track.firing.size * track.slots
        _write_all(text, _slices(lowered, actor, track))
    _write_all(text, _arrows(lowered, tracks, _frames(lowered, trace)))
    _write_all(text, _counters(lowered, trace, 2 + _processes(lowered)))
    text.write("\n]}\n")
    text.flush()
    text.detach()
    return slices


def _write_all(text: io.TextIOWrapper, events: Iterable[str]) -> None:
    chunk: list[str] = []
    for event in events:
        chunk.append(event)
        if len(chunk) == _CHUNK:
            text.write(",\n" + ",\n".join(chunk))
            chunk.clear()
    if chunk:
        text.write(",\n" + ",\n".join(chunk))


def _processes(lowered: Lowered) -> int:
    return len(lowered.platform.processing_elements) + len(lowered.platform.dma)


def _layout(lowered: Lowered, trace: Trace) -> tuple[list[str], dict[int, _Track]]:
    """The names of all tracks, and the track of every actor."""
    names = [*lowered.platform.processing_elements, *lowered.platform.dma]
    numbers = {name: 2 + i for i, name in enumerate(names)}
    head = [_named("process_name", 1, 0, "arrivals and other sources")]
    head += [_named("process_name", number, 0, name) for name, number in numbers.items()]
    head.append(_named("process_name", 2 + len(names), 0, "FIFOs [token] and memories [byte]"))
    used: dict[int, int] = {}
    tracks: dict[int, _Track] = {}
    for group in groups_of(lowered.plan):
        note = lowered.actors[group.actors[0]]
        element = lowered.resources[group.resource].element if group.resource is not None else note.element
        process = numbers.get(element or "", 1)
        thread = used.get(process, 1)
        lanes, drawn = _place(lowered, trace, group, process, thread)
        tracks.update(drawn)
        used[process] = thread + lanes
        for lane in range(lanes):
            words = group.name if lanes == 1 else f"{group.name} slot {lane}"
            head.append(_named("thread_name", process, thread + lane, words))
            head.append(_sort_index(process, thread + lane))
    return head, dict(sorted(tracks.items()))


def _place(lowered: Lowered, trace: Trace, group: Group, process: int, thread: int) -> tuple[int, dict[int, _Track]]:
    """Gives every firing of a group a lane of its own while it lasts; returns how many lanes there are."""
    drawn: dict[int, tuple[Ints, Ints, Ints]] = {}
    for index in group.actors:
        count = started(trace, index)
        firing = np.flatnonzero(~void_of(trace, index, count))
        served = trace.served[index][firing]
        served = np.where(served >= 0, served, trace.now)
        drawn[index] = firing, trace.start[index][firing], served
    needs = {index: lowered.plan.actors[index].slots if group.resource is not None else 1 for index in group.actors}
    if group.slots == 1 and len(drawn) >= 1:
        lanes = {index: np.zeros(own[0].size, dtype=np.int64) for index, own in drawn.items()}
        count = 1
    else:
        lanes, count = _lanes(drawn, needs, group.slots if group.resource is not None else 1)
    return count, {
        index: _Track(process, thread, firing, start, served, lanes[index], needs[index])
        for index, (firing, start, served) in drawn.items()
    }


def _lanes(drawn: dict[int, tuple[Ints, Ints, Ints]], needs: dict[int, int], slots: int) -> tuple[dict[int, Ints], int]:
    """The first of the neighbouring lanes of each firing; more lanes than slots only where free ones lie apart."""
    actors = np.concatenate([np.full(own[0].size, index) for index, own in drawn.items()])
    places = np.concatenate([np.arange(own[0].size) for own in drawn.values()])
    begin = np.concatenate([own[1] for own in drawn.values()])
    finish = np.concatenate([own[2] for own in drawn.values()])
    found = {index: np.zeros(own[0].size, dtype=np.int64) for index, own in drawn.items()}
    free = [0] * slots
    for i in np.lexsort((actors, finish, begin)).tolist():
        actor, start, end = int(actors[i]), int(begin[i]), int(finish[i])
        lane = _first_fit(free, needs[actor], start)
        free += [0] * (lane + needs[actor] - len(free))
        free[lane : lane + needs[actor]] = [end] * needs[actor]
        found[actor][places[i]] = lane
    return found, len(free)


def _first_fit(free: list[int], wanted: int, start: int) -> int:
    run = 0
    for lane, until in enumerate(free):
        run = run + 1 if until <= start else 0
        if run == wanted:
            return lane - wanted + 1
    return len(free) - run


def _slices(lowered: Lowered, actor: int, track: _Track) -> Iterator[str]:
    own = lowered.plan.actors[actor]
    begin, finish = _picoseconds(lowered, track.start), _picoseconds(lowered, track.served)
    frames = own.first_frame.at(track.firing)
    name, process = json.dumps(own.name), track.process
    columns = zip(
        begin.tolist(),
        (finish - begin).tolist(),
        track.lane.tolist(),
        frames.tolist(),
        track.firing.tolist(),
        strict=True,
    )
    for at, length, lane, frame, firing in columns:
        for slot in range(track.slots):
            yield (
                f'{{"ph":"X","pid":{process},"tid":{track.thread + lane + slot},"ts":{at // _MICRO}.{at % _MICRO:06d},'
                f'"dur":{length // _MICRO}.{length % _MICRO:06d},"name":{name},'
                f'"args":{{"frame":{frame},"firing":{firing}}}}}'
            )


def _frames(lowered: Lowered, trace: Trace) -> int:
    return max(
        (int(a.last_frame[started(trace, i) - 1]) + 1 for i, a in enumerate(lowered.plan.actors) if started(trace, i)),
        default=0,
    )


def _arrows(lowered: Lowered, tracks: dict[int, _Track], frames: int) -> Iterator[str]:
    """For each frame the first firing of every actor that serves it, in order of time."""
    stops: list[tuple[int, int, int, int, int]] = []
    for actor, track in tracks.items():
        long = np.flatnonzero(track.served > track.start)
        own = lowered.plan.actors[actor].first_frame.at(track.firing[long])
        found, first = np.unique(own, return_index=True)
        chosen = long[first]
        times = _picoseconds(lowered, track.start[chosen])
        lanes = track.thread + track.lane[chosen]
        stops += [
            (frame, at, actor, track.process, lane)
            for frame, at, lane in zip(found.tolist(), times.tolist(), lanes.tolist(), strict=True)
            if frame < frames
        ]
    stops.sort()
    for i, (frame, at, _, process, lane) in enumerate(stops):
        begins = i == 0 or stops[i - 1][0] != frame
        ends = i + 1 == len(stops) or stops[i + 1][0] != frame
        if begins and ends:
            continue
        kind = "s" if begins else "f" if ends else "t"
        yield (
            f'{{"ph":"{kind}","pid":{process},"tid":{lane},"ts":{at // _MICRO}.{at % _MICRO:06d},'
            f'"cat":"frame","name":"frame","id":{frame},"bp":"e"}}'
        )


def _counters(lowered: Lowered, trace: Trace, process: int) -> Iterator[str]:
    """The room taken in every channel, and the bytes in every memory, each time it changes."""
    ends = channel_ends(lowered.plan)
    for index, channel in enumerate(lowered.plan.channels):
        level = occupied(lowered.plan, trace, index, ends[index])
        yield from _counter(lowered, process, f"{channel.name} [token]", level.times, level.values.tolist())
    for memory in lowered.platform.memories:
        weights, level, unit = memory_level(lowered, trace, memory)
        values = [weights + value * unit for value in level.values.tolist()]
        yield from _counter(lowered, process, f"{memory} [byte]", level.times, values)


def _counter(lowered: Lowered, process: int, name: str, times: Ints, values: list[int] | list[float]) -> Iterator[str]:
    label = json.dumps(name)
    for at, value in zip(_picoseconds(lowered, times).tolist(), values, strict=True):
        yield (
            f'{{"ph":"C","pid":{process},"tid":0,"ts":{at // _MICRO}.{at % _MICRO:06d},'
            f'"name":{label},"args":{{"level":{value}}}}}'
        )


def _picoseconds(lowered: Lowered, ticks: Ints) -> Ints:
    scale = lowered.plan.tick * PICOSECONDS
    whole, rest = np.divmod(ticks, scale.denominator)
    found: Ints = whole * scale.numerator + rest * scale.numerator // scale.denominator
    return found


def _named(kind: str, process: int, thread: int, name: str) -> str:
    return f'{{"ph":"M","pid":{process},"tid":{thread},"name":"{kind}","args":{{"name":{json.dumps(name)}}}}}'


def _sort_index(process: int, thread: int) -> str:
    return f'{{"ph":"M","pid":{process},"tid":{thread},"name":"thread_sort_index","args":{{"sort_index":{thread}}}}}'


__all__ = ["write_trace"]
