"""The walk over an ONNX graph: every node becomes a layer, a constant, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from workloads.builder import NetworkBuilder
from workloads.errors import Problem, WorkloadError
from workloads.importers.onnx_names import layer_name
from workloads.importers.onnx_values import Constant, Flow, Value, array_reader, fold


class Node:
    """One ONNX node with its attributes and the values it reads."""

    def __init__(self, proto: Any, inputs: list[Value | None], name: str) -> None:
        from onnx import helper

        self.proto = proto
        self.kind: str = proto.op_type
        self.name = name
        self.inputs = inputs
        self.attributes: dict[str, Any] = {a.name: helper.get_attribute_value(a) for a in proto.attribute}

    def get(self, key: str, default: Any = None) -> Any:
        """An attribute; strings as text."""
        value = self.attributes.get(key, default)
        return value.decode() if isinstance(value, bytes) else value

    def ints(self, key: str, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        return tuple(int(value) for value in self.attributes.get(key, default))

    def flow(self, place: int = 0) -> Flow:
        """The tensor at an input place."""
        value = self.inputs[place] if place < len(self.inputs) else None
        if not isinstance(value, Flow):
            raise WorkloadError(f"input {place} of {self.kind} must be a tensor that flows, and is a constant")
        return value

    def constant(self, place: int) -> Constant | None:
        """The constant at an input place; ``None`` where nothing stands there."""
        value = self.inputs[place] if place < len(self.inputs) else None
        if isinstance(value, Flow):
            raise WorkloadError(
                f"input {place} of {self.kind} is computed by '{value.layer}'; only constants are known there"
            )
        return value

    def parameter(self, place: int, what: str) -> Constant:
        """A constant that must be there."""
        found = self.constant(place)
        if found is None:
            raise WorkloadError(f"{self.kind} has no {what} (input {place})")
        return found


Handler = Callable[["Importer", Node], None]
"""Turns one node into layers."""


class Importer:
    """Turns nodes into layers of ``builder``; ``values`` says what every ONNX name stands for.

    ``handlers`` are the operators that become layers, by name.
    """

    def __init__(self, builder: NetworkBuilder, opset: int, handlers: Mapping[str, Handler]) -> None:
        self.builder = builder
        self.handlers = handlers
        self.opset = opset
        self.values: dict[str, Value] = {}
        self.stored_weights: dict[str, tuple[str, bool]] = {}
        self.biases: dict[str, str] = {}

    def walk(self, nodes: Iterable[Any]) -> list[Problem]:
        """Add every node; the faults of all nodes, those aside that only lack what a faulty one would have made."""
        protos = list(nodes)
        self.biases = self._separate_biases(protos)
        problems: list[Problem] = []
        for proto in protos:
            missing = [name for name in proto.input if name and name not in self.values]
            if missing:
                made = {name for other in protos for name in other.output}
                problems += [
                    Problem(0, 0, proto.name or proto.output[0], f"reads '{name}', which nothing makes")
                    for name in missing
                    if name not in made
                ]
                continue
            inputs = [self.values[name] if name else None for name in proto.input]
            try:
                self._add(proto, inputs)
            except WorkloadError as error:
                problems.append(Problem(0, 0, proto.name or proto.output[0], str(error)))
        return problems

    def _add(self, proto: Any, inputs: list[Value | None]) -> None:
        if proto.op_type == "Constant" or not any(isinstance(value, Flow) for value in inputs):
            self._fold(proto, inputs)
            return
        if proto.op_type == "Shape":
            self._shape(proto, inputs)
            return
        handler = self.handlers.get(proto.op_type)
        if handler is None or proto.domain not in ("", "ai.onnx"):
            name = proto.op_type if proto.domain in ("", "ai.onnx") else f"{proto.domain}.{proto.op_type}"
            raise WorkloadError(f"operator {name} is not known (known: {', '.join(sorted(self.handlers))})")
        handler(self, Node(proto, inputs, layer_name(proto, self.builder)))

    def _fold(self, proto: Any, inputs: list[Value | None]) -> None:
        """A node that reads constants only makes a constant."""
        constants = [value if isinstance(value, Constant) else None for value in inputs]
        if all(constant is None or constant.is_small for constant in constants):
            result = fold(proto, constants, self.opset)
            self.values[proto.output[0]] = Constant(result.shape, array_reader(result))
            return
        first = constants[0]
        if first is not None and proto.op_type in ("Identity", "Cast", "DequantizeLinear"):
            self.values[proto.output[0]] = first
        elif first is not None and proto.op_type == "Transpose":
            order = Node(proto, inputs, "").ints("perm", tuple(reversed(range(len(first.shape)))))
            self.values[proto.output[0]] = Constant(tuple(first.shape[axis] for axis in order))
        else:
            raise WorkloadError(f"{proto.op_type} of weights is not known; fold it before the export")

    def _shape(self, proto: Any, inputs: list[Value | None]) -> None:
        import numpy as np

        node = Node(proto, inputs, "")
        extents = node.flow().shape[node.get("start", 0) : node.get("end", None)]
        self.values[proto.output[0]] = Constant((len(extents),), array_reader(np.asarray(extents, dtype=np.int64)))

    def _separate_biases(self, protos: list[Any]) -> dict[str, str]:
        """Outputs of Conv and MatMul whose only reader adds a constant vector: the bias, written as its own node."""
        readers: dict[str, list[Any]] = {}
        for proto in protos:
            for name in proto.input:
                readers.setdefault(name, []).append(proto)
        found: dict[str, str] = {}
        for proto in protos:
            weights = self.values.get(proto.input[1]) if len(proto.input) == 2 else None
            following = readers.get(proto.output[0], []) if proto.output else []
            if proto.op_type not in ("Conv", "MatMul") or not isinstance(weights, Constant) or len(following) != 1:
                continue
            adder = following[0]
            others = [self.values.get(name) for name in adder.input if name != proto.output[0]]
            width = weights.shape[0] if proto.op_type == "Conv" else weights.shape[-1]
            if adder.op_type == "Add" and len(others) == 1 and isinstance(others[0], Constant):
                long = [extent for extent in others[0].shape if extent != 1]
                if long == [width] or (not long and width == 1):
                    found[proto.output[0]] = adder.output[0]
        return found

    def emit(self, node: Node, layer: str, shape: tuple[int, ...] | None = None, output: int = 0) -> None:
        """``layer`` makes the node's output; ``shape`` where ONNX sees it under another shape than the layer's."""
        batch = next(value.shape[0] for value in node.inputs if isinstance(value, Flow))
        self.values[node.proto.output[output]] = Flow(layer, shape or (batch, *self.builder.shape(layer)))

    def alias(self, node: Node) -> None:
        """The node does nothing at inference."""
        self.values[node.proto.output[0]] = node.flow()

    def keep_weights(self, layer: str, weights: Constant, transposed: bool = False) -> None:
        """Remember where the file stores the layer's weights."""
        if weights.initializer is not None:
            self.stored_weights[layer] = (weights.initializer, transposed)
