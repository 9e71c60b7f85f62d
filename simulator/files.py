"""Writing files so that a reader never sees half of one: to a neighbour first, then moved into place."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from simulator.errors import UserError


def place(text: str) -> Path:
    """The file or folder to write to that an option names; raises ``UserError`` for no name at all, which would be the
    current folder.
    """
    if not text.strip():
        raise UserError(f"'{text}' names no place to write to; write e.g. 'runs/mine'")
    return Path(text)


def make_folder(path: Path) -> None:
    """Makes a folder and those above it; raises ``UserError`` where that cannot be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(_cannot(path, error)) from error


def make_room(path: Path) -> None:
    """Makes the folders above a file that is to be written; raises ``UserError`` where there can be no such file."""
    if path.is_dir():
        raise UserError(f"{path}: is a folder; write the name of a file in it")
    make_folder(path.parent)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a path beside ``path`` to write to and moves it over ``path`` when the block ends well; after an error
    nothing is left behind.

    Raises ``UserError`` where the folder cannot be written to, or the path names no file.
    """
    if not path.name:
        raise UserError(f"'{path}' is no name of a file; write e.g. 'trace.json'")
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield draft
        os.replace(draft, path)
    except OSError as error:
        _forget(draft)
        raise UserError(_cannot(path, error)) from error
    except BaseException:
        _forget(draft)
        raise


def _cannot(path: Path, error: OSError) -> str:
    return f"{path}: cannot be written ({error.strerror or error}); choose another place"


def _forget(draft: Path) -> None:
    with suppress(OSError):
        draft.unlink(missing_ok=True)


def write_atomically(path: Path, content: bytes) -> None:
    """Writes a whole file at once."""
    with replacing(path) as draft:
        draft.write_bytes(content)
