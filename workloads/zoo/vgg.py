"""VGG (Simonyan and Zisserman, ICLR 2015), with torchvision's layer names."""

from __future__ import annotations

from workloads.builder import NetworkBuilder
from workloads.network import Network

_CONVS_PER_STAGE = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
_CHANNELS = (64, 128, 256, 512, 512)


def vgg(depth: int = 16, batch_norm: int = 0) -> Network:
    """Configurations A, B, D and E; VGG-16 has 138,357,544 parameters and 15.47 G multiply-accumulates."""
    b = NetworkBuilder(f"vgg-{depth}" + ("-bn" if batch_norm else ""))
    x = b.input((3, 224, 224), name="x")
    position = 0
    for convs, channels in zip(_CONVS_PER_STAGE[depth], _CHANNELS, strict=True):
        for _ in range(convs):
            x = b.conv(x, channels, 3, 1, 1, name=f"features.{position}")
            if batch_norm:
                position += 1
                x = b.batch_norm(x, name=f"features.{position}")
            x = b.relu(x, name=f"features.{position + 1}")
            position += 2
        x = b.max_pool(x, 2, name=f"features.{position}")
        position += 1
    x = b.flatten(b.adaptive_avg_pool(x, 7, name="avgpool"), name="flatten")
    for place in (0, 3):
        x = b.relu(b.dense(x, 4096, name=f"classifier.{place}"), name=f"classifier.{place + 1}")
        x = b.dropout(x, name=f"classifier.{place + 2}")
    b.dense(x, 1000, name="classifier.6")
    return b.build()
