"""Read a Neuromorphic Intermediate Representation graph as a spiking network.

NIR (Pedersen et al. 2024, doi:10.1038/s41467-024-52259-9) describes neurons in continuous time: it has no step
``dt``, no reset mode and no number of steps. All three belong to whoever runs the graph, so they are asked for here
and by :func:`workloads.spiking.simulate`; ``dt`` and ``reset`` in the graph's own metadata count as given. Everything
that changes the spike train is a parameter:

* LIF, LI, CubaLIF, CubaLI: forward Euler, decay ``1 - dt/tau``, gain ``R dt/tau``, in the precision of the file.
* IF, I: ``v += R x`` per step (``integrator='per_step'``, as Sinabs and the NIR paper's N-MNIST networks run it), or
  ``R dt x`` ('per_second').
* Threshold: fires on this step's input alone. Pools, Flatten, Delay and Scale fold into the projections; they cost no
  neurons.
* A loop gets one step of delay where it turns back toward the input.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np

from workloads.errors import WorkloadError, did_you_mean
from workloads.importers.nir_walk import NEURONS, RESETTING, TIMED, WEIGHTED, NirConventions, NirWalk
from workloads.network import Network
from workloads.spiking.network import SpikingNetwork
from workloads.spiking.neurons import Reset

__all__ = ["NirConventions", "import_nir", "read_graph", "read_nir"]


def import_nir(
    source: str | Path | Any, conventions: NirConventions | None = None, /, **overrides: Any
) -> SpikingNetwork:
    """Build a network from a NIR file (any version since 0.1) or a ``nir.NIRGraph``.

    ``overrides`` are fields of :class:`NirConventions`, such as ``dt=1e-3, reset='subtract'``. Raises
    :class:`WorkloadError` naming every node that cannot be mapped, every convention that the graph needs and nobody
    gave, and files that are no NIR graphs.
    """
    graph = read_graph(source) if isinstance(source, (str, Path)) else source
    label = Path(source).stem if isinstance(source, (str, Path)) else "nir"
    try:
        asked = replace(conventions or NirConventions(), **overrides)
    except TypeError as error:
        raise WorkloadError(
            f"import_nir: {error}; the conventions are {', '.join(NirConventions.__dataclass_fields__)}"
        ) from error
    nodes, edges = _flattened(graph)
    settled = _settle(asked, getattr(graph, "metadata", None) or {}, nodes, label)
    return NirWalk(label, nodes, edges, settled).network()


def read_nir(path: str | Path) -> Network:
    """The layers of a NIR file, as elements that compute values see them; the neurons' dynamics do not matter here."""
    from workloads.spiking.streams import network_of

    # No shape depends on the step or the reset; any step below every time constant will do.
    return network_of(import_nir(path, dt=1e-12, reset="zero"))


def read_graph(path: str | Path) -> Any:
    """A ``nir.NIRGraph`` from an HDF5 file; fields that older versions did not write get their defaults."""
    import h5py  # type: ignore[import-untyped]
    import nir
    from nir.serialization import hdf2dict

    try:
        with h5py.File(path, "r") as file:
            tree = hdf2dict(file["node"])
    except (OSError, KeyError) as error:
        raise WorkloadError(
            f"{path}: not a NIR graph ({error}); a file written by nir.write() has a group 'node'"
        ) from error
    problems: list[str] = []
    _complete(tree, "graph", problems)
    if problems:
        raise WorkloadError(f"{path}: " + "; ".join(problems))
    tree["type_check"] = False
    try:
        return nir.dict2NIRNode(tree)
    except (AssertionError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise WorkloadError(
            f"{path}: the nir package cannot build this graph: {type(error).__name__}: {error}"
        ) from error


def _complete(node: dict[str, Any], name: str, problems: list[str]) -> None:
    import nir

    kind = node.get("type")
    if not isinstance(kind, str) or not hasattr(nir, kind):
        problems.append(
            f"node {name!r} is of unknown type {kind!r}; NIR has {', '.join((*NEURONS, *WEIGHTED))}, Scale,"
            " Flatten, SumPool2d, AvgPool2d, Delay"
        )
        return
    if kind in ("Conv1d", "Conv2d"):
        for key, default in (("input_shape", None), ("stride", 1), ("padding", 0), ("dilation", 1), ("groups", 1)):
            node.setdefault(key, default)
        if "bias" not in node and "weight" in node:
            node["bias"] = np.zeros(node["weight"].shape[0], dtype=node["weight"].dtype)
    for child, inner in node.get("nodes", {}).items():
        _complete(inner, child, problems)


def _flattened(graph: Any, prefix: str = "") -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Nodes and edges with nested graphs opened up: ``lif1`` inside ``block`` becomes ``block.lif1``."""
    import nir

    nodes: dict[str, Any] = {}
    edges = [(prefix + str(a), prefix + str(b)) for a, b in graph.edges]
    for name, node in graph.nodes.items():
        full = prefix + str(name)
        if not isinstance(node, nir.NIRGraph):
            nodes[full] = node
            continue
        inner_nodes, inner_edges = _flattened(node, full + ".")
        doors = [
            [n for n, v in inner_nodes.items() if type(v).__name__ == kind and n.count(".") == full.count(".") + 1]
            for kind in ("Input", "Output")
        ]
        if any(len(d) != 1 for d in doors):
            raise WorkloadError(
                f"NIR node {full!r}: a nested graph needs one Input and one Output, found {len(doors[0])} and"
                f" {len(doors[1])}"
            )
        edges = [(doors[1][0] if a == full else a, doors[0][0] if b == full else b) for a, b in edges] + inner_edges
        nodes |= inner_nodes
    return nodes, sorted(edges)


def _settle(asked: NirConventions, metadata: Mapping[str, Any], nodes: Mapping[str, Any], label: str) -> NirConventions:
    """Conventions with the graph's metadata filled in; complains about what is needed and nowhere given."""
    if asked.dt is None and "dt" in metadata:
        asked = replace(asked, dt=float(metadata["dt"]))
    if asked.reset is None and "reset" in metadata:
        word = metadata["reset"]
        asked = replace(asked, reset=cast(Reset, word.decode() if isinstance(word, bytes) else str(word)))
    if asked.reset is not None and asked.reset not in get_args(Reset):
        hint = did_you_mean(asked.reset, get_args(Reset))
        raise WorkloadError(f"NIR graph {label}: reset {asked.reset!r} is not a reset mode{hint}")
    kinds = {n: type(v).__name__ for n, v in nodes.items()}
    missing: list[str] = []
    timed = sorted(n for n, k in kinds.items() if k in TIMED or (k in ("IF", "I") and asked.integrator == "per_second"))
    if asked.dt is None and timed:
        missing.append(f"dt (seconds; {kinds[timed[0]]} {timed[0]!r} is in continuous time), e.g. dt=1e-3")
    resetting = sorted(n for n, k in kinds.items() if k in RESETTING)
    if asked.reset is None and resetting:
        missing.append(f"reset ({kinds[resetting[0]]} {resetting[0]!r} fires), 'zero' or 'subtract'")
    if missing:
        raise WorkloadError(f"NIR graph {label}: it does not say " + " nor ".join(missing))
    return asked
