"""Without variance every generator is the static network of the same density, to the tick."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simulator.engine import run
from simulator.errors import PlatformError
from simulator.lowering import lower
from simulator.mapping import LayerRule, MappingRules
from simulator.platform import Platform, load_platform
from simulator.trace import Trace
from workloads.dynamic.filters import generate_filters
from workloads.generators import static_stream
from workloads.generators.branches import early_exit_stream, heads_stream, hydra_stream, skip_stream
from workloads.generators.channels import fbs_stream, pruned_stream, similarity_stream, slimmable_stream
from workloads.generators.growth import expandable_stream, progressive_stream
from workloads.generators.location import changes_stream, dynamic_filters_stream, gated_pass_stream
from workloads.generators.shapes import resolution_stream, sentences_stream
from workloads.loading import load_network
from workloads.network import Network
from workloads.tokens import LayerWork, TokenStream
from workloads.transforms import prune_channels, scale_resolution
from workloads.zoo.dynamic import dcnn

_FRAMES = 5
_ELEMENTS = {
    "cpu": "{model: cpu, cores: 2, clock: 1 GHz, rate: {int8: 16 MAC/cycle, fp32: 8 MAC/cycle}, overhead: 5 us}",
    "gpu": "{model: gpu, clock: 1 GHz, rate: {int8: 256 MAC/cycle, fp32: 128 MAC/cycle}, launch: 5 us}",
    "array": "{model: systolic, rows: 16, columns: 16, clock: 1 GHz, dataflow: ws}",
    "fpga": "{model: fpga, clock: 100 MHz, multipliers: 512}",
}


def _small() -> Network:
    return _net("m-cifarnet").with_precision(8, 8)


def _pruned() -> Network:
    return prune_channels(_small(), 0.5, kinds=("conv",))


def _net(name: str) -> Network:
    network: Network = load_network(name)
    return network


def _whole_mask(folder: Path) -> TokenStream:
    np.save(folder / "mask.npy", np.ones((_FRAMES, 30, 30), dtype=np.bool_))
    return changes_stream(_small(), _FRAMES, mask=folder / "mask.npy")


Case = tuple[Callable[[Path], TokenStream], Callable[[], TokenStream]]


def _case(stream: Callable[[], TokenStream], network: Callable[[], Network]) -> Case:
    return lambda folder: stream(), lambda: static_stream(network(), _FRAMES)


CASES: dict[str, Case] = {
    "pruned": _case(lambda: pruned_stream(_small(), _FRAMES, density=0.5, deviation=0.0), _pruned),
    "similarity": _case(lambda: similarity_stream(_small(), _FRAMES, first=0.5, last=0.5), _pruned),
    "slimmable": _case(lambda: slimmable_stream(_small(), _FRAMES, widths=(0.5,)), _pruned),
    "expandable": _case(lambda: expandable_stream(_small(), _FRAMES, tasks=1, first=0.5), _pruned),
    "fbs": _case(lambda: fbs_stream(_small(), _FRAMES, density=1.0, gates=False), _small),
    "progressive": _case(lambda: progressive_stream(_small(), _FRAMES, tasks=1), _small),
    "changes": (_whole_mask, lambda: static_stream(_small(), _FRAMES)),
    "resolution": _case(
        lambda: resolution_stream(_net("spp-net"), _FRAMES, sizes=(180,)),
        lambda: scale_resolution(_net("spp-net"), 180),
    ),
    "sentences": _case(
        lambda: sentences_stream(_net("dcnn"), _FRAMES, shortest=10, mean=10, longest=10), lambda: dcnn(10, 4)
    ),
    "dynamic_filters": _case(lambda: dynamic_filters_stream(_small(), _FRAMES), lambda: generate_filters(_small())),
    "heads": _case(lambda: heads_stream(_net("branchy-lenet"), _FRAMES, every=(1, 1)), lambda: _net("branchy-lenet")),
}
"""Streams without variance, and the static streams of networks that are really that small."""


def _trace(platform: Platform, stream: TokenStream, rules: MappingRules) -> Trace:
    return run(lower(platform, stream, rules).plan, engine="simpy")


def _assert_equal(one: Trace, other: Trace) -> None:
    assert len(one.start) == len(other.start)
    for name in ("start", "served", "end"):
        for mine, theirs in zip(getattr(one, name), getattr(other, name), strict=True):
            assert np.array_equal(mine, theirs)


@pytest.fixture(scope="module", params=sorted(_ELEMENTS))
def platform(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Platform:
    text = (
        f"format: platform/1\nname: one\nprocessing_elements:\n  {request.param}: {_ELEMENTS[request.param]}\n"
        "memories:\n  dram: {size: 4 GiB, bandwidth: 10 GB/s}\n"
    )
    path = tmp_path_factory.mktemp("platform") / "one.yaml"
    path.write_text(text)
    return load_platform(path)


@pytest.mark.parametrize("name", sorted(CASES))
def test_without_variance_the_run_is_that_of_the_static_network(name: str, platform: Platform, tmp_path: Path) -> None:
    stream, static = CASES[name]
    rules = MappingRules(element=next(iter(platform.processing_elements)), precision="int8")
    if "fpga" in platform.processing_elements:
        # A pipeline built for fewer channels is folded otherwise: here both have a multiplier a layer.
        rules = replace(rules, layers=_one_multiplier(stream(tmp_path).network))
    try:
        expected = _trace(platform, static(), rules)
    except PlatformError:
        pytest.skip("the element runs no such layer")
    _assert_equal(_trace(platform, stream(tmp_path), rules), expected)


def _one_multiplier(network: Network) -> list[LayerRule]:
    compute = [group.name for group in network.groups() if group.main.is_compute]
    return [LayerRule(name, options={"pe": 1, "simd": 1}) for name in compute]


def _spread(work: LayerWork, frames: int) -> LayerWork:
    """The same work with an entry for every frame, as a varying generator gives it."""
    shares = ("macs", "fraction", "input_kept", "output_kept", "weight_kept", "executed")
    arrays: dict[str, Any] = {share: np.broadcast_to(getattr(work, share), (frames,)).copy() for share in shares}
    return replace(work, ops={kind: np.broadcast_to(n, (frames,)) for kind, n in work.ops.items()}, **arrays)


@pytest.mark.parametrize(
    "build",
    [
        lambda: pruned_stream(_small(), _FRAMES, density=0.5),
        lambda: gated_pass_stream(_net("fracbnn-cifar10"), _FRAMES, deviation=0.0),
        lambda: skip_stream(_net("resnet-18"), _FRAMES, skipped=0.0),
        lambda: hydra_stream(_net("hydranet"), _FRAMES, k=20),
        lambda: replace(early_exit_stream(_net("branchy-alexnet"), _FRAMES, exits=(0, 0, 1)), control=()),
    ],
    ids=["pruned", "gated_pass", "skip", "hydra", "early_exit"],
)
def test_arrays_of_equal_frames_run_as_a_single_period(build: Callable[[], TokenStream], platform: Platform) -> None:
    if "fpga" in platform.processing_elements:
        pytest.skip("folds of large networks take long; the test above compares the pipeline")
    stream = build()
    one = {name: replace(_spread(work, 1), executed=work.executed[:1]) for name, work in _first(stream).items()}
    rules = MappingRules(element=next(iter(platform.processing_elements)), precision="int8")
    many = {name: _spread(work, _FRAMES) for name, work in stream.work.items()}
    _assert_equal(
        _trace(platform, replace(stream, work=one), rules), _trace(platform, replace(stream, work=many), rules)
    )


def _first(stream: TokenStream) -> dict[str, LayerWork]:
    assert all(work.executed.all() for work in stream.work.values())
    return {name: replace(work, executed=work.executed[:1]) for name, work in stream.work.items()}
