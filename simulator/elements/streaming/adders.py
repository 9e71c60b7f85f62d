"""LUTs of a tree that adds many operands, by style: binary, ternary, compressor, or the bound that FINN-R uses.

One LUT for each result bit of a two-operand adder on a carry chain; a three-operand adder is assumed to cost the same
for each bit on six-input LUTs (a property recalled and not read; it runs slower). A compressor tree reduces columns of
bits by 6:3 counters of three LUTs and full adders of one LUT (two outputs), down to three rows that one ternary adder
sums (H. Parandeh-Afshar et al., ACM TRETS 2011, for the counters; recalled). All are estimates before placement.
"""

from __future__ import annotations

STYLES = ("finn-r", "binary", "ternary", "compressor")


def adder_tree_luts(operands: int, bits: int, style: str = "finn-r") -> int:
    """LUTs that add ``operands`` numbers of ``bits`` each.

    'finn-r' is (2 Q - 1) * b, with b the bits of a product (Blott et al., FINN-R, TRETS 2018).
    """
    if style == "finn-r":
        return bits * (2 * operands - 1)
    if style == "compressor":
        return _compressed(operands, bits)[0]
    return _tree(operands, bits, 3 if style == "ternary" else 2)


def adder_tree_depth(operands: int, style: str = "finn-r", bits: int = 1) -> int:
    """Levels from an operand to the sum, each a register apart where the tree is pipelined.

    A level is an adder of two or three operands, or of counters, and the ternary adder at the end.
    """
    if style == "compressor":
        return _compressed(operands, bits)[1]
    arity, depth = (3 if style == "ternary" else 2), 0
    while operands > 1:
        operands = -(-operands // arity)
        depth += 1
    return depth


def _tree(operands: int, bits: int, arity: int) -> int:
    widths, luts = [bits] * operands, 0
    while len(widths) > 1:
        sums: list[int] = []
        for first in range(0, len(widths), arity):
            taken = widths[first : first + arity]
            if len(taken) == 1:
                sums += taken
                continue
            width = max(taken) + (2 if len(taken) == 3 else 1)
            luts += width
            sums.append(width)
        widths = sums
    return luts


def _compressed(operands: int, bits: int) -> tuple[int, int]:
    """LUTs and levels."""
    heights = dict.fromkeys(range(bits), operands)
    luts = levels = 0
    while max(heights.values()) > 3:
        after: dict[int, int] = {}
        for column in sorted(heights):
            left = heights[column]
            sixes, left = divmod(left, 6)
            threes, left = divmod(left, 3) if left + sixes > 3 or sixes else (0, left)
            luts += 3 * sixes + threes
            for offset, added in ((0, sixes + threes + left), (1, sixes + threes), (2, sixes)):
                if added:
                    after[column + offset] = after.get(column + offset, 0) + added
        heights, levels = after, levels + 1
    is_summed = max(heights.values()) > 1
    return luts + (max(heights) + 2 if is_summed else 0), levels + is_summed
