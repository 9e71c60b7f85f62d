"""FINN's ``folding_config.json`` as a mapping: one entry a hardware node, in the order of the network.

::

    {"Defaults": {},
     "ConvolutionInputGenerator_rtl_0": {"SIMD": 3, "ram_style": "distributed"},
     "MVAU_hls_0": {"PE": 16, "SIMD": 3, "ram_style": "auto"}, ...}

Nodes are counted by kind in topological order, so the n-th matrix-vector unit is the n-th layer with a weight matrix.
FIFO and width-converter entries are left out: channels and converters are worked out from the foldings here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simulator.errors import FileProblems, MappingError, Problem, did_you_mean
from simulator.mapping.mapping import LayerRule
from workloads.layers import ACTIVATION_KINDS, POOL_KINDS
from workloads.network import LayerGroup

_NODE = re.compile(r"(?P<kind>\w+?)(?:_Batch)?(?:_(?P<impl>hls|rtl))?_(?P<number>\d+)")
_KINDS = {
    "MVAU": "mvau",
    "MatrixVectorActivation": "mvau",
    "StreamingFCLayer": "mvau",
    "VVAU": "vvau",
    "VectorVectorActivation": "vvau",
    "Vector_Vector_Activate": "vvau",
    "ConvolutionInputGenerator": "swg",
    "ConvolutionInputGenerator1D": "swg",
    "FMPadding": "padding",
    "Thresholding": "threshold",
    "StreamingMaxPool": "max_pool",
    "Pool": "pool",
    "GlobalAccPool": "accumulate",
    "AddStreams": "join",
    "StreamingEltwise": "join",
    "ElementwiseAdd": "join",
    "StreamingConcat": "join",
    "DuplicateStreams": "duplicate",
    "LabelSelect": "labels",
    "ChannelwiseOp": "channelwise",
    "UpsampleNearestNeighbour": "upsample",
}
_SKIPPED = ("StreamingFIFO", "StreamingDataWidthConverter", "IODMA", "TLastMarker", "Reshape")
_MATRIX = {"PE": "pe", "SIMD": "simd", "ram_style": "ram_style", "resType": "res_type"}
_OPTIONS: Mapping[str, Mapping[str, str]] = {
    "mvau": {**_MATRIX, "ram_style_thresholds": "threshold_ram_style"},
    "vvau": {**_MATRIX, "ram_style_thresholds": "threshold_ram_style"},
    "swg": {"SIMD": "swg_simd", "parallel_window": "parallel_window", "ram_style": "swg_ram_style"},
    "padding": {"SIMD": "padding_simd"},
    "threshold": {"PE": "threshold_pe", "ram_style": "threshold_ram_style"},
    "max_pool": {},
    "pool": {"PE": "pool_pe"},
    "accumulate": {"PE": "pool_pe"},
    "join": {"PE": "pe"},
    "duplicate": {"PE": "copy_pe"},
    "labels": {"PE": "pe"},
    "channelwise": {},
    "upsample": {},
}


class FoldingProblems(FileProblems, MappingError):
    """All faults of a folding file together."""


@dataclass(frozen=True, slots=True)
class FinnNode:
    """An entry of the file: which operator, in which implementation (None: not said), and the model's options."""

    name: str
    kind: str
    impl: str | None
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FinnFolding:
    """A folding file: nodes of each kind in their order."""

    nodes: Mapping[str, tuple[FinnNode, ...]]

    def rules(self, groups: Sequence[LayerGroup]) -> tuple[LayerRule, ...]:
        """A rule for each layer that the file folds; raises ``MappingError`` where nodes and layers do not pair up."""
        return _Pairing(self, groups).rules()


def read_folding(text: str, shown: str) -> FinnFolding:
    """The folding that a file's text holds; ``shown`` is the file's name in errors.

    Raises :class:`FoldingProblems` for text that is no JSON map of nodes, and for nodes of unknown kinds.
    """
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise FoldingProblems(
            shown, [Problem(error.lineno, error.colno, "", f"this is no JSON: {error.msg}")]
        ) from None
    if not isinstance(document, dict):
        raise FoldingProblems(
            shown, [Problem(1, 1, "", 'a folding file is a map of nodes, e.g. {"MVAU_hls_0": {...}}')]
        )
    found: dict[str, list[tuple[int, FinnNode]]] = {}
    faults = []
    for name, attributes in document.items():
        if name == "Defaults" or name.startswith(_SKIPPED):
            continue
        match = _NODE.fullmatch(name)
        kind = _KINDS.get(match["kind"]) if match else None
        if match is None or kind is None or not isinstance(attributes, dict):
            known = did_you_mean(match["kind"] if match else name, sorted(_KINDS))
            line = text.count("\n", 0, max(0, text.find(f'"{name}"'))) + 1
            faults.append(Problem(line, 0, name, f"no node of a kind that is known here{known}"))
            continue
        node = FinnNode(name, kind, match["impl"], _options(kind, attributes))
        found.setdefault(kind, []).append((int(match["number"]), node))
    if faults:
        raise FoldingProblems(shown, faults)
    return FinnFolding(
        {kind: tuple(node for _, node in sorted(nodes, key=lambda pair: pair[0])) for kind, nodes in found.items()}
    )


