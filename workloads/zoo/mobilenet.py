"""MobileNet v1 (Howard et al. 2017, arXiv 1704.04861) and v2 (Sandler et al., CVPR 2018)."""

from __future__ import annotations

from workloads.builder import NetworkBuilder
from workloads.errors import WorkloadError
from workloads.network import Network

# Table 1 of the v1 paper: output channels and stride of each depthwise separable block.
_V1_BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *((512, 1),) * 5, (1024, 2), (1024, 1))
# Table 2 of the v2 paper: expansion, output channels, repeats, stride.
_V2_BLOCKS = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


def mobilenet_v1(alpha: float = 1.0, resolution: int = 224) -> Network:
    """Width multiplier ``alpha`` and input ``resolution``; channels are ``int(alpha * C)``."""
    if not 0 < alpha <= 4:
        raise WorkloadError(f"mobilenet-v1: width {alpha} is not above 0 and at most 4; the paper uses 0.25 to 1")
    if resolution < 32:
        raise WorkloadError(f"mobilenet-v1: resolution {resolution} is below 32, nothing is left after five halvings")
    full = (alpha, resolution) == (1.0, 224)
    b = NetworkBuilder("mobilenet-v1" if full else f"mobilenet-v1-{alpha:g}-{resolution}")
    x = b.input((3, resolution, resolution), name="x")
    x = _conv(b, b.conv(x, _scaled(32, alpha), 3, 2, 1, bias=False, name="conv1"), "conv1")
    for number, (channels, stride) in enumerate(_V1_BLOCKS, start=2):
        x = _conv(b, b.depthwise(x, 3, stride, 1, bias=False, name=f"dw{number}"), f"dw{number}")
        x = _conv(b, b.conv(x, _scaled(channels, alpha), 1, bias=False, name=f"pw{number}"), f"pw{number}")
    x = b.flatten(b.global_avg_pool(x, name="pool"), name="flatten")
    b.dense(x, 1000, name="fc")
    return b.build()


def _scaled(channels: int, alpha: float) -> int:
    return max(1, int(alpha * channels))


def _conv(b: NetworkBuilder, x: str, name: str) -> str:
    return b.relu(b.batch_norm(x, name=f"{name}_bn"), name=f"{name}_relu")


def mobilenet_v2() -> Network:
    """Width 1.0 at 224 x 224; 3,504,872 parameters, 300.8 M multiply-accumulates."""
    b = NetworkBuilder("mobilenet-v2")
    x = b.input((3, 224, 224), name="x")
    x = _conv6(b, b.conv(x, 32, 3, 2, 1, bias=False, name="features.0.0"), "features.0")
    place, channels = 1, 32
    for expansion, out, repeats, first_stride in _V2_BLOCKS:
        for repeat in range(repeats):
            stride = first_stride if repeat == 0 else 1
            x = _inverted_residual(b, x, channels, out, expansion, stride, f"features.{place}")
            place, channels = place + 1, out
    x = _conv6(b, b.conv(x, 1280, 1, bias=False, name=f"features.{place}.0"), f"features.{place}")
    x = b.flatten(b.global_avg_pool(x, name="pool"), name="flatten")
    b.dense(b.dropout(x, name="classifier.0"), 1000, name="classifier.1")
    return b.build()


def _conv6(b: NetworkBuilder, x: str, name: str) -> str:
    return b.activation(b.batch_norm(x, name=f"{name}.1"), "relu6", name=f"{name}.2")


def _inverted_residual(
    b: NetworkBuilder, x: str, channels: int, out: int, expansion: int, stride: int, name: str
) -> str:
    wide, entry, step = channels * expansion, x, 0
    if expansion > 1:
        x = _conv6(b, b.conv(x, wide, 1, bias=False, name=f"{name}.conv.0.0"), f"{name}.conv.0")
        step = 1
    x = b.depthwise(x, 3, stride, 1, bias=False, name=f"{name}.conv.{step}.0")
    x = _conv6(b, x, f"{name}.conv.{step}")
    x = b.conv(x, out, 1, bias=False, name=f"{name}.conv.{step + 1}")
    x = b.batch_norm(x, name=f"{name}.conv.{step + 2}")
    return b.add(entry, x, name=f"{name}.add") if stride == 1 and channels == out else x
