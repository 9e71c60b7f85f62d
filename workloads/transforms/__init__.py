"""Changes of a model, each one line: a network goes in, a new network comes out with a note in its history.

Transforms compose, know no platform, and raise :class:`~workloads.errors.WorkloadError` with the layer and the reason
where they cannot apply.
"""

from __future__ import annotations

from workloads.transforms.algorithm import roofline_seconds, with_algorithm
from workloads.transforms.deep_compression import compression_table, deep_compression
from workloads.transforms.factorise import energy_ranks, fire, greedy_ranks, low_rank, separable
from workloads.transforms.precision import binarise, fractional, quantise
from workloads.transforms.prune import prune_by_magnitude, prune_channels, prune_layers, prune_neurons, prune_weights
from workloads.transforms.restructure import balanced_stages, merge_layers, split_layer
from workloads.transforms.scale import scale_resolution, scale_width
from workloads.transforms.storage import huffman, share_weights, sparse_storage

__all__ = [
    "balanced_stages",
    "binarise",
    "compression_table",
    "deep_compression",
    "energy_ranks",
    "fire",
    "fractional",
    "greedy_ranks",
    "huffman",
    "low_rank",
    "merge_layers",
    "prune_by_magnitude",
    "prune_channels",
    "prune_layers",
    "prune_neurons",
    "prune_weights",
    "quantise",
    "roofline_seconds",
    "scale_resolution",
    "scale_width",
    "separable",
    "share_weights",
    "sparse_storage",
    "split_layer",
    "with_algorithm",
]
