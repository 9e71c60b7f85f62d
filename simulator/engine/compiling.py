"""Telling that the compiled engine is being compiled: once on a machine, and it takes half a minute."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

_listeners: list[Callable[[], None]] = []


@contextmanager
def told_of_compiling(listener: Callable[[], None]) -> Iterator[None]:
    """Calls ``listener`` whenever some function of the engine begins to be compiled, and not when it is only loaded."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def compiling_begins() -> None:
    """Tell all who listen."""
    for listener in _listeners:
        listener()
