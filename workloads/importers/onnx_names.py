"""Layer names out of ONNX node names.

Exporters of PyTorch write the module path into the node name with every prefix repeated
(``/layer1/layer1.0/downsample/downsample.0/Conv``); here it becomes the name that the module has in Python
(``layer1.0.downsample.0``). Operators that are no module (``x + y``, ``torch.cat``) are called as ``torch.fx`` calls
them: ``add``, ``add_1``, ``cat``.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Any

_FUNCTIONS = {
    "Add": "add", "Sub": "sub", "Mul": "mul", "Div": "div", "Concat": "cat", "Flatten": "flatten", "Reshape": "view",
    "Transpose": "permute", "ReduceMean": "mean", "Squeeze": "squeeze", "Unsqueeze": "unsqueeze", "Slice": "getitem",
    "Split": "split", "Pad": "pad", "Resize": "interpolate", "Clip": "clamp", "Max": "maximum",
}  # fmt: skip
# Operators that have no module in PyTorch: a scope in front of them is the caller's, not their own.
_NEVER_MODULES = frozenset(_FUNCTIONS) - {"Flatten", "Resize", "Pad", "Clip"}


def layer_name(node: Any, taken: Container[str]) -> str:
    """A free name for the layer that ``node`` becomes."""
    return _free(_plain_name(node), taken)


def _plain_name(node: Any) -> str:
    if not node.name:
        return str(node.output[0])
    if not node.name.startswith("/"):
        return str(node.name)
    *scopes, operator = node.name.strip("/").split("/")
    if not scopes or node.op_type in _NEVER_MODULES:
        function = str(operator).split("_")[0]
        return _FUNCTIONS.get(function, function.lower())
    path: list[str] = []
    for scope in scopes:
        if path and scope.startswith(path[-1] + "."):
            path.pop()
        path.append(scope)
    return ".".join(path)


def _free(name: str, taken: Container[str]) -> str:
    if name not in taken:
        return name
    number = 1
    while f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"
