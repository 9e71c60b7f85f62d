"""Mapping files: which layers run on which element, at which granularity, with which FIFO depths.

::

    format: mapping/1
    element: gpu                      # for every layer that no rule names; left out: chosen automatically
    policy: pipeline                  # ... so that the slowest element is quickest; 'latency' unless given
    layers:
      - {match: 'conv*', element: fpga, granularity: pixel, options: {pe: 16, simd: 32}}
      - {match: 'kind:dense', element: cpu, cores: 1}
    fifos:
      - {from: conv1, to: conv2, depth: 64 token}
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from simulator.checking import Fault, check_model, to_problems
from simulator.elements.precision import parse_precision
from simulator.errors import FileProblems, MappingError, PlatformError
from simulator.mapping.finn import read_folding
from simulator.mapping.mapping import FifoRule, LayerRule, MappingRules
from simulator.strict_yaml import KeyPath, Node, read_text, read_yaml
from simulator.units import Tokens
from workloads.arrivals import MOST_FRAMES

FORMAT = "mapping/1"


class MappingProblems(FileProblems, MappingError):
    """All faults of a mapping file together."""


class _LayerEntry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    match: str = Field(description="Shell pattern on layer names, or 'kind:conv'")
    element: str | None = Field(None, description="Processing element of the platform")
    granularity: str | None = Field(None, description="'frame', 'row', 'pixel' or 'word'")
    cores: int | None = Field(None, ge=1, description="Slots taken at once, on an element that has several")
    precision: str | None = Field(None, description="'int8', 'fp16', ...: for a network without a precision of its own")
    batch: int | None = Field(None, ge=1, le=MOST_FRAMES, description="Frames that run together in one firing")
    options: Mapping[str, Any] = Field({}, description="Options of the element's model")


class _FifoEntry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    producer: str = Field("*", alias="from", description="Shell pattern on the layer that writes")
    consumer: str = Field("*", alias="to", description="Shell pattern on the layer that reads")
    depth: Tokens = Field(description="Tokens it holds")


class MappingFile(BaseModel):
    """A mapping file as written."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["mapping/1"] = Field(description="Version of the file format")
    element: str | None = Field(None, description="Element of every layer that no rule names")
    granularity: str | None = Field(None, description="Granularity of every layer that no rule names")
    precision: str | None = Field(None, description="Precision of a network without one of its own")
    batch: int | None = Field(
        None, ge=1, le=MOST_FRAMES, description="Frames that run together, of every layer that no rule names"
    )
    policy: Literal["latency", "pipeline"] = Field(
        "latency", description="What an automatic choice of elements is for: a frame's latency, or throughput"
    )
    input_frames: int = Field(2, ge=1, description="Frames that wait at the entrance of a lossy stream")
    layers: tuple[_LayerEntry, ...] = Field((), description="Rules, later ones win")
    fifos: tuple[_FifoEntry, ...] = Field((), description="Depths of channels between layers")


def load_mapping(path: str | Path) -> MappingRules:
    """The rules of a mapping file, or of a FINN folding file (JSON); raises :class:`MappingProblems` or
    :class:`simulator.mapping.finn.FoldingProblems` with every fault of the file.
    """
    shown = str(path)
    text = read_text(Path(path), shown, MappingProblems)
    if text.lstrip().startswith("{") and Path(path).suffix == ".json":
        return MappingRules(folding=read_folding(text, shown), text=text)
    root = read_yaml(text, shown, MappingProblems)
    if not isinstance(root.value, dict):
        fault = Fault((), f"a mapping file is a map that begins 'format: {FORMAT}'")
        raise MappingProblems(shown, to_problems([fault], root, shown))
    file, faults = check_model(MappingFile, root)
    faults += _precision_faults(root)
    if faults or file is None:
        raise MappingProblems(shown, to_problems(faults, root, shown))
    return MappingRules(
        layers=tuple(
            LayerRule(e.match, e.element, e.granularity, e.cores, e.precision, e.batch, dict(e.options))
            for e in file.layers
        ),
        fifos=tuple(FifoRule(e.producer, e.consumer, e.depth) for e in file.fifos),
        element=file.element,
        granularity=file.granularity,
        precision=file.precision,
        batch=file.batch,
        input_frames=file.input_frames,
        policy=file.policy,
        text=text,
    )


def _precision_faults(root: Node) -> list[Fault]:
    places: list[tuple[KeyPath, Node | None]] = [(("precision",), root.children.get("precision"))]
    layers = root.children.get("layers")
    if layers is not None and isinstance(layers.value, list):
        places += [(("layers", i, "precision"), rule.children.get("precision")) for i, rule in enumerate(layers.value)]
    faults = []
    for path, node in places:
        if node is None or not isinstance(node.value, str):
            continue
        try:
            parse_precision(node.value)
        except PlatformError as error:
            faults.append(Fault(path, str(error)))
    return faults
