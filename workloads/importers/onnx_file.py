"""Read an ONNX file as a network.

Any opset; weights may be initializers, constants, or graph inputs of which the file gives only the shape. The batch is
left out: figures are those of one frame. Nothing of the file is run.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workloads.builder import NetworkBuilder
from workloads.errors import FileProblems, Problem, WorkloadError
from workloads.importers.onnx_graph import Importer
from workloads.importers.onnx_ops import HANDLERS
from workloads.importers.onnx_values import Constant, Flow, dims, image_inputs
from workloads.network import Network

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def read_onnx(path: str | Path) -> Network:
    """The network in the ONNX file at ``path``, called after the file.

    A file that is no ONNX model raises :class:`WorkloadError`; what cannot be read of a graph (an operator that is not
    known, an input without fixed extents) raises :class:`FileProblems` with all of it.
    """
    path = Path(path)
    model = _parse(path)
    graph = model.graph
    builder = NetworkBuilder(path.stem)
    opset = max((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), default=1)
    importer = Importer(builder, opset, HANDLERS)
    problems = _add_inputs(graph, importer)
    if not problems:
        for tensor in graph.initializer:
            shape = tuple(tensor.dims)
            importer.values[tensor.name] = Constant(shape, partial(_read_tensor, tensor, path.parent), tensor.name)
        problems = importer.walk(graph.node)
    if problems:
        raise FileProblems(str(path), problems)
    for layer, (initializer, transposed) in importer.stored_weights.items():
        builder.attach_weights(layer, partial(_read_weights, str(path), initializer, transposed))
    return builder.build()


def _parse(path: Path) -> Any:
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        model = onnx.load(str(path), format="protobuf", load_external_data=False)
    except DecodeError:
        raise WorkloadError(
            f"{path}: not an ONNX model, or cut short ({path.stat().st_size:,} bytes do not parse as protobuf); "
            "export or download it again"
        ) from None
    except OSError as error:
        raise WorkloadError(f"{path}: cannot be read ({error.strerror})") from None
    if not model.graph.node:
        raise WorkloadError(f"{path}: holds no graph; export the model again")
    return model


def _add_inputs(graph: Any, importer: Importer) -> list[Problem]:
    frames, weights = image_inputs(graph)
    problems: list[Problem] = []
    for entry in weights:
        extents = dims(entry)
        if not all(isinstance(extent, int) for extent in extents):
            text = "x".join(map(str, extents))
            problems.append(
                Problem(0, 0, entry.name, f"a weight of unknown shape {text}; export it with fixed extents")
            )
        else:
            importer.values[entry.name] = Constant(tuple(int(extent) for extent in extents))
    for entry in frames:
        extents = dims(entry)
        if len(extents) < 2:
            problems.append(
                Problem(0, 0, entry.name, f"an input of shape {extents} has no batch in front; export it as 1 x ...")
            )
            continue
        free = [str(extent) for extent in extents[1:] if not isinstance(extent, int) or extent < 1]
        if free:
            text = "x".join(map(str, extents))
            problems.append(
                Problem(
                    0, 0, entry.name, f"the input {text} leaves {', '.join(free)} open; export it with a fixed size"
                )
            )
            continue
        # A batch that is left open is one frame.
        batch = extents[0] if isinstance(extents[0], int) and extents[0] > 0 else 1
        shape = tuple(int(extent) for extent in extents[1:])
        name = importer.builder.input(shape, name=entry.name)
        importer.values[entry.name] = Flow(name, (batch, *shape))
    if not frames and not problems:
        problems.append(Problem(0, 0, "graph.input", "no input carries frames; every input is a weight"))
    return problems


def _read_tensor(tensor: Any, folder: Path) -> NDArray[Any]:
    from onnx import numpy_helper

    value: NDArray[Any] = numpy_helper.to_array(tensor, base_dir=str(folder))
    return value


def _read_weights(path: str, initializer: str, transposed: bool) -> NDArray[np.floating[Any]]:
    """The weights of one layer, read from the file when they are asked for, output channel first."""
    import numpy as np

    model = _parse(Path(path))
    for tensor in model.graph.initializer:
        if tensor.name == initializer:
            value = _read_tensor(tensor, Path(path).parent)
            return np.asarray(value.T if transposed else value, dtype=np.float64)
    raise WorkloadError(f"{path}: the weights '{initializer}' are gone; the file has changed since it was read")
