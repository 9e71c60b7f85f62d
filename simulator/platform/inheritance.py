"""``extends`` and overrides: one document out of a file, its chain of parents and what the command line sets.

Maps merge, lists and scalars replace, null removes. Every node keeps the place it came from.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from simulator.checking import Fault, to_problems
from simulator.errors import PlatformError, PlatformProblems, UserError, did_you_mean
from simulator.platform.schema import SECTIONS, PlatformFile
from simulator.strict_yaml import KeyPath, Mark, Node, read_yaml
from simulator.unit_table import describe

__all__ = ["Merged", "Source", "apply_overrides", "inherit"]

MAX_PARENTS = 8
_OWN = ("format", "name", "description", "extends")  # said by each file for itself, not inherited
_OVERRIDE = "--set"


@dataclass(frozen=True, slots=True)
class Source:
    """A platform file as read; ``shown`` is how messages call it."""

    path: Path
    shown: str
    text: str
    root: Node


@dataclass(frozen=True, slots=True)
class Merged:
    """A document with its parents merged in, the faults of merging, and the place of the ``extends`` key if any."""

    root: Node
    faults: tuple[Fault, ...]
    entry: Mark | None


def inherit(
    source: Source, find: Callable[[Source, str], tuple[Path, str]], read: Callable[[Path, str], Source]
) -> Merged:
    """``source`` with its whole chain of parents; ``find`` turns the name of a parent into a file, ``read`` reads it.

    Raises the error of ``read`` for a parent that cannot be read, and PlatformError with the chain where it is a cycle
    or longer than 8.
    """
    chain = [source]
    while (key := chain[-1].root.children.get("extends")) is not None:
        child = chain[-1]
        if not isinstance(key.value, str):
            raise _refuse(child, f"found {describe(key.plain())}; write one parent, a name or a path, as text")
        try:
            path, shown = find(child, key.value)
        except UserError as error:
            raise _refuse(child, str(error)) from error
        names = " -> ".join([each.shown for each in chain] + [shown])
        if any(path.resolve() == each.path.resolve() for each in chain):
            raise _refuse(child, f"makes a cycle: {names}; take one 'extends' out")
        if len(chain) > MAX_PARENTS:
            raise _refuse(child, f"makes a chain of more than {MAX_PARENTS} parents: {names}")
        if not path.is_file():
            raise _refuse(child, f"no file '{shown}'; a path is relative to the file that extends")
        chain.append(read(path, shown))
    faults: list[Fault] = []
    merged = _merge(None, _kept(chain[-1], source), (), faults)
    for each in reversed(chain[:-1]):
        merged = _merge(merged, _kept(each, source), (), faults)
    entry = source.root.children.get("extends")
    return Merged(merged, tuple(faults), entry.mark if entry else None)


def _kept(each: Source, source: Source) -> Node:
    """What a file of the chain of ``source`` adds to the platform."""
    entries = {
        name: node
        for name, node in each.root.children.items()
        if not name.startswith("x-") and name != "extends" and (each is source or name not in _OWN)
    }
    return replace(each.root, value=entries)


def _refuse(source: Source, message: str) -> UserError:
    return PlatformProblems(source.shown, to_problems([Fault(("extends",), message)], source.root, source.shown))


def _merge(parent: Node | None, child: Node, path: KeyPath, faults: list[Fault]) -> Node:
    if not isinstance(child.value, dict):
        return child
    inherited = parent.children if parent is not None else {}
    entries = dict(inherited)
    for key, node in child.value.items():
        if node.value is not None:
            entries[key] = _merge(inherited.get(key), node, (*path, key), faults)
        elif key in inherited:
            del entries[key]
        else:
            faults.append(Fault((*path, key), "has no value, and there is none of a parent to remove; write one"))
            entries[key] = node
    return replace(child, value=entries)


def apply_overrides(root: Node, overrides: Mapping[str, str]) -> Node:
    """``root`` with each ``path=value`` merged over it as a child file would be; null removes.

    Raises :class:`PlatformError` for a path that leads to no section or to no part of one, or a value that is no YAML.
    """
    for path, text in overrides.items():
        steps = tuple(path.split("."))
        _check_path(root, path, steps)
        given = _unplaced(read_yaml(text, f"{_OVERRIDE} {path}", PlatformProblems))
        for step in reversed(steps):
            given = Node({step: given}, given.mark, given.mark)
        faults: list[Fault] = []
        root = replace(_merge(root, given, (), faults), mark=root.mark)
        if faults:
            raise PlatformError(f"{_OVERRIDE} {path}={text}: there is nothing to remove; write a value")
    return root


def _check_path(root: Node, path: str, steps: tuple[str, ...]) -> None:
    known = [name for name in PlatformFile.model_fields if name != "format"]
    if not all(re.fullmatch(r"[A-Za-z0-9_-]+", step) for step in steps):
        raise PlatformError(f"{_OVERRIDE} '{path}' is no path; write e.g. 'processing_elements.cpu.clock=1.2 GHz'")
    if steps[0] not in known:
        raise PlatformError(f"{_OVERRIDE} {path}: no section '{steps[0]}'{did_you_mean(steps[0], known)}")
    section = root.children.get(steps[0])
    parts = section.children if section is not None else {}
    if steps[0] in SECTIONS and len(steps) > 2 and steps[1] not in parts:
        hint = did_you_mean(steps[1], parts)
        raise PlatformError(f"{_OVERRIDE} {path}: nothing in {steps[0]} is called '{steps[1]}'{hint}")


def _unplaced(node: Node) -> Node:
    """The node with marks that say it comes from the command line."""
    mark = Mark(_OVERRIDE, 0, 0)
    if isinstance(node.value, dict):
        return Node({key: _unplaced(child) for key, child in node.value.items()}, mark, mark)
    if isinstance(node.value, list):
        return Node([_unplaced(child) for child in node.value], mark, mark)
    return Node(node.value, mark, mark)
