"""The tables that pictures are drawn from: what a result offers, whether it is fresh or loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pandas as pd


class HasTables(Protocol):
    """What a picture needs."""

    @property
    def elements(self) -> pd.DataFrame: ...
    @property
    def layers(self) -> pd.DataFrame: ...
    @property
    def stages(self) -> pd.DataFrame: ...
    @property
    def fifos(self) -> pd.DataFrame: ...
    @property
    def energy(self) -> pd.DataFrame: ...
    @property
    def timeline(self) -> pd.DataFrame: ...
    @property
    def levels(self) -> pd.DataFrame: ...
    def summary(self) -> dict[str, Any]: ...
