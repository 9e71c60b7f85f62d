"""Smaller networks: M-CifarNet of feature boosting and suppression, and the camera head of the lane-keeping NCP."""

from __future__ import annotations

from workloads.builder import NetworkBuilder
from workloads.network import Network


def m_cifarnet() -> Network:
    """Eight 3 x 3 convolutions without bias (Gao et al., ICLR 2019); 174,301,824 multiply-accumulates."""
    b = NetworkBuilder("m-cifarnet")
    x = b.input((3, 32, 32), name="x")
    plan = ((64, 1), (64, 1), (128, 2), (128, 1), (128, 1), (192, 2), (192, 1), (192, 1))
    for number, (channels, stride) in enumerate(plan):
        # Only the first convolution is unpadded.
        x = b.conv(x, channels, 3, stride, min(number, 1), bias=False, name=f"conv{number}")
        x = b.relu(b.batch_norm(x, name=f"bn{number}"), name=f"relu{number}")
    x = b.conv(b.avg_pool(x, 8, name="pool7"), 10, 1, name="logits")
    b.flatten(x, name="flatten")
    return b.build()


def ncp_conv_head() -> Network:
    """The convolutions before the 19 neurons of Lechner et al. (Nature MI 2, 642, 2020): 79,420 parameters.

    Layer shapes are a reconstruction that meets the paper's total exactly (its Extended Data Fig. 5 has the original);
    the per-channel linear features are a convolution with eight groups.
    """
    b = NetworkBuilder("ncp-conv-head")
    x = b.input((3, 78, 200), name="x")
    plan = ((24, 5, 2), (36, 5, 2), (48, 3, 2), (64, 3, 1), (8, 3, 1))
    for number, (channels, kernel, stride) in enumerate(plan, start=1):
        x = b.conv(x, channels, kernel, stride, kernel // 2, name=f"conv{number}")
        x = b.relu(x, name=f"relu{number}")
    b.flatten(b.conv(x, 32, (10, 25), groups=8, name="latent"), name="flatten")
    return b.build()
