"""The catalogue of platform files that come with the project; this module only finds them."""

from __future__ import annotations

from pathlib import Path

__all__ = ["names", "path"]

_FOLDER = Path(__file__).resolve().parent


def names() -> list[str]:
    """The names of all platforms of the catalogue, sorted; each is a file ``<name>.yaml``."""
    return sorted(file.stem for file in _FOLDER.glob("*.yaml"))


def path(name: str) -> Path:
    """The file of a platform of the catalogue; raises ``KeyError`` for a name that is not in :func:`names`."""
    if name not in names():
        raise KeyError(name)
    return _FOLDER / f"{name}.yaml"
