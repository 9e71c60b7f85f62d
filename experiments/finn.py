"""The networks and foldings of FINN's published accelerators, where they differ from the zoo's."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from simulator.elements.streaming.resources import Resources
from simulator.lowered import Lowered, Role
from simulator.mapping import LayerRule, MappingRules, load_mapping
from simulator.platform import Platform, load_platform
from simulator.simulation import simulate
from workloads.builder import NetworkBuilder
from workloads.network import Network
from workloads.zoo.finn import cnv

MAPPINGS = Path(__file__).parent / "mappings"
_SUM_BITS = 16


@dataclasses.dataclass(frozen=True, slots=True)
class Run:
    """What a run gives: images a second, microseconds of the first image, and what the plan stands for."""

    images_per_second: float
    latency_us: float
    lowered: Lowered

    def expected_cycles(self) -> dict[str, int]:
        """FINN's estimate of each operator in the plan, by actor; ports of the host and FIFOs are none of its."""
        found = {}
        for actor, note in zip(self.lowered.plan.actors, self.lowered.actors, strict=True):
            outside = note.stage.startswith("dma_") or note.stage in ("fifo", "duplicate")
            if note.role is Role.STAGE and not outside:
                found[actor.name] = int(note.detail["expected_cycles"])
        return found

    def resources(self) -> Resources:
        """The estimate of all operators together."""
        details = [note.detail for note in self.lowered.actors if "lut" in note.detail]
        lut = sum(float(detail["lut"]) for detail in details)
        counts = {kind: sum(int(detail[kind]) for detail in details) for kind in ("bram18", "uram", "dsp")}
        return Resources(lut, **counts)


def run_on(
    platform: str | Platform, network: str | Network, rules: MappingRules | Path, frames: int, granularity: str = ""
) -> Run:
    """One run; the latency is that of the first image, before which nothing waits."""
    mapping = load_mapping(rules) if isinstance(rules, Path) else rules
    if granularity:
        mapping = at_granularity(mapping, granularity)
    result = simulate(platform, network, mapping, frames=frames)
    latency = float(result.frames["latency_us"].iloc[0])
    return Run(result.summary()["throughput_fps"], latency, result.lowered)


def at_granularity(mapping: MappingRules, granularity: str) -> MappingRules:
    """The same rules on the FPGA with one granularity for all layers."""
    layers = [dataclasses.replace(rule, granularity=None) for rule in mapping.layers]
    return dataclasses.replace(mapping, granularity=granularity, layers=layers, element="fpga")


def with_fpga(name: str, **changes: Any) -> Platform:
    """A platform of the catalogue whose FPGA has other parameters (an ablation, or a build of its own)."""
    platform = load_platform(name)
    elements = dict(platform.processing_elements)
    old = elements["fpga"]
    config = type(old.config).model_validate({**_written(old.config), **changes})
    elements["fpga"] = type(old)("fpga", config)
    return dataclasses.replace(platform, processing_elements=elements)


def bare(name: str, **changes: Any) -> Platform:
    """The FPGA of a platform alone, without memory, host or device limits: what an RTL simulation sees."""
    platform = with_fpga(name, host=None, device=None, memory=None, **changes)
    elements = {"fpga": platform.processing_elements["fpga"]}
    return dataclasses.replace(platform, processing_elements=elements, memories={}, dma={}, fifos={})


def _written(config: Any) -> dict[str, Any]:
    return {key: value for key, value in config.model_dump(mode="json").items() if value is not None}


def folded(layers: Mapping[str, Mapping[str, Any]], granularity: str) -> MappingRules:
    """Rules that fold layers by name, at one granularity."""
    rules = [LayerRule(name, options=dict(options)) for name, options in layers.items()]
    return MappingRules(layers=rules, granularity=granularity, element="fpga")


def cnv_bnn_pynq(precision: str) -> Network:
    """CNV as the BNN-PYNQ overlay has it: 64 outputs of the last layer, 54 of them padding, and no label select."""
    return dataclasses.replace(cnv(precision, outputs=64), name=f"cnv-{precision}-overlay")


