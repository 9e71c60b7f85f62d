"""The user's mistakes by the part of the program that finds them; see :mod:`workloads.errors` for their common
shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workloads.errors import FileProblems, Problem, UserError, WorkloadError, did_you_mean

if TYPE_CHECKING:
    from simulator.trace import Trace

__all__ = [
    "DeadlockError",
    "FileProblems",
    "MappingError",
    "PlanError",
    "PlatformError",
    "PlatformProblems",
    "Problem",
    "UnitError",
    "UserError",
    "WorkloadError",
    "did_you_mean",
]


class UnitError(UserError):
    """A quantity whose unit is missing, unknown or of the wrong kind."""


class PlatformError(UserError):
    """A platform, or a model on it, that cannot be built as described."""


class PlatformProblems(FileProblems, PlatformError):
    """All faults of a platform file together."""


class MappingError(UserError):
    """A mapping that names what is not there, or places a layer where it cannot run."""


class PlanError(UserError):
    """A plan that cannot be run: it would deadlock by its numbers alone, or does not fit 64-bit time."""


class DeadlockError(UserError):
    """Nothing can move and tokens are in flight; the text names the wait-for cycle and what would break it.

    ``time`` is the tick from which on nothing moves, ``cycle`` the names of the actors that wait for one another,
    ``trace`` all that had happened by then.
    """

    def __init__(self, message: str, time: int = 0, cycle: tuple[str, ...] = (), trace: Trace | None = None) -> None:
        super().__init__(message)
        self.time, self.cycle, self.trace = time, cycle, trace

    def __reduce__(self) -> tuple[type[DeadlockError], tuple[str, int, tuple[str, ...], Trace | None]]:
        return type(self), (str(self), self.time, self.cycle, self.trace)
