"""What joins a chain of operators to the world: ports of the host, and copies of a stream for several readers."""

from __future__ import annotations

from dataclasses import dataclass, replace

from simulator.elements.streaming import formulas, pieces
from simulator.elements.streaming.operator import Operator
from simulator.elements.streaming.options import FoldingOptions, check_divides
from simulator.elements.streaming.setfolding import lightest
from workloads.layers import Layer
from workloads.network import LayerGroup
from workloads.windows import extent


@dataclass(frozen=True, slots=True)
class Link:
    """The way to the host: bytes that its port moves a cycle, and cycles a frame that the host stack adds.

    ``call_cycles`` passes once for a frame and holds up nothing; ``frame_cycles`` occupies the input port.
    """

    bytes_per_cycle: float
    frame_cycles: int
    call_cycles: int


def port(name: str, layer: Layer, shape: tuple[int, ...], bits: int, link: Link, extra: int) -> Operator:
    """A DMA between the host's memory and a stream: whole words of its port, one a cycle."""
    height, width, channels = extent(shape)
    elements = height * width * channels
    words = max(1, -(-elements * bits // int(8 * link.bytes_per_cycle)))

    def make(granularity: str) -> pieces.Pieces:
        if height * width > 1:
            made = pieces.through(height, width, 1, channels, channels, words)(
                granularity if granularity in ("frame", "row") else "row"
            )
        else:
            made = pieces.through(1, 1, words, channels, channels, words)(granularity)
        cycles = made.cycles.copy()
        cycles[0] += extra
        return replace(made, cycles=cycles)

    return Operator(name, make, words + extra, 0, 0, elements, bits, room=None)


def copies(group: LayerGroup, options: FoldingOptions, last: Operator, where: str) -> Operator:
    height, width, channels = extent(group.out_shape)
    pe = options.copy_pe or lightest(channels, lambda words: height * width * words, options.pace)
    check_divides(where, "copy_pe", pe, channels, "the channels")
    cycles = formulas.elementwise(height * width, channels // pe)
    make = pieces.through(height, width, channels // pe, channels, channels, cycles)
    width_bits = pe * group.last.output_bits
    return Operator(
        "duplicate", make, cycles, width_bits, width_bits, last.elements, last.element_bits, detail={"pe": pe}
    )
