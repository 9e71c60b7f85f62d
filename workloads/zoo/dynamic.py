"""Networks that dynamic methods were published on: with exits, gated branches, pyramids, and dynamic pooling."""

from __future__ import annotations

from workloads.builder import NetworkBuilder
from workloads.errors import WorkloadError
from workloads.network import Network

PYRAMID = (6, 3, 2, 1)
SENTENCE = 37
"""Columns of the longest sentence that the default DCNN is built for."""


def branchy_lenet() -> Network:
    """B-LeNet: LeNet-5 with an exit behind the first convolution (Teerapittayanon et al., ICPR 2016, section IV).

    The exit is a 3 x 3 convolution and a dense layer; its width is not printed, the trunk is the Caffe LeNet.
    """
    b = NetworkBuilder("branchy-lenet")
    x = b.max_pool(b.conv(b.input((1, 28, 28)), 20, 5, name="conv1"), 2, name="pool1")
    side = b.max_pool(b.activation(b.conv(x, 10, 3, pad=1, name="exit1_conv"), "relu", name="exit1_relu"), 2)
    b.dense(b.flatten(side, name="exit1_flatten"), 10, name="exit1")
    x = b.max_pool(b.conv(x, 50, 5, name="conv2"), 2, name="pool2")
    x = b.activation(b.dense(b.flatten(x, name="flatten"), 500, name="ip1"), "relu", name="relu1")
    b.dense(x, 10, name="ip2")
    return b.build()


def branchy_alexnet() -> Network:
    """B-AlexNet on CIFAR-10: five convolutions, exits behind the first and the second (ICPR 2016, section IV and
    figure 1).

    Exit 1 has two 3 x 3 convolutions, exit 2 one, each with a dense layer; widths are those of the authors' code as
    recalled.
    """
    b = NetworkBuilder("branchy-alexnet")
    x = b.activation(b.conv(b.input((3, 32, 32)), 32, 5, pad=2, name="conv1"), "relu", name="relu1")
    x = b.lrn(b.max_pool(x, 3, 2, name="pool1"), name="norm1")
    _exit(b, x, 1, (64, 32))
    x = b.activation(b.conv(x, 64, 5, pad=2, name="conv2"), "relu", name="relu2")
    x = b.lrn(b.max_pool(x, 3, 2, name="pool2"), name="norm2")
    _exit(b, x, 2, (32,))
    for number, width in ((3, 96), (4, 96), (5, 64)):
        x = b.activation(b.conv(x, width, 3, pad=1, name=f"conv{number}"), "relu", name=f"relu{number}")
    x = b.flatten(b.max_pool(x, 3, 2, name="pool5"), name="flatten")
    for number, width in ((6, 256), (7, 128)):
        x = b.activation(b.dense(x, width, name=f"fc{number}"), "relu", name=f"relu{number}")
    b.dense(x, 10, name="fc8")
    return b.build()


def _exit(b: NetworkBuilder, x: str, number: int, widths: tuple[int, ...]) -> None:
    for place, width in enumerate(widths, 1):
        x = b.conv(x, width, 3, pad=1, name=f"exit{number}_conv{place}")
        x = b.activation(x, "relu", name=f"exit{number}_relu{place}")
    x = b.max_pool(x, 3, 2, name=f"exit{number}_pool")
    b.dense(b.flatten(x, name=f"exit{number}_flatten"), 10, name=f"exit{number}")


def hydranet(branches: int = 20) -> Network:
    """A HydraNet of the size that follow-up work names: a shared stem, ``branches`` gated branches, one classifier
    on 32 x 32 images.

    Widths are this project's own: the tables of Mullapudi et al. (CVPR 2018) were not available.
    """
    b = NetworkBuilder("hydranet")
    x = b.input((3, 32, 32))
    for number, (width, stride) in enumerate(((32, 1), (64, 2), (64, 1))):
        x = b.activation(b.conv(x, width, 3, stride, 1, name=f"stem{number}"), "relu", name=f"stem{number}_relu")
    ends = []
    for number in range(branches):
        y = b.activation(b.conv(x, 32, 3, 2, 1, name=f"branch{number}_a"), "relu", name=f"branch{number}_a_relu")
        y = b.activation(b.conv(y, 32, 3, 1, 1, name=f"branch{number}_b"), "relu", name=f"branch{number}_b_relu")
        ends.append(y)
    x = b.concat(*ends, name="combine")
    x = b.flatten(b.global_avg_pool(x, name="pool"), name="flatten")
    b.dense(x, 100, name="classifier")
    return b.build()


