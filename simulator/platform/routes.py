"""Who reaches what: the memory an element works in, and the DMA engine between elements that share none."""

from __future__ import annotations

from simulator.platform.description import Platform
from simulator.platform.parts import Dma


def memory_of(platform: Platform, element: str) -> str | None:
    """The memory that holds an element's activations and weights; None where it reaches none."""
    return next((memory.name for memory in platform.memories_of(element)), None)


def reaches(platform: Platform, element: str, memory: str | None) -> bool:
    """Whether the element reads this memory without a copy."""
    return any(each.name == memory for each in platform.memories_of(element))


def dma_between(platform: Platform, first: str, second: str) -> Dma | None:
    """The DMA engine that carries data from the store of one element to that of the other, in either direction."""
    one = {first, *(memory.name for memory in platform.memories_of(first))}
    other = {second, *(memory.name for memory in platform.memories_of(second))}
    for dma in platform.dma.values():
        left, right = dma.config.moves
        if (left in one and right in other) or (left in other and right in one):
            return dma
    return None
