"""Published accuracies, carried as data: nothing here is simulated.

A figure stands for one network, or one variant of it, with the page it was read on. Where nothing is published for a
variant the answer is ``None``, and a table says so instead of guessing.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Top-1 accuracy in percent on ``dataset``; ``None`` where only ``note`` is published (a top-5 loss, say)."""

    top1_percent: float | None
    dataset: str
    source: str
    note: str = ""


_TORCHVISION = "PyTorch documentation, torchvision.models, ImageNet 1-crop errors"
_MOBILENET = "Howard et al. 2017, arXiv 1704.04861, Tables 6 and 7"
_DEEP_COMPRESSION = "Han et al., ICLR 2016, arXiv 1510.00149, Table 1"
_LOW_RANK = "Zhang et al., TPAMI 38(10), 2016, arXiv 1505.06798, Table 7"
_FRACBNN = "cornell-zhang/FracBNN README; Zhang et al., FPGA 2021"
_MAYO = "deep-fry/mayo docs/fbs.md; Gao et al., ICLR 2019"

# 100 minus the top-1 error that the source prints.
_TORCHVISION_TOP1 = {
    "alexnet": 56.55, "vgg-11": 69.02, "vgg-13": 69.93, "vgg-16": 71.59, "vgg-19": 72.38, "squeezenet-1.0": 58.10,
    "squeezenet-1.1": 58.19, "resnet-18": 69.76, "resnet-34": 73.30, "resnet-50": 76.15, "resnet-101": 77.37,
    "resnet-152": 78.31, "densenet-121": 74.65, "densenet-161": 77.65, "densenet-169": 76.00, "densenet-201": 77.20,
}  # fmt: skip
_MOBILENET_TOP1 = {
    "mobilenet-v1": 70.6, "mobilenet-v1-0.75-224": 68.4, "mobilenet-v1-0.5-224": 63.7, "mobilenet-v1-0.25-224": 50.6,
    "mobilenet-v1-1-192": 69.1, "mobilenet-v1-1-160": 67.2, "mobilenet-v1-1-128": 64.4,
}  # fmt: skip

_PUBLISHED: dict[tuple[str, str], Accuracy] = {
    **{(name, ""): Accuracy(top1, "ImageNet", _TORCHVISION) for name, top1 in _TORCHVISION_TOP1.items()},
    **{(name, ""): Accuracy(top1, "ImageNet", _MOBILENET) for name, top1 in _MOBILENET_TOP1.items()},
    ("mobilenet-v1", "w4a4"): Accuracy(70.4, "ImageNet", "Xilinx/finn-examples README, MobileNet-v1 w4a4"),
    ("lenet-300-100", ""): Accuracy(98.36, "MNIST", _DEEP_COMPRESSION),
    ("lenet-300-100", "deep-compression"): Accuracy(98.42, "MNIST", _DEEP_COMPRESSION),
    ("lenet-5", ""): Accuracy(99.20, "MNIST", _DEEP_COMPRESSION),
    ("lenet-5", "deep-compression"): Accuracy(99.26, "MNIST", _DEEP_COMPRESSION),
    ("alexnet-caffe", ""): Accuracy(57.22, "ImageNet", _DEEP_COMPRESSION),
    ("alexnet-caffe", "deep-compression"): Accuracy(57.22, "ImageNet", _DEEP_COMPRESSION),
    ("vgg-16", "deep-compression"): Accuracy(
        68.83, "ImageNet", _DEEP_COMPRESSION, "the uncompressed reference of the paper has 68.50"
    ),
    **{
        ("vgg-16", f"low-rank-3d-{speedup}x"): Accuracy(
            None, "ImageNet", _LOW_RANK, f"top-5 error +{increase} points, {tuned} with fine-tuning"
        )
        for speedup, increase, tuned in ((3, 0.4, "+0.0"), (4, 0.9, "+0.3"), (5, 2.0, "+1.0"))
    },
    ("fracbnn-cifar10", "fractional"): Accuracy(89.1, "CIFAR-10", _FRACBNN),
    ("fracbnn-imagenet", "fractional"): Accuracy(71.7, "ImageNet", _FRACBNN),
    ("m-cifarnet", ""): Accuracy(91.37, "CIFAR-10", _MAYO),
    ("m-cifarnet", "fbs-0.5"): Accuracy(90.54, "CIFAR-10", _MAYO),
}


def published_accuracy(network: str, variant: str = "") -> Accuracy | None:
    """What is published for a network of the zoo, or a variant such as ``deep-compression``; ``None`` for nothing."""
    return _PUBLISHED.get((network, variant))


def accuracy_text(network: str, variant: str = "") -> str:
    """The figure as a table cell: ``70.6 %``, the note where only that is published, or ``none published``."""
    found = published_accuracy(network, variant)
    if found is None:
        return "none published"
    return found.note if found.top1_percent is None else f"{found.top1_percent:g} %"