def multi_head() -> Network:
    """A shared backbone with three heads (objects, lanes, depth), as Tesla's HydraNet has; own sizes."""
    b = NetworkBuilder("multi-head")
    x = b.input((3, 96, 160))
    for number, width in enumerate((32, 64, 128, 128)):
        x = b.activation(b.conv(x, width, 3, 2, 1, name=f"trunk{number}"), "relu", name=f"trunk{number}_relu")
    for head, width in (("objects", 45), ("lanes", 12), ("depth", 16)):
        y = b.activation(b.conv(x, 128, 3, 1, 1, name=f"{head}_conv"), "relu", name=f"{head}_relu")
        b.conv(y, width, 1, name=head)
    return b.build()


def spp_net(size: int = 224, pyramid: tuple[int, ...] = PYRAMID) -> Network:
    """ZF-5 with spatial pyramid pooling: {6, 3, 2, 1}^2 = 50 bins of 256 channels feed the dense layers.

    Source: K. He et al., "Spatial Pyramid Pooling in Deep Convolutional Networks", TPAMI 37(9), 2015, table 1 (ZF-5)
    and section 3.1; bins are [floor(i a / n), ceil((i + 1) a / n)), which is right also where n does not divide a.
    """
    b = NetworkBuilder("spp-net")
    x = b.activation(b.conv(b.input((3, size, size)), 96, 7, 2, 1, name="conv1"), "relu", name="relu1")
    x = b.lrn(b.max_pool(x, 3, 2, name="pool1", ceil_mode=True), name="norm1")
    x = b.activation(b.conv(x, 256, 5, 2, name="conv2"), "relu", name="relu2")
    x = b.lrn(b.max_pool(x, 3, 2, name="pool2", ceil_mode=True), name="norm2")
    for number, width in ((3, 384), (4, 384), (5, 256)):
        x = b.activation(b.conv(x, width, 3, pad=1, name=f"conv{number}"), "relu", name=f"relu{number}")
    levels = [
        b.flatten(b.add_layer("adaptive_max_pool", (x,), f"spp{n}", attributes={"output": (n, n)}), name=f"spp{n}_flat")
        for n in pyramid
    ]
    x = b.concat(*levels, name="spp") if len(levels) > 1 else levels[0]
    for number in (6, 7):
        x = b.activation(b.dense(x, 4096, name=f"fc{number}"), "relu", name=f"relu{number}")
    b.dense(x, 1000, name="fc8")
    return b.build()


def dynamic_k(columns: int, layer: int, layers: int, top: int) -> int:
    """k of dynamic k-max pooling behind convolution ``layer`` of ``layers``: max(top, ceil((L - l) s / L)), and
    ``top`` at the last.

    Source: N. Kalchbrenner et al., "A Convolutional Neural Network for Modelling Sentences", ACL 2014, equation 3.
    """
    if not 1 <= layer <= layers or columns < 1 or top < 1:
        raise WorkloadError(
            f"layer {layer} of {layers}, {columns} columns, top k {top}: write whole numbers, layer 1 to {layers}"
        )
    return top if layer == layers else max(top, -(-(layers - layer) * columns // layers))


def dcnn(columns: int = SENTENCE, top: int = 4) -> Network:
    """The DCNN for sentences of ``columns`` words: two wide convolutions, each with dynamic k-max pooling.

    Word vectors of 48 values; 6 and 14 feature maps, widths 7 and 5 (section 5.2 of the paper, binary task). A wide
    convolution of width m gives s + m - 1 columns. The convolutions run row by row of the word vector, so a row is a
    group of its own; a map of the second layer reads one map of the first. Folding (a sum of neighbouring rows) is
    left out.
    """
    b = NetworkBuilder("dcnn")
    rows = 48
    x = b.input((rows, 1, columns))
    for layer, (width, maps) in enumerate(((7, 6), (5, 14)), 1):
        wide = width - 1
        x = b.conv(x, rows * maps, (1, width), 1, (0, wide, 0, wide), groups=rows, name=f"conv{layer}")
        k = dynamic_k(columns, layer, 2, top)
        x = b.add_layer("adaptive_max_pool", (x,), f"kmax{layer}", attributes={"output": (1, k), "k_max": True})
        x = b.activation(x, "tanh", name=f"tanh{layer}")
    b.dense(b.flatten(x, name="flatten"), 2, name="classifier")
    return b.build()
