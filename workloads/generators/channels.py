"""Run-time channel pruning: which channels of a layer are alive depends on the input, or on the layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from workloads.arrivals import Arrivals
from workloads.difficulty import Difficulty, beta_quantiles
from workloads.dynamic.structured import keep_count, structured_work
from workloads.errors import WorkloadError
from workloads.generators.schedule import Schedule
from workloads.network import LayerGroup, Network
from workloads.seeds import generator
from workloads.tokens import LayerWork, TokenStream

Floats = npt.NDArray[np.float64]


def prunable(network: Network) -> tuple[LayerGroup, ...]:
    """Convolutions whose channels may be pruned: all that are not depthwise and do not write the network's output."""
    read = {source for group in network.groups() for source in group.inputs}
    return tuple(
        group
        for group in network.groups()
        if group.kind == "conv" and not group.main.is_depthwise and group.name in read
    )


def fbs_stream(
    network: Network,
    frames: int | None = None,
    arrivals: str | Arrivals | None = None,
    seed: int = 0,
    *,
    density: float = 0.5,
    gates: bool = True,
) -> TokenStream:
    """Feature boosting and suppression: each convolution keeps its ceil(density * C) most salient channels for each
    input.

    The count of multiply-accumulates is the same for every input; which channels they are differs, so the weights
    that a memory holding the last frame's channels must fetch anew vary. ``gates`` adds the saliency predictor: a
    dense layer C_in x C_out a convolution, on the subsampled input, and the boost of the kept channels (A_out * H *
    W multiplies). ``extra['new_weights']`` is the share of the layer's weights not used by the frame before. Source:
    X. Gao et al., "Dynamic Channel Pruning: Feature Boosting and Suppression", ICLR 2019, equations 5 to 9.
    """
    _check_share("density", density)
    schedule = Schedule.of(frames, arrivals, seed)
    chosen = prunable(network)
    kept = {group.name: np.atleast_1d(keep_count(group.main.out_channels, density)) for group in chosen}
    overhead: dict[str, Mapping[str, Floats]] = {}
    for group in chosen if gates else ():
        layer = group.main
        pixels = layer.output_elements // layer.out_channels
        active = kept[group.name] * layer.out_channels
        overhead[group.name] = {
            "mac": np.array([float(layer.in_shape[0] * layer.out_channels)]),
            "mul": active * pixels,
            "add": np.array([float(layer.input_elements)]),  # the l1 norm that subsamples each channel
        }
    work = structured_work(network, kept, overhead)
    for name in overhead:  # the predictor and the selection run before the convolution, each a kernel of its own
        work[name] = replace(work[name], extra={"kernels": np.array([3.0])})
    if density < 1.0:
        work = _with_new_weights(work, kept, schedule.frames, seed)
    return schedule.stream("fbs", network, work, {"density": density, "gates": gates})


def pruned_stream(
    network: Network,
    frames: int | None = None,
    arrivals: str | Arrivals | None = None,
    seed: int = 0,
    *,
    density: float = 0.5,
    deviation: float = 0.0,
    time_correlation: float = 0.0,
    layer_correlation: float = 1.0,
) -> TokenStream:
    """Run-time pruning: the share of channels each convolution keeps varies with the difficulty of the input.

    The share has mean ``density`` and standard deviation ``deviation`` (a beta distribution over the shared
    difficulty), whole channels are kept. With a deviation of 0 every frame is the static network of that density.
    A library gathers the weights of the kept channels of each frame, since they are not known before it.
    """
    _check_share("density", density)
    schedule = Schedule.of(frames, arrivals, seed)
    process = Difficulty(seed, time_correlation, layer_correlation)
    kept = {}
    for group in prunable(network):
        if deviation == 0.0:
            share = np.array([density])
        else:
            share = beta_quantiles(process.layer(group.name, schedule.frames), density, deviation)
        kept[group.name] = keep_count(group.main.out_channels, share)
    work = structured_work(network, kept)
    if deviation > 0.0:
        work = {name: _gathered(one) for name, one in work.items()}
    options = {
        "density": density,
        "deviation": deviation,
        "time_correlation": time_correlation,
        "layer_correlation": layer_correlation,
    }
    return schedule.stream("pruned", network, work, options)


