"""SqueezeNet (Iandola et al. 2016, arXiv 1602.07360), with torchvision's layer names."""

from __future__ import annotations

from workloads.builder import NetworkBuilder
from workloads.network import Network

# Squeeze and expand channels of the eight fire modules; "pool" where a max-pool stands between them.
_FIRES = ((16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256))
_POOL_AFTER = {"1.0": (3, 7), "1.1": (2, 4)}


def squeezenet(version: str = "1.1") -> Network:
    """1.0 begins with 96 kernels of 7 x 7 and pools late, 1.1 with 64 of 3 x 3 and pools early."""
    b = NetworkBuilder(f"squeezenet-{version}")
    x = b.input((3, 224, 224), name="x")
    channels, kernel = (96, 7) if version == "1.0" else (64, 3)
    x = b.relu(b.conv(x, channels, kernel, 2, name="features.0"), name="features.1")
    x = b.max_pool(x, 3, 2, ceil_mode=True, name="features.2")
    position = 3
    for number, (squeeze, expand) in enumerate(_FIRES, start=1):
        x = _fire(b, x, squeeze, expand, f"features.{position}", number)
        position += 1
        if number in _POOL_AFTER[version]:
            x = b.max_pool(x, 3, 2, ceil_mode=True, name=f"features.{position}")
            position += 1
    x = b.dropout(x, name="classifier.0")
    x = b.relu(b.conv(x, 1000, 1, name="classifier.1"), name="classifier.2")
    b.flatten(b.global_avg_pool(x, name="classifier.3"), name="flatten")
    return b.build()


def _fire(b: NetworkBuilder, x: str, squeeze: int, expand: int, name: str, number: int) -> str:
    x = b.relu(b.conv(x, squeeze, 1, name=f"{name}.squeeze"), name=f"{name}.squeeze_activation")
    left = b.relu(b.conv(x, expand, 1, name=f"{name}.expand1x1"), name=f"{name}.expand1x1_activation")
    right = b.relu(b.conv(x, expand, 3, 1, 1, name=f"{name}.expand3x3"), name=f"{name}.expand3x3_activation")
    return b.concat(left, right, name="cat" if number == 1 else f"cat_{number - 1}")
