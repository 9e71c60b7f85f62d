"""YAML as people mean it, with the place of every key and value kept.

PyYAML alone takes the last of two equal keys, reads ``1e9`` as text, ``on`` as true and ``12:30`` as 750. Here
duplicate keys are refused, scalars follow the YAML 1.2 core schema, and no tag is obeyed, so no file runs code. Size,
depth and the expansion of aliases are bounded. Whatever reads a file for a user (platforms, mappings, graphs) reads it
here, so that a fault can be told with line and column.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from simulator.errors import FileProblems, Problem

__all__ = ["KeyPath", "Mark", "Node", "dump_yaml", "format_path", "read_text", "read_yaml"]

MAX_BYTES = 256 * 1024
MAX_DEPTH = 24
MAX_VALUES = 50_000

KeyPath: TypeAlias = tuple[str | int, ...]
Scalar: TypeAlias = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a file, 1-based; line 0 where the value came from elsewhere, as from the command line."""

    file: str
    line: int
    column: int


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A YAML value and where it stands; ``key_mark`` is the place of the key that holds it."""

    value: Scalar | Mapping[str, Node] | Sequence[Node]
    mark: Mark
    key_mark: Mark | None = None

    @property
    def children(self) -> Mapping[str, Node]:
        """The entries of a map; empty for anything else."""
        return self.value if isinstance(self.value, dict) else {}

    def plain(self) -> Any:
        """The value as plain dicts, lists and scalars."""
        if isinstance(self.value, dict):
            return {key: child.plain() for key, child in self.value.items()}
        if isinstance(self.value, list):
            return [child.plain() for child in self.value]
        return self.value

    def locate(self, path: KeyPath) -> tuple[Node, KeyPath]:
        """The deepest node along ``path`` and the part of the path that leads to it; unknown steps are skipped."""
        node, found = self, []
        for step in path:
            child: Node | None = None
            if isinstance(node.value, dict):
                child = node.value.get(str(step))
            elif isinstance(node.value, list) and isinstance(step, int) and step < len(node.value):
                child = node.value[step]
            if child is not None:
                node = child
                found.append(step)
        return node, tuple(found)


def format_path(path: KeyPath) -> str:
    """``dma.copy.moves[1]`` for the steps of a path; ``(file)`` for the whole."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".") or "(file)"


def read_text(path: Path, shown: str, error: type[FileProblems] = FileProblems) -> str:
    """The text of a file, as UTF-8 and at most 256 KiB; raises ``error`` where it cannot be read."""
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as failure:
        reason = (failure.strerror or str(failure)).lower()
        raise error(shown, [Problem(0, 0, "(file)", f"cannot be read: {reason}")]) from failure
    if len(raw) > MAX_BYTES:
        raise error(shown, [Problem(0, 0, "(file)", f"is too large; at most {MAX_BYTES // 1024} KiB are read")])
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as failure:
        line = raw.count(b"\n", 0, failure.start) + 1
        column = failure.start - raw.rfind(b"\n", 0, failure.start)
        message = f"byte 0x{raw[failure.start]:02x} is not UTF-8; save the file as UTF-8"
        raise error(shown, [Problem(line, column, "(file)", message)]) from failure


def read_yaml(text: str, shown: str, error: type[FileProblems] = FileProblems) -> Node:
    """The one document of ``text`` as a tree of nodes; ``shown`` names the file in messages.

    Raises ``error`` with every duplicate key, tag and impossible key at once, or with the first fault of syntax.
    """
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
    except _LimitError as failure:
        raise error(shown, [failure.problem]) from failure
    except yaml.YAMLError as failure:
        raise error(shown, [_syntax_problem(failure, text)]) from failure
    builder = _Builder(shown, loader.problems)
    try:
        node = Node(None, Mark(shown, 1, 1)) if root is None else builder.build(root, (), None)
    except _LimitError as failure:
        raise error(shown, [*builder.problems, failure.problem]) from failure
    if builder.problems:
        raise error(shown, builder.problems)
    return node


class _LimitError(Exception):
    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.message)


