"""NIR graphs: the reference network through a file, every node type, what is asked for and what is refused."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.spiking.reference import figures, lif_conv_input, lif_conv_weights, lif_dense_weights
from workloads.errors import WorkloadError
from workloads.generators import build_stream
from workloads.importers.nir import import_nir
from workloads.loading import load_network
from workloads.spiking import make_spikes, simulate, spikes_from_dense, write_nir_spikes

nir = pytest.importorskip("nir")
SHARED = Path(__file__).parents[3] / "shared" / "reference" / "snn"


def lif(shape: tuple[int, ...]) -> Any:
    ones = np.ones(shape, dtype=np.float32)
    return nir.LIF(tau=ones * np.float32(0.008), r=ones * 8, v_leak=ones * 0, v_threshold=ones, v_reset=ones * 0)


def conv(weight: np.ndarray, size: tuple[int, int]) -> Any:
    bias = np.zeros(weight.shape[0], dtype=np.float32)
    return nir.Conv2d(size, weight.astype(np.float32), 1, 1, 1, 1, bias)


def pool() -> Any:
    two = np.array([2, 2])
    return nir.SumPool2d(kernel_size=two, stride=two, padding=np.array([0, 0]))


def reference_graph() -> Any:
    nodes = {
        "input": nir.Input({"input": np.array([2, 16, 16])}),
        "0": conv(lif_conv_weights(8, 2, 1), (16, 16)),
        "0n": lif((8, 16, 16)),
        "1": pool(),
        "2": conv(lif_conv_weights(12, 8, 2), (8, 8)),
        "2n": lif((12, 8, 8)),
        "3": pool(),
        "4f": nir.Flatten({"input": np.array([12, 4, 4])}, 0),
        "4": nir.Linear(lif_dense_weights().astype(np.float32)),
        "4n": lif((10,)),
        "output": nir.Output({"output": np.array([10])}),
    }
    names = list(nodes)
    edges = list(pairwise(names))[::-1]
    return nir.NIRGraph(nodes, edges, {"dt": 1e-3, "reset": "subtract"}, type_check=False)


def test_graph_from_a_file_gives_the_counts_of_the_reference(tmp_path: Path) -> None:
    nir.write(tmp_path / "lif_conv.nir", reference_graph())
    network = import_nir(tmp_path / "lif_conv.nir", reset_at="next_step")
    run = simulate(network, lif_conv_input())
    reference = figures("lif_conv.json")
    spikes = np.stack([run.spikes[p.name].per_step() for p in network.layers], axis=1)
    assert spikes.tolist() == reference["spikes_per_step"]
    events = np.stack([run.synaptic_events[n] for n in ("0", "2", "4")], axis=1)
    assert events.tolist() == reference["synaptic_events_per_step"]


def test_shipped_lif_graph_gives_the_same_counts() -> None:
    path = SHARED / "lif_conv_ref.nir"
    if not path.exists():
        pytest.skip("the reference graph is not beside this checkout")
    run = simulate(import_nir(path, reset_at="next_step"), lif_conv_input())
    spikes = np.stack([run.spikes[p.name].per_step() for p in run.network.layers], axis=1)
    assert spikes.tolist() == figures("lif_conv.json")["spikes_per_step"]


@pytest.mark.parametrize("reset", ["zero", "subtract"])
def test_nmnist_network_of_the_nir_paper_fires_as_often_as_published_runs(reset: str) -> None:
    path = SHARED / "nmnist_cnn_sinabs.nir"
    if not path.exists():
        pytest.skip("the reference graph is not beside this checkout")
    reference = figures("nmnist_cnn.json")
    t, c, y, x = np.ogrid[:60, :2, :34, :34]
    spikes = spikes_from_dense(((x - t // 2 - 8 * c - (3 * y + t) % 5) % 17 == 0) & (y > 4) & (y < 29))
    assert spikes.count == reference["input_spikes"]
    run = simulate(import_nir(path, reset=reset), spikes)
    expected = reference["results"][reset]
    assert [run.spikes[p.name].count for p in run.network.layers] == pytest.approx(expected["total_spikes"], rel=5e-3)
    events = [int(run.synaptic_events[n].sum()) for n in ("0", "2", "5", "9", "11")]
    assert events == pytest.approx(expected["total_synaptic_events"], rel=5e-3)


def chain(*nodes: Any, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> Any:
    table = {"input": nir.Input({"input": np.array(inputs)})}
    table |= {f"n{i}": node for i, node in enumerate(nodes)}
    table["output"] = nir.Output({"output": np.array(outputs)})
    names = list(table)
    return nir.NIRGraph(table, list(pairwise(names)), type_check=False)


def neuron_if(size: int, threshold: float = 0.5) -> Any:
    return nir.IF(r=np.ones(size), v_threshold=np.full(size, threshold))


def test_what_the_graph_does_not_say_is_asked_for() -> None:
    graph = chain(nir.Linear(np.ones((2, 2))), lif((2,)), inputs=(2,), outputs=(2,))
    with pytest.raises(WorkloadError) as caught:
        import_nir(graph)
    assert str(caught.value) == (
        "NIR graph nir: it does not say dt (seconds; LIF 'n1' is in continuous time), e.g. dt=1e-3"
        " nor reset (LIF 'n1' fires), 'zero' or 'subtract'"
    )


def test_integrators_can_read_their_input_by_step_or_by_second() -> None:
    graph = chain(nir.Linear(np.ones((1, 1))), neuron_if(1), inputs=(1,), outputs=(1,))
    train = make_spikes((1,), 12, np.arange(12), np.zeros(12))
    assert simulate(import_nir(graph, reset="zero"), train).spikes["n1"].count == 12
    slow = import_nir(graph, reset="zero", dt=0.1, integrator="per_second")
    assert simulate(slow, train).spikes["n1"].count == 2


def test_recurrent_graph_in_a_nested_one_gets_one_step_of_delay() -> None:
    inner = nir.NIRGraph(
        {
            "input": nir.Input({"input": np.array([1])}),
            "lif": neuron_if(1),
            "w_rec": nir.Linear(np.ones((1, 1))),
            "output": nir.Output({"output": np.array([1])}),
        },
        [("input", "lif"), ("lif", "w_rec"), ("w_rec", "lif"), ("lif", "output")],
        type_check=False,
    )
    graph = chain(nir.Affine(np.ones((1, 1)), np.zeros(1)), inner, inputs=(1,), outputs=(1,))
    network = import_nir(graph, reset="zero")
    assert [p.name for p in network.layers] == ["n1.lif"]
    assert [p.delay for p in network.projections] == [0, 1]
    run = simulate(network, make_spikes((1,), 5, [1], [0]))
    assert run.spikes["n1.lif"].step.tolist() == [1, 2, 3, 4]


def test_scale_delay_bias_and_readout_are_folded_into_projections() -> None:
    graph = chain(
        nir.Scale(np.array([2.0, 0.5])),
        nir.Delay(np.array([0.001, 0.002])),
        nir.Affine(np.eye(2), np.array([0.25, 0.0])),
        neuron_if(2, 1.0),
        nir.Linear(np.array([[3.0, 5.0]])),
        inputs=(2,),
        outputs=(1,),
    )
    network = import_nir(graph, dt=1e-3, reset="zero")
    run = simulate(network, make_spikes((2,), 6, [0, 0, 1, 2], [0, 1, 1, 1]), track_potentials=True)
    # Neuron 0: 0.25, 2.5 fires at once, then 0.25 a step; neuron 1: 0.5 from step 2 on, three times.
    assert run.spikes["n3"].coordinates().tolist() == [[1, 0], [4, 1]]
    assert run.potential_sum["n4.readout"].tolist() == [0.0, 3.0, 0.0, 0.0, 5.0, 0.0]


def test_one_dimensional_convolution_is_a_column() -> None:
    weight = np.array([[[1.0, 2.0]]])
    graph = chain(nir.Conv1d(4, weight, 1, 0, 1, 1, np.zeros(1)), neuron_if(3, 1.5), inputs=(1, 4), outputs=(3,))
    run = simulate(import_nir(graph, reset="zero"), make_spikes((1, 4), 1, [0], [2]))
    assert run.spikes["n1"].index.tolist() == [1]


def test_nodes_without_a_counterpart_are_named_together() -> None:
    average = nir.AvgPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0]))
    graph = chain(
        conv(np.ones((1, 1, 3, 3)), (4, 4)),
        average,
        nir.Linear(np.ones((2, 4))),
        nir.LI(tau=np.ones(2), r=np.ones(2), v_leak=np.zeros(2)),
        nir.Linear(np.ones((1, 2))),
        neuron_if(1),
        inputs=(1, 4, 4),
        outputs=(1,),
    )
    with pytest.raises(WorkloadError) as caught:
        import_nir(graph, dt=0.1, reset="zero")
    assert "'n1' (AvgPool2d): it pools the currents of 'n0', not spikes; put the neurons before the pool" in str(
        caught.value
    )


def test_potentials_handed_on_as_signals_are_refused() -> None:
    middle = nir.LI(tau=np.ones(1), r=np.ones(1), v_leak=np.zeros(1))
    graph = chain(
        nir.Linear(np.ones((1, 1))), middle, nir.Linear(np.ones((1, 1))), neuron_if(1), inputs=(1,), outputs=(1,)
    )
    with pytest.raises(WorkloadError, match=r"'n1' \(LI\) hands on its potential, not spikes"):
        import_nir(graph, dt=0.1, reset="zero")


def test_a_file_that_is_no_graph_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.nir").write_text("no HDF5", encoding="utf-8")
    with pytest.raises(WorkloadError, match=r"x\.nir: not a NIR graph"):
        import_nir(tmp_path / "x.nir")


def test_fields_that_old_files_lack_get_their_defaults(tmp_path: Path) -> None:
    import h5py  # type: ignore[import-untyped]

    nir.write(tmp_path / "new.nir", reference_graph())
    with h5py.File(tmp_path / "new.nir", "a") as file:
        file["version"][()] = "0.1.1"
        for name in ("0n", "2n", "4n"):
            del file["node/nodes"][name]["v_reset"]
        for name in ("0", "2"):
            for key in ("groups", "dilation", "bias", "input_shape"):
                del file["node/nodes"][name][key]
    run = simulate(import_nir(tmp_path / "new.nir", reset_at="next_step"), lif_conv_input())
    assert run.spikes["4n"].count == 91


def test_unknown_convention_lists_the_known_ones() -> None:
    with pytest.raises(WorkloadError, match=r"the conventions are dt, reset, reset_at"):
        import_nir(reference_graph(), rest="zero")


def test_a_graph_is_a_workload_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "lif_conv.nir"
    nir.write(file, reference_graph())
    write_nir_spikes(tmp_path / "trains.nir", {"input": lif_conv_input()}, dt=1e-3)
    network = load_network(file)
    assert [layer.kind for layer in network.layers.values()] == [
        "input", "conv", "avg_pool", "conv", "avg_pool", "flatten", "dense",
    ]  # fmt: skip
    stream = build_stream(network, f"nir:file={file},reset_at=next_step,events={tmp_path / 'trains.nir'}")
    assert stream.frames == 32
    reference = np.array(figures("lif_conv.json")["synaptic_events_per_step"])
    for column, name in enumerate(("0n", "2n", "4n")):
        assert stream.work[name].extra["synaptic_events"].tolist() == reference[:, column].tolist()
    drawn = build_stream(network, f"nir:file={file},input_rate=0.1", frames=20, seed=3)
    assert drawn.work["0n"].extra["spikes_in"].mean() == pytest.approx(51.2, rel=0.1)


def test_a_graph_without_a_number_of_steps_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "lif_conv.nir"
    nir.write(file, reference_graph())
    with pytest.raises(WorkloadError, match=r"does not say how long it runs; give the time steps, frames=\.\.\."):
        build_stream(load_network(file), f"nir:file={file}")
    with pytest.raises(WorkloadError, match=r"is not network 'lenet-5'; name the same file twice"):
        build_stream(load_network("lenet-5"), f"nir:file={file}", frames=4)
