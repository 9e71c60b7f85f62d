"""How figures look: one colour an element in all of them, readable without colour, and quantities in fitting units.

Colours are those of M. Okabe and K. Ito, "Color Universal Design", 2008, which stay apart under the common colour
blindnesses. What must be told apart without colour also differs by hatching, by lightness or by its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, VERMILION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, YELLOW, BLACK = "#CC79A7", "#56B4E9", "#F0E442", "#000000"
GREY = "#8C8C8C"

_BY_MODEL = {
    "cpu": BLUE,
    "gpu": ORANGE,
    "fpga": GREEN,
    "systolic": VERMILION,
    "spatial": PURPLE,
    "neuromorphic": SKY,
    "dma": "#4D4D4D",
}
PALETTE = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, BLACK, YELLOW)
"""Colours for what is no element, in the order of use."""
_SPARE = (YELLOW, PURPLE, SKY, VERMILION, GREEN, ORANGE, BLUE)

# How the states of a slot are drawn: lightness towards white (None: the element's own colour), and hatching.
STATE_LOOK: Mapping[str, tuple[str | float, str, str]] = {
    "compute": (0.0, "", "computing"),
    "memory_bound": (0.45, "////", "waiting for its own data"),
    "stalled": (0.65, "....", "stalled by others' traffic"),
    "contended": ("#5A5A5A", "xxxx", "waiting for a slot"),
    "blocked": ("#9A9A9A", "\\\\\\\\", "blocked: no room to write"),
    "starved": ("#D4D4D4", "", "starved: nothing to read"),
    "not_released": ("#EFEFEF", "", "waiting for arrivals"),
}

CAUSE_LOOK: Mapping[str, tuple[float, str]] = {
    "mac": (0.0, ""),
    "op": (0.3, "////"),
    "read": (0.2, "||||"),
    "write": (0.4, "\\\\\\\\"),
    "transfer": (0.1, "----"),
    "active": (0.5, "...."),
    "idle": (0.75, "xx"),
}
"""Lightness and hatching of each cause of energy; others take what follows."""

_SPARE_CAUSES = ((0.3, "++"), (0.15, "oo"), (0.55, "**"), (0.35, "||"), (0.6, "//"))


def element_colours(models: Mapping[str, str]) -> dict[str, str]:
    """A colour for each element by its model, so that a CPU looks alike on every platform; twins take spare ones."""
    colours: dict[str, str] = {}
    for name, model in models.items():
        spare = (colour for colour in _SPARE if colour not in colours.values())
        wanted = _BY_MODEL.get(model)
        if wanted is None or wanted in colours.values():
            wanted = next(spare, GREY)
        colours[name] = wanted
    return colours


def cause_looks(causes: Iterable[str]) -> dict[str, tuple[float, str]]:
    """Lightness and hatching of each cause of energy."""
    spare = iter(_SPARE_CAUSES * 4)
    return {cause: CAUSE_LOOK.get(cause) or next(spare) for cause in causes}


def lighter(colour: str, share: float) -> str:
    """The colour mixed with white; a share of 1 is white."""
    parts = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(part + (255 - part) * share):02X}" for part in parts)


def fitting(largest: float, unit: str) -> tuple[float, str]:
    """The factor and the prefixed unit in which ``largest`` (in the plain ``unit``) is a number from 1 to 1000."""
    for power, prefix in ((1e-3, "k"), (1, ""), (1e3, "m"), (1e6, "µ"), (1e9, "n"), (1e12, "p")):
        if largest * power >= 1:
            return power, prefix + unit
    return 1.0, unit


def blank_figure(width: float, height: float) -> Figure:
    """An empty figure of so many inches that can be saved without a window system."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def new_figure(width: float, height: float, rows: int = 1) -> tuple[Figure, list[Axes]]:
    """A figure with ``rows`` axes above each other that share their horizontal axis."""
    figure = blank_figure(width, height)
    axes = figure.subplots(rows, 1, sharex=True, squeeze=False)
    for axis in axes[:, 0]:
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
    return figure, list(axes[:, 0])
