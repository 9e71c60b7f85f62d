"""From a platform's name or path to a :class:`Platform`: read, merge parents, override, check everything, build."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import platforms
from simulator.checking import Fault, check_model, to_problems
from simulator.errors import PlatformError, PlatformProblems, UserError, did_you_mean
from simulator.platform.description import Platform
from simulator.platform.inheritance import Source, apply_overrides, inherit
from simulator.platform.models import element_model
from simulator.platform.parts import Dma, Fifo, Memory
from simulator.platform.references import check_names, check_references
from simulator.platform.schema import FORMAT, SECTIONS, PlatformFile
from simulator.strict_yaml import Node, read_text, read_yaml
from simulator.unit_table import describe

if TYPE_CHECKING:
    from simulator.elements.base import Element

__all__ = ["find_platform", "load_platform"]


def load_platform(name_or_path: str | Path, overrides: Mapping[str, str] | None = None) -> Platform:
    """The platform of the catalogue with that name, or of the file at that path (it ends in ``.yaml`` or ``.yml``).

    ``overrides`` maps dotted paths to values as a file would write them, as in
    ``{'processing_elements.gpu.clock': '1 GHz'}``; null removes a key. Raises :class:`PlatformProblems` with
    every fault of the file, or another :class:`PlatformError` for a platform or override that is not there.
    """
    path, shown = find_platform(name_or_path)
    source = _read(path, shown)
    merged = inherit(source, _find_parent, _read)
    root = apply_overrides(merged.root, overrides or {})
    faults = [*merged.faults, *check_names(root), *check_references(root)]
    file, found = check_model(PlatformFile, root)
    elements, wrong = _build_elements(root)
    empty = {fault.path for fault in merged.faults}
    faults += [fault for fault in found + wrong if fault.path not in empty]
    if faults or file is None:
        raise PlatformProblems(shown, to_problems(faults, root, shown, merged.entry))
    document = root.plain()
    return Platform(
        name=file.name,
        description=file.description,
        processing_elements=elements,
        memories={name: Memory(name, config) for name, config in file.memories.items()},
        dma={name: Dma(name, config) for name, config in file.dma.items()},
        fifos={name: Fifo(name, config) for name, config in file.fifos.items()},
        header=_header(source.text),
        source=source.text,
        document={key: document[key] for key in ("format", "name", "description", *SECTIONS) if key in document},
    )


def find_platform(name_or_path: str | Path) -> tuple[Path, str]:
    """The file of a platform and how messages call it; raises :class:`PlatformError` for an unknown name."""
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or text.endswith((".yaml", ".yml")) or "/" in text:
        return Path(name_or_path), text
    if text not in platforms.names():
        hint = did_you_mean(text, platforms.names())
        raise PlatformError(f"no platform '{text}'{hint}; a file of your own is written with its ending, '{text}.yaml'")
    return platforms.path(text), f"platforms/{text}.yaml"


def _find_parent(child: Source, parent: str) -> tuple[Path, str]:
    path, shown = find_platform(parent)
    if "/" in parent or parent.endswith((".yaml", ".yml")):
        return child.path.parent / path, str(Path(child.shown).parent / path)
    return path, shown


def _read(path: Path, shown: str) -> Source:
    text = read_text(path, shown, PlatformProblems)
    root = read_yaml(text, shown, PlatformProblems)
    if root.value is None:
        fault = Fault((), f"is empty; begin with 'format: {FORMAT}' and 'name: ...'")
    elif not isinstance(root.value, dict):
        fault = Fault((), f"found {describe(root.plain())}; a platform file is a map that begins 'format: {FORMAT}'")
    elif root.children.get("format") is None:
        fault = Fault(("format",), f"is missing; begin the file with 'format: {FORMAT}'")
    elif root.children["format"].value != FORMAT:
        fault = Fault(("format",), f"found {describe(root.children['format'].plain())}; this version reads '{FORMAT}'")
    else:
        return Source(path, shown, text, root)
    raise PlatformProblems(shown, to_problems([fault], root, shown))


def _build_elements(root: Node) -> tuple[dict[str, Element], list[Fault]]:
    built: dict[str, Element] = {}
    faults: list[Fault] = []
    section = root.children.get("processing_elements")
    for name, node in (section.children if section else {}).items():
        path = ("processing_elements", name)
        model = node.children.get("model")
        if not isinstance(node.value, dict):
            continue  # the check of the whole file has said so
        if model is None or not isinstance(model.value, str):
            found = "is missing" if model is None else f"found {describe(model.plain())}"
            faults.append(Fault((*path, "model"), f"{found}; write the name of an element model, e.g. 'model: cpu'"))
            continue
        try:
            kind = element_model(model.value)
            config, wrong = check_model(kind.Config, node, path)
            faults += wrong
            if config is not None:
                built[name] = kind(name=name, config=config)
        except UserError as error:
            faults.append(Fault((*path, "model"), str(error)))
    return built, faults


def _header(text: str) -> tuple[str, ...]:
    """The comment lines that a file begins with."""
    lines = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.rstrip())
    return tuple(lines)
