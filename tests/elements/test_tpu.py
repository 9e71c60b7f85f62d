"""The TPU's tiles and weights, and the Edge TPU's cache and link."""

from __future__ import annotations

from fractions import Fraction

import pytest

from simulator.elements.base import Assignment
from simulator.elements.edge_tpu import EdgeTpu
from simulator.elements.tpu import Tpu
from simulator.errors import PlatformError
from simulator.mapping import MappingRules
from simulator.platform import load_platform
from simulator.simulation import simulate
from tests.elements.accelerators import builder, conv, cycles, dense, element, only_stage
from workloads.network import Network


def tpu(**config: object) -> Tpu:
    return element(Tpu, **{"rows": 4, "columns": 4, "accumulators": 16, **config})


def _chain(wide: int, layers: int) -> Network:
    b = builder()
    x = b.input((wide,))
    for _ in range(layers):
        x = b.dense(x, wide, bias=False)
    return b.build()


def test_a_tile_takes_as_long_as_its_rows_or_the_shift_of_the_next() -> None:
    """2 x 3 tiles; a batch of 6 rows, or of 1 that waits for four rows of weights; 8 cycles of drain."""
    assert cycles(tpu(), dense(8, 12), batch=6) == [6 * 6 + 8]
    assert cycles(tpu(), dense(8, 12), batch=1) == [6 * 4 + 8]


def test_more_rows_than_half_the_accumulators_fetch_the_weights_again() -> None:
    """Half of 16 accumulators: 17 rows go in three chunks, of 6, 6 and 5."""
    stage = only_stage(tpu(), dense(8, 12), batch=17)
    assert stage.weight_bytes is not None
    assert float(stage.weight_bytes[0, 0]) == 3 * 96
    assert int(stage.cycles[0, 0]) == 6 * 17 + 8


def test_activations_that_overflow_the_unified_buffer_are_named() -> None:
    own = tpu(unified_buffer="100 B")
    with pytest.raises(PlatformError) as raised:
        own.check({"d": own.stages(dense(8, 12), Assignment("e", batch=6))})
    assert str(raised.value) == (
        "'e': the activations of a batch do not fit its unified buffer of 100 B: layer 'd' needs 120 B;"
        " lower 'batch' in the mapping"
    )


def test_throughput_rises_with_the_batch_until_the_weights_no_longer_bind() -> None:
    """The memory-bound pace is a batch a fetch of all weights."""
    network = _chain(1024, 3)
    paces = []
    for batch in (1, 8, 64, 2048):
        result = simulate("tpu-v1", network, MappingRules(batch=batch), frames=4 * batch)
        paces.append(float(result.summary()["throughput_fps"]))
    weights_per_second = 0.88 * 34e9 / network.weight_bytes
    assert paces[0] == pytest.approx(weights_per_second, rel=1e-3)
    assert paces[1] == pytest.approx(8 * weights_per_second, rel=1e-3)
    assert paces[2] == pytest.approx(64 * weights_per_second, rel=1e-3)
    assert paces[2] < paces[3] < 65536 * 0.7e9 / network.macs


def test_more_weight_bandwidth_never_slows_the_tpu() -> None:
    network, paces = _chain(512, 2), []
    for gbps in (10, 20, 40, 80, 160):
        platform = load_platform("tpu-v1", {"memories.weights.bandwidth": f"{gbps} GB/s"})
        paces.append(float(simulate(platform, network, MappingRules(batch=64), frames=256).summary()["throughput_fps"]))
    assert paces == sorted(paces)


def test_the_cache_holds_the_first_layers_and_the_rest_is_streamed() -> None:
    own = element(EdgeTpu, cache="100 B")
    works = [dense(8, 8), dense(8, 8), dense(8, 8)]
    options = own.arrange(works, [Assignment("e")] * 3)
    assert [each["cached"] for each in options] == [64, 36, 0]
    streamed = [
        only_stage(own, work, **option).detail["streamed_bytes"] for work, option in zip(works, options, strict=True)
    ]
    assert streamed == [0, 28, 64]


def test_only_inputs_and_outputs_of_the_network_cross_the_link() -> None:
    result = simulate("coral-edge-tpu", _chain(256, 3), frames=1)
    assert result.layers["read_bytes"].sum() == 256
    assert result.layers["write_bytes"].sum() == 256


def test_weights_beyond_the_cache_come_over_the_link_for_every_frame() -> None:
    """Three layers of 4 MiB: 8 MB stay, the rest takes its bytes at 0.44 GB/s."""
    result = simulate("coral-edge-tpu", _chain(2048, 3), frames=3)
    left = 3 * 2048 * 2048 - 8_000_000
    per_frame = result.summary()["elapsed_ms"] / 3
    assert per_frame == pytest.approx(left / 0.44e9 * 1e3 + 1.0, rel=0.02)


def test_the_host_call_is_paid_once_a_frame() -> None:
    own = element(EdgeTpu, macs=1, invoke="1 us")
    plain, called = cycles(own, conv(1, 4, 1)), cycles(own, conv(1, 4, 1), enters=True)
    assert called[0] - plain[0] == Fraction(1000)
