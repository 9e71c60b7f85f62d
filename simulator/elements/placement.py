"""Which core holds which neuron, and whether it fits: neurons, synapses, weight memory and axons of a core."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulator.elements.mesh import OUTSIDE
from simulator.errors import MappingError, did_you_mean
from workloads.spiking.connections import Conv
from workloads.spiking.network import Projection, SpikingNetwork

Ints = npt.NDArray[np.int64]


# Spreading a layer makes the layers before it reach more cores, so a few rounds may be needed.
_REPAIRS = 8


@dataclass(frozen=True, slots=True)
class CoreLimits:
    """What one core can hold; None is no limit.

    ``synapses`` counts them one by one; ``weight_bits`` is the weight memory, filled with ``bits_per_weight`` for
    each synapse, or for each stored weight where the core shares them (``shared_weights``). ``axons_out`` counts
    (neuron, destination core) pairs that leave a core, ``axons_in`` neurons elsewhere or here that reach it.
    """

    neurons: int | None = None
    synapses: int | None = None
    weight_bits: int | None = None
    bits_per_weight: int = 8
    shared_weights: bool = False
    axons_in: int | None = None
    axons_out: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """The core of every neuron; -1 for populations outside the chip (inputs that a host or a sensor sends).

    ``core_of`` by population, in the order of the population's index; a core walks its neurons in population order,
    then index.
    """

    network: SpikingNetwork
    cores: int
    core_of: Mapping[str, Ints]

    def neurons(self) -> Ints:
        """Neurons on each core."""
        held: Ints = np.zeros(self.cores, dtype=np.int64)
        for cores in self.core_of.values():
            inside = cores[cores != OUTSIDE]
            held += np.bincount(inside, minlength=self.cores)
        return held

    def holds(self, name: str) -> bool:
        """Whether a population lies on the chip."""
        cores = self.core_of[name]
        return bool(cores.size) and int(cores[0]) != OUTSIDE

    def projections(self, name: str) -> tuple[Projection, ...]:
        """The projections of a population that end on the chip; what leaves it is read out, not routed."""
        return tuple(p for p in self.network.out_of(name) if self.holds(p.target))

    def used_cores(self) -> Ints:
        """Cores that hold a neuron, rising."""
        return np.flatnonzero(self.neurons())


@dataclass(frozen=True, slots=True, eq=False)
class Need:
    """What a placement asks of each core, arrays over cores."""

    neurons: Ints
    synapses: Ints
    weight_bits: Ints
    axons_in: Ints
    axons_out: Ints


def place(
    network: SpikingNetwork,
    cores: int,
    limits: CoreLimits | None = None,
    cores_per_layer: Mapping[str, int] | None = None,
    inputs_on_chip: bool = False,
    outside: Collection[str] = (),
) -> Placement:
    """Give each layer whole cores, one layer after the other, its neurons in even contiguous parts.

    A layer takes as few cores as its limits allow unless ``cores_per_layer`` says how many. Input populations stay
    outside the chip unless ``inputs_on_chip``, and so do the layers named ``outside``. Raises :class:`MappingError`
    where a layer does not fit, or the cores run out.
    """
    wanted = dict(cores_per_layer or {})
    names = [p.name for p in network.populations]
    for name in wanted:
        if name not in names:
            raise MappingError(f"placement: no layer {name!r}{did_you_mean(name, names)}")
    bounds = limits or CoreLimits()
    off = {p.name for p in network.populations if p.neuron is None and not inputs_on_chip} | set(outside)
    placement = _one_after_the_other(network, cores, bounds, wanted, off)
    for _ in range(_REPAIRS if bounds.axons_out is not None else 0):
        # How many cores a neuron reaches is known only now: layers whose axons overflow are spread further.
        crowded = _overflowing(placement, bounds, wanted)
        if not crowded:
            break
        placement = _one_after_the_other(network, cores, bounds, {**crowded, **wanted}, off)
    check(placement, bounds)
    return placement


def _one_after_the_other(
    network: SpikingNetwork, cores: int, limits: CoreLimits, wanted: Mapping[str, int], off: Collection[str]
) -> Placement:
    core_of: dict[str, Ints] = {}
    taken = 0
    for population in network.populations:
        if population.name in off:
            core_of[population.name] = np.full(population.size, OUTSIDE, dtype=np.int64)
            continue
        split = best_split(network, population.name, limits, wanted.get(population.name))
        parts = int(split.max(initial=0)) + 1
        if taken + parts > cores:
            raise MappingError(
                f"placement: layer {population.name!r} ({population.size} neurons) needs {parts} cores, "
                f"{cores - taken} of {cores} are left; use more cores or a smaller network"
            )
        core_of[population.name] = taken + split
        taken += parts
    return Placement(network, cores, core_of)


def _overflowing(placement: Placement, limits: CoreLimits, fixed: Mapping[str, int]) -> dict[str, int]:
    """Parts for each layer so that its axons out would fit if each neuron reached as many cores as now."""
    need, bound = needs(placement, limits).axons_out, limits.axons_out or 0
    parts: dict[str, int] = {}
    over = False
    for name, core_of in placement.core_of.items():
        if not placement.holds(name) or name in fixed:
            continue
        own = np.unique(core_of)
        worst = int(need[own].max())
        parts[name] = min(core_of.size, max(own.size, -(-own.size * worst // bound)))
        over = over or parts[name] > own.size
    return parts if over else {}


def best_split(network: SpikingNetwork, name: str, limits: CoreLimits, parts: int | None = None) -> Ints:
    """The part of each neuron of a layer: even parts along its index, or along its rows of pixels where that takes
    fewer.

    Along the index a core holds whole channels and needs few kernels; along the rows it holds all channels of some
    pixels and is reached by few sources. ``parts`` fixes their number. Raises :class:`MappingError` where not even
    one neuron fits a core.
    """
    shape = network[name].shape
    ranks = [np.arange(network[name].size)]
    if len(shape) == 3 and shape[0] > 1 and shape[1] * shape[2] > 1:
        ranks.append(np.argsort(np.arange(network[name].size).reshape(shape).transpose(1, 2, 0).ravel(), kind="stable"))
    if parts is not None:
        splits = [_even(rank, parts) for rank in ranks]
        return min(splits, key=lambda split: max(1.0, _worst(network, name, split, limits)))
    found = [split for rank in ranks if (split := _fewest(network, name, rank, limits)) is not None]
    if not found:
        alone = _layer_need(network, name, ranks[0])
        raise MappingError(
            f"placement: layer {name!r} does not fit even with one neuron a core: {_excess(alone, limits)}"
        )
    return min(found, key=lambda split: int(split.max(initial=0)))


def _even(rank: Ints, parts: int) -> Ints:
    return rank * min(parts, rank.size) // rank.size


def _fewest(network: SpikingNetwork, name: str, rank: Ints, limits: CoreLimits) -> Ints | None:
    """The split along ``rank`` into the fewest parts that fit; None where not even single neurons do."""
    parts = 1 if limits.neurons is None else -(-rank.size // limits.neurons)
    while True:
        split = _even(rank, parts)
        worst = _worst(network, name, split, limits)
        if worst <= 1.0:
            return split
        if parts >= rank.size:
            return None
        parts = min(rank.size, max(parts + 1, int(parts * min(worst, 1.5))))


def _worst(network: SpikingNetwork, name: str, split: Ints, limits: CoreLimits) -> float:
    return max(_ratios(_layer_need(network, name, split), limits), default=0.0)


def _layer_need(network: SpikingNetwork, name: str, split: Ints) -> Need:
    """What each part needs for a layer's inputs; axons out are known only once all is placed."""
    parts = int(split.max(initial=0)) + 1
    synapses, weights, axons = _incoming(network.into(name), split, parts)
    return Need(np.bincount(split, minlength=parts), synapses, weights, axons, np.zeros(parts, dtype=np.int64))


