"""Shape inference and counts, on cases that can be done by hand."""

from __future__ import annotations

import pytest

from workloads import NetworkBuilder, WorkloadError
from workloads.inference import adaptive_bins, reinfer
from workloads.network import Layer, Shape


def one(shape: Shape, method: str, *arguments: object, **options: object) -> Layer:
    """The layer that one builder method makes of an input of ``shape``."""
    b = NetworkBuilder("one")
    name = getattr(b, method)(b.input(shape), *arguments, **options)
    return b.build()[name]


def test_convolution_counts_weights_bias_and_multiply_accumulates() -> None:
    layer = one((3, 5, 5), "conv", 8, 3)
    assert layer.out_shape == (8, 3, 3)
    assert layer.weights == 8 * 3 * 9
    assert layer.params == 8 * 3 * 9 + 8
    assert layer.macs == 8 * 3 * 9 * 9
    assert dict(layer.ops) == {"add": 8 * 9}


def test_groups_divide_the_weights_and_a_depthwise_layer_is_recognised() -> None:
    layer = one((8, 6, 6), "conv", 16, 3, 1, 1, groups=4, bias=False)
    assert (layer.weights, layer.macs) == (16 * 2 * 9, 16 * 2 * 9 * 36)
    assert not layer.is_depthwise
    assert one((8, 6, 6), "depthwise", 3).is_depthwise


def test_dilation_widens_the_reach_of_a_kernel() -> None:
    assert one((1, 9, 9), "conv", 1, 3, dilation=3).out_shape == (1, 3, 3)


def test_same_padding_puts_the_odd_pixel_below_or_above() -> None:
    upper = one((1, 6, 6), "conv", 1, 3, 2, "SAME_UPPER")
    lower = one((1, 6, 6), "conv", 1, 3, 2, "SAME_LOWER")
    assert (upper.out_shape, upper.pad) == ((1, 3, 3), (0, 0, 1, 1))
    assert (lower.out_shape, lower.pad) == ((1, 3, 3), (1, 1, 0, 0))


def test_same_padding_follows_the_input_when_a_layer_is_put_on_another_size() -> None:
    layer = one((1, 6, 6), "conv", 4, 3, 2, "SAME_UPPER")
    assert reinfer(layer, ((1, 7, 7),)).pad == (1, 1, 1, 1)
    assert reinfer(layer, ((1, 7, 7),)).out_shape == (4, 4, 4)


def test_pooling_rounds_down_unless_ceil_mode() -> None:
    assert one((1, 6, 6), "max_pool", 3, 2).out_shape == (1, 2, 2)
    assert one((1, 6, 6), "max_pool", 3, 2, ceil_mode=True).out_shape == (1, 3, 3)


def test_ceil_mode_drops_a_window_that_starts_beyond_the_input() -> None:
    # (2 - 1) / 2 rounds up to one more window, which would start on row 2 of 2.
    assert one((1, 2, 2), "max_pool", 1, 2, ceil_mode=True).out_shape == (1, 1, 1)
    # With a pad of 1 a third window would start at row 3 of 1 + 3 and begins inside; one at row 4 would not.
    assert one((1, 3, 3), "max_pool", 2, 2, 1, ceil_mode=True).out_shape == (1, 2, 2)


def test_pool_operations_are_what_a_window_combines() -> None:
    assert dict(one((2, 4, 4), "max_pool", 2).ops) == {"max": 2 * 4 * 3}
    assert dict(one((2, 4, 4), "avg_pool", 2).ops) == {"add": 2 * 4 * 3, "div": 8}
    assert dict(one((2, 4, 4), "global_avg_pool").ops) == {"add": 2 * 15, "div": 2}


def test_adaptive_bins_cover_the_extent_and_overlap_when_it_does_not_divide() -> None:
    assert adaptive_bins(10, 6) == ((0, 2), (1, 4), (3, 5), (5, 7), (6, 9), (8, 10))
    assert adaptive_bins(7, 7) == tuple((i, i + 1) for i in range(7))
    layer = one((1, 10, 10), "adaptive_avg_pool", 6)
    assert layer.out_shape == (1, 6, 6)
    assert dict(layer.ops) == {"add": 14 * 14 - 36, "div": 36}


def test_adaptive_pooling_to_the_same_size_does_nothing() -> None:
    assert dict(one((4, 7, 7), "adaptive_avg_pool", 7).ops) == {}


