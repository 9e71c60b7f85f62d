"""The walk through a NIR graph: from each population forward through the linear nodes to the next neurons."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from workloads.errors import WorkloadError
from workloads.spiking.connections import Connection, Conv, Dense, OneToOne, Pool
from workloads.spiking.network import Population, Projection, SpikingNetwork
from workloads.spiking.neurons import (
    Comparison,
    CurrentOrder,
    Neuron,
    Reset,
    ResetAt,
    cuba_lif_from_time_constants,
    lif_from_time_constants,
)
from workloads.spiking.spikes import Index, Real

NEURONS = ("IF", "LIF", "CubaLIF", "I", "LI", "CubaLI", "Threshold")
TIMED = ("LIF", "CubaLIF", "LI", "CubaLI", "Delay")
RESETTING = ("IF", "LIF", "CubaLIF")
_SILENT = ("I", "LI", "CubaLI")
WEIGHTED = ("Conv1d", "Conv2d", "Affine", "Linear")


@dataclass(frozen=True, slots=True)
class NirConventions:
    """What a NIR graph leaves open: the step ``dt`` (s), the reset, and the steps a spike takes from layer to layer."""

    dt: float | None = None
    reset: Reset | None = None
    reset_at: ResetAt = "firing"
    comparison: Comparison = "strict"
    current: CurrentOrder = "updated"
    refractory: int = 0
    layer_delay: int = 0
    integrator: Literal["per_step", "per_second"] = "per_step"


@dataclass(frozen=True, slots=True)
class _Path:
    """What lies between a population and where the walk stands."""

    source: str
    at: str
    shape: tuple[int, ...]
    pools: tuple[Pool, ...] = ()
    connection: Connection | None = None
    name: str = ""
    delay: Index | None = None
    source_scale: Real | None = None
    target_scale: Real | None = None
    bias: Real | None = None


class NirWalk:
    """From every population forward through the linear nodes to the next populations."""

    def __init__(
        self, label: str, nodes: dict[str, Any], edges: list[tuple[str, str]], conventions: NirConventions
    ) -> None:
        self._label, self._nodes, self._conventions = label, nodes, conventions
        self._kind = {n: type(v).__name__ for n, v in nodes.items()}
        self._after: dict[str, list[str]] = {n: [] for n in nodes}
        before: dict[str, list[str]] = {n: [] for n in nodes}
        for a, b in edges:
            self._after[a].append(b)
            before[b].append(a)
        self._inputs = [n for n in sorted(nodes) if self._kind[n] == "Input" and not before[n]]
        self._populations: dict[str, Population] = {}
        self._projections: list[Projection] = []
        self._problems: list[str] = []
        self._biased: set[tuple[str, str]] = set()

    def network(self) -> SpikingNetwork:
        known = (*NEURONS, *WEIGHTED, "Input", "Output", "Scale", "Flatten", "SumPool2d", "AvgPool2d", "Delay")
        self._problems += [
            f"{n!r} ({k}) has no spiking counterpart here" for n, k in sorted(self._kind.items()) if k not in known
        ]
        open_ends: list[str] = []
        for name in self._inputs:
            self._populations[name] = Population(name, _shape(self._nodes[name].input_type["input"]))
            open_ends.append(name)
        if not self._inputs:
            self._problems.append("no Input node without a predecessor")
        while open_ends:
            name = open_ends.pop(0)
            ways = self._follow(_Path(name, name, self._populations[name].shape))
            open_ends.extend(way.at for way in ways if self._arrive(way))
        if self._problems:
            raise WorkloadError(
                f"NIR graph {self._label}: cannot be mapped: " + "; ".join(dict.fromkeys(self._problems))
            )
        return SpikingNetwork(tuple(self._populations.values()), tuple(self._delayed()), self._label)

    def _follow(self, path: _Path) -> list[_Path]:
        """All ways on from here to the next neurons or Output; a loop of linear nodes is a fault."""
        found: list[_Path] = []
        work: list[tuple[_Path, tuple[str, ...]]] = [(replace(path, at=b), (b,)) for b in self._after[path.at]]
        while work:
            here, passed = work.pop(0)
            kind = self._kind[here.at]
            if kind in NEURONS or (kind == "Output" and not self._after[here.at]):
                found.append(here)
                continue
            through = self._through(here)
            for nxt in self._after[here.at] if through else ():
                if nxt in passed:
                    self._problems.append(f"{nxt!r} is in a loop without neurons")
                elif through:
                    work.append((replace(through, at=nxt), (*passed, nxt)))
        return found

    def _through(self, path: _Path) -> _Path | None:
        node, kind = self._nodes[path.at], self._kind[path.at]
        try:
            if kind in ("Input", "Output", "Flatten"):
                return replace(path, shape=(int(np.prod(path.shape)),)) if kind == "Flatten" else path
            if kind in WEIGHTED:
                return self._weigh(path, node, kind)
            if kind in ("SumPool2d", "AvgPool2d"):
                return self._pool(path, node, kind == "AvgPool2d")
            if kind == "Scale":
                return self._scale(path, node)
            if kind == "Delay":
                return self._delay(path, node)
        except WorkloadError as error:
            self._problems.append(f"{path.at!r} ({kind}): {error}")
        return None

    def _weigh(self, path: _Path, node: Any, kind: str) -> _Path:
        if path.connection is not None:
            raise WorkloadError(
                f"it follows {path.name!r} with no neurons between; multiply the two weights into one node"
            )
        bias = getattr(node, "bias", None)
        connection: Connection
        if kind in ("Affine", "Linear"):
            connection = (
                Dense(node.weight, (node.weight.shape[1],))
                if node.weight.ndim == 2
                else _refuse_batched(node.weight.shape)
            )
            shape: tuple[int, ...] = connection.out_shape
        else:
            line = kind == "Conv1d"
            given = _conv_shape(path, node, line)
            weight = np.asarray(node.weight)[..., None] if line else np.asarray(node.weight)
            pads = node.padding if isinstance(node.padding, str) else _pair(node.padding, 0 if line else None)
            connection = Conv(
                weight,
                given,
                _pair(node.stride, 1 if line else None),
                pads,
                _pair(node.dilation, 1 if line else None),
                int(node.groups),
            )
            shape = connection.out_shape[:2] if line else connection.out_shape
            bias = (
                None if bias is None else np.repeat(np.asarray(bias), connection.out_shape[1] * connection.out_shape[2])
            )
        values = None if bias is None or not np.any(bias) else np.asarray(bias, dtype=np.float64).ravel()
        return replace(path, connection=connection, shape=shape, name=path.at, bias=values)

    def _pool(self, path: _Path, node: Any, average: bool) -> _Path:
        if path.connection is not None:
            raise WorkloadError(f"it pools the currents of {path.name!r}, not spikes; put the neurons before the pool")
        if len(path.shape) != 3:
            raise WorkloadError(f"it is given shape {path.shape}; it needs (channels, rows, columns)")
        pool = Pool(
            (path.shape[0], path.shape[1], path.shape[2]),
            _pair(node.kernel_size),
            _pair(node.stride),
            _pair(node.padding),
            average,
        )
        return replace(path, pools=(*path.pools, pool), shape=pool.out_shape)

    def _scale(self, path: _Path, node: Any) -> _Path:
        factor = np.broadcast_to(np.asarray(node.scale, dtype=np.float64), path.shape).ravel()
        if path.connection is not None:
            scaled = factor if path.target_scale is None else factor * path.target_scale
            return replace(path, target_scale=scaled, bias=None if path.bias is None else path.bias * factor)
        if path.pools:
            raise WorkloadError("it scales pooled spikes; put the Scale before the pool or fold it into the weights")
        return replace(path, source_scale=factor if path.source_scale is None else factor * path.source_scale)

    def _delay(self, path: _Path, node: Any) -> _Path:
        steps = np.rint(
            np.broadcast_to(np.asarray(node.delay, dtype=np.float64), path.shape).ravel()
            / (self._conventions.dt or 1.0)
        ).astype(np.int64)
        if path.connection is not None and np.ptp(steps):
            raise WorkloadError(
                "its delays differ from target to target; put it before the weights, one delay a source"
            )
        if path.pools and np.ptp(steps):
            raise WorkloadError("its delays differ within a pool; put it before the pool")
        if path.connection is not None or path.pools:
            steps = np.full(int(np.prod(self._populations[path.source].shape)), steps[0])
        return replace(path, delay=steps if path.delay is None else path.delay + steps)

    def _arrive(self, path: _Path) -> bool:
        """Add the projection that ends here; True if the population is new."""
        kind = self._kind[path.at]
        if kind == "Output":
            if path.connection is None:
                return False
            path = replace(path, at=f"{path.name}.readout")
        if self._kind.get(path.source) in _SILENT:
            self._problems.append(
                f"{path.source!r} ({self._kind[path.source]}) hands on its potential, not spikes; only an"
                " Output may follow it"
            )
            return False
        new = path.at not in self._populations
        if new:
            neuron = Neuron(decay=0.0, reset="none", fires=False) if kind == "Output" else self._neuron(path.at, kind)
            if neuron is None:
                return False
            shape = path.shape if kind == "Output" else self._neuron_shape(path)
            self._populations[path.at] = Population(path.at, shape, neuron)
        if self._populations[path.at].size != int(np.prod(path.shape)):
            self._problems.append(
                f"{path.at!r} ({kind}) has {self._populations[path.at].size} neurons, it is given {path.shape}"
            )
            return False
        self._projections.append(self._projection(path))
        return new and kind != "Output"

    def _neuron_shape(self, path: _Path) -> tuple[int, ...]:
        node = self._nodes[path.at]
        values = next(np.asarray(getattr(node, k)) for k in ("r", "threshold") if hasattr(node, k))
        return (
            tuple(values.shape)
            if values.size == int(np.prod(path.shape)) and values.ndim
            else (path.shape if values.size == 1 else tuple(values.shape))
        )

    def _projection(self, path: _Path) -> Projection:
        bias = path.bias
        if bias is not None and (path.name, path.at) in self._biased:
            bias = None
        elif bias is not None:
            self._biased.add((path.name, path.at))
        label = path.name or f"{path.source}->{path.at}"
        if any(p.name == label for p in self._projections):
            label = f"{path.source}->{path.name}->{path.at}"
        uniform = path.delay is not None and np.ptp(path.delay) == 0
        return Projection(
            source=path.source,
            target=path.at,
            connection=path.connection or OneToOne(path.shape),
            delay=int(path.delay[0]) if uniform and path.delay is not None else 0,
            pools=path.pools,
            source_scale=path.source_scale,
            target_scale=path.target_scale,
            bias=bias,
            name=label,
            source_delay=None if uniform else path.delay,
        )

    def _neuron(self, name: str, kind: str) -> Neuron | None:
        node, said = self._nodes[name], self._conventions
        shared: dict[str, Any] = {
            "reset": said.reset or "none",
            "reset_at": said.reset_at,
            "comparison": said.comparison,
        }
        if kind in RESETTING:
            shared |= {
                "refractory": said.refractory,
                "threshold": _wide(node.v_threshold),
                "reset_value": _wide(node.v_reset),
            }
        else:
            shared = {"reset": "none", "fires": kind == "Threshold", "comparison": said.comparison}
        dt = said.dt or 1.0
        try:
            if kind == "Threshold":
                return Neuron(decay=0.0, threshold=_wide(node.threshold), **shared)
            if kind in ("IF", "I"):
                return Neuron(gain=_wide(node.r) * (dt if said.integrator == "per_second" else 1.0), **shared)
            if kind in ("LIF", "LI"):
                return lif_from_time_constants(node.tau, dt, node.r, node.v_leak, **shared)
            return cuba_lif_from_time_constants(
                node.tau_mem, node.tau_syn, dt, node.r, node.v_leak, node.w_in, current=said.current, **shared
            )
        except WorkloadError as error:
            self._problems.append(f"{name!r} ({kind}): {error}")
            return None

    def _delayed(self) -> list[Projection]:
        """Every weighted hop takes the layer delay; without one, what turns back inside a loop takes one step."""
        if self._conventions.layer_delay:
            return [replace(p, delay=p.delay + self._conventions.layer_delay) for p in self._projections]
        depth = dict.fromkeys(self._inputs, 0)
        waiting = list(self._inputs)
        while waiting:
            name = waiting.pop(0)
            for projection in self._projections:
                if projection.source == name and projection.target not in depth:
                    depth[projection.target] = depth[name] + 1
                    waiting.append(projection.target)
        reach = {n: self._reachable(n) for n in self._populations}
        back = [depth[p.target] <= depth[p.source] and p.source in reach[p.target] for p in self._projections]
        return [replace(p, delay=max(p.delay, 1)) if b else p for p, b in zip(self._projections, back, strict=True)]

    def _reachable(self, name: str) -> set[str]:
        seen = {name}
        waiting = [name]
        while waiting:
            here = waiting.pop()
            for projection in self._projections:
                if projection.source == here and projection.target not in seen:
                    seen.add(projection.target)
                    waiting.append(projection.target)
        return seen


def _refuse_batched(shape: tuple[int, ...]) -> Connection:
    raise WorkloadError(f"its weight has shape {shape}; only (targets, sources) can be mapped")


def _conv_shape(path: _Path, node: Any, line: bool) -> tuple[int, int, int]:
    want = 2 if line else 3
    shape = path.shape
    if len(shape) != want and node.input_shape is not None:
        spatial = np.atleast_1d(node.input_shape).astype(int)
        channels = int(np.prod(shape)) // max(int(np.prod(spatial)), 1)
        shape = (channels, *(int(s) for s in spatial))
    if len(shape) != want or int(np.prod(shape)) != int(np.prod(path.shape)):
        raise WorkloadError(
            f"it is given shape {path.shape}; it needs {'(channels, length)' if line else '(channels, rows, columns)'}"
        )
    return (shape[0], shape[1], 1) if line else (shape[0], shape[1], shape[2])


def _pair(value: Any, second: int | None = None) -> tuple[int, int]:
    """NIR's one or two numbers as (rows, columns); ``second`` fixes the columns of a one-dimensional node."""
    flat = np.atleast_1d(np.asarray(value)).astype(int).ravel()
    return int(flat[0]), int(flat[-1]) if second is None else second


def _shape(value: Any) -> tuple[int, ...]:
    return tuple(int(v) for v in np.atleast_1d(value))


def _wide(value: Any) -> Any:
    return np.asarray(value, dtype=np.float64)
