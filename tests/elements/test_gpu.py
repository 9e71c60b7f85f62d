"""A GPU: tiles and waves, launches and what hides them, batches, queues, and what a framework fuses."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.elements.base import Assignment, Stage
from simulator.elements.gpu import Gpu, GpuConfig
from simulator.mapping import MappingRules
from simulator.platform import load_platform
from simulator.simulation import simulate
from workloads.builder import NetworkBuilder
from workloads.network import Network
from workloads.tokens import LayerWork


def gpu(**changes: Any) -> Gpu:
    config = {"model": "gpu", "clock": "1 GHz", "rate": {"fp32": "1024 MAC/cycle", "fp16": "8192 MAC/cycle"}}
    return Gpu("gpu", GpuConfig.model_validate({**config, "precision": "fp32", "sms": 8, **changes}))


def network(channels: int = 64, out: int = 64, size: int = 28, kernel: int = 1, *, relu: bool = False) -> Network:
    builder = NetworkBuilder("n")
    x = builder.conv(builder.input((channels, size, size)), out, kernel, pad=kernel // 2, bias=False, name="c")
    if relu:
        builder.relu(builder.batch_norm(x, name="bn"), name="relu")
    return builder.build()


def work_of(net: Network, name: str = "c") -> LayerWork:
    return LayerWork.static(next(group for group in net.groups() if group.name == name))


def stages(element: Gpu, work: LayerWork, batch: int = 1, **options: Any) -> list[Stage]:
    return list(element.stages(work, Assignment("gpu", batch=batch, options=options)))


def cycles(element: Gpu, work: LayerWork, batch: int = 1, **options: Any) -> int:
    return sum(int(stage.cycles.sum()) for stage in stages(element, work, batch, **options))


def test_a_plain_gpu_is_a_roofline_with_a_launch() -> None:
    element = gpu(launch="3 us", op_rate="1000000 op/cycle")
    assert cycles(element, work_of(network())) == 64 * 64 * 28 * 28 // 1024 + 3000


def test_the_multiprocessor_with_the_most_tiles_decides() -> None:
    element = gpu(framework="pytorch")

    def seen(size: int) -> float:
        return cycles(element, work_of(network(1024, 128, size))) / (size * size)

    # 32 x 32 pixels in tiles of 128 x 128: eight blocks, one each; 33 rows of tiles need a second wave.
    full, spilt = seen(32), seen(33)
    assert spilt > 1.05 * full


def test_a_batch_fills_what_one_frame_leaves_empty() -> None:
    element = gpu(sms=80, framework="tensorrt")
    work = work_of(network(512, 512, 7))
    one, many = cycles(element, work, 1), cycles(element, work, 64) / 64
    assert many < 0.7 * one


def test_a_batch_launches_once_and_reads_its_weights_once() -> None:
    element = gpu(launch="10 us", op_rate="1000000 op/cycle")
    work = work_of(network())
    (one,), (many,) = stages(element, work), stages(element, work, 16)
    assert int(many.cycles.sum()) - 10_000 == 16 * (int(one.cycles.sum()) - 10_000)
    assert one.weight_bytes is not None
    assert many.weight_bytes is not None
    assert many.weight_bytes.sum() == one.weight_bytes.sum()
    assert one.read_bytes is not None
    assert many.read_bytes is not None
    assert many.read_bytes.sum() == 16 * one.read_bytes.sum()


def test_a_batch_gains_only_what_all_its_frames_prune() -> None:
    element = gpu(op_rate="1000000 op/cycle")
    work = work_of(network())
    full = cycles(element, work, 4)
    half = work.scaled(np.full(4, 0.5))
    each_its_own = dataclasses.replace(half, extra={"gathered_weights": np.zeros(4)})
    assert cycles(element, each_its_own, 4) == pytest.approx(full * (1 - 0.5**4), abs=1)
    assert cycles(element, each_its_own, 1) == pytest.approx(full / 2, abs=4)
    assert cycles(element, half, 4) == pytest.approx(full / 2, abs=1)  # all frames prune the same
    one_dense = work.scaled(np.array([0.1, 0.1, 1.0, 0.1]))
    assert cycles(element, one_dense, 4) == full


def test_a_last_batch_that_is_not_full_costs_what_it_holds() -> None:
    work = work_of(network()).scaled(np.ones(6))
    found = stages(gpu(op_rate="1000000 op/cycle"), work, 4)[0].cycles[:, 0]
    assert found.tolist() == [found[0], found[0] / 2]


def test_elementwise_layers_are_kernels_where_nothing_fuses_them() -> None:
    work = work_of(network(relu=True))
    assert len(stages(gpu(framework="tensorrt"), work)) == 1
    apart = stages(gpu(framework="pytorch", launch="10 us"), work)
    assert [stage.name for stage in apart] == ["", "bn", "relu"]
    tensor = 64 * 28 * 28 * 4
    assert apart[1].read_bytes is not None
    assert apart[1].write_bytes is not None
    assert float(apart[1].read_bytes.sum() + apart[1].write_bytes.sum()) == 2 * tensor
    assert [stage.does_macs for stage in apart] == [True, False, False]


def test_concatenation_is_free_where_inputs_are_written_in_place() -> None:
    builder = NetworkBuilder("n")
    x = builder.input((16, 8, 8))
    builder.concat(builder.conv(x, 16, 1, name="a"), builder.conv(x, 16, 1, name="b"), name="cat")
    work = work_of(builder.build(), "cat")
    (free,) = stages(gpu(framework="tensorrt", launch="10 us"), work)
    assert int(free.cycles.sum()) == 0
    assert free.read_bytes is not None
    assert free.read_bytes.sum() == 0
    assert cycles(gpu(framework="pytorch", launch="10 us"), work) >= 10_000


def test_a_host_that_runs_ahead_hides_the_shorter_of_both() -> None:
    net = network(relu=True)
    work = work_of(net)

    def total(overlap: float, batch: int) -> int:
        element = gpu(framework="pytorch", launch="100 us", host_overlap=overlap)
        (options,) = element.arrange([work], [Assignment("gpu", batch=batch)])
        return cycles(element, work, batch, **options)

    host = 3 * 100_000
    device = cycles(gpu(framework="pytorch"), work, 1)
    assert total(0.0, 1) == pytest.approx(host + device, abs=3)
    assert total(1.0, 1) == pytest.approx(max(host, device), abs=3)
    assert total(0.5, 1) == pytest.approx(host + device / 2, abs=3)
    many = cycles(gpu(framework="pytorch"), work, 64)
    assert many > host
    assert total(1.0, 64) == pytest.approx(many, abs=3)


def test_tensor_cores_run_no_winograd() -> None:
    work = work_of(network(kernel=3))
    half = dataclasses.replace(
        work, group=dataclasses.replace(work.group, main=dataclasses.replace(work.layer, weight_bits=16, input_bits=16))
    )
    element = gpu(framework="tensorrt", tensor_cores=["fp16"])
    assert stages(element, work)[0].detail["algorithm"] == "winograd-2"
    assert stages(element, half)[0].detail["algorithm"] == "direct"


def test_the_power_limit_slows_arithmetic_and_not_launches() -> None:
    work = work_of(network(512, 512, 28))
    config = {"launch": "50 us", "op_rate": "1000000 op/cycle"}
    free, limited = gpu(**config), gpu(**config, sustained_clock="500 MHz")
    assert cycles(limited, work) - 50_000 == pytest.approx(2 * (cycles(free, work) - 50_000), abs=2)


def test_small_kernels_share_the_device_through_several_queues() -> None:
    small, large = work_of(network(64, 32, 4)), work_of(network(64, 512, 56))
    element = gpu(framework="tensorrt", queues=4)
    assert element.slots == 8
    assert stages(element, small)[0].slots == 2  # no more than four kernels at once
    assert stages(element, large)[0].slots == 8
    assert stages(gpu(framework="tensorrt"), large)[0].slots == 1


def test_queues_raise_throughput_of_small_kernels_and_never_beyond_the_device() -> None:
    builder = NetworkBuilder("small")
    x = builder.input((64, 7, 7))
    for _ in range(6):
        x = builder.conv(x, 64, 1, bias=False)
    net = builder.build()
    speed = {}
    for queues in ("1", "4"):
        changes = {"queues": queues, "launch": "0 us", "cache": "40 MiB"}
        platform = load_platform("v100-server", {f"processing_elements.gpu.{key}": v for key, v in changes.items()})
        result = simulate(platform, net, MappingRules(element="gpu"), frames=40)
        speed[queues] = result.summary()["throughput_fps"]
        busy = result.elements.set_index("element")["busy_fraction"].to_dict()["gpu"]
        assert 0 < busy <= 1
    assert 2 * speed["1"] < speed["4"] < 4.4 * speed["1"]


def test_a_cache_keeps_small_activations_from_the_memory() -> None:
    work = work_of(network())
    (held,) = stages(gpu(cache="4 MiB"), work)
    assert held.read_bytes is not None
    assert held.read_bytes.sum() == 0
    assert held.weight_bytes is not None
    assert held.weight_bytes.sum() == 64 * 64 * 4


@settings(max_examples=40, deadline=None)
@given(
    channels=st.sampled_from([3, 16, 64, 256]),
    size=st.sampled_from([7, 14, 56]),
    kernel=st.sampled_from([1, 3]),
    framework=st.sampled_from(["plain", "tensorrt", "tensorflow", "pytorch", "ncnn-vulkan"]),
    batch=st.sampled_from([1, 3, 16]),
)
def test_more_clock_multiprocessors_or_bandwidth_never_slow_a_layer(
    channels: int, size: int, kernel: int, framework: str, batch: int
) -> None:
    work = work_of(network(channels, 96, size, kernel, relu=True))
    config = {"framework": framework, "launch": "5 us", "memory_bandwidth": "50 GB/s"}

    def seconds(**changes: Any) -> float:
        element = gpu(**{**config, **changes})
        return cycles(element, work, batch) / float(element.clock_hz)

    base = seconds()
    assert seconds(clock="1.3 GHz") <= base * (1 + 1e-4)
    assert seconds(memory_bandwidth="80 GB/s") <= base
    # More multiprocessors of the same kind: the rate of the whole grows with them.
    assert seconds(sms=10, rate={"fp32": "1280 MAC/cycle"}) <= base * (1 + 1e-4)


@settings(max_examples=30, deadline=None)
@given(
    channels=st.sampled_from([16, 64, 512]),
    size=st.sampled_from([7, 28]),
    framework=st.sampled_from(["plain", "tensorrt", "pytorch"]),
    batch=st.sampled_from([1, 2, 8]),
)
def test_no_product_is_faster_than_the_peak(channels: int, size: int, framework: str, batch: int) -> None:
    stage = stages(gpu(framework=framework), work_of(network(channels, 200, size)), batch)[0]
    assert 0 < float(stage.detail["share_of_peak"]) <= 1 + 1e-9
