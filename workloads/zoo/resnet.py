"""Residual networks (He et al., CVPR 2016), with torchvision's layer names and its stride in the 3 x 3 ("v1.5")."""

from __future__ import annotations

from workloads.builder import NetworkBuilder
from workloads.network import Network

_BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}


def resnet(depth: int = 50) -> Network:
    """18 and 34 of two 3 x 3 a block, the deeper ones of bottlenecks."""
    b = NetworkBuilder(f"resnet-{depth}")
    x = b.conv(b.input((3, 224, 224), name="x"), 64, 7, 2, 3, bias=False, name="conv1")
    x = b.relu(b.batch_norm(x, name="bn1"), name="relu")
    x = b.max_pool(x, 3, 2, 1, name="maxpool")
    added = 0
    for stage, blocks in enumerate(_BLOCKS[depth], start=1):
        for block in range(blocks):
            stride = 2 if stage > 1 and block == 0 else 1
            add_name = f"add_{added}" if added else "add"
            x = _block(b, x, 64 * 2 ** (stage - 1), stride, depth >= 50, f"layer{stage}.{block}", add_name)
            added += 1
    x = b.flatten(b.global_avg_pool(x, name="avgpool"), name="flatten")
    b.dense(x, 1000, name="fc")
    return b.build()


def _block(b: NetworkBuilder, x: str, width: int, stride: int, bottleneck: bool, name: str, add_name: str) -> str:
    # Kernel, channels and stride of each convolution.
    plan = [(1, width, 1), (3, width, stride), (1, 4 * width, 1)] if bottleneck else [(3, width, stride), (3, width, 1)]
    y = x
    for number, (kernel, channels, step) in enumerate(plan, start=1):
        y = b.conv(y, channels, kernel, step, kernel // 2, bias=False, name=f"{name}.conv{number}")
        y = b.batch_norm(y, name=f"{name}.bn{number}")
        if number < len(plan):
            # The module runs once more for each further activation; its later calls carry a number.
            y = b.relu(y, name=f"{name}.relu" if number == 1 else f"{name}.relu_{number - 1}")
    if stride != 1 or b.shape(x)[0] != plan[-1][1]:
        x = b.conv(x, plan[-1][1], 1, stride, bias=False, name=f"{name}.downsample.0")
        x = b.batch_norm(x, name=f"{name}.downsample.1")
    return b.relu(b.add(y, x, name=add_name), name=f"{name}.relu_{len(plan) - 1}")
