"""Which way to carry out each convolution on a given platform: every way is simulated, the quickest taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.mapping import LayerRule, MappingRules
from simulator.platform import Platform, load_platform
from simulator.simulation import simulate
from workloads.conv_algorithms import ALGORITHMS, possible_costs
from workloads.network import Network
from workloads.transforms.algorithm import with_algorithm

if TYPE_CHECKING:
    import pandas as pd


def algorithm_times(
    platform: str | Path | Platform, network: Network, element: str, *, algorithms: Sequence[str] = ALGORITHMS
) -> pd.DataFrame:
    """A row for each convolution and way that can carry it out: ``time_us`` a frame as simulated on the element, and
    the cost that it follows from (``temporary`` elements, ``multiplies``, ``adds``, ``traffic`` elements).

    Depthwise layers are left out: they are no matrix products to rearrange for. The element must take the option
    ``algorithm``, as CPUs and GPUs do; raises ``PlatformError`` where it does not.
    """
    import pandas as pd

    where = platform if isinstance(platform, Platform) else load_platform(platform)
    convolutions = [layer for layer in network.layers.values() if layer.kind == "conv" and not layer.is_depthwise]
    costs = {layer.name: possible_costs(layer) for layer in convolutions}
    rows = []
    for algorithm in algorithms:
        able = [name for name, found in costs.items() if algorithm in found]
        if not able:
            continue
        chosen = [LayerRule(name, options={"algorithm": algorithm}) for name in able]
        layers = simulate(where, network, MappingRules(chosen, element=element), frames=1).layers
        times = dict(zip(layers["layer"], layers["time_us"].astype(float), strict=True))
        for name in able:
            cost = costs[name][algorithm]
            rows.append(
                {
                    "layer": name,
                    "algorithm": algorithm,
                    "time_us": times[name],
                    "temporary": cost.temporary,
                    "multiplies": cost.multiplies,
                    "adds": cost.adds,
                    "traffic": cost.traffic,
                }
            )
    return pd.DataFrame(rows)


def quickest(times: pd.DataFrame, temporary_limit: int | None = None) -> Mapping[str, str]:
    """For each layer of :func:`algorithm_times` the way with the least time within ``temporary_limit`` elements.

    Of equal times the one with fewer temporaries; a layer that no way carries out within the limit is left out.
    """
    within = times if temporary_limit is None else times[times["temporary"] <= temporary_limit]
    ranked = within.sort_values(["time_us", "temporary"], kind="stable").drop_duplicates("layer")
    found = dict(zip(ranked["layer"], ranked["algorithm"], strict=True))
    return {name: found[name] for name in dict.fromkeys(times["layer"]) if name in found}


def with_quickest(
    platform: str | Path | Platform, network: Network, element: str, *, temporary_limit: int | None = None
) -> Network:
    """The network with each convolution carried out in the way that is quickest on that element of that platform."""
    found = quickest(algorithm_times(platform, network, element), temporary_limit)
    for algorithm in dict.fromkeys(found.values()):
        network = with_algorithm(network, algorithm, [name for name, chosen in found.items() if chosen == algorithm])
    return network