def similarity_stream(
    network: Network,
    frames: int | None = None,
    arrivals: str | Arrivals | None = None,
    seed: int = 0,
    *,
    first: float = 1.0,
    last: float = 0.5,
) -> TokenStream:
    """Matrix-similarity pruning: a density for each layer, the same for all inputs, falling evenly from ``first`` to
    ``last``.

    The method sets the rate of each layer by the similarity of its filters; the network is static at inference.
    Source: M. Shao et al., "A dynamic CNN pruning method based on matrix similarity", Signal, Image and Video
    Processing, 2021.
    """
    for name, value in (("first", first), ("last", last)):
        _check_share(name, value)
    schedule = Schedule.of(frames, arrivals, seed)
    chosen = prunable(network)
    densities = np.linspace(first, last, len(chosen))
    kept = {
        group.name: np.atleast_1d(keep_count(group.main.out_channels, density))
        for group, density in zip(chosen, densities, strict=True)
    }
    return schedule.stream("similarity", network, structured_work(network, kept), {"first": first, "last": last})


def slimmable_stream(
    network: Network,
    frames: int | None = None,
    arrivals: str | Arrivals | None = None,
    seed: int = 0,
    *,
    widths: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0),
    time_correlation: float = 0.0,
) -> TokenStream:
    """Slimmable widths: the whole network switches between a few widths, the harder inputs get the wider ones.

    Each width serves an equal share of the inputs. Source: J. Yu et al., "Slimmable Neural Networks", ICLR 2019.
    """
    if not widths:
        raise WorkloadError("widths lists none; write shares above 0 and at most 1, e.g. [0.5,1.0]")
    for given in widths:
        _check_share("widths", given)
    schedule = Schedule.of(frames, arrivals, seed)
    hard = Difficulty(seed, time_correlation).frames(schedule.frames)
    width = np.sort(np.array(widths))[np.minimum((hard * len(widths)).astype(np.int64), len(widths) - 1)]
    kept = {group.name: keep_count(group.main.out_channels, width) for group in prunable(network)}
    options = {"widths": list(widths), "time_correlation": time_correlation}
    return schedule.stream("slimmable", network, structured_work(network, kept), options)


def _with_new_weights(
    work: dict[str, LayerWork], kept: Mapping[str, Floats], frames: int, seed: int
) -> dict[str, LayerWork]:
    """Adds the share of weights that the last frame did not use, from how many kept channels two choices share.

    Input and output channels are chosen anew for each frame, every choice equally likely, so the channels that two
    frames share are hypergeometric. A layer whose own channels are all kept still sees other input channels.
    """
    again = {name: _repeated(name, float(share[0]), work[name].layer.out_channels, frames, seed)
             for name, share in kept.items()}  # fmt: skip
    changed: dict[str, LayerWork] = {}
    shared: dict[str, Floats] = {}  # of each group's kept channels, the share that the frame before kept too
    for name, one in work.items():
        into = [shared[source] for source in one.group.inputs if source in shared]
        arriving = into[0] if len(into) == 1 else np.ones(1)
        shared[name] = again.get(name, np.ones(1) if one.layer.is_compute and not one.layer.is_depthwise else arriving)
        if one.layer.weights and bool((one.weight_kept < 1.0).any()):
            held = arriving * shared[name] if not one.layer.is_depthwise else arriving
            fresh = one.weight_kept * (1.0 - np.broadcast_to(held, (frames,)))
            fresh[:1] = one.weight_kept[0]
            one = replace(_gathered(one), extra={**_gathered(one).extra, "new_weights": fresh})
        changed[name] = one
    return changed


def _repeated(name: str, share: float, channels: int, frames: int, seed: int) -> Floats:
    """Share of a frame's kept channels that the frame before kept too."""
    active = round(share * channels)
    drawn = generator(seed, f"fbs/{name}").hypergeometric(active, channels - active, active, size=frames)
    return drawn.astype(np.float64) / active


def _gathered(work: LayerWork) -> LayerWork:
    """The same work with the weights that a library must collect for each frame that prunes some."""
    layer = work.layer
    if not layer.weights or bool((work.weight_kept == 1.0).all()):
        return work
    collected = np.where(work.weight_kept < 1.0, work.weight_kept * layer.weights, 0.0)
    return replace(work, extra={**work.extra, "gathered_weights": collected})


def _check_share(name: str, value: float) -> None:
    if not 0.0 < value <= 1.0:
        raise WorkloadError(f"{name} is {value}; write a share above 0 and at most 1")
