"""From positions in a tensor to counts of tokens, and how many tokens a channel must hold."""

from __future__ import annotations

import numpy as np

from simulator.series import Ints


def tokens_needed(edges: Ints, positions: Ints) -> Ints:
    """Tokens of a frame that must be there so that the first ``positions`` elements are; ``edges`` are the tokens'
    cumulative elements.
    """
    needed: Ints = np.where(positions > 0, np.searchsorted(edges, positions, side="left") + 1, 0).astype(np.int64)
    return np.minimum(needed, edges.size)


def tokens_freed(edges: Ints, positions: Ints) -> Ints:
    """Tokens of a frame that lie wholly within the first ``positions`` elements."""
    return np.searchsorted(edges, positions, side="right").astype(np.int64)


def window_tokens(need: Ints, free: Ints) -> int:
    """The most tokens a reader ever holds at the start of a piece: what a line buffer must have room for."""
    before = np.concatenate([np.zeros(1, dtype=np.int64), free[:-1]])
    return int((need - before).max(initial=0))


def row_tokens(edges: Ints, row_elements: int) -> int:
    """Tokens that make up a row of ``row_elements`` elements, at least one."""
    return max(1, int(np.searchsorted(edges, row_elements, side="left")) + 1 if edges.size > 1 else 1)
