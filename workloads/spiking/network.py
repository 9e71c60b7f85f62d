"""A spiking network: populations of neurons, joined by projections with a delay in steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from workloads.errors import WorkloadError, did_you_mean
from workloads.spiking.connections import Connection, Conv, Dense, Events, FanOut, OneToOne, Pool
from workloads.spiking.neurons import Neuron
from workloads.spiking.spikes import Index, Real


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """Neurons of one kind; ``neuron`` None is an input whose spikes come from outside."""

    name: str
    shape: tuple[int, ...]
    neuron: Neuron | None = None

    @property
    def size(self) -> int:
        """Neurons of the population."""
        return int(np.prod(self.shape))


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """Synapses from ``source`` to ``target``: a spike of step t acts in step t + ``delay``.

    The spikes are scaled (``source_scale``, one value a source), pooled (``pools``), then meet the ``connection``;
    its currents are scaled (``target_scale``, one value a target) and ``bias`` is added in every step.
    ``source_delay`` adds a delay of its own to each source. ``name`` is the weighted layer's.
    """

    source: str
    target: str
    connection: Connection
    delay: int = 0
    pools: tuple[Pool, ...] = ()
    source_scale: Real | None = None
    target_scale: Real | None = None
    bias: Real | None = None
    name: str = ""
    source_delay: Index | None = None

    def arrive(self, step: Index, index: Index) -> Events:
        """The spikes as the connection sees them; ``step`` counts within the block."""
        events = Events(step, index, None if self.source_scale is None else self.source_scale.ravel()[index])
        for pool in self.pools:
            events = pool.forward(events)
        return events

    def fan_out(self, group: Index, groups: int) -> FanOut:
        """Synapses from each source neuron to each group of targets; a window pool in front counts every window."""
        reached = self.connection.fan_out(group, groups)
        for pool in reversed(self.pools):
            reached = _through_pool(pool, reached)
        return reached

    def synapses(self) -> int:
        """Synapses counted one by one, as if no weight were shared."""
        targets = int(np.prod(self.connection.out_shape))
        reached = self.fan_out(np.zeros(targets, dtype=np.int64), 1)
        used = reached.class_of[reached.class_of >= 0]
        return int(np.bincount(used, minlength=reached.table.shape[0]) @ reached.table[:, 0])


def _through_pool(pool: Pool, reached: FanOut) -> FanOut:
    which, window = pool.expand(np.arange(int(np.prod(pool.in_shape))))
    classes = reached.class_of[window]
    times = np.bincount(which, minlength=int(np.prod(pool.in_shape)))
    if times.max(initial=0) <= 1:
        class_of = np.full(times.size, -1, dtype=np.int64)
        class_of[which] = classes
        return FanOut(class_of, reached.table)
    table: Index = np.zeros((times.size, reached.table.shape[1]), dtype=np.int64)
    np.add.at(table, which[classes >= 0], reached.table[classes[classes >= 0]])
    return FanOut(np.arange(times.size), table)


@dataclass(frozen=True, slots=True, eq=False)
class SpikingNetwork:
    """Populations and projections, checked on construction.

    Raises :class:`WorkloadError` for unknown or repeated names, shapes that do not meet, and cycles without delay.
    """

    populations: tuple[Population, ...]
    projections: tuple[Projection, ...]
    name: str = "spiking"
    _order: tuple[tuple[str, ...], ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        names = [p.name for p in self.populations]
        for name in names:
            if names.count(name) > 1:
                raise WorkloadError(f"network {self.name}: two populations are called {name!r}; names must differ")
        for projection in self.projections:
            self._check(projection)
        object.__setattr__(self, "_order", components(names, self.projections, self.name))

    def _check(self, projection: Projection) -> None:
        label = projection.name or f"{projection.source} -> {projection.target}"
        for end in (projection.source, projection.target):
            if end not in {p.name for p in self.populations}:
                raise WorkloadError(
                    f"projection {label}: no population {end!r}{did_you_mean(end, [p.name for p in self.populations])}"
                )
        if projection.delay < 0:
            raise WorkloadError(f"projection {label}: a delay of {projection.delay} steps; write 0 or more")
        if self[projection.target].neuron is None:
            raise WorkloadError(f"projection {label}: {projection.target!r} is an input; its spikes come from outside")
        shape = self[projection.source].shape
        stages: tuple[Pool | Connection, ...] = (*projection.pools, projection.connection)
        for stage in stages:
            if int(np.prod(stage.in_shape)) != int(np.prod(shape)):
                raise WorkloadError(
                    f"projection {label}: {type(stage).__name__} takes {stage.in_shape}, it is given {shape}"
                )
            shape = stage.out_shape
        if int(np.prod(shape)) != self[projection.target].size:
            raise WorkloadError(
                f"projection {label}: it ends in {shape}, population {projection.target!r} has"
                f" {self[projection.target].shape}"
            )

    def __getitem__(self, name: str) -> Population:
        for population in self.populations:
            if population.name == name:
                return population
        raise WorkloadError(
            f"network {self.name}: no population {name!r}{did_you_mean(name, [p.name for p in self.populations])}"
        )

    @property
    def inputs(self) -> tuple[Population, ...]:
        """Populations whose spikes come from outside."""
        return tuple(p for p in self.populations if p.neuron is None)

    @property
    def layers(self) -> tuple[Population, ...]:
        """Populations that run dynamics."""
        return tuple(p for p in self.populations if p.neuron is not None)

    @property
    def order(self) -> tuple[tuple[str, ...], ...]:
        """Populations in causal order; those of one feedback loop stand together."""
        return self._order

    @property
    def neurons(self) -> int:
        """Neurons of all populations, inputs included."""
        return sum(p.size for p in self.populations)

    @property
    def synapses(self) -> int:
        """Synapses of all projections, shared weights counted each time they are used."""
        return sum(p.synapses() for p in self.projections)

    def into(self, name: str) -> tuple[Projection, ...]:
        """Projections that end at a population."""
        return tuple(p for p in self.projections if p.target == name)

    def out_of(self, name: str) -> tuple[Projection, ...]:
        """Projections that start at a population."""
        return tuple(p for p in self.projections if p.source == name)


def components(names: Sequence[str], projections: Sequence[Projection], label: str) -> tuple[tuple[str, ...], ...]:
    """Feedback loops as groups in causal order; inside a group, the order of its projections without delay."""
    after = {n: [p.target for p in projections if p.source == n] for n in names}
    groups = _strongly_connected(names, after)
    ordered: list[tuple[str, ...]] = []
    for group in groups:
        inner = {
            n: [p.target for p in projections if p.source == n and p.target in group and p.delay == 0] for n in group
        }
        parts = _strongly_connected([n for n in names if n in group], inner)
        loop = next((part for part in parts if len(part) > 1 or part[0] in inner[part[0]]), None)
        if loop is not None:
            raise WorkloadError(
                f"network {label}: the loop {' -> '.join(sorted(loop))} has no delay; give one of its"
                " projections delay=1"
            )
        ordered.append(tuple(part[0] for part in parts))
    return tuple(ordered)


def _strongly_connected(names: Sequence[str], after: dict[str, list[str]]) -> list[tuple[str, ...]]:
    """Tarjan's components in topological order, without recursion (deep networks) and without hash order."""
    position: dict[str, int] = {}
    lowest: dict[str, int] = {}
    open_names: list[str] = []
    found: list[tuple[str, ...]] = []
    for root in reversed(names):
        if root in position:
            continue
        work: list[tuple[str, int]] = [(root, 0)]
        while work:
            name, branch = work.pop()
            if name not in position:
                position[name] = lowest[name] = len(position)
                open_names.append(name)
            for i in range(branch, len(after[name])):
                nxt = after[name][i]
                if nxt not in position:
                    work += [(name, i), (nxt, 0)]
                    break
                if nxt in open_names:
                    lowest[name] = min(lowest[name], lowest[nxt])
            else:
                if lowest[name] == position[name]:
                    cut = open_names.index(name)
                    found.append(tuple(sorted(open_names[cut:], key=list(names).index)))
                    del open_names[cut:]
    return found[::-1]


