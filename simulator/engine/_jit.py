"""How the compiled engine's functions are compiled, and how a compiled kernel outlives the process.

Only the few entry points are cached. numba notices a change of the file that an entry point stands in, but not of the
files it calls into; the digest of all kernel sources therefore enters the entry point's closure, which is part of the
cache's key. Where neither the package's folder nor the user's cache folder can be written, the kernel is compiled for
this process only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numba
from llvmlite import ir
from numba.core import cgutils, event, types
from numba.extending import intrinsic

from simulator.engine.compiling import compiling_begins

Function = TypeVar("Function", bound=Callable[..., Any])


class Cells(Protocol):
    """int64 cells at an address, as the kernel sees them."""

    def __getitem__(self, address: int) -> int: ...

    def __setitem__(self, address: int, value: int) -> None: ...


class _Watch(event.Listener):
    """Passes on that numba compiles; it makes no such event of what it loads from its cache."""

    def on_start(self, event: Any) -> None:
        compiling_begins()

    def on_end(self, event: Any) -> None:
        pass


_listen: Any = event.register
_listen("numba:compile", _Watch())

_njit: Any = numba.njit
_OPTIONS = {"error_model": "numpy", "nogil": True, "_nrt": False}


def inlined(function: Function) -> Function:
    """Compile a small step that is always folded into its callers, where what they do not need of it falls away."""
    compiled: Function = _njit(forceinline=True, no_cpython_wrapper=True, **_OPTIONS)(function)
    return compiled


def merged(function: Function) -> Function:
    """Make a step a part of its one caller before either is compiled: nothing is optimised once more on its own."""
    compiled: Function = _njit(inline="always", no_cpython_wrapper=True, **_OPTIONS)(function)
    return compiled


def called(function: Function) -> Function:
    """Compile a larger or rarer step that stays a call."""
    compiled: Function = _njit(no_cpython_wrapper=True, **_OPTIONS)(function)
    return compiled


def entry(function: Function) -> Function:
    """Compile an entry point and keep it on disk where some folder can be written."""
    try:
        compiled: Function = _njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:  # numba: no locator available, neither __pycache__ nor the user's cache folder is writable
        compiled = _njit(**_OPTIONS)(function)
    return compiled


def fingerprint(folder: Path | None = None) -> int:
    """A number that changes with any kernel source (in this folder, unless another is given)."""
    digest = hashlib.sha256()
    for path in sorted((folder or Path(__file__).parent).glob("_*.py")):
        if path.name != "__init__.py":
            digest.update(path.read_bytes())
    return int.from_bytes(digest.digest()[:7], "big")


def _cells(_context: Any, address: Any) -> Any:
    """The int64 cells at an address: one machine word to hand over, and no test for negative indices at each access."""
    pointer: Any = types.CPointer
    signature = pointer(types.int64)(address)

    def generate(context: Any, builder: Any, bound: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(bound.return_type))

    return signature, generate


def _prefetch(_context: Any, block: Any, address: Any) -> Any:
    """Have a cell brought near that is needed soon: each of many series and columns is too slow a stream to be seen."""
    word: Any = types.int64

    def generate(_context: Any, builder: Any, _bound: Any, arguments: Any) -> Any:
        cell = builder.gep(arguments[0], [arguments[1]], source_etype=ir.IntType(64))
        small, pointer = ir.IntType(32), ir.PointerType()
        fetch = ir.FunctionType(ir.VoidType(), [pointer, small, small, small])
        insert: Any = cgutils.get_or_insert_function
        function = insert(builder.module, fetch, "llvm.prefetch.p0")
        builder.call(function, [builder.bitcast(cell, pointer), small(0), small(3), small(1)])
        return ir.Constant(ir.IntType(64), 0)

    return word(block, address), generate


_intrinsic: Any = intrinsic
cells: Callable[[int], Cells] = _intrinsic(_cells)
prefetch: Callable[[Cells, int], int] = _intrinsic(_prefetch)
