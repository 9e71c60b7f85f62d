"""FracBNN (Zhang et al., FPGA 2021): binary networks with precision-gated activations.

Shapes follow the authors' ``model/fracbnn_cifar10.py`` and ``fracbnn_imagenet.py`` (cornell-zhang/FracBNN). The input
is thermometer-coded into 96 binary channels. ``macs`` are those of the first, one-bit pass, which every output gets;
:func:`workloads.transforms.fractional` adds the second pass over the outputs that are updated.
"""

from __future__ import annotations

from workloads.builder import NetworkBuilder
from workloads.network import Network

_SUM_BITS = 16
_CHANNELS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *((512, 1),) * 5, (1024, 2), (1024, 1))


def fracbnn_cifar10() -> Network:
    """A ResNet-20 of 281,088 binary weights; shortcuts halve by average pooling and double by repetition."""
    b = _builder("fracbnn-cifar10")
    x = b.conv(b.input((96, 32, 32), name="x"), 16, 3, 1, 1, bias=False, name="conv1", bits=_SUM_BITS)
    x = b.batch_norm(x, name="bn1")
    for stage, channels in enumerate((16, 32, 64), start=1):
        for block in range(3):
            stride = 2 if stage > 1 and block == 0 else 1
            name = f"l{stage}_{block}"
            shortcut = _shortcut(b, x, channels, stride, f"{name}_conv1")
            x = _gated(b, x, shortcut, channels, 3, stride, f"{name}_conv1")
            x = _gated(b, x, x, channels, 3, 1, f"{name}_conv2")
    return _finish(b, x, 10)


def fracbnn_imagenet() -> Network:
    """The MobileNet-v1 channel plan with full 3 x 3 convolutions: 28,280,832 binary weights; 4-bit shortcuts."""
    b = _builder("fracbnn-imagenet")
    x = b.conv(b.input((96, 224, 224), name="x"), 32, 3, 2, 1, bias=False, name="conv1", bits=_SUM_BITS)
    x = b.batch_norm(x, name="bn1")
    for number, (channels, stride) in enumerate(_CHANNELS, start=1):
        before = b.shape(x)[0]
        for label, kernel, out, step in (("conv3x3", 3, before, stride), ("conv1x1", 1, channels, 1)):
            name = f"b{number}_{label}"
            coarse = b.activation(x, "threshold", name=f"{name}_shortcut_threshold", bits=4)
            x = _gated(b, x, _shortcut(b, coarse, out, step, name), out, kernel, step, name)
    return _finish(b, x, 1000)


def _builder(name: str) -> NetworkBuilder:
    return NetworkBuilder(name, number="int", weight_bits=1, activation_bits=1)


def _shortcut(b: NetworkBuilder, x: str, channels: int, stride: int, name: str) -> str:
    if stride == 2:
        x = b.avg_pool(x, 2, name=f"{name}_shortcut_pool")
    if b.shape(x)[0] != channels:
        x = b.concat(x, x, name=f"{name}_shortcut_cat")
    return x


def _gated(b: NetworkBuilder, x: str, shortcut: str, channels: int, kernel: int, stride: int, name: str) -> str:
    """Binarise, convolve under the precision gate, normalise, shifted PReLU, shortcut, normalise."""
    y = b.activation(x, "threshold", name=f"{name}_sign", bits=1)
    y = b.conv(
        y, channels, kernel, stride, kernel // 2, bias=False, name=name, bits=_SUM_BITS, precision_gated=True
    )  # fmt: skip
    y = b.batch_norm(y, name=f"{name}_bn")
    y = b.add_layer("prelu", (y,), f"{name}_rprelu", attributes={"shifted": True})
    return b.batch_norm(b.add(y, shortcut, name=f"{name}_add"), name=f"{name}_shift")


def _finish(b: NetworkBuilder, x: str, classes: int) -> Network:
    x = b.flatten(b.global_avg_pool(x, name="pool"), name="flatten")
    b.dense(x, classes, name="fc", weight_bits=8)
    return b.build()
