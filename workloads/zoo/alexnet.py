"""Three networks called AlexNet; they differ fortyfold in parameters."""

from __future__ import annotations

from workloads.builder import NetworkBuilder
from workloads.network import Network


def alexnet() -> Network:
    """The ungrouped one of torchvision (Krizhevsky 2014, arXiv 1404.5997); 61,100,840 parameters."""
    b = NetworkBuilder("alexnet")
    x = b.input((3, 224, 224), name="x")
    x = b.relu(b.conv(x, 64, 11, 4, 2, name="features.0"), name="features.1")
    x = b.max_pool(x, 3, 2, name="features.2")
    x = b.relu(b.conv(x, 192, 5, 1, 2, name="features.3"), name="features.4")
    x = b.max_pool(x, 3, 2, name="features.5")
    for position, channels in ((6, 384), (8, 256), (10, 256)):
        x = b.relu(b.conv(x, channels, 3, 1, 1, name=f"features.{position}"), name=f"features.{position + 1}")
    x = b.max_pool(x, 3, 2, name="features.12")
    x = b.flatten(b.adaptive_avg_pool(x, 6, name="avgpool"), name="flatten")
    x = b.relu(b.dense(b.dropout(x, name="classifier.0"), 4096, name="classifier.1"), name="classifier.2")
    x = b.relu(b.dense(b.dropout(x, name="classifier.3"), 4096, name="classifier.4"), name="classifier.5")
    b.dense(x, 1000, name="classifier.6")
    return b.build()


def alexnet_caffe() -> Network:
    """Caffe's ``models/bvlc_alexnet/deploy.prototxt``: 227 x 227, two groups, LRN; 60,965,224 parameters."""
    b = NetworkBuilder("alexnet-caffe")
    x = b.input((3, 227, 227), name="x")
    x = b.lrn(b.relu(b.conv(x, 96, 11, 4, name="conv1"), name="relu1"), name="norm1")
    x = b.max_pool(x, 3, 2, ceil_mode=True, name="pool1")
    x = b.lrn(b.relu(b.conv(x, 256, 5, 1, 2, groups=2, name="conv2"), name="relu2"), name="norm2")
    x = b.max_pool(x, 3, 2, ceil_mode=True, name="pool2")
    x = b.relu(b.conv(x, 384, 3, 1, 1, name="conv3"), name="relu3")
    x = b.relu(b.conv(x, 384, 3, 1, 1, groups=2, name="conv4"), name="relu4")
    x = b.relu(b.conv(x, 256, 3, 1, 1, groups=2, name="conv5"), name="relu5")
    x = b.flatten(b.max_pool(x, 3, 2, ceil_mode=True, name="pool5"), name="flatten")
    x = b.dropout(b.relu(b.dense(x, 4096, name="fc6"), name="relu6"), name="drop6")
    x = b.dropout(b.relu(b.dense(x, 4096, name="fc7"), name="relu7"), name="drop7")
    b.dense(x, 1000, name="fc8")
    return b.build()


def alexnet_cifar() -> Network:
    """The small one for CIFAR-10 crops of 28 x 28 (Zhang et al., ICLR 2017, Table 1); 1,387,786 parameters."""
    b = NetworkBuilder("alexnet-cifar")
    x = b.input((3, 28, 28), name="x")
    for stage in (1, 2):
        x = b.relu(b.conv(x, 64, 5, 1, 2, name=f"conv{stage}"), name=f"relu{stage}")
        x = b.lrn(b.max_pool(x, 3, 2, 1, name=f"pool{stage}"), name=f"norm{stage}")
    x = b.flatten(x, name="flatten")
    x = b.relu(b.dense(x, 384, name="fc1"), name="relu3")
    x = b.relu(b.dense(x, 192, name="fc2"), name="relu4")
    b.dense(x, 10, name="fc3")
    return b.build()