def _incoming(projections: Sequence[Projection], core_of: Ints, cores: int) -> tuple[Ints, Ints, Ints]:
    """Synapses, stored weights and reaching source neurons of each core, over projections into one population."""
    synapses, weights, axons = (np.zeros(cores, dtype=np.int64) for _ in range(3))
    for projection in projections:
        reached = projection.fan_out(core_of, cores)
        times = np.bincount(reached.class_of[reached.class_of >= 0], minlength=reached.table.shape[0])
        synapses += times @ reached.table
        axons += times @ (reached.table > 0)
        weights += _stored(projection, core_of, cores)
    return synapses, weights, axons


def _stored(projection: Projection, core_of: Ints, cores: int) -> Ints:
    """Weights each core keeps if it stores a kernel once: whole kernels of the channels it holds a neuron of."""
    connection = projection.connection
    if isinstance(connection, Conv):
        channels = connection.out_shape[0]
        pairs = np.unique(core_of.reshape(channels, -1) * channels + np.arange(channels)[:, None])
        held, each = pairs // channels, connection.stored_weights // channels
    elif connection.stored_weights == 1:
        held, each = np.unique(core_of), 1
    else:
        held, each = core_of, connection.stored_weights // core_of.size
    stored: Ints = np.bincount(held, minlength=cores) * each
    return stored


