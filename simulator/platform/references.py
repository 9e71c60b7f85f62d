"""Names in a platform file: that they can be used in paths, are told apart, and lead to what they should.

Works on the raw tree, so that a dangling reference is told together with every other fault.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from simulator.checking import Fault
from simulator.errors import did_you_mean
from simulator.platform.schema import NAME_PATTERN, SECTIONS
from simulator.strict_yaml import KeyPath, Node

__all__ = ["check_names", "check_references"]


def check_names(root: Node) -> list[Fault]:
    """Faults of the names of parts: letters that a path cannot hold, one name for two ends of a DMA."""
    faults = []
    for section in SECTIONS:
        for name in _section(root, section):
            if not re.match(NAME_PATTERN, name):
                message = f"'{name}' is no name; use letters, digits, '_' and '-', a letter or '_' first, at most 64"
                faults.append(Fault((section, name), message, at_key=True))
    elements = _section(root, "processing_elements")
    message = "is also a processing element; give it another name"
    faults += [
        Fault(("memories", name), message, at_key=True) for name in _section(root, "memories") if name in elements
    ]
    return faults


def check_references(root: Node) -> list[Fault]:
    """Faults of references: ends of DMA and FIFOs, memories of elements, elements that a memory serves."""
    elements, memories = _section(root, "processing_elements"), _section(root, "memories")
    faults = []
    for path, node, kinds in _references(root):
        known = [name for kind in kinds for name in _section(root, kind)]
        if isinstance(node.value, str) and node.value not in known:
            words = {"processing_elements": "processing element", "memories": "memory"}
            called = " or ".join(words[kind] for kind in kinds)
            faults.append(Fault(path, f"no {called} '{node.value}'{did_you_mean(node.value, known)}"))
    for name, node in elements.items():
        wanted = node.children.get("memory")
        memory = memories.get(str(wanted.value)) if wanted is not None else None
        serves = memory.children.get("serves") if memory is not None else None
        if wanted is not None and serves is not None and name not in _texts(serves):
            message = f"memory '{wanted.value}' does not serve '{name}'; add it to memories.{wanted.value}.serves"
            faults.append(Fault(("processing_elements", name, "memory"), message))
    return faults


def _references(root: Node) -> Iterator[tuple[KeyPath, Node, tuple[str, ...]]]:
    for section, key, kinds in (
        ("processing_elements", "memory", ("memories",)),
        ("memories", "serves", ("processing_elements",)),
        ("dma", "moves", ("memories", "processing_elements")),
        ("fifos", "from", ("processing_elements",)),
        ("fifos", "to", ("processing_elements",)),
        ("fifos", "lives_in", ("memories",)),
    ):
        for name, part in _section(root, section).items():
            node = part.children.get(key)
            if node is None:
                continue
            path = (section, name, key)
            if isinstance(node.value, list):
                yield from (((*path, index), each, kinds) for index, each in enumerate(node.value))
            else:
                yield path, node, kinds


def _section(root: Node, name: str) -> Mapping[str, Node]:
    section = root.children.get(name)
    return section.children if section is not None else {}


def _texts(node: Node) -> list[str]:
    return [str(each.value) for each in node.value] if isinstance(node.value, list) else []
