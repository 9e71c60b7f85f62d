"""Which frames come when: what every generator is asked for beside the work of a frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from workloads.arrivals import Arrivals, Ints, frame_count, parse_arrivals
from workloads.network import Network
from workloads.tokens import LayerWork, TokenStream


@dataclass(frozen=True, slots=True)
class Schedule:
    """``frames`` frames that arrive by ``rule``; random arrivals are drawn from ``seed``."""

    frames: int
    rule: Arrivals
    seed: int

    @classmethod
    def of(
        cls, frames: int | None, arrivals: str | Arrivals | None, seed: int, unless_given: str = "saturated"
    ) -> Schedule:
        """The schedule that a generator's own parameters ask for; ``arrivals`` None is ``unless_given``.

        ``frames`` None takes all recorded arrivals, or :data:`workloads.arrivals.DEFAULT_FRAMES`. Raises
        :class:`workloads.errors.WorkloadError` where arrivals cannot be read, or are fewer than the frames asked for.
        """
        rule = parse_arrivals(unless_given if arrivals is None else arrivals)
        return cls(frame_count(frames, rule), rule, seed)

    @property
    def release_ps(self) -> Ints:
        """When each frame arrives, in picoseconds, shape (frames,)."""
        return self.rule.release_ps(self.frames, self.seed)

    def stream(
        self,
        generator: str,
        network: Network,
        work: Mapping[str, LayerWork],
        options: Mapping[str, object] | None = None,
        *,
        control: tuple[tuple[str, str], ...] = (),
        deadline_ps: int | None = None,
    ) -> TokenStream:
        """The stream of these frames; its origin tells the generator, its options, arrivals and seed.

        ``options`` are values that JSON knows. The rest is as in :class:`workloads.tokens.TokenStream`.
        """
        return TokenStream(
            network=network,
            frames=self.frames,
            release_ps=self.release_ps,
            work=work,
            control=control,
            deadline_ps=deadline_ps,
            origin={"generator": generator, **(options or {}), "arrivals": self.rule.text, "seed": self.seed},
        )
