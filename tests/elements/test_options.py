"""Options of a mapping that no model can take: named with element and layer, and what to write."""

from __future__ import annotations

import pytest

from simulator import load_network, simulate
from simulator.errors import UserError
from simulator.mapping import LayerRule, MappingRules


@pytest.mark.parametrize(
    ("platform", "element", "option", "wrong", "said"),
    [
        ("mpsoc-cpu-gpu", "gpu", "exposed", ".nan", "option 'exposed' of layer 'conv1' is '.nan'; write 0 or more"),
        ("mpsoc-cpu-gpu", "gpu", "exposed", float("inf"), "option 'exposed' of layer 'conv1' is inf; write 0 or more"),
        ("mpsoc-cpu-gpu", "gpu", "exposed", -1, "option 'exposed' of layer 'conv1' is -1; write 0 or more"),
        ("mpsoc-cpu-gpu", "cpu", "resident", "no", "option 'resident' of layer 'conv1' is 'no'; write true or false"),
        ("coral-dev-board", "tpu", "cached", [], "option 'cached' of layer 'conv1' is []; write 0 or more"),
        ("coral-dev-board", "tpu", "enters", 1, "option 'enters' of layer 'conv1' is 1; write true or false"),
        ("nvdla-small", "nvdla", "residual", "x", "option 'residual' of layer 'conv1' is 'x'; write 0 or more"),
        ("nvdla-small", "nvdla", "output", True, "option 'output' of layer 'conv1' is True; write 0 or more"),
    ],
)
def test_an_option_of_a_wrong_kind_is_told(platform: str, element: str, option: str, wrong: object, said: str) -> None:
    rules = MappingRules([LayerRule("conv*", options={option: wrong})], element=element)
    with pytest.raises(UserError) as caught:
        simulate(platform, load_network("lenet-5"), rules, frames=1)
    assert f"'{element}': {said}" in str(caught.value)
