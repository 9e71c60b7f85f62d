"""A network from its name or from a file."""

from __future__ import annotations

import os
from pathlib import Path

from workloads.errors import WorkloadError
from workloads.network import Network
from workloads.zoo import zoo_network

_SUFFIXES = (".csv", ".nir", ".onnx")


def load_network(source: str | os.PathLike[str]) -> Network:
    """The network that ``source`` names: a zoo name, an ONNX or NIR file, or a SCALE-Sim topology CSV.

    Raises :class:`WorkloadError` for an unknown name or a missing file, ``FileProblems`` with every fault of a file.
    """
    text = os.fspath(source)
    path = Path(text)
    suffix = path.suffix.lower()
    if suffix not in _SUFFIXES:
        if path.is_file() or os.sep in text:
            known = " or ".join(_SUFFIXES)
            raise WorkloadError(f"{text}: cannot tell what it holds; give a file that ends in {known}, or a zoo name")
        return zoo_network(text)
    if not path.is_file():
        raise WorkloadError(f"{text}: is a folder; name a file" if path.is_dir() else f"{text}: no such file")
    if suffix == ".onnx":
        from workloads.importers.onnx_file import read_onnx

        return read_onnx(path)
    if suffix == ".nir":
        from workloads.importers.nir import read_nir

        return read_nir(path)
    from workloads.importers.scalesim import read_topology

    return read_topology(path)
