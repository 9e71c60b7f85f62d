"""A platform: processing elements joined by memories, DMA engines and FIFOs, as one file describes it. Frozen."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulator.errors import PlatformError, did_you_mean
from simulator.platform.parts import Dma, Fifo, Memory
from simulator.strict_yaml import dump_yaml

if TYPE_CHECKING:
    from simulator.elements.base import Element

__all__ = ["Platform"]


@dataclass(frozen=True, slots=True, eq=False)
class Platform:
    """What a platform file describes, every part under its name in the order of the file.

    ``header`` are the comment lines that the file begins with (sources, decisions), ``source`` is its text as written,
    ``document`` what it says once its parents and overrides are merged in. Two platforms are equal where their parts
    are.
    """

    name: str
    description: str
    processing_elements: Mapping[str, Element]
    memories: Mapping[str, Memory]
    dma: Mapping[str, Dma]
    fifos: Mapping[str, Fifo]
    header: tuple[str, ...]
    source: str
    document: Mapping[str, Any]

    def element(self, name: str) -> Element:
        """The processing element called ``name``; raises :class:`PlatformError` where there is none."""
        if name not in self.processing_elements:
            hint = did_you_mean(name, self.processing_elements)
            raise PlatformError(f"platform '{self.name}' has no processing element '{name}'{hint}")
        return self.processing_elements[name]

    def memories_of(self, element: str) -> tuple[Memory, ...]:
        """The memories that an element reaches directly, the one its config names first, then in the file's order."""
        named = self.element(element).config.memory
        reached = [each for each in self.memories.values() if _serves(each, element)]
        return tuple(sorted(reached, key=lambda memory: memory.name != named))

    def common_memories(self, first: str, second: str) -> tuple[Memory, ...]:
        """The memories that both elements reach directly, in the order of :meth:`memories_of` the first."""
        return tuple(memory for memory in self.memories_of(first) if _serves(memory, second))

    def dump(self) -> str:
        """The platform as one canonical file without parents; loading it gives an equal platform."""
        return "".join(f"{line}\n" for line in self.header) + dump_yaml(self.document)

    @property
    def sha256(self) -> str:
        """A digest of what the platform says, the same for any file that says it, whatever its comments."""
        return hashlib.sha256(dump_yaml(self.document).encode()).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Platform) and self._parts() == other._parts()

    def __hash__(self) -> int:
        return hash((self.name, *self.processing_elements))

    def _parts(self) -> tuple[object, ...]:
        elements = {name: (type(each), each.config) for name, each in self.processing_elements.items()}
        return self.name, self.description, elements, self.memories, self.dma, self.fifos


def _serves(memory: Memory, element: str) -> bool:
    return memory.config.serves is None or element in memory.config.serves
