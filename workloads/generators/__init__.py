"""Generators turn a network into a token stream: how much work each frame asks of each layer, decided before the
run.

A generator is a function ``(network, frames, arrivals, seed, *, option=default, ...) -> TokenStream``. Its
keyword-only parameters are its options; they stand in ``headrace list workloads`` as they stand in the signature.
Built-in generators register in the entry-point group ``headrace.workloads``, exactly as a user's own package would;
``package.module:function`` works without registration. :class:`Schedule` turns the common parameters into frames and
arrivals, and the work into the stream.
"""

from __future__ import annotations

from workloads.generators.registry import (
    Generator,
    build_stream,
    generator_names,
    load_generator,
    parse_workload,
)
from workloads.generators.schedule import Schedule
from workloads.generators.static import static_stream

__all__ = [
    "Generator",
    "Schedule",
    "build_stream",
    "generator_names",
    "load_generator",
    "parse_workload",
    "static_stream",
]
