"""Vectors of int64 cells, which numba has no type for: LLVM makes of them what the processor has.

All places are machine addresses in bytes, so that one word is handed over for each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from simulator.engine._wave_columns import LANES

BYTES = 8
"""Bytes of a cell."""

_VECTOR = ir.VectorType(ir.IntType(64), LANES)
_INDEX = ir.IntType(32)
_intrinsic: Any = intrinsic


def _load(builder: Any, address: Any) -> Any:
    found = builder.load(builder.inttoptr(address, _VECTOR.as_pointer()))
    found.align = BYTES
    return found


def _store(builder: Any, vector: Any, address: Any) -> None:
    builder.store(vector, builder.inttoptr(address, _VECTOR.as_pointer())).align = BYTES


def _larger(builder: Any, one: Any, other: Any) -> Any:
    return builder.select(builder.icmp_signed(">", one, other), one, other)


def _turned(builder: Any, rows: list[Any]) -> list[Any]:
    """A square of cells, transposed: each round swaps what is off the diagonal of blocks twice as large."""
    distance = 1
    while distance < LANES:
        upper = [e if not e & distance else e - distance + LANES for e in range(LANES)]
        lower = [e + distance if not e & distance else e + LANES for e in range(LANES)]
        masks = [ir.Constant(ir.VectorType(_INDEX, LANES), order) for order in (upper, lower)]
        for i in (i for i in range(LANES) if not i & distance):
            one, other = rows[i], rows[i + distance]
            rows[i], rows[i + distance] = (builder.shuffle_vector(one, other, mask) for mask in masks)
        distance *= 2
    return rows


def _fire(
    _context: Any, departed: Any, one: Any, two: Any, held: Any, times: Any, mask: Any, start: Any, end: Any
) -> Any:
    """One firing each of as many stages as a vector has lanes.

    ``departed``, ``one``, ``two`` and ``held`` are the places of times that are waited for (the last by the
    departure), ``times`` that of service times, ``mask`` of -1 for lanes that are stages; to ``start`` and ``end``.
    """
    signature = types.void(*([types.int64] * 8))

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        departed, one, two, held, times, mask = (_load(builder, place) for place in arguments[:6])
        begun = _larger(builder, _larger(builder, departed, one), two)
        through = _larger(builder, builder.add(begun, times), held)
        _store(builder, builder.and_(begun, mask), arguments[6])
        _store(builder, builder.and_(through, mask), arguments[7])
        return context.get_dummy_value()

    return signature, generate


def _gather(_context: Any, places: Any, shift: Any, to: Any, pitch: Any) -> Any:
    """A vector from each of the places that are held in cells at ``places``, moved by ``shift``; turned, to rows."""
    signature = types.void(*([types.int64] * 4))

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        places, shift, to, pitch = arguments
        columns = [builder.extract_element(_load(builder, places), ir.Constant(_INDEX, i)) for i in range(LANES)]
        for row in _turned(builder, [_load(builder, builder.add(column, shift)) for column in columns]):
            _store(builder, row, to)
            to = builder.add(to, pitch)
        return context.get_dummy_value()

    return signature, generate


def _scatter(_context: Any, source: Any, pitch: Any, places: Any, shift: Any) -> Any:
    """A square of rows, turned, to each of the places that are held in cells at ``places``, moved by ``shift``."""
    signature = types.void(*([types.int64] * 4))

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        source, pitch, places, shift = arguments
        rows = []
        for _ in range(LANES):
            rows.append(_load(builder, source))
            source = builder.add(source, pitch)
        columns = [builder.extract_element(_load(builder, places), ir.Constant(_INDEX, i)) for i in range(LANES)]
        for column, row in zip(columns, _turned(builder, rows), strict=True):
            _store(builder, row, builder.add(column, shift))
        return context.get_dummy_value()

    return signature, generate


fire: Callable[[int, int, int, int, int, int, int, int], None] = _intrinsic(_fire)
gather: Callable[[int, int, int, int], None] = _intrinsic(_gather)
scatter: Callable[[int, int, int, int], None] = _intrinsic(_scatter)
