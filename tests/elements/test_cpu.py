"""A CPU: arithmetic, caches, sharing among cores, and the algorithm of a convolution."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.elements.base import Assignment, Stage
from simulator.elements.cpu import Cpu, CpuConfig
from simulator.errors import PlatformError
from workloads.builder import NetworkBuilder
from workloads.layers import Layer
from workloads.network import Network
from workloads.tokens import LayerWork

CACHES = [{"size": "32 KiB", "bandwidth": "32 B/cycle"}, {"size": "1 MiB", "bandwidth": "8 B/cycle", "shared": True}]


def cpu(**changes: Any) -> Cpu:
    config = {"model": "cpu", "clock": "1 GHz", "rate": {"fp32": "4 MAC/cycle"}, "cores": 4, **changes}
    return Cpu("cpu", CpuConfig.model_validate(config))


def conv(channels: int = 64, out: int = 64, size: int = 28, kernel: int = 3, **more: Any) -> LayerWork:
    builder = NetworkBuilder("n")
    builder.conv(builder.input((channels, size, size)), out, kernel, pad=kernel // 2, bias=False, name="c", **more)
    return _work(builder.build(), "c")


def _work(network: Network, name: str) -> LayerWork:
    return LayerWork.static(next(group for group in network.groups() if group.name == name))


def run(element: Cpu, work: LayerWork, cores: int = 1, batch: int = 1, **options: Any) -> Stage:
    return element.stages(work, Assignment("cpu", cores=cores, batch=batch, options=options))[0]


def cycles(element: Cpu, work: LayerWork, cores: int = 1, **options: Any) -> int:
    return int(run(element, work, cores, **options).cycles.sum())


def moved(stage: Stage) -> float:
    parts = (stage.read_bytes, stage.write_bytes, stage.weight_bytes)
    return sum(float(part.sum()) for part in parts if part is not None)


def test_a_plain_core_takes_its_multiplies_over_its_rate() -> None:
    assert cycles(cpu(), conv()) == 64 * 64 * 9 * 28 * 28 // 4


def test_winograd_multiplies_four_times_less_and_moves_more() -> None:
    plain, quick = run(cpu(), conv()), run(cpu(), conv(), algorithm="winograd-4")
    adds = 49 * 64 * (144 + 100) / 4  # transforms of data and results at four operations a cycle
    assert quick.cycles.sum() == pytest.approx(plain.cycles.sum() / 4 + adds, abs=2)
    assert plain.weight_bytes is not None
    assert quick.weight_bytes is not None
    assert quick.weight_bytes.sum() == pytest.approx(plain.weight_bytes.sum() * 36 / 9)


def test_kn2row_gains_nothing_from_a_stride() -> None:
    work = conv(stride=2)
    assert cycles(cpu(), work, algorithm="kn2row") > 3.9 * cycles(cpu(), work, algorithm="direct")


def test_im2col_pays_for_its_patches_in_the_cache() -> None:
    element = cpu(caches=CACHES)
    patches = 2 * 64 * 9 * 28 * 28 * 4 / 8  # written and read, fp32, 8 B a cycle
    found = cycles(element, conv(), algorithm="im2col") - cycles(element, conv(), algorithm="direct")
    assert found == pytest.approx(patches, abs=2)


def test_a_library_takes_winograd_for_wide_3x3_layers_of_stride_1_alone() -> None:
    element = cpu(library="ncnn")

    def chosen(work: LayerWork) -> object:
        return run(element, work).detail["algorithm"]

    assert chosen(conv()) == "winograd-4"
    assert chosen(conv(channels=8)) == "im2col"
    assert chosen(conv(stride=2)) == "im2col"
    assert chosen(conv(kernel=1)) == "direct"
    assert chosen(conv(kernel=5)) == "im2col"


def test_the_layer_wins_over_the_library_and_the_mapping_over_both() -> None:
    work = conv()
    layer = dataclasses.replace(work.layer, algorithm="kn2row")
    named = dataclasses.replace(work, group=dataclasses.replace(work.group, main=layer))
    element = cpu(library="ncnn")
    assert run(element, named).detail["algorithm"] == "kn2row"
    assert run(element, named, algorithm="im2col").detail["algorithm"] == "im2col"


def test_an_algorithm_that_cannot_carry_out_the_layer_is_refused_by_name() -> None:
    with pytest.raises(PlatformError, match="'cpu' cannot run layer 'c': Winograd F\\(4\\) needs a 3x3 kernel"):
        cycles(cpu(), conv(kernel=5), algorithm="winograd-4")
    with pytest.raises(PlatformError, match="no convolution algorithm 'winograd4'; did you mean 'winograd-4'"):
        cycles(cpu(), conv(), algorithm="winograd4")
    with pytest.raises(PlatformError, match="'cpu' knows no option 'algoritm'"):
        cycles(cpu(), conv(), algoritm="direct")


def test_a_depthwise_layer_runs_at_the_rate_of_the_cache_that_holds_it() -> None:
    builder = NetworkBuilder("n")
    builder.depthwise(builder.input((64, 56, 56)), 3, pad=1, bias=False, name="d")
    work = _work(builder.build(), "d")
    tensors = 2 * 64 * 56 * 56 * 4
    quick = cycles(cpu(rate={"fp32": "1000000 MAC/cycle"}, caches=CACHES), work)
    assert quick == pytest.approx(tensors / 8, rel=0.01)
    slow = cycles(cpu(caches=CACHES), work) / work.macs[0]
    pointwise = cycles(cpu(caches=CACHES), conv(kernel=1, size=56)) / conv(kernel=1, size=56).macs[0]
    assert slow > 1.4 * pointwise


def test_unstructured_zeros_gain_no_time_but_compressed_weights_gain_traffic() -> None:
    work = conv()
    sparse = dataclasses.replace(work.layer, weight_density=0.1, stored_weight_bits=work.layer.weights * 4)
    pruned = dataclasses.replace(work, group=dataclasses.replace(work.group, main=sparse))
    before, after = run(cpu(), work), run(cpu(), pruned)
    assert (after.cycles == before.cycles).all()
    assert after.weight_bytes is not None
    assert before.weight_bytes is not None
    assert after.weight_bytes.sum() == before.weight_bytes.sum() / 8


def test_fewer_bits_help_where_memory_limits() -> None:
    element = cpu(rate={"fp32": "4 MAC/cycle", "int8": "4 MAC/cycle"}, core_bandwidth="1 GB/s")
    builder = NetworkBuilder("n")
    builder.dense(builder.input((4096,)), 4096, bias=False, name="fc")
    wide = _work(builder.build(), "fc")
    narrow = _work(builder.build().with_precision(8, 8), "fc")
    assert cycles(element, wide) == pytest.approx(4 * cycles(element, narrow), rel=1e-3)


def test_cores_follow_amdahl() -> None:
    element = cpu(serial_fraction=0.2)
    one, four = cycles(element, conv(), 1), cycles(element, conv(), 4)
    assert four == pytest.approx(one * (0.2 + 0.8 / 4), abs=1)


def test_handing_over_a_tiny_layer_costs_more_than_it_gains() -> None:
    element = cpu(fork_join="20 us")
    tiny = conv(channels=8, out=8, size=4)
    assert cycles(element, tiny, 4) > cycles(element, tiny, 1)
    assert cycles(element, conv(), 4) < cycles(element, conv(), 1)


def test_what_the_last_cache_holds_is_no_traffic_of_the_memory() -> None:
    held = run(cpu(caches=CACHES), conv())
    assert held.read_bytes is not None
    assert held.read_bytes.sum() == 0
    large = run(cpu(caches=CACHES), conv(size=112))
    total = 2 * 64 * 112 * 112 * 4
    assert large.read_bytes is not None
    assert large.write_bytes is not None
    assert 0 < large.read_bytes.sum() + large.write_bytes.sum() < total


def test_small_networks_keep_their_weights_in_the_cache() -> None:
    element = cpu(caches=CACHES)
    small, large = conv(channels=16, out=16), conv(channels=512, out=512)
    place = Assignment("cpu")
    assert element.arrange([small], [place]) == [{"resident": True}]
    assert element.arrange([small, large], [place, place]) == [{"resident": False}] * 2
    assert moved(run(element, small, resident=True)) == 0


def test_an_addition_inside_a_convolution_costs_its_second_operand_alone() -> None:
    builder = NetworkBuilder("n")
    x = builder.input((64, 28, 28))
    builder.add(builder.conv(x, 64, 1, name="a"), builder.conv(x, 64, 1, name="b"), name="sum")
    work = _work(builder.build(), "sum")
    config = {"caches": CACHES, "overhead": "5 us", "op_rate": "1000000 op/cycle"}
    alone, inside = cpu(library="ncnn", **config), cpu(library="onnxruntime", **config)
    tensor = 64 * 28 * 28 * 4
    assert cycles(alone, work) == pytest.approx(5000 + 3 * tensor / 8, abs=2)
    assert cycles(inside, work) == pytest.approx(tensor / 8, abs=2)


def test_a_batch_reads_its_weights_once() -> None:
    one, eight = run(cpu(), conv()), run(cpu(), conv(), batch=8)
    assert one.weight_bytes is not None
    assert eight.weight_bytes is not None
    assert eight.weight_bytes.sum() == one.weight_bytes.sum()
    assert eight.cycles.sum() == 8 * one.cycles.sum()


def test_energy_counts_the_multiplies_that_are_done() -> None:
    element = cpu(energy={"mac": "2 pJ/MAC"})
    plain, quick = run(element, conv()), run(element, conv(), algorithm="winograd-4")
    assert plain.energy_pj["mac"].sum() == 2 * conv().macs[0]
    assert quick.energy_pj["mac"].sum() == pytest.approx(plain.energy_pj["mac"].sum() / 4)


def test_work_that_varies_by_frame_takes_time_by_frame() -> None:
    work = conv().scaled(np.array([1.0, 0.5, 0.0]))
    found = run(cpu(), work).cycles[:, 0]
    assert found.tolist() == [found[0], found[0] / 2, 0]


@settings(max_examples=40, deadline=None)
@given(
    channels=st.sampled_from([3, 16, 64, 256]),
    size=st.sampled_from([7, 14, 56]),
    kernel=st.sampled_from([1, 3, 5]),
    library=st.sampled_from(["plain", "ncnn", "onnxruntime"]),
    cores=st.integers(1, 4),
)
def test_more_clock_bandwidth_or_cores_never_slow_a_layer(
    channels: int, size: int, kernel: int, library: str, cores: int
) -> None:
    work = conv(channels, 64, size, kernel)
    config = {"library": library, "caches": CACHES, "core_bandwidth": "2 GB/s", "serial_fraction": 0.1}

    def seconds(used: int, **changes: Any) -> float:
        element = cpu(**{**config, **changes})
        return cycles(element, work, used) / float(element.clock_hz)

    base = seconds(cores)
    assert seconds(cores, clock="1.5 GHz") <= base * (1 + 1e-5)
    assert seconds(cores, core_bandwidth="3 GB/s") <= base
    assert seconds(min(4, cores + 1)) <= base


def test_no_kernel_is_faster_than_the_peak() -> None:
    for library in ("plain", "ncnn", "onnxruntime"):
        for work in (conv(), conv(kernel=1), conv(channels=3), conv(groups=4)):
            stage = run(cpu(library=library), work)
            assert 0 < float(stage.detail["share_of_peak"]) <= 1
            done = float(stage.detail["share_of_peak"]) * int(stage.cycles.sum()) * 4
            assert done <= work.macs[0] * (1 + 1e-6)


def test_layers_without_multiplies_are_streams() -> None:
    layer = Layer("p", "max_pool", ("x",), ((64, 56, 56),), (64, 28, 28), kernel=(2, 2), stride=(2, 2))
    builder = NetworkBuilder("n")
    builder.max_pool(builder.input((64, 56, 56)), 2, name="p")
    work = _work(builder.build(), "p")
    assert work.layer.out_shape == layer.out_shape
    assert run(cpu(), work).detail["algorithm"] == "stream"
