"""Buffers, DRAM traffic, stalls, batches and pruning on the systolic array."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.elements.systolic import Systolic
from simulator.elements.systolic_folds import fold_layer
from simulator.elements.systolic_traffic import Buffers, dram_traffic, stalled_cycles
from simulator.errors import PlatformError
from tests.elements.accelerators import conv, cycles, dense, element, kept, only_stage
from workloads.generators import static_stream
from workloads.loading import load_network
from workloads.tokens import LayerWork


def array(**config: object) -> Systolic:
    return element(Systolic, **{"rows": 8, "columns": 8, **config})


def test_an_input_that_fits_half_its_buffer_is_read_once() -> None:
    """8 x 8 x 8 words of input, two column folds: 512 B fit half of 1 KiB, and not half of 1022 B."""
    layer = conv(8, 8, 16).layer
    folds = fold_layer(layer, 8, 8, "os")
    assert dram_traffic(layer, folds, 8, 8, "os", Buffers(inputs=1024)).input_reads == 512
    assert dram_traffic(layer, folds, 8, 8, "os", Buffers(inputs=1022)).input_reads > 2 * 512


def test_weights_of_a_column_fold_that_do_not_fit_come_again_for_each_row_fold() -> None:
    """72 x 8 weights a column fold, eight row folds of eight pixels."""
    layer = conv(8, 8, 16).layer
    folds = fold_layer(layer, 8, 8, "os")
    assert dram_traffic(layer, folds, 8, 8, "os", Buffers(weights=2 * 576)).weight_reads == 72 * 16
    assert dram_traffic(layer, folds, 8, 8, "os", Buffers(weights=2 * 576 - 1)).weight_reads == 8 * 72 * 16


def test_weights_that_a_half_held_when_it_gave_way_come_again_for_the_next_row_fold() -> None:
    """Two column folds of 576 weights and halves of 600: 24 of the second are forgotten."""
    layer = conv(8, 8, 16).layer
    folds = fold_layer(layer, 8, 8, "os")
    assert dram_traffic(layer, folds, 8, 8, "os", Buffers(weights=1200)).weight_reads == 72 * 16 + 24


def test_partial_sums_go_to_the_dram_only_without_accumulation() -> None:
    """Nine row folds of 64 x 16 outputs."""
    layer = conv(8, 8, 16).layer
    folds = fold_layer(layer, 8, 8, "ws")
    assert dram_traffic(layer, folds, 8, 8, "ws", Buffers(accumulates=False)).output_writes == 9 * 64 * 16
    assert dram_traffic(layer, folds, 8, 8, "ws", Buffers()).output_writes == 64 * 16


def test_accumulation_in_a_small_buffer_cuts_streams_into_tiles_that_pay_fill_again() -> None:
    """Half of 1 KiB holds 16 pixels of 8 partial sums of 4 bytes: four tiles of 64 pixels, 9 x 2 folds, fill 22."""
    free, tiled = array(), array(output_sram="1 KiB")
    assert cycles(free, conv(8, 8, 16)) == [18 * (64 + 22)]
    assert cycles(tiled, conv(8, 8, 16)) == [18 * (64 + 4 * 22)]


def test_a_fold_takes_the_longest_of_its_cycles_and_its_three_transfers() -> None:
    """The first half buffer of an operand is there before, and the output buffer drains afterwards."""
    assert stalled_cycles(100, (90, 80, 70), Buffers(16, 16, 16), Fraction(1)) == 100
    assert stalled_cycles(100, (208, 80, 70), Buffers(16, 16, 16), Fraction(1)) == 200
    assert stalled_cycles(100, (0, 0, 316), Buffers(16, 16, 16), Fraction(1)) == 300
    assert stalled_cycles(100, (208, 80, 70), Buffers(16, 16, 16), Fraction(1, 2)) == 400


@pytest.mark.parametrize("refill", ["demand", "ring"])
@pytest.mark.parametrize("dataflow", ["os", "ws", "is"])
def test_words_of_twice_the_width_need_twice_the_buffers_and_ports(refill: str, dataflow: str) -> None:
    narrow = conv(8, 8, 16)
    layer = replace(narrow.layer, input_bits=16, weight_bits=16, output_bits=16)
    wide = replace(narrow, group=replace(narrow.group, main=layer))

    def takes(work: LayerWork, size: int, port: int) -> list[int]:
        sram = dict.fromkeys(("input_sram", "weight_sram", "output_sram"), f"{size} B")
        return cycles(array(refill=refill, dataflow=dataflow, accumulate=False, port=f"{port} B/cycle", **sram), work)

    assert takes(wide, 512, 2) == takes(narrow, 256, 1)
    assert takes(wide, 256, 1) > takes(narrow, 256, 1)


def test_a_batch_shares_one_fetch_of_the_weights() -> None:
    own = array()
    one, eight = only_stage(own, dense(64, 64)), only_stage(own, dense(64, 64), batch=8)
    assert one.weight_bytes is not None
    assert eight.weight_bytes is not None
    assert float(eight.weight_bytes[0, 0]) == float(one.weight_bytes[0, 0]) == 4096
    assert int(eight.cycles[0, 0]) == 64 * (8 + 22)


def test_pruned_channels_save_whole_folds_only() -> None:
    """16 filters are two column folds of 8: 9 live ones still are two, 8 are one."""
    work = kept(conv(8, 8, 16), [1.0, 1.0, 1.0], [1.0, 9 / 16, 8 / 16])
    full, nine, eight = cycles(array(), work)
    assert full == nine == 2 * eight


def test_scattered_zeros_save_nothing() -> None:
    assert cycles(array(), conv(8, 8, 16).scaled(0.3)) == cycles(array(), conv(8, 8, 16))


def test_a_layer_that_a_solver_evaluates_again_takes_that_many_times() -> None:
    assert cycles(array(), conv(8, 8, 16).scaled(3.0)) == [3 * cycles(array(), conv(8, 8, 16))[0]]


def test_a_depthwise_layer_leaves_most_of_the_array_idle() -> None:
    dense_use = only_stage(array(), conv(16, 8, 16)).detail["utilisation"]
    depthwise_use = only_stage(array(), conv(16, 8, 16, groups=16)).detail["utilisation"]
    assert isinstance(dense_use, float)
    assert isinstance(depthwise_use, float)
    assert depthwise_use < dense_use / 5


def test_sram_energy_counts_every_access() -> None:
    """9 x 2 folds, weight stationary: 2 x 64 x 72 inputs and 72 x 16 weights of 8 bits, 9 x 64 x 16 sums of 32 bits."""
    own = array(energy={"sram": "1 pJ/bit"})
    bits = 8 * (2 * 64 * 72 + 72 * 16) + 32 * 9 * 64 * 16
    assert float(only_stage(own, conv(8, 8, 16)).energy_pj["sram"][0, 0]) == bits


def test_a_wired_cell_is_refused_with_what_to_use() -> None:
    network = load_network("ncp-lane")
    name = next(name for name, layer in network.layers.items() if "wiring" in layer.attributes)
    work = static_stream(network, 1).work[name]
    with pytest.raises(PlatformError) as raised:
        only_stage(array(), work)
    assert str(raised.value) == (
        f"'e' is a systolic array and runs no wired cell such as '{name}': its neurons solve a differential"
        " equation over sparse synapses; map it to an element of model 'cpu', 'scalar' or 'circuit'"
    )


@given(
    st.integers(1, 32), st.integers(2, 16), st.integers(1, 48), st.sampled_from(["os", "ws", "is"]), st.integers(1, 16)
)
def test_a_wider_port_never_takes_longer_and_utilisation_stays_below_one(
    channels: int, size: int, filters: int, dataflow: str, wide: int
) -> None:
    work = conv(channels, size, filters)
    shared = {"dataflow": dataflow, "input_sram": "256 B", "weight_sram": "256 B", "output_sram": "1 KiB"}
    narrow = only_stage(array(port=f"{wide} B/cycle", **shared), work)
    wider = only_stage(array(port=f"{2 * wide} B/cycle", **shared), work)
    assert int(wider.cycles[0, 0]) <= int(narrow.cycles[0, 0])
    assert 0 < float(wider.detail["utilisation"]) <= 1


@given(st.integers(1, 64), st.integers(2, 16), st.integers(1, 64))
def test_an_output_stationary_array_of_twice_the_columns_may_lose_only_its_longer_fill(
    channels: int, size: int, filters: int
) -> None:
    """More columns halve the folds at best, but each fill and drain takes 8 cycles more: small layers get slower."""
    work = conv(channels, size, filters)
    folds = fold_layer(work.layer, 8, 16, "os")
    narrow, wide = cycles(array(dataflow="os"), work)[0], cycles(array(dataflow="os", columns=16), work)[0]
    assert wide <= narrow + 8 * folds.row_folds * folds.column_folds
