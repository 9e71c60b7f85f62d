"""Which frames a firing serves, and how many tokens it takes and writes: with batches, and with branches not taken.

A frame's tokens pass along a channel only where both its writer and its reader do that frame: the writer of a branch
that is not taken puts nothing, and the reader asks for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulator.series import Ints, Series

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Firings:
    """How an actor's firings lie over the frames.

    ``pieces`` firings for each frame of ``frames``, or for each of those in ``taken`` (shape (frames,), None: all).
    With ``batch`` above 1 there is one firing for each batch of consecutive frames instead; the last batch may be
    smaller.
    """

    pieces: int
    frames: int
    batch: int = 1
    taken: Mask | None = None

    @property
    def count(self) -> int:
        """Number of firings."""
        if self.batch > 1:
            return -(-self.frames // self.batch)
        return self.pieces * (self.frames if self.taken is None else int(self.taken.sum()))

    @property
    def is_plain(self) -> bool:
        """Every frame is done, one at a time: counts are periodic."""
        return self.batch == 1 and self.taken is None

    def first_frame(self) -> Series:
        """The first frame that each firing serves."""
        if self.batch > 1:
            return Series.counting(self.count, by=self.batch, first=0)
        if self.taken is None:
            return Series.periodic(np.zeros(self.pieces, dtype=np.int64), self.count, 1)
        return Series.full(np.repeat(np.flatnonzero(self.taken), self.pieces))

    def last_frame(self) -> Series:
        """The last frame that each firing serves."""
        if self.batch == 1:
            return self.first_frame()
        if self.frames % self.batch:
            return Series.full(np.minimum(np.arange(1, self.count + 1) * self.batch, self.frames) - 1)
        return Series.counting(self.count, by=self.batch, first=self.batch - 1)

    def done(self) -> Mask:
        """The frames that the actor does at all, shape (frames,)."""
        return np.ones(self.frames, dtype=np.bool_) if self.taken is None else self.taken


def puts(writer: Firings, reader: Firings, written: Ints) -> Series:
    """Tokens that each firing of the writer puts; ``written`` is 1 for each piece of a frame that makes a token, else
    0."""
    if writer.is_plain and reader.taken is None:
        return Series.periodic(written, writer.count)
    passing = writer.done() & reader.done()
    if writer.batch > 1:
        edges = np.arange(0, writer.frames, writer.batch)
        return Series.recurring(np.add.reduceat(passing.astype(np.int64), edges) * int(written.sum()))
    kept = passing if writer.taken is None else passing[writer.taken]
    return Series.recurring((kept[:, None] * written[None, :]).ravel())


def takes(reader: Firings, writer: Firings, per_piece: Ints, tokens: int) -> Series:
    """Cumulative tokens that each firing of the reader needs (or frees), given those of each piece of a frame of
    ``tokens`` tokens.
    """
    if reader.is_plain and writer.taken is None:
        return Series.periodic(per_piece, reader.count, tokens)
    passing = reader.done() & writer.done()
    before = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(passing)]) * tokens
    if reader.batch > 1:
        if reader.frames % reader.batch == 0 and bool(passing.all()):
            return Series.counting(reader.count, by=reader.batch * tokens)
        ends = np.minimum(np.arange(1, reader.count + 1) * reader.batch, reader.frames)
        return Series.recurring(before[ends])
    frames = np.arange(reader.frames) if reader.taken is None else np.flatnonzero(reader.taken)
    return Series.recurring((before[frames, None] + passing[frames, None] * per_piece[None, :]).ravel())