def needs(placement: Placement, limits: CoreLimits | None = None) -> Need:
    """What the placement asks of each core; weight bits by the rule of ``limits``."""
    bounds = limits or CoreLimits()
    network, cores = placement.network, placement.cores
    synapses, weights, axons_in, axons_out = (np.zeros(cores, dtype=np.int64) for _ in range(4))
    for population in network.layers:
        core_of = placement.core_of[population.name]
        if not placement.holds(population.name):
            continue
        found = _incoming(network.into(population.name), core_of, cores)
        synapses, weights, axons_in = synapses + found[0], weights + found[1], axons_in + found[2]
    for population in network.populations:
        source = placement.core_of[population.name]
        if not placement.holds(population.name):
            continue
        for projection in placement.projections(population.name):
            reached = projection.fan_out(placement.core_of[projection.target], cores)
            leaving = np.where(reached.class_of < 0, 0, (reached.table > 0).sum(axis=1)[reached.class_of])
            axons_out += np.bincount(source, leaving, minlength=cores).astype(np.int64)
    bits = (weights if bounds.shared_weights else synapses) * bounds.bits_per_weight
    return Need(placement.neurons(), synapses, bits, axons_in, axons_out)


def check(placement: Placement, limits: CoreLimits) -> None:
    """Raise :class:`MappingError` naming layer, core, what it needs, what a core holds and how many cores would fit."""
    if all(b is None for b in (limits.neurons, limits.synapses, limits.weight_bits, limits.axons_in, limits.axons_out)):
        return
    need = needs(placement, limits)
    for label, values, bound in _pairs(need, limits):
        over = np.flatnonzero(values > bound)
        if not over.size:
            continue
        core = int(over[np.argmax(values[over])])
        layers = [n for n, cores in placement.core_of.items() if np.any(cores == core)]
        name = max(layers, key=lambda n: int(np.count_nonzero(placement.core_of[n] == core)))
        here = int(np.count_nonzero(placement.core_of[name] == core))
        used = int(np.unique(placement.core_of[name]).size)
        enough = max(used + 1, -(-used * int(values[core]) // bound))
        fits = max(1, here * bound // int(values[core]))
        raise MappingError(
            f"placement: layer {name!r} puts {int(values[core])} {label} on core {core}, which holds {bound}; "
            f"about {fits} of its {here} neurons there would fit: spread the layer over {enough} cores"
            f" instead of {used}"
        )


def _pairs(need: Need, limits: CoreLimits) -> list[tuple[str, Ints, int]]:
    rows = [
        ("neurons", need.neurons, limits.neurons),
        ("synapses", need.synapses, limits.synapses),
        ("bits of weights", need.weight_bits, limits.weight_bits),
        ("axons in", need.axons_in, limits.axons_in),
        ("axons out", need.axons_out, limits.axons_out),
    ]
    return [(label, values, bound) for label, values, bound in rows if bound is not None]


def _with_bits(need: Need, limits: CoreLimits) -> Need:
    stored = need.weight_bits if limits.shared_weights else need.synapses
    return Need(need.neurons, need.synapses, stored * limits.bits_per_weight, need.axons_in, need.axons_out)


def _ratios(need: Need, limits: CoreLimits) -> list[float]:
    return [float(values.max(initial=0)) / bound for _, values, bound in _pairs(_with_bits(need, limits), limits)]


def _excess(need: Need, limits: CoreLimits) -> str:
    rows = _pairs(_with_bits(need, limits), limits)
    return ", ".join(
        f"{int(v.max(initial=0))} {label} where a core holds {b}" for label, v, b in rows if v.max(initial=0) > b
    )
