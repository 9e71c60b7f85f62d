"""NVDLA's padding, folding, Winograd, refetching and fusion, by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.elements.base import Assignment
from simulator.elements.vector_mac import VectorMac, vector_cost
from simulator.errors import PlatformError
from tests.elements.accelerators import builder, conv, cycles, dense, element, kept, only_stage
from workloads.generators import static_stream


def nvdla(**config: object) -> VectorMac:
    return element(VectorMac, **{"macs": 64, **config})


def test_channels_and_kernels_are_padded() -> None:
    """20 channels count as 32, 10 kernels as 16: 32 x 16 x 9 x 16 / 64 cycles."""
    assert cycles(nvdla(), conv(20, 4, 10)) == [32 * 16 * 9 * 16 // 64]


def test_a_strided_layer_folds_its_stride_into_channels() -> None:
    """3 channels at stride 2 are 12, padded to 16; a 7 x 7 kernel becomes 3.5 x 3.5, its weights 4 x 4."""
    work = conv(3, 8, 16, kernel=7, stride=2)
    cost = vector_cost(work.layer, nvdla().config)
    assert cost.cycles == 16 * 3.5 * 3.5 * 16 * 16 / 64
    assert cost.weight_bytes == 16 * 4 * 4 * 16
    assert cost.input_bytes == 16 * 16


def test_winograd_trades_macs_for_weights() -> None:
    plain, fast = (vector_cost(conv(16, 8, 16).layer, nvdla(winograd=on).config) for on in (False, True))
    assert fast.cycles == plain.cycles / 2.25
    assert fast.weight_bytes == plain.weight_bytes * 16 / 9
    other = (vector_cost(conv(16, 8, 16, kernel=5).layer, nvdla(winograd=on).config).cycles for on in (False, True))
    assert len(set(other)) == 1


def test_an_operand_that_does_not_fit_makes_the_larger_one_be_read_again() -> None:
    """1 x 1, 64 x 16 x 16 bytes in, 64 x 64 weights; 32 kernels take 2 of 4 KiB: 4 KiB of weights need two."""
    cost = vector_cost(conv(64, 16, 64, kernel=1).layer, nvdla(buffer="4 KiB").config)
    assert (cost.fetches, cost.input_bytes, cost.weight_bytes) == (2, 2 * 64 * 256, 64 * 64)
    assert vector_cost(conv(64, 16, 64, kernel=1).layer, nvdla(buffer="6 KiB").config).fetches == 1


def test_dense_layers_share_weights_between_the_frames_of_a_batch() -> None:
    own = nvdla(fc_batch=16)
    for batch, fetched in ((1, 4096 / 16), (16, 4096), (32, 4096)):
        weights = only_stage(own, dense(64, 64), batch=batch).weight_bytes
        assert weights is not None
        assert float(weights[0, 0]) == fetched


def test_an_addition_and_a_pooling_ride_on_the_last_convolution() -> None:
    b = builder()
    x = b.conv(b.input((16, 8, 8)), 16, 3, 1, 1, bias=False, name="first")
    y = b.conv(x, 16, 3, 1, 1, bias=False, name="second")
    z = b.add(y, x, name="sum")
    b.max_pool(z, 2, 2, name="pool")
    stream = static_stream(b.build(), 1)
    works = list(stream.work.values())
    options = nvdla().arrange(works, [Assignment("e")] * len(works))
    by_name = {work.group.name: option for work, option in zip(works, options, strict=True)}
    assert by_name == {
        "first": {},
        "second": {"output": 256.0, "residual": 1024.0},
        "sum": {"fused": True},
        "pool": {"fused": True},
    }
    fused = only_stage(nvdla(), stream.work["sum"], **by_name["sum"])
    assert int(fused.cycles[0, 0]) == 0
    assert fused.read_bytes is None


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(PlatformError, match=r"'e' knows no option 'residul' .*did you mean 'residual'"):
        only_stage(nvdla(), conv(16, 4, 16), residul=3)


def test_pruned_channels_save_whole_atoms_only() -> None:
    work = kept(conv(32, 4, 16), [1.0, 17 / 32, 16 / 32], [1.0, 1.0, 1.0])
    full, seventeen, sixteen = cycles(nvdla(), work)
    assert full == seventeen == 2 * sixteen


@given(st.integers(1, 64), st.integers(1, 16), st.integers(1, 64), st.integers(1, 256), st.integers(1, 64))
def test_more_macs_never_slow_a_layer_and_more_buffer_never_adds_traffic(
    channels: int, size: int, filters: int, macs: int, kilobytes: int
) -> None:
    layer = conv(channels, size, filters).layer
    small = vector_cost(layer, nvdla(macs=macs, buffer=f"{kilobytes} KiB").config)
    large = vector_cost(layer, nvdla(macs=macs + 1, buffer=f"{kilobytes + 1} KiB").config)
    assert large.cycles <= small.cycles
    assert large.input_bytes + large.weight_bytes <= small.input_bytes + small.weight_bytes
    assert 0 < small.used <= 1
