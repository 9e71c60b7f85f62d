"""What a file is, told from its content, and how it is checked; a check says in a few words what the file holds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from workloads.errors import UserError

Check = Callable[[], str]


def examine(file: Path, network: str | None = None) -> tuple[str, Check]:
    """The kind of a file and its check, which raises a :class:`UserError` with every fault."""
    if not file.exists():
        raise UserError(f"{file}: no such file")
    if file.is_dir():
        raise UserError(f"{file}: is a folder; name the files in it")
    suffix = file.suffix.lower()
    if suffix in (".yaml", ".yml"):
        return _yaml(file)
    if suffix == ".csv":
        return _csv(file, network)
    if suffix == ".parquet":
        return "token stream", lambda: _stream(file, network)
    if suffix == ".onnx":
        return "network", lambda: _network(file)
    if suffix == ".nir":
        return "spiking graph", lambda: _nir(file)
    raise UserError(
        f"{file}: ends in '{suffix}'; a platform, mapping or graph is .yaml, a network .onnx, .nir or .csv,"
        " a trace .csv or .parquet"
    )


def _yaml(file: Path) -> tuple[str, Check]:
    from simulator.errors import FileProblems
    from simulator.strict_yaml import read_text, read_yaml

    root = read_yaml(read_text(file, str(file), FileProblems), str(file), FileProblems)
    form = root.children.get("format")
    if form is not None and str(form.value).startswith("mapping/"):
        return "mapping", lambda: _mapping(file)
    if form is None and "actors" in root.children:
        return "dataflow graph", lambda: _graph(file)
    return "platform", lambda: _platform(file)


def _platform(file: Path) -> str:
    from simulator.platform import load_platform

    found = load_platform(file)
    parts = (
        (found.processing_elements, "element"),
        (found.memories, "memory"),
        (found.dma, "DMA engine"),
        (found.fifos, "FIFO"),
    )
    return ", ".join(_counted(len(each), name) for each, name in parts if each)


def _mapping(file: Path) -> str:
    from simulator.mapping import load_mapping

    found = load_mapping(file)
    return f"{_counted(len(found.layers), 'layer rule')}, {_counted(len(found.fifos), 'FIFO rule')}"


def _graph(file: Path) -> str:
    from simulator.graph_file import read_graph

    found = read_graph(file)
    return f"{_counted(len(found.actors), 'actor')}, {_counted(len(found.channels), 'channel')}"


def _network(file: Path) -> str:
    from workloads import load_network

    found = load_network(file)
    return f"{_counted(len(found.layers), 'layer')}, {found.macs:,} MACs, {found.params:,} parameters"


def _nir(file: Path) -> str:
    from workloads.importers.nir import read_graph

    found = read_graph(file)
    return f"{_counted(len(found.nodes), 'node')}, {_counted(len(found.edges), 'edge')}"


def _csv(file: Path, network: str | None) -> tuple[str, Check]:
    from workloads.recorded import RELEASE_COLUMNS, read_csv_rows

    rows = read_csv_rows(file)
    header = {name.strip() for name in rows[0][1]} if rows else set()
    if {"frame", "layer"} <= header:
        return "token stream", lambda: _stream(file, network)
    if header & set(RELEASE_COLUMNS):
        return "arrivals", lambda: _arrivals(file)
    return "network", lambda: _network(file)


def _arrivals(file: Path) -> str:
    from workloads.recorded import read_release_times

    return f"{_counted(len(read_release_times(file)), 'arrival')}"


def _stream(file: Path, network: str | None) -> str:
    from workloads import load_network
    from workloads.streamfile import load_stream
    from workloads.streamtable import read_table

    name = network or read_table(file).notes.get("network")
    if not isinstance(name, str):
        raise UserError(f"{file}: whose layers are these? Name the network, e.g. --network mobilenet-v1")
    found = load_stream(file, load_network(name))
    varying = sum(not work.is_static for work in found.work.values())
    return f"{_counted(found.frames, 'frame')}, {_counted(varying, 'layer')} of {len(found.work)} with work that varies"


def _counted(count: int, name: str) -> str:
    plural = {"memory": "memories"}.get(name, f"{name}s")
    return f"{count:,} {name if count == 1 else plural}"
