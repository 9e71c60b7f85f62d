"""The same seed gives the same tokens, in any process and whatever other generators have run before."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence

import numpy as np

from workloads.generators.registry import build_stream
from workloads.loading import load_network
from workloads.tokens import TokenStream

CASES: tuple[tuple[str, str], ...] = (
    ("m-cifarnet", "pruned:density=0.5,deviation=0.2,layer_correlation=0.3"),
    ("m-cifarnet", "fbs:density=0.5"),
    ("m-cifarnet", "slimmable"),
    ("branchy-alexnet", "early_exit:time_correlation=0.5"),
    ("hydranet", "hydra"),
    ("m-cifarnet", "changes"),
    ("fracbnn-cifar10", "gated_pass"),
    ("spp-net", "resolution"),
    ("dcnn", "sentences"),
)

_SCRIPT = """
import json, sys
sys.path.insert(0, {root!r})
from tests.workloads.test_same_seed import digest_of
print(json.dumps([digest_of(network, workload) for network, workload in json.loads(sys.argv[1])]))
"""


def digest(stream: TokenStream) -> str:
    """A digest of everything random in a stream, to the bit."""
    found = hashlib.sha256()
    found.update(stream.release_ps.tobytes())
    for name, work in stream.work.items():
        found.update(name.encode())
        arrays = [work.macs, work.fraction, work.input_kept, work.output_kept, work.executed, work.output_positions]
        arrays += [work.extra[kind] for kind in sorted(work.extra)]
        arrays += [] if work.piece_fraction is None else [work.piece_fraction]
        for array in arrays:
            found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def digest_of(network: str, workload: str) -> str:
    """The digest of 40 frames of a workload, at seed 7."""
    return digest(build_stream(load_network(network), workload, frames=40, arrivals="poisson:30Hz", seed=7))


def _in_a_process(cases: Sequence[tuple[str, str]], hash_seed: str) -> list[str]:
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    run = subprocess.run(
        [sys.executable, "-c", _SCRIPT.format(root=root), json.dumps(list(cases))],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONHASHSEED": hash_seed},
    )  # fmt: skip
    found: list[str] = json.loads(run.stdout)
    return found


def test_another_process_makes_the_same_tokens_in_another_order() -> None:
    here = [digest_of(*case) for case in CASES]
    there = _in_a_process(tuple(reversed(CASES)), "12345")
    assert there[::-1] == here


def test_a_generator_alone_in_a_process_makes_the_same_tokens() -> None:
    assert _in_a_process(CASES[:1], "1") == [digest_of(*CASES[0])]


def test_another_seed_makes_other_tokens() -> None:
    for network, workload in CASES:
        built = [build_stream(load_network(network), workload, frames=40, seed=seed) for seed in (7, 8)]
        assert digest(built[0]) != digest(built[1]), workload


def test_two_methods_see_the_same_inputs() -> None:
    """A frame that leaves at the last exit is among the hardest, and so keeps the most channels."""
    exits = build_stream(load_network("branchy-alexnet"), "early_exit", frames=400, seed=5)
    pruned = build_stream(load_network("m-cifarnet"), "pruned:density=0.5,deviation=0.2", frames=400, seed=5)
    late, kept = exits.work["exit2"].executed, pruned.work["conv3"].output_kept
    assert kept[~late].max() <= kept[late].min()
