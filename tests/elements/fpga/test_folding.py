"""Folding: what it must divide, SetFolding's published results, and the balance that is found without a mapping."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simulator.elements.streaming.matrix import Unit
from simulator.elements.streaming.setfolding import fold_unit, target_cycles
from simulator.errors import UserError
from simulator.mapping import MappingRules
from tests.elements.fpga.pipelines import integers, lowered_on, one_conv, rules_for
from workloads.loading import load_network


def _fault(tmp_path: Path, **options: Any) -> str:
    with pytest.raises(UserError) as caught:
        lowered_on(tmp_path, one_conv(), rules_for("row", conv=options), 1)
    return str(caught.value)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"pe": 3}, "pe is 3, which does not divide the rows of the matrix 4; write one of 1, 2, 4"),
        ({"simd": 4}, "simd is 4, which does not divide the columns of the matrix 18; write one of 1, 2, 3, 6, 9, 18"),
        ({"swg_simd": 5}, "swg_simd is 5, which does not divide the channels 2; write one of 1, 2"),
        ({"pe": 0}, "pe is 0: input should be greater than or equal to 1"),
        (
            {"swg_simd": 1, "parallel_window": True},
            "parallel_window is true and swg_simd is 1; a whole window leaves at once only where all channels do",
        ),
        ({"padding_smid": 2}, "no option 'padding_smid'; did you mean 'padding_simd'?"),
        ({"impl": "vhdl"}, "impl is 'vhdl': input should be 'hls' or 'rtl'"),
    ],
)
def test_a_folding_that_does_not_divide_is_told_with_what_does(
    tmp_path: Path, options: dict[str, Any], text: str
) -> None:
    found = _fault(tmp_path, **options)
    assert "layer 'conv' on 'fabric': " + text in found


def test_set_folding_reaches_the_published_fold_of_tfc(tmp_path: Path) -> None:
    """Public lab notes on TFC-w1a1, target 1000 cycles: 896, 512, 512 and 640 cycles."""
    rules = rules_for("row", all={"target_cycles": 1000})
    lowered = lowered_on(tmp_path, load_network("tfc-w1a1"), rules, 1)
    found = {
        note.layer: (note.detail["pe"], note.detail.get("simd"), note.detail["expected_cycles"])
        for note in lowered.actors
        if note.layer in ("fc0", "fc1", "fc2", "fc3")
    }
    assert found == {"fc0": (2, 28, 896), "fc1": (1, 8, 512), "fc2": (1, 8, 512), "fc3": (1, 1, 640)}


def test_set_folding_reaches_the_asserted_fold_of_the_cybersecurity_perceptron() -> None:
    """FINN's end-to-end test: 80 and 64 cycles at a target of 100, with two-bit weights."""
    first, second = Unit(1, 1, 64, 600, 600, False), Unit(1, 1, 64, 64, 64, False)
    assert first.cycles(*fold_unit(first, 2, 100)) == 80
    assert second.cycles(*fold_unit(second, 2, 100)) == 64


def test_simd_steps_back_from_a_row_of_weights_that_is_too_wide() -> None:
    unit = Unit(1, 1, 64, 784, 784, False)
    assert fold_unit(unit, 1, 1)[1] == 28
    assert fold_unit(unit, 4, 1)[1] == 8
    assert fold_unit(unit, 1, 1, width_limit=10_000) == (64, 784)


def test_a_depthwise_unit_grows_in_channels_and_then_in_its_window() -> None:
    unit = Unit(4, 4, 8, 9, 72, True)
    assert fold_unit(unit, 8, 500) == (4, 1)
    assert fold_unit(unit, 8, 145) == (8, 1)
    assert fold_unit(unit, 8, 100) == (8, 3)


def test_a_target_out_of_reach_is_relaxed_to_what_the_slowest_operator_takes(tmp_path: Path) -> None:
    """A 3 x 3 window unit with all channels in parallel takes 19 / 2 + 36 * 9 cycles at least; folding the matrix for
    a tenth of that would be wasted."""
    lowered = lowered_on(tmp_path, one_conv(), rules_for("row", all={"target_cycles": 30}), 1)
    detail = {note.stage: note.detail for note in lowered.actors}
    assert detail["swg"]["expected_cycles"] == 19 + 36 * 9
    assert 30 < int(detail["mvau"]["expected_cycles"]) < 343


def test_a_frame_rate_is_a_target_too() -> None:
    assert target_cycles(1e8, 1e5) == 1000


def test_without_a_mapping_no_operator_is_slower_than_the_slowest_matrix(tmp_path: Path) -> None:
    b = integers()
    x = b.conv(b.input((8, 16, 16)), 16, 3, pad=1, bias=False, name="a")
    x = b.max_pool(b.relu(x), 2, name="pool")
    b.dense(b.flatten(b.conv(x, 8, 3, bias=False, name="b")), 10, bias=False, name="fc")
    lowered = lowered_on(tmp_path, b.build(), MappingRules(), 1)
    pairs = zip(lowered.plan.actors, lowered.actors, strict=True)
    cycles = {actor.name: int(note.detail.get("expected_cycles", 0)) for actor, note in pairs}
    slowest = max(cycles["a.mvau"], cycles["b.mvau"], cycles["fc"])
    swg = [cycles[name] for name in ("a.swg", "b.swg")]
    assert max(cycles["a.padding"], cycles["pool"]) <= slowest
    # A window unit takes its k * k cycles a window however many channels it moves in parallel.
    assert min(swg) <= slowest or all(found >= 9 * 36 for found in swg)
