"""Work that depends on the size of the input: images of varying resolution, sentences of varying length."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from workloads.arrivals import Arrivals
from workloads.dynamic.branches import static_work
from workloads.errors import WorkloadError
from workloads.generators.schedule import Schedule
from workloads.network import Network
from workloads.seeds import generator
from workloads.tokens import LayerWork, TokenStream
from workloads.transforms import scale_resolution
from workloads.zoo.dynamic import dcnn

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_MOST_WORDS = 100_000


def resolution_stream(
    network: Network,
    frames: int | None = None,
    arrivals: str | Arrivals | None = None,
    seed: int = 0,
    *,
    sizes: tuple[int, ...] = (180, 224),
    weights: tuple[float, ...] = (),
) -> TokenStream:
    """Images of varying size, as spatial pyramid pooling allows: convolutions scale with the image, dense layers do
    not.

    Each frame has a side out of ``sizes``, drawn with ``weights`` (empty: evenly). The network must be one that can
    be resized: adaptive or global pooling stands before its dense layers ('spp-net'). Tokens are those of the
    largest image. Source: K. He et al., TPAMI 37(9), 2015.
    """
    schedule = Schedule.of(frames, arrivals, seed)
    chosen = _draw(sizes, weights, schedule.frames, seed, "resolution")
    built = {size: scale_resolution(network, size) for size in sorted(set(sizes))}
    largest = built[max(sizes)]
    options = {"sizes": list(sizes), "weights": list(weights)}
    return schedule.stream("resolution", largest, sized_work(largest, built, chosen), options)


def sentences_stream(
    network: Network,
    frames: int | None = None,
    arrivals: str | Arrivals | None = None,
    seed: int = 0,
    *,
    shortest: int = 3,
    longest: int = 52,
    mean: float = 19.0,
    top: int = 4,
) -> TokenStream:
    """Sentences of varying length through the DCNN: wide convolutions and dynamic k-max pooling grow with the
    sentence.

    Lengths are drawn from a geometric distribution of the given mean, cut to ``shortest .. longest`` words.
    ``network`` must be 'dcnn'; it is built anew for each length. Source: N. Kalchbrenner et al., ACL 2014, sections
    3.2 and 3.3.
    """
    if network.name != "dcnn":
        raise WorkloadError(f"network '{network.name}' takes no sentences; give 'dcnn'")
    if not 1 <= shortest <= mean <= longest <= _MOST_WORDS:
        raise WorkloadError(
            f"shortest {shortest}, mean {mean:g}, longest {longest}:"
            f" write them in rising order, from 1 to {_MOST_WORDS}"
        )
    if not 1 <= top <= longest:
        raise WorkloadError(f"top is {top}; write how many values the last pool keeps, from 1 to longest ({longest})")
    schedule = Schedule.of(frames, arrivals, seed)
    random = generator(seed, "sentences")
    drawn = shortest + random.geometric(1.0 / max(1.0, mean - shortest + 1.0), size=schedule.frames) - 1
    chosen = np.minimum(drawn, longest).astype(np.int64)
    built = {int(length): dcnn(int(length), top) for length in np.unique(np.append(chosen, longest))}
    largest = built[longest]
    options = {"shortest": shortest, "longest": longest, "mean": mean, "top": top}
    return schedule.stream("sentences", largest, sized_work(largest, built, chosen), options)


def sized_work(largest: Network, built: Mapping[int, Network], chosen: Ints) -> dict[str, LayerWork]:
    """The work of each group of ``largest`` when frame f runs the network ``built[chosen[f]]``."""
    sizes = sorted(built)
    place = np.searchsorted(sizes, chosen)
    tables = [static_work(built[size]) for size in sizes]
    whole = static_work(largest)
    return {name: _pick(whole[name], [table[name] for table in tables], place) for name in whole}


def _pick(whole: LayerWork, each: Sequence[LayerWork], place: Ints) -> LayerWork:
    def values(of: Callable[[LayerWork], float]) -> Floats:
        return np.array([of(work) for work in each])[place]

    def share(of: Callable[[LayerWork], float]) -> Floats:
        dense = of(whole)
        return values(of) / dense if dense else np.ones(place.shape)

    macs = values(lambda work: float(work.macs[0]))
    total = float(whole.macs[0])
    outputs = share(lambda work: float(work.group.output_bytes))
    return replace(
        whole,
        macs=macs,
        ops={kind: np.array([float(work.ops[kind][0]) for work in each])[place] for kind in whole.ops},
        fraction=macs / total if total else outputs,
        input_positions=share(lambda work: float(work.layer.input_bytes)),
        output_positions=outputs,
    )


def _draw(sizes: tuple[int, ...], weights: tuple[float, ...], count: int, seed: int, name: str) -> Ints:
    if not sizes or (weights and len(weights) != len(sizes)):
        raise WorkloadError(f"{len(sizes)} sizes and {len(weights)} weights; write a weight for each size, or none")
    if weights and (min(weights) < 0 or sum(weights) <= 0):
        raise WorkloadError(f"weights are {list(weights)}; write numbers of 0 or more, one of them above 0")
    chance = np.full(len(sizes), 1.0 / len(sizes)) if not weights else np.array(weights) / sum(weights)
    drawn: Ints = np.array(sizes)[generator(seed, name).choice(len(sizes), size=count, p=chance)]
    return drawn
