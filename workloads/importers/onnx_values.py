"""What a name in an ONNX graph stands for: a tensor that flows, or a constant (perhaps of known shape only)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workloads.errors import WorkloadError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[Any]

# Where an operator takes parameters rather than tensors.
_PARAMETER_PLACES: dict[str, frozenset[int]] = {
    "Conv": frozenset({1, 2}),
    "ConvTranspose": frozenset({1, 2}),
    "Gemm": frozenset({1, 2}),
    "MatMul": frozenset({1}),
    "BatchNormalization": frozenset({1, 2, 3, 4}),
    "PRelu": frozenset({1}),
    "Reshape": frozenset({1}),
    "Squeeze": frozenset({1}),
    "Unsqueeze": frozenset({1}),
    "Clip": frozenset({1, 2}),
    "Pad": frozenset({1, 2, 3}),
    "Resize": frozenset({1, 2, 3}),
    "Upsample": frozenset({1}),
    "ReduceMean": frozenset({1}),
    "Slice": frozenset({1, 2, 3, 4}),
    "Split": frozenset({1}),
    "Dropout": frozenset({1, 2}),
}
_PAIRWISE = frozenset({"Add", "Sub", "Mul", "Div"})
# Constants that shape arithmetic makes stay small; anything larger is a weight and is not computed with.
FOLDING_LIMIT = 100_000


@dataclass(frozen=True)
class Flow:
    """A tensor that a layer makes; ``shape`` has the batch in front."""

    layer: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Constant:
    """A value known before the run; ``read`` gives it, or is ``None`` where the file holds only a shape.

    ``initializer`` is the name under which the file stores it, if it does.
    """

    shape: tuple[int, ...]
    read: Callable[[], Array] | None = None
    initializer: str | None = None

    @property
    def is_small(self) -> bool:
        return self.read is not None and math.prod(self.shape) <= FOLDING_LIMIT

    def integers(self, what: str) -> tuple[int, ...]:
        """The value as integers; raises :class:`WorkloadError` where the file does not hold it."""
        if self.read is None:
            raise WorkloadError(f"its {what} is a graph input without data; store it in the file as an initializer")
        return tuple(int(value) for value in self.read().reshape(-1))

    def floats(self, what: str) -> tuple[float, ...]:
        """The value as floats; raises :class:`WorkloadError` where the file does not hold it."""
        if self.read is None:
            raise WorkloadError(f"its {what} is a graph input without data; store it in the file as an initializer")
        return tuple(float(value) for value in self.read().reshape(-1))


Value = Flow | Constant


def image_inputs(graph: Any) -> tuple[list[Any], list[Any]]:
    """The graph inputs that are frames, and those that are weights of which the file gives only the shape.

    An input with an initializer is a weight. Of the others, one that only ever stands where an operator takes
    parameters is a weight too; so is an operand of an elementwise operation that could only be broadcast, unless
    nothing else is left to be the frame.
    """
    stored = {tensor.name for tensor in graph.initializer}
    uses: dict[str, set[bool]] = {}
    for node in graph.node:
        for place, name in enumerate(node.input):
            uses.setdefault(name, set()).add(place in _PARAMETER_PLACES.get(node.op_type, frozenset()))
    pairwise = {name for node in graph.node if node.op_type in _PAIRWISE for name in node.input}
    frames: list[Any] = []
    weights: list[Any] = []
    vectors: list[Any] = []
    for entry in graph.input:
        if entry.name in stored:
            continue
        places = uses.get(entry.name, {False})
        extents = [dim.dim_value for dim in entry.type.tensor_type.shape.dim if dim.dim_value > 1]
        broadcast = entry.name in pairwise and len(extents) <= 1
        (weights if False not in places else vectors if broadcast else frames).append(entry)
    if not frames and vectors:
        frames.append(vectors.pop(0))
    return frames, weights + vectors


def dims(entry: Any) -> list[int | str]:
    """The extents of a graph input; a name or ``'?'`` where one is not fixed."""
    found: list[int | str] = []
    for dim in entry.type.tensor_type.shape.dim:
        kind = dim.WhichOneof("value")
        found.append(dim.dim_value if kind == "dim_value" else (dim.dim_param or "?"))
    return found


def fold(node: Any, constants: list[Constant | None], opset: int) -> Array:
    """The result of an operator on constants, computed by the ONNX reference implementation."""
    import onnx
    from onnx import helper
    from onnx.reference import ReferenceEvaluator

    feeds: dict[str, Array] = {}
    for name, constant in zip(node.input, constants, strict=True):
        if constant is not None and constant.read is not None:
            feeds[name] = constant.read()
    inputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
        for name, value in feeds.items()
    ]
    outputs = [helper.make_empty_tensor_value_info(node.output[0])]
    model = helper.make_model(
        helper.make_graph([node], "fold", inputs, outputs), opset_imports=[onnx.helper.make_opsetid("", opset)]
    )
    results: Any = ReferenceEvaluator(model).run(None, feeds)
    value: Array = results[0]
    return value


def array_reader(value: np.ndarray[Any, Any]) -> Callable[[], Array]:
    """A reader of an array already in memory."""

    def read() -> Array:
        return value

    return read
