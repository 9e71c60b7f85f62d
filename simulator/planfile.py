"""A Plan as named arrays and back, so that a saved run can be replayed and checked anywhere without running code from
the file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from simulator.plan import Actor, Channel, Discipline, Flow, Input, Output, Plan, Resource, Series, Server

Arrays = dict[str, npt.NDArray[Any]]

_PLAIN = ("name", "resource", "slots", "priority", "concurrency", "drop")
_SERIES = ("release", "compute", "latency", "first_frame", "last_frame")


def plan_to_arrays(plan: Plan) -> Arrays:
    """The plan as one JSON text (key ``plan``) and the patterns of its series (keys ``series_<number>``), each stored
    once.
    """
    arrays: Arrays = {}
    known: dict[bytes, int] = {}

    def stored(series: Series) -> list[int]:
        key = series.pattern.tobytes()
        number = known.setdefault(key, len(known))
        arrays[f"series_{number}"] = series.pattern
        return [number, series.step, series.length]

    text = {
        "tick": str(plan.tick),
        "discipline": plan.discipline.value,
        "labels": dict(plan.labels),
        "resources": [[r.name, r.slots] for r in plan.resources],
        "servers": [[s.name, list(s.times), list(s.rates)] for s in plan.servers],
        "channels": [
            [c.name, c.capacity, c.initial, c.token_bytes, c.memory, c.discipline and c.discipline.value, c.signal]
            for c in plan.channels
        ],
        "actors": [
            {
                "name": a.name,
                "resource": a.resource,
                **{name: stored(getattr(a, name)) for name in _SERIES},
                "inputs": [[p.channel, stored(p.need), stored(p.free)] for p in a.inputs],
                "outputs": [[o.channel, stored(o.put)] for o in a.outputs],
                "flows": [[f.server, stored(f.work), f.cap] for f in a.flows],
                "slots": a.slots,
                "priority": a.priority,
                "concurrency": a.concurrency,
                "drop": a.drop,
            }
            for a in plan.actors
        ],
    }
    return {"plan": np.array(json.dumps(text)), **arrays}


def plan_from_arrays(arrays: Mapping[str, npt.NDArray[Any]]) -> Plan:
    """The plan that :func:`plan_to_arrays` stored; other arrays among them are left alone."""
    text = json.loads(str(arrays["plan"]))

    def series(stored: list[int]) -> Series:
        return Series(arrays[f"series_{stored[0]}"], stored[1], stored[2])

    def plain_and_series(actor: Mapping[str, Any]) -> dict[str, Any]:
        return {key: actor[key] for key in _PLAIN} | {key: series(actor[key]) for key in _SERIES}

    actors = tuple(
        Actor(
            **plain_and_series(a),
            inputs=tuple(Input(c, series(need), series(free)) for c, need, free in a["inputs"]),
            outputs=tuple(Output(c, series(put)) for c, put in a["outputs"]),
            flows=tuple(Flow(server, series(work), cap) for server, work, cap in a["flows"]),
        )
        for a in text["actors"]
    )
    return Plan(
        tick=Fraction(text["tick"]),
        actors=actors,
        channels=tuple(
            Channel(name, capacity, initial, size, memory, Discipline(rule) if rule else None, *signal)
            for name, capacity, initial, size, memory, rule, *signal in text["channels"]
        ),
        resources=tuple(Resource(name, slots) for name, slots in text["resources"]),
        servers=tuple(Server(name, tuple(times), tuple(rates)) for name, times, rates in text["servers"]),
        discipline=Discipline(text["discipline"]),
        labels=text["labels"],
    )


__all__ = ["plan_from_arrays", "plan_to_arrays"]
