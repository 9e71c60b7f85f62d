"""What a processing-element model is: a frozen config out of the platform file, and the cost of a layer's work on
it.

A model says how long and with how many bytes each *piece* of a frame is worked on; the lowering turns pieces into
firings and wires them with the need, free and put counts of the layer's window. A model never sees the Plan.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from simulator.elements.precision import Precision
from simulator.units import EnergyPerMac, EnergyPerOp, Frequency, Power
from workloads.tokens import LayerWork

if TYPE_CHECKING:
    from simulator.elements.neuromorphic import Neuromorphic

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class EnergyConfig(BaseModel):
    """Energy of an element by cause; what is not given is not modelled, which is not zero."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mac: EnergyPerMac | None = Field(None, description="Energy of a multiply-accumulate at the precision it runs in")
    op: EnergyPerOp | None = Field(None, description="Energy of any other operation")
    idle: Power | None = Field(None, description="Power drawn all the time, busy or not")
    active: Power | None = Field(None, description="Power drawn in addition while the element is in service")


class ElementConfig(BaseModel):
    """What every processing element has in its YAML; models add their own keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(description="Name of a registered model, or 'package.module:Class'")
    clock: Frequency = Field(description="Clock in which the model counts its cycles")
    memory: str | None = Field(
        None, description="Memory that holds its activations and weights; the first one that serves it unless given"
    )
    precision: Precision | None = Field(
        None,
        description="Precision of a network without one of its own, e.g. 'int8'; the fastest listed unless given",
    )
    energy: EnergyConfig | None = Field(None, description="Energy by cause; not modelled where absent")


@dataclass(frozen=True, slots=True)
class Assignment:
    """How the mapping wants one layer group to run on an element.

    ``batch`` frames run together in one firing (frame granularity only). ``granularity`` is 'frame', 'row', 'pixel',
    'word' or 'timestep'. ``cores``: slots taken at once (None: the model's default). ``options`` are the model's own
    (an FPGA's ``pe``, ``simd``, ``ram_style``; a CPU's ``algorithm``).
    """

    element: str
    granularity: str = "frame"
    cores: int | None = None
    batch: int = 1
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """What each piece of a stage reads of one input, in elements of the input tensor in raster order (height, width,
    channel).

    Piece p needs the first ``need[p]`` elements of its frame and afterwards never again reads the first ``free[p]``.
    Both rise, shape (pieces,); the last piece frees everything. ``source`` is the position of the input among the
    layer's inputs; -1 is the previous stage of the same layer. ``room`` is how many elements the channel holds beyond
    what a piece needs, unless the mapping gives its depth; None leaves it to the lowering.
    """

    need: Ints
    free: Ints
    source: int = 0
    room: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """One actor to be: a step of a layer, ``pieces`` firings a frame.

    ``cycles`` (on the element's clock) has the shape (frames or 1, pieces or 1); ``read_bytes`` and ``write_bytes``
    likewise count traffic to the element's memory, ``weight_bytes`` that for weights (all floats; None: no traffic).
    ``written`` of shape (pieces,) is the cumulative number of output elements written after each piece.
    ``latency_cycles`` is a pipeline depth: the output is readable that much after the piece departs, and it occupies
    nothing. ``resource`` None shares the element's own slots; a name makes a resource of this stage alone. ``slots``
    are taken at once. ``does_macs``: the layer's multiply-accumulates happen here. With a batch the first axis of
    every array counts batches instead of frames. ``energy_pj`` gives dynamic energy by cause, each (frames or 1,
    pieces or 1); a cause that is not modelled is left out. ``output_bytes`` is what it writes a frame where that is
    not the layer's output. ``detail`` are figures for the layer table (folds, utilisation, estimates of LUTs ...).
    """

    name: str
    pieces: int
    cycles: Ints
    windows: tuple[Window, ...]
    written: Ints
    read_bytes: Floats | None = None
    write_bytes: Floats | None = None
    weight_bytes: Floats | None = None
    latency_cycles: int = 0
    resource: str | None = None
    slots: int = 1
    concurrency: int = 1
    does_macs: bool = True
    output_bytes: float | None = None
    energy_pj: Mapping[str, Floats] = field(default_factory=dict)
    detail: Mapping[str, float | str] = field(default_factory=dict)


class Element(ABC):
    """A processing element of a platform: subclass it, give it a ``Config`` and say what a layer costs.

    ``streaming`` models connect their layers by FIFOs in the fabric; others pass activations through their memory.
    A stage that names a ``resource`` has hardware of its own; all others share the element's ``slots``.
    ``native_precision`` is what a network of 32-bit floats runs in unless the platform file names another one.
    """

    Config: ClassVar[type[ElementConfig]] = ElementConfig
    streaming: ClassVar[bool] = False
    granularities: ClassVar[tuple[str, ...]] = ("frame", "row", "pixel")
    native_precision: ClassVar[str | None] = None

    def __init__(self, name: str, config: ElementConfig) -> None:
        self.name = name
        self.config = config

    @property
    def slots(self) -> int:
        """How many slots its resource has: cores of a CPU, queues of a GPU; 1 unless the model says otherwise."""
        return 1

    @property
    def clock_hz(self) -> Fraction:
        """The exact clock in hertz."""
        return Fraction(self.config.clock)

    @property
    def default_granularity(self) -> str:
        """The granularity used when the mapping names none."""
        return "frame"

    @property
    def default_precision(self) -> str | None:
        """Precision a network of 32-bit floats runs in here ('int8', 'fp16', ...); None leaves the network's own."""
        return self.config.precision or self.native_precision

    @property
    def chip(self) -> Neuromorphic | None:
        """The chip whose cores and packets make up the plan of all layers placed here (:mod:`simulator.lowering.chip`);
        None where each layer has stages of its own.
        """
        return None

    @abstractmethod
    def stages(self, work: LayerWork, assignment: Assignment) -> Sequence[Stage]:
        """The stages that do one layer's work, in dataflow order, the last one writing the layer's output.

        :func:`simulator.elements.one_stage.one_stage` makes the common one: a layer that takes so many cycles a frame.
        What is returned is checked (:mod:`simulator.elements.checked`): shapes, signs, and that every input is read.
        Raises ``PlatformError`` naming element, layer and what is supported, where the layer cannot run here.
        """

    def arrange(self, works: Sequence[LayerWork], assignments: Sequence[Assignment]) -> Sequence[Mapping[str, Any]]:
        """Options that depend on all layers placed here together, one map a layer (an FPGA's folding, weights that
        stay on chip).

        The lowering calls it once a run; what the mapping says explicitly wins over what is returned here.
        """
        return [{} for _ in works]

    def check(self, layers: Mapping[str, Sequence[Stage]]) -> None:
        """Whether all layers placed here fit together, given the stages of each; anything does unless the model says
        otherwise.

        Raises ``PlatformError`` that says what is too large and what to change.
        """
        return

    def supports(self, kind: str) -> bool:
        """Whether layers of this kind can run here; every kind unless the model says otherwise."""
        return True


def dynamic_energy(config: ElementConfig, work: LayerWork) -> dict[str, Floats]:
    """Energy in pJ a frame of the multiply-accumulates and other operations, of the causes that the config models."""
    energy: dict[str, Floats] = {}
    if config.energy is not None:
        if config.energy.mac is not None:
            energy["mac"] = work.macs * config.energy.mac
        if config.energy.op is not None:
            energy["op"] = work.total_ops * config.energy.op
    return energy