class NetworkBuilder:
    """Builds a chain layer by layer; ``delay`` is the steps a spike takes from one weighted layer to the next.

    0 moves a spike through all layers in one step (snnTorch, NIR simulators), 1 is one layer a step (Loihi, SANA-FE).
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        delay: int = 0,
        name: str = "spiking",
        neuron: Neuron | None = None,
        input_name: str = "input",
    ) -> None:
        self._name, self._delay = name, delay
        self._populations = [Population(input_name, tuple(int(s) for s in input_shape), neuron)]
        self._projections: list[Projection] = []
        self._pools: list[Pool] = []

    @property
    def shape(self) -> tuple[int, ...]:
        """What the next layer is given."""
        return self._pools[-1].out_shape if self._pools else self._populations[-1].shape

    def conv(
        self,
        weight: npt.ArrayLike,
        neuron: Neuron,
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] | str = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        bias: npt.ArrayLike | None = None,
        name: str = "",
    ) -> NetworkBuilder:
        """A convolution and its neurons; ``weight`` (out, in / groups, rows, columns), ``bias`` (out)."""
        shape = self.shape
        if len(shape) != 3:
            raise WorkloadError(
                f"conv {name!r}: the layer before has shape {shape}; a convolution needs (channels, rows, columns)"
            )
        connection = Conv(weight, (shape[0], shape[1], shape[2]), stride, padding, dilation, groups)
        spread = (
            None
            if bias is None
            else np.repeat(np.asarray(bias, dtype=np.float64), connection.out_shape[1] * connection.out_shape[2])
        )
        return self._append(connection, neuron, spread, name or f"conv{len(self._populations)}")

    def depthwise(
        self,
        weight: npt.ArrayLike,
        neuron: Neuron,
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] | str = 0,
        name: str = "",
    ) -> NetworkBuilder:
        """A convolution of each channel by itself; ``weight`` (channels, 1, rows, columns)."""
        return self.conv(
            weight, neuron, stride, padding, groups=self.shape[0], name=name or f"depthwise{len(self._populations)}"
        )

    def sum_pool(
        self,
        kernel: int | tuple[int, int],
        stride: int | tuple[int, int] | None = None,
        padding: int | tuple[int, int] = 0,
        average: bool = False,
    ) -> NetworkBuilder:
        """Sum the spikes of each window on their way to the next layer; it costs no neurons."""
        shape = self.shape
        if len(shape) != 3:
            raise WorkloadError(f"sum_pool: the layer before has shape {shape}; it needs (channels, rows, columns)")
        self._pools.append(Pool((shape[0], shape[1], shape[2]), kernel, stride, padding, average))
        return self

    def dense(
        self, weight: npt.ArrayLike, neuron: Neuron, bias: npt.ArrayLike | None = None, name: str = ""
    ) -> NetworkBuilder:
        """A fully connected layer; ``weight`` (neurons, flattened inputs)."""
        connection = Dense(weight, in_shape=self.shape)
        return self._append(
            connection,
            neuron,
            None if bias is None else np.asarray(bias, dtype=np.float64),
            name or f"dense{len(self._populations)}",
        )

    def recurrent(self, weight: npt.ArrayLike | None = None, delay: int = 1) -> NetworkBuilder:
        """Feed the last layer's spikes back to itself: ``weight`` (neurons, neurons), or one to one if absent."""
        last = self._populations[-1]
        loop: Connection = OneToOne(last.shape) if weight is None else Dense(weight, last.shape, last.shape)
        self._projections.append(Projection(last.name, last.name, loop, delay, name=f"{last.name}.recurrent"))
        return self

    def build(self) -> SpikingNetwork:
        """The network, checked."""
        if self._pools:
            raise WorkloadError(f"network {self._name}: it ends in a pool; add the layer that the pooled spikes feed")
        return SpikingNetwork(tuple(self._populations), tuple(self._projections), self._name)

    def _append(self, connection: Connection, neuron: Neuron, bias: Real | None, name: str) -> NetworkBuilder:
        source = self._populations[-1].name
        self._populations.append(Population(name, connection.out_shape, neuron))
        self._projections.append(
            Projection(source, name, connection, self._delay, tuple(self._pools), bias=bias, name=name)
        )
        self._pools = []
        return self
