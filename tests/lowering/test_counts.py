"""Token counts of firings over frames: plain, in batches, and with branches not taken."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from simulator.lowering.counts import Firings, puts, takes


def test_a_plain_reader_asks_the_same_of_every_frame() -> None:
    reader, writer = Firings(2, 3), Firings(4, 3)
    need = takes(reader, writer, np.array([3, 4]), 4)
    assert need.array().tolist() == [3, 4, 7, 8, 11, 12]
    assert puts(writer, reader, np.array([1, 1, 1, 1])).array().tolist() == [1] * 12


def test_a_batch_takes_whole_frames_and_the_last_one_is_smaller() -> None:
    reader, writer = Firings(1, 5, batch=2), Firings(1, 5)
    assert takes(reader, writer, np.array([1]), 1).array().tolist() == [2, 4, 5]
    assert puts(reader, writer, np.array([1])).array().tolist() == [2, 2, 1]
    assert reader.first_frame().array().tolist() == [0, 2, 4]
    assert reader.last_frame().array().tolist() == [1, 3, 4]


def test_nothing_passes_where_the_branch_is_not_taken() -> None:
    taken = np.array([True, False, True])
    reader, writer = Firings(1, 3, taken=taken), Firings(2, 3)
    assert puts(writer, reader, np.array([1, 1])).array().tolist() == [1, 1, 0, 0, 1, 1]
    assert takes(reader, writer, np.array([2]), 2).array().tolist() == [2, 4]
    assert reader.first_frame().array().tolist() == [0, 2]


def test_a_join_does_not_wait_for_a_branch_not_taken() -> None:
    branch = Firings(1, 3, taken=np.array([True, False, True]))
    join = Firings(1, 3)
    assert takes(join, branch, np.array([1]), 1).array().tolist() == [1, 1, 2]
    assert puts(branch, join, np.array([1])).array().tolist() == [1, 1]


_MASK = st.none() | st.lists(st.booleans(), min_size=6, max_size=6).map(np.array)


@given(writer_mask=_MASK, reader_mask=_MASK, writer_batch=st.integers(1, 4), reader_batch=st.integers(1, 4))
def test_all_that_is_put_is_taken(
    writer_mask: np.ndarray | None, reader_mask: np.ndarray | None, writer_batch: int, reader_batch: int
) -> None:
    writer = Firings(1, 6, writer_batch, writer_mask if writer_batch == 1 else None)
    reader = Firings(1, 6, reader_batch, reader_mask if reader_batch == 1 else None)
    put = puts(writer, reader, np.array([1])).array()
    need = takes(reader, writer, np.array([1]), 1).array()
    assert len(put) == writer.count
    assert len(need) == reader.count
    assert (np.diff(need) >= 0).all()
    if len(need):
        assert need[-1] == put.sum()
    else:
        assert put.sum() == 0


def test_whole_batches_take_the_memory_of_one() -> None:
    batches, frames = Firings(1, 4000, batch=8), Firings(1, 4000)
    for series in (puts(batches, frames, np.array([1, 1])), takes(batches, frames, np.array([2]), 2)):
        assert (series.length, series.period) == (500, 1)
