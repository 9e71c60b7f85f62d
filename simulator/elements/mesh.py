"""A rectangular mesh of tiles with dimension-ordered (XY) routing: who is how far from whom, over which links.

Tiles are numbered column by column: tile ``x * height + y``; core ``tile * cores_per_tile + place``. A packet first
travels east or west, then north (rising y) or south. Packets from outside the chip (core -1) enter at ``entry_tile``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulator.errors import PlatformError

Ints = npt.NDArray[np.int64]

DIRECTIONS = ("north", "east", "south", "west")
OUTSIDE = -1


@dataclass(frozen=True, slots=True)
class Mesh:
    """``width`` x ``height`` tiles with ``cores_per_tile`` cores each; within a tile no hop is needed."""

    width: int
    height: int
    cores_per_tile: int = 1
    entry_tile: int = 0

    def __post_init__(self) -> None:
        if min(self.width, self.height, self.cores_per_tile) < 1:
            size = f"{self.width} x {self.height} tiles of {self.cores_per_tile} cores"
            raise PlatformError(f"mesh: {size}; every number must be 1 or more")
        if not 0 <= self.entry_tile < self.width * self.height:
            raise PlatformError(f"mesh: entry tile {self.entry_tile} lies outside 0..{self.width * self.height - 1}")

    @property
    def cores(self) -> int:
        """All cores of the mesh."""
        return self.width * self.height * self.cores_per_tile

    def tile(self, core: npt.ArrayLike) -> Ints:
        """The tile of each core; the entry tile for what comes from outside."""
        cores = np.asarray(core, dtype=np.int64)
        return np.where(cores == OUTSIDE, self.entry_tile, cores // self.cores_per_tile)

    def hops(self, source: npt.ArrayLike, destination: npt.ArrayLike) -> Ints:
        """Hops by direction between cores, shape (4, ...) in the order of ``DIRECTIONS``."""
        (sx, sy), (dx, dy) = (divmod_tile(self.tile(c), self.height) for c in (source, destination))
        east, north = dx - sx, dy - sy
        return np.stack([np.maximum(north, 0), np.maximum(east, 0), np.maximum(-north, 0), np.maximum(-east, 0)])

    def routes(self, source: Ints, destination: Ints) -> tuple[Ints, Ints]:
        """The links of each route end to end: a flat list of link numbers and where each route starts in it.

        A route is the injection link of the source core, then one link a hop. A link is (tile it leaves, direction);
        injection links follow, one a core, and one for the outside.
        """
        x, y = (np.array(v) for v in divmod_tile(self.tile(source), self.height))
        goal_x, goal_y = divmod_tile(self.tile(destination), self.height)
        length = 1 + np.abs(goal_x - x) + np.abs(goal_y - y)
        start = np.concatenate(([0], np.cumsum(length)))
        links: Ints = np.empty(int(start[-1]), dtype=np.int64)
        tiles = self.width * self.height
        links[start[:-1]] = 4 * tiles + np.where(source == OUTSIDE, self.cores, source)
        position = start[:-1] + 1
        while True:
            across, along = np.sign(goal_x - x), np.sign(goal_y - y)
            along = np.where(across == 0, along, 0)
            moving = np.flatnonzero((across != 0) | (along != 0))
            if not moving.size:
                return links, start
            direction = np.where(across != 0, np.where(across > 0, 1, 3), np.where(along > 0, 0, 2))
            links[position[moving]] = (4 * (x * self.height + y) + direction)[moving]
            position[moving] += 1
            x, y = x + across, y + along

    @property
    def links(self) -> int:
        """How many links :meth:`routes` numbers."""
        return 4 * self.width * self.height + self.cores + 1


def divmod_tile(tile: Ints, height: int) -> tuple[Ints, Ints]:
    """Column and row of a tile."""
    return tile // height, tile % height
