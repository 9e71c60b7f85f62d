"""GoogLeNet (Szegedy et al., CVPR 2015) and Inception v4 (Szegedy et al., AAAI 2017)."""

from __future__ import annotations

from workloads.builder import NetworkBuilder
from workloads.network import Network
from workloads.shapes import Pads, Pair

# GoogLeNet, Table 1: 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool projection.
_GOOGLENET = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}


def googlenet() -> Network:
    """The Caffe model without its auxiliary classifiers: 6,990,272 weights, 1.58 G multiply-accumulates."""
    b = NetworkBuilder("googlenet")
    x = b.relu(b.conv(b.input((3, 224, 224), name="data"), 64, 7, 2, 3, name="conv1/7x7_s2"), name="conv1/relu_7x7")
    x = b.lrn(b.max_pool(x, 3, 2, ceil_mode=True, name="pool1/3x3_s2"), name="pool1/norm1")
    x = b.relu(b.conv(x, 64, 1, name="conv2/3x3_reduce"), name="conv2/relu_3x3_reduce")
    x = b.relu(b.conv(x, 192, 3, 1, 1, name="conv2/3x3"), name="conv2/relu_3x3")
    x = b.max_pool(b.lrn(x, name="conv2/norm2"), 3, 2, ceil_mode=True, name="pool2/3x3_s2")
    for place, plan in _GOOGLENET.items():
        x = _inception_v1(b, x, plan, f"inception_{place}")
        if place in ("3b", "4e"):
            x = b.max_pool(x, 3, 2, ceil_mode=True, name=f"pool{int(place[0])}/3x3_s2")
    x = b.dropout(b.avg_pool(x, 7, 1, name="pool5/7x7_s1"), name="pool5/drop_7x7_s1")
    x = b.dense(b.flatten(x, name="flatten"), 1000, name="loss3/classifier")
    b.softmax(x, name="prob")
    return b.build()


