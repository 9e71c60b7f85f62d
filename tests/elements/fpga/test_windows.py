"""Line buffers: the channel in front of a window unit holds (k - 1) rows of the padded map and k pixels, no more."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.analysis.occupancy import channel_use
from simulator.lowered import Lowered
from tests.elements.fpga.pipelines import integers, lowered_on, rules_for, traced
from workloads.loading import load_network


def _peak(lowered: Lowered, name: str) -> int:
    index = [channel.name for channel in lowered.plan.channels].index(name)
    return int(channel_use(lowered.plan, traced(lowered), index).level.maximum())


@pytest.mark.parametrize(("size", "kernel", "pad"), [(8, 3, 1), (14, 3, 1), (10, 5, 2), (9, 3, 0), (12, 5, 1)])
def test_the_peak_of_a_window_channel_is_the_line_buffer(tmp_path: Path, size: int, kernel: int, pad: int) -> None:
    """Padding feeds it, or else the FIFO; both run ahead of the slower unit as far as they may."""
    b = integers()
    b.conv(b.input((2, size, size)), 2, kernel, pad=pad, bias=False, name="conv")
    lowered = lowered_on(tmp_path, b.build(), rules_for("pixel", conv={"pe": 1, "simd": 1, "swg_simd": 2}), 2)
    feeder = "padding" if pad else "fifo"
    assert _peak(lowered, f"conv.{feeder}->conv.swg") == (kernel - 1) * (size + 2 * pad) + kernel


@pytest.mark.parametrize("granularity", ["row", "pixel"])
def test_every_layer_of_vgg16_keeps_its_line_buffer(tmp_path: Path, granularity: str) -> None:
    """At row granularity the k pixels are the rest of a row: k rows."""
    network = load_network("vgg16")
    lowered = lowered_on(tmp_path, network, rules_for(granularity), 1)
    found = 0
    for channel in lowered.plan.channels:
        if not channel.name.endswith(".swg"):
            continue
        width = network[channel.name.partition(".padding")[0]].in_shape[2] + 2
        assert channel.capacity == (3 if granularity == "row" else 2 * width + 3), channel.name
        found += 1
    assert found == 13


def test_a_strided_window_keeps_its_reach(tmp_path: Path) -> None:
    b = integers()
    b.conv(b.input((2, 11, 11)), 2, 3, 2, bias=False, name="conv")
    lowered = lowered_on(tmp_path, b.build(), rules_for("pixel", conv={"swg_simd": 1}), 2)
    assert _peak(lowered, "conv.fifo->conv.swg") == 2 * 11 + 3
