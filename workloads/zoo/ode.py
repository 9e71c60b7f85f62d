"""Networks that are differential equations: the lane-keeping neural circuit policy, and an ODE-Net."""

from __future__ import annotations

from dataclasses import replace

from workloads.builder import NetworkBuilder
from workloads.network import Network
from workloads.ode.cells import Cell, Form, Solver, add_cell
from workloads.ode.wirings import lane_keeping
from workloads.zoo.cifar import ncp_conv_head


def ncp_lane(solver: Solver = "fused", form: Form = "dense", steps: int = 6) -> Network:
    """The lane-keeping network of Lechner et al. (Nature MI 2, 642, 2020): camera head and 19 neurons, 80,485
    parameters.
    """
    return behind(ncp_conv_head(), Cell(lane_keeping(), solver, steps, form), name="ncp-lane")


def behind(head: Network, cell: Cell, name: str) -> Network:
    """``head`` with ``cell`` behind its last layer, as layer ``ncp``."""
    builder = NetworkBuilder(name)
    last = head.outputs[0]
    builder.input(last.out_shape, name=last.name)
    add_cell(builder, last.name, cell, name="ncp")
    recurrent = builder.build()["ncp"]
    precise = replace(recurrent, input_bits=last.output_bits)
    return head.with_layers([*head.layers.values(), precise], name=name)


def ode_net(channels: int = 64) -> Network:
    """The ODE-Net of Chen et al. (NeurIPS 2018) on MNIST: three convolutions, a block that is integrated, a classifier.

    Layers ``ode.conv1`` and ``ode.conv2`` are one evaluation of the block's right-hand side (without the channel that
    holds the time); the generator ``neural_ode`` says how often each input needs it.
    """
    b = NetworkBuilder("ode-net")
    x = b.relu(b.batch_norm(b.conv(b.input((1, 28, 28), name="x"), channels, 3, name="conv1")))
    x = b.relu(b.batch_norm(b.conv(x, channels, 4, 2, 1, name="conv2")))
    x = b.conv(x, channels, 4, 2, 1, name="conv3")
    for part in ("ode.conv1", "ode.conv2"):
        x = b.relu(b.batch_norm(b.conv(x, channels, 3, 1, 1, bias=False, name=part, ode_block="ode")))
    x = b.flatten(b.global_avg_pool(x, name="pool"), name="flatten")
    b.dense(x, 10, name="classes")
    return b.build()