def _options(kind: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
    options = {ours: attributes[theirs] for theirs, ours in _OPTIONS[kind].items() if theirs in attributes}
    if "parallel_window" in options:
        options["parallel_window"] = bool(options["parallel_window"])
    if kind in ("mvau", "vvau") and attributes.get("mem_mode") == "external":
        options["weights"] = "streamed"
    return options


class _Pairing:
    """Goes through the layers and takes, for each operator that a layer needs, the next node of its kind."""

    def __init__(self, folding: FinnFolding, groups: Sequence[LayerGroup]) -> None:
        self.nodes, self.groups = folding.nodes, groups
        self.taken = dict.fromkeys(_OPTIONS, 0)
        quantisers = sum(group.kind in ACTIVATION_KINDS for group in groups)
        self.standalone = len(self.nodes.get("threshold", ())) > quantisers
        self.readers = {group.name: sum(group.name in other.inputs for other in groups) for group in groups}

    def rules(self) -> tuple[LayerRule, ...]:
        rules = []
        for group in self.groups:
            options: dict[str, Any] = {}
            for kind in self._operators(group):
                options |= self._next(kind, group)
            if options:
                rules.append(LayerRule(_literally(group.name), options=options))
        self._check()
        return tuple(rules)

    def _next(self, kind: str, group: LayerGroup) -> dict[str, Any]:
        number = self.taken[kind]
        self.taken[kind] += 1
        if number >= len(self.nodes.get(kind, ())):
            return {}
        node = self.nodes[kind][number]
        options = dict(node.options)
        if kind == "mvau" and node.impl is not None:
            options["impl"] = node.impl
        if kind in ("mvau", "vvau") and self.standalone:
            options["thresholds"] = "standalone"
        if kind == "threshold" and group.kind in ACTIVATION_KINDS and "threshold_pe" in options:
            options["pe"] = options["threshold_pe"]
        if kind == "swg" and (group.main.is_depthwise or group.kind in POOL_KINDS):
            options.pop("swg_simd", None)
        if kind in ("pool", "max_pool", "accumulate"):
            options["pool"] = {"pool": "window", "max_pool": "streaming", "accumulate": "accumulate"}[kind]
        return options

    def _operators(self, group: LayerGroup) -> list[str]:
        """Kinds of the operators of a layer, in order."""
        layer, kind = group.main, group.kind
        kinds: list[str] = []
        activated = any(each.kind in ACTIVATION_KINDS for each in group.followers)
        if layer.is_compute:
            kinds += ["padding"] if any(layer.pad) else []
            kinds += ["swg"] if layer.kernel not in (None, (1, 1)) or layer.stride != (1, 1) else []
            kinds.append("vvau" if layer.is_depthwise else "mvau")
            kinds += ["threshold"] if activated and self.standalone else []
        elif kind in ACTIVATION_KINDS:
            kinds.append("threshold")
        elif kind in POOL_KINDS or kind == "reduce_mean":
            kinds += self._pool(group)
        elif kind in ("add", "sub", "mul", "max", "concat"):
            kinds += ["join", *(["threshold"] if activated else [])]
        elif kind == "arg_max":
            kinds.append("labels")
        elif kind == "upsample":
            kinds.append("upsample")
        return kinds + (["duplicate"] if self.readers[group.name] > 1 else [])

    def _pool(self, group: LayerGroup) -> list[str]:
        whole = "accumulate" if group.main.kernel is None else "max_pool"
        if self.nodes.get(whole) or not self.nodes.get("pool"):
            return [whole]
        return (["padding"] if any(group.main.pad) else []) + ["swg", "pool"]

    def _check(self) -> None:
        faults = []
        for kind, wanted in self.taken.items():
            there = len(self.nodes.get(kind, ()))
            optional = kind in ("threshold", "labels", "duplicate", "join", "upsample", "max_pool", "accumulate")
            if (there > wanted and kind != "channelwise") or (there < wanted and (there or not optional)):
                faults.append(f"{there} {kind} nodes for {wanted} layers that need one")
        if faults:
            raise MappingError(
                "the folding file was made for another network: "
                + "; ".join(faults)
                + "; check padding, pools and the number of layers"
            )


def _literally(name: str) -> str:
    """A shell pattern that matches just this name."""
    return re.sub(r"([\[*?])", r"[\1]", name) if set(name) & set("[*?") else name
