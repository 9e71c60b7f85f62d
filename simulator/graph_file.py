"""Reading raw dataflow graphs: SDF and CSDF as YAML, with all faults of a file at once.

A file holds ``actors`` (name, exec_time, max_concurrency) and ``channels`` (name, src, dst, prod, cons,
initial_tokens). Times and rates are whole numbers, or lists with one number a phase (CSDF). ``max_concurrency`` null
is unlimited; 1 unless given. Other keys at the top (results, sources, notes) are left alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from simulator.errors import FileProblems, Problem, did_you_mean
from simulator.strict_yaml import Node, read_text, read_yaml

__all__ = ["Graph", "GraphActor", "GraphChannel", "read_graph"]

_ACTOR_KEYS = {"name", "exec_time", "phases", "max_concurrency"}
_CHANNEL_KEYS = {"name", "src", "dst", "prod", "cons", "initial_tokens"}
_LARGEST = 2**62


@dataclass(frozen=True, slots=True)
class GraphActor:
    """An actor: the execution time of each phase and how many firings may overlap (None: any number)."""

    name: str
    times: tuple[int, ...]
    concurrency: int | None


@dataclass(frozen=True, slots=True)
class GraphChannel:
    """A channel between two actors (indices): tokens written and read in each of their phases."""

    name: str
    source: int
    target: int
    prod: tuple[int, ...]
    cons: tuple[int, ...]
    initial: int


@dataclass(frozen=True, slots=True)
class Graph:
    """A consistent graph; ``repetitions`` are the firings (phases) of each actor in one iteration."""

    name: str
    time_unit: str
    actors: tuple[GraphActor, ...]
    channels: tuple[GraphChannel, ...]
    repetitions: tuple[int, ...]


def read_graph(path: str | Path) -> Graph:
    """The graph in a YAML file. Raises ``FileProblems`` with every fault, each at its line and column."""
    shown = str(path)
    root = read_yaml(read_text(Path(path), shown), shown)
    return _Reader(shown, root).graph()


class _Reader:
    """Collects faults while it reads."""

    def __init__(self, shown: str, root: Node) -> None:
        self.shown, self.root = shown, root
        self.problems: list[Problem] = []

    def graph(self) -> Graph:
        actors = dict(self._entries("actors", _ACTOR_KEYS, "name, exec_time"))
        channels = dict(self._entries("channels", _CHANNEL_KEYS, "name, src, dst, prod, cons"))
        phases = self._phases(actors, channels)
        order = {name: index for index, name in enumerate(actors)}
        read_actors = tuple(self._actor(name, entry, phases[name]) for name, entry in actors.items())
        maybe = [self._channel(name, entry, order, phases) for name, entry in channels.items()]
        if not actors and not self.problems:
            self._add(self.root, "actors", "a graph needs at least one actor; write e.g. {name: a, exec_time: 1}")
        read_channels = tuple(channel for channel in maybe if channel is not None)
        repetitions = () if self.problems else self._balance(list(phases.values()), read_channels, channels)
        if self.problems:
            raise FileProblems(self.shown, self.problems)
        name, unit = (
            self._text(key, default) for key, default in (("name", Path(self.shown).stem), ("time_unit", "tick"))
        )
        return Graph(name, unit, read_actors, read_channels, repetitions)

    def _add(self, node: Node, path: str, message: str) -> None:
        self.problems.append(Problem(node.mark.line, node.mark.column, path, message))

    def _text(self, key: str, default: str) -> str:
        node = self.root.children.get(key)
        return str(node.value) if node is not None and isinstance(node.value, str | int) else default

    def _entries(self, section: str, known: set[str], example: str) -> Iterator[tuple[str, Node]]:
        """The entries of a list of maps by name."""
        node = self.root.children.get(section)
        if node is None or not isinstance(node.value, list):
            self._add(node or self.root, section, f"is not a list; write one entry a line: - {{{example}}}")
            return
        seen: set[str] = set()
        for number, entry in enumerate(node.value):
            name = entry.children.get("name")
            path = f"{section}[{number}]"
            if name is None or not isinstance(name.value, str | int) or isinstance(name.value, bool):
                self._add(name or entry, path, f"has no name; write {{{example}}}")
                continue
            path = f"{section}.{name.value}"
            for key, value in entry.children.items():
                if key not in known:
                    mark = value.key_mark or value.mark
                    self.problems.append(
                        Problem(mark.line, mark.column, f"{path}.{key}", f"unknown key{did_you_mean(key, known)}")
                    )
            if str(name.value) in seen:
                self._add(name, path, "the name is given twice; names are unique")
                continue
            seen.add(str(name.value))
            yield str(name.value), entry

    def _numbers(self, entry: Node, path: str, key: str, default: int | None = None) -> list[int] | None:
        """A whole number as a list of one, or a list of whole numbers; None if it is neither."""
        node = entry.children.get(key)
        if node is None:
            if default is None:
                self._add(entry, f"{path}.{key}", "is missing; write a whole number, or a list with one a phase")
                return None
            return [default]
        values = node.value if isinstance(node.value, list) else [node]
        numbers = []
        for value in values:
            if isinstance(value.value, bool) or not isinstance(value.value, int) or not 0 <= value.value < _LARGEST:
                self._add(
                    value, f"{path}.{key}", f"{value.plain()!r} is no whole number from 0 on; write e.g. 3 or [3, 0, 1]"
                )
                return None
            numbers.append(value.value)
        if not numbers:
            self._add(node, f"{path}.{key}", "is an empty list; write one number a phase")
            return None
        return numbers

    def _phases(self, actors: Mapping[str, Node], channels: Mapping[str, Node]) -> dict[str, int]:
        """How many phases each actor has: as it says, else the longest of its lists."""
        phases = {}
        for name, entry in actors.items():
            lists = [entry.children.get("exec_time")]
            for channel in channels.values():
                lists += [channel.children.get(key) for end, key in (("src", "prod"), ("dst", "cons"))
                          if end in channel.children and channel.children[end].plain() == name]  # fmt: skip
            longest = max(
                [len(node.value) for node in lists if node is not None and isinstance(node.value, list)], default=1
            )
            given = self._numbers(entry, f"actors.{name}", "phases", default=max(1, longest))
            if given is not None and given[0] < 1:
                self._add(entry.children["phases"], f"actors.{name}.phases", "0 phases; write 1 or more")
            phases[name] = max(1, given[0]) if given else max(1, longest)
        return phases

    def _spread(self, entry: Node, path: str, key: str, phases: int, actor: str) -> tuple[int, ...]:
        """One number a phase of the actor."""
        numbers = self._numbers(entry, path, key)
        if numbers is None:
            return (0,) * phases
        if len(numbers) not in (1, phases):
            message = (
                f"{len(numbers)} numbers for the {phases} phases of {actor!r}; write {phases}, or a single one for all"
            )
            self._add(entry.children[key], f"{path}.{key}", message)
            return (0,) * phases
        return tuple(numbers) * (phases // len(numbers))

    def _actor(self, name: str, entry: Node, phases: int) -> GraphActor:
        path = f"actors.{name}"
        times = self._spread(entry, path, "exec_time", phases, name)
        node = entry.children.get("max_concurrency")
        limit: int | None = None
        if node is None or node.value is not None:
            numbers = self._numbers(entry, path, "max_concurrency", default=1)
            limit = numbers[0] if numbers else 1
            if limit < 1 and node is not None:
                self._add(node, f"{path}.max_concurrency", "0 firings at once; write 1 or more, or null for any number")
        return GraphActor(name, times, limit)

    def _channel(
        self, name: str, entry: Node, order: Mapping[str, int], phases: Mapping[str, int]
    ) -> GraphChannel | None:
        path = f"channels.{name}"
        ends: list[str] = []
        for key in ("src", "dst"):
            node = entry.children.get(key)
            actor = str(node.plain()) if node is not None else ""
            if node is None:
                self._add(entry, f"{path}.{key}", "is missing; write the name of an actor")
            elif actor not in order:
                self._add(node, f"{path}.{key}", f"no actor {actor!r}{did_you_mean(actor, order)}")
            else:
                ends.append(actor)
        initial = self._numbers(entry, path, "initial_tokens", default=0) or [0]
        if len(ends) < 2:
            self._numbers(entry, path, "prod")
            self._numbers(entry, path, "cons")
            return None
        source, target = ends
        prod = self._spread(entry, path, "prod", phases[source], source)
        cons = self._spread(entry, path, "cons", phases[target], target)
        if not self.problems and not (sum(prod) and sum(cons)):
            key = "cons" if sum(prod) else "prod"
            self._add(
                entry.children[key], f"{path}.{key}", "is 0 in every phase; a channel carries tokens in some phase"
            )
        return GraphChannel(name, order[source], order[target], prod, cons, initial[0])

    def _balance(
        self, phases: Sequence[int], channels: Sequence[GraphChannel], entries: Mapping[str, Node]
    ) -> tuple[int, ...]:
        """Firings of each actor in an iteration: the smallest that leave all channels as they were.

        The balance equations of Lee and Messerschmitt, "Synchronous data flow", Proc. IEEE 75(9) 1987; for CSDF of
        Bilsen et al., "Cyclo-static dataflow", IEEE Trans. Signal Processing 44(2) 1996.
        """
        rate: list[Fraction | None] = [None] * len(phases)
        for root in range(len(phases)):
            if rate[root] is not None:
                continue
            rate[root] = Fraction(1)
            group, line = [root], [root]
            while line:
                actor = line.pop()
                for channel in channels:
                    for here, there, out, back in (
                        (channel.source, channel.target, channel.prod, channel.cons),
                        (channel.target, channel.source, channel.cons, channel.prod),
                    ):
                        own = rate[actor]
                        if here != actor or own is None:
                            continue
                        other = own * sum(out) / sum(back)
                        if rate[there] is None:
                            rate[there] = other
                            group.append(there)
                            line.append(there)
            scale = math.lcm(*((rate[a] or Fraction(1)).denominator for a in group))
            shrink = math.gcd(*(int((rate[a] or Fraction(1)) * scale) for a in group))
            for a in group:
                rate[a] = (rate[a] or Fraction(1)) * scale / shrink
        cycles = [int(one or 1) for one in rate]
        for channel in channels:
            written, read = sum(channel.prod) * cycles[channel.source], sum(channel.cons) * cycles[channel.target]
            if written != read:
                message = (
                    f"the rates do not balance: {written} tokens written and {read} read in what the other channels "
                    f"make an iteration; no schedule can repeat, so change prod or cons"
                )
                self._add(entries[channel.name], f"channels.{channel.name}", message)
        return tuple(count * each for count, each in zip(cycles, phases, strict=True))
