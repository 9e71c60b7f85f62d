"""What goes wrong on the user's side, and how it is told.

Every mistake a user can make ends in a :class:`UserError`: where it is, what was found, what is allowed and what to
write instead. The command line prints it and leaves with exit code 2; anything else that is raised is our own bug.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


class UserError(Exception):
    """A mistake in what the user wrote; the message says what to write instead."""


class WorkloadError(UserError):
    """A network, a token stream or a generator's parameters that cannot be what was meant."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One fault in a file: 1-based ``line`` and ``column`` (0 where unknown), the dotted ``path`` and the message."""

    line: int
    column: int
    path: str
    message: str


class FileProblems(UserError):
    """All faults of one file together, in file order."""

    def __init__(self, file: str, problems: Sequence[Problem]) -> None:
        self.file = file
        self.problems = tuple(sorted(problems))
        super().__init__(self._text())

    def __reduce__(self) -> tuple[type[FileProblems], tuple[str, tuple[Problem, ...]]]:
        return type(self), (self.file, self.problems)

    def _text(self) -> str:
        count = len(self.problems)
        places = [f"{p.line}:{p.column}" if p.line else "-" for p in self.problems]
        wide, deep = max(map(len, places)), max(len(p.path) for p in self.problems)
        lines = [f"{self.file}: {count} problem{'s' if count != 1 else ''}"]
        for place, problem in zip(places, self.problems, strict=True):
            lines.append(f"  {place:<{wide}}  {problem.path:<{deep}}  {problem.message}")
        return "\n".join(lines)


def did_you_mean(found: str, known: Iterable[str]) -> str:
    """Tail of an error text: the nearest known name, then all (``'; did you mean 'conv2'? (known: ...)'``)."""
    names = sorted(set(known))
    near = difflib.get_close_matches(found, names, n=1)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    return f"{hint} (known: {', '.join(names) if names else 'none'})"
