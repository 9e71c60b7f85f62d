"""EIE: work is the product of two densities, stretched by padding and by imbalance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.elements.base import Assignment
from simulator.elements.eie import Eie, column_entries, load_balance
from simulator.errors import MappingError, PlatformError
from simulator.simulation import simulate
from tests.elements.accelerators import builder, cycles, dense, element
from workloads.tokens import LayerWork


def sparse(weights: float, activations: float, inputs: int = 256, outputs: int = 256) -> LayerWork:
    work = dense(inputs, outputs)
    main = replace(work.layer, weight_density=weights)
    return replace(work, group=replace(work.group, main=main), input_density=np.array([activations]))


def test_a_full_layer_takes_its_macs_over_the_elements() -> None:
    assert cycles(element(Eie, pes=64), sparse(1.0, 1.0)) == [256 * 256 // 64]


def test_half_of_the_activations_take_half_the_time() -> None:
    own = element(Eie, pes=64)
    assert cycles(own, sparse(1.0, 0.5)) == [256 * 256 // 128]


def test_padding_fills_runs_that_the_index_cannot_count() -> None:
    """With one bit of index, of three rows a non-zero at the third needs padding if the two before are zero."""
    assert column_entries(3, 0.5, 1, 1) == pytest.approx(1.5 + 0.5 * 0.25)
    assert column_entries(16, 0.1, 1, 4) == pytest.approx(1.6)


def test_a_deeper_queue_evens_the_elements_out() -> None:
    balances = [load_balance(1024, 0.1, 64, queue, 4) for queue in (1, 2, 8, 64)]
    assert balances == sorted(balances)
    assert 0 < balances[0] < balances[-1] <= 1


def test_the_draw_is_the_same_every_time() -> None:
    load_balance.cache_clear()
    first = load_balance(512, 0.1, 64, 8, 4)
    load_balance.cache_clear()
    assert load_balance(512, 0.1, 64, 8, 4) == first


def test_weights_that_do_not_fit_are_refused() -> None:
    own = element(Eie, pes=64, weight_store="60 KiB")
    with pytest.raises(PlatformError) as raised:
        own.check({"d": own.stages(sparse(1.0, 1.0), Assignment("e"))})
    assert str(raised.value) == (
        "'e': the compressed weights take 65536 B, but it holds 61440 B; prune the network further, move layers to"
        " another element, or raise 'pes' and 'weight_store'"
    )


def test_convolutions_can_run_nowhere_on_it() -> None:
    b = builder()
    b.conv(b.input((3, 8, 8)), 8, 3, name="c")
    with pytest.raises(MappingError, match="'eie' does not run layers of kind 'conv'"):
        simulate("eie-64pe", b.build(), frames=1)


@settings(max_examples=25)
@given(st.floats(0.02, 1.0), st.floats(0.02, 1.0), st.integers(1, 6))
def test_more_elements_never_take_longer_than_half_as_many_by_more_than_imbalance(
    weights: float, activations: float, doublings: int
) -> None:
    """Twice the elements halve the mean work, but rows spread less evenly: never slower, rarely twice as fast."""
    few, many = (element(Eie, pes=2**n) for n in (doublings - 1, doublings))
    work = sparse(weights, activations)
    assert cycles(many, work)[0] <= 1.02 * cycles(few, work)[0]
