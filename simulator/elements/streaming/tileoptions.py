"""What a mapping says of the tiles of a convolution."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class TileOptions(BaseModel):
    """``tile: {columns: 56}`` makes strips of 56 output columns; with ``rows`` too it makes 2-D tiles."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: int = Field(ge=1, description="Output columns of a tile")
    rows: int | None = Field(None, ge=1, description="Output rows of a tile; all of them unless given")
    buffer: Literal["memory", "fabric"] | None = Field(
        None, description="Where maps wait to be reordered; the element's memory if it has one"
    )
