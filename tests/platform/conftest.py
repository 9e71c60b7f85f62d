"""A small element model of the user's own, so that the texts under test do not follow the keys of the built-in ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

MODELS = """
from pydantic import Field
from simulator.elements.base import Element, ElementConfig
from simulator.units import Cycles, Share


class LutConfig(ElementConfig):
    interval: Cycles = Field(description="cycles between two accepted tokens")
    lanes: int = Field(1, ge=1)
    efficiency: Share = 1.0
    is_pipelined: bool = True


class Lut(Element):
    Config = LutConfig

    def stages(self, work, assignment):
        return []


class Half(Element):
    Config = LutConfig


class NoModel:
    pass


CONSTANT = 3
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Writes a file into an empty folder, which is also the working folder, beside the module ``lut_models``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "lut_models.py").write_text(MODELS)

    def _write(text: str | bytes, name: str = "p.yaml") -> Path:
        path = Path(name)
        if isinstance(text, bytes):
            path.write_bytes(text)
        else:
            path.write_text(dedent(text).lstrip("\n"), encoding="utf-8")
        return path

    return _write
