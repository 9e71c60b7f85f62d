"""Event-driven synapses beside a dense computation of the same layer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workloads.errors import WorkloadError
from workloads.seeds import generator
from workloads.spiking import Conv, Dense, Pool
from workloads.spiking.connections import Events


def dense_conv(image: np.ndarray, conv: Conv) -> np.ndarray:
    """The textbook loop over kernel positions, padding by zeros."""
    outputs, per_group, rows, columns = conv.weight.shape
    (sy, sx), (dy, dx) = conv.stride, conv.dilation
    channels, height, width = image.shape
    padded = np.zeros((channels, height + 40, width + 40))
    top, left = 20 - conv.padding[0], 20 - conv.padding[1]
    padded[:, 20 : 20 + height, 20 : 20 + width] = image
    out = np.zeros(conv.out_shape)
    for o in range(outputs):
        first = o // (outputs // conv.groups) * per_group
        for oy in range(conv.out_shape[1]):
            for ox in range(conv.out_shape[2]):
                y, x = top + oy * sy, left + ox * sx
                patch = padded[
                    first : first + per_group, y : y + dy * (rows - 1) + 1 : dy, x : x + dx * (columns - 1) + 1 : dx
                ]
                out[o, oy, ox] = (patch * conv.weight[o]).sum()
    return out


@given(
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.tuples(st.integers(0, 3), st.integers(0, 3)),
    st.tuples(st.integers(1, 2), st.integers(1, 2)),
    st.sampled_from([(1, 2, 3), (2, 4, 2), (3, 3, 3)]),
    st.integers(0, 1000),
)
def test_convolution_of_spikes_equals_the_dense_loop(
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    dilation: tuple[int, int],
    groups: tuple[int, int, int],
    seed: int,
) -> None:
    group, inputs, outputs = groups
    random = generator(seed, "conv")
    weight = random.integers(-8, 9, (outputs * group, inputs, *kernel)) / 8
    channels = inputs * group
    conv = Conv(weight, (channels, 9, 8), stride, padding, dilation, group)
    counts = random.poisson(0.3, (3, channels, 9, 8))
    step, index = np.nonzero(counts.reshape(3, -1))
    times = counts.reshape(3, -1)[step, index]
    events = Events(np.repeat(step, times), np.repeat(index, times))
    currents = np.zeros((3, int(np.prod(conv.out_shape))))
    conv.deliver(events, currents)
    expected = np.stack([dense_conv(frame, conv) for frame in counts])
    np.testing.assert_array_equal(currents.reshape(3, *conv.out_shape), expected)
    reached = Conv(np.ones_like(weight), (channels, 9, 8), stride, padding, dilation, group)
    touched = np.zeros(currents.shape, dtype=np.bool_)
    conv.touch(events, touched)
    reach = np.stack([dense_conv(frame, reached) for frame in counts])
    np.testing.assert_array_equal(touched.reshape(reach.shape), reach > 0)
    fan_out = conv.fan_out(np.arange(currents.shape[1]) % 3, 3)
    total = fan_out.rows(events.index).sum(axis=0)
    flat = reach.reshape(3, -1).sum(axis=0)
    assert total.tolist() == [int(flat[g::3].sum()) for g in range(3)]


def test_fan_out_of_a_border_position_is_smaller() -> None:
    conv = Conv(np.ones((5, 1, 3, 3)), (1, 4, 4), padding=1)
    fan_out = conv.fan_out(np.zeros(80, dtype=np.int64), 1)
    assert fan_out.rows(np.array([0, 1, 5]))[:, 0].tolist() == [20, 30, 45]


def test_same_padding_puts_the_odd_column_last() -> None:
    conv = Conv(np.arange(2.0).reshape(1, 1, 1, 2), (1, 1, 3), padding="same")
    currents = np.zeros((1, 3))
    conv.deliver(Events(np.array([0]), np.array([2])), currents)
    assert conv.out_shape == (1, 1, 3)
    assert currents[0].tolist() == [0.0, 1.0, 0.0]


def test_dense_synapses_add_the_rows_of_firing_sources() -> None:
    dense = Dense([[1.0, 2.0, 4.0], [8.0, 16.0, 32.0]])
    currents = np.zeros((2, 2))
    dense.deliver(Events(np.array([0, 0, 1]), np.array([0, 2, 1]), np.array([1.0, 1.0, 0.5])), currents)
    assert currents.tolist() == [[5.0, 40.0], [1.0, 8.0]]


def test_sum_pool_passes_every_spike_to_every_window_it_lies_in() -> None:
    pool = Pool((1, 3, 3), 2, stride=1)
    passed = pool.forward(Events(np.array([0, 0]), np.array([4, 0])))
    assert sorted(passed.index.tolist()) == [0, 0, 1, 2, 3]
    assert Pool((1, 4, 4), 2, average=True).forward(Events(np.array([0]), np.array([5]))).value == pytest.approx([0.25])


def test_a_spike_that_a_pool_drops_at_the_border_goes_nowhere() -> None:
    passed = Pool((1, 3, 3), 2).forward(Events(np.array([0, 0]), np.array([0, 8])))
    assert passed.index.tolist() == [0]


def test_weights_that_do_not_meet_the_input_are_refused() -> None:
    with pytest.raises(WorkloadError, match=r"needs 3 input channels .* the input has shape \(2, 8, 8\)"):
        Conv(np.ones((4, 3, 3, 3)), (2, 8, 8))