def cnv_bnn_pynq_rules(precision: str, granularity: str = "pixel") -> MappingRules:
    """The overlay's folding: as shipped for ten classes, the last layer four rows at a time for 64."""
    name = "cnv-w2a2.yaml" if precision == "w2a2" else "cnv-w1a1.yaml"
    rules = load_mapping(MAPPINGS / name)
    layers = [rule for rule in rules.layers if rule.match != "label_select"]
    layers.append(LayerRule("fc2", options={"pe": 4, "simd": 1}))
    return dataclasses.replace(rules, layers=layers, granularity=granularity)


def perceptron(name: str, widths: tuple[int, ...], precision: str, *, quantises: bool = False) -> Network:
    """A chain of dense layers, thresholds behind all but the last; ``quantises``: the image enters with 8 bits."""
    weight_bits, activation_bits = int(precision[1]), int(precision[3])
    b = NetworkBuilder(name, number="int", weight_bits=weight_bits, activation_bits=8 if quantises else activation_bits)
    x = b.input((widths[0],))
    if quantises:
        x = b.activation(x, "threshold", name="input_threshold", bits=activation_bits)
    for number, width in enumerate(widths[1:]):
        x = b.dense(x, width, bias=False, name=f"fc{number}", bits=_SUM_BITS)
        if number < len(widths) - 2:
            x = b.activation(x, "threshold", name=f"fc{number}_threshold", bits=activation_bits)
    return b.build()


LFC_FOLDING = {
    "fc0": {"pe": 32, "simd": 64},
    "fc1": {"pe": 64, "simd": 32},
    "fc2": {"pe": 32, "simd": 64},
    "fc3": {"pe": 16, "simd": 8},
}
"""BNN-PYNQ, lfcW1A1/hw/config.h; 784 inputs padded to 832, ten outputs to 64."""


def cybersecurity() -> Network:
    """The perceptron of FINN's cybersecurity example: 593 binary inputs padded to 600, two-bit weights, one output."""
    b = NetworkBuilder("cybersecurity-mlp", number="int", weight_bits=2, activation_bits=1)
    x = b.input((600,))
    for number in range(3):
        x = b.dense(x, 64, bias=False, name=f"fc{number}", bits=_SUM_BITS)
        x = b.activation(x, "threshold", name=f"fc{number}_threshold", bits=2)
    x = b.dense(x, 1, bias=False, name="fc3", bits=_SUM_BITS)
    b.activation(x, "threshold", name="output_threshold", bits=1)
    return b.build()


def mobilenet_w4a4() -> Network:
    """MobileNet-v1 as brevitas trains it for FINN: no padding at the first layer, 4 bits but for 8 at the first."""
    blocks = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *((512, 1),) * 5, (1024, 2), (1024, 1))
    b = NetworkBuilder("mobilenet-v1-w4a4", number="int", weight_bits=4, activation_bits=8)
    x = b.conv(b.input((3, 224, 224)), 32, 3, 2, bias=False, name="conv1", bits=_SUM_BITS, weight_bits=8)
    x = b.activation(x, "threshold", name="conv1_threshold", bits=4)
    for number, (channels, stride) in enumerate(blocks, start=2):
        x = b.depthwise(x, 3, stride, 1, bias=False, name=f"dw{number}", bits=_SUM_BITS)
        x = b.activation(x, "threshold", name=f"dw{number}_threshold", bits=4)
        x = b.conv(x, channels, 1, bias=False, name=f"pw{number}", bits=_SUM_BITS)
        x = b.activation(x, "threshold", name=f"pw{number}_threshold", bits=4)
    x = b.flatten(b.global_avg_pool(x, name="pool"), name="flatten")
    b.arg_max(b.dense(x, 1000, bias=False, name="fc", bits=_SUM_BITS), name="label_select")
    return b.build()
