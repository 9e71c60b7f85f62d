"""Run-time channel pruning against the closed form of feature boosting and suppression, and by its own laws."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from workloads.builder import NetworkBuilder
from workloads.dynamic.structured import structured_work
from workloads.errors import WorkloadError
from workloads.generators import static_stream
from workloads.generators.channels import fbs_stream, pruned_stream, similarity_stream, slimmable_stream
from workloads.loading import load_network

_TABLE = Path(__file__).parent.parent / "reference" / "dynamic" / "fbs_m_cifarnet.csv"


def _rows() -> list[dict[str, str]]:
    with _TABLE.open() as stream:
        return list(csv.DictReader(line for line in stream if not line.startswith("#")))


@pytest.mark.parametrize("row", _rows(), ids=lambda row: f"{row['density']}-{row['layer']}")
def test_fbs_equals_the_closed_form_of_every_layer(row: dict[str, str]) -> None:
    stream = fbs_stream(load_network("m-cifarnet"), frames=3, density=float(row["density"]), gates=False)
    work = stream.work[row["layer"]]
    assert work.macs.tolist() == [float(row["fbs_conv_macs"])]
    assert round(float(work.output_kept[0]) * int(row["cout"])) == int(row["cout_active"])


def test_fbs_saves_3_94_times_at_half_density_with_its_gates() -> None:
    """3.930 where the boost counts all channels, 3.941 with the active ones (143 552 gate weights)."""
    network = load_network("m-cifarnet")
    plain = fbs_stream(network, frames=2, density=0.5, gates=False)
    gated = fbs_stream(network, frames=2, density=0.5)
    boost = sum(
        float((gated.work[n].ops.get("mul", np.zeros(1)) - plain.work[n].ops.get("mul", np.zeros(1)))[0])
        for n in plain.work
    )
    conv = sum(float(work.macs[0]) for work in plain.work.values())
    macs = sum(float(work.macs[0]) for work in gated.work.values())
    assert macs - conv == 143_552
    assert round(network.macs / (macs + boost), 3) == 3.941
    assert round(network.macs / (macs + 2 * boost), 3) == 3.930


def test_fbs_fetches_other_weights_for_each_input() -> None:
    stream = fbs_stream(load_network("m-cifarnet"), frames=400, density=0.5, seed=3)
    fresh = stream.work["conv3"].extra["new_weights"]
    assert fresh.std() > 0
    # A quarter of the weights joins kept inputs to kept outputs; the frame before used a quarter of that quarter.
    assert abs(fresh[1:].mean() - 0.25 * 0.75) < 0.005
    assert fresh[0] == 0.25
    # The classifier keeps all its outputs; half of its inputs were alive in the frame before too.
    assert stream.work["logits"].extra["gathered_weights"].tolist() == [0.5 * 192 * 10]
    assert stream.work["conv3"].macs.shape == (1,)


def test_without_variance_pruning_is_the_static_network_of_that_density() -> None:
    network = load_network("m-cifarnet")
    steady = pruned_stream(network, frames=5, density=0.5, deviation=0.0)
    closed = fbs_stream(network, frames=5, density=0.5, gates=False)
    for name, work in steady.work.items():
        assert work.is_static
        assert work.macs.tolist() == closed.work[name].macs.tolist()


def test_full_density_is_the_static_network() -> None:
    network = load_network("m-cifarnet")
    static = static_stream(network, 2)
    for stream in (pruned_stream(network, 2, density=1.0), similarity_stream(network, 2, first=1.0, last=1.0)):
        assert {n: w.macs.tolist() for n, w in stream.work.items()} == {
            n: w.macs.tolist() for n, w in static.work.items()
        }


def test_varied_density_keeps_its_mean_and_whole_channels() -> None:
    stream = pruned_stream(load_network("m-cifarnet"), frames=4000, density=0.5, deviation=0.1, seed=1)
    kept = stream.work["conv5"].output_kept * 192
    assert np.allclose(kept, np.round(kept))
    assert abs(kept.mean() / 192 - 0.5) < 0.01
    assert abs(kept.std() / 192 - 0.1) < 0.01


def test_wider_widths_serve_harder_inputs() -> None:
    stream = slimmable_stream(load_network("m-cifarnet"), frames=1000, widths=(0.5, 1.0))
    kept = np.unique(stream.work["conv0"].output_kept)
    assert kept.tolist() == [0.5, 1.0]
    assert abs((stream.work["conv0"].output_kept == 1.0).mean() - 0.5) < 0.05


def test_an_addition_keeps_what_either_branch_keeps() -> None:
    b = NetworkBuilder("join")
    x = b.input((4, 8, 8))
    one = b.conv(x, 8, 1, name="one")
    two = b.conv(x, 8, 1, name="two")
    b.conv(b.add(one, two), 2, 1, name="last")
    work = structured_work(b.build(), {"one": np.array([0.25]), "two": np.array([0.75])})
    assert work["last"].input_kept.tolist() == [0.75]
    assert work["last"].macs.tolist() == [0.75 * 8 * 2 * 64]


def test_a_layer_that_chooses_no_channels_is_told() -> None:
    with pytest.raises(WorkloadError) as caught:
        structured_work(load_network("m-cifarnet"), {"pool7": np.array([0.5]), "conv": np.array([0.5])})
    assert "layer 'pool7' of kind 'avg_pool' chooses no channels; name a convolution or dense layer" in str(
        caught.value
    )
    assert "no layer 'conv'; did you mean 'conv7'?" in str(caught.value)
    with pytest.raises(WorkloadError, match=r"density is 0\.0; write a share above 0"):
        fbs_stream(load_network("m-cifarnet"), 1, density=0.0)
