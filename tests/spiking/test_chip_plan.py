"""A neuromorphic chip as a plan: times a person can follow, the recorded mesh run, and a chip beside a processor."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from simulator.engine import run
from simulator.errors import MappingError, PlatformError
from simulator.lowered import Lowered
from simulator.lowering import lower
from simulator.mapping import LayerRule, MappingRules
from simulator.platform import Platform, load_platform
from simulator.result import Result
from tests.spiking.reference import figures, lif_conv_input, lif_conv_network, mesh_network
from workloads.builder import NetworkBuilder as LayerBuilder
from workloads.generators import static_stream
from workloads.generators.spiking import spiking_stream
from workloads.network import Network
from workloads.spiking import NetworkBuilder, Neuron, make_spikes, simulate
from workloads.spiking.streams import network_of, stream_of
from workloads.tokens import TokenStream

ENGINES = ("simpy", "compiled")


def chip(folder: Path, keys: str, costs: str, more: str = "") -> Platform:
    path = folder / "chip.yaml"
    text = f"""
format: platform/1
name: chip
processing_elements:
  chip:
    model: neuromorphic
    {keys}
    costs: {{{costs}}}
{more}"""
    path.write_text(text, encoding="utf-8")
    return load_platform(path)


def relay(delay: int = 0) -> TokenStream:
    """Three inputs, two relays in a row of one and two neurons; spikes in steps 0, 0 and 2."""
    neuron = Neuron(threshold=0.5, decay=0.0)
    network = NetworkBuilder((3,), delay=delay, name="relay").dense(np.ones((1, 3)), neuron, name="a")
    spiking = network.dense(np.ones((2, 1)), neuron, name="b").build()
    result = simulate(spiking, make_spikes((3,), 3, [0, 0, 2], [0, 1, 2]), keep_masks=True)
    return stream_of(result, network_of(spiking), np.zeros(3, dtype=np.int64))


def ends(lowered: Lowered, actor: str) -> list[int]:
    """Departures of an actor in nanoseconds; both engines must agree on them."""
    names = [a.name for a in lowered.plan.actors]
    found = [run(lowered.plan, engine=engine) for engine in ENGINES]
    for one, other in zip(found[0].end, found[1].end, strict=True):
        assert np.array_equal(one, other)
    return [int(t * lowered.plan.tick * 10**9) for t in found[0].end[names.index(actor)]]


COSTS = (
    "neuron_access: {time: 10 ns, basis: chosen}, spike_out: {time: 5 ns, basis: chosen},"
    " packet_out: {time: 2 ns, basis: chosen}, packet_in: {time: 3 ns, basis: chosen}, synapse:"
    " {time: 4 ns, basis: chosen},"
    " entry: {time: 1 ns, basis: chosen}, hop_north: {time: 100 ns, basis: chosen}"
)


def test_free_running_cores_follow_their_spikes(tmp_path: Path) -> None:
    lowered = lower(chip(tmp_path, "mesh: {height: 2}\n    synchronisation: free", COSTS), relay())
    # Entry: 2 packets, none, 1. Step 0: synapses of a 2 * (3 + 4) = 14 ns, then its walk 10 + 5 + 2, the hop 100, 3 +
    # 2 * 4 on b's core, then b walks 2 * 10 + 2 * 5.
    assert ends(lowered, "chip.input@entry") == [2, 2, 3]
    assert ends(lowered, "chip.input@entry->0") == [16, 23]
    assert ends(lowered, "chip.a@0") == [33, 43, 60]
    assert ends(lowered, "chip.a@0~>1") == [33, 60]
    assert ends(lowered, "chip.a@0->1") == [144, 171]
    assert ends(lowered, "chip.b@1") == [174, 194, 224]
    assert ends(lowered, "b") == [174, 194, 224]


def test_a_barrier_holds_every_core_until_the_slowest_is_through(tmp_path: Path) -> None:
    platform = chip(tmp_path, "mesh: {height: 2}\n    synchronisation: barrier\n    barrier: 50 ns", COSTS)
    lowered = lower(platform, relay())
    # Step 0 ends with b at 174, step 1 with a's 10 and b's 20; step 2 takes 1 + 7 + 17 + 100 + 11 + 30.
    assert ends(lowered, "chip.barrier") == [224, 304, 520]
    assert ends(lowered, "chip.b@1") == [174, 254, 470]


def test_a_delayed_spike_acts_one_step_later(tmp_path: Path) -> None:
    platform = chip(tmp_path, "mesh: {height: 2}\n    synchronisation: barrier", COSTS)
    lowered = lower(platform, relay(delay=1))
    # Step 0 takes two packets in while b walks 20; in step 1 a fires and its packet arrives; b fires in step 2.
    assert ends(lowered, "chip.barrier") == [20, 148, 178]


def test_a_tick_keeps_steps_apart(tmp_path: Path) -> None:
    platform = chip(tmp_path, "mesh: {height: 2}\n    tick: 1 us", COSTS)
    assert ends(lower(platform, relay()), "chip.a@0") == [33, 1010, 2017]


def test_a_chip_whose_work_takes_no_time_is_paced_by_its_tick(tmp_path: Path) -> None:
    """As SpiNNaker is modelled: the barrier waits for steps that begin by the clock, which is no cycle without time."""
    platform = chip(
        tmp_path,
        "mesh: {height: 2}\n    synchronisation: barrier\n    tick: 1 ms",
        "synapse: {energy: 1 pJ, basis: chosen}",
    )
    lowered = lower(platform, relay())
    assert ends(lowered, "chip.b@1") == [0, 1_000_000, 2_000_000]
    found = Result(lowered, run(lowered.plan), wall_s=0.0)
    assert (found.summary()["throughput_fps"], found.bottleneck.name) == (1000.0, "chip")
    assert found.bottleneck.reason == "'chip' begins a step every 1000 us, and all that belongs to one is done then"


def test_a_slow_link_delays_packets_that_share_it(tmp_path: Path) -> None:
    fast = chip(tmp_path, "mesh: {height: 2}\n    synchronisation: free", COSTS)
    assert ends(lower(fast, relay()), "chip.a@0->1") == [144, 171]
    slow = chip(tmp_path, "mesh: {height: 2, link: 20 MB/s}\n    synchronisation: free", COSTS)
    # 4 bytes at 20 MB/s are 200 ns on the link before the hop; the second packet waits for the first.
    assert ends(lower(slow, relay()), "chip.a@0~>1") == [233, 433]
    assert ends(lower(slow, relay()), "chip.a@0->1") == [344, 544]


def mesh_stream() -> TokenStream:
    builder = LayerBuilder("mesh", number="int", weight_bits=8, activation_bits=1)
    x = builder.conv(builder.input((1, 10, 10), "source"), 4, 3, bias=False, name="conv1")
    x = builder.conv(x, 8, 3, 2, bias=False, name="conv2")
    builder.dense(builder.flatten(x), 6, bias=False, name="dense")
    result = simulate(mesh_network(), steps=40, keep_masks=True)
    return stream_of(result, builder.build(), np.zeros(40, dtype=np.int64))


def mesh_platform(folder: Path, slices: int) -> Platform:
    given = figures("sanafe_mesh.json")["architecture"]
    names = {
        "neuron_access": "access_neuron",
        "neuron_update": "update_neuron",
        "spike_out": "spike_out",
        "synapse": "process_spike",
        "dendrite": "dendrite_update",
        "packet_out": "message_out",
        "packet_in": "message_in",
    } | {f"hop_{d}": f"{d}_hop" for d in ("north", "east", "south", "west")}
    costs = ", ".join(
        f"{ours}: {{energy: {given[f'energy_{theirs}'] * 1e12:.6g} pJ,"
        f" time: {given[f'latency_{theirs}'] * 1e9:.6g} ns, basis: chosen}}"
        for ours, theirs in names.items()
    )
    keys = f"mesh: {{width: 3, height: 2, cores_per_tile: 2}}\n    slices: {slices}\n    barrier: 200 ns"
    return chip(folder, keys, costs)


RULES = MappingRules([LayerRule("conv1", cores=4), LayerRule("conv2", cores=3), LayerRule("dense", cores=1)])


def test_plan_of_the_mesh_run_has_its_energy_and_nearly_its_detailed_time(tmp_path: Path) -> None:
    reference = figures("sanafe_mesh.json")
    lowered = lower(mesh_platform(tmp_path, 64), mesh_stream(), RULES)
    simpy, compiled = (run(lowered.plan, engine=engine) for engine in ENGINES)
    for one, other in zip(simpy.end, compiled.end, strict=True):
        assert np.array_equal(one, other)
    result = Result(lowered=lowered, trace=compiled)
    assert result.summary()["energy_mj"] == pytest.approx(reference["total_energy_J"] * 1e3, rel=1e-9)
    seconds = compiled.now * float(lowered.plan.tick)
    assert seconds == pytest.approx(sum(reference["step_time_detailed_s"]), rel=0.01)


def test_finer_slices_let_packets_leave_earlier(tmp_path: Path) -> None:
    times = [
        run(lower(mesh_platform(tmp_path, n), mesh_stream(), RULES).plan, engine="compiled").now for n in (1, 4, 16)
    ]
    assert times[0] > times[1] > times[2]


def test_packets_wait_in_the_buffers_that_the_file_gives(tmp_path: Path) -> None:
    stream = mesh_stream()
    path = mesh_platform(tmp_path, 64).source
    tight = tmp_path / "tight.yaml"
    tight.write_text(path.replace("cores_per_tile: 2}", "cores_per_tile: 2, buffer: 4 token}"), encoding="utf-8")
    free, bounded = (lower(load_platform(p), stream, RULES) for p in (tmp_path / "chip.yaml", tight))
    assert all(c.capacity is None or c.capacity >= 4 for c in bounded.plan.channels)
    traces = [run(lowered.plan, engine="compiled") for lowered in (free, bounded)]
    walks = [
        i for i, actor in enumerate(free.plan.actors) if actor.name.startswith("chip.conv1@") and ">" not in actor.name
    ]
    late = [traces[1].end[i] - traces[0].end[i] for i in walks]
    # The receivers set the pace, so the run ends when it did; but the senders are held while the buffers are full.
    assert max(int(d.max()) for d in late) > 0
    assert traces[1].now >= traces[0].now


def small() -> Network:
    builder = LayerBuilder("small", number="int", weight_bits=8, activation_bits=1)
    x = builder.relu(builder.conv(builder.input((2, 16, 16)), 8, 3, bias=False, name="conv1"))
    x = builder.avg_pool(x, 2, name="pool1")
    x = builder.relu(builder.conv(x, 8, 3, bias=False, name="conv2"))
    builder.dense(builder.flatten(x), 10, bias=False, name="fc")
    return builder.build()


@pytest.fixture(scope="module")
def stream() -> TokenStream:
    return spiking_stream(small(), 16, None, 1, steps=16, coding="events", activity=0.05)


@pytest.mark.parametrize("on_chip", ["*", "conv*", "fc", "conv1"])
def test_layers_may_lie_on_the_chip_or_beside_it(stream: TokenStream, on_chip: str) -> None:
    platform = load_platform("neuromorphic-soc")
    layers = [LayerRule("*", element="cpu"), LayerRule(on_chip, element="chip")]
    if on_chip == "conv*":
        layers.append(LayerRule("pool1", element="chip"))
    lowered = lower(platform, stream, MappingRules(layers))
    simpy, compiled = (run(lowered.plan, engine=engine) for engine in ENGINES)
    for one, other in zip(simpy.end, compiled.end, strict=True):
        assert np.array_equal(one, other)
    summary = Result(lowered=lowered, trace=simpy).summary()
    assert summary["delivered"] == 16
    synapse = sum(
        amounts.total(lowered.plan.actors[i].firings)
        for i, note in enumerate(lowered.actors)
        for cause, amounts in note.energy_pj.items()
        if cause == "synapse"
    )
    names = [n for n in ("conv1", "conv2", "fc") if lowered.origin["layers"][n]["element"] == "chip"]  # type: ignore[index]
    events = sum(float(stream.work[n].extra["synaptic_events"].sum()) for n in names)
    assert synapse == pytest.approx(24.0 * events, rel=1e-9)


def test_recurrent_spikes_stay_on_the_chip(tmp_path: Path) -> None:
    neuron = Neuron(threshold=0.5, decay=0.0)
    builder = NetworkBuilder((1,), name="loop").dense([[1.0]], neuron, name="loop").recurrent([[1.0]], delay=1)
    spiking = builder.build()
    result = simulate(spiking, make_spikes((1,), 4, [0], [0]), keep_masks=True)
    stream = stream_of(result, network_of(spiking), np.zeros(4, dtype=np.int64))
    lowered = lower(chip(tmp_path, "synchronisation: free", COSTS), stream)
    assert ends(lowered, "chip.loop@0") == [25, 49, 73, 97]


def test_layers_that_do_not_fit_are_named(tmp_path: Path, stream: TokenStream) -> None:
    platform = chip(tmp_path, "mesh: {cores_per_tile: 4}\n    core: {neurons: 256}", COSTS)
    with pytest.raises(MappingError, match=r"layer 'conv1' \(1568 neurons\) needs 7 cores, 4 of 4 are left"):
        lower(platform, stream)


def test_frames_of_values_cannot_run_on_a_spiking_chip(tmp_path: Path) -> None:
    platform = chip(tmp_path, "synchronisation: free", COSTS)
    with pytest.raises(
        (MappingError, PlatformError), match=r"runs spiking layers only; layer 'conv1' comes as frames of values"
    ):
        lower(platform, static_stream(small(), 4))


def test_a_network_gets_the_layers_of_its_populations() -> None:
    network = network_of(lif_conv_network())
    assert [layer.kind for layer in network.layers.values()] == [
        "input", "conv", "avg_pool", "conv", "avg_pool", "flatten", "dense",
    ]  # fmt: skip
    assert network["conv2"].macs == 12 * 64 * 8 * 9
    run_ = simulate(lif_conv_network(), lif_conv_input())
    stream = stream_of(run_, network, np.zeros(32, dtype=np.int64), event_driven=True)
    assert stream.work["conv1"].macs.tolist() == run_.synaptic_events["conv1"].tolist()


@pytest.mark.parametrize("name", ["loihi", "loihi-fitted", "sne", "speck"])
def test_shipped_chips_run_a_small_network(name: str, stream: TokenStream) -> None:
    lowered = lower(load_platform(name), stream)
    trace = run(lowered.plan, engine="compiled")
    assert trace.complete
    assert Result(lowered=lowered, trace=trace).summary()["delivered"] == 16


def test_a_crossbar_refuses_more_sources_than_it_has_rows(stream: TokenStream) -> None:
    with pytest.raises(
        MappingError, match=r"'conv2' does not fit even with one neuron a core: 288 axons in where a core holds 256"
    ):
        lower(load_platform("truenorth"), stream)


def test_a_result_is_read_out_when_its_spikes_can_have_come_that_far(tmp_path: Path) -> None:
    # Steps of 1 us; b is two layers of one step each behind the input, so the result of step 0 leaves with step 2.
    lowered = lower(chip(tmp_path, "mesh: {height: 2}\n    tick: 1 us", COSTS), relay(delay=1))
    walks = ends(lowered, "chip.b@1")
    assert [t // 1000 for t in walks] == [0, 1, 2]
    assert ends(lowered, "b") == [walks[2]] * 3


def test_no_step_begins_before_its_input_is_there(tmp_path: Path) -> None:
    paced = dataclasses.replace(relay(delay=1), release_ps=np.array([0, 5, 10]) * 10**6)
    for keys in ("synchronisation: free", "synchronisation: barrier"):
        lowered = lower(chip(tmp_path, f"mesh: {{height: 2}}\n    {keys}", COSTS), paced)
        assert [t // 1000 for t in ends(lowered, "chip.b@1")] == [0, 5, 10]


def test_a_lossy_input_drops_steps_that_find_the_chip_busy(tmp_path: Path) -> None:
    slow = COSTS.replace("neuron_access: {time: 10 ns", "neuron_access: {time: 10 us")
    crowded = dataclasses.replace(relay(), release_ps=np.array([0, 1, 2]) * 10**6, lossy=True)
    rules = MappingRules(input_frames=1)
    lowered = lower(chip(tmp_path, "mesh: {height: 2}", slow), crowded, rules)
    traces = [run(lowered.plan, engine=engine) for engine in ENGINES]
    for one, other in zip(traces[0].end, traces[1].end, strict=True):
        assert np.array_equal(one, other)
    assert Result(lowered=lowered, trace=traces[0]).summary()["dropped"] == 1
