"""Progress of a long run on standard error: share done, simulated time, firings a second. Silent where nobody looks."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

Callback = Callable[[int, int, int], None]


@contextmanager
def watching(tick: Fraction, *, quiet: bool) -> Iterator[Callback | None]:
    """Gives a progress callback for an engine; None where standard error is no terminal or ``quiet`` is asked for."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from simulator.engine.compiling import told_of_compiling

    with _bar() as bar:
        task = bar.add_task("simulating", total=None, time="0 s", speed="")
        began = time.perf_counter()

        def update(now: int, departed: int, total: int) -> None:
            from simulator.cli.console import si

            spent = max(time.perf_counter() - began, 1e-9)
            speed = f"{si(departed / spent, '')} firings/s"
            at = si(float(now * tick), "s")
            bar.update(task, description="simulating", total=total, completed=departed, time=at, speed=speed)

        def tell() -> None:
            bar.update(task, description="compiling the engine, half a minute once on this machine")

        with told_of_compiling(tell):
            yield update


def _bar() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("at {task.fields[time]}"),
        TextColumn("[dim]{task.fields[speed]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
