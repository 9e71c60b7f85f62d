"""The MNIST networks of LeCun et al. (1998), as Caffe and the compression literature use them."""

from __future__ import annotations

from workloads.builder import NetworkBuilder
from workloads.network import Network


def lenet_300_100() -> Network:
    """784-300-100-10, fully connected; 266,610 parameters (Han et al., ICLR 2016, Table 2)."""
    b = NetworkBuilder("lenet-300-100")
    x = b.flatten(b.input((1, 28, 28), name="input_1"), name="0")
    x = b.relu(b.dense(x, 300, name="1"), name="2")
    x = b.relu(b.dense(x, 100, name="3"), name="4")
    b.dense(x, 10, name="5")
    return b.build()


def lenet_5() -> Network:
    """Caffe's ``examples/mnist/lenet.prototxt``; 431,080 parameters."""
    b = NetworkBuilder("lenet-5")
    x = b.input((1, 28, 28), name="x")
    x = b.max_pool(b.conv(x, 20, 5, name="conv1"), 2, name="pool1")
    x = b.max_pool(b.conv(x, 50, 5, name="conv2"), 2, name="pool2")
    x = b.flatten(x, name="flatten")
    x = b.relu(b.dense(x, 500, name="ip1"), name="relu1")
    b.dense(x, 10, name="ip2")
    return b.build()
