"""Layers, works and elements for the tests of accelerators."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from simulator.elements.base import Assignment, Element, Stage
from workloads.builder import NetworkBuilder
from workloads.generators import static_stream
from workloads.network import Network
from workloads.tokens import LayerWork

E = TypeVar("E", bound=Element)


def element(kind: type[E], **config: Any) -> E:
    """An element called 'e' at 1 GHz unless said otherwise."""
    return kind("e", kind.Config(**{"model": "m", "clock": "1 GHz", **config}))


def conv(channels: int, size: int, filters: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> LayerWork:
    """An int8 convolution on a square map, padded to keep its size at stride 1."""
    b = builder()
    b.conv(b.input((channels, size, size)), filters, kernel, stride, kernel // 2, groups=groups, bias=False, name="c")
    return work_of(b.build(), "c")


def dense(inputs: int, outputs: int) -> LayerWork:
    """An int8 dense layer."""
    b = builder()
    b.dense(b.input((inputs,)), outputs, bias=False, name="d")
    return work_of(b.build(), "d")


def builder() -> NetworkBuilder:
    """A builder of int8 networks."""
    return NetworkBuilder("n", number="int", weight_bits=8, activation_bits=8)


def work_of(network: Network, name: str) -> LayerWork:
    """The work of one layer, the same for every frame."""
    return static_stream(network, 1).work[name]


def kept(work: LayerWork, inputs: list[float], outputs: list[float]) -> LayerWork:
    """The same layer with shares of its channels alive, one a frame."""
    return replace(work, input_kept=np.array(inputs), output_kept=np.array(outputs))


def only_stage(own: Element, work: LayerWork, batch: int = 1, **options: Any) -> Stage:
    """The single stage of a layer."""
    (stage,) = own.stages(work, Assignment("e", batch=batch, options=options))
    return stage


def cycles(own: Element, work: LayerWork, batch: int = 1, **options: Any) -> list[int]:
    """Cycles of each frame or batch."""
    found: list[int] = only_stage(own, work, batch, **options).cycles[:, 0].tolist()
    return found