_NULL, _BOOL, _INT, _FLOAT = (f"tag:yaml.org,2002:{kind}" for kind in ("null", "bool", "int", "float"))
_RESOLVERS: tuple[tuple[str, str, list[str]], ...] = (  # YAML 1.2 core schema, without octal, hex, .inf and .nan
    (_NULL, r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    (_BOOL, r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    (_INT, r"^[-+]?[0-9]+$", list("-+0123456789")),
    (_FLOAT, r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", list("-+.0123456789")),
)


class _Loader(yaml.SafeLoader):
    """PyYAML's parser and composer with our scalars, a bound on depth, and an eye on tags."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own name

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.depth = 0
        self.problems: list[Problem] = []

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]
        start = event.start_mark
        line, column = (start.line + 1, start.column + 1) if start else (0, 0)
        if self.depth >= MAX_DEPTH:
            raise _LimitError(Problem(line, column, "(file)", f"is nested more than {MAX_DEPTH} levels deep"))
        tag = getattr(event, "tag", None)
        if tag not in (None, "!"):
            shown = tag.replace("tag:yaml.org,2002:", "!!")
            self.problems.append(Problem(line, column, "(file)", f"the tag '{shown}' is not allowed; leave it out"))
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


class _Dumper(yaml.SafeDumper):
    """Writes what :class:`_Loader` reads back unchanged: text that looks like a number to it is quoted."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own name

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


for _tag, _pattern, _first in _RESOLVERS:
    _Loader.add_implicit_resolver(_tag, re.compile(_pattern), _first)
    _Dumper.add_implicit_resolver(_tag, re.compile(_pattern), _first)
# Text that happens to be a merge key has to be quoted, for the reader refuses the plain one.
_Dumper.add_implicit_resolver("tag:yaml.org,2002:merge", re.compile(r"^<<$"), ["<"])


def dump_yaml(data: Any) -> str:
    """``data`` as YAML in its own key order; reading it again gives equal data."""
    text: str = yaml.dump(
        data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120, default_flow_style=False
    )
    return text


def _syntax_problem(failure: yaml.YAMLError, text: str) -> Problem:
    if isinstance(failure, yaml.reader.ReaderError):
        before = text[: failure.position]
        line, column = before.count("\n") + 1, failure.position - before.rfind("\n")
        return Problem(line, column, "(file)", f"the character U+{failure.character:04X} is not allowed in YAML")
    mark = getattr(failure, "problem_mark", None)
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    problem, context = getattr(failure, "problem", None) or str(failure), getattr(failure, "context", None)
    if "'\\t'" in problem:
        return Problem(line, column, "(file)", "a tab cannot indent or separate here; use spaces")
    if context and "single document" in context:
        return Problem(line, column, "(file)", "a second document begins here; a file holds one")
    where = f"{context}: " if context else ""
    return Problem(line, column, "(file)", f"is not valid YAML: {where}{problem}")


class _Builder:
    """Turns PyYAML's nodes into ours, counting what aliases multiply and refusing what YAML would let pass."""

    def __init__(self, shown: str, problems: list[Problem]) -> None:
        self.shown = shown
        self.problems = problems
        self.values = 0
        self.open: list[int] = []  # identities of the maps and lists being built, to see one that contains itself

    def build(self, node: yaml.Node, path: KeyPath, key_mark: Mark | None) -> Node:
        mark = self._mark(node)
        self.values += 1
        if self.values > MAX_VALUES:
            message = f"expands to more than {MAX_VALUES} values; use fewer aliases"
            raise _LimitError(Problem(mark.line, mark.column, format_path(path), message))
        if isinstance(node, yaml.ScalarNode):
            return Node(self._scalar(node, path), mark, key_mark)
        if id(node) in self.open or len(self.open) >= MAX_DEPTH:
            inside = id(node) in self.open
            message = "an alias stands inside what it names" if inside else f"is nested over {MAX_DEPTH} levels deep"
            raise _LimitError(Problem(mark.line, mark.column, format_path(path), message))
        self.open.append(id(node))
        value = self._map(node, path) if isinstance(node, yaml.MappingNode) else self._list(node, path)
        self.open.pop()
        return Node(value, mark, key_mark)

    def _mark(self, node: yaml.Node) -> Mark:
        return Mark(self.shown, node.start_mark.line + 1, node.start_mark.column + 1)

    def _list(self, node: yaml.Node, path: KeyPath) -> list[Node]:
        return [self.build(child, (*path, index), None) for index, child in enumerate(node.value)]

    def _map(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Node]:
        built: dict[str, Node] = {}
        for key, child in node.value:
            mark = self._mark(key)
            if not isinstance(key, yaml.ScalarNode):
                problem = Problem(mark.line, mark.column, format_path(path), "a map or list cannot be a key")
                self.problems.append(problem)
                continue
            name = str(key.value)
            if name == "<<" and key.style is None:
                problem = Problem(mark.line, mark.column, format_path(path), "'<<' is not read; write the entries out")
                self.problems.append(problem)
                continue
            if name in built:
                first = built[name].key_mark
                message = f"the key '{name}' is given twice; first in line {first.line if first else 0}"
                self.problems.append(Problem(mark.line, mark.column, format_path((*path, name)), message))
                continue
            built[name] = self.build(child, (*path, name), mark)
        return built

    def _scalar(self, node: yaml.ScalarNode, path: KeyPath) -> Scalar:
        text: str = node.value
        if node.tag == _NULL:
            return None
        if node.tag == _BOOL:
            return text.lower() == "true"
        if node.tag not in (_INT, _FLOAT):
            return text
        mark = self._mark(node)
        if len(text) > 40 or abs(float(text)) > 1e300:
            shown = text if len(text) <= 24 else text[:24] + "..."
            self.problems.append(Problem(mark.line, mark.column, format_path(path), f"{shown} is too large a number"))
            return 0
        return int(text) if node.tag == _INT else float(text)


def walk(node: Node, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Node]]:
    """Every node of a tree with its path, parents first."""
    yield path, node
    if isinstance(node.value, dict):
        for key, child in node.value.items():
            yield from walk(child, (*path, key))
    elif isinstance(node.value, list):
        for index, child in enumerate(node.value):
            yield from walk(child, (*path, index))
