"""Networks by name: published architectures, built layer by layer.

``network_names()`` lists them; MobileNet-v1 also answers to ``mobilenet-v1-WIDTH-RESOLUTION`` for any width and
resolution. Dashes, underscores and dots in a name make no difference (``vgg16``, ``VGG_16`` and ``vgg-16`` are one).
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from workloads.errors import WorkloadError, did_you_mean

if TYPE_CHECKING:
    from workloads.network import Network


class Entry(NamedTuple):
    """Where a network is built, with which arguments, and what it is in a few words."""

    module: str
    function: str
    arguments: tuple[str | int | float, ...]
    summary: str


_ENTRIES: dict[str, Entry] = {
    "lenet-300-100": Entry("lenet", "lenet_300_100", (), "two hidden layers on MNIST (LeCun et al. 1998)"),
    "lenet-5": Entry("lenet", "lenet_5", (), "the Caffe LeNet on MNIST, 431,080 parameters"),
    "alexnet": Entry("alexnet", "alexnet", (), "torchvision's ungrouped AlexNet, 61.1 M parameters"),
    "alexnet-caffe": Entry(
        "alexnet", "alexnet_caffe", (), "AlexNet with two groups, 227 x 227 (Krizhevsky et al. 2012)"
    ),
    "alexnet-cifar": Entry("alexnet", "alexnet_cifar", (), "small AlexNet of 1.4 M parameters (Zhang et al. 2017)"),
    **{
        f"vgg-{depth}{tail}": Entry("vgg", "vgg", (depth, int(bool(tail))), f"VGG of {depth} layers{extra}")
        for depth in (11, 13, 16, 19)
        for tail, extra in (("", ""), ("-bn", " with batch normalisation"))
    },
    "squeezenet-1.0": Entry("squeezenet", "squeezenet", ("1.0",), "fire modules (Iandola et al. 2016)"),
    "squeezenet-1.1": Entry("squeezenet", "squeezenet", ("1.1",), "fire modules, 2.4 times less work than 1.0"),
    "mobilenet-v1": Entry("mobilenet", "mobilenet_v1", (1.0, 224), "depthwise separable (Howard et al. 2017)"),
    "mobilenet-v2": Entry("mobilenet", "mobilenet_v2", (), "inverted residuals (Sandler et al. 2018)"),
    **{
        f"resnet-{depth}": Entry("resnet", "resnet", (depth,), f"residual network of {depth} layers (He et al. 2016)")
        for depth in (18, 34, 50, 101, 152)
    },
    **{
        f"densenet-{depth}": Entry(
            "densenet", "densenet", (depth,), f"dense blocks, {depth} layers (Huang et al. 2017)"
        )
        for depth in (121, 161, 169, 201)
    },
    "googlenet": Entry("inception", "googlenet", (), "Inception v1 (Szegedy et al. 2015), Caffe layout"),
    "inception-v4": Entry("inception", "inception_v4", (), "Inception v4, 299 x 299 (Szegedy et al. 2017)"),
    "m-cifarnet": Entry("cifar", "m_cifarnet", (), "the CIFAR-10 network of feature boosting (Gao et al. 2019)"),
    "ncp-lane": Entry("ode", "ncp_lane", (), "lane-keeping NCP, LTC cell in library form (Lechner et al. 2020)"),
    "ncp-lane-sparse": Entry("ode", "ncp_lane", ("fused", "sparse"), "the same with the synapses of the wiring alone"),
    "ncp-lane-rk45": Entry("ode", "ncp_lane", ("rk45", "sparse"), "the same with an adaptive solver"),
    "ncp-lane-cfc": Entry("ode", "ncp_lane", ("cfc", "sparse"), "the same as a wired closed-form cell (CfC)"),
    "ode-net": Entry("ode", "ode_net", (), "convolutions with a neural ODE block between (Chen et al. 2018)"),
    "ncp-conv-head": Entry("cifar", "ncp_conv_head", (), "camera head of the lane-keeping NCP (Lechner et al. 2020)"),
    **{
        f"cnv-{bits}": Entry("finn", "cnv", (bits,), f"FINN's binary VGG-like CIFAR-10 network, {bits}")
        for bits in ("w1a1", "w1a2", "w2a2")
    },
    **{
        f"{size}-{bits}": Entry("finn", "mlp", (size, bits), f"FINN's MNIST perceptron {size.upper()}, {bits}")
        for size in ("tfc", "sfc", "lfc")
        for bits in ("w1a1", "w1a2", "w2a2")
    },
    "branchy-lenet": Entry("dynamic", "branchy_lenet", (), "LeNet-5 with an early exit (Teerapittayanon et al. 2016)"),
    "branchy-alexnet": Entry("dynamic", "branchy_alexnet", (), "AlexNet on CIFAR-10 with two early exits (the same)"),
    "hydranet": Entry("dynamic", "hydranet", (), "20 gated branches behind a stem, after Mullapudi et al. 2018"),
    "multi-head": Entry("dynamic", "multi_head", (), "a shared backbone with three heads"),
    "spp-net": Entry("dynamic", "spp_net", (), "ZF-5 with a pyramid of 50 bins (He et al. 2015)"),
    "dcnn": Entry("dynamic", "dcnn", (), "sentence network with dynamic k-max pooling (Kalchbrenner et al. 2014)"),
    "fracbnn-cifar10": Entry("fracbnn", "fracbnn_cifar10", (), "precision-gated binary ResNet-20 (Zhang et al. 2021)"),
    "fracbnn-imagenet": Entry(
        "fracbnn", "fracbnn_imagenet", (), "precision-gated binary MobileNet (Zhang et al. 2021)"
    ),
}

# Other names under which people, and reference tables, know these networks.
_ALIASES = {
    "lenet": "lenet-5",
    "lenet5-caffe": "lenet-5",
    "alexnet-torchvision": "alexnet",
    "alexnet-small-cifar": "alexnet-cifar",
    "squeezenet": "squeezenet-1.1",
    "mobilenet": "mobilenet-v1",
}
_MOBILENET = re.compile(r"mobilenet[-_ ]?(?:v1)?[-_ ]?(\d(?:\.\d+)?)[-_ ](\d+)")


def network_names() -> tuple[str, ...]:
    """The names of the zoo, in a fixed order."""
    return tuple(_ENTRIES)


def network_summaries() -> dict[str, str]:
    """A few words on each network of the zoo."""
    return {name: entry.summary for name, entry in _ENTRIES.items()}


def zoo_network(name: str) -> Network:
    """The network called ``name``; raises :class:`WorkloadError` with the nearest name when there is none."""
    wanted = name.strip().lower()
    found = _BY_SQUASHED.get(_squash(wanted))
    if found is not None:
        entry = _ENTRIES[found]
        # Several entries may share a builder; each network is called by the name that finds it.
        return replace(_build(entry.module, entry.function, entry.arguments), name=found)
    scaled = _MOBILENET.fullmatch(wanted)
    if scaled:
        return _build("mobilenet", "mobilenet_v1", (float(scaled[1]), int(scaled[2])))
    raise WorkloadError(f"no network '{name}'{did_you_mean(wanted, _ENTRIES)}")


def _build(module: str, function: str, arguments: tuple[str | int | float, ...]) -> Network:
    build: Callable[..., Network] = getattr(importlib.import_module(f"workloads.zoo.{module}"), function)
    return build(*arguments)


def _squash(name: str) -> str:
    return re.sub(r"[-_. ]", "", name)


_BY_SQUASHED = {_squash(name): name for name in _ENTRIES} | {_squash(k): v for k, v in _ALIASES.items()}
