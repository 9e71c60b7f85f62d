"""One streaming operator of a layer: how it moves its stream, how long a frame takes, its widths and its fabric."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from simulator.elements.streaming.pieces import Making, conversion
from simulator.elements.streaming.resources import Resources, width_converter

Detail = Mapping[str, float | str]


@dataclass(frozen=True, slots=True, eq=False)
class Operator:
    """One operator; its first input is the operator before it, or the layer's own inputs where it is the first.

    ``cycles`` is FINN's estimate for a frame. ``in_width`` and ``out_width`` are bits of a stream word (0: whatever
    comes); ``element_bits`` those of an element that it writes, of which a frame has ``elements``. ``room`` is how many
    elements its input holds beyond what a piece needs (None: a row of the layer's input). ``is_main``: the layer's
    multiply-accumulates happen here. ``weight_bytes`` a frame come from memory, with ``keeps_weights`` only
    as far as the frame before did not use them; ``extra_latency`` cycles pass before
    the output can be read, and hold nothing up. ``resized`` makes its pieces for streams of fewer words a pixel, where
    they are not in proportion.
    """

    name: str
    make: Making
    cycles: int
    in_width: int
    out_width: int
    elements: int
    element_bits: int
    resources: Resources = field(default_factory=Resources)
    detail: Detail = field(default_factory=dict)
    room: int | None = 0
    is_main: bool = False
    weight_bytes: float = 0.0
    read_bytes: float | None = None
    write_bytes: float | None = None
    extra_latency: int = 0
    keeps_weights: bool = False
    resized: Callable[[int], Making] | None = None


def converter(before: Operator | None, in_width: int, after: Operator, elements: int, bits: int) -> Operator | None:
    """The data width converter between two operators, None where the widths agree or one takes what comes.

    ``elements`` of ``bits`` cross it; ``before`` None: a layer outside, whose stream is ``in_width`` wide.
    """
    given = in_width if before is None else before.out_width
    if not given or not after.in_width or given == after.in_width:
        return None
    return Operator(
        "dwc",
        conversion(elements, bits, given, after.in_width),
        cycles=0,
        in_width=given,
        out_width=after.in_width,
        elements=elements,
        element_bits=bits,
        resources=width_converter(given, after.in_width),
        room=after.room if before is None else 0,
    )
