"""When the frames of a run arrive: all at once, by the clock, at random, in bursts, or as somebody recorded them.

Every kind gives one arrival a frame in picoseconds, never falling. Random ones draw from named sources of the run's
seed, so the first hundred arrivals stay the same when a thousand are asked for, and no other generator moves them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

from workloads.errors import WorkloadError, did_you_mean
from workloads.quantities import LAST_DAY, LAST_PS, PS_PER_SECOND, parse_rate, parse_time, to_ps
from workloads.recorded import read_release_times
from workloads.seeds import generator

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Arrivals(ABC):
    """A rule that says when each frame arrives."""

    @abstractmethod
    def release_ps(self, frames: int, seed: int = 0) -> Ints:
        """The arrivals of the first ``frames`` frames, in picoseconds, never falling, shape (frames,)."""

    @property
    def length(self) -> int | None:
        """How many arrivals there are; None where there is no end."""
        return None

    @property
    @abstractmethod
    def text(self) -> str:
        """The rule as :func:`parse_arrivals` reads it."""


@dataclass(frozen=True, slots=True)
class Saturated(Arrivals):
    """Every frame waits from the start: the platform alone sets the pace."""

    def release_ps(self, frames: int, seed: int = 0) -> Ints:
        return np.zeros(frames, dtype=np.int64)

    @property
    def text(self) -> str:
        return "saturated"


@dataclass(frozen=True, slots=True)
class Periodic(Arrivals):
    """Frame k arrives at ``k / rate`` and up to ``jitter`` later, evenly spread: a sensor that exposes on a clock.

    ``rate`` in hertz and ``jitter`` in seconds are exact. Frames keep their order: one that would overtake waits.
    """

    rate: Fraction
    jitter: Fraction = Fraction(0)

    def release_ps(self, frames: int, seed: int = 0) -> Ints:
        times = _multiples_ps(1 / self.rate, frames)
        if self.jitter:
            late = generator(seed, "arrivals/jitter").random(frames) * to_ps(self.jitter)
            times = np.maximum.accumulate(_sum_within_range(times, np.rint(late).astype(np.int64)))
        return times

    @property
    def text(self) -> str:
        return f"periodic:{_hz(self.rate)}" + (f",jitter={_seconds(self.jitter)}" if self.jitter else "")


@dataclass(frozen=True, slots=True)
class Poisson(Arrivals):
    """Independent arrivals at ``rate`` hertz on average; the gaps, the first one included, are exponential."""

    rate: Fraction

    def release_ps(self, frames: int, seed: int = 0) -> Ints:
        mean_ps = PS_PER_SECOND / float(self.rate)
        return _cumulative_ps(generator(seed, "arrivals/gaps").exponential(size=frames) * mean_ps)

    @property
    def text(self) -> str:
        return f"poisson:{_hz(self.rate)}"


@dataclass(frozen=True, slots=True)
class Bursty(Arrivals):
    """Poisson arrivals at ``rate`` hertz, switched on and off; the phases last ``on`` and ``off`` seconds on average.

    The interrupted Poisson process (Kuczura, "The interrupted Poisson process as an overflow process", Bell System
    Technical Journal 52(3), 1973): both phases are exponential and a run starts in an on phase. In the long run
    ``rate * on / (on + off)`` frames arrive a second.
    """

    rate: Fraction
    on: Fraction
    off: Fraction

    def release_ps(self, frames: int, seed: int = 0) -> Ints:
        # In an on phase the next arrival races the end of the phase, and after an arrival all is as at the start: a gap
        # is 1 + n races, of which the first n ended the phase, and the n off phases that followed them.
        rate, switch = float(self.rate), 1 / float(self.on)
        ended = generator(seed, "arrivals/phases").geometric(rate / (rate + switch), size=frames) - 1
        active = generator(seed, "arrivals/gaps").standard_gamma(ended + 1) / (rate + switch)
        paused = generator(seed, "arrivals/off").standard_gamma(ended) * float(self.off)
        return _cumulative_ps((active + paused) * PS_PER_SECOND)

    @property
    def text(self) -> str:
        return f"bursty:{_hz(self.rate)},on={_seconds(self.on)},off={_seconds(self.off)}"


@dataclass(frozen=True, slots=True, eq=False)
class Recorded(Arrivals):
    """Arrivals that somebody measured; a run can have as many frames as were recorded, or fewer."""

    times_ps: Ints
    file: str

    def release_ps(self, frames: int, seed: int = 0) -> Ints:
        if frames > self.times_ps.size:
            raise WorkloadError(
                f"{self.file} records {self.times_ps.size} arrivals, and {frames} frames are asked for;"
                f" write frames={self.times_ps.size} or fewer"
            )
        return self.times_ps[:frames].copy()

    @property
    def length(self) -> int:
        return int(self.times_ps.size)

    @property
    def text(self) -> str:
        return f"trace:{self.file}"


def read_arrivals(path: str | Path) -> Recorded:
    """Recorded arrivals out of a CSV file, whose form :func:`workloads.recorded.read_release_times` tells."""
    return Recorded(np.array(read_release_times(path), dtype=np.int64), str(path))


def parse_arrivals(text: str | Arrivals) -> Arrivals:
    """The rule that a text stands for.

    One of ``saturated``, ``periodic:30Hz``, ``periodic:30Hz,jitter=1ms``, ``poisson:30Hz``,
    ``bursty:100Hz,on=50ms,off=200ms`` and ``trace:FILE``; a period ('33 ms') may stand for a rate.
    Raises :class:`WorkloadError` with what to write instead.
    """
    if isinstance(text, Arrivals):
        return text
    kind, colon, rest = text.partition(":")
    kind = kind.strip()
    if kind not in _PARSERS:
        known = did_you_mean(kind, _PARSERS)
        raise WorkloadError(f"arrivals '{text}': no kind '{kind}'{known}; write e.g. '{_EXAMPLES['periodic']}'")
    if kind == "saturated":
        if colon:
            raise WorkloadError(f"arrivals '{text}': saturated takes no parameters; write 'saturated'")
        return Saturated()
    if not rest.strip():
        raise WorkloadError(f"arrivals '{text}': {kind} needs more; write e.g. '{_EXAMPLES[kind]}'")
    return _PARSERS[kind](text, rest)


def _parse_periodic(text: str, rest: str) -> Arrivals:
    rate, options = _rate_and_options(text, rest, "periodic", ("jitter",))
    return Periodic(rate, options.get("jitter", Fraction(0)))


def _parse_poisson(text: str, rest: str) -> Arrivals:
    return Poisson(_rate_and_options(text, rest, "poisson", ())[0])


def _parse_bursty(text: str, rest: str) -> Arrivals:
    rate, options = _rate_and_options(text, rest, "bursty", ("on", "off"))
    for name in ("on", "off"):
        if options.get(name, 0) <= 0:
            raise WorkloadError(
                f"arrivals '{text}': bursty needs '{name}', the mean length of such a phase, above zero;"
                f" write e.g. '{_EXAMPLES['bursty']}'"
            )
    return Bursty(rate, options["on"], options["off"])


def _parse_trace(text: str, rest: str) -> Arrivals:
    return read_arrivals(rest.strip())


_PARSERS: dict[str, Callable[[str, str], Arrivals]] = {
    "saturated": lambda text, rest: Saturated(),
    "periodic": _parse_periodic,
    "poisson": _parse_poisson,
    "bursty": _parse_bursty,
    "trace": _parse_trace,
}
_EXAMPLES = {
    "periodic": "periodic:30Hz",
    "poisson": "poisson:30Hz",
    "bursty": "bursty:100Hz,on=50ms,off=200ms",
    "trace": "trace:arrivals.csv",
}

DEFAULT_FRAMES = 64
"""Frames of a run that names no number: enough for a steady state behind the warm-up of a deep pipeline."""

MOST_FRAMES = 2**27  # each column of a frame or firing takes a gigabyte then


def frame_count(frames: int | None, arrivals: Arrivals) -> int:
    """The number of frames asked for; else all that were recorded, or :data:`DEFAULT_FRAMES` where there is no end."""
    if frames is None:
        return arrivals.length or DEFAULT_FRAMES
    if frames < 1:
        raise WorkloadError(f"{frames} frames are asked for; write frames=1 or more")
    if frames > MOST_FRAMES:
        raise WorkloadError(f"{frames} frames are asked for; write frames={MOST_FRAMES} or fewer")
    return frames


def _rate_and_options(text: str, rest: str, kind: str, known: tuple[str, ...]) -> tuple[Fraction, dict[str, Fraction]]:
    first, *others = rest.split(",")
    rate = parse_rate(first, f"arrivals '{text}': the rate")
    options: dict[str, Fraction] = {}
    for part in others:
        name, equals, value = part.partition("=")
        name = name.strip()
        if name in known and not equals:
            raise WorkloadError(f"arrivals '{text}': '{name}' has no value; write e.g. '{name}=1ms'")
        if name not in known:
            allowed = did_you_mean(name, known) if known else "; it takes a rate alone"
            example = _EXAMPLES[kind]
            raise WorkloadError(f"arrivals '{text}': {kind} has no option '{name}'{allowed}; write e.g. '{example}'")
        if name in options:
            raise WorkloadError(f"arrivals '{text}': '{name}' is given twice; write it once")
        options[name] = parse_time(value, f"arrivals '{text}': {name}")
    return rate, options


def _multiples_ps(period: Fraction, frames: int) -> Ints:
    """``k * period`` for each frame, every one rounded from its exact value so that no error builds up."""
    whole, rest = divmod(period * PS_PER_SECOND, 1)
    if frames and to_ps(period * (frames - 1)) > LAST_PS:
        raise WorkloadError(_too_long(frames))
    if 2 * frames * rest.denominator >= 2**63:
        return np.array([to_ps(period * k) for k in range(frames)], dtype=np.int64)
    k = np.arange(frames, dtype=np.int64)
    exact: Ints = k * int(whole) + (2 * k * rest.numerator + rest.denominator) // (2 * rest.denominator)
    return exact


def _cumulative_ps(gaps_ps: Floats) -> Ints:
    """Sums of gaps, each gap rounded by itself: exact in integers, and the same however many follow."""
    if gaps_ps.size and float(gaps_ps.sum()) > LAST_PS / 2:
        raise WorkloadError(_too_long(gaps_ps.size))
    times: Ints = np.cumsum(np.rint(gaps_ps).astype(np.int64))
    return times


def _sum_within_range(times: Ints, late: Ints) -> Ints:
    if times.size and int(times[-1]) > LAST_PS - int(late.max()):
        raise WorkloadError(_too_long(times.size))
    return times + late


def _too_long(frames: int) -> str:
    return (
        f"{frames} frames at this rate last longer than the {LAST_DAY} days that 64-bit picoseconds hold;"
        " take fewer frames or a higher rate"
    )


def _hz(rate: Fraction) -> str:
    return f"{_decimal(rate)}Hz" if _is_decimal(rate) else f"{_decimal(1000 / rate)}ms"


def _seconds(value: Fraction) -> str:
    return f"{_decimal(value * 1000)}ms"


def _is_decimal(value: Fraction) -> bool:
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return rest == 1


def _decimal(value: Fraction) -> str:
    if value.denominator == 1:
        return str(value.numerator)
    return f"{float(value):.15g}"