def test_transposed_convolution_undoes_the_stride() -> None:
    layer = one((4, 5, 5), "conv_transpose", 2, 3, 2, 1, output_pad=1, bias=False)
    assert layer.out_shape == (2, 10, 10)
    assert layer.macs == 4 * 2 * 9 * 25


def test_dense_on_a_sequence_is_applied_to_every_step() -> None:
    layer = one((7, 16), "dense", 4)
    assert (layer.out_shape, layer.weights, layer.macs) == ((7, 4), 64, 7 * 64)


def test_lstm_has_four_gates() -> None:
    # Lechner et al. 2020, Table 2: 64 units on 32 inputs have 4 * 64 * (32 + 64) synapses.
    layer = one((32,), "recurrent", 64, "lstm")
    assert (layer.weights, layer.params, layer.macs) == (24576, 24576 + 256, 24576)


def test_local_response_normalisation_and_softmax_count_their_functions() -> None:
    assert dict(one((4, 2, 2), "lrn", 5).ops) == {"mul": 32, "add": 80, "pow": 16, "div": 16}
    assert dict(one((10,), "softmax").ops) == {"max": 9, "add": 19, "exp": 10, "div": 10}


def test_upsampling_and_concatenation_change_the_right_extents() -> None:
    b = NetworkBuilder("two")
    x = b.input((3, 4, 4))
    y = b.upsample(x, 2)
    z = b.concat(y, b.upsample(x, 2, "linear"), name="join")
    assert b.shape(z) == (6, 8, 8)


def test_addition_broadcasts_a_map_of_one_pixel() -> None:
    b = NetworkBuilder("squeeze")
    x = b.input((8, 4, 4))
    scale = b.activation(b.global_avg_pool(x), "sigmoid")
    assert b.shape(b.mul(x, scale)) == (8, 4, 4)


@pytest.mark.parametrize(
    ("build", "text"),
    [
        (
            lambda b, x: b.conv(x, 4, 7, name="big"),
            (
                "layer 'big': its window reaches over 7 pixels, the padded input has a height of 6;"
                " use a larger input, more padding or a smaller kernel"
            ),
        ),
        (
            lambda b, x: b.conv(x, 4, 3, groups=2, name="g"),
            "layer 'g': 3 input channels do not divide into 2 groups; write a number of groups that divides 3",
        ),
        (
            lambda b, x: b.dense(x, 10, name="fc"),
            "layer 'fc': dense reads a vector, its input is 3x6x6; write a flatten before it",
        ),
        (
            lambda b, x: b.relu("conv7", name="r"),
            "layer 'r' reads 'conv7', which was not added before (known: input)",
        ),
        (lambda b, x: b.relu(x, name="input"), "layer 'input' is added twice; write another name"),
        (
            lambda b, x: b.conv(x, 0, 3, name="none"),
            "layer 'none': out_channels is 0; write at least 1",
        ),
        (
            lambda b, x: b.add(x, b.conv(x, 4, 1, name="c"), name="sum"),
            "layer 'sum': cannot combine shapes 3x6x6 and 4x6x6 element by element; make them equal",
        ),
        (
            lambda b, x: b.concat(x, b.max_pool(x, 2), name="cat"),
            "layer 'cat': cannot join 3x6x6 and 3x3x3 along axis 0; the other extents must be equal",
        ),
        (
            lambda b, x: b.conv(x, 4, 3, pad="SAME_UPER", name="s"),
            (
                "layer 's': no auto_pad 'SAME_UPER'; did you mean 'SAME_UPPER'?"
                " (known: NOTSET, SAME_LOWER, SAME_UPPER, VALID)"
            ),
        ),
        (lambda b, x: b.reshape(x, (5, 5), name="r"), "layer 'r': 108 elements cannot be reshaped to 5x5"),
        (
            lambda b, x: b.conv(b.flatten(x), 4, 3, name="c"),
            "layer 'c': conv reads feature maps CxHxW, its input is 108; reshape it first",
        ),
        (
            lambda b, x: b.recurrent(b.flatten(x), 4, "lst", name="cell"),
            "layer 'cell': no recurrent cell 'lst'; did you mean 'lstm'? (known: cfc, gru, lstm, ltc, rnn)",
        ),
    ],
)  # fmt: skip
def test_a_layer_that_does_not_fit_is_named_with_what_to_write(build: object, text: str) -> None:
    b = NetworkBuilder("wrong")
    x = b.input((3, 6, 6))
    assert callable(build)
    with pytest.raises(WorkloadError) as caught:
        build(b, x)
    assert str(caught.value) == text
