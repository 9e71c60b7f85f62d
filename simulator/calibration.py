"""Fitting a platform's factors to measured times: least squares of the logarithms, so that every row weighs alike.

A parameter is a value of the platform file by its dotted path. Shares stay between 0 and 1; everything else stays
positive. What the fit is worth is told by leaving one row out at a time: the model is fitted to the others and asked
for the one left out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.errors import PlatformError, UserError, did_you_mean
from simulator.mapping import LayerRule, MappingRules
from simulator.mapping.assign import layer_seconds
from simulator.platform import Platform, load_platform
from simulator.unit_table import format_quantity
from workloads.generators import static_stream
from workloads.network import Network

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["Calibration", "Measurement", "Parameter", "calibrate", "default_parameters", "predict"]

_LARGEST_FRACTION = 0.95
_NUMBER = re.compile(r"^\s*([-+0-9.eE]+)\s*(.*?)\s*$")
# Where a duration stands at zero, the fit begins here: a kernel launch or a hand-over between cores.
_FIRST_DURATION = Fraction(5, 10**6)
_FIRST_FRACTION = 0.05


@dataclass(frozen=True, slots=True)
class Measurement:
    """A measured time of a network, or of one of its layers, on a platform.

    ``seconds`` is that of a batch. ``element`` None runs every layer where the mapping puts it by itself; ``where``
    says in messages which row of which file it was.
    """

    network: Network
    seconds: float
    element: str | None = None
    layer: str | None = None
    batch: int = 1
    cores: int | None = None
    precision: str | None = None
    where: str = ""

    def rules(self) -> MappingRules:
        """The mapping under which it was measured."""
        every = LayerRule("*", cores=self.cores)
        return MappingRules(layers=(every,), element=self.element, precision=self.precision, batch=self.batch)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value of a platform file that a fit may change: ``start`` in the unit of ``unit``, up to ``limit``."""

    path: str
    start: float
    unit: str
    limit: float | None

    def text(self, value: float) -> str:
        """The value as a platform file would write it."""
        return f"{value:.6g} {self.unit}".strip()


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a fit found. ``errors`` are simulated against measured, signed and relative, in the order of the
    measurements; ``left_out`` the same where the fit did not see the row, empty when it was not asked for.
    """

    platform: str
    parameters: tuple[Parameter, ...]
    values: Mapping[str, str]
    measurements: tuple[Measurement, ...]
    errors: tuple[float, ...]
    left_out: tuple[float, ...]

    @property
    def mean_error(self) -> float:
        """Mean absolute relative error of the rows that were fitted."""
        return float(np.mean(np.abs(self.errors)))

    @property
    def left_out_error(self) -> float | None:
        """Mean absolute relative error of rows that the fit did not see."""
        return float(np.mean(np.abs(self.left_out))) if self.left_out else None


def predict(platform: Platform, measurement: Measurement) -> float:
    """Seconds that the platform takes for what was measured: a batch by itself, layer after layer."""
    stream = static_stream(measurement.network, measurement.batch, None, 0)
    times = layer_seconds(platform, stream, measurement.rules())
    if measurement.layer is None:
        return sum(times.values())
    if measurement.layer not in times:
        hint = did_you_mean(measurement.layer, times)
        raise UserError(
            f"{measurement.where}network '{measurement.network.name}' runs no layer '{measurement.layer}'{hint}"
        )
    return times[measurement.layer]


def calibrate(
    platform: str | Path,
    measurements: Sequence[Measurement],
    parameters: Sequence[str] | None = None,
    *,
    leave_one_out: bool = True,
    settings: Mapping[str, str] | None = None,
) -> Calibration:
    """Fit the named values of a platform (or :func:`default_parameters`) to measured times.

    ``settings`` are changed on the platform beforehand and kept. Raises :class:`UserError` where there are more
    parameters than measurements, and :class:`PlatformError` for a path that leads to no number.
    """
    fixed = dict(settings or {})
    base = load_platform(platform, fixed)
    paths = list(parameters) if parameters else default_parameters(base, measurements)
    found = tuple(_parameter(base, path) for path in paths)
    if len(found) > len(measurements):
        raise UserError(
            f"{len(found)} parameters ({', '.join(paths)}) cannot be fitted to {len(measurements)} measurements;"
            f" measure more, or name at most {len(measurements)} with --fit"
        )
    fit = _Fit(platform, fixed, found)
    best = fit.solve(measurements)
    errors = tuple(np.expm1(fit.residuals(best, measurements)).tolist())
    left_out: list[float] = []
    if leave_one_out and len(measurements) > len(found):
        for i, measurement in enumerate(measurements):
            rest = [*measurements[:i], *measurements[i + 1 :]]
            again = fit.solve(rest, best)
            left_out += np.expm1(fit.residuals(again, [measurement])).tolist()
    return Calibration(base.name, found, fit.texts(best), tuple(measurements), errors, tuple(left_out))


def default_parameters(platform: Platform, measurements: Sequence[Measurement]) -> list[str]:
    """Efficiency of each measured element and of its memory, and its cost of a layer, as far as the rows allow.

    The order is that of their importance; there are at least two measurements for each that is named.
    """
    used = [m.element for m in measurements if m.element is not None]
    names = list(dict.fromkeys(used)) or list(platform.processing_elements)
    wanted: list[str] = []
    for name in names:
        element = platform.processing_elements.get(name)
        if element is None:
            raise UserError(f"no element '{name}'{did_you_mean(name, platform.processing_elements)}")
        fields = type(element.config).model_fields
        several = len({m.cores for m in measurements if m.element in (None, name)}) > 1
        keys = ["efficiency", *(["serial_fraction"] if several else []), "launch", "overhead"]
        wanted += [f"processing_elements.{name}.{key}" for key in keys if key in fields]
    wanted += [f"memories.{name}.efficiency" for name in platform.memories]
    return wanted[: max(1, len(measurements) // 2)]


class _Fit:
    """The residuals of measurements as a function of the logarithms of the parameters."""

    def __init__(self, platform: str | Path, fixed: Mapping[str, str], parameters: Sequence[Parameter]) -> None:
        self.platform, self.fixed, self.parameters = platform, fixed, parameters

    def texts(self, logs: npt.NDArray[np.float64]) -> dict[str, str]:
        """The parameters as a platform file would write them."""
        pairs = zip(self.parameters, logs, strict=True)
        return {p.path: p.text(math.exp(value)) for p, value in pairs}

    def residuals(self, logs: npt.NDArray[np.float64], measurements: Sequence[Measurement]) -> npt.NDArray[np.float64]:
        """Logarithm of simulated over measured, a row each."""
        platform = load_platform(self.platform, {**self.fixed, **self.texts(logs)})
        return np.array([math.log(predict(platform, m) / m.seconds) for m in measurements])

    def solve(
        self, measurements: Sequence[Measurement], first: npt.NDArray[np.float64] | None = None
    ) -> npt.NDArray[np.float64]:
        """The best logarithms, within the bounds of the parameters."""
        from scipy.optimize import least_squares

        start = np.array([math.log(p.start) for p in self.parameters]) if first is None else first
        low = np.array([math.log(p.start) - 7 for p in self.parameters])
        high = np.array([math.log(p.start) + 7 if p.limit is None else math.log(p.limit) for p in self.parameters])
        inside = np.clip(start, low + 1e-9, high - 1e-9)
        # The step must be seen through times rounded to whole cycles and values written with six digits.
        step = np.full(inside.size, 1e-3)
        found = least_squares(
            self.residuals, inside, bounds=(low, high), args=(measurements,), diff_step=step, ftol=1e-4, xtol=1e-4,
            max_nfev=40,
        )  # fmt: skip
        solved: npt.NDArray[np.float64] = found.x
        return solved


def _parameter(platform: Platform, path: str) -> Parameter:
    """A fitted value as the platform now has it; raises :class:`PlatformError` where the path leads to no number."""
    written = _lookup(platform.document, path)
    if written is None:
        written = _default(platform, path)
    if written is None or isinstance(written, bool | Mapping | list | tuple):
        raise PlatformError(f"'{path}' is no number of platform '{platform.name}' that could be fitted")
    if isinstance(written, int | float):
        limit = _LARGEST_FRACTION if path.endswith("fraction") else 1.0
        return Parameter(path, float(written) or _FIRST_FRACTION, "", limit)
    number = _NUMBER.match(str(written))
    if number is None:
        raise PlatformError(f"'{path}' of platform '{platform.name}' is '{written}'; only a number can be fitted")
    value, unit = float(number[1]), number[2]
    if unit == "%":
        return Parameter(path, min(value / 100, 1.0), "", 1.0)
    return Parameter(path, value, unit, None) if value else Parameter(path, float(_FIRST_DURATION * 10**6), "us", None)


def _lookup(document: Mapping[str, Any], path: str) -> Any:
    found: Any = document
    for key in path.split("."):
        if not isinstance(found, Mapping) or key not in found:
            return None
        found = found[key]
    return found


def _default(platform: Platform, path: str) -> Any:
    """The default of a key that the file leaves out, as the file would write it."""
    section, name, key = [*path.split("."), "", "", ""][:3]
    sections = ("processing_elements", "memories", "dma")
    parts: Mapping[str, Any] = getattr(platform, section) if section in sections else {}
    if name not in parts:
        wrong, known = (name, parts) if section in sections else (section, sections)
        raise PlatformError(f"'{path}' leads nowhere in platform '{platform.name}'{did_you_mean(wrong, known)}")
    config = parts[name].config
    if path.count(".") != 2 or key not in type(config).model_fields:
        raise PlatformError(f"'{path}' leads nowhere{did_you_mean(key, type(config).model_fields)}")
    value = getattr(config, key)
    return format_quantity(value, "s") if isinstance(value, Fraction) and not value else value
