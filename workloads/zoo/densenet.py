"""DenseNet (Huang et al., CVPR 2017), with torchvision's layer names."""

from __future__ import annotations

from workloads.builder import NetworkBuilder
from workloads.network import Network

# Layers a block, growth and first channels of each depth (paper, Table 1; 161 is the wide one).
_PLANS = {
    121: ((6, 12, 24, 16), 32, 64),
    161: ((6, 12, 36, 24), 48, 96),
    169: ((6, 12, 32, 32), 32, 64),
    201: ((6, 12, 48, 32), 32, 64),
}


def densenet(depth: int = 121) -> Network:
    """Every layer reads all earlier ones of its block; 121 has 7,978,856 parameters."""
    blocks, growth, channels = _PLANS[depth]
    b = NetworkBuilder(f"densenet-{depth}")
    x = b.conv(b.input((3, 224, 224), name="x"), channels, 7, 2, 3, bias=False, name="features.conv0")
    x = b.relu(b.batch_norm(x, name="features.norm0"), name="features.relu0")
    x = b.max_pool(x, 3, 2, 1, name="features.pool0")
    for block, layers in enumerate(blocks, start=1):
        x = _dense_block(b, x, layers, growth, f"features.denseblock{block}")
        if block < len(blocks):
            x = _transition(b, x, f"features.transition{block}")
    x = b.relu(b.batch_norm(x, name="features.norm5"), name="relu")
    x = b.flatten(b.global_avg_pool(x, name="avgpool"), name="flatten")
    b.dense(x, 1000, name="classifier")
    return b.build()


def _dense_block(b: NetworkBuilder, x: str, layers: int, growth: int, name: str) -> str:
    for number in range(1, layers + 1):
        at = f"{name}.denselayer{number}"
        y = b.relu(b.batch_norm(x, name=f"{at}.norm1"), name=f"{at}.relu1")
        y = b.conv(y, 4 * growth, 1, bias=False, name=f"{at}.conv1")
        y = b.relu(b.batch_norm(y, name=f"{at}.norm2"), name=f"{at}.relu2")
        y = b.conv(y, growth, 3, 1, 1, bias=False, name=f"{at}.conv2")
        x = b.concat(x, y, name=f"{at}.cat")
    return x


def _transition(b: NetworkBuilder, x: str, name: str) -> str:
    y = b.relu(b.batch_norm(x, name=f"{name}.norm"), name=f"{name}.relu")
    y = b.conv(y, b.shape(x)[0] // 2, 1, bias=False, name=f"{name}.conv")
    return b.avg_pool(y, 2, name=f"{name}.pool")
