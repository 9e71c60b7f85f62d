"""From a token stream, a platform and a mapping to the Plan."""

from simulator.lowering.lower import lower

__all__ = ["lower"]
