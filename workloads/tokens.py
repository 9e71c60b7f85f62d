"""Token streams: frames that arrive at given times, each carrying the work it asks of every layer.

A generator (static, dynamic, spiking, ODE, continual) decides before the run how much work each frame asks of each
layer; the simulator only replays it. Arrays have one entry a frame, or a single entry where every frame is alike:
the lowering keeps such a layer as one period, so a static stream of a million frames costs the memory of one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from workloads.errors import WorkloadError
from workloads.network import Layer, LayerGroup, Network

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_NOTHING: Mapping[str, Floats] = MappingProxyType({})


@dataclass(frozen=True, slots=True, eq=False)
class LayerWork:
    """What the frames of a stream ask of one layer (with the elementwise layers fused to it).

    ``fraction`` is the share of the layer's dense multiply-accumulates that a frame needs (1 for a static network,
    above 1 where a solver evaluates the layer several times), ``input_kept`` and ``output_kept`` the shares of its
    input and output channels that are alive (structured), ``input_density`` the share of non-zero input values
    (unstructured), ``weight_kept`` the share of weights that must be fetched. ``executed`` False: an untaken branch,
    the layer has no work for that frame. ``macs`` and ``ops`` (other operations by kind) are counts a frame. All
    arrays have the shape ``(frames,)`` or ``(1,)``. ``extra`` carries counts that only some elements price:
    ``synaptic_events``, ``spikes_in``, ``spikes_out``, ``evaluations`` (solver right-hand sides),
    ``sequential_steps``, ``kernels`` (launches one after the other), ``new_weights`` (share of the layer's weights that
    the frame before did not use), ``gathered_weights`` and ``gathered_inputs`` (elements that a library must collect
    into a dense operand, since which ones a frame keeps is not known before it). ``piece_fraction`` of shape ``(frames
    or 1, rows)`` says how the frame's work spreads over its output rows where it is not even: the positions that are
    computed are then scattered over the map. ``input_positions`` and ``output_positions`` are the shares of the
    positions (pixels, steps) of its input and output that a frame has or changes; without ``piece_fraction`` the frame
    is smaller as a whole, as an image of another size is.
    """

    group: LayerGroup
    macs: Floats
    ops: Mapping[str, Floats]
    fraction: Floats
    input_kept: Floats
    output_kept: Floats
    input_density: Floats
    weight_kept: Floats
    executed: npt.NDArray[np.bool_]
    extra: Mapping[str, Floats] = field(default_factory=lambda: _NOTHING)
    piece_fraction: Floats | None = None
    input_positions: Floats = field(default_factory=lambda: np.ones(1))
    output_positions: Floats = field(default_factory=lambda: np.ones(1))

    @property
    def layer(self) -> Layer:
        """The main layer of the fused group."""
        return self.group.main

    @property
    def is_static(self) -> bool:
        """Whether every frame asks the same."""
        arrays = [
            self.macs,
            self.fraction,
            self.input_kept,
            self.output_kept,
            self.input_density,
            self.weight_kept,
            self.executed,
            self.input_positions,
            self.output_positions,
        ]
        shapes = [a.shape[0] for a in (*arrays, *self.ops.values(), *self.extra.values())]
        if self.piece_fraction is not None:
            shapes.append(self.piece_fraction.shape[0])
        return all(n == 1 for n in shapes)

    @property
    def total_ops(self) -> Floats:
        """All operations that are not multiply-accumulates, a frame."""
        total = np.zeros(1)
        for values in self.ops.values():
            total = total + values
        return total

    @property
    def weight_bytes(self) -> Floats:
        """Bytes of weights that must be fetched for a frame if none are held on chip."""
        stored: Floats = self.layer.weight_bytes * self.weight_kept
        return stored

    @property
    def input_bytes(self) -> Floats:
        """Bytes of activations read a frame, over all inputs."""
        read: Floats = self.layer.input_bytes * self.input_kept * self.input_positions * self.executed
        return read

    @property
    def output_bytes(self) -> Floats:
        """Bytes of activations written a frame (by the last fused layer)."""
        written: Floats = self.group.output_bytes * self.output_kept * self.output_positions * self.executed
        return written

    def each_frame(self, frames: int) -> LayerWork:
        """The same work with an entry for each of so many frames, also where all are alike."""
        shape = (frames,)
        return replace(
            self,
            macs=np.broadcast_to(self.macs, shape),
            ops={kind: np.broadcast_to(values, shape) for kind, values in self.ops.items()},
            fraction=np.broadcast_to(self.fraction, shape),
            input_kept=np.broadcast_to(self.input_kept, shape),
            output_kept=np.broadcast_to(self.output_kept, shape),
            input_density=np.broadcast_to(self.input_density, shape),
            weight_kept=np.broadcast_to(self.weight_kept, shape),
            executed=np.broadcast_to(self.executed, shape),
            extra={kind: np.broadcast_to(values, shape) for kind, values in self.extra.items()},
            input_positions=np.broadcast_to(self.input_positions, shape),
            output_positions=np.broadcast_to(self.output_positions, shape),
        )

    @classmethod
    def static(cls, group: LayerGroup) -> LayerWork:
        """Every frame asks the dense work of the layer, once."""
        one = np.ones(1)
        return cls(
            group=group,
            macs=np.array([float(group.macs)]),
            ops={kind: np.array([float(count)]) for kind, count in group.ops.items()},
            fraction=one,
            input_kept=one,
            output_kept=one,
            input_density=one,
            weight_kept=one,
            executed=np.ones(1, dtype=np.bool_),
        )

    def scaled(self, fraction: npt.ArrayLike) -> LayerWork:
        """The same layer with every frame's work (MACs and operations) multiplied by ``fraction`` (scalar or one a
        frame).
        """
        share = np.atleast_1d(np.asarray(fraction, dtype=np.float64))
        return replace(
            self,
            macs=self.macs * share,
            ops={kind: values * share for kind, values in self.ops.items()},
            fraction=self.fraction * share,
        )


@dataclass(frozen=True, slots=True, eq=False)
class TokenStream:
    """``frames`` frames of ``network``: when each arrives and what work it asks of each fused layer group.

    ``release_ps[f]`` is the arrival of frame f in picoseconds, never falling. ``work`` has an entry for each group
    of ``network.groups()`` (by group name) but the inputs. ``deadline_ps`` counts from the arrival; None where there
    is none. ``lossy``: a frame that finds the input full is dropped (a camera) instead of waiting. ``control`` pairs
    of groups (decides, waits): the second starts a frame only when the first is done with it, though no tensor
    passes. ``origin`` records generator, parameters and seed for the manifest.
    """

    network: Network
    frames: int
    release_ps: Ints
    work: Mapping[str, LayerWork]
    deadline_ps: int | None = None
    lossy: bool = False
    control: tuple[tuple[str, str], ...] = ()
    origin: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.frames < 1:
            raise WorkloadError(f"a token stream needs at least one frame; found {self.frames}: write frames=1 or more")
        if self.release_ps.shape != (self.frames,):
            raise WorkloadError(
                f"release_ps has shape {self.release_ps.shape}; write one arrival a frame: ({self.frames},)"
            )
        if self.release_ps.size and (int(self.release_ps[0]) < 0 or bool((np.diff(self.release_ps) < 0).any())):
            raise WorkloadError("arrival times must not be negative or fall; sort the frames by arrival")

    @property
    def is_saturated(self) -> bool:
        """Whether every frame is there from the start, so that the platform alone sets the pace."""
        return bool((self.release_ps == 0).all())
