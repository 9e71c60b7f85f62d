"""A spiking run as a token stream: one frame a time step, each layer with the spikes and synaptic events of its steps.

Elements that know nothing of spikes see a layer's dense work, or its synaptic events where the stream is made
event-driven; those that do see the run itself. Counts stand at the step in which spikes arrive; a delay between
layers shifts them there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from workloads.builder import NetworkBuilder
from workloads.errors import WorkloadError
from workloads.network import LayerGroup, Network
from workloads.spiking.connections import Conv, Dense, Pool
from workloads.spiking.network import Projection, SpikingNetwork
from workloads.spiking.simulation import SpikingRun, synaptic_events
from workloads.spiking.spikes import Real
from workloads.tokens import Ints, LayerWork, TokenStream

# A neuron's update in every step: leak, addition of the input, comparison with the threshold.
_UPDATE_OPS = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class SpikingWork(LayerWork):
    """The work of a layer in a spiking run; a frame is a time step.

    ``population`` is the layer's name in ``run.network``, None for a pool (which has no neurons). ``extra`` holds, a
    step, ``spikes_in``, ``spikes_out`` and ``synaptic_events``.
    """

    run: SpikingRun | None = None
    population: str | None = None


def stream_of(
    run: SpikingRun,
    network: Network,
    release_ps: Ints,
    event_driven: bool = False,
    origin: Mapping[str, object] | None = None,
) -> TokenStream:
    """The stream of ``run`` on ``network``, whose layers bear the names of the run's populations; pools lie between
    them.

    With ``event_driven`` the multiply-accumulates of a layer are its synaptic events, as an implementation does that
    walks spikes instead of kernels; otherwise they are the dense ones. Raises :class:`WorkloadError` where a layer
    with weights has no population.
    """
    names = {p.name for p in run.network.layers}
    missing = [g.name for g in network.groups() if g.main.is_compute and g.name not in names]
    if missing:
        raise WorkloadError(
            f"network '{network.name}': no population for layer {', '.join(map(repr, missing))}; name them alike"
        )
    work = {g.name: _work(g, run, event_driven) for g in network.groups() if g.kind != "input"}
    return TokenStream(
        network=network,
        frames=run.steps,
        release_ps=release_ps,
        work=work,
        origin={"generator": "spiking", **(origin or {})},
    )


def _work(group: LayerGroup, run: SpikingRun, event_driven: bool) -> SpikingWork:
    static = LayerWork.static(group)
    given = {f.name: getattr(static, f.name) for f in fields(LayerWork)}
    if group.name not in {p.name for p in run.network.layers}:
        return SpikingWork(**given, run=run)
    population = run.network[group.name]
    into = run.network.into(group.name)
    events, spikes_in, sources = (np.zeros(run.steps) for _ in range(3))
    for projection in into:
        events += _arriving(projection, synaptic_events(projection, run.spikes[projection.source]), run.steps)
        spikes_in += _arriving(projection, run.spikes[projection.source].per_step(), run.steps)
        sources += run.network[projection.source].size
    given["extra"] = {
        "spikes_in": spikes_in,
        "spikes_out": run.spikes[group.name].per_step().astype(np.float64),
        "synaptic_events": events,
        "sequential_steps": np.ones(1),
    }
    given["ops"] = {**static.ops, "neuron_update": np.array([_UPDATE_OPS * population.size])}
    given["input_density"] = np.minimum(spikes_in / np.maximum(sources, 1.0), 1.0)
    if event_driven:
        given["fraction"] = events / max(1.0, float(group.macs))
        given["macs"] = events
    return SpikingWork(**given, run=run, population=group.name)


def _arriving(projection: Projection, counts: Ints, steps: int) -> Real:
    """Counts a step of sending as counts a step of arrival."""
    late = np.zeros(steps)
    kept = max(0, steps - projection.delay)
    late[projection.delay :] = counts[:kept]
    return late


def network_of(spiking: SpikingNetwork, weight_bits: int = 8) -> Network:
    """The layers of a spiking network as other elements run them: convolutions, dense layers and average pools on
    1-bit maps.

    Raises :class:`WorkloadError` where a population has several forward projections, or one that is neither
    convolution nor dense. Feedback stays in the spiking network; a layer's own recurrence adds its work in
    :func:`stream_of` only through its events.
    """
    builder = NetworkBuilder(spiking.name, number="int", weight_bits=weight_bits, activation_bits=1)
    position = {name: i for i, group in enumerate(spiking.order) for name in group}
    where: dict[str, str] = {}
    for name in (n for group in spiking.order for n in group):
        population = spiking[name]
        if population.neuron is None:
            where[name] = builder.input(population.shape, name)
            continue
        forward = [p for p in spiking.into(name) if position[p.source] < position[name]]
        if len(forward) != 1:
            raise WorkloadError(
                f"network {spiking.name}: layer {name!r} has {len(forward)} forward inputs; write a chain"
            )
        where[name] = _add_layer(builder, where[forward[0].source], name, forward[0])
    return builder.build()


def _add_layer(builder: NetworkBuilder, x: str, name: str, projection: Projection) -> str:
    for number, pool in enumerate(projection.pools, start=1):
        x = _add_pool(builder, x, f"{name}.pool{number if number > 1 else ''}", pool)
    connection = projection.connection
    if isinstance(connection, Conv):
        if len(builder.shape(x)) == 2:
            raise WorkloadError(f"layer {name!r}: a one-dimensional convolution has no counterpart on other elements")
        x = builder.conv(
            x,
            connection.out_shape[0],
            (connection.weight.shape[2], connection.weight.shape[3]),
            connection.stride,
            connection.padding,
            dilation=connection.dilation,
            groups=connection.groups,
            bias=False,
            name=name,
        )
    elif isinstance(connection, Dense):
        if len(builder.shape(x)) > 1:
            x = builder.flatten(x, name=f"{name}.flatten")
        x = builder.dense(x, int(np.prod(connection.out_shape)), bias=False, name=name)
    else:
        raise WorkloadError(f"layer {name!r}: its {type(connection).__name__} has no counterpart on other elements")
    return x


def _add_pool(builder: NetworkBuilder, x: str, name: str, pool: Pool) -> str:
    return builder.avg_pool(x, pool.kernel, pool.stride, pool.padding, name=name)
