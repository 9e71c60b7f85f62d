"""What a command says when it cannot go on, and the exit code that tells whose fault it was."""

from __future__ import annotations

import sys
import traceback

from workloads.errors import UserError

USERS_MISTAKE = 2
OUR_MISTAKE = 1
INTERRUPTED = 130

_SHOWN = 60


def report_failure(error: Exception, *, debug: bool) -> int:
    """Tell an error on standard error; ``debug`` shows the traceback too. Returns the exit code."""
    if debug:
        traceback.print_exception(error, file=sys.stderr)
    if isinstance(error, UserError):
        say(str(error))
        return USERS_MISTAKE
    if isinstance(error, OSError) and error.filename is not None:
        say(f"{error.filename}: {error.strerror or error}")
        return USERS_MISTAKE
    if isinstance(error, MemoryError):
        say(
            f"this machine's memory does not hold the run: {error}\nTake fewer frames or iterations, or coarser tokens."
        )
        return USERS_MISTAKE
    say(
        f"headrace met a fault of its own: {type(error).__name__}: {error}\n"
        "This is a bug, not your mistake. Please report it with the command, the files it names"
        + (" and the traceback above." if debug else "\nand the traceback that the same command prints with --debug.")
    )
    return OUR_MISTAKE


def say(text: str) -> None:
    """A message for the user on standard error, its first line in bold red on a terminal; at most sixty lines of it."""
    lines = text.split("\n")
    if len(lines) > _SHOWN:
        text = "\n".join([*lines[:_SHOWN], f"  ... and {len(lines) - _SHOWN} more lines"])
    if not sys.stderr.isatty():
        print(text, file=sys.stderr)
        return
    from rich.console import Console
    from rich.text import Text

    first, newline, rest = text.partition("\n")
    Console(stderr=True, highlight=False, soft_wrap=True).print(
        Text(first, "bold red").append(newline + rest, "default")
    )
