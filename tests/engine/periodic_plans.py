"""Random plans that repeat: consistent dataflow graphs over many iterations, with all that may be fast-forwarded."""

from __future__ import annotations

from fractions import Fraction
from math import gcd

import numpy as np
from hypothesis import strategies as st

from simulator.plan import Actor, Channel, Discipline, Flow, Input, Output, Plan, Resource, Series, Server


@st.composite
def periodic_plans(draw: st.DrawFn, *, iterations: int = 60, lossy: bool = False) -> Plan:
    """A graph whose actors fire ``q`` times an iteration; times repeat, resources and servers are shared.

    ``lossy``: some actors drop frames, most often the first; an iteration is up to three frames.
    """
    number = draw(st.integers(1, 5))
    q = [draw(st.integers(1, 4)) for _ in range(number)]
    discipline = draw(st.sampled_from(tuple(Discipline)))
    inputs: list[list[Input]] = [[] for _ in q]
    outputs: list[list[Output]] = [[] for _ in q]
    channels: list[Channel] = []

    def connect(writer: int, reader: int, initial: int) -> None:
        put, take = q[reader] // gcd(q[writer], q[reader]), q[writer] // gcd(q[writer], q[reader])
        least = put + take - gcd(put, take) + initial
        roomy = put + take
        capacity = draw(st.sampled_from((None, least, least + take, 2 * roomy + initial, 4 * roomy + initial)))
        rule = draw(st.sampled_from((None, None, *Discipline)))
        outputs[writer].append(Output(len(channels), Series.constant(put, q[writer] * iterations)))
        count = Series.counting(q[reader] * iterations, take)
        inputs[reader].append(Input(len(channels), count, count))
        channels.append(Channel(f"channel{len(channels)}", capacity, initial, 4.0, None, rule))

    for reader in range(1, number):
        for writer in draw(st.lists(st.integers(0, reader - 1), min_size=1, max_size=2)):
            connect(writer, reader, draw(st.integers(0, 2)))
    if draw(st.booleans()):
        last, first = number - 1, draw(st.integers(0, number - 1))
        connect(last, first, draw(st.integers(1, 2)) * q[first] * q[last])
    resources = tuple(Resource(f"resource{i}", draw(st.integers(1, 3))) for i in range(draw(st.integers(0, 2))))
    servers = tuple(
        Server(f"server{i}", *draw(st.sampled_from((((0,), (3,)), ((0, 50), (2, 7)), ((0,), (11,))))))
        for i in range(draw(st.integers(0, 2)))
    )
    drops = [lossy and draw(st.integers(0, 3)) == 0 for _ in q]
    drops[0] = drops[0] or (lossy and not any(drops))
    pace, frames = (draw(st.integers(3, 40)), draw(st.integers(1, 3))) if lossy else (1, 1)
    actors = []
    for index, times in enumerate(q):
        n = times * iterations
        resource = draw(st.sampled_from((None, *range(len(resources)))))
        spacing = 0 if lossy else draw(st.sampled_from((0, 0, 5, 40)))
        release = Series.periodic(np.arange(times) * spacing, n, times * spacing)
        if drops[index]:
            release = Series.periodic(np.arange(times) * pace // times, n, pace)
        pattern = draw(st.lists(st.integers(1, 9), min_size=times, max_size=times))
        latency = draw(st.sampled_from((0, 0, 3, 17)))
        flows = []
        for server in range(len(servers)):
            if draw(st.booleans()):
                cap = draw(st.sampled_from((None, 1, 2, 5)))
                flows.append(Flow(server, Series.constant(draw(st.integers(0, 30)), n), cap))
        begin = np.arange(times) * frames // times
        end = np.maximum(begin, -(-np.arange(1, times + 1) * frames // times) - 1)
        actors.append(
            Actor(
                f"actor{index}", resource, release, Series.periodic(pattern, n), Series.constant(latency, n),
                Series.periodic(begin, n, frames), Series.periodic(end, n, frames),
                tuple(inputs[index]), tuple(outputs[index]), tuple(flows),
                slots=draw(st.integers(1, resources[resource].slots)) if resource is not None else 1,
                priority=draw(st.integers(0, 2)), concurrency=draw(st.sampled_from((1, 1, 1, 2, 3, 100))),
                drop=drops[index],
            )
        )  # fmt: skip
    return Plan(Fraction(1, 1000), tuple(actors), tuple(channels), resources, servers, discipline)
