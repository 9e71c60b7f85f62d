"""FINN's folding files as mappings: nodes pair up with layers in order, or the file is refused with the reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from simulator.errors import MappingError
from simulator.mapping import MappingRules, load_mapping
from simulator.mapping.finn import FoldingProblems, read_folding
from workloads.builder import NetworkBuilder
from workloads.loading import load_network
from workloads.network import Network


def _rules(nodes: dict[str, Any], network: Network) -> dict[str, dict[str, Any]]:
    groups = [group for group in network.groups() if group.kind != "input"]
    rules = MappingRules(folding=read_folding(json.dumps(nodes), "f.json")).resolved(groups)
    return {rule.match: dict(rule.options) for rule in rules.layers}


def _small(*, pooled: bool = True) -> Network:
    b = NetworkBuilder("small", number="int", weight_bits=4, activation_bits=8)
    x = b.activation(b.conv(b.input((4, 8, 8)), 4, 3, pad=1, bias=False, name="conv"), "threshold", name="t1", bits=4)
    x = b.activation(b.depthwise(x, 3, bias=False, name="depth"), "threshold", name="t2", bits=4)
    x = b.max_pool(x, 2, name="pool") if pooled else x
    b.arg_max(b.dense(b.flatten(x), 10, bias=False, name="fc"), name="best")
    return b.build()


def test_nodes_pair_up_with_layers_in_order() -> None:
    nodes = {
        "Defaults": {},
        "StreamingFIFO_rtl_0": {"depth": 64},
        "FMPadding_rtl_0": {"SIMD": 2},
        "ConvolutionInputGenerator_rtl_0": {"SIMD": 4, "ram_style": "distributed", "parallel_window": 1},
        "ConvolutionInputGenerator_rtl_1": {"SIMD": 1},
        "MVAU_rtl_0": {"PE": 2, "SIMD": 9, "resType": "dsp"},
        "VVAU_hls_0": {"PE": 4},
        "Thresholding_rtl_1": {"PE": 2},
        "Thresholding_rtl_0": {"PE": 1},
        "MVAU_hls_1": {"PE": 5, "SIMD": 1, "mem_mode": "external"},
        "LabelSelect_hls_0": {"PE": 2},
    }
    assert _rules(nodes, _small()) == {
        "conv": {
            "padding_simd": 2, "swg_simd": 4, "swg_ram_style": "distributed", "parallel_window": True,
            "pe": 2, "simd": 9, "res_type": "dsp", "impl": "rtl", "thresholds": "standalone", "threshold_pe": 1,
        },
        "depth": {"pe": 4, "thresholds": "standalone", "threshold_pe": 2},
        "fc": {"pe": 5, "simd": 1, "weights": "streamed", "impl": "hls", "thresholds": "standalone"},
        "best": {"pe": 2},
    }  # fmt: skip


def test_names_of_older_versions_are_known() -> None:
    nodes = {
        "FMPadding_Batch_0": {"SIMD": 1},
        "ConvolutionInputGenerator_0": {"SIMD": 2},
        "ConvolutionInputGenerator_1": {"SIMD": 2},
        "StreamingFCLayer_Batch_0": {"PE": 1, "SIMD": 4},
        "Vector_Vector_Activate_Batch_0": {"PE": 2},
        "MatrixVectorActivation_1": {"PE": 2, "SIMD": 2},
        "StreamingMaxPool_Batch_0": {},
        "LabelSelect_Batch_0": {"PE": 1},
    }
    found = _rules(nodes, _small())
    assert found["pool"] == {"pool": "streaming"}
    assert found["fc"] == {"pe": 2, "simd": 2}


def test_a_pool_node_puts_a_window_in_front() -> None:
    nodes: dict[str, Any] = {f"ConvolutionInputGenerator_rtl_{i}": {"SIMD": 2} for i in range(3)}
    nodes |= {"FMPadding_rtl_0": {}, "MVAU_hls_0": {"PE": 1}, "MVAU_hls_1": {}, "VVAU_hls_0": {"PE": 2}}
    assert _rules({**nodes, "Pool_hls_0": {"PE": 2}}, _small())["pool"] == {"pool": "window", "pool_pe": 2}


def test_a_file_of_another_network_is_refused() -> None:
    nodes = {f"MVAU_hls_{i}": {"PE": 1, "SIMD": 1} for i in range(4)}
    with pytest.raises(MappingError) as caught:
        _rules(nodes, _small())
    assert str(caught.value) == (
        "the folding file was made for another network: 4 mvau nodes for 2 layers that need one; 0 vvau nodes for 1"
        " layers that need one; 0 swg nodes for 2 layers that need one; 0 padding nodes for 1 layers that need one;"
        " check padding, pools and the number of layers"
    )


def test_faults_of_a_file_are_told_with_their_place(tmp_path: Path) -> None:
    path = tmp_path / "folding.json"
    path.write_text('{\n  "Defaults": {},\n  "MVUA_hls_0": {"PE": 1},\n  "Thresholding": {}\n}\n')
    with pytest.raises(FoldingProblems) as caught:
        load_mapping(path)
    text = str(caught.value)
    assert "2 problems" in text
    assert "MVUA_hls_0" in text
    assert "did you mean 'MVAU'?" in text
    path.write_text('{"Defaults": {},,}')
    with pytest.raises(FoldingProblems, match="this is no JSON"):
        load_mapping(path)
    path.write_text("[]")
    with pytest.raises(MappingError):
        load_mapping(path)


def test_other_rules_win_over_the_folding(tmp_path: Path) -> None:
    shipped = Path(__file__).parents[2] / "experiments" / "mappings" / "cnv-w1a1_folding_config.json"
    network = load_network("cnv-w1a1")
    rules = load_mapping(shipped).resolved([group for group in network.groups() if group.kind != "input"])
    assert rules.folding is None
    conv1 = next(group for group in network.groups() if group.name == "conv1")
    assert rules.for_group(conv1).options["pe"] == 32
    assert rules.for_group(conv1).options["swg_simd"] == 32
