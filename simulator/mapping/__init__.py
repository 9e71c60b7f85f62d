"""What runs where, and at which granularity."""

from simulator.mapping.assign import assign
from simulator.mapping.file import load_mapping
from simulator.mapping.mapping import FifoRule, LayerMapping, LayerRule, MappingRules

__all__ = ["FifoRule", "LayerMapping", "LayerRule", "MappingRules", "assign", "load_mapping"]
