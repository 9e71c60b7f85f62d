"""The complete assignment: the user's rules where they speak, else the element that is quickest for the layer.

Where a layer is free, the policy 'latency' minimises the time of one frame along the layers in order: a layer's time on
an element (its compute or its memory traffic, whichever is longer) plus the copy that a change of element without
common memory costs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from fractions import Fraction

from simulator.elements.base import Assignment, Element
from simulator.elements.checked import stages_of
from simulator.elements.precision import in_precision
from simulator.errors import MappingError, PlatformError, did_you_mean
from simulator.mapping.estimate import memory_bandwidth, stage_seconds
from simulator.mapping.mapping import LayerMapping, LayerRule, MappingRules
from simulator.mapping.pipeline import balance
from simulator.platform import Platform
from simulator.platform.routes import dma_between
from workloads.network import LayerGroup
from workloads.tokens import LayerWork, TokenStream

_NEVER = float("inf")


def assign(platform: Platform, stream: TokenStream, rules: MappingRules | None = None) -> LayerMapping:
    """Where each layer group of the stream's network runs on the platform.

    Raises :class:`MappingError` where a rule names an element, granularity or layer that is not there, or where a
    layer can run nowhere.
    """
    works = [work for work in stream.work.values() if work.group.kind != "input"]
    rules = (rules or MappingRules()).resolved([work.group for work in works])
    wanted = [rules.for_group(work.group) for work in works]
    _check_names(platform, rules, works)
    costs: list[dict[str, float]] = [{} for _ in works]
    reasons: list[dict[str, str]] = [{} for _ in works]
    deployed: dict[str, list[LayerWork]] = {}
    for name, element in platform.processing_elements.items():
        deployed[name] = [_deploy(work, rule, element) for work, rule in zip(works, wanted, strict=True)]
        allowed = [i for i, rule in enumerate(wanted) if rule.element in (None, name)]
        _price(platform, element, deployed[name], wanted, allowed, costs, reasons)
    chosen = _in_a_pipeline(platform, works, costs) if rules.policy == "pipeline" else None
    if chosen is None:
        chosen = _cheapest(platform, works, costs, reasons)
    return _finish(platform, deployed, wanted, chosen, rules)


def layer_seconds(platform: Platform, stream: TokenStream, rules: MappingRules | None = None) -> dict[str, float]:
    """Seconds that each layer takes for a frame, or for a batch, where the rules put it, one layer after another.

    Their sum is the latency of a single frame on elements that share no time with each other. Raises as :func:`assign`.
    """
    rules = rules or MappingRules()
    works = [work for work in stream.work.values() if work.group.kind != "input"]
    wanted = [rules.for_group(work.group) for work in works]
    _check_names(platform, rules, works)
    where = [rule.element for rule in wanted]
    if None in where:
        chosen = assign(platform, stream, rules).assignments
        where = [chosen[work.group.name].element for work in works]
    found: dict[str, float] = {}
    for name in dict.fromkeys(each for each in where if each is not None):
        element = platform.processing_elements[name]
        own = [i for i, each in enumerate(where) if each == name]
        costs: list[dict[str, float]] = [{} for _ in works]
        reasons: list[dict[str, str]] = [{} for _ in works]
        deployed = [_deploy(work, rule, element) for work, rule in zip(works, wanted, strict=True)]
        _price(platform, element, deployed, wanted, own, costs, reasons)
        for i in own:
            if name in reasons[i]:
                raise MappingError(f"layer '{works[i].group.name}' cannot run on '{name}': {reasons[i][name]}")
            found[works[i].group.name] = costs[i][name]
    return {work.group.name: found[work.group.name] for work in works}


def _deploy(work: LayerWork, rule: LayerRule, element: Element) -> LayerWork:
    group = in_precision(work.group, rule.precision or element.default_precision)
    return work if group is work.group else dataclasses.replace(work, group=group)


def _draft(element: Element, rule: LayerRule) -> Assignment:
    granularity = rule.granularity or element.default_granularity
    return Assignment(element.name, granularity, rule.cores, rule.batch or 1, dict(rule.options))


def _price(
    platform: Platform,
    element: Element,
    works: Sequence[LayerWork],
    wanted: Sequence[LayerRule],
    allowed: Sequence[int],
    costs: list[dict[str, float]],
    reasons: list[dict[str, str]],
) -> None:
    """Seconds a frame of each allowed layer on one element; infinite, with the reason, where it cannot run."""
    able = [i for i in allowed if element.supports(works[i].layer.kind)]
    for i in set(allowed) - set(able):
        costs[i][element.name] = _NEVER
        reasons[i][element.name] = f"'{element.name}' does not run layers of kind '{works[i].layer.kind}'"
    drafts = [_draft(element, wanted[i]) for i in able]
    extra = element.arrange([works[i] for i in able], drafts)
    bandwidth = memory_bandwidth(platform, element)
    for i, draft, options in zip(able, drafts, extra, strict=True):
        assignment = dataclasses.replace(draft, options={**options, **draft.options})
        try:
            stages = stages_of(element, works[i], assignment)
        except PlatformError as error:
            costs[i][element.name] = _NEVER
            reasons[i][element.name] = str(error)
            continue
        costs[i][element.name] = stage_seconds(element, stages, bandwidth)
    if element.streaming:
        _share_pipeline([costs[i] for i in able], element.name)


def _share_pipeline(costs: Sequence[dict[str, float]], name: str) -> None:
    """A pipeline takes the time of its slowest stage, not the sum: each of its layers bears an equal part."""
    times = [cost[name] for cost in costs if cost[name] < _NEVER]
    for cost in costs:
        if cost[name] < _NEVER:
            cost[name] = max(times) / len(times)


def _in_a_pipeline(
    platform: Platform, works: Sequence[LayerWork], costs: Sequence[Mapping[str, float]]
) -> list[str] | None:
    """Consecutive layers an element, balanced for throughput; None where the rules leave no such cut."""

    def copy_seconds(i: int, before: str, after: str) -> float:
        return _switch_seconds(platform, before, after, works[i])

    return balance(list(platform.processing_elements), costs, copy_seconds)


def _cheapest(
    platform: Platform,
    works: Sequence[LayerWork],
    costs: Sequence[Mapping[str, float]],
    reasons: Sequence[Mapping[str, str]],
) -> list[str]:
    """Dynamic programming over the layers in order; ties go to the element named first in the platform file."""
    names = list(platform.processing_elements)
    best: list[dict[str, tuple[float, str | None]]] = []
    for i, work in enumerate(works):
        row: dict[str, tuple[float, str | None]] = {}
        for name in names:
            own = costs[i].get(name, _NEVER)
            if own == _NEVER:
                continue
            if i == 0:
                row[name] = (own, None)
                continue
            options = [
                (total + own + _switch_seconds(platform, before, name, work), before)
                for before, (total, _) in best[-1].items()
            ]
            row[name] = min(options, key=lambda option: (option[0], names.index(option[1])))
        if not row:
            why = "; ".join(reasons[i].values()) or "no rule leaves it an element"
            raise MappingError(f"layer '{work.group.name}' can run nowhere on platform '{platform.name}': {why}")
        best.append(row)
    if not best:
        return []
    last = min(best[-1], key=lambda name: (best[-1][name][0], names.index(name)))
    chosen = [last]
    for row in reversed(best[1:]):
        chosen.append(row[chosen[-1]][1] or chosen[-1])
    return chosen[::-1]


def _switch_seconds(platform: Platform, before: str, after: str, work: LayerWork) -> float:
    """What it costs that a layer reads the output of another element; elements of a common memory pay nothing."""
    if before == after or platform.common_memories(before, after):
        return 0.0
    dma = dma_between(platform, before, after)
    if dma is None:
        return _NEVER
    bandwidth = dma.bandwidth or Fraction(10**9)
    return float(dma.setup) + work.layer.input_bytes / float(bandwidth)


def _finish(
    platform: Platform,
    deployed: Mapping[str, Sequence[LayerWork]],
    wanted: Sequence[LayerRule],
    chosen: Sequence[str],
    rules: MappingRules,
) -> LayerMapping:
    """Arranges each element once more with just the layers that came to it."""
    assignments: dict[int, Assignment] = {}
    groups: dict[int, LayerGroup] = {}
    for name, element in platform.processing_elements.items():
        own = [i for i, where in enumerate(chosen) if where == name]
        drafts = [_draft(element, wanted[i]) for i in own]
        extra = element.arrange([deployed[name][i] for i in own], drafts)
        for i, draft, options in zip(own, drafts, extra, strict=True):
            assignments[i] = dataclasses.replace(draft, options={**options, **draft.options})
            groups[i] = deployed[name][i].group
            _check_granularity(element, assignments[i], groups[i].name, groups[i].main.kind)
    return LayerMapping(
        groups={groups[i].name: groups[i] for i in range(len(chosen))},
        assignments={groups[i].name: assignments[i] for i in range(len(chosen))},
        rules=rules,
    )


def _check_granularity(element: Element, assignment: Assignment, layer: str, kind: str) -> None:
    if assignment.granularity not in element.granularities:
        raise MappingError(
            f"layer '{layer}' on '{element.name}': granularity is '{assignment.granularity}'"
            f"{did_you_mean(assignment.granularity, element.granularities)}"
        )
    if assignment.batch > 1 and kind == "recurrent":
        raise MappingError(
            f"layer '{layer}' on '{element.name}' is recurrent: frame n + 1 needs the state that frame n leaves,"
            f" so frames can neither be batched ({assignment.batch}) nor overlap; write batch: 1"
        )
    if assignment.batch > 1 and assignment.granularity != "frame":
        raise MappingError(
            f"layer '{layer}' on '{element.name}': a batch of {assignment.batch} runs whole frames;"
            f" write granularity: frame, or batch: 1"
        )


def _check_names(platform: Platform, rules: MappingRules, works: Sequence[LayerWork]) -> None:
    """All wrong names of the rules at once."""
    faults = []
    elements = platform.processing_elements
    named = [("element", rules.element)] + [(f"layers '{rule.match}'", rule.element) for rule in rules.layers]
    for where, element in named:
        if element is not None and element not in elements:
            faults.append(f"{where}: no element '{element}'{did_you_mean(element, elements)}")
    for rule in rules.layers:
        if not any(rule.covers(work.group) for work in works):
            names = [work.group.name for work in works]
            faults.append(f"layers '{rule.match}': no layer matches{did_you_mean(rule.match, names)}")
    if faults:
        raise MappingError("the mapping does not fit: " + "; ".join(faults))