def _inception_v1(b: NetworkBuilder, x: str, plan: tuple[int, ...], name: str) -> str:
    one, reduce3, three, reduce5, five, projection = plan

    def conv(source: str, channels: int, kernel: int, label: str) -> str:
        y = b.conv(source, channels, kernel, 1, kernel // 2, name=f"{name}/{label}")
        return b.relu(y, name=f"{name}/relu_{label}")

    return b.concat(
        conv(x, one, 1, "1x1"),
        conv(conv(x, reduce3, 1, "3x3_reduce"), three, 3, "3x3"),
        conv(conv(x, reduce5, 1, "5x5_reduce"), five, 5, "5x5"),
        conv(b.max_pool(x, 3, 1, 1, name=f"{name}/pool"), projection, 1, "pool_proj"),
        name=f"{name}/output",
    )


class _Inception:
    """Convolution, normalisation and activation in one step; names are numbered within their block."""

    def __init__(self, b: NetworkBuilder) -> None:
        self.b = b
        self.block = ""
        self.count = 0

    def begin(self, block: str) -> None:
        self.block, self.count = block, 0

    def conv(self, x: str, channels: int, kernel: int | Pair, stride: int = 1, pad: int | Pair | Pads = 0) -> str:
        self.count += 1
        name = f"{self.block}.conv{self.count}"
        y = self.b.conv(x, channels, kernel, stride, pad, bias=False, name=name)
        return self.b.relu(self.b.batch_norm(y, name=f"{name}.bn"), name=f"{name}.relu")

    def chain(self, x: str, *steps: tuple[int, int | Pair, int | Pair]) -> str:
        """Convolutions one after another: channels, kernel, pad."""
        for channels, kernel, pad in steps:
            x = self.conv(x, channels, kernel, 1, pad)
        return x


def inception_v4() -> Network:
    """299 x 299, figures 3 to 9 of the paper; 42.7 M parameters, 12.3 G multiply-accumulates."""
    b = NetworkBuilder("inception-v4")
    n = _Inception(b)
    x = _stem(n, b.input((3, 299, 299), name="x"))
    for number in range(4):
        x = _block_a(n, x, f"a{number + 1}")
    x = _reduction_a(n, x)
    for number in range(7):
        x = _block_b(n, x, f"b{number + 1}")
    x = _reduction_b(n, x)
    for number in range(3):
        x = _block_c(n, x, f"c{number + 1}")
    x = b.flatten(b.global_avg_pool(x, name="pool"), name="flatten")
    b.dense(b.dropout(x, name="dropout"), 1000, name="fc")
    return b.build()


def _stem(n: _Inception, x: str) -> str:
    b = n.b
    n.begin("stem")
    x = n.conv(n.conv(n.conv(x, 32, 3, 2), 32, 3), 64, 3, 1, 1)
    x = b.concat(b.max_pool(x, 3, 2, name="stem.pool1"), n.conv(x, 96, 3, 2), name="stem.cat1")
    left = n.chain(x, (64, 1, 0), (96, 3, 0))
    right = n.chain(x, (64, 1, 0), (64, (1, 7), (0, 3)), (64, (7, 1), (3, 0)), (96, 3, 0))
    x = b.concat(left, right, name="stem.cat2")
    return b.concat(n.conv(x, 192, 3, 2), b.max_pool(x, 3, 2, name="stem.pool2"), name="stem.cat3")


def _block_a(n: _Inception, x: str, name: str) -> str:
    n.begin(name)
    return n.b.concat(
        n.conv(x, 96, 1),
        n.chain(x, (64, 1, 0), (96, 3, 1)),
        n.chain(x, (64, 1, 0), (96, 3, 1), (96, 3, 1)),
        n.conv(n.b.avg_pool(x, 3, 1, 1, name=f"{name}.pool"), 96, 1),
        name=f"{name}.cat",
    )


def _reduction_a(n: _Inception, x: str) -> str:
    n.begin("reduce_a")
    deep = n.conv(n.chain(x, (192, 1, 0), (224, 3, 1)), 256, 3, 2)
    return n.b.concat(n.conv(x, 384, 3, 2), deep, n.b.max_pool(x, 3, 2, name="reduce_a.pool"), name="reduce_a.cat")


def _block_b(n: _Inception, x: str, name: str) -> str:
    n.begin(name)
    wide, tall = ((1, 7), (0, 3)), ((7, 1), (3, 0))
    return n.b.concat(
        n.conv(x, 384, 1),
        n.chain(x, (192, 1, 0), (224, *wide), (256, *tall)),
        n.chain(x, (192, 1, 0), (192, *tall), (224, *wide), (224, *tall), (256, *wide)),
        n.conv(n.b.avg_pool(x, 3, 1, 1, name=f"{name}.pool"), 128, 1),
        name=f"{name}.cat",
    )


def _reduction_b(n: _Inception, x: str) -> str:
    n.begin("reduce_b")
    short = n.conv(n.conv(x, 192, 1), 192, 3, 2)
    deep = n.conv(n.chain(x, (256, 1, 0), (256, (1, 7), (0, 3)), (320, (7, 1), (3, 0))), 320, 3, 2)
    return n.b.concat(short, deep, n.b.max_pool(x, 3, 2, name="reduce_b.pool"), name="reduce_b.cat")


def _block_c(n: _Inception, x: str, name: str) -> str:
    n.begin(name)
    wide, tall = ((1, 3), (0, 1)), ((3, 1), (1, 0))
    fork = n.conv(x, 384, 1)
    deep = n.chain(x, (384, 1, 0), (448, *tall), (512, *wide))
    return n.b.concat(
        n.conv(x, 256, 1),
        n.chain(fork, (256, *wide)),
        n.chain(fork, (256, *tall)),
        n.chain(deep, (256, *wide)),
        n.chain(deep, (256, *tall)),
        n.conv(n.b.avg_pool(x, 3, 1, 1, name=f"{name}.pool"), 256, 1),
        name=f"{name}.cat",
    )
